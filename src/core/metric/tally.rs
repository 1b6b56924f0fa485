//! Scores and losses of many images: means of those of single masks.

use super::mask::{Mask, MaskScores};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Means over images for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Binary cross-entropy, from logits x and targets t: `max(x, 0) − x·t + ln(1 + e^−|x|)`, mean over pixels.
    pub bce: Vec<f64>,
    /// Soft Dice loss on probabilities p with smoothing 1: `1 − (2·Σp·t + 1) / (Σp + Σt + 1)`.
    pub dice_loss: Vec<f64>,
    /// Dice score at p ≥ 0.5: `2·|P∩T| / (|P| + |T|)`.
    pub dice: Vec<f64>,
    /// Intersection over union at p ≥ 0.5: `|P∩T| / |P∪T|`.
    pub iou: Vec<f64>,
    /// Precision at p ≥ 0.5: `|P∩T| / |P|`.
    pub precision: Vec<f64>,
    /// Recall (sensitivity) at p ≥ 0.5: `|P∩T| / |T|`.
    pub recall: Vec<f64>,
    /// Specificity at p ≥ 0.5: the share of pixels outside T that are outside P.
    pub specificity: Vec<f64>,
    /// Accuracy at p ≥ 0.5: the share of pixels that P and T agree on.
    pub accuracy: Vec<f64>,
}

impl Scores {
    /// Zeros for so many classes.
    pub fn zeros(classes: usize) -> Self {
        let zeros = || vec![0.0; classes];
        Self {
            bce: zeros(),
            dice_loss: zeros(),
            dice: zeros(),
            iou: zeros(),
            precision: zeros(),
            recall: zeros(),
            specificity: zeros(),
            accuracy: zeros(),
        }
    }

    /// The scores at p ≥ 0.5 that have no part in training, by name.
    pub fn counted(&self) -> [(&'static str, &[f64]); 4] {
        [
            ("precision", &self.precision),
            ("recall", &self.recall),
            ("specificity", &self.specificity),
            ("accuracy", &self.accuracy),
        ]
    }

    fn each(&self) -> [&Vec<f64>; 8] {
        let Self { bce, dice_loss, dice, iou, precision, recall, specificity, accuracy } = self;
        [bce, dice_loss, dice, iou, precision, recall, specificity, accuracy]
    }

    fn add(&mut self, class: usize, mask: &MaskScores) {
        self.bce[class] += mask.bce;
        self.dice_loss[class] += mask.dice_loss;
        self.dice[class] += mask.dice;
        self.iou[class] += mask.iou;
        self.precision[class] += mask.precision;
        self.recall[class] += mask.recall;
        self.specificity[class] += mask.specificity;
        self.accuracy[class] += mask.accuracy;
    }
}

/// Adds up images, batch after batch.
///
/// Sums are in f64 in the order of the images, so they depend neither on how images are batched nor on the number of threads. A tally
/// that is written as TOML and read back has the same bits, and goes on with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Tally {
    images: usize,
    /// Of each class in how many of them no pixel counts; empty where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<usize>,
    sums: Scores,
}

/// A tally as a file has it, whose numbers need not fit each other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    images: usize,
    #[serde(default)]
    left_out: Vec<usize>,
    sums: Scores,
}

impl TryFrom<Written> for Tally {
    type Error = String;

    fn try_from(Written { images, left_out, sums }: Written) -> Result<Self, String> {
        let classes = sums.dice.len();
        let lengths = sums.each().map(Vec::len);
        if let Some(other) = lengths.iter().find(|length| **length != classes) {
            return Err(format!("one score has sums of {other} classes, another of {classes}"));
        }
        if !(left_out.is_empty() || left_out.len() == classes) {
            return Err(format!("left_out has {} numbers for {classes} classes", left_out.len()));
        }
        match left_out.iter().find(|count| **count > images) {
            Some(count) => Err(format!("left_out counts {count} of {images} images")),
            None => Ok(Self { images, left_out, sums }),
        }
    }
}

impl Tally {
    /// Nothing added yet.
    pub fn new(classes: usize) -> Self {
        Self { images: 0, left_out: Vec::new(), sums: Scores::zeros(classes) }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.sums.dice.len()
    }

    /// Adds the images of a batch, and returns the scores of each image and class, the classes of an image side by side.
    ///
    /// # Shapes
    /// `logits` and `targets`: (images, classes, pixels), flat; targets in {0, 1}, −0 where a pixel does not count.
    ///
    /// # Panics
    /// If the lengths differ or do not fit the number of images and classes.
    pub fn add(&mut self, images: usize, logits: &[f32], targets: &[f32]) -> Vec<MaskScores> {
        self.add_at(images, logits, targets, &vec![0.0; self.classes()])
    }

    /// The same with other thresholds: `cuts` are the logits from which each class is foreground ([`cut`](super::cut)).
    ///
    /// # Panics
    /// As [`Tally::add`], and if there is not a cut for each class.
    pub fn add_at(&mut self, images: usize, logits: &[f32], targets: &[f32], cuts: &[f64]) -> Vec<MaskScores> {
        assert_eq!(cuts.len(), self.classes(), "a threshold for each class");
        let masks = images * self.sums.dice.len();
        assert!(logits.len() == targets.len() && masks > 0 && logits.len().is_multiple_of(masks), "whole masks of one batch");
        let pixels = logits.len() / masks;
        let pairs = logits.par_chunks(pixels).zip(targets.par_chunks(pixels)).enumerate();
        let of = |(at, (logits, targets))| Mask::of(logits, targets, cuts[at % cuts.len()]);
        let masks: Vec<Mask> = pairs.map(of).collect();
        self.add_masks(images, &masks)
    }

    /// Adds images of which the sums of every class are known: |P∩T|, |P|, |T|, Σ bce, Σ p·t, Σ p, and the number of pixels that count.
    ///
    /// # Panics
    /// If their number does not fit the number of images and classes.
    pub fn add_sums(&mut self, images: usize, sums: &[[f64; 7]]) -> Vec<MaskScores> {
        assert_eq!(sums.len(), images * self.classes(), "the sums of every class of every image");
        let of = |[both, pred, truth, bce, overlap, probs, pixels]: &[f64; 7]| {
            let [both, pred, truth] = [both, pred, truth].map(|count| *count as u64);
            Mask { both, pred, truth, bce: *bce, overlap: *overlap, marked: probs + truth as f64, pixels: *pixels as usize }
        };
        self.add_masks(images, &sums.iter().map(of).collect::<Vec<_>>())
    }

    fn add_masks(&mut self, images: usize, masks: &[Mask]) -> Vec<MaskScores> {
        let scores: Vec<MaskScores> = masks.iter().map(Mask::scores).collect();
        for (at, (mask, score)) in masks.iter().zip(&scores).enumerate() {
            let class = at % self.sums.dice.len();
            if mask.pixels > 0 {
                self.sums.add(class, score);
            } else {
                self.left_out.resize(self.sums.dice.len(), 0);
                self.left_out[class] += 1;
            }
        }
        self.images += images;
        scores
    }

    /// The means over all images so far; NaN if there was none. A class of which no pixel of an image counts has no scores there, and its losses are 0, as
    /// they are in what is minimised.
    pub fn scores(&self) -> Scores {
        let loss = |sums: &Vec<f64>| sums.iter().map(|sum| sum / self.images as f64).collect();
        let scored = |class: usize| (self.images - self.left_out.get(class).unwrap_or(&0)) as f64;
        let mean = |sums: &Vec<f64>| sums.iter().enumerate().map(|(class, sum)| sum / scored(class)).collect();
        Scores {
            bce: loss(&self.sums.bce),
            dice_loss: loss(&self.sums.dice_loss),
            dice: mean(&self.sums.dice),
            iou: mean(&self.sums.iou),
            precision: mean(&self.sums.precision),
            recall: mean(&self.sums.recall),
            specificity: mean(&self.sums.specificity),
            accuracy: mean(&self.sums.accuracy),
        }
    }
}

/// `Σ w·v / Σ w` in the order given; no weights mean 1 for each value.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> f64 {
    let weight = |i: usize| weights.get(i).copied().unwrap_or(1.0);
    let sum: f64 = values.iter().enumerate().map(|(i, value)| weight(i) * value).sum();
    sum / (0..values.len()).map(weight).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(classes: usize, images: usize, logits: &[f32], targets: &[f32]) -> Scores {
        let mut tally = Tally::new(classes);
        tally.add(images, logits, targets);
        tally.scores()
    }

    #[test]
    fn counts_are_at_half_probability_and_a_logit_of_zero_is_marked() {
        let scores = scores(1, 1, &[0.0, 3.0, -0.1, 2.0], &[1.0, 1.0, 1.0, 0.0]);
        assert_eq!(scores.dice, [4.0 / 6.0]);
        assert_eq!(scores.iou, [2.0 / 4.0]);
    }

    #[test]
    fn two_empty_masks_agree_and_one_empty_mask_does_not() {
        let (off, on) = ([-1.0; 4], [1.0, -1.0, -1.0, -1.0]);
        let (none, some) = ([0.0; 4], [1.0, 0.0, 0.0, 0.0]);
        for (logits, targets, expected) in [(off, none, 1.0), (on, none, 0.0), (off, some, 0.0), (on, some, 1.0)] {
            let scores = scores(1, 1, &logits, &targets);
            assert_eq!((scores.dice[0], scores.iou[0]), (expected, expected));
        }
    }

    /// A mean of ratios, not a ratio of sums: the small image counts as much as the large one.
    #[test]
    fn images_are_averaged_within_each_class() {
        let logits = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0];
        let targets = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let scores = scores(2, 2, &logits, &targets);
        assert_eq!(scores.dice, [(1.0 + 0.0) / 2.0, (1.0 + 2.0 / 3.0) / 2.0]);
        assert_eq!(scores.iou, [0.5, (1.0 + 0.5) / 2.0]);
    }

    /// Oracle: torch.nn.functional.binary_cross_entropy_with_logits and the formula on torch.sigmoid, both in f64
    /// (scripts/optimizer_oracle.py prints them). Terms are f32, each right to 2⁻²² of itself.
    #[test]
    fn losses_are_pytorchs() {
        let logits = [0.3, -1.7, 2.5, -0.2, 40.0, -40.0];
        let targets = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let scores = scores(1, 1, &logits, &targets);
        assert!((scores.bce[0] - 7.349_861_644_454_841).abs() < 2e-6, "{}", scores.bce[0]);
        assert!((scores.dice_loss[0] - 0.500_391_720_866_541_4).abs() < 2e-7, "{}", scores.dice_loss[0]);
    }

    #[test]
    fn a_nan_logit_makes_the_losses_nan() {
        let scores = scores(1, 1, &[f32::NAN, 1.0], &[0.0, 1.0]);
        assert!(scores.bce[0].is_nan() && scores.dice_loss[0].is_nan());
        assert_eq!(scores.dice, [1.0]);
    }

    #[test]
    fn neither_batches_nor_threads_change_a_bit() {
        let logits: Vec<f32> = (0..6 * 2 * 100).map(|i| ((i * 7919) % 1000) as f32 / 100.0 - 5.0).collect();
        let targets: Vec<f32> = (0..logits.len()).map(|i| f32::from(i % 3 == 0)).collect();
        let whole = scores(2, 6, &logits, &targets);
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut tally = Tally::new(2);
            pool.install(|| {
                for (images, range) in [(1, 0..200), (3, 200..800), (2, 800..1200)] {
                    tally.add(images, &logits[range.clone()], &targets[range]);
                }
            });
            assert_eq!(tally.scores(), whole);
        }
    }

    /// Oracle: the bits themselves. Sums that no short decimal has, the smallest and largest numbers, zeros of both signs.
    #[test]
    fn a_tally_survives_toml_to_the_bit() {
        let odd = [1.0 / 3.0, 0.1 + 0.2, 1e300 / 7.0, f64::MIN_POSITIVE / 8.0, -0.0, f64::MAX, 5.0, 1e16 + 2.0, f64::INFINITY];
        let mut tally = Tally::new(odd.len());
        tally.images = 7;
        tally.sums.bce = odd.to_vec();
        tally.sums.iou = odd.iter().map(|x| x.sqrt()).collect();
        let back: Tally = toml::from_str(&toml::to_string(&tally).unwrap()).unwrap();
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!((back.images, bits(&back.sums.bce), bits(&back.sums.iou)), (7, bits(&odd), bits(&tally.sums.iou)));
    }

    #[test]
    fn a_tally_whose_numbers_do_not_fit_is_refused() {
        let text = toml::to_string(&Tally { left_out: vec![2, 0], images: 3, ..Tally::new(2) }).unwrap();
        assert!(toml::from_str::<Tally>(&text).is_ok());
        for (from, to, why) in [
            ("bce = [0.0, 0.0]", "bce = [0.0]", "sums of 1 classes, another of 2"),
            ("left_out = [2, 0]", "left_out = [2]", "1 numbers for 2 classes"),
            ("left_out = [2, 0]", "left_out = [0, 4]", "counts 4 of 3 images"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            let problem = toml::from_str::<Tally>(&changed).unwrap_err().to_string();
            assert!(problem.contains(why), "{problem}");
        }
    }

    #[test]
    fn class_weights_weigh_the_mean() {
        assert_eq!(weighted_mean(&[1.0, 3.0], &[]), 2.0);
        assert_eq!(weighted_mean(&[1.0, 3.0], &[3.0, 1.0]), 1.5);
    }
}
