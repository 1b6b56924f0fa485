//! The tables of a report for a paper, in LaTeX with the package booktabs: those of tables.tex fit a column, those of supplement.tex hold
//! all groups and pairs on pages of their own, with longtable.

mod escape;
mod table;

use super::collect::Comparison;
use super::data_sets::{List, lists};
use super::methods::Methods;
use super::rows::Grid;
use super::verdict::Verdict;
use super::{column, grid};
use table::{Place, table};

/// Groups at most in a column; with more, the best ones.
const GROUPS: usize = 24;
/// Digits behind the point, and where the groups' means lie close together.
const DECIMALS: [usize; 2] = [3, 4];
/// Scores of each class.
const SCORES: [&str; 1] = ["dice"];
/// What lies close together.
const CLOSE: f64 = 0.02;

/// tables.tex: the groups, what they score on the test split, and how far they are from the best, each in a float of a column's width.
pub(super) fn tables(comparison: &Comparison, verdict: &Verdict) -> String {
    let mut text = opening(comparison, "Tables", r"\usepackage{booktabs}");
    let (lists, decimals) = (lists(comparison, verdict), decimals(verdict));
    for (number, list) in lists.iter().enumerate() {
        let (short, left) = short(list);
        let said = |caption: &str| captioned(&format!("{caption}{left}"), list);
        let name = |kind: &str| label(&comparison.name, &named(kind, &lists, number));
        let float = |grid: &Grid, caption: &str, kind: &str| table(grid, &said(caption), &name(kind), Place::Column);
        let groups = of_groups(comparison, verdict, &short, decimals);
        text.push_str(&float(&groups, &best_epoch(comparison, &groups), "groups"));
        if let Some(tested) = grid::further_tested(comparison, verdict, &short, &SCORES, decimals) {
            text.push_str(&float(&tested, &of_test(&tested), "test"));
        }
        if let Some(pairs) = grid::from_best(comparison, verdict, &short, decimals) {
            text.push_str(&float(&pairs, &pairs.note, "pairs"));
        }
    }
    text
}

/// supplement.tex: all groups and all pairs, over as many pages as they take.
pub(super) fn supplement(comparison: &Comparison, verdict: &Verdict) -> String {
    let mut text = opening(comparison, "All groups and pairs", r"\usepackage{booktabs,longtable} and one column of text");
    let (lists, decimals) = (lists(comparison, verdict), decimals(verdict));
    for (number, list) in lists.iter().enumerate() {
        let name = |kind: &str| label(&comparison.name, &named(kind, &lists, number));
        let groups = of_groups(comparison, verdict, list, decimals);
        let caption = captioned(&best_epoch(comparison, &groups), list);
        text.push_str(&table(&groups, &caption, &name("all-groups"), Place::Pages));
        if let Some(tested) = grid::further_tested(comparison, verdict, list, &SCORES, decimals) {
            text.push_str(&table(&tested, &captioned(&of_test(&tested), list), &name("all-test"), Place::Pages));
        }
    }
    if let Some(pairs) = grid::pairs(comparison, verdict, usize::MAX, decimals) {
        text.push_str(&table(&pairs, &pairs.note, &label(&comparison.name, "all-pairs"), Place::Pages));
    }
    text
}

/// methods.tex: the draft of a paper's Methods, and the same as a table.
pub(super) fn methods(comparison: &Comparison, methods: &Methods) -> String {
    let text = opening(comparison, "A draft of the Methods", r"\usepackage{booktabs}");
    let caption = "What was done, from the files of the runs.";
    let table = table(&methods.table(), caption, &label(&comparison.name, "methods"), Place::Column);
    format!("{text}{}\n{table}", escape::breakable(&methods.paragraph()))
}

fn opening(comparison: &Comparison, what: &str, needs: &str) -> String {
    format!("% {what} of {}. Needs {needs}; names beyond ASCII need UTF-8.\n", comparison.name.replace(['\n', '\r'], " "))
}

fn decimals(verdict: &Verdict) -> usize {
    let means = || verdict.standings.iter().map(|standing| standing.mean);
    let reach = means().fold(f64::NEG_INFINITY, f64::max) - means().fold(f64::INFINITY, f64::min);
    DECIMALS[usize::from(verdict.standings.len() > 1 && reach < CLOSE)]
}

/// The best groups of a list, and what is said of the others.
fn short(list: &List) -> (List, String) {
    let all = list.groups.len();
    let groups = list.groups.iter().copied().take(GROUPS).collect();
    let left = if all > GROUPS { format!(" The best {GROUPS} of {all} groups.") } else { String::new() };
    (List { title: list.title.clone(), groups }, left)
}

fn of_groups(comparison: &Comparison, verdict: &Verdict, list: &List, decimals: usize) -> Grid {
    let groups = grid::groups(comparison, verdict, list, decimals);
    let groups = match grid::classes(comparison, verdict, list, &SCORES, decimals) {
        Some(classes) => groups.beside(classes),
        None => groups,
    };
    // They stand in the table of the test split where there is one.
    let tested = grid::tested(comparison, verdict, list, decimals).is_some();
    match grid::extra(comparison, verdict, list, decimals).filter(|_| !tested) {
        Some(extra) => groups.beside(extra),
        None => groups,
    }
}

fn best_epoch(comparison: &Comparison, groups: &Grid) -> String {
    format!("Values with the weights of the best epoch by {}. {}", column::phrase_of_split(&comparison.best_by), groups.note)
}

fn of_test(tested: &Grid) -> String {
    let caption = "Values on the test split with the weights of the best epoch, mean ± sample standard deviation over runs.";
    format!("{caption} {}", tested.note)
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

/// A name for `\ref`, of letters, digits and dashes, which mean themselves there.
fn label(experiment: &str, table: &str) -> String {
    let safe: String = experiment.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("tab:{safe}-{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::collect::{Group, Run, State};
    use crate::report::verdict::{Pair, Standing, Unit};
    use crate::store::RunDir;

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
            provenance: Default::default(),
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
            metrics: None,
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
        let spread = |dice: &str| format!(r"{dice} $\pm$ 0.014");
        for (rank, name, dice, interval) in
            [(1, "b", "0.910", "0.810 to 1.000"), (1, "c", "0.900", "0.800 to 1.000"), (3, r"lr 1\%", "0.710", "0.610 to 0.810")]
        {
            let (plain, first) = (spread(dice), rank == 1);
            let shown = if first { format!(r"\textbf{{{plain}}}") } else { plain.clone() };
            for row in [
                format!(r"    {rank} & \raggedright {name} & 2/2 & {shown} & {interval} \\"),
                format!(r"    \raggedright {name} & -- & -- & 2 & {plain} \\"),
                format!(r"    \raggedright {name} & {plain} \\"),
            ] {
                assert!(text.contains(&row), "{row}\nis missing in\n{text}");
            }
        }
        assert!(text.contains(r"    \raggedright c & 0.010 & $-$0.010 to 0.200 & 0.2500 \\"), "{text}");
        let far = r"    \raggedright lr 1\% & \textbf{0.010} & $-$0.010 to 0.200 & $<$ 0.0001 \\";
        assert!(text.contains(far) && text.contains("By how much b is better in Dice than each other group"), "{text}");
        assert!(text.contains(r"\label{tab:a-b-pairs}") && text.contains(r"after Holm's correction for 2 pairs"), "{text}");
        assert!(!text.contains("test split"), "there is none: {text}");
        let text = supplement(&comparison, &verdict);
        let pair = r"\raggedright b & \raggedright c & 0.010 & $-$0.010 to 0.200 & 0.2500 & 0.2500 \\";
        assert!(text.contains(pair) && text.contains(r"\label{tab:a-b-all-pairs}"), "{text}");
    }
}
