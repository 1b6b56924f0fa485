//! What no network is needed for: the scores of the better of two constant masks, all foreground and none.

use super::absent::{Absent, mean_of_defined};
use super::mask::Mask;

/// Dice and IoU of the best constant mask of each class: the better of "all foreground" and "none" by the mean over images. A network
/// that scores no more has learnt nothing of the images.
///
/// Each score has its own better mask. A class without foreground in any image has NaN, as [`Absent`] has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantMask {
    /// Mean over images of the Dice score, for each class.
    pub dice: Vec<f64>,
    /// Mean over images of the IoU, for each class.
    pub iou: Vec<f64>,
}

impl ConstantMask {
    /// From the pixels of every image and class: how many are foreground, and how many count. Images where none counts have no part; without any NaN.
    ///
    /// # Shapes
    /// `images`: `classes` pairs each.
    ///
    /// # Panics
    /// If an image has another number of classes.
    pub fn of(classes: usize, images: &[Vec<[usize; 2]>]) -> Self {
        assert!(images.iter().all(|image| image.len() == classes), "counts for each class");
        let shown: Vec<bool> = (0..classes).map(|class| images.iter().any(|image| image[class][0] > 0)).collect();
        let absent = Absent::of(&shown);
        let best = |class: usize, score: fn(&Mask) -> f64| {
            if absent.has(class) {
                return f64::NAN;
            }
            let counted = || images.iter().map(|image| image[class]).filter(|[_, pixels]| *pixels > 0);
            let mean = |all: bool| {
                let of = |[truth, pixels]: [usize; 2]| score(&constant(truth, if all { pixels } else { 0 }, pixels));
                counted().map(of).sum::<f64>() / counted().count() as f64
            };
            mean(true).max(mean(false))
        };
        let all = |score: fn(&Mask) -> f64| (0..classes).map(|class| best(class, score)).collect();
        Self { dice: all(Mask::dice), iou: all(Mask::iou) }
    }

    /// The means over classes and the values of each class under the names of columns without their split: `dice`, `dice_CLASS`, `iou`,
    /// `iou_CLASS`. What is not defined is left out.
    pub fn columns(&self, classes: &[String]) -> Vec<(String, f64)> {
        let of = |(name, values): (&str, &[f64])| {
            let each = classes.iter().zip(values).map(|(class, value)| (format!("{name}_{class}"), *value));
            std::iter::once((name.to_owned(), mean_of_defined(values))).chain(each).collect::<Vec<_>>()
        };
        let all = [("dice", &self.dice[..]), ("iou", &self.iou[..])].into_iter().flat_map(of);
        all.filter(|(_, value)| !value.is_nan()).collect()
    }
}

/// The sums of a mask of `pred` foreground pixels, none or all of them, against a truth of `truth`.
fn constant(truth: usize, pred: usize, pixels: usize) -> Mask {
    let [both, pred, truth] = [truth.min(pred), pred, truth].map(|count| count as u64);
    Mask { both, pred, truth, pixels, ..Mask::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 100 pixels 80 and 50 are foreground, so all foreground has Dice 160/180 and 100/150, IoU 0.8 and 0.5; none has 0. In a third image
    /// no pixel counts.
    #[test]
    fn of_much_foreground_all_is_best() {
        let best = ConstantMask::of(1, &[vec![[80, 100]], vec![[50, 100]], vec![[0, 0]]]);
        assert!((best.dice[0] - (160.0 / 180.0 + 100.0 / 150.0) / 2.0).abs() < 1e-15);
        assert_eq!(best.iou, [0.65]);
    }

    /// By hand: three of four masks are empty, so none has 3/4; all foreground has 2/101 once and 0 thrice, for an empty mask is missed.
    #[test]
    fn of_empty_masks_none_is_best() {
        let best = ConstantMask::of(1, &[[0, 100], [0, 100], [1, 100], [0, 100]].map(|image| vec![image]));
        assert_eq!((best.dice[0], best.iou[0]), (0.75, 0.75));
    }

    #[test]
    fn a_class_that_is_nowhere_has_no_score_and_no_part_in_the_mean() {
        let best = ConstantMask::of(2, &[vec![[5, 10], [0, 10]], vec![[10, 10], [0, 10]]]);
        assert!(best.dice[1].is_nan() && best.iou[1].is_nan());
        let names = ["a".to_owned(), "b".to_owned()];
        let dice = (2.0 / 3.0 + 1.0) / 2.0;
        assert_eq!(
            best.columns(&names),
            [("dice", dice), ("dice_a", dice), ("iou", 0.75), ("iou_a", 0.75)].map(|(name, value)| (name.to_owned(), value))
        );
        assert_eq!(
            ConstantMask::of(1, &[vec![[0, 10]]]).dice,
            [1.0],
            "where nothing is shown, the rule of empty masks is all there is"
        );
        assert!(ConstantMask::of(1, &[]).columns(&names).is_empty());
    }
}
