//! The tables of groups and of runs.

use super::{Cell, Grid, Head};
use crate::metric::Split;
use crate::plan;
use crate::report::collect::{Comparison, Group, Run};
use crate::report::data_sets::List;
use crate::report::verdict::Verdict;
use crate::report::{column, describe, grid, of_group, stats};

/// One row per group of a list.
pub(super) fn groups(comparison: &Comparison, verdict: &Verdict, list: &List) -> Grid {
    let columns = beside(comparison, verdict);
    let metric = split_and_title(&verdict.column);
    let start =
        [Head::number("rank"), Head::text("group"), Head::text("runs"), Head::number(metric), Head::number("95 % interval")];
    let end = [Head::number("best epoch"), Head::number("time a run")];
    let middle = columns.iter().map(|column| Head::number(split_and_title(column)));
    let head = start.into_iter().chain(middle).chain(end).collect();
    let rows = list.groups.iter().map(|&at| {
        let standing = verdict.standings.iter().find(|standing| standing.group == at);
        let group = &comparison.groups[at];
        let spread = Cell::number(standing.map(|s| s.mean), |_| stats::spread(&group.values(&verdict.column), 4));
        let interval = standing.and_then(|s| s.interval);
        let interval = Cell {
            sort: interval.map(|i| i.0),
            ..Cell::text(interval.map_or("–".into(), |i| grid::interval_of_mean(&verdict.column, i, grid::DECIMALS)))
        };
        let mut row = vec![
            Cell::number(standing.map(|s| s.rank as f64), |rank| rank.to_string()),
            Cell::group(at, &group.name),
            Cell::text(of_group::finished(group)),
            spread,
            interval,
        ];
        row.extend(columns.iter().map(|column| {
            let values = group.values(column);
            Cell::number(stats::mean(&values), |_| stats::spread(&values, 4))
        }));
        row.push(Cell::number(group.best_epoch().map(|epoch| epoch as f64), |epoch| epoch.to_string()));
        row.push(Cell::number(stats::mean(&seconds(group)), clock));
        row
    });
    let rows = rows.collect();
    Grid { head, rows }
}

/// One row per run.
pub(super) fn runs(comparison: &Comparison) -> Grid {
    let columns = ["val_dice", "val_iou", "val_bce", "val_loss"];
    let tested = comparison.runs().any(|run| run.test.contains_key("test_dice"));
    let mut head = vec![Head::text("run"), Head::text("group"), Head::number("seed"), Head::text("fold"), Head::text("status")];
    head.extend([Head::number("epochs"), Head::number("best epoch")]);
    head.extend(columns.iter().map(|column| Head::number(split_and_title(column))));
    head.extend(tested.then(|| Head::number("test Dice")));
    head.push(Head::number("time"));
    let row = |group: &Group, run: &Run| {
        let place = |key: &str| run.differs.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone()).unwrap_or_default();
        let seed = place(plan::SEED);
        let mut row = vec![
            Cell { class: Some("id"), ..Cell::text(run.id.clone()) },
            Cell { class: Some("group"), ..Cell::text(describe::shown(&group.name)) },
            Cell { sort: seed.parse().ok(), ..Cell::text(seed) },
            Cell::text(place(plan::FOLD)),
            Cell::text(run.state.word()),
            Cell::number(Some(run.rows.len() as f64), |epochs| epochs.to_string()),
            Cell::number(run.best_epoch.map(|epoch| epoch as f64), |epoch| epoch.to_string()),
        ];
        let four = |value: f64| format!("{value:.4}");
        row.extend(columns.iter().map(|column| Cell::number(run.best.get(*column).copied(), four)));
        row.extend(tested.then(|| Cell::number(run.test.get("test_dice").copied(), four)));
        row.push(Cell::number(Some(run.seconds).filter(|s| *s > 0.0), clock));
        row
    };
    let rows = comparison.groups.iter().flat_map(|group| group.runs.iter().map(move |run| row(group, run))).collect();
    Grid { head, rows }
}

/// One row per group of a list, with values on the test split; no rows where there is no test split.
pub(super) fn tested(comparison: &Comparison, list: &List) -> Grid {
    let columns = grid::tested_columns(comparison);
    let number = |column: &String| Head::number(column::phrase(column));
    let head = std::iter::once(Head::text("group")).chain(columns.iter().map(number)).collect();
    let row = |at: usize| {
        let group = &comparison.groups[at];
        let value = |column: &String| {
            let values = of_group::values(group, column);
            Cell::number(stats::mean(&values), |_| stats::spread(&values, 4))
        };
        std::iter::once(Cell::group(at, &group.name)).chain(columns.iter().map(value)).collect()
    };
    let rows = if columns.is_empty() { Vec::new() } else { list.groups.iter().copied().map(row).collect() };
    Grid { head, rows }
}

/// What stands beside the verdict's column: what the reader has chosen, else the main scores of validation, Dice of every class where there are several, extra metrics.
pub(super) fn beside(comparison: &Comparison, verdict: &Verdict) -> Vec<String> {
    let classes = if comparison.classes.len() > 1 { &comparison.classes[..] } else { &[] };
    let main = ["dice", "iou", "bce", "loss"].into_iter().map(str::to_owned);
    let all = main.chain(classes.iter().map(|class| format!("dice_{class}"))).map(|stem| Split::Val.column(&stem));
    let all: Vec<String> = match &comparison.metrics {
        Some(chosen) => chosen.iter().map(|stem| Split::Val.column(stem)).collect(),
        None => all.chain(grid::extras(comparison, Split::Val)).collect(),
    };
    all.into_iter()
        .filter(|column| *column != verdict.column && comparison.groups.iter().any(|g| !g.values(column).is_empty()))
        .collect()
}

/// `test Dice`, `validation Dice, disc`.
fn split_and_title(column: &str) -> String {
    let split = if Split::Test.has(column) { Split::Test } else { Split::Val };
    format!("{} {}", split.prefix(), column::phrase(column))
}

fn seconds(group: &Group) -> Vec<f64> {
    group.settled().iter().map(|run| run.seconds).filter(|seconds| *seconds > 0.0).collect()
}

/// `12.3 s`, `4:05`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{}:{:02}", whole / 60, whole % 60),
        _ => format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60),
    }
}
