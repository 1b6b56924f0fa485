//! When jobs start and what they see, by predicted costs alone: a virtual clock over virtual slots. So a search's history does
//! not depend on how many jobs really run at a time, nor on how long they take.

/// The clock. Jobs are put in one by one; how many there will be does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// When each slot is free.
    free: Vec<u128>,
    /// When each job is seen from.
    seen: Vec<u128>,
}

impl Clock {
    /// Of so many virtual slots, at least one; no job has started.
    pub fn new(slots: usize) -> Self {
        Self { free: vec![0; slots.max(1)], seen: Vec::new() }
    }

    /// When the next job starts, in ticks: as soon as a slot is free.
    pub fn start(&self) -> u128 {
        self.free[self.slot()]
    }

    /// The jobs whose results the next job sees, in their order: those that have ended by then, a quarter of their predicted
    /// cost later, so that it is seldom waited for what takes longer than predicted. Whatever a job sees, all later ones see.
    pub fn sees(&self) -> Vec<usize> {
        let start = self.start();
        (0..self.seen.len()).filter(|job| self.seen[*job] <= start).collect()
    }

    /// Starts the next job, with its predicted cost in ticks.
    pub fn push(&mut self, cost: u64) {
        let slot = self.slot();
        let start = self.free[slot];
        // In u128 no sum of costs overflows.
        self.seen.push(start + u128::from(cost) + u128::from(cost / 4));
        self.free[slot] = start + u128::from(cost);
    }

    /// The slot that is free first, the lower one among equals.
    fn slot(&self) -> usize {
        (0..self.free.len()).min_by_key(|slot| self.free[*slot]).expect("there is a slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: jobs of 8, 4, 4 and 8 ticks on two slots start at 0, 0, 4, 8 and 8; a job of 4 is seen 5 after its start, one
    /// of 8 is seen 10 after it, one of 1 at its end.
    #[test]
    fn jobs_start_in_free_slots_and_see_what_has_ended() {
        let mut clock = Clock::new(2);
        let mut rows = Vec::new();
        for cost in [8, 4, 4, 8, 1] {
            rows.push((clock.start(), clock.sees()));
            clock.push(cost);
        }
        assert_eq!(rows, [(0, vec![]), (0, vec![]), (4, vec![]), (8, vec![1]), (8, vec![1])]);
        assert_eq!((clock.start(), clock.sees()), (9, vec![1, 2, 4]));
    }

    #[test]
    fn what_one_job_sees_all_later_ones_see() {
        for slots in [1, 3, 4] {
            let (mut clock, mut before) = (Clock::new(slots), Vec::new());
            for job in 0..200_u64 {
                let sees = clock.sees();
                assert!(before.iter().all(|seen| sees.contains(seen)), "job {job} on {slots} slots");
                before = sees;
                clock.push(job * 7919 % 97);
            }
        }
    }

    #[test]
    fn no_cost_is_too_large() {
        let mut clock = Clock::new(1);
        (0..10).for_each(|_| clock.push(u64::MAX));
        assert_eq!((clock.start(), clock.sees().len()), (u128::from(u64::MAX) * 10, 9));
        assert_eq!(Clock::new(0), Clock::new(1));
    }
}
