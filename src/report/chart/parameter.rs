//! Score against the values of one parameter: one dot per run, means over all else that is swept; of groups that differ in it alone.

use super::axes::{self, Axis, Plot, Room, plot};
use super::ink::{Ink, Pen};
use super::key::{Key, Sign};
use super::labels::{End, beside};
use super::levels::Levels;
use super::style::{self, AXIS, COLUMN, EDGE, INK, LINE_WIDTH, MARK, MUTED, Shape, TEXT, THIN_WIDTH};
use super::swarm::swarm;
use super::{Drawn, Source, file_name, text};
use crate::report::collect::{Group, State};
use crate::report::comparable::varied;
use crate::report::sweep::{Factor, Scale, scores};
use crate::report::{column, stats};

/// The groups that agree in all other parameters: their values, and for each level their mean.
struct Line {
    name: String,
    means: Vec<(usize, f64)>,
}

const MOST_LINES: usize = 6;
const WIDEST: i32 = 560;
const FRAME: i32 = 1050;
const DOT: i32 = 18;

/// The chart of a parameter; `None` if fewer than two of its values have a score.
pub(crate) fn draw(source: &Source, factor: &Factor) -> Option<Drawn> {
    let column = &source.verdict.column;
    let means = marginal(source, factor);
    if means.len() < 2 {
        return None;
    }
    let others = varied(&source.all, &[factor]);
    let lines = lines(source, factor, &others);
    let (name, score) = (source.name(factor), source.score());
    let runs: Vec<(usize, usize, f64)> = runs(source, factor);
    let (low, high) = runs.iter().map(|r| r.2).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let y = Axis::values(low, high, column::range(column), &score);
    let widest = lines.iter().map(|l| text::width(&l.name, TEXT)).max().map(|w| w + 110 + EDGE);
    let right = widest.unwrap_or(3 * EDGE).max(if factor.scale() == Scale::Places { 0 } else { Levels::overhang(factor) });
    let levels = Levels::of(factor, name, COLUMN - EDGE - right - axes::left(&y));
    let lost = lost(source, factor, &means);
    let key = key(&source.names(&others), &lines, !lost.is_empty());
    let below = key.height() + EDGE;
    let file = format!("parameter-{}", file_name(name));
    let ink = Ink::new(&file, COLUMN, 60 + FRAME + levels.height + below);
    let plot = plot(&ink, &levels.axis, &y, &Room { words: levels.height, ..Room::new(60, right, below) });
    levels.draw(&plot);
    draw_lines(&plot, &levels, &lines);
    draw_means(&plot, &levels, factor, &means);
    // Where the values are the groups, dots are as in every chart.
    draw_dots(&plot, &levels, &runs, others.is_empty());
    for level in &lost {
        let (x, _) = plot.at(levels.at[*level], 0.0);
        ink.mark(Shape::Cross, (x, plot.y.1 - 60), MARK, MUTED);
    }
    key.draw(&ink, plot.y.1 + levels.height);
    let title = format!("{score} against {name}");
    let svg = ink.finish(&title, &description(factor, &means, column));
    Some(Drawn { name: file, title, svg })
}

/// Level, group and value of every run that counts.
fn runs(source: &Source, factor: &Factor) -> Vec<(usize, usize, f64)> {
    let groups = source.comparison.groups.iter().enumerate();
    let of = |(i, group): (usize, &Group)| factor.of_group[i].map(|level| (level, i, scores(group, &source.verdict.column)));
    groups.filter_map(of).flat_map(|(level, i, values)| values.into_iter().map(move |v| (level, i, v))).collect()
}

/// The mean of the groups' means at each level that has one.
fn marginal(source: &Source, factor: &Factor) -> Vec<(usize, f64)> {
    means(source, factor, |_| true)
}

fn means(source: &Source, factor: &Factor, of: impl Fn(usize) -> bool) -> Vec<(usize, f64)> {
    let at = |level: usize| {
        let groups = (0..factor.of_group.len()).filter(|g| factor.of_group[*g] == Some(level) && of(*g));
        let values: Vec<f64> = groups.filter_map(|g| source.mean(g)).collect();
        Some((level, stats::mean(&values)?))
    };
    (0..factor.levels.len()).filter_map(at).collect()
}

/// A line for each combination of the other parameters, if there are few and a line has two points.
fn lines(source: &Source, factor: &Factor, others: &[&Factor]) -> Vec<Line> {
    let combination = |g: usize| others.iter().map(|other| other.of_group[g]).collect::<Vec<_>>();
    let shown = (0..factor.of_group.len()).filter(|g| factor.of_group[*g].is_some());
    let mut all: Vec<Vec<Option<usize>>> = shown.map(combination).collect();
    all.sort();
    all.dedup();
    if others.is_empty() || all.len() < 2 || all.len() > MOST_LINES {
        return Vec::new();
    }
    let line = |of: &Vec<Option<usize>>| {
        let words = others.iter().zip(of).filter_map(|(other, level)| Some(other.levels[(*level)?].words.as_str()));
        let name = text::fit(&words.collect::<Vec<_>>().join(", "), TEXT, WIDEST);
        Line { name, means: means(source, factor, |g| combination(g) == *of) }
    };
    let lines: Vec<Line> = all.iter().map(line).filter(|line| !line.means.is_empty()).collect();
    if lines.iter().any(|line| line.means.len() > 1) { lines } else { Vec::new() }
}

fn draw_lines(plot: &Plot, levels: &Levels, lines: &[Line]) {
    let place = |(level, mean): &(usize, f64)| plot.at(levels.at[*level], *mean);
    for line in lines {
        plot.ink.line(&line.means.iter().map(place).collect::<Vec<_>>(), Pen::new(AXIS, THIN_WIDTH));
    }
    let end = |line: &Line| {
        let (x, y) = place(line.means.last()?);
        // A leader from the last point to the frame's edge shows whose label it is.
        plot.ink.line(&[(x, y), (plot.x.1, y)], Pen::new(AXIS, style::GRID_WIDTH).dashed(style::DOTS));
        Some((plot.x.1, y))
    };
    let ends = lines.iter().filter_map(|line| Some(End { at: end(line)?, group: None, sign: None, words: &line.name }));
    beside(plot, &ends.collect::<Vec<_>>(), 40);
}

/// The distance of the two values that are nearest to each other.
fn slot(plot: &Plot, levels: &Levels) -> i32 {
    let mut columns: Vec<i32> = levels.at.iter().map(|x| plot.at(*x, 0.0).0).collect();
    columns.sort_unstable();
    columns.windows(2).map(|w| w[1] - w[0]).min().unwrap_or(200)
}

fn draw_dots(plot: &Plot, levels: &Levels, runs: &[(usize, usize, f64)], of_groups: bool) {
    let slot = slot(plot, levels);
    for level in 0..levels.at.len() {
        let own: Vec<&(usize, usize, f64)> = runs.iter().filter(|r| r.0 == level).collect();
        let places: Vec<i32> = own.iter().map(|r| plot.at(0.0, r.2).1).collect();
        let x = plot.at(levels.at[level], 0.0).0;
        let room = (slot * 2 / 5).min(160).min(x - plot.x.0 - 2 * DOT).min(plot.x.1 - x - 2 * DOT).max(0);
        let (moved, radius) = swarm(&places, DOT, room);
        for ((run, y), aside) in own.iter().zip(places).zip(moved) {
            let (shape, color) = match of_groups {
                true => (style::group_shape(run.1), style::group_color(run.1)),
                false => (Shape::Dot, MUTED),
            };
            plot.ink.mark(shape, (x + aside, y), radius, color);
        }
    }
}

/// Numbers are joined by a line, others have a bar each.
fn draw_means(plot: &Plot, levels: &Levels, factor: &Factor, means: &[(usize, f64)]) {
    let places: Vec<(i32, i32)> = means.iter().map(|(level, mean)| plot.at(levels.at[*level], *mean)).collect();
    if factor.numbers().is_some() {
        plot.ink.line(&places, Pen::new(INK, LINE_WIDTH));
    }
    let half = (slot(plot, levels) / 2 - 8).clamp(6, 100);
    for (x, y) in places {
        plot.ink.line(&[(x - half, y), (x + half, y)], Pen::new(INK, LINE_WIDTH));
    }
}

/// The values without a mean whose runs failed.
fn lost(source: &Source, factor: &Factor, means: &[(usize, f64)]) -> Vec<usize> {
    let failed = |level: usize| {
        let groups = source.comparison.groups.iter().enumerate().filter(|(g, _)| factor.of_group[*g] == Some(level));
        groups.flat_map(|(_, group)| &group.runs).any(|run| run.state == State::Failed)
    };
    (0..factor.levels.len()).filter(|level| means.iter().all(|m| m.0 != *level) && failed(*level)).collect()
}

fn key(others: &[&str], lines: &[Line], lost: bool) -> Key {
    let over = if others.is_empty() { "mean".to_owned() } else { format!("mean over {}", others.join(", ")) };
    let mut items = vec![(Sign::Mark(Shape::Dot, MUTED), "run".to_owned()), (Sign::Line(Pen::new(INK, LINE_WIDTH)), over)];
    if !lines.is_empty() {
        items.push((Sign::Line(Pen::new(AXIS, THIN_WIDTH)), format!("by {}", others.join(", "))));
    }
    if lost {
        items.push((Sign::Mark(Shape::Cross, MUTED), "all runs failed".to_owned()));
    }
    Key::new(items, COLUMN - 2 * EDGE)
}

fn description(factor: &Factor, means: &[(usize, f64)], column: &str) -> String {
    let words = means.iter().map(|(level, mean)| format!("{}: {mean:.4}", factor.levels[*level].words));
    let words = words.collect::<Vec<_>>().join("; ");
    let scale = if factor.scale() == Scale::Log { "a logarithmic axis, " } else { "" };
    format!("One dot per run, {scale}means of {} by {}: {words}.", column, factor.key)
}
