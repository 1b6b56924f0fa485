//! Which class is taken for which.

use super::mask::is_ignored;

/// Pixels by the class that they are of and the class that they are predicted to be, background first, over all images.
///
/// A pixel is predicted to be of the most probable class among those whose probability reaches their threshold, else background. Only
/// where no pixel is of two classes does the table say anything: see [`ConfusionMatrix::overlapping`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// (classes + 1)², row by row, a row for each truth.
    counts: Vec<u64>,
    overlapping: u64,
}

impl ConfusionMatrix {
    /// Nothing added yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; (classes + 1).pow(2)], overlapping: 0 }
    }

    /// Adds images; `cuts` are the logits from which each class is foreground ([`cut`](super::cut)).
    ///
    /// # Shapes
    /// `logits` and `targets`: (images, classes, pixels), flat; targets in {0, 1}. `cuts`: (classes,).
    ///
    /// # Panics
    /// If the lengths differ or do not fit.
    pub fn add(&mut self, images: usize, logits: &[f32], targets: &[f32], cuts: &[f64]) {
        let (masks, side) = (images * self.classes, self.classes + 1);
        assert!(logits.len() == targets.len() && masks > 0 && logits.len().is_multiple_of(masks), "whole masks of one batch");
        assert_eq!(cuts.len(), self.classes, "a threshold for each class");
        let pixels = logits.len() / masks;
        let image = self.classes * pixels;
        for (logits, targets) in logits.chunks(image).zip(targets.chunks(image)) {
            for pixel in 0..pixels {
                if (0..self.classes).any(|class| is_ignored(targets[class * pixels + pixel])) {
                    continue;
                }
                let mut of = (0..self.classes).filter(|class| targets[class * pixels + pixel] >= 0.5);
                let truth = of.next().map_or(0, |class| class + 1);
                if of.next().is_some() {
                    self.overlapping += 1;
                } else {
                    self.counts[truth * side + predicted(logits, pixel, pixels, cuts)] += 1;
                }
            }
        }
    }

    /// Pixels of a truth that are predicted so, both 0 for background, else 1 + the class.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * (self.classes + 1) + predicted]
    }

    /// Pixels of several classes at once, as those of a cup within a disc: they are not counted.
    pub fn overlapping(&self) -> u64 {
        self.overlapping
    }
}

/// 0 for background, else 1 + the class; of equally probable classes the first.
fn predicted(logits: &[f32], pixel: usize, pixels: usize, cuts: &[f64]) -> usize {
    let reached = cuts.iter().enumerate().map(|(class, cut)| (class, logits[class * pixels + pixel], *cut));
    let best = reached
        .filter(|(_, logit, cut)| f64::from(*logit) >= *cut)
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0, |(class, ..)| class + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: four pixels of two classes. The first is of class 1 and predicted so though class 2 reaches its threshold too, the second is
    /// of class 2 and taken for class 1, the third is background taken for class 2, the fourth is of both classes.
    #[test]
    fn pixels_by_truth_and_prediction() {
        let mut matrix = ConfusionMatrix::new(2);
        let logits = [2.0, 0.5, -3.0, 1.0, /* class 2 */ 1.0, -0.5, -1.0, 1.0];
        let targets = [1.0, 0.0, 0.0, 1.0, /* class 2 */ 0.0, 1.0, 0.0, 1.0];
        matrix.add(1, &logits, &targets, &[0.0, -1.0]);
        let rows = [0, 1, 2].map(|truth| [0, 1, 2].map(|predicted| matrix.count(truth, predicted)));
        assert_eq!(rows, [[0, 0, 1], [0, 1, 0], [0, 1, 0]]);
        assert_eq!(matrix.overlapping(), 1);
    }
}
