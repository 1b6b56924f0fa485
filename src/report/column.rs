//! The words and directions of columns in a report; what a column means is known by [`metric`](crate::metric).

use crate::metric::{self, Direction};

/// Scores are better when higher, losses when lower. A column that is no metric counts as a loss.
pub(super) fn higher_is_better(column: &str) -> bool {
    metric::describe(column).is_some_and(|m| m.direction == Direction::Higher)
}

/// The values a column can have.
pub(super) fn range(column: &str) -> (f64, f64) {
    metric::describe(column).map_or((0.0, f64::INFINITY), |m| m.range)
}

/// The mask classes of `val_dice_CLASS`, in the order of the columns.
pub(super) fn classes(columns: &[String]) -> Vec<String> {
    let dice = |column: &String| metric::describe(column).filter(|m| m.name == "dice" && column.starts_with("val_"));
    columns.iter().filter_map(|column| dice(column)?.class).collect()
}

/// A column as an axis or a table calls it: `val_dice` → `Dice`, `val_dice_disc` → `Dice, disc`.
pub(super) fn title(column: &str) -> String {
    let Some(metric) = metric::describe(column) else { return column.replace('_', " ") };
    let mut letters = metric.label.chars();
    let label: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    metric.class.map_or(label.clone(), |class| format!("{label}, {class}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_loss_is_no_class() {
        let columns = ["val_dice_loss", "val_dice", "val_dice_disc", "val_iou_disc", "val_dice_cup"].map(str::to_owned);
        assert_eq!(classes(&columns), ["disc", "cup"]);
        assert_eq!(columns.map(|c| title(&c)), ["Soft Dice loss", "Dice", "Dice, disc", "IoU, disc", "Dice, cup"]);
    }

    #[test]
    fn a_column_that_is_no_metric_keeps_its_name() {
        assert_eq!((title("grad_norm"), title("val_loss")), ("grad norm".to_owned(), "Loss".to_owned()));
    }
}
