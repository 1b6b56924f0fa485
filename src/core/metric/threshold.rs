//! Scores over the threshold from which a probability counts as foreground.

use super::absent::Absent;
use super::mask::{Mask, is_ignored, share};
use crate::config::USUAL_THRESHOLD;
use rayon::prelude::*;

/// The thresholds of every curve: 0.00, 0.02, … 1.00.
pub fn thresholds() -> Vec<f64> {
    (0..=50).map(|step| f64::from(step) / 50.0).collect()
}

/// The logit from which a probability reaches a threshold: ln(t / (1 − t)), so −∞ at 0, exactly 0 at 0.5, ∞ at 1. Logits are compared
/// and not probabilities, because those near 0.5 and 1 are rounded.
pub fn cut(threshold: f64) -> f64 {
    (threshold / (1.0 - threshold)).ln()
}

/// The word of a weights file's metadata under which thresholds lie.
pub const THRESHOLDS_METADATA: &str = "thresholds";

/// The thresholds of all classes as text for the metadata of weights.
pub fn thresholds_to_metadata(thresholds: &[f64]) -> String {
    serde_json::to_string(thresholds).expect("numbers fit JSON")
}

/// From [that](thresholds_to_metadata) text.
///
/// # Errors
/// In words, if it is another, or not a number in [0, 1] for each of so many classes.
pub fn thresholds_from_metadata(text: &str, classes: usize) -> Result<Vec<f64>, String> {
    let read: Vec<f64> = serde_json::from_str(text).map_err(|e| format!("`{THRESHOLDS_METADATA}`: {e}"))?;
    if read.len() != classes || read.iter().any(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(format!("`{THRESHOLDS_METADATA}` does not hold a number from 0 to 1 for each of {classes} classes"));
    }
    Ok(read)
}

/// What a class has at a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdPoint {
    /// A pixel is foreground if its probability is at least this, in [0, 1].
    pub threshold: f64,
    /// Mean over images of the Dice score, as in metrics.csv; NaN for a class that no image shows.
    pub dice: f64,
    /// Mean over images of the IoU, likewise.
    pub iou: f64,
    /// Precision of the pixels of all images together.
    pub precision: f64,
    /// Recall of the pixels of all images together.
    pub recall: f64,
    /// Foreground pixels that are predicted so, background that is, foreground that is not, background that is not: TP, FP, FN, TN.
    pub counts: [u64; 4],
}

/// Adds up images at many thresholds in one pass: a histogram of the logits of each image and class, with a bin between any two
/// thresholds, so that counts are exact at each of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdCurves {
    thresholds: Vec<f64>,
    /// Of each class the images where some pixel counts.
    images: Vec<usize>,
    /// Of each class and threshold.
    classes: Vec<Vec<Sums>>,
    absent: Absent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    dice: f64,
    iou: f64,
    counts: [u64; 4],
}

impl ThresholdCurves {
    /// Nothing added yet, at the thresholds of every curve and `more` in [0, 1].
    pub fn new(classes: usize, more: &[f64]) -> Self {
        let mut all = thresholds();
        all.extend(more);
        all.sort_by(f64::total_cmp);
        all.dedup();
        let sums = vec![vec![Sums::default(); all.len()]; classes];
        Self { thresholds: all, images: vec![0; classes], classes: sums, absent: Absent::of(&vec![true; classes]) }
    }

    /// Adds the images of a batch. Sums are in f64 in the order of the images, so that they are those of [`Tally`](super::Tally) to the
    /// bit. A logit that is NaN is never foreground.
    ///
    /// # Shapes
    /// `logits` and `targets`: (images, classes, pixels), flat; targets in {0, 1}.
    ///
    /// # Panics
    /// If the lengths differ or do not fit the number of images and classes.
    pub fn add(&mut self, images: usize, logits: &[f32], targets: &[f32]) {
        let masks = images * self.classes.len();
        assert!(logits.len() == targets.len() && masks > 0 && logits.len().is_multiple_of(masks), "whole masks of one batch");
        let (pixels, cuts) = (logits.len() / masks, self.thresholds.iter().map(|t| cut(*t)).collect::<Vec<_>>());
        let pairs = logits.par_chunks(pixels).zip(targets.par_chunks(pixels));
        let masks: Vec<Vec<Mask>> = pairs.map(|(logits, targets)| at_all(&cuts, logits, targets)).collect();
        for image in masks.chunks(self.classes.len()) {
            for ((sums, images), masks) in self.classes.iter_mut().zip(&mut self.images).zip(image) {
                if masks[0].pixels > 0 {
                    sums.iter_mut().zip(masks).for_each(|(sums, mask)| sums.add(mask));
                    *images += 1;
                }
            }
        }
    }

    /// Notes which classes no image shows: they have no Dice score.
    pub fn without(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }

    /// The curve of a class, from the least threshold to the greatest.
    pub fn points(&self, class: usize) -> Vec<ThresholdPoint> {
        let mean = |sum: f64| if self.absent.has(class) { f64::NAN } else { sum / self.images[class] as f64 };
        let point = |(threshold, sums): (&f64, &Sums)| {
            let [tp, fp, fn_, _] = sums.counts;
            ThresholdPoint {
                threshold: *threshold,
                dice: mean(sums.dice),
                iou: mean(sums.iou),
                precision: share(tp, tp + fp, tp + fn_),
                recall: share(tp, tp + fn_, tp + fp),
                counts: sums.counts,
            }
        };
        self.thresholds.iter().zip(&self.classes[class]).map(point).collect()
    }

    /// What a class has at one of the thresholds; `None` at another.
    pub fn at(&self, class: usize, threshold: f64) -> Option<ThresholdPoint> {
        self.points(class).into_iter().find(|point| point.threshold == threshold)
    }

    /// The threshold of each class with the best mean Dice; of equals the one nearest to 0.5, of those the lower. 0.5 for a class that no
    /// image shows.
    pub fn best(&self) -> Vec<f64> {
        let of = |class: usize| {
            let points = self.points(class).into_iter().filter(|point| !point.dice.is_nan());
            let aside = |point: &ThresholdPoint| (point.threshold - USUAL_THRESHOLD).abs();
            let best = points.reduce(|best, next| {
                let better = next.dice > best.dice || next.dice == best.dice && aside(&next) < aside(&best);
                if better { next } else { best }
            });
            best.map_or(USUAL_THRESHOLD, |best| best.threshold)
        };
        (0..self.classes.len()).map(of).collect()
    }
}

impl Sums {
    fn add(&mut self, mask: &Mask) {
        self.dice += mask.dice();
        self.iou += mask.iou();
        let counts = [mask.both, mask.pred - mask.both, mask.truth - mask.both];
        let rest = mask.pixels as u64 - counts.iter().sum::<u64>();
        self.counts.iter_mut().zip(counts.into_iter().chain([rest])).for_each(|(sum, count)| *sum += count);
    }
}

/// The counts of a mask at ascending cuts, its losses left out.
fn at_all(cuts: &[f64], logits: &[f32], targets: &[f32]) -> Vec<Mask> {
    // By how many cuts a pixel reaches, background and foreground.
    let mut bins = vec![[0_u64; 2]; cuts.len() + 1];
    let counted = || logits.iter().zip(targets).filter(|(_, target)| !is_ignored(**target));
    for (&logit, &target) in counted() {
        let logit = f64::from(logit);
        bins[cuts.partition_point(|cut| *cut <= logit)][usize::from(target >= 0.5)] += 1;
    }
    let truth = bins.iter().map(|bin| bin[1]).sum();
    let pixels = counted().count();
    let mut above = [0; 2];
    let mut masks: Vec<Mask> = Vec::with_capacity(cuts.len());
    for [background, foreground] in bins.iter().skip(1).rev() {
        above = [above[0] + background, above[1] + foreground];
        masks.push(Mask { both: above[1], pred: above[0] + above[1], truth, pixels, ..Mask::default() });
    }
    masks.reverse();
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Tally;
    use crate::metric::examples::{drawn, logits};

    /// The logits and truth of one image twice, the second with its truth turned around.
    fn two_images() -> (Vec<f32>, Vec<f32>) {
        let truth: Vec<f32> = drawn().1.into_iter().map(f32::from).collect();
        let turned = truth.iter().map(|t| 1.0 - t);
        ([logits(), logits()].concat(), truth.iter().copied().chain(turned).collect())
    }

    #[test]
    fn at_one_half_the_scores_are_those_of_training() {
        let (logits, targets) = two_images();
        let (mut curves, mut tally) = (ThresholdCurves::new(1, &[]), Tally::new(1));
        curves.add(2, &logits, &targets);
        tally.add(2, &logits, &targets);
        let half = curves.at(0, 0.5).unwrap();
        assert_eq!((half.dice, half.iou), (tally.scores().dice[0], tally.scores().iou[0]));
    }

    /// Values of scripts/metric_oracle.py, NumPy 2.4: mean Dice over two images of six pixels, precision, recall and counts over all pixels.
    #[test]
    fn curves_are_numpys() {
        let probs = [0.9, 0.31, 0.2, 0.7, 0.55, 0.05, 0.45, 0.6, 0.85, 0.3, 0.1, 0.97];
        let logits = probs.map(|p: f64| (p / (1.0 - p)).ln() as f32);
        let targets = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let mut curves = ThresholdCurves::new(1, &[]);
        curves.add(2, &logits, &targets);
        for (threshold, dice, precision, recall, counts) in [
            (0.0, 0.666_666_666_666_666_6, 0.5, 1.0, [6, 6, 0, 0]),
            (0.06, 0.708_333_333_333_333_3, 0.545_454_545_454_545_4, 1.0, [6, 5, 0, 1]),
            (0.32, 0.761_904_761_904_761_9, 0.714_285_714_285_714_3, 0.833_333_333_333_333_4, [5, 2, 1, 4]),
            (0.5, 0.833_333_333_333_333_3, 0.833_333_333_333_333_4, 0.833_333_333_333_333_4, [5, 1, 1, 5]),
            (0.56, 0.9, 1.0, 0.833_333_333_333_333_4, [5, 0, 1, 6]),
            (0.86, 0.5, 1.0, 0.333_333_333_333_333_3, [2, 0, 4, 6]),
            (0.98, 0.0, 0.0, 0.0, [0, 0, 6, 6]),
        ] {
            let point = curves.at(0, threshold).unwrap();
            assert_eq!(point.counts, counts, "{threshold}");
            for (value, expected) in [(point.dice, dice), (point.precision, precision), (point.recall, recall)] {
                assert!((value - expected).abs() < 1e-15, "{threshold}: {value} and {expected}");
            }
        }
        assert_eq!(curves.best(), [0.56]);
    }

    /// Each threshold is counted by itself, pixel by pixel, on probabilities.
    #[test]
    fn every_threshold_is_exact() {
        let (logits, targets) = two_images();
        let mut curves = ThresholdCurves::new(1, &[0.37]);
        curves.add(2, &logits, &targets);
        let points = curves.points(0);
        assert_eq!(points.len(), 52);
        for point in points {
            let reached = |x: f32| 1.0 / (1.0 + (-f64::from(x)).exp()) >= point.threshold || point.threshold == 0.0;
            let count = |pred: bool, truth: bool| {
                logits.iter().zip(&targets).filter(|(x, t)| reached(**x) == pred && (**t >= 0.5) == truth).count() as u64
            };
            let counts = [count(true, true), count(true, false), count(false, true), count(false, false)];
            assert_eq!(point.counts, counts, "{}", point.threshold);
        }
    }

    /// A logit just below 0 has a probability that rounds to 0.5 and is background all the same; NaN is never foreground.
    #[test]
    fn the_ends_and_the_middle() {
        let mut curves = ThresholdCurves::new(1, &[]);
        curves.add(1, &[-1e-30, 0.0, f32::NAN, f32::INFINITY, 80.0], &[1.0; 5]);
        let found = |threshold: f64| curves.at(0, threshold).unwrap().counts[0];
        assert_eq!([found(0.0), found(0.5), found(0.52), found(1.0)], [4, 3, 2, 1]);
        assert_eq!(curves.at(0, 0.51), None);
    }

    #[test]
    fn thresholds_survive_metadata() {
        let text = thresholds_to_metadata(&[0.1 + 0.2, 0.5]);
        assert_eq!(thresholds_from_metadata(&text, 2), Ok(vec![0.1 + 0.2, 0.5]));
        for (text, classes) in [(text.as_str(), 1), ("[1.5]", 1), ("[-0.1]", 1), ("[]", 1), ("0.5", 1), ("[null]", 1)] {
            assert!(thresholds_from_metadata(text, classes).unwrap_err().starts_with("`thresholds`"), "{text}");
        }
    }

    #[test]
    fn the_best_threshold_is_the_one_nearest_to_the_middle() {
        // Probabilities 0.2 (background) and 0.6 (foreground): every threshold above 0.2 and up to 0.6 is right.
        let of = |p: f64| (p / (1.0 - p)).ln() as f32;
        let mut curves = ThresholdCurves::new(3, &[]);
        curves.add(1, &[of(0.2), of(0.61), of(0.2), of(0.31), of(0.2), of(0.3)], &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let curves = curves.without(Absent::of(&[true, true, false]));
        assert_eq!(curves.best(), [0.5, 0.3, 0.5]);
        assert!(curves.points(2)[7].dice.is_nan());
    }
}
