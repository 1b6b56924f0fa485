//! report.md: the comparison in words, tables and links to the charts.

use super::chart::Drawn;
use super::collect::{Comparison, Run, State};
use super::data_sets::{headed, lists};
use super::grid::{self, DECIMALS, PAIRS};
use super::overlay::Overlays;
use super::rows::Grid;
use super::search::Search;
use super::verdict::Verdict;
use super::{constant, describe, methods, searched, thresholds};
use crate::shown;
use crate::text::counted;
use std::fmt::Write as _;

/// The text of report.md.
pub(super) fn report(comparison: &Comparison, verdict: &Verdict, charts: &[Drawn], overlays: &Overlays) -> String {
    let mut text = format!("# {}\n\n{}", cell(&comparison.name), words(comparison, verdict));
    let _ = write!(
        text,
        "\nValues are those of the best epoch by `{}`, over the finished runs of a group (its seeds and folds); a group without one \
         shows what its runs have so far.\n",
        comparison.best_by
    );
    text.push_str(&section("Rungs of the search", comparison.search.as_ref().map(Search::rungs)));
    text.push_str(&section("Trials of the search", comparison.search.as_ref().map(searched::trials)));
    let lists = lists(comparison, verdict);
    for list in &lists {
        let groups = grid::groups(comparison, verdict, list, DECIMALS);
        let groups = match grid::extra(comparison, verdict, list, DECIMALS) {
            Some(extra) => groups.beside(extra),
            None => groups,
        };
        text.push_str(&section(&headed("Groups", list), Some(groups)));
    }
    text.push_str(&section("Differences", grid::pairs(comparison, verdict, PAIRS, DECIMALS)));
    for list in &lists {
        text.push_str(&section(&headed("Classes", list), grid::classes(comparison, verdict, list, &["dice", "iou"], DECIMALS)));
    }
    for list in &lists {
        let title = headed("Test split, with the weights of the best epoch", list);
        text.push_str(&section(&title, grid::tested(comparison, verdict, list, DECIMALS)));
    }
    for list in &lists {
        text.push_str(&section(&headed("Pixels by truth and prediction", list), thresholds::confusion(comparison, list)));
    }
    text.push_str(&troubles(comparison, overlays));
    text.push_str(&notes(comparison));
    text.push_str(&methods_of(comparison, verdict));
    text.push_str(&links(charts));
    text.push_str("\nEach run's values are in [summary.csv](summary.csv), those of the groups in [groups.csv](groups.csv).\n");
    text
}

/// The answer first, then what it stands on.
fn words(comparison: &Comparison, verdict: &Verdict) -> String {
    let constant = constant::words(comparison);
    let mut words = verdict.words.iter().chain(&constant).map(|sentence| cell(sentence));
    let first = words.next().map(|first| format!("**{first}**\n\n")).unwrap_or_default();
    let others: String = words.map(|sentence| format!("- {sentence}\n")).collect();
    let others = if others.is_empty() { others } else { others + "\n" };
    format!("{first}{others}{}\n", describe::counts(comparison))
}

fn section(title: &str, grid: Option<Grid>) -> String {
    let Some(grid) = grid else { return String::new() };
    let rule = |at: usize| if grid.words.contains(&at) { "---" } else { "---:" };
    let rule: Vec<&str> = (0..grid.header.len()).map(rule).collect();
    let header: Vec<String> = grid.header.iter().map(|title| cell(title)).collect();
    let mut text = format!("\n## {title}\n\n| {} |\n| {} |\n", header.join(" | "), rule.join(" | "));
    for row in &grid.rows {
        let shown = |(at, words): (usize, &String)| {
            let words = cell(words);
            if row.strong == Some(at) { format!("**{words}**") } else { words }
        };
        let cells: Vec<String> = row.cells.iter().enumerate().map(shown).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if !grid.note.is_empty() {
        let _ = write!(text, "\n{}\n", cell(&grid.note));
    }
    text
}

fn troubles(comparison: &Comparison, overlays: &Overlays) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (run, cause) in describe::troubled(comparison) {
        lines.push(format!("- `{}` {}: {}", run.id, run.state.word(), cell(&cause)));
    }
    lines.extend(overlays.problems.iter().map(|problem| format!("- no overlay: {}", cell(problem))));
    let open = comparison.runs().filter(|r| matches!(r.state, State::Interrupted | State::Unfinished));
    lines.extend(open.map(|r| format!("- `{}` {} after {}", r.id, r.state.word(), counted(r.rows.len(), "epoch"))));
    if lines.is_empty() { String::new() } else { format!("\n## Failed and unfinished\n\n{}\n", lines.join("\n")) }
}

fn notes(comparison: &Comparison) -> String {
    let line = |(note, runs): (String, Vec<&Run>)| {
        let runs: Vec<String> = runs.iter().map(|run| format!("`{}`", run.id)).collect();
        format!("- {}: {}\n", runs.join(", "), cell(&note))
    };
    let lines: String = describe::noted(comparison).into_iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n## Notes\n\n{lines}") }
}

/// What a paper must say, as a draft and a table.
fn methods_of(comparison: &Comparison, verdict: &Verdict) -> String {
    let Some(of) = methods::of(comparison, verdict) else { return String::new() };
    let draft = "A draft of what a paper must say, from the files of the runs; what they do not hold is missing.";
    section("Methods", Some(of.table())).replacen("\n\n", &format!("\n\n{draft}\n\n{}\n\n", cell(&of.paragraph())), 1)
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

/// Words that Markdown shows as they are, on one line, with a backslash only before what would mean something else there.
pub(super) fn cell(words: &str) -> String {
    let letters: Vec<char> = words.chars().collect();
    let is = |at: Option<usize>, what: fn(char) -> bool| at.and_then(|at| letters.get(at)).is_some_and(|c| what(*c));
    let mut safe = String::new();
    for (at, c) in letters.iter().copied().enumerate() {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        let means = match c {
            '|' | '`' => true,
            // Alone it is a sign; within a word, as in `val_dice`, an underscore is a letter.
            '*' => !(is(before, char::is_whitespace) && is(after, char::is_whitespace)),
            '_' => !(is(before, char::is_alphanumeric) && is(after, char::is_alphanumeric)),
            '<' => is(after, |c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
            '&' => is(after, |c| c.is_ascii_alphanumeric() || c == '#'),
            '\\' => is(after, |c| c.is_ascii_punctuation()),
            ']' => is(after, |c| matches!(c, '(' | '[')),
            _ => false,
        };
        match c {
            '\n' | '\r' => safe.push(' '),
            c if shown::is_hidden(c) => safe.extend(c.escape_unicode()),
            c if means => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_stand_only_where_they_are_needed() {
        for (words, wanted) in [
            ("val_dice < 0.5, p < 0.001 * 3", "val_dice < 0.5, p < 0.001 * 3"),
            ("_a_ *b* `c` | <d>", r"\_a\_ \*b\* \`c\` \| \<d>"),
            (r"C:\data\_x \*", r"C:\data\\\_x \\\*"),
            ("[8](x) [8, 16] &lt; a & b", r"[8\](x) [8, 16] \&lt; a & b"),
            ("a\nb\u{202e}", r"a b\u{202e}"),
        ] {
            assert_eq!(cell(words), wanted);
        }
    }
}
