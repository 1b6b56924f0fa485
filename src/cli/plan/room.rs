//! Which columns of a plan a terminal has room for. Rows stay apart: what is swept is worth more than what it costs.

use super::super::text::{fit, fit_end, width, wrap};
use std::collections::BTreeSet;

/// Names and values of swept keys are cut to so many columns before costs are left out, and no further than to so many after.
const NARROW: [usize; 2] = [16, 8];

/// The column in place of all that are swept is broken into lines no narrower than this.
const BROKEN: usize = 16;

/// A column of the table.
#[derive(Clone)]
pub struct Column {
    pub head: String,
    /// Of one line or several.
    pub cells: Vec<String>,
    pub right: bool,
    kind: Kind,
}

/// What a column is, as far as it matters where there is no room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Id,
    Swept,
    /// In place of all that are swept.
    Group,
    /// Seed or fold.
    Repetition,
    /// May be left out; the smaller the earlier.
    Cost(u8),
    Kept,
}

impl Column {
    pub fn new(head: &str, kind: Kind, right: bool, cells: Vec<String>) -> Self {
        Self { head: head.to_owned(), cells, right, kind }
    }

    pub fn width(&self) -> usize {
        self.cells.iter().chain([&self.head]).flat_map(|cell| cell.lines()).map(width).max().unwrap_or(0)
    }

    /// Cut to a width: of a name the end stays, which tells it from others. Values stay whole if they would be the same otherwise.
    fn cut(&self, most: usize) -> Self {
        let cut = |way: fn(&str, usize) -> String| self.cells.iter().map(|cell| way(cell, most)).collect::<Vec<_>>();
        let distinct = |cells: &Vec<String>| cells.iter().collect::<BTreeSet<_>>().len();
        let apart = |cells: &Vec<String>| distinct(cells) == distinct(&self.cells);
        let cells = [cut(fit), cut(fit_end)].into_iter().find(apart).unwrap_or_else(|| self.cells.clone());
        Self { head: fit_end(&self.head, most), cells, ..*self }
    }
}

/// The width of all columns with the space between them.
pub fn total(table: &[Column]) -> usize {
    table.iter().map(|column| column.width() + 2).sum::<usize>().saturating_sub(2)
}

/// The table as narrow as it must be, and what was left out. Where swept columns do not fit, `groups` holds the values that differ.
pub fn fitted(mut table: Vec<Column>, groups: Column, columns: usize) -> (Vec<Column>, Vec<String>) {
    if total(&table) > columns {
        // What is before the hash repeats the columns beside it.
        table[0].cells.iter_mut().for_each(|cell| *cell = cell.rsplit('-').next().unwrap_or_default().to_owned());
    }
    if total(&table) <= columns {
        return (table, Vec::new());
    }
    let (first, left_out) = without_costs(cut(&table, NARROW[0]), columns);
    let narrower = (NARROW[1]..=NARROW[0]).rev().map(|most| cut(&first, most));
    if let Some(fits) = narrower.filter(|table| total(table) <= columns).find(|table| heads_differ(table)) {
        return (fits, left_out);
    }
    in_one(table, groups, columns)
}

/// The table with one column for all that is swept, in several lines where it must be.
fn in_one(table: Vec<Column>, groups: Column, columns: usize) -> (Vec<Column>, Vec<String>) {
    let mut table: Vec<Column> = table.into_iter().filter(|column| column.kind != Kind::Swept).collect();
    table.insert(1, groups);
    let (mut table, mut left_out) = without_costs(table, columns);
    let room = columns.saturating_sub(total(&table) - table[1].width());
    if table[1].width() > room {
        table[1].cells.iter_mut().for_each(|cell| *cell = broken(cell, room.max(BROKEN)));
    }
    while total(&table) > columns {
        let Some(at) = table.iter().rposition(|column| matches!(column.kind, Kind::Group | Kind::Repetition)) else { break };
        left_out.push(table.remove(at).head);
    }
    (table, left_out)
}

/// A group in lines that break between its values, and within one only where that is too long.
fn broken(cell: &str, most: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in cell.split_inclusive(", ").map(str::trim_end) {
        match lines.last_mut().filter(|line| width(line) + 1 + width(part) <= most) {
            Some(line) => *line = format!("{line} {part}"),
            None => lines.extend(wrap(part, most, 2)),
        }
    }
    lines.join("\n")
}

fn cut(table: &[Column], most: usize) -> Vec<Column> {
    table.iter().map(|column| if column.kind == Kind::Swept { column.cut(most) } else { column.clone() }).collect()
}

/// Leaves out as many costs as it must.
fn without_costs(mut table: Vec<Column>, columns: usize) -> (Vec<Column>, Vec<String>) {
    let mut left_out = Vec::new();
    for order in 0..=2 {
        if total(&table) > columns {
            let at = table.iter().position(|column| column.kind == Kind::Cost(order)).expect("all are there");
            left_out.push(table.remove(at).head);
        }
    }
    (table, left_out)
}

fn heads_differ(table: &[Column]) -> bool {
    table.iter().map(|column| &column.head).collect::<BTreeSet<_>>().len() == table.len()
}
