//! One table in LaTeX, as wide as a column or a page: numbers take what they need, names share what is left, and columns for which there is
//! no room follow in a block below.

use super::escape::{breakable, escaped};
use crate::report::rows::{Grid, Row};
use std::fmt::Write as _;

/// Where a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a column of a paper with two: one float.
    Column,
    /// On pages of its own, over as many as it takes.
    Pages,
}

/// Points between two columns, twice `\tabcolsep`.
const BETWEEN: f64 = 6.0;
/// The narrowest that a column of names may get.
const NAME: f64 = 54.0;

impl Place {
    /// Points that are surely there: of two columns on A4 or letter paper, and of a page with wide margins.
    fn least(self) -> f64 {
        if self == Place::Column { 236.0 } else { 345.0 }
    }

    fn width(self) -> &'static str {
        if self == Place::Column { r"\columnwidth" } else { r"\textwidth" }
    }
}

/// The whole table, with caption and label.
pub(super) fn table(grid: &Grid, caption: &str, label: &str, place: Place) -> String {
    let blocks = blocks(grid, place);
    let caption = escaped(caption);
    match place {
        Place::Column => {
            let blocks: Vec<String> = blocks.iter().map(|columns| tabular(grid, columns)).collect();
            format!(
                "\n\\begin{{table}}\n  \\centering\\fontsize{{8}}{{9.5}}\\selectfont\n  \\caption{{{caption}}}\n  \\label{{{label}}}\n  \
                 \\setlength{{\\tabcolsep}}{{3pt}}%\n{}\\end{{table}}\n",
                blocks.join("  \\par\\medskip\n")
            )
        }
        Place::Pages => {
            let several = |at: usize| if at == 0 { String::new() } else { " (continued)".to_owned() };
            let block = |(at, columns): (usize, &Vec<usize>)| {
                let label = if at == 0 { format!("\\label{{{label}}}") } else { String::new() };
                let head = format!("\\caption{{{caption}{}}}{label}\\\\", several(at));
                long(grid, columns, &head)
            };
            let blocks: String = blocks.iter().enumerate().map(block).collect();
            format!("\n\\begingroup\\fontsize{{8}}{{9.5}}\\selectfont\\setlength{{\\tabcolsep}}{{3pt}}%\n{blocks}\\endgroup\n")
        }
    }
}

/// The columns of each block: as many as there is room for. From the second on, the names stand before them again.
fn blocks(grid: &Grid, place: Place) -> Vec<Vec<usize>> {
    let names = grid.words.len() as f64 * (NAME + BETWEEN);
    let room = place.least() - names;
    let mut blocks: Vec<Vec<usize>> = vec![Vec::new()];
    let mut taken = 0.0;
    for column in 0..grid.header.len() {
        if grid.words.contains(&column) {
            blocks[0].push(column);
            continue;
        }
        let width = width(grid, column) + BETWEEN;
        if taken > 0.0 && taken + width > room {
            blocks.push(grid.words.clone());
            taken = 0.0;
        }
        taken += width;
        blocks.last_mut().expect("there is one").push(column);
    }
    blocks
}

fn tabular(grid: &Grid, columns: &[usize]) -> String {
    let mut text = format!(
        "  \\begin{{tabular}}{{{}}}\n    \\toprule\n    {} \\\\\n    \\midrule\n",
        kinds(grid, columns, Place::Column),
        header(grid, columns)
    );
    rows(&mut text, grid, columns);
    text + "    \\bottomrule\n  \\end{tabular}\n"
}

fn long(grid: &Grid, columns: &[usize], caption: &str) -> String {
    let header = header(grid, columns);
    let mut text = format!(
        "\\begin{{longtable}}{{{}}}\n  {caption}\n    \\toprule\n    {header} \\\\\n    \\midrule\n  \\endfirsthead\n    \\toprule\n    \
         {header} \\\\\n    \\midrule\n  \\endhead\n    \\bottomrule\n  \\endfoot\n",
        kinds(grid, columns, Place::Pages),
    );
    rows(&mut text, grid, columns);
    text + "\\end{longtable}\n"
}

/// The columns as a tabular has them. Those of names share what the others leave.
fn kinds(grid: &Grid, columns: &[usize], place: Place) -> String {
    let is_name = |column: &&usize| grid.words.contains(column);
    let names = columns.iter().filter(is_name).count().max(1);
    let numbers: f64 = columns.iter().filter(|column| !is_name(column)).map(|column| width(grid, *column)).sum();
    let fixed = numbers + (columns.len().saturating_sub(1)) as f64 * BETWEEN;
    let share =
        if names > 1 { format!("({}-{fixed:.0}pt)/{names}", place.width()) } else { format!("{}-{fixed:.0}pt", place.width()) };
    let name = format!("p{{\\dimexpr{share}\\relax}}");
    let kind = |column: &usize| if grid.words.contains(column) { name.clone() } else { "r".to_owned() };
    format!("@{{}}{}@{{}}", columns.iter().map(kind).collect::<String>())
}

fn header(grid: &Grid, columns: &[usize]) -> String {
    columns.iter().map(|column| escaped(&grid.header[*column])).collect::<Vec<_>>().join(" & ")
}

fn rows(text: &mut String, grid: &Grid, columns: &[usize]) {
    for row in &grid.rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(grid, row, *column)).collect();
        // In a ragged cell the usual end of a row is but the end of a line.
        let end = if columns.last().is_some_and(|last| grid.words.contains(last)) { "\\tabularnewline" } else { "\\\\" };
        let _ = writeln!(text, "    {} {end}", cells.join(" & "));
    }
}

fn cell(grid: &Grid, row: &Row, column: usize) -> String {
    let words = &row.cells[column];
    match grid.words.contains(&column) {
        true => format!("\\raggedright {}", breakable(words)),
        false if row.strong == Some(column) => format!("\\textbf{{{}}}", escaped(words)),
        false => escaped(words),
    }
}

/// Points that a column of numbers takes in letters of 8 points, rather too many.
fn width(grid: &Grid, column: usize) -> f64 {
    let of = |words: &str, digit: f64| words.chars().map(|c| letter(c, digit)).sum::<f64>();
    let cell = |row: &Row| of(&row.cells[column], if row.strong == Some(column) { 4.95 } else { 4.4 });
    grid.rows.iter().map(cell).fold(of(&grid.header[column], 4.4), f64::max).ceil()
}

fn letter(c: char, digit: f64) -> f64 {
    match c {
        '0'..='9' => digit,
        '.' | ',' | ':' | 'i' | 'j' | 'l' | '\'' => 2.8,
        ' ' | '(' | ')' | '[' | ']' | '/' | '-' | 'f' | 't' | 'r' | 's' => 3.5,
        'm' | 'w' | '±' | '−' | '<' | '>' | '≤' | '≥' | '×' | '–' => 7.2,
        '%' => 7.2,
        c if c.is_uppercase() => 6.6,
        c if c.is_lowercase() && c.is_ascii() => 4.8,
        _ => 7.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(columns: usize) -> Grid {
        let header = ["group".to_owned()].into_iter().chain((1..columns).map(|k| format!("Dice {k}"))).collect();
        let row = |name: &str, strong| {
            let cells = [name.to_owned()].into_iter().chain((1..columns).map(|_| "0.9 ± 0.1".to_owned())).collect();
            Row { cells, strong }
        };
        Grid { header, rows: vec![row("a_1", Some(1)), row("b", None)], words: vec![0], note: String::new() }
    }

    #[test]
    fn a_table_is_a_float_of_booktabs_as_wide_as_its_column() {
        let wanted = r"
\begin{table}
  \centering\fontsize{8}{9.5}\selectfont
  \caption{95 \%}
  \label{tab:a}
  \setlength{\tabcolsep}{3pt}%
  \begin{tabular}{@{}p{\dimexpr\columnwidth-46pt\relax}r@{}}
    \toprule
    group & Dice 1 \\
    \midrule
    \raggedright a\_\allowbreak{}1 & \textbf{0.9 $\pm$ 0.1} \\
    \raggedright b & 0.9 $\pm$ 0.1 \\
    \bottomrule
  \end{tabular}
\end{table}
";
        assert_eq!(table(&grid(2), "95 %", "tab:a", Place::Column), wanted);
    }

    #[test]
    fn what_does_not_fit_stands_in_blocks_below_with_the_names_before_it() {
        let grid = grid(9);
        let blocks = blocks(&grid, Place::Column);
        assert!(blocks.len() > 2 && blocks.iter().all(|columns| columns[0] == 0), "{blocks:?}");
        let numbers: Vec<usize> = blocks.iter().flat_map(|columns| columns[1..].to_vec()).collect();
        assert_eq!(numbers, (1..9).collect::<Vec<_>>());
        let text = table(&grid, "", "tab:a", Place::Pages);
        assert_eq!(text.matches(r"\label{tab:a}").count(), 1, "{text}");
    }
}
