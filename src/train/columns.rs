//! The columns of metrics.csv: their names and how they follow from scores.

use super::loss;
use crate::config::Loss;
use crate::metric::{Scores, Split, mean_of_defined, weighted_mean};
use std::collections::BTreeMap;

/// The columns of one split: `SPLIT_loss`, `SPLIT_bce`, `SPLIT_dice_loss`, `SPLIT_dice`, `SPLIT_iou`, and for every class named
/// `SPLIT_dice_CLASS`, `SPLIT_iou_CLASS`; of any split but training then precision, recall, specificity and accuracy, each followed by
/// those of the classes; last of every further term of the loss one. Class weights weigh the losses, never the scores.
/// A mean over classes passes over those without a score, [absent](crate::metric::Absent) ones.
///
/// `SPLIT_loss` is what is minimised: the weighted sum of the terms. With deep supervision `train_loss` is the mean of that over the heads; all
/// other columns are of the last head, the one that predicts.
pub fn columns(
    split: Split,
    scores: &Scores,
    terms: &BTreeMap<String, f64>,
    config: &Loss,
    classes: &[String],
) -> Vec<(String, f64)> {
    let bce = weighted_mean(&scores.bce, &config.class_weights);
    let dice_loss = weighted_mean(&scores.dice_loss, &config.class_weights);
    let mut named = vec![
        ("loss".to_owned(), loss::total(bce, dice_loss, terms, config)),
        ("bce".to_owned(), bce),
        ("dice_loss".to_owned(), dice_loss),
        ("dice".to_owned(), mean_of_defined(&scores.dice)),
        ("iou".to_owned(), mean_of_defined(&scores.iou)),
    ];
    for (index, class) in classes.iter().enumerate() {
        named.push((format!("dice_{class}"), scores.dice[index]));
        named.push((format!("iou_{class}"), scores.iou[index]));
    }
    if split != Split::Train {
        for (name, values) in scores.counted() {
            named.push((name.to_owned(), mean_of_defined(values)));
            named.extend(classes.iter().zip(values).map(|(class, value)| (format!("{name}_{class}"), *value)));
        }
    }
    named.extend(terms.iter().filter(|(name, _)| *name != loss::MINIMISED).map(|(name, value)| (name.clone(), *value)));
    named.into_iter().map(|(name, value)| (split.column(&name), value)).collect()
}

/// The header of metrics.csv.
pub fn header(config: &Loss, classes: &[String]) -> Vec<String> {
    let (none, terms) = (Scores::zeros(classes.len()), no_terms(config));
    let of =
        columns(Split::Train, &none, &terms, config, &[]).into_iter().chain(columns(Split::Val, &none, &terms, config, classes));
    ["epoch", "lr"].into_iter().map(str::to_owned).chain(of.map(|(name, _)| name)).collect()
}

/// The names of the columns that can pick the best epoch or steer the plateau schedule.
pub fn validation_names(loss: &Loss, classes: &[String]) -> Vec<String> {
    columns(Split::Val, &Scores::zeros(classes.len()), &no_terms(loss), loss, classes).into_iter().map(|(name, _)| name).collect()
}

/// 0 for each further term of a loss.
fn no_terms(loss: &Loss) -> BTreeMap<String, f64> {
    loss.further_terms().iter().map(|(_, term)| (term.column().to_owned(), 0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Focal;
    use crate::metric::describe;

    #[test]
    fn every_column_is_a_metric_and_has_its_value() {
        let scores = Scores {
            bce: vec![0.2, 0.4],
            dice_loss: vec![0.1, 0.5],
            dice: vec![0.9, 0.7],
            iou: vec![0.8, 0.5],
            recall: vec![1.0, 0.5],
            ..Scores::zeros(2)
        };
        let focal = Focal { weight: 0.5, ..Focal::default() };
        let config = Loss { bce: 2.0, dice: 1.0, class_weights: vec![3.0, 1.0], focal, ..Loss::default() };
        let terms = BTreeMap::from([("focal_loss".to_owned(), 0.8)]);
        let columns = columns(Split::Val, &scores, &terms, &config, &["disc".into(), "cup".into()]);
        let close = |name: &str, expected: f64| {
            let value = columns.iter().find(|(column, _)| column == name).unwrap().1;
            assert!((value - expected).abs() < 1e-12, "{name} = {value}, expected {expected}");
        };
        close("val_bce", 0.25);
        close("val_dice_loss", 0.2);
        close("val_loss", 1.1);
        close("val_focal_loss", 0.8);
        close("val_dice", 0.8);
        close("val_iou", 0.65);
        close("val_dice_cup", 0.7);
        close("val_iou_disc", 0.8);
        close("val_recall", 0.75);
        close("val_recall_cup", 0.5);
        assert!(columns.iter().all(|(name, _)| describe(name).is_some()));
    }
}
