//! A column over epochs, training and validation, one colour a group: mean line, band from smallest to largest run, best epoch.

use super::axes::{ABOVE, AXIS_WORDS, Axis, Plot, Room, plot};
use super::focus::Focus;
use super::ink::{Ink, Pen};
use super::key::{Key, Sign};
use super::labels::Labels;
use super::style::{self, BAND_OPACITY, COLUMN, DASH, EDGE, FAINT, LABEL_GAP, LINE_WIDTH, MARK, MUTED, Shape, THIN_WIDTH};
use crate::metric::Split;
use crate::report::collect::{Comparison, Group, Run, State};
use crate::report::stats::{self, Point};
use crate::report::{column, constant, describe};
use crate::text::counted;

/// The curves of one group.
struct Curves {
    train: Vec<Point>,
    val: Vec<Point>,
    /// Runs that failed or are not done, with whether they failed.
    thin: Vec<(Vec<Point>, bool)>,
    /// Epoch and value.
    best: Option<(f64, f64)>,
}

impl Curves {
    fn of(group: &Group, stem: &str) -> Self {
        let settled = group.settled();
        let (train, val) = (Split::Train.column(stem), Split::Val.column(stem));
        let thin = |run: &&Run| {
            let val = stats::curve(&[run], &val);
            (if val.is_empty() { stats::curve(&[run], &train) } else { val }, run.state == State::Failed)
        };
        let mut curves = Self {
            train: stats::curve(&settled, &train),
            val: stats::curve(&settled, &val),
            thin: group.others().iter().map(thin).filter(|(points, _)| !points.is_empty()).collect(),
            best: None,
        };
        curves.best = group.best_epoch().and_then(|best| {
            let point = curves.val.iter().min_by_key(|p| p.epoch.abs_diff(best))?;
            Some((point.epoch as f64, point.mean))
        });
        curves
    }

    /// The points that speak for the group: of runs that count, or of those that do not where there are no others.
    fn points(&self) -> Vec<Point> {
        let settled: Vec<Point> = self.train.iter().chain(&self.val).copied().collect();
        if settled.is_empty() { self.thin.iter().flat_map(|t| &t.0).copied().collect() } else { settled }
    }

    /// The last value to be seen.
    fn end(&self) -> Option<Point> {
        let thin = self.thin.last().and_then(|t| t.0.last());
        self.val.last().or(self.train.last()).or(thin).copied()
    }

    fn last_epoch(&self) -> usize {
        let all = self.train.iter().chain(&self.val).chain(self.thin.iter().flat_map(|t| &t.0));
        all.map(|p| p.epoch).max().unwrap_or(0)
    }
}

/// The chart of `train_STEM` and `val_STEM`; `None` if no run has a value of either. The value axis holds the curves of all stems of
/// the `family`, so that its charts can stand side by side.
pub(crate) fn draw(comparison: &Comparison, focus: &Focus, stem: &str, family: &[String]) -> Option<String> {
    let of = |stem: &str| comparison.groups.iter().map(|group| Curves::of(group, stem)).collect::<Vec<_>>();
    let groups = of(stem);
    groups.iter().find_map(Curves::end)?;
    let title = column::title(stem);
    let last = groups.iter().map(Curves::last_epoch).max().unwrap_or(1);
    let all: Vec<Vec<Curves>> = family.iter().filter(|other| *other != stem).map(|other| of(other)).collect();
    let y = values(&all.iter().flatten().chain(&groups).collect::<Vec<_>>(), last, stem, &title);
    let constants = constant::values(comparison, &Split::Val.column(stem));
    let y = with_constants(y, &constants, stem);
    let swept = comparison.swept();
    let labels = Labels::of(&swept, focus);
    let drops = super::lr::drops(comparison);
    let key = key(comparison, focus, &groups, &y, &constants);
    let list = labels.list(&swept, COLUMN - 2 * EDGE);
    let top = if drops.is_empty() && labels.head.is_none() { 60 } else { 2 * ABOVE };
    let frame = 1180.max(focus.count() as i32 * LABEL_GAP);
    let below = key.height() + list.height() + EDGE;
    let ink = Ink::new(&format!("curves-{}", super::file_name(stem)), COLUMN, top + frame + AXIS_WORDS + below);
    let plot = plot(&ink, &Axis::epochs(last), &y, &Room::new(top, labels.width(), below));
    plot.note();
    super::lr::mark(&plot, &drops);
    draw_constants(&plot, &constants, &y);
    draw_lines(&plot, focus, &groups);
    draw_signs(&plot, focus, &groups);
    let end = |curves: &Curves| curves.end().map(|p| plot.inside(p.epoch as f64, p.mean));
    labels.draw(&plot, &groups.iter().map(end).collect::<Vec<_>>());
    let under = plot.y.1 + AXIS_WORDS;
    key.draw(&ink, under);
    list.draw(&ink, under + key.height());
    Some(ink.finish(&format!("{title} against epoch, training and validation"), &describe::curves(comparison, stem)))
}

/// The values of a stem's curves, of the groups that are drawn in colour, for a page that shows them under the pointer.
pub(crate) fn values_of(comparison: &Comparison, focus: &Focus, stem: &str) -> Vec<Values> {
    let shown = comparison.groups.iter().enumerate().filter(|(at, _)| focus.shows(*at));
    let values = |(at, group): (usize, &Group)| {
        let curves = Curves::of(group, stem);
        let thin = if curves.val.is_empty() && curves.train.is_empty() { curves.thin } else { Vec::new() };
        let val = if thin.is_empty() { curves.val } else { thin.into_iter().flat_map(|(points, _)| points).collect() };
        let val = val.iter().map(|p| [p.epoch as f64, rounded(p.mean), rounded(p.low), rounded(p.high)]).collect();
        let train = curves.train.iter().map(|p| [p.epoch as f64, rounded(p.mean)]).collect();
        Values { group: at, color: super::swatch(at).unwrap_or_default(), name: describe::shown(&group.name), val, train }
    };
    shown.map(values).collect()
}

/// The values of one group's curves.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Values {
    /// Its place among all groups.
    group: usize,
    /// Its colour, by its place among [`swatches`](super::swatches).
    color: usize,
    name: String,
    /// Epoch, mean, smallest and largest run.
    val: Vec<[f64; 4]>,
    /// Epoch and mean.
    train: Vec<[f64; 2]>,
}

/// To five digits, as many as anybody reads.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// The value axis: all that comes after the first tenth of the epochs (the first fifth where many groups need the room), but
/// for a fiftieth that may stick out on the bad side.
fn values(groups: &[&Curves], last: usize, stem: &str, title: &str) -> Axis {
    let up = column::higher_is_better(stem);
    let all: Vec<Point> = groups.iter().flat_map(|g| g.points()).collect();
    let skipped = if groups.len() > 3 { last / 5 } else { last / 10 };
    let settled: Vec<Point> = all.iter().filter(|p| p.epoch > skipped).copied().collect();
    let mut spread: Vec<f64> =
        (if settled.is_empty() { &all } else { &settled }).iter().flat_map(|p| [p.low, p.mean, p.high]).collect();
    spread.sort_by(f64::total_cmp);
    let rare = spread.len() / 50;
    let (mut low, mut high) = (spread[if up { rare } else { 0 }], spread[spread.len() - 1 - if up { 0 } else { rare }]);
    for value in groups.iter().filter_map(|g| g.best).map(|b| b.1) {
        (low, high) = (low.min(value), high.max(value));
    }
    if !up && low < 0.25 * high {
        low = 0.0;
    }
    Axis::values(low, high, column::range(stem), title)
}

fn key(comparison: &Comparison, focus: &Focus, groups: &[Curves], y: &Axis, constants: &[f64]) -> Key {
    let several = comparison.groups.iter().any(|g| g.settled().len() > 1);
    let single = groups.iter().all(|g| g.last_epoch() <= 1);
    let thin = Pen::new(MUTED, THIN_WIDTH);
    let val = match (single, several) {
        (true, _) => (Sign::Mark(Shape::Dot, MUTED), "validation"),
        (_, true) => (Sign::Band(MUTED), "validation, mean and range"),
        _ => (Sign::Line(Pen::new(MUTED, LINE_WIDTH)), "validation"),
    };
    let train = (if single { Sign::Dot(MUTED) } else { Sign::Line(thin.dashed(DASH)) }, "training");
    let best = (Sign::Mark(Shape::Dot, MUTED), if several { "mean best epoch" } else { "best epoch" });
    let named = || groups.iter().enumerate().filter(|(i, _)| focus.shows(*i)).map(|(_, group)| group);
    let others = |failed: bool| named().flat_map(|g| &g.thin).any(|t| t.1 == failed);
    let items = [
        (groups.iter().any(|g| !g.val.is_empty()), val),
        (groups.iter().any(|g| !g.train.is_empty()), train),
        (!single && groups.iter().any(|g| g.best.is_some()), best),
        (others(true), (Sign::Mark(Shape::Cross, MUTED), "failed")),
        (others(false), (Sign::Line(thin), "unfinished")),
    ];
    let items = items.into_iter().filter(|item| item.0).map(|(_, (sign, words))| (sign, words.to_owned()));
    let others = focus.others().map(|words| (Sign::Line(Pen::new(FAINT, THIN_WIDTH)), words));
    let others = constant_item(constants, y).into_iter().chain(others);
    Key::new(items.chain(others).chain(outside(groups, y).map(|words| (Sign::Nothing, words))).collect(), COLUMN - 2 * EDGE)
}

/// Part of the value axis by which it may be longer for the sake of the best constant mask.
const LONGER: f64 = 0.5;

/// The value axis with the best constant mask of every group, where that does not press the curves together.
fn with_constants(y: Axis, constants: &[f64], stem: &str) -> Axis {
    let (low, high) = constants.iter().fold((y.low, y.high), |(low, high), value| (low.min(*value), high.max(*value)));
    let room = (1.0 + LONGER) * (y.high - y.low);
    if (low, high) == (y.low, y.high) || high - low > room { y } else { Axis::values(low, high, column::range(stem), &y.title) }
}

/// The sign of the best constant mask; where it is off the axis its value alone.
fn constant_item(constants: &[f64], y: &Axis) -> Option<(Sign, String)> {
    let shown = constants.iter().any(|value| (y.low..=y.high).contains(value));
    match constants {
        [] => None,
        _ if shown => Some((Sign::Line(Pen::new(MUTED, THIN_WIDTH).dashed(CONSTANT)), constant::LABEL.to_owned())),
        [first, ..] => {
            let side = if *first > y.high { "above" } else { "below" };
            Some((Sign::Nothing, format!("{} {first:.3}, {side} the axis", constant::LABEL)))
        }
    }
}

/// Dashes of the best constant mask, longer than those of training.
const CONSTANT: &str = "40 20";

/// A level line for each value of the best constant mask.
fn draw_constants(plot: &Plot, constants: &[f64], y: &Axis) {
    for value in constants.iter().filter(|value| (y.low..=y.high).contains(*value)) {
        let (_, at) = plot.at(0.0, *value);
        plot.ink.line(&[(plot.x.0, at), (plot.x.1, at)], Pen::new(MUTED, THIN_WIDTH).dashed(CONSTANT));
    }
}

/// Says how many means the value axis leaves out.
fn outside(groups: &[Curves], y: &Axis) -> Option<String> {
    let means: Vec<f64> = groups.iter().flat_map(|g| g.train.iter().chain(&g.val)).map(|p| p.mean).collect();
    let above = means.iter().filter(|v| **v > y.high).count();
    let below = means.iter().filter(|v| **v < y.low).count();
    let (count, side) = if above > 0 { (above, "above") } else { (below, "below") };
    (count > 0).then(|| format!("{} {side} the axis", counted(count, "value")))
}

fn draw_lines(plot: &Plot, focus: &Focus, groups: &[Curves]) {
    plot.ink.clip((plot.x.0, plot.y.0 - 6), (plot.x.1 + 6, plot.y.1));
    let named = || groups.iter().enumerate().filter(|(i, _)| focus.shows(*i));
    for (_, group) in groups.iter().enumerate().filter(|(i, _)| !focus.shows(*i)) {
        draw_line(plot, if group.val.is_empty() { &group.train } else { &group.val }, Pen::new(FAINT, THIN_WIDTH));
    }
    for (i, group) in named() {
        plot.ink.group(i);
        for part in stats::unbroken(&group.val).filter(|part| part.iter().any(|p| p.high > p.low)) {
            let edge = part.iter().map(|p| plot.at(p.epoch as f64, p.high));
            let back = part.iter().rev().map(|p| plot.at(p.epoch as f64, p.low));
            plot.ink.area(&edge.chain(back).collect::<Vec<_>>(), style::group_color(i), BAND_OPACITY);
        }
        plot.ink.close();
    }
    // The first group is drawn last: it lies on top wherever lines meet.
    for (i, group) in named().collect::<Vec<_>>().into_iter().rev() {
        let color = style::group_color(i);
        plot.ink.group(i);
        group.thin.iter().for_each(|(points, _)| draw_line(plot, points, Pen::new(color, THIN_WIDTH)));
        draw_line(plot, &group.train, Pen::new(color, THIN_WIDTH).dashed(DASH));
        draw_line(plot, &group.val, Pen::new(color, LINE_WIDTH));
        plot.ink.close();
    }
    plot.ink.close();
}

/// Lines where epochs follow each other, dots where one stands alone.
fn draw_line(plot: &Plot, points: &[Point], pen: Pen) {
    for part in stats::unbroken(points) {
        let places: Vec<(i32, i32)> = part.iter().map(|p| plot.at(p.epoch as f64, p.mean)).collect();
        match places[..] {
            [at] => plot.ink.mark(Shape::Dot, at, MARK / 2, pen.color),
            _ => plot.ink.line(&places, pen),
        }
    }
}

/// Best epochs and failures, above all lines.
fn draw_signs(plot: &Plot, focus: &Focus, groups: &[Curves]) {
    for (i, group) in groups.iter().enumerate().rev().filter(|(i, _)| focus.shows(*i)) {
        plot.ink.group(i);
        for (points, _) in group.thin.iter().filter(|t| t.1) {
            let last = points.last().expect("curves without points were left out");
            plot.ink.mark(Shape::Cross, plot.inside(last.epoch as f64, last.mean), MARK, style::group_color(i));
        }
        if let Some((epoch, value)) = group.best {
            plot.ink.mark(style::group_shape(i), plot.inside(epoch, value), MARK, style::group_color(i));
        }
        plot.ink.close();
    }
}
