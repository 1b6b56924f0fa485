//! The tables of a report as rows of words, before they are written in Markdown or LaTeX: what is shown, in which order, and which
//! values stand out.

use super::collect::{Comparison, Group};
use super::data_sets::List;
use super::rows::{Grid, Row};
use super::verdict::{Pair, Standing, Verdict};
use super::{column, constant, describe, of_group, stats, verdict};
use crate::metric::{self, Direction, ExtraMetric, Split};
use crate::text::counted;

/// Decimals of every value on a page; a paper's tables have fewer.
pub(super) const DECIMALS: usize = 4;

/// Pairs at most on a page.
pub(super) const PAIRS: usize = 30;

/// A group with its place in the ranking, if it has one.
pub(super) type Placed<'a> = (&'a Group, Option<&'a Standing>);

/// The groups of a list.
pub(super) fn placed<'a>(comparison: &'a Comparison, verdict: &'a Verdict, list: &List) -> Vec<Placed<'a>> {
    let standing = |group: usize| verdict.standings.iter().find(|s| s.group == group);
    list.groups.iter().map(|group| (&comparison.groups[*group], standing(*group))).collect()
}

/// The columns of the tables of groups: what ranks, then what the reader has chosen, else Dice, IoU and loss, of the same split.
pub(super) fn columns(comparison: &Comparison, verdict: &Verdict) -> Vec<String> {
    let split = split(verdict);
    let stems = match &comparison.metrics {
        Some(chosen) => chosen.clone(),
        None => ["dice", "iou", "loss"].map(str::to_owned).to_vec(),
    };
    let others = stems.iter().map(|stem| split.column(stem)).filter(|column| *column != verdict.column);
    std::iter::once(verdict.column.clone()).chain(others).collect()
}

/// The extra metrics of a split that some group has, each in the mean over classes.
pub(super) fn extras(comparison: &Comparison, split: Split) -> Vec<String> {
    let all =
        ExtraMetric::ALL.into_iter().flat_map(|extra| ["", "_mm"].map(|unit| split.column(&format!("{}{unit}", extra.name()))));
    all.filter(|column| comparison.groups.iter().any(|group| !of_group::values(group, column).is_empty())).collect()
}

/// Of which columns less is better, in a sentence; empty where there is none.
pub(super) fn less_is_better(columns: &[String]) -> String {
    let lower = |column: &&String| metric::describe(column).is_some_and(|metric| metric.direction == Direction::Lower);
    let mut names: Vec<String> = columns.iter().filter(lower).map(|column| column::phrase(column)).collect();
    names.dedup();
    if names.is_empty() { String::new() } else { format!("Less is better: {}.", names.join(", ")) }
}

fn split(verdict: &Verdict) -> Split {
    if Split::Test.has(&verdict.column) { Split::Test } else { Split::Val }
}

/// A column's name at the head of a table.
pub(super) fn heading(column: &str) -> String {
    if Split::Test.has(column) { format!("Test {}", column::phrase(column)) } else { column::title(column) }
}

/// Rank, runs, values and interval of each group; those that share the first rank stand out.
pub(super) fn groups(comparison: &Comparison, verdict: &Verdict, list: &List, decimals: usize) -> Grid {
    let columns = columns(comparison, verdict);
    let mut header: Vec<String> = ["rank", "group", "n"].map(str::to_owned).to_vec();
    header.extend([heading(&columns[0]), "95 % interval".to_owned()]);
    header.extend(columns[1..].iter().map(|c| heading(c)).chain(["best epoch".to_owned()]));
    let several = list.groups.len() > 1;
    let row = |(group, standing): Placed| {
        let rank = standing.map_or("–".to_owned(), |s| s.rank.to_string());
        let mut cells = vec![rank, describe::shown(&group.name), of_group::finished(group)];
        cells.push(stats::spread(&of_group::values(group, &columns[0]), decimals));
        cells.push(standing.and_then(|s| s.interval).map_or("–".to_owned(), |i| interval_of_mean(&columns[0], i, decimals)));
        cells.extend(columns[1..].iter().map(|c| stats::spread(&of_group::values(group, c), decimals)));
        cells.push(of_group::best_epoch(group));
        Row { cells, strong: standing.filter(|s| several && s.rank == 1).map(|_| 3) }
    };
    let constant = constant::of_list(comparison, list, &columns).map(|scores| {
        let scores: Vec<String> = scores.into_iter().map(|score| stats::plain(&Vec::from_iter(score), decimals)).collect();
        let (first, others) = scores.split_first().expect("there are columns");
        let mut cells = ["–", constant::LABEL, "–"].map(str::to_owned).to_vec();
        cells.extend([first.clone(), "–".to_owned()]);
        cells.extend(others.iter().cloned().chain(["–".to_owned()]));
        Row { cells, strong: None }
    });
    let rows = placed(comparison, verdict, list).into_iter().map(row).chain(constant).collect();
    let note = "n counts the finished runs of all; values are mean ± sample standard deviation over runs, the interval is that of the mean \
                (by the t of the differences; of a group that was not tested Student's t over runs), cut where the metric ends.";
    let shared = " Groups without a significant difference to the first of a rank share it; those of the first are bold.";
    Grid { header, rows, words: vec![1], note: format!("{note}{}", if several { shared } else { "" }) }
}

/// Extra metrics of the split that ranks; nothing where none was asked for, or the reader has chosen what is shown.
pub(super) fn extra(comparison: &Comparison, verdict: &Verdict, list: &List, decimals: usize) -> Option<Grid> {
    let extras = if comparison.metrics.is_some() { Vec::new() } else { extras(comparison, split(verdict)) };
    let columns: Vec<String> = extras.into_iter().filter(|c| *c != verdict.column).collect();
    let header = std::iter::once("group".to_owned()).chain(columns.iter().map(|c| heading(c))).collect();
    let grid = Grid { header, note: less_is_better(&columns), ..values(comparison, verdict, list, &columns, decimals) };
    (!columns.is_empty()).then_some(grid)
}

/// What ranks, if classes have it, and these scores of each class; nothing where there is one class, or the reader has chosen what is shown.
pub(super) fn classes(comparison: &Comparison, verdict: &Verdict, list: &List, scores: &[&str], decimals: usize) -> Option<Grid> {
    let columns = class_columns(comparison, verdict, scores);
    (!columns.is_empty()).then(|| values(comparison, verdict, list, &columns, decimals))
}

fn class_columns(comparison: &Comparison, verdict: &Verdict, scores: &[&str]) -> Vec<String> {
    let (split, classes) = (split(verdict), &comparison.classes);
    if classes.len() < 2 || comparison.metrics.is_some() {
        return Vec::new();
    }
    let by = metric::describe(&verdict.column).map(|metric| metric.name).filter(|by| !scores.contains(by));
    let of = |score: &str| classes.iter().map(|class| split.column(&format!("{score}_{class}"))).collect::<Vec<_>>();
    let there = |column: &String| comparison.groups.iter().any(|group| !of_group::values(group, column).is_empty());
    by.into_iter().flat_map(of).filter(there).chain(scores.iter().copied().flat_map(of)).collect()
}

/// Values on the test split; nothing where there is no test split.
pub(super) fn tested(comparison: &Comparison, verdict: &Verdict, list: &List, decimals: usize) -> Option<Grid> {
    let columns = tested_columns(comparison);
    let grid = Grid { note: less_is_better(&columns), ..values(comparison, verdict, list, &columns, decimals) };
    (!columns.is_empty()).then_some(grid)
}

/// What of the test split is not in the table of groups with these scores of classes; nothing where that is nothing.
pub(super) fn further_tested(
    comparison: &Comparison,
    verdict: &Verdict,
    list: &List,
    scores: &[&str],
    decimals: usize,
) -> Option<Grid> {
    let known = [columns(comparison, verdict), class_columns(comparison, verdict, scores)].concat();
    let columns: Vec<String> =
        tested_columns(comparison).into_iter().filter(|column| !known.contains(&of_group::prefixed(column))).collect();
    let grid = Grid { note: less_is_better(&columns), ..values(comparison, verdict, list, &columns, decimals) };
    (!columns.is_empty()).then_some(grid)
}

/// What the reader has chosen, else loss and scores of the test split, of classes where there are several, those at a threshold that was
/// asked for, then extra metrics.
pub(super) fn tested_columns(comparison: &Comparison) -> Vec<String> {
    if let Some(chosen) = &comparison.metrics {
        let there = of_group::tested(comparison);
        let there = |column: &String| there.iter().any(|known| of_group::prefixed(known) == *column);
        return chosen.iter().map(|stem| Split::Test.column(stem)).filter(there).collect();
    }
    let alone = comparison.classes.len() == 1;
    let of_all = |c: &String| !alone || metric::describe(c).is_some_and(|m| m.class.is_none());
    let main = of_group::tested(comparison).into_iter().filter(|c| column::is_main(c) && of_all(c));
    let at_threshold = ["dice", "iou"].map(|score| Split::Test.column(&format!("{score}_at_threshold")));
    let asked = |column: &String| comparison.runs().any(|run| run.test.contains_key(column));
    main.chain(at_threshold.into_iter().filter(asked)).chain(extras(comparison, Split::Test)).collect()
}

fn values(comparison: &Comparison, verdict: &Verdict, list: &List, columns: &[String], decimals: usize) -> Grid {
    let header = std::iter::once("group".to_owned()).chain(columns.iter().map(|c| column::title(c))).collect();
    let row = |(group, _): Placed| {
        let values = columns.iter().map(|c| stats::spread(&of_group::values(group, c), decimals));
        Row { cells: std::iter::once(describe::shown(&group.name)).chain(values).collect(), strong: None }
    };
    Grid { header, rows: placed(comparison, verdict, list).into_iter().map(row).collect(), words: vec![0], note: String::new() }
}

/// Pairwise differences, at most so many: with more, only those with the best group, and of these the first. Significant ones stand out.
/// Nothing where no pair could be tested.
pub(super) fn pairs(comparison: &Comparison, verdict: &Verdict, most: usize, decimals: usize) -> Option<Grid> {
    let first = verdict.pairs.first()?;
    let best: Vec<usize> = verdict.bests().map(|standing| standing.group).collect();
    let all = verdict.pairs.len();
    let of_best = |pair: &&Pair| all <= most || best.contains(&pair.better) || best.contains(&pair.worse);
    let shown: Vec<&Pair> = verdict.pairs.iter().filter(of_best).take(most).collect();
    let header = ["better", "worse", "difference", "95 % interval", "p", "p (Holm)"].map(str::to_owned).to_vec();
    let name = |group: usize| describe::shown(&comparison.groups[group].name);
    let row = |pair: &Pair| Row {
        cells: vec![
            name(pair.better),
            name(pair.worse),
            format!("{:.decimals$}", pair.difference),
            interval(pair.interval, decimals),
            probability(pair.p),
            probability(pair.p_holm),
        ],
        strong: pair.significant.then_some(2),
    };
    let (title, basis) = (heading(&verdict.column), verdict::basis(first));
    let note = format!(
        "Differences of {title} ({basis}) with 95 % intervals and p by one t of the random-effects model of all groups, seeds and {}s, and p after \
         Holm's correction for {}; bold where that is below 0.05.{}",
        first.unit.noun(),
        counted(all, "pair"),
        if shown.len() < all { format!(" Shown are {} with the best group.", shown.len()) } else { String::new() }
    );
    Some(Grid { header, rows: shown.into_iter().map(row).collect(), words: vec![0, 1], note })
}

/// How far each group of a list is from the best one, in the order of the list; below zero where it is better. Nothing where no pair with the
/// best could be tested.
pub(super) fn from_best(comparison: &Comparison, verdict: &Verdict, list: &List, decimals: usize) -> Option<Grid> {
    let best = *list.groups.first()?;
    let pair = |other: usize| verdict.pairs.iter().find(|p| [(best, other), (other, best)].contains(&(p.better, p.worse)));
    let pairs: Vec<(usize, &Pair)> = list.groups[1..].iter().filter_map(|other| Some((*other, pair(*other)?))).collect();
    let first = pairs.first()?.1;
    let row = |(other, pair): &(usize, &Pair)| {
        let (low, high) = pair.interval;
        let ahead = pair.better == best;
        let (difference, ends) = if ahead { (pair.difference, (low, high)) } else { (-pair.difference, (-high, -low)) };
        let difference = format!("{difference:.decimals$}").replace('-', "−");
        let cells = vec![
            describe::shown(&comparison.groups[*other].name),
            difference,
            interval(ends, decimals),
            probability(pair.p_holm),
        ];
        Row { cells, strong: pair.significant.then_some(1) }
    };
    let note = format!(
        "By how much {} is better in {} than each other group ({}): differences with 95 % intervals by the random-effects model of all groups, \
         seeds and {}s, and p after Holm's correction for {}; bold where that is below 0.05.",
        describe::shown(&comparison.groups[best].name),
        heading(&verdict.column),
        verdict::basis(first),
        first.unit.noun(),
        counted(verdict.pairs.len(), "pair")
    );
    let header = ["group", "difference", "95 % interval", "p (Holm)"].map(str::to_owned).to_vec();
    Some(Grid { header, rows: pairs.iter().map(row).collect(), words: vec![0], note })
}

/// The interval of a mean, cut at the least and the greatest value that the column can have.
pub(super) fn interval_of_mean(column: &str, (low, high): (f64, f64), decimals: usize) -> String {
    let (least, most) = metric::describe(column).map_or((f64::NEG_INFINITY, f64::INFINITY), |metric| metric.range);
    interval((low.clamp(least, most), high.clamp(least, most)), decimals)
}

fn interval((low, high): (f64, f64), decimals: usize) -> String {
    let number = |value: f64| format!("{value:.decimals$}").replace('-', "−");
    format!("{} to {}", number(low), number(high))
}

/// A probability as papers write it.
fn probability(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

impl Grid {
    /// This table with the columns of another of the same rows, but for its first, and its note; dashes in rows that the other has not.
    pub(super) fn beside(mut self, other: Grid) -> Grid {
        self.note = format!("{} {}", self.note, other.note).trim().to_owned();
        let more = other.header.len().saturating_sub(1);
        self.header.extend(other.header.into_iter().skip(1));
        let mut others = other.rows.into_iter();
        for row in &mut self.rows {
            let cells = others.next().map(|other| other.cells.into_iter().skip(1).collect());
            row.cells.extend(cells.unwrap_or_else(|| vec!["–".to_owned(); more]));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_the_other_table_lacks_has_dashes() {
        let grid = |names: &[&str], title: &str| Grid {
            header: ["group", title].map(str::to_owned).to_vec(),
            rows: names.iter().map(|name| Row { cells: vec![(*name).to_owned(), "1".to_owned()], strong: None }).collect(),
            ..Grid::default()
        };
        let both = grid(&["a", "constant"], "x").beside(grid(&["a"], "y"));
        assert_eq!(both.header, ["group", "x", "y"]);
        let cells: Vec<&[String]> = both.rows.iter().map(|row| &row.cells[..]).collect();
        assert_eq!(cells, [["a", "1", "1"], ["constant", "1", "–"]]);
    }

    #[test]
    fn an_interval_ends_where_the_metric_does() {
        assert_eq!(interval_of_mean("test_dice", (-3.5425, 4.5894), 4), "0.0000 to 1.0000");
        assert_eq!(interval_of_mean("val_hd95", (-2.0, 4.5), 4), "0.0000 to 4.5000");
        assert_eq!(interval_of_mean("val_unheard_of", (-2.0, 4.5), 4), "−2.0000 to 4.5000");
    }
}
