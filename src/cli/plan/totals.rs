//! What is said below a plan: runs by status, the time that is left, what is not run and why.

use super::super::names::Names;
use super::super::text::{clock_or_dash, counted, wrap};
use super::memory;
use super::row::Row;
use umlaut::estimate::{Estimate, makespan};
use umlaut::plan::Plan;
use umlaut::schedule::{Slot, Standing};

/// Words of every status, in the order in which they are counted.
const WORDS: [&str; 8] = ["finished", "running", "paused", "resumable", "incomplete", "failed", "damaged", "new"];

/// Runs that are named one by one for a reason; of more only so many.
const NAMED: usize = 5;

/// The lines below the table, none wider than `columns`.
pub fn text(names: &Names, plan: &Plan, rows: &[Row<'_>], estimate: &Estimate, slots: &[Slot], columns: usize) -> String {
    let said = vec![counts(rows), time(rows, estimate, slots)];
    let too_large = memory::warnings(names, rows, &memory::rooms(slots));
    let lines = [said, not_run(names, plan, rows), troubled(names, rows), too_large].concat();
    let lines = lines.iter().flat_map(|line| wrap(line, columns, 4));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn counts(rows: &[Row<'_>]) -> String {
    let count = |word: &str| rows.iter().filter(|row| row.word() == word).count();
    let words: Vec<String> =
        WORDS.iter().map(|word| (count(word), word)).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
    format!("{}: {}", counted(rows.len(), "run"), words.join(", "))
}

/// The time for all, on these slots.
fn time(rows: &[Row<'_>], estimate: &Estimate, slots: &[Slot]) -> String {
    let to_run: Vec<&Row<'_>> = rows.iter().filter(|row| row.epochs.left > 0).collect();
    if to_run.is_empty() {
        return "time left: none".to_owned();
    }
    let mut jobs: Vec<f64> = to_run.iter().filter_map(|row| row.left).collect();
    let known = jobs.len() == to_run.len();
    jobs.sort_by(|a, b| b.total_cmp(a));
    let left = clock_or_dash(known.then(|| makespan(&[], &jobs, slots.len())));
    let about = if known { "about " } else { "" };
    format!("time left: {about}{left} on {} ({}), {}", counted(slots.len(), "slot"), devices(slots), estimate.source())
}

/// `cpu`, `cuda:0, cuda:1`.
fn devices(slots: &[Slot]) -> String {
    let mut devices: Vec<&str> = slots.iter().map(|slot| slot.device.as_str()).collect();
    devices.dedup();
    devices.join(", ")
}

/// What is skipped, one line per reason.
fn not_run(names: &Names, plan: &Plan, rows: &[Row<'_>]) -> Vec<String> {
    let finished = rows.iter().filter(|row| matches!(row.standing, Ok(Standing::Finished(_)))).count();
    let diverged: Vec<&Row<'_>> = rows.iter().filter(|row| row.diverged()).collect();
    let mut lines = Vec::new();
    if finished > 0 {
        lines.push(format!("not run again: {finished} finished"));
    }
    if !diverged.is_empty() {
        let (count, who) = (diverged.len(), named(names, &diverged));
        lines.push(format!("not run again: {count} failed, and the same numbers would come again: {who}"));
    }
    if !plan.excluded.is_empty() {
        let points = plan.excluded.iter().map(|excluded| format!("{} ({})", excluded.point, excluded.reason));
        lines.push(format!("excluded: {}: {}", counted(plan.excluded.len(), "combination"), few(points)));
    }
    lines
}

/// What failed for other reasons, is damaged or held by another process.
fn troubled(names: &Names, rows: &[Row<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    let all = |what: &dyn Fn(&Row<'_>) -> bool| rows.iter().filter(|row| what(row)).collect::<Vec<_>>();
    let failed = all(&|row| row.word() == "failed" && !row.diverged());
    if !failed.is_empty() {
        lines.push(format!("tried again: {} failed: {}", failed.len(), named(names, &failed)));
    }
    let damaged = all(&|row| row.standing.is_err());
    if !damaged.is_empty() {
        lines.push(format!("in the way: {}: {}", counted(damaged.len(), "damaged run"), named(names, &damaged)));
    }
    for row in rows {
        if let Ok(Standing::Running(holder)) = &row.standing {
            lines.push(format!("running now: {}, by {holder}", names.title(row.run)));
        }
    }
    lines
}

/// Titles with causes.
fn named(names: &Names, rows: &[&Row<'_>]) -> String {
    let one = |row: &&Row<'_>| format!("{} ({})", names.title(row.run), row.cause().unwrap_or("no cause recorded"));
    few(rows.iter().map(one))
}

/// The first of them, and how many more there are.
fn few(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.take(NAMED).collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{named}; and {more} more") } else { named }
}
