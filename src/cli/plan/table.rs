//! The table of a plan: for a terminal of any width, and as CSV.

use super::super::names::Names;
use super::super::summary::{bytes, giga, thousands};
use super::super::text::{clock_or_dash, fit, padded, wrap};
use super::room::{Column, Kind, fitted, total};
use super::row::Row;
use umlaut::plan::{Cost, Plan, of_repetition};
use umlaut::record::to_field;

/// The table, header first, no line wider than `columns`; below it which columns were left out.
pub fn text(names: &Names, rows: &[Row<'_>], columns: usize) -> String {
    let groups = Column::new("group", Kind::Group, false, rows.iter().map(|row| names.group(row.run)).collect());
    let (table, left_out) = fitted(all(names, rows), groups, columns);
    let widths: Vec<usize> = table.iter().map(Column::width).collect();
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells: Vec<String> = table.iter().zip(&widths).map(|(c, width)| padded(&cell(c), *width, c.right)).collect();
        fit(cells.join("  ").trim_end(), columns) + "\n"
    };
    let mut text = line(&|column| column.head.clone());
    text += &(fit(&"─".repeat(total(&table)), columns) + "\n");
    for row in 0..rows.len() {
        let lines = table.iter().map(|column| column.cells[row].lines().count()).max().unwrap_or(1);
        let of = |column: &Column, k: usize| column.cells[row].lines().nth(k).unwrap_or_default().to_owned();
        text.extend((0..lines).map(|k| line(&|column| of(column, k))));
    }
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
        let kind = if of_repetition(key) { Kind::Repetition } else { Kind::Swept };
        table.push(Column::new(name, kind, numbers, cells));
    }
    let parameters = of_load(&|row| Some(thousands(row.load.as_ref()?.cost.parameters())));
    table.push(Column::new("parameters", Kind::Cost(2), true, parameters));
    table.push(Column::new("GFLOP/step", Kind::Cost(1), true, of_load(&|row| Some(giga(row.load.as_ref()?.step())))));
    let memory = of_load(&|row| Some(bytes(row.load.as_ref()?.cost.memory.total())));
    table.push(Column::new("memory", Kind::Cost(0), true, memory));
    let left = rows.iter().map(|row| if row.epochs.left == 0 { String::new() } else { clock_or_dash(row.left) });
    table.push(Column::new("time left", Kind::Kept, true, left.collect()));
    table.push(Column::new("status", Kind::Kept, false, rows.iter().map(Row::status).collect()));
    table
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
        cells.extend([row.epochs.done, row.run.experiment.training.epochs].map(|epochs| epochs.to_string()));
        cells.extend([row.word().to_owned(), row.cause().unwrap_or_default().to_owned()]);
        writer.write_record(cells.iter().map(|cell| to_field(cell).into_owned()))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::super::super::text::width;
    use super::*;
    use umlaut::config::Experiment;
    use umlaut::schedule::{Epochs, Standing};

    fn shown(sweep: &str, columns: usize) -> String {
        shown_of(&format!("[sweep.grid]\n{sweep}"), columns)
    }

    fn shown_of(sweep: &str, columns: usize) -> String {
        let experiment: Experiment = toml::from_str(&format!("name = 'a'\n{sweep}")).expect("valid");
        let plan = umlaut::plan::expand(&experiment, |_| Ok("f".into())).expect("possible");
        let (elsewhere, begins_with, epochs) = (None, None, Epochs { done: 0, left: 50 });
        let new = |run| Row {
            run,
            load: None,
            standing: Ok(Standing::New),
            elsewhere: elsewhere.clone(),
            begins_with,
            epochs,
            left: Some(61.0),
        };
        let rows: Vec<Row<'_>> = plan.runs.iter().map(new).collect();
        text(&Names::of(&plan.runs), &rows, columns)
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
    fn where_room_is_scarce_ids_go_first_then_costs_and_it_is_said() {
        let text = shown(WIDE, 80);
        assert!(text.contains("  …orizontal  ") && text.contains("no room for memory, GFLOP/step, parameters"), "{text}");
        let text = shown(WIDE, 64);
        assert!(text.contains("  flip_horizontal 0.5,  "), "{text}");
        assert!(text.contains("\n            loss.bce 0.5, channels 16-32-64,\n            lr 0.001, accumulate 2\n"), "{text}");
        let text = shown(WIDE, 40);
        assert!(text.contains("status") && text.contains("no room for"), "{text}");
    }

    /// Of the terms of a loss each once, as experiments/sweeps/losses.toml has them.
    const POINTS: &str = "[loss]\nbce = 0.0\ndice = 0.0
[[sweep.points]]\n'loss.weighted_bce.weight' = 1.0\n'loss.weighted_bce.pos_weight' = [3.0, 9.0]
[[sweep.points]]\n'loss.tversky.weight' = 1.0\n[[sweep.points]]\n'loss.focal.weight' = 1.0
[[sweep.points]]\n'loss.focal_tversky.weight' = 1.0\n[[sweep.points]]\n'loss.jaccard.weight' = 1.0
[[sweep.points]]\n'loss.bce' = 0.5\n'loss.dice' = 0.5";

    #[test]
    fn rows_can_be_told_apart_at_any_width() {
        for columns in [50, 60, 80, 100, 120, 160, usize::MAX] {
            let text = shown_of(POINTS, columns);
            let lines: Vec<&str> = text.lines().collect();
            let heads: Vec<&str> = lines[0].split_whitespace().collect();
            assert!(heads.iter().all(|head| heads.iter().filter(|other| *other == head).count() == 1), "{columns}: {text}");
            // Without the id, which always differs, and with what is in a line below.
            let mut rows: Vec<String> = Vec::new();
            for line in lines[2..].iter().take_while(|line| !line.starts_with("no room")) {
                match line.split_once(' ').filter(|(id, _)| !id.is_empty()) {
                    Some((_, rest)) => rows.push(rest.trim_end().to_owned()),
                    None => rows.last_mut().expect("a row").push_str(line),
                }
            }
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 6, "{columns}: {text}");
            assert_eq!(heads.contains(&"group"), columns <= 120, "{columns}: {text}");
        }
        let text = shown_of(POINTS, 100);
        assert!(text.contains("  focal_tversky.weight 1.0 ") && text.contains("  loss.bce 0.5, loss.dice 0.5 "), "{text}");
        let text = shown_of(POINTS, 160);
        assert!(text.contains("…_bce.pos_weight") && text.contains("…hted_bce.weight"), "{text}");
        assert!(!shown_of(POINTS, usize::MAX).contains(['…', ';']));
    }
}
