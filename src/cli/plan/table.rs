//! The table of a plan: for a terminal of any width, and as CSV.

use super::super::summary::{bytes, giga, thousands};
use super::super::text::{clock_or_dash, fit, padded, width, wrap};
use super::names::Names;
use super::row::Row;
use umlaut::plan::{Cost, Plan};

/// Names and values of swept keys are cut to so many columns before costs are left out, and no further than to so many after.
const NARROW: [usize; 2] = [16, 8];

/// A column of the table.
struct Column {
    head: String,
    cells: Vec<String>,
    right: bool,
    kind: Kind,
}

/// What a column is, as far as it matters where there is no room for all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    Swept,
    /// May be left out; the smaller the earlier.
    Cost(u8),
    Kept,
}

impl Column {
    fn new(head: &str, kind: Kind, right: bool, cells: Vec<String>) -> Self {
        Self { head: head.to_owned(), cells, right, kind }
    }

    fn width(&self) -> usize {
        self.cells.iter().chain([&self.head]).map(|cell| width(cell)).max().unwrap_or(0)
    }

    fn cut(&mut self, most: usize) {
        self.cells.iter_mut().chain([&mut self.head]).for_each(|cell| *cell = fit(cell, most));
    }
}

/// The table, header first, no line wider than `columns`; below it which columns were left out.
pub fn text(names: &Names, rows: &[Row<'_>], columns: usize) -> String {
    let mut table = all(names, rows);
    let left_out = make_room(&mut table, columns);
    let widths: Vec<usize> = table.iter().map(Column::width).collect();
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells: Vec<String> = table.iter().zip(&widths).map(|(c, width)| padded(&cell(c), *width, c.right)).collect();
        fit(cells.join("  ").trim_end(), columns) + "\n"
    };
    let mut text = line(&|column| column.head.clone());
    text += &(fit(&"─".repeat(total(&table)), columns) + "\n");
    text.extend((0..rows.len()).map(|row| line(&|column| column.cells[row].clone())));
    if !left_out.is_empty() {
        let lines = wrap(&format!("no room for {}; --csv has all", left_out.join(", ")), columns, 4);
        text.extend(lines.iter().map(|line| format!("{}\n", line.trim_end())));
    }
    text
}

fn all(names: &Names, rows: &[Row<'_>]) -> Vec<Column> {
    let of_load = |cell: &dyn Fn(&super::row::Row<'_>) -> Option<String>| -> Vec<String> {
        rows.iter().map(|row| cell(row).unwrap_or_else(|| "–".into())).collect()
    };
    let mut table = vec![Column::new("run", Kind::Id, false, rows.iter().map(|row| row.run.id.to_string()).collect())];
    for (key, name) in names.keys() {
        let cells: Vec<String> =
            rows.iter().map(|row| row.run.value(key).map(umlaut::plan::spoken).unwrap_or_default()).collect();
        let numbers = cells.iter().all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok());
        table.push(Column::new(name, Kind::Swept, numbers, cells));
    }
    let parameters = of_load(&|row| Some(thousands(row.load.as_ref()?.cost.parameters())));
    table.push(Column::new("parameters", Kind::Cost(2), true, parameters));
    table.push(Column::new("GFLOP/step", Kind::Cost(1), true, of_load(&|row| Some(giga(row.load.as_ref()?.step())))));
    let memory = of_load(&|row| Some(bytes(row.load.as_ref()?.cost.memory.total())));
    table.push(Column::new("memory", Kind::Cost(0), true, memory));
    let left = rows.iter().map(|row| if row.epochs_left == 0 { String::new() } else { clock_or_dash(row.left) });
    table.push(Column::new("time left", Kind::Kept, true, left.collect()));
    table.push(Column::new("status", Kind::Kept, false, rows.iter().map(Row::status).collect()));
    table
}

fn total(table: &[Column]) -> usize {
    table.iter().map(|column| column.width() + 2).sum::<usize>().saturating_sub(2)
}

/// Makes the table as narrow as it must be; what was left out.
fn make_room(table: &mut Vec<Column>, columns: usize) -> Vec<String> {
    let mut left_out = Vec::new();
    if total(table) > columns {
        // What is before the hash repeats the columns beside it.
        let id = &mut table[0];
        id.cells.iter_mut().for_each(|cell| *cell = cell.rsplit('-').next().unwrap_or_default().to_owned());
    }
    let cut = |table: &mut Vec<Column>, most: usize| {
        if total(table) > columns {
            table.iter_mut().filter(|column| column.kind == Kind::Swept).for_each(|column| column.cut(most));
        }
    };
    cut(table, NARROW[0]);
    for order in 0..=2 {
        if total(table) > columns {
            let at = table.iter().position(|column| column.kind == Kind::Cost(order)).expect("all are there");
            left_out.push(table.remove(at).head);
        }
    }
    (NARROW[1]..NARROW[0]).rev().for_each(|most| cut(table, most));
    while total(table) > columns {
        let Some(at) = table.iter().rposition(|column| column.kind == Kind::Swept) else { break };
        left_out.push(table.remove(at).head);
    }
    left_out
}

/// The same as CSV: whole ids, all keys, units in the header, numbers in full, nothing where nothing is known.
///
/// # Errors
/// Never in practice: memory takes every row.
pub fn csv(plan: &Plan, rows: &[Row<'_>]) -> Result<String, anyhow::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = plan.keys();
    let costs = ["parameters", "gflop_per_step", "memory_bytes", "time_left_s", "epochs_done", "epochs", "status", "cause"];
    writer.write_record(["run"].into_iter().chain(keys.iter().copied()).chain(costs))?;
    for row in rows {
        let cost =
            |number: &dyn Fn(&Cost) -> u64| row.load.as_ref().map(|load| number(&load.cost).to_string()).unwrap_or_default();
        let mut cells = vec![row.run.id.to_string()];
        cells.extend(keys.iter().map(|key| row.run.value(key).unwrap_or_default().to_owned()));
        cells.push(cost(&Cost::parameters));
        cells.push(row.load.as_ref().map(|load| (load.step() as f64 / 1e9).to_string()).unwrap_or_default());
        cells.push(cost(&|cost| cost.memory.total()));
        cells.push(row.left.map(|left| format!("{left:.3}")).unwrap_or_default());
        cells.extend([row.epochs_done, row.run.experiment.training.epochs].map(|epochs| epochs.to_string()));
        cells.extend([row.word().to_owned(), row.cause().unwrap_or_default().to_owned()]);
        writer.write_record(cells)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use umlaut::config::Experiment;
    use umlaut::schedule::Standing;

    fn shown(sweep: &str, columns: usize) -> String {
        let experiment: Experiment = toml::from_str(&format!("name = 'a'\n[sweep.grid]\n{sweep}")).expect("valid");
        let plan = umlaut::plan::expand(&experiment, |_| Ok("f".into())).expect("possible");
        let row = |run| Row { run, load: None, standing: Ok(Standing::New), epochs_done: 0, epochs_left: 50, left: Some(61.0) };
        let rows: Vec<Row<'_>> = plan.runs.iter().map(row).collect();
        text(&Names::of(&plan), &rows, columns)
    }

    const WIDE: &str = "'optimizer.adam.lr' = [1e-2, 1e-3]\n'loss.bce' = [0.25, 0.5]\n'augment.flip_horizontal' = [0.0, 0.5]
'model.unet.channels' = [[8, 16, 32], [16, 32, 64]]\n'training.accumulate' = [1, 2]";

    #[test]
    fn no_line_is_too_wide_anywhere() {
        for columns in 1..160 {
            for line in shown(WIDE, columns).lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn the_table_is_aligned_and_complete_where_there_is_room() {
        let text = shown("'optimizer.adam.lr' = [0.01, 0.001]", 100);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("lr  parameters  GFLOP/step  memory  time left  status"), "{text}");
        assert!(
            lines[2].starts_with("lr-0.01_seed-1-")
                && lines[2].ends_with(" 0.01           –           –       –       1:01  new"),
            "{text}"
        );
        assert_eq!(lines.len(), 4, "{text}");
    }

    #[test]
    fn where_room_is_scarce_ids_go_first_then_costs_then_keys_and_it_is_said() {
        let text = shown(WIDE, 80);
        assert!(text.contains("flip_hori…") && text.contains("no room for memory"), "{text}");
        let text = shown(WIDE, 40);
        assert!(text.contains("status") && text.contains("no room for"), "{text}");
    }
}
