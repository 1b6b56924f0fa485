//! Successive halving: trials begin with few epochs, and the better ones go on to more (promotion as in ASHA, Li et al. 2020).

use super::score::{Score, ranked};

/// Optimizer steps before trials are compared, where no rung is asked for: after fewer, most nets have learnt nothing yet.
pub const FEWEST_STEPS: usize = 100;

/// The epochs after which trials are compared, ascending; the last is that of a whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rungs {
    epochs: Vec<usize>,
    eta: usize,
}

impl Rungs {
    /// One rung: every trial is trained for all epochs.
    pub fn whole(epochs: usize) -> Self {
        Self { epochs: vec![epochs], eta: 2 }
    }

    /// Rungs at `lowest`·`eta`^k epochs while below three quarters of all, then at all. `eta` below 2 counts as 2, `lowest`
    /// below 1 as 1.
    pub fn new(epochs: usize, eta: usize, lowest: usize) -> Self {
        let eta = eta.max(2);
        let below = |rung: &usize| (*rung as u128) * 4 < (epochs as u128) * 3;
        let mut rungs: Vec<usize> =
            std::iter::successors(Some(lowest.max(1)), |rung| rung.checked_mul(eta)).take_while(below).collect();
        rungs.push(epochs);
        Self { epochs: rungs, eta }
    }

    /// The lowest rung of runs of so many epochs with so many steps each, where none is asked for: a 27th, at least 2 and at least [`FEWEST_STEPS`].
    pub fn default_lowest(epochs: usize, steps: usize) -> usize {
        epochs.div_ceil(27).max(2).max(FEWEST_STEPS.div_ceil(steps.max(1)))
    }

    /// The epochs of each rung, counted from the beginning of training.
    pub fn epochs(&self) -> &[usize] {
        &self.epochs
    }

    /// How many trials of a rung, out of which one goes on.
    pub fn eta(&self) -> usize {
        self.eta
    }
}

/// What a run is worth at the end of a rung: the mean of its last validations, a third of them, but from 1 to 3. `None` of no
/// validation.
pub fn rung_score(validations: &[f64]) -> Option<Score> {
    let count = (validations.len() / 3).clamp(1, 3);
    let last = &validations[validations.len().checked_sub(count)?..];
    Some(Score::of(last.iter().fold(0.0, |sum, value| sum + value) / count as f64))
}

/// The trial to go on with and the rung that it shall reach: of the highest rung that has one, the best trial among its first
/// ⌊n/eta⌋ without a job to the next rung. `seen` has the visible results of each rung, `begun` says whether a trial has a job.
pub(super) fn promotion(
    eta: usize,
    seen: &[Vec<(usize, Score)>],
    begun: impl Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    next(seen, |results| results.len() / eta, begun)
}

/// The same where no trial can begin any more: the best trial without a job to the next rung, however few there are.
pub(super) fn continuation(seen: &[Vec<(usize, Score)>], begun: impl Fn(usize, usize) -> bool) -> Option<(usize, usize)> {
    next(seen, <[_]>::len, begun)
}

fn next(
    seen: &[Vec<(usize, Score)>],
    quota: impl Fn(&[(usize, Score)]) -> usize,
    begun: impl Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let below = &seen[..seen.len().saturating_sub(1)];
    below.iter().enumerate().rev().find_map(|(rung, results)| {
        // A diverged run cannot go on.
        let well: Vec<(usize, Score)> = results.iter().copied().filter(|(_, score)| *score != Score::Diverged).collect();
        let first = ranked(&well).into_iter().take(quota(results));
        first.map(|trial| (trial, rung + 1)).find(|(trial, rung)| !begun(*trial, *rung))
    })
}

/// The rung whose results a model of so many parameters sees: the highest with at least 3 more of them; the lowest if none has.
pub(super) fn model_rung(dimensions: usize, seen: &[Vec<(usize, Score)>]) -> usize {
    seen.iter().rposition(|results| results.len() >= dimensions + 3).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(scores: &[f64]) -> Vec<(usize, Score)> {
        scores.iter().enumerate().map(|(trial, score)| (trial, Score::of(*score))).collect()
    }

    /// By hand, from the rule: lowest · 3^k while below 0.75 of all epochs.
    #[test]
    fn rungs_end_at_all_epochs() {
        let rungs = |epochs, eta, lowest| Rungs::new(epochs, eta, lowest).epochs().to_vec();
        assert_eq!(rungs(52, 3, 3), [3, 9, 27, 52]);
        assert_eq!(rungs(50, 3, 2), [2, 6, 18, 50]);
        assert_eq!(rungs(36, 3, 9), [9, 36], "27 is three quarters of 36");
        assert_eq!(rungs(37, 3, 9), [9, 27, 37]);
        assert_eq!(rungs(10, 3, 20), [10]);
        assert_eq!(rungs(4, 0, 0), [1, 2, 4]);
        assert_eq!([1, 54, 55, 100].map(|epochs| Rungs::default_lowest(epochs, 50)), [2, 2, 3, 4]);
        assert_eq!([0, 9, 33, 34, 100].map(|steps| Rungs::default_lowest(27, steps)), [100, 12, 4, 3, 2]);
        assert_eq!(Rungs::whole(7).epochs(), [7]);
    }

    #[test]
    fn a_rungs_score_is_a_mean_of_the_last_validations() {
        assert_eq!(rung_score(&[]), None);
        assert_eq!(rung_score(&[0.1, 0.5]), Some(Score::of(0.5)));
        assert_eq!(rung_score(&[0.0, 0.0, 0.0, 0.0, 0.25, 0.75]), Some(Score::of(0.5)));
        assert_eq!(rung_score(&[[0.0; 20].as_slice(), &[3.0, 6.0, 9.0]].concat()), Some(Score::of(6.0)));
        assert_eq!(rung_score(&[0.5, 0.5, f64::NAN]), Some(Score::Diverged));
    }

    /// By hand: of six at the lowest rung the first two are 1 and 3 (equal to 5, but earlier).
    #[test]
    fn the_best_third_goes_on_from_the_highest_rung_first() {
        let lowest = rung(&[0.1, 0.9, 0.2, 0.5, 0.0, 0.5]);
        let begun = |done: &'static [(usize, usize)]| move |trial, rung| done.contains(&(trial, rung));
        let seen = vec![lowest.clone(), vec![], vec![]];
        assert_eq!(promotion(3, &seen, begun(&[])), Some((1, 1)));
        assert_eq!(promotion(3, &seen, begun(&[(1, 1)])), Some((3, 1)));
        assert_eq!(promotion(3, &seen, begun(&[(1, 1), (3, 1)])), None);
        assert_eq!(continuation(&seen, begun(&[(1, 1), (3, 1)])), Some((5, 1)));
        let seen = vec![lowest, rung(&[0.3, 0.1, 0.2]), vec![]];
        assert_eq!(promotion(3, &seen, begun(&[])), Some((0, 2)));
        assert_eq!(promotion(3, &[rung(&[1.0, 2.0, 3.0])], begun(&[])), None, "from the last rung nothing goes on");
    }

    #[test]
    fn what_diverged_counts_but_never_goes_on() {
        let seen = vec![vec![(0, Score::Diverged), (1, Score::Diverged), (2, Score::Diverged)], vec![]];
        assert_eq!((promotion(3, &seen, |_, _| false), continuation(&seen, |_, _| false)), (None, None));
        let seen = vec![vec![(0, Score::Diverged), (1, Score::of(0.1)), (2, Score::Diverged)], vec![]];
        assert_eq!(promotion(3, &seen, |_, _| false), Some((1, 1)));
    }

    #[test]
    fn a_model_sees_the_highest_rung_with_enough() {
        let seen = vec![rung(&[0.0; 9]), rung(&[0.0; 5]), rung(&[0.0; 4])];
        assert_eq!([1, 2, 3, 6, 7].map(|dimensions| model_rung(dimensions, &seen)), [2, 1, 0, 0, 0]);
    }
}
