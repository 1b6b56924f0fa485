//! Tables of numbers: summary.csv, groups.csv and the table for a terminal.

use super::collect::{Comparison, Group, Run};
use super::data_sets::{List, lists};
use super::of_group::{best_epoch, count_finished, finished, prefixed, tested, values};
use super::verdict::Verdict;
use super::{constant, describe, grid, stats};
use crate::metric::Split;
use crate::{plan, text};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};

/// The rows of summary.csv, header first. Numbers are written in full; what does not exist is empty.
pub(super) fn summary(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in comparison.runs().flat_map(|r| &r.differs) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|key| (*key == plan::SEED, *key == plan::FOLD));
    let val: Vec<String> = comparison.columns().into_iter().filter(|c| Split::Val.has(c)).collect();
    let test = tested(comparison);
    let data = several_data_sets(comparison).then_some(DATA_SET);
    let head = ["run", "group"].into_iter().chain(data).chain(keys.iter().copied()).chain(["status", "epochs", "best_epoch"]);
    let tail = test.iter().map(|c| prefixed(c)).chain(["seconds".to_owned(), "cause".to_owned()]);
    let header = head.map(str::to_owned).chain(val.iter().cloned()).chain(tail).collect();
    let rows = comparison.groups.iter().flat_map(|g| {
        g.runs.iter().map(|run| {
            let mut row = row(g, run, &keys, &val, &test);
            row.splice(2..2, data.map(|_| run.data.clone()));
            row
        })
    });
    std::iter::once(header).chain(rows).collect()
}

/// The column of the data set's fingerprint, where there are several: ranks count within one.
const DATA_SET: &str = "dataset_fingerprint";

fn several_data_sets(comparison: &Comparison) -> bool {
    let mut known = comparison.runs().map(|run| run.data.as_str()).filter(|data| !data.is_empty());
    known.next().is_some_and(|first| known.any(|other| other != first))
}

fn row(group: &Group, run: &Run, keys: &[&str], val: &[String], test: &[String]) -> Vec<String> {
    let number = |v: Option<&f64>| v.map(f64::to_string).unwrap_or_default();
    let differs = |key: &&str| run.differs.iter().find(|d| d.0 == **key).map(|d| d.1.clone()).unwrap_or_default();
    let mut row = vec![run.id.clone(), group.name.clone()];
    row.extend(keys.iter().map(differs));
    row.extend([run.state.word().to_owned(), run.rows.len().to_string()]);
    row.push(run.best_epoch.map(|e| e.to_string()).unwrap_or_default());
    row.extend(val.iter().map(|c| number(run.best.get(c))));
    row.extend(test.iter().map(|c| number(run.test.get(c))));
    row.extend([format!("{:.3}", run.seconds), run.cause.clone().unwrap_or_default()]);
    row
}

/// The columns of groups.csv. Where runs are of several data sets, their fingerprint follows.
const GROUPS: [&str; 9] = ["group", "rank", "runs", "metric", "n", "mean", "sd", "low", "high"];

/// The rows of groups.csv, header first: one for each group and metric, validation at the best epoch, then test; with the group's rank among
/// those of its data set, its finished runs, n of the metric, mean, sample standard deviation and the mean's 95 % interval. The interval
/// of the column that groups are judged by is that of the report. What does not exist is empty.
pub(super) fn groups(comparison: &Comparison, verdict: &Verdict) -> Vec<Vec<String>> {
    let test = tested(comparison).into_iter().map(|c| prefixed(&c));
    let columns: Vec<String> = comparison.columns().into_iter().filter(|c| Split::Val.has(c)).chain(test).collect();
    let data = several_data_sets(comparison).then_some(DATA_SET);
    let header = GROUPS.into_iter().chain(data).map(str::to_owned).collect();
    let of_group = |(at, group): (usize, &Group)| {
        let standing = verdict.standings.iter().find(|s| s.group == at);
        let rank = standing.map(|s| s.rank.to_string()).unwrap_or_default();
        let row = |column: &String| {
            let values = values(group, column);
            let judged = standing.filter(|_| *column == verdict.column).and_then(|standing| standing.interval);
            let spread = spread(&values, judged.or_else(|| stats::interval(&values)));
            let start = [group.name.clone(), rank.clone(), count_finished(group).to_string(), column.clone()];
            start.into_iter().chain(spread).chain(data.map(|_| group.data().to_owned())).collect::<Vec<String>>()
        };
        columns.iter().map(row).collect::<Vec<_>>()
    };
    std::iter::once(header).chain(comparison.groups.iter().enumerate().flat_map(of_group)).collect()
}

/// n, mean, deviation and interval in full.
fn spread(values: &[f64], interval: Option<(f64, f64)>) -> [String; 5] {
    let numbers = [stats::mean(values), stats::deviation(values), interval.map(|i| i.0), interval.map(|i| i.1)];
    let [mean, sd, low, high] = numbers.map(|v| v.map(|v| v.to_string()).unwrap_or_default());
    [values.len().to_string(), mean, sd, low, high]
}

/// The groups for a terminal, the best first, then the verdict in words and what failed; no line is longer than so many characters,
/// but for columns of numbers that take more.
pub(super) fn terminal(comparison: &Comparison, verdict: &Verdict, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for list in lists(comparison, verdict) {
        lines.extend(list.title.iter().flat_map(|title| wrap(&format!("{title}:"), columns, "")));
        lines.extend(ranking(comparison, verdict, &list, columns).to_string().lines().map(|line| line.trim_end().to_owned()));
    }
    for line in verdict.words.iter().chain(&constant::words(comparison)).chain([&describe::counts(comparison)]) {
        lines.extend(wrap(line, columns, ""));
    }
    for (run, cause) in describe::troubled(comparison) {
        lines.extend(wrap(&format!("{} {}: {cause}", run.state.word(), run.id), columns, "  "));
    }
    lines.join("\n") + "\n"
}

fn ranking(comparison: &Comparison, verdict: &Verdict, list: &List, wide: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.force_no_tty().set_width(u16::try_from(wide).unwrap_or(u16::MAX));
    for between_rows in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(between_rows);
    }
    let columns = match comparison.metrics {
        Some(_) => grid::columns(comparison, verdict),
        None => grid::columns(comparison, verdict).into_iter().take(3).collect(),
    };
    let titles = columns.iter().map(|c| grid::heading(c));
    let header: Vec<String> =
        ["rank", "group", "runs"].into_iter().map(str::to_owned).chain(titles).chain(["epoch".to_owned()]).collect();
    table.set_header(header.clone());
    let mut rows = Vec::new();
    for (group, standing) in grid::placed(comparison, verdict, list) {
        let rank = standing.map_or("–".to_owned(), |s| s.rank.to_string());
        let mut row = vec![rank, describe::shown(&group.name), finished(group), stats::spread(&values(group, &columns[0]), 3)];
        row.extend(columns[1..].iter().map(|c| stats::plain(&values(group, c), 3)));
        row.push(best_epoch(group));
        rows.push(row);
    }
    if let Some(scores) = constant::of_list(comparison, list, &columns) {
        let scores = scores.into_iter().map(|score| stats::plain(&Vec::from_iter(score), 3));
        let name = ["–", constant::LABEL, "–"].map(str::to_owned).into_iter();
        rows.push(name.chain(scores).chain(["–".to_owned()]).collect());
    }
    let most = room(&header, &rows, wide);
    for mut row in rows {
        row[1] = wrap(&row[1], most, "").join("\n");
        table.add_row(row);
    }
    for (_, column) in table.column_iter_mut().enumerate().filter(|(at, _)| *at != 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Characters that a line of so many has for a group's name, beside the other columns and what lies between them.
fn room(header: &[String], rows: &[Vec<String>], wide: usize) -> usize {
    let width = |column: usize| rows.iter().chain([&header.to_vec()]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let others: usize = (0..header.len()).filter(|column| *column != 1).map(|column| width(column) + 3).sum();
    wide.saturating_sub(others + 3).max(8)
}

/// Where a long name is broken if it can be.
const JOINTS: [char; 4] = ['.', '_', '-', '/'];

fn wrap(text: &str, most: usize, indent: &str) -> Vec<String> {
    text::wrap(text, most, indent, &JOINTS, |line| line.chars().count())
}
