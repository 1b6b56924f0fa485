//! When a loss that is a number is as bad as one that is none.
//!
//! A learning rate that is far too high does not always end in NaN: logits of 10¹⁶ are numbers, and so is their loss. Whatever is
//! minimised, the BCE is recorded, and a network that says 0.5 of every pixel has ln 2 of it, on any data. It is looked at when the epochs
//! are over, so that a run which goes wild and comes back has not diverged.

use crate::record::EpochRecord;
use std::f64::consts::LN_2;

/// The training BCE of the last epoch has diverged at so many times that of a network which knows nothing: wrong pixels then have logits of
/// some 10⁴, a thousand times what rounds to certainty in f32 (17).
const BOUND: f64 = 1e4 * LN_2;

/// What has diverged, in words, by the rows of all epochs, the last one last.
///
/// Validation counts only if it is beyond the bound in every epoch, so that no weights of the run are of use. Its running statistics lag
/// behind weights that move fast: its BCE may be 10¹² after the first epoch of a deep network at a high rate that then learns well.
pub fn diverged(rows: &[EpochRecord]) -> Option<String> {
    let beyond = |row: &EpochRecord, column| row.get(column).filter(|bce| *bce >= BOUND);
    let last = rows.last()?;
    let message = |of: &str, bce: f64, when: String| {
        format!("the {of} BCE is {bce:.3e} in {when}, {:.0e} times that of a network which says 0.5 of every pixel", bce / LN_2)
    };
    if let Some(bce) = beyond(last, "train_bce") {
        return Some(message("training", bce, format!("epoch {}", last.epoch)));
    }
    let validated: Vec<f64> = rows.iter().map(|row| beyond(row, "val_bce")).collect::<Option<_>>()?;
    let least = validated.into_iter().reduce(f64::min)?;
    Some(message("least validation", least, format!("the epochs up to {}", last.epoch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize, train: f64, val: f64) -> EpochRecord {
        EpochRecord { epoch, values: vec![("train_bce".into(), train), ("val_bce".into(), val)] }
    }

    #[test]
    fn a_network_far_worse_than_one_that_knows_nothing_has_diverged() {
        let sane = row(6, 0.4, 0.5);
        assert_eq!(diverged(&[sane.clone(), row(7, 6.9e3, 1e12)]), None);
        let expected = "the training BCE is 2.000e16 in epoch 7, 3e16 times that of a network which says 0.5 of every pixel";
        assert_eq!(diverged(&[sane, row(7, 2e16, 0.5)]).as_deref(), Some(expected));
    }

    #[test]
    fn a_run_without_an_epoch_that_validates_within_bounds_has_diverged() {
        let expected = "the least validation BCE is 5.000e9 in the epochs up to 2, 7e9 times that of a network which says 0.5 of every pixel";
        assert_eq!(diverged(&[row(1, 0.7, 2e16), row(2, 0.7, 5e9)]).as_deref(), Some(expected));
        assert_eq!(diverged(&[row(1, 0.7, 6.5e12), row(2, 0.3, 199.0)]), None, "a deep network whose running statistics lagged");
        assert_eq!(diverged(&[]), None);
    }
}
