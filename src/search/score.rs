//! How good a result is, and which is better.

use std::cmp::Ordering;

/// The result of a job, higher being better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// A measured value.
    Value(f64),
    /// Training diverged: worse than every value.
    Diverged,
}

/// Larger sizes than any measure has; squares of them are still finite.
const LARGEST: f64 = 1e100;

impl Score {
    /// Of a measured value; one that is not finite, or beyond ±10¹⁰⁰, has diverged.
    pub fn of(value: f64) -> Self {
        // Adding 0 makes one zero of both.
        if value.abs() <= LARGEST { Self::Value(value + 0.0) } else { Self::Diverged }
    }

    /// The value, if there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Diverged => None,
        }
    }

    /// Less if this one is better.
    pub fn better_first(self, other: Self) -> Ordering {
        let size = |score: Self| score.value().unwrap_or(f64::NEG_INFINITY);
        size(other).total_cmp(&size(self))
    }
}

/// Trials with their scores, the best first, the lower index among equals.
pub fn ranked(scores: &[(usize, Score)]) -> Vec<usize> {
    let mut order = scores.to_vec();
    order.sort_by(|a, b| a.1.better_first(b.1).then(a.0.cmp(&b.0)));
    order.into_iter().map(|(trial, _)| trial).collect()
}

/// Scores as numbers for a model: what diverged has the worst value there is, 0 where there is none.
pub(super) fn numbers(scores: &[(usize, Score)]) -> Vec<f64> {
    let worst = scores.iter().filter_map(|(_, score)| score.value()).fold(f64::INFINITY, f64::min);
    let worst = if worst.is_finite() { worst } else { 0.0 };
    scores.iter().map(|(_, score)| score.value().unwrap_or(worst)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_has_diverged() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101] {
            assert_eq!(Score::of(value), Score::Diverged, "{value}");
        }
        assert_eq!(Score::of(-3.5), Score::Value(-3.5));
    }

    #[test]
    fn equals_rank_by_index_and_diverged_ones_last() {
        let scores = [(4, Score::Diverged), (3, Score::of(0.0)), (1, Score::of(-0.0)), (2, Score::of(0.5)), (0, Score::Diverged)];
        assert_eq!(ranked(&scores), [2, 1, 3, 0, 4]);
    }

    #[test]
    fn a_model_sees_the_worst_value_where_training_diverged() {
        let scores = [(0, Score::of(0.4)), (1, Score::Diverged), (2, Score::of(-0.2))];
        assert_eq!(numbers(&scores), [0.4, -0.2, -0.2]);
        assert_eq!(numbers(&[(0, Score::Diverged)]), [0.0]);
    }
}
