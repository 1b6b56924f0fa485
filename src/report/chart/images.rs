//! Strips of single images' scores: how they are spread within each group, for every class.

use super::axes::Axis;
use super::strip::{Row, Strip};
use super::{Drawn, Source, file_name};
use crate::report::images::Measure;
use crate::report::{column, describe, stats};
use crate::text::counted;

/// The most groups in a strip.
const MOST: usize = 12;
/// Dots of all groups together; of more images every so-manieth by rank is drawn.
const DOTS: usize = 1500;

/// A strip for each class, or one where there is one class.
pub(crate) fn draw(source: &Source) -> Vec<Drawn> {
    let measure = Measure::of(source.comparison, source.verdict);
    let classes = &source.comparison.classes;
    // One group of one run has its worst and best images beside it; a strip shows what lies between.
    match &measure.class {
        Some(class) => strip(source, &measure, Some(class)).into_iter().collect(),
        None if classes.len() > 1 => classes.iter().filter_map(|class| strip(source, &measure, Some(class))).collect(),
        None => strip(source, &measure, None).into_iter().collect(),
    }
}

fn strip(source: &Source, measure: &Measure, class: Option<&str>) -> Option<Drawn> {
    let groups = &source.comparison.groups;
    let scored = |group: usize| {
        let dots: Vec<f64> = measure.scores(&groups[group], class).into_values().collect();
        let mean = stats::mean(&dots)?;
        let name = Some(describe::shown(&groups[group].name)).filter(|name| !name.is_empty()).unwrap_or("all runs".to_owned());
        Some(Row { group, name, rank: None, words: format!("{mean:.3}"), dots, mean, interval: None, failed: 0 })
    };
    let mut rows: Vec<Row> = source.verdict.order(source.comparison).into_iter().filter_map(scored).collect();
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let column = measure.column(class);
    let said: Vec<String> = rows.iter().map(|row| said(row, &column)).collect();
    let most = (DOTS / rows.len().max(1)).max(2);
    let thinned = rows.iter().any(|row| row.dots.len() > most);
    rows.iter_mut().for_each(|row| row.dots = by_rank(std::mem::take(&mut row.dots), most));
    let values = || rows.iter().flat_map(|row| row.dots.iter().copied());
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let title = format!("{} of single images, {} split", column::title(&column), measure.split.word());
    let axis = Axis::values(low, high, column::range(&column), &column::title(&column));
    let name = class.map_or("images".to_owned(), |class| format!("images-{}", file_name(class)));
    let dot = if thinned { "images, evenly by rank" } else { "image, mean of the runs" };
    let strip = Strip { id: &name, axis: axis.padded(0.03), rows, more, head: "mean".to_owned(), dot: dot.to_owned() };
    let description = format!("One dot per image: the mean over the runs of a group. {}.", said.join("; "));
    let svg = strip.draw(&title, &description);
    Some(Drawn { name, title, svg })
}

/// `lr 1: 30 images, median 0.912, worst 0.604`.
fn said(row: &Row, column: &str) -> String {
    let mut dots = row.dots.clone();
    dots.sort_by(f64::total_cmp);
    let worst = if column::higher_is_better(column) { dots.first() } else { dots.last() };
    let images = counted(dots.len(), "image");
    let median = crate::metric::quantile(&dots, 0.5);
    format!("{}: {images}, median {median:.3}, worst {:.3}", row.name, worst.copied().unwrap_or(f64::NAN))
}

/// At most so many values, evenly by rank, both ends among them.
fn by_rank(mut values: Vec<f64>, most: usize) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    if values.len() <= most { values } else { (0..most).map(|at| values[at * last / (most - 1)]).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_values_both_ends_are_drawn() {
        let values: Vec<f64> = (0..100).rev().map(f64::from).collect();
        assert_eq!(by_rank(values, 4), [0.0, 33.0, 66.0, 99.0]);
        assert_eq!(by_rank(vec![2.0, 1.0], 4), [1.0, 2.0]);
    }
}
