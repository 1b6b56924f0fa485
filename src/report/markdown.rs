//! report.md: the comparison in words, tables and links to the charts.

use super::chart::Drawn;
use super::collect::{Comparison, Group, State};
use super::overlay::Overlays;
use super::verdict::Verdict;
use super::{column, describe, stats, table};
use std::fmt::Write as _;

/// The text of report.md.
pub(super) fn report(comparison: &Comparison, _verdict: &Verdict, charts: &[Drawn], overlays: &Overlays) -> String {
    let mut text = format!(
        "# {}\n\n**{}** {}\n",
        cell(&comparison.name),
        cell(&describe::headline(comparison)),
        describe::counts(comparison)
    );
    let _ = write!(
        text,
        "\nValues are those of the best epoch by `{}`, mean ± sample standard deviation over the finished runs of a group \
         (its seeds and folds); a group without one shows what its runs have so far.\n",
        comparison.best_by
    );
    text.push_str(&groups(comparison));
    text.push_str(&classes(comparison));
    text.push_str(&tests(comparison));
    text.push_str(&troubles(comparison, overlays));
    text.push_str(&links(charts));
    text.push_str("\nEach run's values are in [summary.csv](summary.csv).\n");
    text
}

fn groups(comparison: &Comparison) -> String {
    let titles = table::GROUP_COLUMNS.map(column::title);
    let header: Vec<String> =
        ["group", "finished"].into_iter().map(str::to_owned).chain(titles).chain(["best epoch".into()]).collect();
    let best = describe::best_group(comparison).map(|b| b.0.name.as_str()).filter(|_| comparison.groups.len() > 1);
    let row = |g: &Group| {
        let name = describe::shown(&g.name);
        let mut row = vec![if best == Some(&g.name) { format!("**{}**", cell(&name)) } else { cell(&name) }, table::finished(g)];
        row.extend(table::GROUP_COLUMNS.map(|c| stats::spread(&g.best(c), 4)));
        row.push(table::best_epoch(g));
        row
    };
    format!("\n## Groups\n\n{}", grid(&header, comparison.groups.iter().map(row)))
}

fn classes(comparison: &Comparison) -> String {
    if comparison.classes.len() < 2 {
        return String::new();
    }
    let columns: Vec<String> =
        ["dice", "iou"].iter().flat_map(|s| comparison.classes.iter().map(move |c| format!("val_{s}_{c}"))).collect();
    let header: Vec<String> =
        std::iter::once("group".to_owned()).chain(columns.iter().map(|c| cell(&column::title(c)))).collect();
    let row = |g: &Group| {
        let values = columns.iter().map(|c| stats::spread(&g.best(c), 4));
        std::iter::once(cell(&describe::shown(&g.name))).chain(values).collect()
    };
    format!("\n## Classes\n\n{}", grid(&header, comparison.groups.iter().map(row)))
}

fn tests(comparison: &Comparison) -> String {
    let columns: Vec<String> = table::tested(comparison).into_iter().filter(|c| column::is_main(c)).collect();
    if columns.is_empty() {
        return String::new();
    }
    let header: Vec<String> =
        std::iter::once("group".to_owned()).chain(columns.iter().map(|c| cell(&column::title(c)))).collect();
    let row = |g: &Group| {
        let of =
            |c: &String| g.settled().iter().filter_map(|r| r.test.get(c).copied()).filter(|v| v.is_finite()).collect::<Vec<_>>();
        let values = columns.iter().map(|c| stats::spread(&of(c), 4));
        std::iter::once(cell(&describe::shown(&g.name))).chain(values).collect()
    };
    format!("\n## Test part, with the weights of the best epoch\n\n{}", grid(&header, comparison.groups.iter().map(row)))
}

fn troubles(comparison: &Comparison, overlays: &Overlays) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (run, cause) in describe::troubled(comparison) {
        lines.push(format!("- `{}` {}: {}", run.id, run.state.word(), cell(&cause)));
    }
    lines.extend(overlays.problems.iter().map(|problem| format!("- no overlay: {}", cell(problem))));
    let open = comparison.runs().filter(|r| matches!(r.state, State::Interrupted | State::Unfinished));
    lines.extend(open.map(|r| format!("- `{}` {} after {}", r.id, r.state.word(), describe::plural(r.rows.len(), "epoch"))));
    if lines.is_empty() { String::new() } else { format!("\n## Failed and unfinished\n\n{}\n", lines.join("\n")) }
}

fn links(charts: &[Drawn]) -> String {
    let mut text = String::from("\n## Charts\n");
    for Drawn { name, title, .. } in charts {
        let _ = write!(text, "\n{title}:\n\n![{}](charts/{name}.svg)\n", title.replace('`', ""));
    }
    if charts.is_empty() {
        text.push_str("\nThere is nothing to draw yet.\n");
    }
    text
}

fn grid(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rule: Vec<&str> = header.iter().enumerate().map(|(i, _)| if i == 0 { "---" } else { "---:" }).collect();
    let mut text = format!("| {} |\n| {} |\n", header.join(" | "), rule.join(" | "));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// Words that Markdown leaves as they are, on one line.
fn cell(words: &str) -> String {
    let mut safe = String::new();
    for c in words.chars() {
        match c {
            '|' | '*' | '_' | '<' | '`' | '\\' => safe.extend(['\\', c]),
            '\n' | '\r' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
