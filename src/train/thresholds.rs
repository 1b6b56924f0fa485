//! What a run keeps of thresholds when it ends: scores at many of them, and the one that the experiment asks for.

use crate::config::{Threshold, ThresholdBy};
use crate::data::{self, Dataset};
use crate::metric::{ConstantMask, Split, ThresholdCurves, ThresholdPoint, mean_of_defined};
use crate::record::{ThresholdRow, ThresholdScores};
use std::collections::BTreeMap;

/// The thresholds that are asked for beside those of every curve.
pub fn further(asked: Threshold) -> Vec<f64> {
    match asked {
        Threshold::Fixed(number) => vec![number],
        Threshold::By(ThresholdBy::Validation) => Vec::new(),
    }
}

/// The threshold of each class, given the curves of the validation split; `None` where the experiment asks for none.
pub fn chosen(asked: Threshold, validation: &ThresholdCurves, classes: usize) -> Option<Vec<f64>> {
    match asked {
        asked if asked == Threshold::default() => None,
        Threshold::Fixed(number) => Some(vec![number; classes]),
        Threshold::By(ThresholdBy::Validation) => Some(validation.best()),
    }
}

/// All rows of thresholds.csv.
pub fn table(classes: &[String], splits: &[(Split, &ThresholdCurves)]) -> ThresholdScores {
    let of_split = |(split, curves): &(Split, &ThresholdCurves)| rows(classes, split.prefix(), curves);
    ThresholdScores { rows: splits.iter().flat_map(of_split).collect() }
}

/// The rows of a split as thresholds.csv has them: class by class, thresholds in ascending order.
pub fn rows(classes: &[String], split: &str, curves: &ThresholdCurves) -> Vec<ThresholdRow> {
    let row = |class: &String, point: ThresholdPoint| ThresholdRow {
        split: split.to_owned(),
        class: class.clone(),
        threshold: point.threshold,
        dice: point.dice,
        precision: point.precision,
        recall: point.recall,
        counts: point.counts,
    };
    let of_class = |(index, class)| curves.points(index).into_iter().map(move |point| row(class, point));
    classes.iter().enumerate().flat_map(of_class).collect()
}

/// Dice and IoU of the test split at the threshold of each class: `test_dice_at_threshold` in the mean over classes, and
/// `test_dice_at_threshold_CLASS`.
pub fn columns(classes: &[String], tested: &ThresholdCurves, chosen: &[f64]) -> BTreeMap<String, f64> {
    let at = |class: usize| tested.at(class, chosen[class]).expect("the curves have every threshold that can be chosen");
    let points: Vec<ThresholdPoint> = (0..classes.len()).map(at).collect();
    let mut columns = BTreeMap::new();
    for (name, of) in [("dice", (|point| point.dice) as fn(&ThresholdPoint) -> f64), ("iou", |point| point.iou)] {
        let (name, values) = (Split::Test.column(&format!("{name}_at_threshold")), points.iter().map(of).collect::<Vec<_>>());
        columns.extend(classes.iter().zip(&values).map(|(class, value)| (format!("{name}_{class}"), *value)));
        columns.insert(name, mean_of_defined(&values));
    }
    columns
}

/// What the best constant mask scores on the validation and test splits, by column.
pub fn constant_masks(data: &Dataset, splits: &data::Splits) -> BTreeMap<String, f64> {
    let of = |(split, samples): (Split, &[usize])| {
        let foreground = data::foreground(data, samples);
        let best = ConstantMask::of(data.classes.len(), &foreground);
        best.columns(&data.classes).into_iter().map(move |(name, value)| (split.column(&name), value)).collect::<Vec<_>>()
    };
    [(Split::Val, &splits.val[..]), (Split::Test, &splits.test[..])].into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves() -> ThresholdCurves {
        let of = |p: f64| (p / (1.0 - p)).ln() as f32;
        let mut curves = ThresholdCurves::new(2, &[0.37]);
        // Of a the threshold 0.3 finds both pixels, of b every threshold above 0.2 is right.
        curves.add(1, &[of(0.9), of(0.31), of(0.2), of(0.9), of(0.2), of(0.2)], &[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        curves
    }

    #[test]
    fn what_is_asked_for_is_chosen() {
        let by = |text: &str| {
            let asked = toml::from_str::<BTreeMap<String, Threshold>>(&format!("x = {text}")).unwrap()["x"];
            (further(asked), chosen(asked, &curves(), 2))
        };
        assert_eq!(by("0.5"), (vec![0.5], None));
        assert_eq!(by("1"), (vec![1.0], Some(vec![1.0, 1.0])));
        assert_eq!(by("'validation'"), (Vec::new(), Some(vec![0.3, 0.5])));
    }

    /// By hand: at 0.37 one of two pixels of a is found, Dice 2/3, IoU 1/2; b is right.
    #[test]
    fn test_scores_are_those_at_the_threshold() {
        let classes = ["a".to_owned(), "b".to_owned()];
        let columns = columns(&classes, &curves(), &[0.37, 0.37]);
        assert_eq!((columns["test_dice_at_threshold_a"], columns["test_iou_at_threshold_a"]), (2.0 / 3.0, 0.5));
        assert_eq!((columns["test_dice_at_threshold"], columns.len()), ((2.0 / 3.0 + 1.0) / 2.0, 6));
        let table = table(&classes, &[(Split::Val, &curves()), (Split::Test, &curves())]);
        assert_eq!((table.rows.len(), table.of("test", "b").count()), (4 * 52, 52));
    }
}
