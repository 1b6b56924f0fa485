//! Classes that a split does not show. They have no scores, so that a class which is nowhere cannot lift a mean.

use super::extra::ImageExtras;
use super::mask::MaskScores;
use super::tally::Scores;

/// The classes without a foreground pixel in the truth of a whole split.
///
/// The score of an empty mask, 1 or 0, says how well a model keeps away from a class that other images have. Over a split that
/// never has it, that is no score of finding it: NaN stands there, and every mean passes over NaN. Losses are as they are, since
/// every pixel counts in them. A split without any foreground at all has nothing else to be scored by, so there no class is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Of each class.
    absent: Vec<bool>,
}

impl Absent {
    /// From whether each class has a foreground pixel in the split.
    pub fn of(shown: &[bool]) -> Self {
        let none = !shown.contains(&true);
        Self { absent: shown.iter().map(|shown| !shown && !none).collect() }
    }

    /// Whether this class is absent.
    pub fn has(&self, class: usize) -> bool {
        self.absent[class]
    }

    /// Takes the scores of absent classes away.
    pub fn clear_scores(&self, scores: &mut Scores) {
        let Scores { dice, iou, precision, recall, specificity, accuracy, bce: _, dice_loss: _ } = scores;
        for values in [dice, iou, precision, recall, specificity, accuracy] {
            values.iter_mut().zip(&self.absent).filter(|(_, absent)| **absent).for_each(|(value, _)| *value = f64::NAN);
        }
    }

    /// The same of masks, the classes of an image side by side.
    pub fn clear_masks(&self, masks: &mut [MaskScores]) {
        for (mask, _) in masks.iter_mut().zip(self.absent.iter().cycle()).filter(|(_, absent)| **absent) {
            let nan = f64::NAN;
            let counted =
                MaskScores { dice: nan, iou: nan, precision: nan, recall: nan, specificity: nan, accuracy: nan, ..*mask };
            *mask = counted;
        }
    }

    /// The same of the extra metrics of images.
    pub fn clear_extras(&self, images: &mut [ImageExtras]) {
        for image in images {
            for (values, _) in image.iter_mut().zip(&self.absent).filter(|(_, absent)| **absent) {
                values.fill(f64::NAN);
            }
        }
    }
}

/// The mean of the values that are numbers; NaN without any.
pub fn mean_of_defined(values: &[f64]) -> f64 {
    let (sum, count) = values.iter().filter(|value| !value.is_nan()).fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_classes_have_losses_and_no_scores() {
        let absent = Absent::of(&[true, false]);
        let mut scores = Scores { dice: vec![0.4, 1.0], bce: vec![0.1, 0.2], ..Scores::zeros(2) };
        absent.clear_scores(&mut scores);
        assert!(scores.dice[0] == 0.4 && scores.dice[1].is_nan() && scores.accuracy[1].is_nan() && scores.bce == [0.1, 0.2]);
        assert_eq!(mean_of_defined(&scores.dice), 0.4);
        let mut masks = [MaskScores { dice: 0.5, bce: 0.25, ..MaskScores::default() }; 4];
        absent.clear_masks(&mut masks);
        assert_eq!(masks.map(|mask| (mask.dice.is_nan(), mask.bce)), [(false, 0.25), (true, 0.25), (false, 0.25), (true, 0.25)]);
        let mut extras = [vec![vec![1.0], vec![2.0], vec![3.0]]];
        absent.clear_extras(&mut extras);
        assert!(extras[0][0] == [1.0] && extras[0][1][0].is_nan() && extras[0][2] == [3.0], "the image's own row stays");
    }

    #[test]
    fn where_nothing_is_shown_the_rule_of_empty_masks_is_all_there_is() {
        let absent = Absent::of(&[false, false]);
        let mut scores = Scores { dice: vec![1.0, 0.0], ..Scores::zeros(2) };
        absent.clear_scores(&mut scores);
        assert_eq!(scores.dice, [1.0, 0.0]);
        assert!(mean_of_defined(&[f64::NAN]).is_nan());
    }
}
