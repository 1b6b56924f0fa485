//! What the columns of metrics.csv mean.

use std::cmp::Ordering;

/// Whether more is better or worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A score: more is better.
    Higher,
    /// A loss: less is better.
    Lower,
}

impl Direction {
    /// Whether `new` is better than `old`. NaN is never better, and everything but NaN is better than NaN; equal is not better.
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match (new.is_nan(), old.is_nan()) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => {
                let wanted = if self == Self::Higher { Ordering::Greater } else { Ordering::Less };
                new.partial_cmp(&old) == Some(wanted)
            }
        }
    }
}

/// Whose samples a column is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Training samples, as the network saw them in training mode while it changed.
    Train,
    /// Validation samples, after the epoch.
    Val,
    /// Test samples, with the best weights.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Whose column it is, and what is left of its name: `val_dice_disc` → validation, `dice_disc`. `None` where the name does not say.
    pub fn of(column: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|split| Some((split, column.strip_prefix(split.prefix())?.strip_prefix('_')?)))
    }

    /// The name of a column: `dice_disc` → `val_dice_disc`.
    pub fn column(self, stem: &str) -> String {
        format!("{}_{stem}", self.prefix())
    }

    /// Whether a column is of this split by its name.
    pub fn has(self, column: &str) -> bool {
        Self::of(column).is_some_and(|(split, _)| split == self)
    }

    /// As the start of a column's name: `train`, `val`, `test`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// For readers: `training`, `validation`, `test`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Val => "validation",
            Self::Test => "test",
        }
    }
}

/// A column of metrics.csv, or a value of outcome.toml.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name without split and class: `loss`, `dice`, `hd95`, ….
    pub name: &'static str,
    /// For readers: `Dice`, `BCE`.
    pub label: &'static str,
    /// Whether more is better.
    pub direction: Direction,
    /// Least and greatest possible value.
    pub range: (f64, f64),
    /// What an image without a mark in the truth gives, where other images of its split have one of the class.
    pub empty: &'static str,
    /// Whose samples; `None` where the column does not say.
    pub split: Option<Split>,
    /// The class it is about; `None` for the mean over classes.
    pub class: Option<String>,
}

impl Metric {
    /// The whole label: `validation Dice (disc)`.
    pub fn title(&self) -> String {
        let split = self.split.map_or(String::new(), |split| format!("{} ", split.word()));
        let class = self.class.as_ref().map_or(String::new(), |class| format!(" ({class})"));
        format!("{split}{}{class}", self.label)
    }
}

const LOSS_EMPTY: &str = "the same, since every pixel counts";
const DICE_LOSS_EMPTY: &str = "1 − 1/(Σp + 1), which is 0 where no pixel has any probability";
const SCORE_EMPTY: &str = "1 if the prediction is empty too, else 0";

const PRECISION_EMPTY: &str = "1 if the prediction is empty too, else 0; an empty prediction of a mask gives 0";
const SPECIFICITY_EMPTY: &str = "the same; a truth that is all marked gives 1 if the prediction is too, else 0";

const FAR_EMPTY: &str = "0 if the prediction is empty too, else the length of the image's diagonal";
const RATIO_EMPTY: &str = "without a disc 0 if the prediction has none either, else 1";
const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);

/// Name, label, direction, range, what empty gives, whether there are columns of single classes.
type Row = (&'static str, &'static str, Direction, (f64, f64), &'static str, bool);

/// `dice_loss` and `dice_at_threshold` before `dice`, and `hd95_mm` before `hd95`: the longer name wins over a class called `loss` or `mm`.
const ROWS: [Row; 28] = [
    ("loss", "loss", Direction::Lower, (0.0, f64::INFINITY), LOSS_EMPTY, false),
    ("bce", "BCE", Direction::Lower, (0.0, f64::INFINITY), LOSS_EMPTY, false),
    ("dice_loss", "soft Dice loss", Direction::Lower, (0.0, 1.0), DICE_LOSS_EMPTY, false),
    ("weighted_bce", "weighted BCE", Direction::Lower, POSITIVE, LOSS_EMPTY, false),
    ("tversky_loss", "Tversky loss", Direction::Lower, (0.0, 1.0), DICE_LOSS_EMPTY, false),
    ("focal_tversky_loss", "focal Tversky loss", Direction::Lower, (0.0, 1.0), DICE_LOSS_EMPTY, false),
    ("focal_loss", "focal loss", Direction::Lower, POSITIVE, LOSS_EMPTY, false),
    ("jaccard_loss", "soft Jaccard loss", Direction::Lower, (0.0, 1.0), DICE_LOSS_EMPTY, false),
    ("lovasz_loss", "Lovász hinge loss", Direction::Lower, POSITIVE, LOSS_EMPTY, false),
    ("boundary_loss", "boundary-weighted BCE", Direction::Lower, POSITIVE, LOSS_EMPTY, false),
    ("softmax_ce", "softmax cross-entropy", Direction::Lower, POSITIVE, LOSS_EMPTY, false),
    ("dice_at_threshold", "Dice at the threshold", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("iou_at_threshold", "IoU at the threshold", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("dice", "Dice", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("iou", "IoU", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("precision", "precision", Direction::Higher, (0.0, 1.0), PRECISION_EMPTY, true),
    ("recall", "recall", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("specificity", "specificity", Direction::Higher, (0.0, 1.0), SPECIFICITY_EMPTY, true),
    ("accuracy", "accuracy", Direction::Higher, (0.0, 1.0), LOSS_EMPTY, true),
    ("hd95_mm", "HD95 (mm)", Direction::Lower, POSITIVE, FAR_EMPTY, true),
    ("hd95", "HD95 (pixels)", Direction::Lower, POSITIVE, FAR_EMPTY, true),
    ("assd_mm", "ASSD (mm)", Direction::Lower, POSITIVE, FAR_EMPTY, true),
    ("assd", "ASSD (pixels)", Direction::Lower, POSITIVE, FAR_EMPTY, true),
    ("boundary_iou", "boundary IoU", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("ece", "expected calibration error", Direction::Lower, (0.0, 1.0), LOSS_EMPTY, true),
    ("vcdr_error", "vertical CDR error", Direction::Lower, (0.0, 1.0), RATIO_EMPTY, false),
    ("rand_score", "Rand score", Direction::Higher, (0.0, 1.0), SCORE_EMPTY, true),
    ("pixel_error", "pixel error", Direction::Lower, (0.0, 1.0), LOSS_EMPTY, true),
];

/// What a column means; `None` for a column that is no metric (`epoch`, `lr`) or unknown.
///
/// Understood are the names of the table, with or without `train_`, `val_` or `test_` before, and those of scores with `_CLASS` after.
pub fn describe(column: &str) -> Option<Metric> {
    let (split, rest) = Split::of(column).map_or((None, column), |(split, rest)| (Some(split), rest));
    ROWS.iter().find_map(|&(name, label, direction, range, empty, has_classes)| {
        let class = match rest.strip_prefix(name)? {
            "" => None,
            tail if has_classes => Some(tail.strip_prefix('_').filter(|class| !class.is_empty())?.to_owned()),
            _ => return None,
        };
        Some(Metric { name, label, direction, range, empty, split, class })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parts_and_classes_are_understood() {
        let metric = describe("val_dice_disc").unwrap();
        assert_eq!((metric.name, metric.split, metric.class.as_deref()), ("dice", Some(Split::Val), Some("disc")));
        assert_eq!((metric.direction, metric.range), (Direction::Higher, (0.0, 1.0)));
        assert_eq!(metric.title(), "validation Dice (disc)");
        assert_eq!(describe("train_loss").unwrap().title(), "training loss");
        assert_eq!([Split::of("val_dice"), Split::of("value"), Split::of("lr")], [Some((Split::Val, "dice")), None, None]);
        assert!(Split::Test.has("test_iou") && !Split::Val.has("test_iou") && Split::Test.column("iou") == "test_iou");
        assert_eq!(describe("test_iou_optic_cup").unwrap().class.as_deref(), Some("optic_cup"));
        assert_eq!(describe("bce").unwrap().split, None);
        let metric = describe("test_dice_at_threshold_cup").unwrap();
        assert_eq!((metric.name, metric.class.as_deref()), ("dice_at_threshold", Some("cup")));
    }

    #[test]
    fn dice_loss_is_a_loss_and_no_class_of_dice() {
        let metric = describe("val_dice_loss").unwrap();
        assert_eq!((metric.name, metric.direction, metric.class), ("dice_loss", Direction::Lower, None));
    }

    #[test]
    fn millimetres_are_no_class_and_a_ratio_has_none() {
        let metric = describe("test_hd95_mm").unwrap();
        assert_eq!((metric.name, metric.direction, metric.class), ("hd95_mm", Direction::Lower, None));
        assert_eq!(describe("test_assd_mm_cup").unwrap().title(), "test ASSD (mm) (cup)");
        assert_eq!(describe("val_boundary_iou_cup").unwrap().name, "boundary_iou");
        assert_eq!(describe("val_vcdr_error").unwrap().direction, Direction::Lower);
        assert_eq!(describe("val_vcdr_error_cup"), None);
    }

    #[test]
    fn other_columns_are_no_metrics() {
        for column in ["epoch", "lr", "", "val", "val_", "val_dice_", "val_bce_disc", "val_lossy", "validation_dice"] {
            assert_eq!(describe(column), None, "{column}");
        }
    }

    #[test]
    fn nan_is_never_better() {
        for direction in [Direction::Higher, Direction::Lower] {
            assert!(!direction.is_better(f64::NAN, 0.5));
            assert!(!direction.is_better(f64::NAN, f64::NAN));
            assert!(direction.is_better(0.5, f64::NAN));
            assert!(!direction.is_better(0.5, 0.5));
        }
        assert!(Direction::Higher.is_better(0.6, 0.5) && !Direction::Lower.is_better(0.6, 0.5));
    }
}
