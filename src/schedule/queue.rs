//! The order of what waits.

use std::collections::VecDeque;

/// A run that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// Its index in the plan.
    pub run: usize,
    /// Attempts that failed for a cause that may pass.
    pub failed: usize,
    /// Micro-batches that a batch is split into.
    pub micro_batches: usize,
    /// Whether no other run may be on its GPU: it had no memory left there beside others.
    pub alone: bool,
}

/// Runs that wait for a slot.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Job>);

impl Queue {
    /// Adds jobs with their expected durations, in any unit, behind all others. They stay in their order; with several slots the longest come
    /// first, so that no long one is left alone at the end (Graham's LPT rule).
    pub fn add(&mut self, mut jobs: Vec<(Job, f64)>, slots: usize) {
        if slots > 1 {
            jobs.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        }
        self.0.extend(jobs.into_iter().map(|(job, _)| job));
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

    fn job(run: usize) -> Job {
        Job { run, failed: 0, micro_batches: 1, alone: run == 9 }
    }

    fn order(slots: usize) -> Vec<usize> {
        let mut queue = Queue::default();
        queue.add((0..4).map(job).zip([1.0, 3.0, 2.0, 3.0]).collect(), slots);
        queue.add((4..6).map(job).zip([5.0, 6.0]).collect(), slots);
        std::iter::from_fn(|| queue.next(|_| true)).map(|job| job.run).collect()
    }

    #[test]
    fn the_longest_come_first_where_runs_are_side_by_side() {
        assert_eq!(order(1), [0, 1, 2, 3, 4, 5]);
        assert_eq!(order(2), [1, 3, 2, 0, 5, 4]);
    }

    #[test]
    fn who_may_not_start_lets_others_pass() {
        let mut queue = Queue::default();
        queue.add([9, 1, 2].into_iter().map(job).map(|job| (job, 0.0)).collect(), 1);
        assert_eq!(queue.next(|job| !job.alone).map(|job| job.run), Some(1));
        assert_eq!(queue.next(|_| false), None);
        assert_eq!(queue.next(|_| true).map(|job| job.run), Some(9));
    }
}
