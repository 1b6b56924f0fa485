//! The words and directions of columns in a report; what a column means is known by [`metric`](crate::metric).

use crate::metric::{self, Direction, Split};

/// Scores are better when higher, losses when lower. A column that is no metric counts as a loss.
pub(super) fn higher_is_better(column: &str) -> bool {
    metric::describe(column).is_some_and(|m| m.direction == Direction::Higher)
}

/// The values a column can have.
pub(super) fn range(column: &str) -> (f64, f64) {
    metric::describe(column).map_or((0.0, f64::INFINITY), |m| m.range)
}

/// Whether a column belongs into a short table: loss, Dice and IoU, of single classes Dice alone.
pub(super) fn is_main(column: &str) -> bool {
    metric::describe(column).is_some_and(|m| match m.class {
        None => ["loss", "dice", "iou"].contains(&m.name),
        Some(_) => m.name == "dice",
    })
}

/// The mask classes of `val_dice_CLASS`, in the order of the columns.
pub(super) fn classes(columns: &[String]) -> Vec<String> {
    let dice = |column: &String| metric::describe(column).filter(|m| m.name == "dice" && m.split == Some(Split::Val));
    columns.iter().filter_map(|column| dice(column)?.class).collect()
}

/// A column as an axis or a table calls it: `val_dice` → `Dice`, `val_recall_disc` → `Recall, disc`.
pub(super) fn title(column: &str) -> String {
    if metric::describe(column).is_none() {
        return phrase(column);
    }
    capital(&phrase(column))
}

/// The same words with a capital.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A column within a sentence: `val_dice` → `Dice`, `val_recall_disc` → `recall, disc`.
pub(super) fn phrase(column: &str) -> String {
    let Some(metric) = metric::describe(column) else { return column.replace('_', " ") };
    metric.class.map_or(metric.label.to_owned(), |class| format!("{}, {class}", metric.label))
}

/// The same with the split: `validation Dice`.
pub(super) fn phrase_of_split(column: &str) -> String {
    let split = Split::of(column).map(|(split, _)| format!("{} ", split.word())).unwrap_or_default();
    split + &phrase(column)
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
    fn names_and_abbreviations_stay_capital_in_a_sentence() {
        let columns = ["test_dice", "val_loss", "test_hd95_mm_cup", "recall_disc", "val_rand_score"];
        assert_eq!(columns.map(phrase), ["Dice", "loss", "HD95 (mm), cup", "recall, disc", "Rand score"]);
    }

    #[test]
    fn short_tables_have_loss_and_scores() {
        let columns = ["loss", "bce", "dice_loss", "dice", "iou", "dice_cup", "iou_cup", "lr"];
        assert_eq!(columns.into_iter().filter(|c| is_main(c)).collect::<Vec<_>>(), ["loss", "dice", "iou", "dice_cup"]);
    }

    #[test]
    fn a_column_that_is_no_metric_keeps_its_name() {
        assert_eq!((title("grad_norm"), title("val_loss")), ("grad norm".to_owned(), "Loss".to_owned()));
    }
}
