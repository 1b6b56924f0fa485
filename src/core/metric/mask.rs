//! One class of one image: counts and sums, and the scores and losses that follow from them.

use crate::ops::blocked::logistic::{cross_entropy, overlap};
use crate::ops::blocked::simd::level;
use std::borrow::Cow;

/// Sums over one image and class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mask {
    /// Pixels marked in prediction and truth.
    pub both: u64,
    /// Pixels marked in the prediction.
    pub pred: u64,
    /// Pixels marked in the truth.
    pub truth: u64,
    /// Σ of the pixels' binary cross-entropy.
    pub bce: f64,
    /// Σ p·t.
    pub overlap: f64,
    /// Σ p + t.
    pub marked: f64,
    /// Number of pixels that count.
    pub pixels: usize,
}

/// Whether a target says that its pixel does not count: it is −0, which formulas take for 0.
pub(super) fn is_ignored(target: f32) -> bool {
    target.to_bits() == (-0.0f32).to_bits()
}

/// Logits and targets of the pixels that count.
fn counting<'a>(logits: &'a [f32], targets: &'a [f32]) -> (Cow<'a, [f32]>, Cow<'a, [f32]>) {
    if !targets.iter().any(|target| is_ignored(*target)) {
        return (logits.into(), targets.into());
    }
    let (logits, targets): (Vec<f32>, Vec<f32>) =
        logits.iter().zip(targets).filter(|(_, target)| !is_ignored(**target)).map(|(x, t)| (*x, *t)).unzip();
    (logits.into(), targets.into())
}

impl Mask {
    /// Foreground is what reaches the `cut`, a logit. Terms of the losses are calculated in f32, as those of training, and summed in f64.
    pub fn of(logits: &[f32], targets: &[f32], cut: f64) -> Self {
        let (logits, targets) = counting(logits, targets);
        let mut mask = Self { pixels: logits.len(), ..Self::default() };
        for (&logit, &target) in logits.iter().zip(&*targets) {
            let (pred, truth) = (f64::from(logit) >= cut, target >= 0.5);
            mask.both += u64::from(pred && truth);
            mask.pred += u64::from(pred);
            mask.truth += u64::from(truth);
        }
        mask.bce = cross_entropy(level(), &logits, &targets);
        [mask.overlap, mask.marked] = overlap(level(), &logits, &targets);
        mask
    }

    /// `2·|P∩T| / (|P| + |T|)`, 1 if both are empty (Dice 1945).
    pub fn dice(&self) -> f64 {
        let sum = self.pred + self.truth;
        if sum == 0 { 1.0 } else { 2.0 * self.both as f64 / sum as f64 }
    }

    /// `|P∩T| / |P∪T|`, 1 if both are empty (Jaccard 1912).
    pub fn iou(&self) -> f64 {
        let union = self.pred + self.truth - self.both;
        if union == 0 { 1.0 } else { self.both as f64 / union as f64 }
    }

    /// Pixels marked in one of both alone.
    fn wrong(&self) -> u64 {
        self.pred + self.truth - 2 * self.both
    }

    /// The recall of what is not marked.
    fn specificity(&self) -> f64 {
        let [pixels, union] = [self.pixels as u64, self.pred + self.truth - self.both];
        share(pixels - union, pixels - self.truth, pixels - self.pred)
    }

    fn mean_bce(&self) -> f64 {
        self.bce / self.pixels as f64
    }

    /// NaN throughout where no pixel counts.
    pub fn scores(&self) -> MaskScores {
        if self.pixels == 0 {
            let [bce, dice_loss, dice, iou, precision, recall, specificity, accuracy] = [f64::NAN; 8];
            return MaskScores { bce, dice_loss, dice, iou, precision, recall, specificity, accuracy };
        }
        MaskScores {
            bce: self.mean_bce(),
            dice_loss: self.dice_loss(),
            dice: self.dice(),
            iou: self.iou(),
            precision: share(self.both, self.pred, self.truth),
            recall: share(self.both, self.truth, self.pred),
            specificity: self.specificity(),
            accuracy: share(self.pixels as u64 - self.wrong(), self.pixels as u64, 0),
        }
    }

    /// `1 − (2·Σp·t + 1) / (Σp + Σt + 1)` (Milletari et al. 2016, with linear sums and smoothing 1).
    fn dice_loss(&self) -> f64 {
        1.0 - (2.0 * self.overlap + 1.0) / (self.marked + 1.0)
    }
}

/// `part / whole`; of nothing 1 if there is nothing in `other` either, else 0: the rule that Dice and IoU have for empty masks.
pub(super) fn share(part: u64, whole: u64, other: u64) -> f64 {
    match (whole, other) {
        (0, 0) => 1.0,
        (0, _) => 0.0,
        _ => part as f64 / whole as f64,
    }
}

/// Losses and scores of one class of one image; the formulas are those of [`Scores`](super::Scores).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MaskScores {
    /// Binary cross-entropy, mean over pixels.
    pub bce: f64,
    /// Soft Dice loss.
    pub dice_loss: f64,
    /// Dice score.
    pub dice: f64,
    /// Intersection over union.
    pub iou: f64,
    /// Share of the prediction that is right.
    pub precision: f64,
    /// Share of the truth that is found; sensitivity.
    pub recall: f64,
    /// Share of the background that is left unmarked.
    pub specificity: f64,
    /// Share of all pixels that are right.
    pub accuracy: f64,
}

impl MaskScores {
    /// Names of the values.
    pub const NAMES: [&str; 8] = ["dice", "iou", "bce", "dice_loss", "precision", "recall", "specificity", "accuracy"];

    /// The values in the order of the names.
    pub fn values(&self) -> [f64; 8] {
        [self.dice, self.iou, self.bce, self.dice_loss, self.precision, self.recall, self.specificity, self.accuracy]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{cells, drawn};

    /// Precision, recall, specificity and accuracy of pixels drawn as `#` for marked.
    fn counted(pred: &str, truth: &str) -> [f64; 4] {
        let logits: Vec<f32> = pred.chars().map(|c| if c == '#' { 1.0 } else { -1.0 }).collect();
        let targets: Vec<f32> = truth.chars().map(|c| f32::from(c == '#')).collect();
        let scores = Mask::of(&logits, &targets, 0.0).scores();
        [scores.precision, scores.recall, scores.specificity, scores.accuracy]
    }

    /// Values of scripts/metric_oracle.py, NumPy.
    #[test]
    fn shares_are_numpys() {
        for ((pred, truth), expected) in [
            (drawn(), [0.84, 0.561_497_326_203_208_6, 0.962_476_547_842_401_6, 0.858_333_333_333_333_3]),
            (cells(), [0.988_614_800_759_013_3, 0.918_871_252_204_585_5, 0.960_784_313_725_490_2, 0.927_777_777_777_777_8]),
        ] {
            let text = |mask: Vec<bool>| mask.iter().map(|marked| if *marked { '#' } else { '.' }).collect::<String>();
            let values = counted(&text(pred), &text(truth));
            assert!(values.iter().zip(expected).all(|(value, expected)| (value - expected).abs() < 1e-15), "{values:?}");
        }
    }

    /// By hand: in the second, 2 of 3 marked are right, 2 of 4 are found, 5 of 6 are left alone, 7 of 10 are right.
    #[test]
    fn shares_by_hand() {
        assert_eq!(counted("##.#......", "####......"), [1.0, 0.75, 1.0, 0.9]);
        assert_eq!(counted("##..#.....", "####......"), [2.0 / 3.0, 0.5, 5.0 / 6.0, 0.7]);
    }

    #[test]
    fn of_nothing_all_is_right_or_none() {
        assert_eq!(counted("....", "...."), [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(counted("#...", "...."), [0.0, 0.0, 0.75, 0.75]);
        assert_eq!(counted("....", "#..."), [0.0, 0.0, 1.0, 0.75]);
        assert_eq!(counted("####", "####"), [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(counted("###.", "####"), [1.0, 0.75, 0.0, 0.75]);
    }
}
