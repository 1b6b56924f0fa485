//! When a loss that is a number is as bad as one that is none.
//!
//! A learning rate that is far too high does not always end in NaN: logits of 10¹⁶ are numbers, and so is their loss. Whatever is
//! minimised, the BCE is recorded, and a network that says 0.5 of every pixel has ln 2 of it, on any data. Two rules look at it when the
//! epochs are over, so that a run which goes wild and comes back has not diverged.

use crate::record::EpochRecord;
use std::f64::consts::LN_2;

/// The training BCE of the last epoch has diverged at so many times that of a network which knows nothing: wrong pixels then have logits of
/// some 10⁴, a thousand times what rounds to certainty in f32 (17). Training mode normalises by the batch itself, so running
/// statistics that lag behind have no part in this.
const TRAINING_BOUND: f64 = 1e4 * LN_2;

/// The validation BCE of the best epoch has diverged at 2²⁴: from there on logits in f32 are further apart than 1, so that there is no
/// probability between 0 and 1 left. It is as high as that because running statistics of a few steps can lag far behind the weights.
const VALIDATION_BOUND: f64 = 16_777_216.0;

/// What has diverged, in words: the last epoch by its training, or the best by its validation.
pub fn diverged(last: Option<&EpochRecord>, best: Option<(usize, f64)>) -> Option<String> {
    let told = |which: &str, value: f64, epoch: usize| {
        format!(
            "the {which} BCE is {value:.3e} in epoch {epoch}, {:.0e} times that of a network which says 0.5 of every pixel",
            value / LN_2
        )
    };
    let trained = last.and_then(|row| Some((row.epoch, row.get("train_bce")?))).filter(|(_, bce)| *bce >= TRAINING_BOUND);
    let validated = best.filter(|(_, bce)| *bce >= VALIDATION_BOUND);
    let validated = || validated.map(|(epoch, bce)| told("validation", bce, epoch));
    trained.map(|(epoch, bce)| told("training", bce, epoch)).or_else(validated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_epoch_and_the_best_one_are_judged() {
        let row = |bce: f64| EpochRecord { epoch: 7, values: vec![("train_bce".into(), bce)] };
        assert_eq!(diverged(Some(&row(6.9e3)), Some((2, 1.6e7))), None);
        assert_eq!(diverged(None, None), None);
        let training = "the training BCE is 2.000e16 in epoch 7, 3e16 times that of a network which says 0.5 of every pixel";
        assert_eq!(diverged(Some(&row(2e16)), Some((2, 0.1))).as_deref(), Some(training));
        let validation = diverged(Some(&row(0.5)), Some((2, 1e8))).unwrap();
        assert!(validation.starts_with("the validation BCE is 1.000e8 in epoch 2, "), "{validation}");
    }
}
