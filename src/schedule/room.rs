//! Which runs a GPU has room for, by what runs of their kind have reported of their memory.
//!
//! A [`Room`] knows who is on one GPU and what each kind of run takes there. It reads no memory itself and starts nothing.

use crate::plan::RunSpec;
use std::collections::HashMap;

/// Bytes of a run beside what it reports: the driver's context with the libraries that it loads. A guess on the large side.
const CONTEXT: u64 = 600_000_000;

/// What decides how much memory a run takes: a number for all runs that agree in it, and the parts of a batch.
pub(super) type Kind = (usize, usize);

/// Numbers for runs, equal for those that take equally much memory with whole batches.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<String, usize>);

impl Kinds {
    /// The number of a run.
    pub fn number(&mut self, run: &RunSpec) -> usize {
        let next = self.0.len();
        *self.0.entry(memory(run)).or_insert(next)
    }
}

/// All that a run's memory depends on, as text. The data set is part of it: its samples lie on the GPU.
fn memory(run: &RunSpec) -> String {
    let e = &run.experiment;
    let (training, optimizer) = (&e.training, std::mem::discriminant(&e.optimizer));
    let numbers = (training.batch_size, training.accumulate > 1, training.precision, training.deterministic);
    // EMA weights, and what samples are there beside their images and masks.
    let beside = (training.ema_decay > 0.0, e.loss.boundary.weight > 0.0, e.augment.resamples(), &e.patches);
    format!("{:?}", (&e.model, &e.dataset, &e.preprocess, optimizer, numbers, beside))
}

/// A GPU and the runs on it.
#[derive(Debug)]
pub(super) struct Room {
    /// Whether runs start by free memory; else as many as there are slots.
    measured: bool,
    /// By slot.
    guests: HashMap<usize, Guest>,
    /// Bytes that a run of a kind takes, as the first one reported.
    known: HashMap<Kind, u64>,
}

#[derive(Debug)]
struct Guest {
    kind: Kind,
    /// Whether it has reported its memory: what is free is without that now.
    reported: bool,
    /// Whether nobody may come beside it.
    alone: bool,
    /// Whether there was anybody beside it at any time.
    company: bool,
}

impl Room {
    pub fn new(measured: bool) -> Self {
        Self { measured, guests: HashMap::new(), known: HashMap::new() }
    }

    /// Whether a run of this kind may start now; `free` reads the bytes that nobody uses. On an empty GPU one always may. Beside
    /// others it may if what it takes fits beside all that those started before it may still take. While the first run of a kind has
    /// not reported, nobody knows what it takes and nothing starts; when there is no such run, one of an unknown kind is taken to be as
    /// large as the largest known.
    pub fn admits(&self, kind: Kind, alone: bool, free: &dyn Fn() -> Option<u64>) -> bool {
        if self.guests.is_empty() {
            return true;
        }
        if alone || self.guests.values().any(|guest| guest.alone) {
            return false;
        }
        if !self.measured {
            return true;
        }
        let awaited = self.guests.values().filter(|guest| !guest.reported).map(|guest| self.known.get(&guest.kind));
        let Some(awaited) = awaited.map(|bytes| bytes.map(|&bytes| at_most(bytes))).sum::<Option<u64>>() else { return false };
        let Some(&own) = self.known.get(&kind).or_else(|| self.known.values().max()) else { return false };
        free().is_some_and(|free| awaited.saturating_add(at_most(own)) <= free)
    }

    /// A run starts in this slot.
    pub fn enter(&mut self, slot: usize, kind: Kind, alone: bool) {
        let company = !self.guests.is_empty();
        self.guests.values_mut().for_each(|guest| guest.company = true);
        self.guests.insert(slot, Guest { kind, reported: false, alone, company });
    }

    /// The run in this slot reports the bytes that it takes.
    pub fn reported(&mut self, slot: usize, bytes: u64) {
        let Some(guest) = self.guests.get_mut(&slot) else { return };
        guest.reported = true;
        let known = self.known.entry(guest.kind).or_default();
        *known = bytes.max(*known);
    }

    /// The run in this slot is over. Returns whether it had to share the GPU.
    pub fn leave(&mut self, slot: usize) -> bool {
        self.guests.remove(&slot).is_some_and(|guest| guest.company)
    }
}

/// What a run may take that reports so many bytes.
fn at_most(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10).saturating_add(CONTEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;
    const SMALL: Kind = (0, 1);
    const OTHER: Kind = (1, 1);

    fn admits(room: &Room, kind: Kind, free: u64) -> bool {
        room.admits(kind, false, &|| Some(free))
    }

    /// One run of the small kind on it that has reported 1 GB: each further one may take 1.7 GB.
    fn with_one() -> Room {
        let mut room = Room::new(true);
        room.enter(0, SMALL, false);
        room.reported(0, GB);
        room
    }

    #[test]
    fn an_empty_gpu_takes_any_run() {
        assert!(Room::new(true).admits(SMALL, false, &|| unreachable!("nothing to compare with")));
        assert!(Room::new(true).admits(SMALL, true, &|| None));
    }

    #[test]
    fn nothing_starts_beside_a_run_of_unknown_size() {
        let mut room = Room::new(true);
        room.enter(0, SMALL, false);
        assert!(!admits(&room, SMALL, u64::MAX) && !admits(&room, OTHER, u64::MAX));
        room.reported(0, GB);
        assert!(admits(&room, SMALL, u64::MAX) && admits(&room, OTHER, u64::MAX));
    }

    #[test]
    fn what_started_but_has_not_reported_is_counted_in_full() {
        let mut room = with_one();
        assert!(admits(&room, SMALL, 1_700_000_000));
        assert!(!admits(&room, SMALL, 1_699_999_999));
        room.enter(1, SMALL, false);
        assert!(!admits(&room, SMALL, 3_399_999_999));
        assert!(admits(&room, SMALL, 3_400_000_000));
        room.reported(1, GB);
        assert!(admits(&room, SMALL, 1_700_000_000));
        room.enter(2, SMALL, false);
        room.leave(2);
        assert!(admits(&room, SMALL, 1_700_000_000));
    }

    #[test]
    fn a_new_kind_is_taken_to_be_as_large_as_the_largest() {
        let mut room = with_one();
        assert!(!admits(&room, OTHER, 1_699_999_999));
        assert!(admits(&room, OTHER, 1_700_000_000));
        room.enter(1, OTHER, false);
        room.reported(1, 4 * GB);
        assert!(!admits(&room, (0, 2), 4_999_999_999) && admits(&room, (0, 2), 5_000_000_000));
        assert!(admits(&room, SMALL, 1_700_000_000));
    }

    #[test]
    fn without_a_reading_runs_go_one_by_one() {
        assert!(!with_one().admits(SMALL, false, &|| None));
    }

    #[test]
    fn who_has_to_be_alone_is() {
        let mut room = Room::new(false);
        room.enter(0, SMALL, false);
        assert!(admits(&room, SMALL, 0), "a number of runs was asked for");
        assert!(!room.admits(SMALL, true, &|| Some(u64::MAX)));
        assert!(!room.leave(0));
        room.enter(0, SMALL, true);
        assert!(!admits(&room, SMALL, u64::MAX));
    }

    #[test]
    fn company_is_remembered_by_all_who_had_it() {
        let mut room = with_one();
        room.enter(1, SMALL, false);
        assert!(room.leave(1));
        room.enter(2, OTHER, false);
        assert!(room.leave(0) && room.leave(2));
    }

    #[test]
    fn kinds_are_told_apart_by_what_decides_memory() {
        let text = "name = 'a'\n[sweep.grid]\n'training.batch_size' = [2, 4]\n'optimizer.adam.lr' = [1e-3, 1e-4]";
        let runs = crate::plan::expand(&toml::from_str(text).unwrap(), |_| Ok(String::new())).unwrap().runs;
        let mut numbers = Kinds::default();
        let kinds: Vec<usize> = runs.iter().map(|run| numbers.number(run)).collect();
        for (a, one) in runs.iter().zip(&kinds) {
            for (b, other) in runs.iter().zip(&kinds) {
                let same = a.experiment.training.batch_size == b.experiment.training.batch_size;
                assert_eq!(one == other, same, "{} {}", a.id, b.id);
            }
        }
    }
}
