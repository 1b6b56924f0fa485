//! How long will runs take? By what recorded runs took on the same machine, scaled by operations; else by a short probe; else unknown.
//!
//! An [`Estimate`] knows the [`Load`] of each run and what an epoch of it takes. The work of an epoch is counted in floating-point operations: three
//! times a forward pass for each image that trains, once for each that validates. An epoch of another run then takes as much longer as it has more
//! of them, which holds within a factor of about two: small maps go slower per operation. The nearest record is taken for that reason. Nothing is
//! known here of queues or terminals.

mod load;
mod probe;
mod records;

pub use load::Load;

use crate::machine;
use crate::plan::RunSpec;
use crate::schedule::Slot;
use crate::store::Results;
use load::Descriptions;
use records::Record;
use std::collections::HashMap;
use std::time::Instant;

/// Where times come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// So many recorded runs of this machine.
    Records(usize),
    /// So many recorded runs, whatever machine they were on.
    RecordsOfAny(usize),
    /// A probe of so many seconds.
    Probe(f64),
    /// Nowhere: no time is known.
    Nowhere,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Records(1) => write!(f, "by 1 recorded run of this machine, scaled by FLOP"),
            Self::Records(n) => write!(f, "by {n} recorded runs of this machine, scaled by FLOP"),
            Self::RecordsOfAny(1) => write!(f, "by 1 recorded run, scaled by FLOP"),
            Self::RecordsOfAny(n) => write!(f, "by {n} recorded runs, scaled by FLOP"),
            Self::Probe(seconds) => write!(f, "by a probe of {seconds:.1} s, scaled by FLOP; a recorded run will be nearer"),
            Self::Nowhere => write!(f, "not known: nothing is recorded here yet"),
        }
    }
}

/// How long runs take on a slot.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Where times come from.
    source: Source,
    slot: Slot,
    descriptions: Descriptions,
    records: Vec<Record>,
    /// Operations of a step and operations per second, of what was probed.
    speeds: Vec<(u64, f64)>,
    /// In the order in which they became known.
    runs: Vec<Known>,
    /// Their indices by the hashes of their ids.
    indices: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Known {
    /// `None` if its data cannot be described.
    load: Option<Load>,
    /// Seconds of an epoch.
    seconds: Option<f64>,
}

impl Estimate {
    /// By the records of these results, for runs on such a slot; none is known yet.
    pub fn by_records(results: &Results, slot: &Slot) -> Self {
        Self::by_records_of(results, slot, Some(&machine::processor()))
    }

    /// The same, whatever processor the recorded runs had: the machines of a cluster are not this one.
    pub fn by_records_of_any_machine(results: &Results, slot: &Slot) -> Self {
        Self::by_records_of(results, slot, None)
    }

    fn by_records_of(results: &Results, slot: &Slot, processor: Option<&str>) -> Self {
        let mut descriptions = Descriptions::default();
        let records = records::read(results, &slot.device, processor, &mut descriptions);
        let source = match (records.len(), processor) {
            (0, _) => Source::Nowhere,
            (count, Some(_)) => Source::Records(count),
            (count, None) => Source::RecordsOfAny(count),
        };
        let (speeds, runs, indices) = Default::default();
        Self { source, slot: slot.clone(), descriptions, records, speeds, runs, indices }
    }

    /// Takes in the runs of a plan, those that are known already first and in the same order as before.
    pub fn learn(&mut self, plan: &[RunSpec]) {
        for run in plan.iter().skip(self.runs.len()) {
            self.index(run);
        }
    }

    /// By a probe where there are no records: a few steps of the smallest and of the largest network of the plan, about a second in all.
    pub fn or_probe(mut self, plan: &[RunSpec]) -> Self {
        self.learn(plan);
        if self.source != Source::Nowhere || self.slot.device != "cpu" {
            return self;
        }
        let began = Instant::now();
        let known = || plan.iter().zip(&self.runs).filter_map(|(run, known)| Some((run, known.load.as_ref()?)));
        let smallest = known().min_by_key(|(_, load)| load.step());
        let largest =
            known().max_by_key(|(_, load)| load.step()).filter(|(_, l)| smallest.is_some_and(|(_, s)| s.step() < l.step()));
        let probe =
            |(run, load): (&RunSpec, &Load)| Some((load.step(), probe::speed(&run.experiment, load.input, self.slot.threads)?));
        let speeds: Vec<(u64, f64)> = [smallest, largest].into_iter().flatten().filter_map(probe).collect();
        if !speeds.is_empty() {
            self.speeds = speeds;
            self.source = Source::Probe(began.elapsed().as_secs_f64());
            for (run, index) in plan.iter().zip(0..) {
                self.runs[index].seconds = self.runs[index].load.as_ref().and_then(|load| self.epoch(run, load));
            }
        }
        self
    }

    /// Where times come from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// What the run at this index of the plan has to calculate; `None` if its data cannot be described.
    pub fn load(&self, run: usize) -> Option<&Load> {
        self.runs.get(run)?.load.as_ref()
    }

    /// Seconds that the run at this index of the plan takes for so many epochs.
    pub fn seconds(&self, run: usize, epochs: usize) -> Option<f64> {
        Some(self.runs.get(run)?.seconds? * epochs as f64)
    }

    /// What the run at this index of the plan takes for so many epochs, in a unit common to all: seconds, or operations where these are not known;
    /// 0 where nothing is.
    pub fn size(&self, run: usize, epochs: usize) -> f64 {
        let operations = || self.load(run).map(|load| load.epoch * epochs as f64);
        (if self.timed() { self.seconds(run, epochs) } else { operations() }).unwrap_or(0.0)
    }

    /// The same of any run.
    pub fn size_of(&mut self, run: &RunSpec, epochs: usize) -> f64 {
        let index = self.index(run);
        self.size(index, epochs)
    }

    /// Whether [`size`](Self::size)s are seconds.
    pub fn timed(&self) -> bool {
        self.source != Source::Nowhere
    }

    /// The index of a run, which is known then.
    fn index(&mut self, run: &RunSpec) -> usize {
        if let Some(index) = self.indices.get(run.id.hash()) {
            return *index;
        }
        let load = self.descriptions.of(&run.experiment.dataset).map(|data| Load::of(&run.experiment, &data));
        let seconds = load.as_ref().and_then(|load| self.epoch(run, load));
        self.runs.push(Known { load, seconds });
        self.indices.insert(run.id.hash().to_owned(), self.runs.len() - 1);
        self.runs.len() - 1
    }

    /// Seconds of an epoch.
    fn epoch(&self, run: &RunSpec, load: &Load) -> Option<f64> {
        match self.source {
            Source::Records(_) | Source::RecordsOfAny(_) => {
                records::expected(&self.records, load, self.slot.threads, run.experiment.training.precision)
            }
            Source::Probe(_) => Some(load.epoch / speed(&self.speeds, load)?),
            Source::Nowhere => None,
        }
    }
}

/// Operations per second of a run, by those of the steps that are most alike.
fn speed(speeds: &[(u64, f64)], load: &Load) -> Option<f64> {
    let far = |step: u64| (step as f64 / load.step() as f64).ln().abs();
    speeds.iter().min_by(|a, b| far(a.0).total_cmp(&far(b.0))).map(|(_, speed)| *speed)
}

/// When the last of these jobs ends, each given to the slot that is free first; `busy` is what the slots still have to do. With the
/// longest jobs first, as the queue has them, this is what the schedule does.
pub fn makespan(busy: &[f64], jobs: &[f64], slots: usize) -> f64 {
    let mut free: Vec<f64> = busy.to_vec();
    free.resize(slots.max(busy.len()).max(1), 0.0);
    for job in jobs {
        let first = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a slot");
        *first += job;
    }
    free.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_share_the_jobs() {
        assert_eq!(makespan(&[], &[4.0, 3.0, 2.0, 1.0], 1), 10.0);
        assert_eq!(makespan(&[], &[4.0, 3.0, 2.0, 1.0], 2), 5.0);
        assert_eq!(makespan(&[5.0], &[1.0, 1.0], 2), 5.0);
        assert_eq!(makespan(&[], &[], 2), 0.0);
    }
}
