//! The order of what waits.

use std::collections::VecDeque;

/// A run that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// Its index in the plan.
    pub run: usize,
    /// Attempts that failed for a cause that may pass.
    pub failed: usize,
    /// Parts that a batch is split into.
    pub micro_batches: usize,
    /// Whether no other run may be on its GPU: it had no memory left there beside others.
    pub alone: bool,
}

/// Runs that wait for a slot.
#[derive(Debug)]
pub(super) struct Queue(VecDeque<Job>);

impl Queue {
    /// In the order given; with several slots the longest first, so that no long one is left alone at the end (Graham's LPT rule).
    /// `sizes` are expected durations by index in the plan, in any unit.
    pub fn new(mut jobs: Vec<Job>, sizes: &[f64], slots: usize) -> Self {
        if slots > 1 {
            let size = |job: &Job| sizes.get(job.run).copied().unwrap_or(0.0);
            jobs.sort_by(|a, b| size(b).total_cmp(&size(a)));
        }
        Self(jobs.into())
    }

    /// The first that may start.
    pub fn next(&mut self, may: impl Fn(&Job) -> bool) -> Option<Job> {
        let at = self.0.iter().position(may)?;
        self.0.remove(at)
    }

    /// Puts back what is to be tried again, before all others: what is wrong with it shows early.
    pub fn again(&mut self, job: Job) {
        self.0.push_front(job);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(slots: usize) -> Vec<usize> {
        let jobs = (0..4).map(|run| Job { run, failed: 0, micro_batches: 1, alone: false }).collect();
        let mut queue = Queue::new(jobs, &[1.0, 3.0, 2.0, 3.0], slots);
        std::iter::from_fn(|| queue.next(|_| true)).map(|job| job.run).collect()
    }

    #[test]
    fn the_longest_come_first_where_runs_are_side_by_side() {
        assert_eq!(order(1), [0, 1, 2, 3]);
        assert_eq!(order(2), [1, 3, 2, 0]);
    }

    #[test]
    fn who_may_not_start_lets_others_pass() {
        let jobs = (0..3).map(|run| Job { run, failed: 0, micro_batches: 1, alone: run == 0 }).collect();
        let mut queue = Queue::new(jobs, &[], 1);
        assert_eq!(queue.next(|job| !job.alone).map(|job| job.run), Some(1));
        assert_eq!(queue.next(|_| false), None);
        assert_eq!(queue.next(|_| true).map(|job| job.run), Some(0));
    }
}
