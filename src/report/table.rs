//! Tables of numbers: summary.csv and the table for a terminal.

use super::collect::{Comparison, Group, Run, State};
use super::{column, describe, stats};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use std::collections::BTreeSet;

/// Columns of the tables of groups.
pub(super) const GROUP_COLUMNS: [&str; 3] = ["val_dice", "val_iou", "val_loss"];

/// The rows of summary.csv, header first. Numbers are written in full; what does not exist is empty.
pub(super) fn summary(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in comparison.runs().flat_map(|r| &r.differs) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|key| (*key == "seed", *key == "fold"));
    let val: Vec<String> = comparison.columns().into_iter().filter(|c| c.starts_with("val_")).collect();
    let test = tested(comparison);
    let head = ["run", "group"].into_iter().chain(keys.iter().copied()).chain(["status", "epochs", "best_epoch"]);
    let tail = test.iter().map(|c| prefixed(c)).chain(["seconds".to_owned(), "cause".to_owned()]);
    let header = head.map(str::to_owned).chain(val.iter().cloned()).chain(tail).collect();
    let rows = comparison.groups.iter().flat_map(|g| g.runs.iter().map(|run| row(g, run, &keys, &val, &test)));
    std::iter::once(header).chain(rows).collect()
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

/// Columns of the test part: overall ones first, then in the order of the alphabet.
pub(super) fn tested(comparison: &Comparison) -> Vec<String> {
    let columns: BTreeSet<&String> = comparison.runs().flat_map(|r| r.test.keys()).collect();
    let mut columns: Vec<String> = columns.into_iter().cloned().collect();
    columns.sort_by_key(|c| comparison.classes.iter().any(|class| c.ends_with(&format!("_{class}"))));
    columns
}

fn prefixed(column: &str) -> String {
    if column.starts_with("test_") { column.to_owned() } else { format!("test_{column}") }
}

/// Finished runs of all runs: `2/3`.
pub(super) fn finished(group: &Group) -> String {
    format!("{}/{}", group.runs.iter().filter(|r| r.state == State::Finished).count(), group.runs.len())
}

/// Mean best epoch of the runs that speak for a group.
pub(super) fn best_epoch(group: &Group) -> String {
    let epochs: Vec<f64> = group.settled().iter().filter_map(|r| r.best_epoch).map(|e| e as f64).collect();
    stats::mean(&epochs).map(|mean| format!("{:.0}", mean.round())).unwrap_or_else(|| "–".to_owned())
}

/// The groups for a terminal, then the headline and what failed; no line is longer than 80 characters.
pub(super) fn terminal(comparison: &Comparison) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.force_no_tty().set_width(80);
    for between_rows in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(between_rows);
    }
    let titles = GROUP_COLUMNS.map(column::title);
    table.set_header(["group", "runs"].into_iter().map(str::to_owned).chain(titles).chain(["epoch".to_owned()]));
    for group in &comparison.groups {
        let [dice, iou, loss] = GROUP_COLUMNS.map(|c| group.best(c));
        let values = [stats::spread(&dice, 3), stats::plain(&iou, 3), stats::plain(&loss, 3)];
        let start = [describe::shown(&group.name), finished(group)];
        table.add_row(start.into_iter().chain(values).chain([best_epoch(group)]));
    }
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    let mut lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    for line in [describe::headline(comparison), describe::counts(comparison)] {
        lines.extend(wrap(&line, 80, ""));
    }
    for (run, cause) in describe::troubled(comparison) {
        lines.extend(wrap(&format!("{} {}: {cause}", run.state.word(), run.id), 80, "  "));
    }
    lines.join("\n") + "\n"
}

/// Breaks a line between words, or within one that is too long, into lines of at most `most` characters.
fn wrap(text: &str, most: usize, indent: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().expect("there is a first line");
            let empty = line.trim().is_empty();
            let room = most.saturating_sub(line.chars().count() + usize::from(!empty));
            if word.len() <= room {
                line.push_str(if empty { "" } else { " " });
                line.extend(word);
                break;
            }
            if empty {
                line.extend(word.drain(..room));
            }
            lines.push(indent.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_long() {
        let text = format!("failed: the loss was NaN {} at epoch 3", "x".repeat(200));
        let lines = wrap(&text, 80, "  ");
        assert!(lines.iter().all(|l| l.chars().count() <= 80), "{lines:?}");
        let squeeze = |s: String| s.replace(' ', "");
        assert_eq!(squeeze(lines.concat()), squeeze(text));
    }
}
