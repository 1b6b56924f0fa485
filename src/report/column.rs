//! What the names of the columns of metrics.csv say: directions, classes, words.

/// Scores (Dice, IoU) are better when higher, losses when lower.
pub(super) fn higher_is_better(column: &str) -> bool {
    !(column.ends_with("loss") || column.ends_with("bce"))
}

/// The mask classes of `val_dice_CLASS`, in the order of the columns.
pub(super) fn classes(columns: &[String]) -> Vec<String> {
    let class = |column: &String| column.strip_prefix("val_dice_").filter(|class| *class != "loss").map(str::to_owned);
    columns.iter().filter_map(class).collect()
}

/// A column in the words of a report: `val_dice` → `Dice`, `val_dice_disc` → `Dice, disc`.
pub(super) fn title(column: &str) -> String {
    let stem = ["val_", "train_", "test_"].iter().find_map(|part| column.strip_prefix(part)).unwrap_or(column);
    let rest = |prefix: &str| stem.strip_prefix(prefix).and_then(|s| s.strip_prefix('_'));
    match stem {
        "loss" => "Loss".to_owned(),
        "bce" => "BCE".to_owned(),
        "dice" => "Dice".to_owned(),
        "iou" => "IoU".to_owned(),
        "dice_loss" => "Dice loss".to_owned(),
        _ => match (rest("dice"), rest("iou")) {
            (Some(class), _) => format!("Dice, {class}"),
            (_, Some(class)) => format!("IoU, {class}"),
            _ => stem.replace('_', " "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_fall_and_scores_rise() {
        for (column, up) in
            [("val_loss", false), ("train_dice_loss", false), ("val_bce", false), ("val_dice", true), ("val_iou_cup", true)]
        {
            assert_eq!(higher_is_better(column), up, "{column}");
        }
    }

    #[test]
    fn dice_loss_is_no_class() {
        let columns = ["val_dice_loss", "val_dice", "val_dice_disc", "val_iou_disc", "val_dice_cup"].map(str::to_owned);
        assert_eq!(classes(&columns), ["disc", "cup"]);
        assert_eq!(columns.map(|c| title(&c)), ["Dice loss", "Dice", "Dice, disc", "IoU, disc", "Dice, cup"]);
    }
}
