//! Parallel coordinates: one line per group through its values of all parameters to its score.

use super::axes::Axis;
use super::ink::{Anchor, At, Face, Ink, Pen};
use super::style::{self, AXIS, AXIS_WIDTH, COLUMN, EDGE, LEADING, LINE_WIDTH, MUTED, STEPS, TEXT, TICK};
use super::{Drawn, Source, text};
use crate::report::own::NOT_SET;
use crate::report::search::Search;
use crate::report::sweep::{Factor, Scale, short};
use crate::report::{column, describe, searched};
use crate::text::counted;

/// An upright axis with its words in a column of their own, where lines are broken.
struct Upright {
    title: String,
    /// Left and right end of the words' column.
    x: (i32, i32),
    /// Height and lines of words.
    words: Vec<(i32, Vec<String>)>,
    /// For each group, where its line passes.
    places: Vec<Option<i32>>,
}

const MOST: usize = 6;
const FRAME: i32 = 1250;
/// Values beyond which an axis is one of numbers and not of names.
const MOST_NAMES: usize = 8;
/// The share of the width that words may take.
const WORDS: f64 = 0.52;
/// Colours fainter than this step are hard to see as lines.
const FAINTEST: usize = 2;

/// What lines are drawn of: groups, or whatever else has values and a score.
struct Subject<'a> {
    /// What one of them is called.
    what: &'static str,
    /// How many there are.
    count: usize,
    factors: Vec<&'a Factor>,
    /// What the parameters are called.
    names: Vec<&'a str>,
    /// What was excluded, in words.
    left_out: Option<String>,
    /// The column of the scores.
    column: &'a str,
    /// The score of each.
    scores: Vec<Option<f64>>,
    /// Those with a score, the worst first: the best lies on top.
    order: Vec<usize>,
    /// What the best is called.
    best: String,
}

/// The chart of three parameters or more, the most important first; `None` of fewer, or without a score.
pub(crate) fn draw(source: &Source) -> Option<Drawn> {
    let several = |f: &&Factor| f.levels.iter().filter(|level| level.words != NOT_SET).count() > 1;
    let mut factors: Vec<&Factor> = source.by_importance().into_iter().filter(several).collect();
    let left_out = factors.len().saturating_sub(MOST);
    factors.truncate(MOST);
    let order: Vec<usize> =
        source.verdict.standings.iter().rev().map(|s| s.group).filter(|g| source.mean(*g).is_some()).collect();
    let best = describe::shown(&source.comparison.groups[*order.last()?].name);
    let subject = Subject {
        what: "group",
        count: source.verdict.standings.len(),
        names: source.names(&factors),
        left_out: (left_out > 0).then(|| format!("{} of less importance not shown", counted(left_out, "parameter"))),
        column: &source.verdict.column,
        scores: (0..source.comparison.groups.len()).map(|group| source.mean(group)).collect(),
        factors,
        order,
        best,
    };
    drawn(&subject, "parallel", &source.score())
}

/// The chart of a search's trials, each at the highest rung that it reached, which is an axis of its own if there are several; `None` of fewer than
/// two keys.
pub(crate) fn of_search(search: &Search) -> Option<Drawn> {
    let (all, trained, trials) = (searched::factors(search), searched::trained(search), search.reached());
    let several = |f: &&Factor| f.levels.len() > 1;
    let mut factors: Vec<&Factor> = all.iter().filter(several).collect();
    let left_out = factors.len().saturating_sub(MOST - 2);
    factors.truncate(MOST - 2);
    if factors.len() < 2 {
        return None;
    }
    let keys: Vec<&str> = factors.iter().map(|factor| factor.key.as_str()).collect();
    let mut names = crate::plan::names(&keys);
    if trained.levels.len() > 1 {
        factors.push(&trained);
        names.push("epochs");
    }
    let better = |score: f64| if column::higher_is_better(search.by()) { score } else { -score };
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|a, b| better(trials[*a].2).total_cmp(&better(trials[*b].2)));
    let subject = Subject {
        what: "trial",
        count: trials.len(),
        names,
        left_out: (left_out > 0).then(|| format!("{} of less importance not shown", counted(left_out, "key"))),
        column: search.by(),
        scores: trials.iter().map(|(.., score)| Some(*score)).collect(),
        factors,
        best: format!("trial {}", trials[*order.last()?].0.trial),
        order,
    };
    drawn(&subject, "search-parallel", &column::capital(&search.score()))
}

fn drawn(subject: &Subject, name: &str, score: &str) -> Option<Drawn> {
    let factors = &subject.factors;
    if factors.len() < 3 && subject.what == "group" || subject.order.is_empty() {
        return None;
    }
    let pitch = (COLUMN - 2 * EDGE) / factors.len() as i32;
    let two = subject.names.iter().chain(&["score"]).any(|name| text::width(name, TEXT) > pitch * 6 / 10);
    let top = 40 + LEADING * if two { 2 } else { 1 } + 50;
    let frame = (top, top + FRAME);
    let axes = axes(subject, frame);
    let ink = Ink::new(name, COLUMN, top + FRAME + 60 + if subject.left_out.is_some() { 2 } else { 1 } * LEADING + EDGE);
    draw_lines(subject, &ink, &axes);
    axes.iter()
        .enumerate()
        .for_each(|(k, axis)| axis.draw(&ink, frame, if two && k % 2 == 1 { LEADING } else { 0 } + 30 + LEADING / 2));
    notes(subject, &ink, frame.1);
    let title = format!("{score} by all parameters");
    let svg = ink.finish(&title, &description(subject));
    Some(Drawn { name: name.to_owned(), title, svg })
}

fn axes(subject: &Subject, frame: (i32, i32)) -> Vec<Upright> {
    let (width, factors, order) = (COLUMN - 2 * EDGE, &subject.factors, &subject.order);
    let score = score_axis(subject, frame);
    let last = score.words.iter().flat_map(|w| &w.1).map(|w| text::width(w, TEXT)).max().unwrap_or(0) + TICK + 24;
    let most = (f64::from(width - last) * WORDS / factors.len() as f64) as i32;
    let named = factors.iter().zip(&subject.names);
    let mut axes: Vec<Upright> = named.map(|(f, name)| factor_axis(name, f, order, frame, most)).collect();
    let widths: Vec<i32> = axes.iter().map(|axis| axis.width().min(most)).collect();
    let gap = (width - last - widths.iter().sum::<i32>()) / factors.len() as i32;
    let mut x = EDGE;
    for (axis, width) in axes.iter_mut().zip(widths) {
        axis.x = (x, x + width);
        x += width + gap;
    }
    axes.push(Upright { x: (COLUMN - EDGE - last, COLUMN - EDGE), ..score });
    axes
}

impl Upright {
    fn width(&self) -> i32 {
        self.words.iter().flat_map(|w| &w.1).map(|w| text::width(w, TEXT)).max().unwrap_or(0) + 40
    }

    fn draw(&self, ink: &Ink, frame: (i32, i32), title_at: i32) {
        let last = self.x.1 == COLUMN - EDGE;
        let first = self.x.0 == EDGE;
        for x in [(!first).then_some(self.x.0), (!last).then_some(self.x.1)].into_iter().flatten() {
            ink.line(&[(x, frame.0), (x, frame.1)], Pen::new(AXIS, AXIS_WIDTH));
        }
        for (y, lines) in &self.words {
            for (k, line) in lines.iter().enumerate() {
                let y = y + (2 * k as i32 + 1 - lines.len() as i32) * (LEADING - 10) / 2;
                let (x, anchor) =
                    if last { (self.x.0 + TICK + 16, Anchor::Start) } else { ((self.x.0 + self.x.1) / 2, Anchor::Middle) };
                ink.text(line, (x, y), anchor, Face::WORDS);
            }
            if last {
                ink.line(&[(self.x.0, *y), (self.x.0 + TICK, *y)], Pen::new(AXIS, AXIS_WIDTH));
            }
        }
        let half = text::width(&self.title, TEXT) / 2;
        let middle = ((self.x.0 + self.x.1) / 2).clamp(EDGE + half, (COLUMN - EDGE - half).max(EDGE + half));
        ink.text(&self.title, (middle, title_at), Anchor::Middle, Face::WORDS);
    }
}

/// The axis of a parameter: names share the height evenly and spread their groups by score; many numbers lie where they belong.
fn factor_axis(name: &str, factor: &Factor, order: &[usize], frame: (i32, i32), most: i32) -> Upright {
    let count = factor.levels.len();
    let height = f64::from(frame.1 - frame.0);
    let numbers = factor.numbers().filter(|_| count > MOST_NAMES && factor.scale() != Scale::Places);
    let (parts, spread): (Vec<f64>, f64) = match numbers {
        Some(numbers) => (parts(&numbers, factor.scale() == Scale::Log), 0.0),
        None => ((0..count).map(|k| (k as f64 + 0.5) / count as f64).collect(), 0.34 * height / count as f64),
    };
    let at: Vec<i32> = parts.iter().map(|part| frame.1 - (part * height) as i32).collect();
    let mut places = vec![None; factor.of_group.len()];
    for (level, y) in at.iter().enumerate() {
        let own: Vec<usize> = order.iter().copied().filter(|g| factor.of_group[*g] == Some(level)).collect();
        for (k, group) in own.iter().enumerate() {
            let aside = (2.0 * (k as f64 + 0.5) / own.len() as f64 - 1.0) * spread;
            places[*group] = Some(y - aside as i32);
        }
    }
    let rows = if count > MOST_NAMES { 1 } else { ((height as i32 / count as i32 - 30) / (LEADING - 10)).clamp(1, 3) as usize };
    let title = text::fit(name, TEXT, (COLUMN - 2 * EDGE) * 2 / 5);
    Upright { title, x: (0, 0), words: words(factor, &at, most - 40, rows), places }
}

/// The words of the values, as many as do not stand on each other, the last value first.
fn words(factor: &Factor, at: &[i32], most: i32, rows: usize) -> Vec<(i32, Vec<String>)> {
    let mut words: Vec<(i32, Vec<String>)> = Vec::new();
    for (y, level) in at.iter().zip(&factor.levels).rev() {
        let name = match level.number {
            Some(number) if text::width(&level.words, TEXT) > most => short(number),
            _ => level.words.clone(),
        };
        let lines = text::wrap_most(&name, TEXT, most, rows);
        let room = lines.len().max(1) as i32 * LEADING;
        if words.last().is_none_or(|(above, _)| y - above >= room) {
            words.push((*y, lines));
        }
    }
    words
}

/// Where numbers lie between 0 and 1, with a margin at both ends.
fn parts(numbers: &[f64], log: bool) -> Vec<f64> {
    let of = |n: f64| if log { n.log10() } else { n };
    let (low, high) = (of(numbers[0]), of(numbers[numbers.len() - 1]));
    numbers.iter().map(|n| 0.04 + 0.92 * (of(*n) - low) / (high - low)).collect()
}

fn score_axis(subject: &Subject, frame: (i32, i32)) -> Upright {
    let means: Vec<f64> = subject.order.iter().filter_map(|g| subject.scores[*g]).collect();
    let (low, high) = means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let column = subject.column;
    let axis = Axis::values(low, high, column::range(column), "");
    let up = column::higher_is_better(column);
    // The better end is on top.
    let place = |v: f64| {
        let part = (v - axis.low) / (axis.high - axis.low);
        frame.1 - ((if up { part } else { 1.0 - part }) * f64::from(frame.1 - frame.0)) as i32
    };
    let places = subject.scores.iter().map(|score| score.map(place)).collect();
    let words = axis.ticks.iter().map(|(v, word)| (place(*v), vec![word.clone()])).collect();
    Upright { title: column::title(column), x: (0, 0), words, places }
}

fn draw_lines(subject: &Subject, ink: &Ink, axes: &[Upright]) {
    let order = &subject.order;
    let means: Vec<f64> = order.iter().filter_map(|g| subject.scores[*g]).collect();
    let (worst, best) = (means[0], means[means.len() - 1]);
    let thin = if order.len() > 40 { LINE_WIDTH / 2 } else { LINE_WIDTH * 2 / 3 };
    for (group, mean) in order.iter().zip(&means) {
        let part = if best == worst { 1.0 } else { (mean - worst) / (best - worst) };
        let step = FAINTEST + (part.clamp(0.0, 1.0) * (STEPS - 1 - FAINTEST) as f64).round() as usize;
        let is_best = Some(group) == order.last();
        let pen = Pen::new(style::step_color(step), if is_best { 2 * LINE_WIDTH } else { thin });
        for pair in axes.windows(2) {
            if let (Some(from), Some(to)) = (pair[0].places[*group], pair[1].places[*group]) {
                ink.line(&curve((pair[0].x.1, from), (pair[1].x.0, to)), pen);
            }
        }
    }
}

/// A line that leaves and arrives level, so that one can follow it across the words.
fn curve((x0, y0): At, (x1, y1): At) -> Vec<At> {
    const PARTS: i32 = 12;
    let at = |k: i32| {
        let t = f64::from(k) / f64::from(PARTS);
        let s = t * t * (3.0 - 2.0 * t);
        (x0 + (f64::from(x1 - x0) * t).round() as i32, y0 + (f64::from(y1 - y0) * s).round() as i32)
    };
    (0..=PARTS).map(at).collect()
}

/// What the colours mean, and what was left out.
fn notes(subject: &Subject, ink: &Ink, top: i32) {
    let y = top + 60 + LEADING / 2;
    let mut x = EDGE;
    for words in ["worst", "best"] {
        ink.text(words, (x, y), Anchor::Start, Face::WORDS);
        x += text::width(words, TEXT) + 30;
        if words == "worst" {
            for step in FAINTEST..STEPS {
                ink.rect((x, y - 30), (60, 60), style::step_color(step), 1.0);
                x += 60;
            }
            x += 30;
        }
    }
    let lines = format!("{}, a line each", counted(subject.count, subject.what));
    ink.text(&lines, (x + 40, y), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
    if let Some(words) = &subject.left_out {
        ink.text(words, (EDGE, y + LEADING), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
    }
}

fn description(subject: &Subject) -> String {
    let keys: Vec<&str> = subject.factors.iter().map(|f| f.key.as_str()).collect();
    format!(
        "One line per {} through its values of {} to its {}, darker where that is better. The best: {}.",
        subject.what,
        keys.join(", "),
        subject.column,
        subject.best
    )
}
