//! When a run need not go on.

use crate::config::Training;
use crate::metric::{self, Direction};

/// Whether a run of these settings ends after epochs with these values of the column that judges them: the last so many brought nothing, none
/// better by more than `min_delta` than the best before them. A NaN is never better.
pub fn is_over(training: &Training, values: &[f64]) -> bool {
    let direction = metric::describe(&training.best).map_or(Direction::Lower, |metric| metric.direction);
    let rule = &training.early_stopping;
    rule.patience > 0 && waited(rule.min_delta, direction, values) >= rule.patience
}

/// Epochs since the last gain.
fn waited(min_delta: f64, direction: Direction, values: &[f64]) -> usize {
    let gain = |new: f64, best: f64| if direction == Direction::Higher { new - best } else { best - new };
    let (mut best, mut waited) = (f64::NAN, 0);
    for value in values {
        // The first that is a number is the best so far.
        if gain(*value, best) > min_delta || (best.is_nan() && !value.is_nan()) {
            (best, waited) = (*value, 0);
        } else {
            waited += 1;
        }
    }
    waited
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EarlyStopping;

    #[test]
    fn epochs_without_a_gain_are_counted() {
        let over = |patience: usize, min_delta: f64, direction: Direction, values: &[f64]| {
            let best = if direction == Direction::Higher { "val_dice" } else { "val_loss" };
            let early_stopping = EarlyStopping { patience, min_delta };
            is_over(&Training { early_stopping, best: best.into(), ..Training::default() }, values)
        };
        let falling = [0.9, 0.5, 0.49, 0.52, 0.48];
        assert!(!over(2, 0.0, Direction::Lower, &falling));
        assert!(over(2, 0.05, Direction::Lower, &falling), "gains of 0.01 and 0.02 do not count");
        assert!(!over(4, 0.05, Direction::Lower, &falling), "three epochs are fewer than four");
        assert!(over(2, 0.0, Direction::Higher, &[0.5, 0.4, 0.3]) && !over(2, 0.0, Direction::Higher, &[0.5, 0.4, 0.6]));
        assert!(over(3, 0.0, Direction::Lower, &[f64::NAN; 3]) && !over(3, 0.0, Direction::Lower, &[f64::NAN, f64::NAN, 0.5]));
        assert!(!over(0, 0.0, Direction::Lower, &[0.5; 99]), "0 never stops");
    }
}
