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

/// What has diverged, in words, by the last epoch's row.
///
/// Validation has no part in this. Its running statistics lag behind weights that move fast, so that its BCE may be 10¹² after the first
/// epoch of a deep network at a high rate that then learns well.
pub fn diverged(last: &EpochRecord) -> Option<String> {
    let bce = last.get("train_bce").filter(|bce| *bce >= BOUND)?;
    Some(format!(
        "the training BCE is {bce:.3e} in epoch {}, {:.0e} times that of a network which says 0.5 of every pixel",
        last.epoch,
        bce / LN_2
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_far_worse_than_one_that_knows_nothing_has_diverged() {
        let told =
            |bce: f64| diverged(&EpochRecord { epoch: 7, values: vec![("train_bce".into(), bce), ("val_bce".into(), 1e12)] });
        assert_eq!(told(6.9e3), None);
        let expected = "the training BCE is 2.000e16 in epoch 7, 3e16 times that of a network which says 0.5 of every pixel";
        assert_eq!(told(2e16).as_deref(), Some(expected));
    }
}
