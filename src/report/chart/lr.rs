//! The learning rate over epochs, and its drops as marks in the other charts.

use super::axes::{ABOVE, AXIS_WORDS, Axis, Plot, Room, nice_step, plot};
use super::focus::Focus;
use super::ink::{Anchor, Face, Ink, Pen};
use super::key::{Key, Sign};
use super::labels::Labels;
use super::style::{self, AXIS, AXIS_WIDTH, COLUMN, DOTS, EDGE, LABEL_GAP, LINE_WIDTH, MARK, NOTE, Shape};
use super::text;
use crate::report::collect::{Comparison, Group};
use crate::report::stats;
use plotters::style::RGBColor;

/// A drop of the learning rate that is marked: its epoch, and its factor where all groups agree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fall {
    epoch: usize,
    factor: Option<f64>,
}

/// The learning rates of a group's longest run.
fn rates(group: &Group) -> Vec<(usize, f64)> {
    group.runs.iter().map(|run| run.points("lr")).max_by_key(Vec::len).unwrap_or_default()
}

/// The drops of all groups. None where there are so many that marks would hide the curves.
pub(crate) fn drops(comparison: &Comparison) -> Vec<Fall> {
    const MOST: usize = 8;
    let all: Vec<(usize, f64)> = comparison.groups.iter().flat_map(|group| stats::drops(&rates(group))).collect();
    let mut epochs: Vec<usize> = all.iter().map(|d| d.0).collect();
    epochs.sort_unstable();
    epochs.dedup();
    if epochs.len() > MOST {
        return Vec::new();
    }
    let of = |epoch: usize| {
        let factors: Vec<f64> = all.iter().filter(|d| d.0 == epoch).map(|d| d.1).collect();
        let agree = factors.iter().all(|f| (f / factors[0] - 1.0).abs() < 1e-6);
        Fall { epoch, factor: agree.then_some(factors[0]) }
    };
    epochs.into_iter().map(of).collect()
}

/// Dotted lines where the learning rate drops, between the epochs, with what it is divided by where there is room.
pub(crate) fn mark(plot: &Plot, falls: &[Fall]) {
    let mut free = plot.x.0 - 100;
    for (k, fall) in falls.iter().enumerate() {
        let (x, _) = plot.at(fall.epoch as f64 - 0.5, 0.0);
        plot.ink.line(&[(x, plot.y.0 - 20), (x, plot.y.1)], Pen::new(AXIS, AXIS_WIDTH).dashed(DOTS));
        let by = fall.factor.map(|f| if (f - f.round()).abs() < 0.05 { format!("÷{f:.0}") } else { format!("÷{f:.1}") });
        let words = match (k, by) {
            (0, Some(by)) => format!("lr {by}"),
            (0, None) => "lr drops".to_owned(),
            (_, by) => by.unwrap_or_default(),
        };
        let width = text::width(&words, NOTE);
        let left = (x - width / 2).min(plot.x.1 - width);
        if left > free && width > 0 {
            plot.ink.text(&words, (left, plot.y.0 - ABOVE), Anchor::Start, Face::NOTES);
            free = left + width + 40;
        }
    }
}

/// Groups with one and the same schedule.
struct Schedule {
    rates: Vec<(usize, f64)>,
    groups: Vec<usize>,
}

/// The chart; `None` if no run says its learning rate.
pub(crate) fn draw(comparison: &Comparison, focus: &Focus) -> Option<String> {
    let schedules = schedules(comparison);
    let last = schedules.iter().filter_map(|s| s.rates.last()).map(|r| r.0).max()?;
    let (y, mapping) = axis(schedules.iter().flat_map(|s| &s.rates).map(|r| r.1).filter(|r| *r > 0.0));
    let shared = schedules.len() == 1;
    let swept = comparison.swept();
    let labels = Labels::of(&swept, focus);
    let list = if shared { Key::empty() } else { labels.list(&swept, COLUMN - 2 * EDGE) };
    let right = if shared { 3 * EDGE } else { labels.width() };
    let top = if labels.head.is_some() && !shared { 2 * ABOVE } else { 60 };
    let frame = if shared { 700 } else { 900.max(focus.count() as i32 * LABEL_GAP) };
    let grey = focus.others().filter(|_| !shared).map(|words| (Sign::Line(Pen::new(style::FAINT, LINE_WIDTH)), words));
    let key = Key::new(grey.into_iter().collect(), COLUMN - 2 * EDGE);
    let below = key.height() + list.height() + EDGE;
    let ink = Ink::new("lr", COLUMN, top + frame + AXIS_WORDS + below);
    let plot = plot(&ink, &Axis::epochs(last), &y, &Room::new(top, right, below));
    let mut ends = vec![None; swept.len()];
    // Named schedules lie on top.
    let (named, others): (Vec<&Schedule>, Vec<&Schedule>) =
        schedules.iter().partition(|s| s.groups.iter().any(|g| focus.shows(*g)));
    for schedule in others.into_iter().chain(named.into_iter().rev()) {
        let named = schedule.groups.iter().find(|group| focus.shows(**group));
        let color = match named {
            _ if shared => style::INK,
            Some(group) => style::group_color(*group),
            None => style::FAINT,
        };
        let places = places(&schedule.rates, mapping);
        let end = places.last().map(|(x, y)| plot.inside(*x, *y));
        schedule.groups.iter().for_each(|g| ends[*g] = end);
        draw_line(&plot, &places, color);
    }
    if !shared {
        labels.draw(&plot, &ends);
    }
    let under = plot.y.1 + AXIS_WORDS;
    key.draw(&ink, under);
    list.draw(&ink, under + key.height());
    let count = if shared { "One schedule for all groups.".to_owned() } else { format!("{} schedules.", schedules.len()) };
    let count = focus.others().map_or(count.clone(), |others| format!("{count} In grey: {others}."));
    Some(ink.finish("Learning rate against epoch", &count))
}

/// A line, upright between the epochs where the rate drops.
fn draw_line(plot: &Plot, places: &[(f64, f64)], color: RGBColor) {
    match places.iter().map(|(x, y)| plot.at(*x, *y)).collect::<Vec<_>>()[..] {
        [at] => plot.ink.mark(Shape::Dot, at, MARK, color),
        ref places => plot.ink.line(places, Pen::new(color, LINE_WIDTH)),
    }
}

/// The corners of the line: the middle of each epoch, and both ends of a drop.
fn places(rates: &[(usize, f64)], mapping: Mapping) -> Vec<(f64, f64)> {
    let falls: Vec<usize> = stats::drops(rates).iter().map(|d| d.0).collect();
    let mut places: Vec<(f64, f64)> = Vec::new();
    for (epoch, rate) in rates {
        let Some(y) = mapping.place(*rate) else { continue };
        if let Some((_, before)) = places.last().copied().filter(|_| falls.contains(epoch)) {
            places.extend([(*epoch as f64 - 0.5, before), (*epoch as f64 - 0.5, y)]);
        }
        places.push((*epoch as f64, y));
    }
    places
}

fn schedules(comparison: &Comparison) -> Vec<Schedule> {
    let mut schedules: Vec<Schedule> = Vec::new();
    for (i, group) in comparison.groups.iter().enumerate() {
        let rates = rates(group);
        // A run that ended early follows the same schedule as far as it came.
        let same = |s: &&mut Schedule| s.rates.iter().zip(&rates).all(|(a, b)| a == b);
        if rates.is_empty() {
            continue;
        }
        match schedules.iter_mut().find(same) {
            Some(schedule) => {
                schedule.groups.push(i);
                if rates.len() > schedule.rates.len() {
                    schedule.rates = rates;
                }
            }
            None => schedules.push(Schedule { rates, groups: vec![i] }),
        }
    }
    schedules
}

/// How rates become places on the axis.
#[derive(Clone, Copy)]
enum Mapping {
    Log,
    /// In units of this power of ten.
    Linear(i32),
}

impl Mapping {
    /// `None` for a rate of 0 on a logarithmic axis.
    fn place(self, rate: f64) -> Option<f64> {
        match self {
            Mapping::Log => (rate > 0.0).then(|| rate.log10()),
            Mapping::Linear(power) => Some(rate / 10f64.powi(power)),
        }
    }
}

/// A logarithmic axis of whole decades if the rates span a factor of 5 or more, else a linear one from 0.
fn axis(rates: impl Iterator<Item = f64>) -> (Axis, Mapping) {
    let (low, high) = rates.fold((f64::INFINITY, 0.0f64), |(low, high), r| (low.min(r), high.max(r)));
    if high >= 5.0 * low && low > 0.0 {
        let (low, high) = ((low.log10() + 1e-9).floor(), (high.log10() - 1e-9).ceil());
        let step = (((high - low) / 6.0).ceil() as usize).max(1);
        let ticks = (low as i32..=high as i32).step_by(step).map(|p| (f64::from(p), format!("1e{p}")));
        let title = "Learning rate".to_owned();
        return (Axis { low: low - 0.1, high: high + 0.1, ticks: ticks.collect(), title }, Mapping::Log);
    }
    let power = if high > 0.0 { high.log10().floor() as i32 } else { 0 };
    let high = high / 10f64.powi(power);
    let axis = Axis::values(0.0, high + nice_step(high / 5.0) / 2.0, (0.0, f64::MAX), &format!("Learning rate (1e{power})"));
    (axis, Mapping::Linear(power))
}
