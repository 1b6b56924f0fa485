//! A map of two parameters: the mean score of every combination as number and colour.

use super::axes::{Axis, Plot, Room, plot};
use super::ink::{Anchor, Face, Ink, Pen};
use super::key::{Key, Sign};
use super::levels::Levels;
use super::style::{self, AXIS, CLOSE, COLUMN, EDGE, INK, LEADING, MARK, MUTED, NOTE, PAPER, STEPS, Shape, TEXT};
use super::{Drawn, Source, file_name, text};
use crate::report::collect::State;
use crate::report::comparable::{comparable, varied};
use crate::report::importance::MOST_LEVELS;
use crate::report::sweep::{Factor, short};
use crate::report::{describe, stats};
use std::collections::BTreeSet;

/// What is known of a combination.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Mean(f64),
    Failed,
    Nothing,
}

const WIDEST: i32 = 600;
const BAR: i32 = 60;

/// The map of the two parameters, or of the two most important; `None` of fewer that groups show, without a score, or if less than half
/// of the combinations have a group.
pub(crate) fn draw(source: &Source) -> Option<Drawn> {
    let shown = |f: &&&Factor| source.factors.iter().any(|own| own.key == f.key);
    let [first, second] = source.by_importance().iter().filter(shown).take(2).copied().collect::<Vec<_>>()[..] else {
        return None;
    };
    let kept = comparable(&source.all, &[&first.key, &second.key]);
    let [first, second] = [first, second].map(|factor| factor.only(&kept));
    let (x, y) = (first.binned(MOST_LEVELS), second.binned(MOST_LEVELS));
    let ordered = [&first, &second].map(|factor| factor.numbers().is_some());
    // The parameter with more values goes along the page.
    let wide = y.levels.len() > x.levels.len();
    let up = ordered[usize::from(!wide)];
    let ((x, x_name), (y, y_name)) = match wide {
        true => ((y, source.name(&second)), (x, source.name(&first))),
        false => ((x, source.name(&first)), (y, source.name(&second))),
    };
    let cells: Vec<Vec<Cell>> =
        (0..x.levels.len()).map(|i| (0..y.levels.len()).map(|j| cell(source, &x, i, &y, j)).collect()).collect();
    if 2 * runs(&x, &y) < x.levels.len() * y.levels.len() {
        return None;
    }
    let means: Vec<f64> = cells.iter().flatten().filter_map(|c| if let Cell::Mean(m) = c { Some(*m) } else { None }).collect();
    let best = means.iter().copied().reduce(|a, b| if describe::better(&source.verdict.column, b, a) { b } else { a })?;
    let worst = means.iter().copied().reduce(|a, b| if describe::better(&source.verdict.column, b, a) { a } else { b })?;
    let others = source.names(&varied(&source.all, &[&x, &y]));
    let key = key(&cells, &others);
    let names: Vec<Vec<String>> = y.levels.iter().map(|level| text::wrap_most(&level.words, TEXT, WIDEST, 2)).collect();
    let widest = names.iter().flatten().map(|line| text::width(line, TEXT)).max().unwrap_or(0);
    let left = EDGE + TEXT + 30 + widest + 35;
    let levels = Levels::side_by_side(&x, x_name, COLUMN - 2 * EDGE - left);
    let high = if y.levels.len() < 5 { 230 } else { 160 };
    let (frame, below) = (high * y.levels.len() as i32, LEADING + 60 + key.height() + EDGE);
    let file = format!("heat-{}-{}", file_name(x_name), file_name(y_name));
    let ink = Ink::new(&file, COLUMN, 60 + frame + levels.height + below);
    let rows = Axis { low: -0.5, high: y.levels.len() as f64 - 0.5, ticks: Vec::new(), title: String::new() };
    let room = Room { left: Some(left), words: levels.height, ..Room::new(60, EDGE, below) };
    let plot = plot(&ink, &levels.axis, &rows, &room);
    levels.draw(&plot);
    let map = Map { plot, cells, worst, best, up };
    map.draw();
    map.names(&names, y_name);
    let under = map.plot.y.1 + levels.height;
    map.scale(&source.score(), under);
    key.draw(&ink, under + LEADING + 60);
    let title = format!("{} by {x_name} and {y_name}", source.score());
    let svg = ink.finish(&title, &description(source, &map.cells, &x, &y, &others));
    Some(Drawn { name: file, title, svg })
}

/// How many combinations have a group.
fn runs(x: &Factor, y: &Factor) -> usize {
    let both = x.of_group.iter().zip(&y.of_group).filter_map(|(x, y)| Some(((*x)?, (*y)?)));
    both.collect::<BTreeSet<_>>().len()
}

fn cell(source: &Source, x: &Factor, i: usize, y: &Factor, j: usize) -> Cell {
    let own: Vec<usize> = (0..x.of_group.len()).filter(|g| x.of_group[*g] == Some(i) && y.of_group[*g] == Some(j)).collect();
    let means: Vec<f64> = own.iter().filter_map(|g| source.mean(*g)).collect();
    let failed = || own.iter().flat_map(|g| &source.comparison.groups[*g].runs).any(|run| run.state == State::Failed);
    stats::mean(&means).map_or_else(|| if failed() { Cell::Failed } else { Cell::Nothing }, Cell::Mean)
}

/// The size of numbers and how they are written.
type Format = (i32, fn(f64) -> String);

struct Map {
    plot: Plot,
    /// By column, then row.
    cells: Vec<Vec<Cell>>,
    worst: f64,
    best: f64,
    /// Whether the first row is at the bottom, as numbers are.
    up: bool,
}

impl Map {
    /// Upper left corner and size of a cell.
    fn place(&self, i: usize, j: usize) -> ((i32, i32), (i32, i32)) {
        let (columns, rows) = (self.cells.len() as i32, self.cells[0].len() as i32);
        let (w, h) = (self.plot.x.1 - self.plot.x.0, self.plot.y.1 - self.plot.y.0);
        let row = if self.up { rows - 1 - j as i32 } else { j as i32 };
        let (x, y) = (self.plot.x.0 + w * i as i32 / columns, self.plot.y.0 + h * row / rows);
        let (right, lower) = (self.plot.x.0 + w * (i as i32 + 1) / columns, self.plot.y.0 + h * (row + 1) / rows);
        ((x, y), (right - x, lower - y))
    }

    fn step(&self, mean: f64) -> usize {
        if self.best == self.worst { STEPS - 1 } else { style::step((mean - self.worst) / (self.best - self.worst)) }
    }

    fn draw(&self) {
        let ink = &self.plot.ink;
        let format = self.format();
        for (i, column) in self.cells.iter().enumerate() {
            for (j, cell) in column.iter().enumerate() {
                let ((x, y), (w, h)) = self.place(i, j);
                let middle = (x + w / 2, y + h / 2);
                ink.rect((x, y), (w, h), PAPER, 1.0);
                match cell {
                    Cell::Mean(mean) => {
                        let step = self.step(*mean);
                        ink.rect((x + 4, y + 4), (w - 8, h - 8), style::step_color(step), 1.0);
                        if let Some((size, words)) = &format {
                            let face = Face { size: *size, color: style::on_step(step), ..Face::WORDS };
                            ink.text(&words(*mean), middle, Anchor::Middle, face);
                        }
                    }
                    other => {
                        ink.hatch((x + 4, y + 4), (w - 8, h - 8));
                        if *other == Cell::Failed {
                            ink.mark(Shape::Cross, middle, MARK, MUTED);
                        }
                    }
                }
            }
        }
        self.frame_best();
    }

    /// A frame around the best cells.
    fn frame_best(&self) {
        for (i, column) in self.cells.iter().enumerate() {
            for (j, _) in column.iter().enumerate().filter(|(_, cell)| **cell == Cell::Mean(self.best)) {
                let ((x, y), (w, h)) = self.place(i, j);
                for (color, width) in [(PAPER, 22), (INK, 12)] {
                    self.plot
                        .ink
                        .line(&[(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y), (x + w, y)], Pen::new(color, width));
                }
            }
        }
    }

    /// The size and the way in which all numbers fit their cells; `None` if there is none.
    fn format(&self) -> Option<Format> {
        let ((_, _), (wide, _)) = self.place(0, 0);
        let long: fn(f64) -> String = |v| if v.abs() < 1e3 { format!("{v:.3}") } else { short(v) };
        let bare: fn(f64) -> String = |v| format!("{v:.3}").replacen("0.", ".", 1);
        let all = || self.cells.iter().flatten().filter_map(|c| if let Cell::Mean(m) = c { Some(*m) } else { None });
        // A digit more where three would be the same in every cell.
        let finer: fn(f64) -> String = |v| format!("{v:.4}");
        let ways = [(TEXT, finer), (NOTE, finer), (TEXT, long), (NOTE, long), (NOTE, bare)];
        let first = if (self.best - self.worst).abs() < CLOSE { 0 } else { 2 };
        ways.into_iter().skip(first).find(|(size, words)| all().all(|v| text::width(&words(v), *size) <= wide - 24))
    }

    fn names(&self, names: &[Vec<String>], title: &str) {
        let ink = &self.plot.ink;
        for (j, lines) in names.iter().enumerate() {
            let ((x, y), (_, h)) = self.place(0, j);
            for (k, line) in lines.iter().enumerate() {
                let at = y + h / 2 + (2 * k as i32 + 1 - lines.len() as i32) * (LEADING - 20) / 2;
                ink.text(line, (x - 35, at), Anchor::End, Face::WORDS);
            }
        }
        let middle = (self.plot.y.0 + self.plot.y.1) / 2;
        let title = text::fit(title, TEXT, self.plot.y.1 - self.plot.y.0 + 100);
        ink.text(&title, (EDGE + TEXT / 2, middle), Anchor::Middle, Face { upright: true, ..Face::WORDS });
    }

    /// The colours with their ends, worst first.
    fn scale(&self, score: &str, top: i32) {
        let (ink, y) = (&self.plot.ink, top + 30 + LEADING / 2);
        let decimals = if (self.best - self.worst).abs() < CLOSE { 4 } else { 3 };
        let words = [self.worst, self.best].map(|v| if v.abs() < 1e3 { format!("{v:.decimals$}") } else { short(v) });
        let mut x = EDGE;
        ink.text(&words[0], (x, y), Anchor::Start, Face::WORDS);
        x += text::width(&words[0], TEXT) + 30;
        let steps = if self.best == self.worst { STEPS - 1..STEPS } else { 0..STEPS };
        for step in steps {
            ink.rect((x, y - 36), (BAR, 72), style::step_color(step), 1.0);
            x += BAR;
        }
        ink.text(&words[1], (x + 30, y), Anchor::Start, Face::WORDS);
        x += 30 + text::width(&words[1], TEXT) + 60;
        ink.text(&text::fit(score, TEXT, COLUMN - EDGE - x), (x, y), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
    }
}

fn key(cells: &[Vec<Cell>], others: &[&str]) -> Key {
    let any = |cell: Cell| cells.iter().flatten().any(|c| *c == cell);
    let mut items = vec![(Sign::Box(INK), "best".to_owned())];
    if any(Cell::Nothing) {
        items.push((Sign::Hatch, "no value".to_owned()));
    }
    if any(Cell::Failed) {
        items.push((Sign::Mark(Shape::Cross, AXIS), "failed".to_owned()));
    }
    if !others.is_empty() {
        items.push((Sign::Nothing, format!("mean over {}", others.join(", "))));
    }
    Key::new(items, COLUMN - 2 * EDGE)
}

fn description(source: &Source, cells: &[Vec<Cell>], x: &Factor, y: &Factor, others: &[&str]) -> String {
    let over = if others.is_empty() { String::new() } else { format!(", over {}", others.join(", ")) };
    let mut words = Vec::new();
    for (i, column) in cells.iter().enumerate() {
        for (j, cell) in column.iter().enumerate() {
            let value = match cell {
                Cell::Mean(mean) => format!("{mean:.4}"),
                Cell::Failed => "failed".to_owned(),
                Cell::Nothing => continue,
            };
            words.push(format!("{} and {}: {value}", x.levels[i].words, y.levels[j].words));
        }
    }
    format!(
        "Means of {} by {} (columns) and {} (rows){over}; numbers with more than {MOST_LEVELS} values are taken in quarters. {}.",
        source.verdict.column,
        x.key,
        y.key,
        words.join("; ")
    )
}
