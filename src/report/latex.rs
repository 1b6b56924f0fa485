//! The tables of a report for a paper, in LaTeX with the package booktabs.

use super::collect::Comparison;
use super::data_sets::{List, lists};
use super::grid::{self, Grid};
use super::verdict::Verdict;
use crate::shown;
use std::fmt::Write as _;

/// All tables, each a float with caption and label.
pub(super) fn tables(comparison: &Comparison, verdict: &Verdict) -> String {
    let mut text = format!(
        "% Tables of {}. They need \\usepackage{{booktabs}}, and names beyond ASCII need UTF-8.\n",
        comparison.name.replace(['\n', '\r'], " ")
    );
    let lists = lists(comparison, verdict);
    for (number, list) in lists.iter().enumerate() {
        text.push_str(&of_groups(comparison, verdict, list, &named("groups", &lists, number)));
    }
    if let Some(pairs) = grid::pairs(comparison, verdict) {
        text.push_str(&float(&pairs, &pairs.note, &label(&comparison.name, "pairs")));
    }
    for (number, list) in lists.iter().enumerate() {
        let Some(tested) = grid::tested(comparison, verdict, list) else { continue };
        let caption = "Values on the test split with the weights of the best epoch, mean ± sample standard deviation over runs.";
        let caption = captioned(&format!("{caption} {}", tested.note), list);
        text.push_str(&float(&tested, &caption, &label(&comparison.name, &named("test", &lists, number))));
    }
    text
}

fn of_groups(comparison: &Comparison, verdict: &Verdict, list: &List, name: &str) -> String {
    let groups = grid::groups(comparison, verdict, list);
    let groups = match grid::classes(comparison, verdict, list, &["dice"]) {
        Some(classes) => groups.beside(classes),
        None => groups,
    };
    // Beside all others they are too wide for a page: they stand in the table of the test split where there is one.
    let extra = grid::extra(comparison, verdict, list).filter(|_| grid::tested(comparison, verdict, list).is_none());
    let groups = match extra {
        Some(extra) => groups.beside(extra),
        None => groups,
    };
    let best = format!("Values of the best epoch by {}. {}", grid::heading(&comparison.best_by), groups.note);
    float(&groups, &captioned(&best, list), &label(&comparison.name, name))
}

/// A table's own part of its label, numbered where there are several of its kind.
fn named(table: &str, lists: &[List], number: usize) -> String {
    if lists.len() > 1 { format!("{table}-{}", number + 1) } else { table.to_owned() }
}

/// A caption, with the data set that it is about where there are several.
fn captioned(caption: &str, list: &List) -> String {
    let of =
        list.title.as_ref().map_or_else(String::new, |title| format!(" Of {title}; scores of other data sets do not compare."));
    format!("{}{of}", caption.trim())
}

fn float(grid: &Grid, caption: &str, label: &str) -> String {
    let columns: String = (0..grid.header.len()).map(|at| if grid.words.contains(&at) { 'l' } else { 'r' }).collect();
    let header: Vec<String> = grid.header.iter().map(|title| escaped(title)).collect();
    let mut text = format!(
        "\n\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{{label}}}\n  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n    \
         {} \\\\\n    \\midrule\n",
        escaped(caption),
        header.join(" & ")
    );
    for row in &grid.rows {
        let cell = |(at, words): (usize, &String)| {
            let words = escaped(words);
            if row.strong == Some(at) { format!("\\textbf{{{words}}}") } else { words }
        };
        let cells: Vec<String> = row.cells.iter().enumerate().map(cell).collect();
        let _ = writeln!(text, "    {} \\\\", cells.join(" & "));
    }
    text + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n"
}

/// A name for `\ref`, of letters, digits and dashes, which mean themselves there.
fn label(experiment: &str, table: &str) -> String {
    let safe: String = experiment.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("tab:{safe}-{table}")
}

/// Words that LaTeX shows as they are, on one line.
fn escaped(words: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    let words = words.replace(['\n', '\r'], " ");
    let words = shown::line(&words);
    let mut chars = words.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => text.extend(['\\', c]),
            '\\' => text.push_str("\\textbackslash{}"),
            '~' => text.push_str("\\textasciitilde{}"),
            '^' => text.push_str("\\textasciicircum{}"),
            '`' => text.push_str("\\textasciigrave{}"),
            '|' => text.push_str("\\textbar{}"),
            '"' => text.push_str("''"),
            '<' => text.push_str("$<$"),
            '>' => text.push_str("$>$"),
            '±' => text.push_str("$\\pm$"),
            '×' => text.push_str("$\\times$"),
            '·' => text.push_str("$\\cdot$"),
            '−' => text.push_str("$-$"),
            '≤' => text.push_str("$\\le$"),
            '≥' => text.push_str("$\\ge$"),
            '–' => text.push_str("--"),
            '…' => text.push_str("\\dots{}"),
            '\u{a0}' | '\u{202f}' => text.push('~'),
            // A row that begins with a bracket would be the length of the line break before it.
            '[' | ']' => text.extend(['{', c, '}']),
            // Before a digit at the start of a number it is a minus.
            '-' if before == ' ' && chars.peek().is_some_and(char::is_ascii_digit) => text.push_str("$-$"),
            // Two dashes would become a longer one.
            '-' if before == '-' => text.push_str("{}-"),
            c => text.push(c),
        }
        before = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::collect::{Group, Run, State};
    use crate::report::grid::Row;
    use crate::report::verdict::{Pair, Standing, Unit};
    use crate::store::RunDir;

    #[test]
    fn words_mean_themselves() {
        for (words, wanted) in [
            ("a_b & 5 % of $x", r"a\_b \& 5 \% of \$x"),
            (r"{#} ~ ^ \", r"\{\#\} \textasciitilde{} \textasciicircum{} \textbackslash{}"),
            ("0.9 ± 0.1, 3×3, –", r"0.9 $\pm$ 0.1, 3$\times$3, --"),
            ("[1] a--b\nc < 1", "{[}1{]} a-{}-b c $<$ 1"),
            ("Größe", "Größe"),
        ] {
            assert_eq!(escaped(words), wanted);
        }
    }

    fn run(best: [(&str, f64); 3]) -> Run {
        Run {
            dir: RunDir::at("a"),
            id: "a".to_owned(),
            differs: Vec::new(),
            data: String::new(),
            design: Default::default(),
            state: State::Finished,
            cause: None,
            rows: Vec::new(),
            seconds: 0.0,
            notes: Vec::new(),
            epoch_seconds: Vec::new(),
            best_epoch: Some(2),
            best: best.map(|(column, value)| (column.to_owned(), value)).into_iter().collect(),
            test: Default::default(),
            images: Default::default(),
            thresholds: Default::default(),
            used: Default::default(),
            constant: Default::default(),
        }
    }

    /// A made-up verdict: two groups without a significant difference, and a third.
    #[test]
    fn groups_of_the_first_rank_are_bold_and_pairs_follow() {
        let runs = |dice: f64| {
            let best = |dice: f64| [("val_dice", dice), ("val_dice_disc", dice), ("val_dice_cup", dice)];
            vec![run(best(dice)), run(best(dice + 0.02))]
        };
        let group = |name: &str, dice| Group { name: name.to_owned(), runs: runs(dice), own: Vec::new() };
        let comparison = Comparison {
            name: "a_b".to_owned(),
            groups: vec![group("lr \"1%\"", 0.7), group("b", 0.9), group("c", 0.89)],
            classes: ["disc", "cup"].map(str::to_owned).to_vec(),
            best_by: "val_dice".to_owned(),
            of_other_plans: 0,
            remarks: Vec::new(),
            search: None,
        };
        let standing = |group, rank, mean| Standing {
            group,
            data: 0,
            rank,
            n: 2,
            mean,
            deviation: Some(0.014),
            interval: Some((mean - 0.1, mean + 0.1)),
        };
        let pair = |worse, p, significant| Pair {
            better: 1,
            worse,
            difference: 0.01,
            interval: (-0.01, 0.2),
            p,
            p_holm: p,
            seeds: [2, 2],
            units: 30,
            unit: Unit::Image,
            significant,
        };
        let verdict = Verdict {
            column: "val_dice".to_owned(),
            standings: vec![standing(1, 1, 0.91), standing(2, 1, 0.9), standing(0, 3, 0.71)],
            pairs: vec![pair(2, 0.25, false), pair(0, 1e-6, true)],
            ranked_by: "val_dice".to_owned(),
            tested: Vec::new(),
            words: Vec::new(),
        };
        let text = tables(&comparison, &verdict);
        let spread = |dice: &str| format!(r"{dice} $\pm$ 0.0141");
        for (rank, name, dice, interval) in [
            (1, "b", "0.9100", "0.8100 to 1.0000"),
            (1, "c", "0.9000", "0.8000 to 1.0000"),
            (3, r"lr 1\%", "0.7100", "0.6100 to 0.8100"),
        ] {
            let (plain, first) = (spread(dice), rank == 1);
            let shown = if first { format!(r"\textbf{{{plain}}}") } else { plain.clone() };
            let row = format!(r"    {rank} & {name} & 2/2 & {shown} & {interval} & -- & -- & 2 & {plain} & {plain} \\");
            assert!(text.contains(&row), "{row}\nis missing in\n{text}");
        }
        assert!(text.contains(r"    b & c & 0.0100 & $-$0.0100 to 0.2000 & 0.2500 & 0.2500 \\"), "{text}");
        assert!(text.contains(r"    b & lr 1\% & \textbf{0.0100} & $-$0.0100 to 0.2000 & $<$ 0.0001 & $<$ 0.0001 \\"), "{text}");
        assert!(text.contains(r"\label{tab:a-b-pairs}") && text.contains(r"after Holm's correction for 2 pairs"), "{text}");
        assert!(!text.contains("test split"), "there is none: {text}");
    }

    #[test]
    fn a_table_is_a_float_of_booktabs() {
        let row = |cells: [&str; 2], strong| Row { cells: cells.map(str::to_owned).to_vec(), strong };
        let grid = Grid {
            header: ["group", "Dice"].map(str::to_owned).to_vec(),
            rows: vec![row(["a_1", "0.9 ± 0.1"], Some(1)), row(["b", "–"], None)],
            words: vec![0],
            note: String::new(),
        };
        let wanted = r"
\begin{table}
  \centering
  \caption{95 \%}
  \label{tab:a-b-groups}
  \begin{tabular}{lr}
    \toprule
    group & Dice \\
    \midrule
    a\_1 & \textbf{0.9 $\pm$ 0.1} \\
    b & -- \\
    \bottomrule
  \end{tabular}
\end{table}
";
        assert_eq!(float(&grid, "95 %", &label("a_b", "groups")), wanted);
    }
}
