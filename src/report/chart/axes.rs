//! Axes: where ticks go, what stands beside them, and the frame in which curves are drawn.

use super::ink::{At, Ink};
use super::style::{self, AXIS, AXIS_WIDTH, EDGE, GRID, GRID_WIDTH, TEXT, TICK};
use super::text;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use std::ops::Range;

/// One axis: its ends, its ticks and their words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<(f64, String)>,
    pub title: String,
}

/// A frame with axes that is ready for curves, which are drawn with the pen: plotters would bend them along the frame's edge.
pub(crate) struct Plot {
    pub ink: Ink,
    pub x: (i32, i32),
    pub y: (i32, i32),
    scales: (Scale, Scale),
}

/// A linear scale for plotters whose ticks are given.
#[derive(Clone)]
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        // Curves are clipped at the frame; a bound keeps what lies far outside within a file's coordinates.
        let part = ((value - self.low) / (self.high - self.low)).clamp(-3.0, 4.0);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl Axis {
    fn scale(&self) -> Scale {
        Scale { low: self.low, high: self.high, ticks: self.ticks.iter().map(|t| t.0).collect() }
    }

    fn word(&self, value: f64) -> String {
        self.ticks.iter().find(|t| t.0 == value).map(|t| t.1.clone()).unwrap_or_default()
    }

    /// Epochs 1 to `last`.
    pub(crate) fn epochs(last: usize) -> Self {
        let last = last.max(1);
        let (low, high) = match last {
            1 => (0.5, 1.5),
            2..10 => (1.0, last as f64),
            _ => (0.0, last as f64),
        };
        let step = nice_step(last as f64 / 6.0).max(1.0).ceil();
        let ticks = (0..).map(|k| k as f64 * step).skip_while(|t| *t < low).take_while(|t| *t <= high);
        Self { low, high, ticks: ticks.map(|t| (t, format!("{t}"))).collect(), title: "Epoch".into() }
    }

    /// A logarithmic axis from 10^low to 10^high: at most seven whole decades have words, and where there are fewer than two of them also 2 and 5
    /// times a power of ten, else both ends.
    pub(crate) fn decades(low: f64, high: f64, title: &str) -> Self {
        let whole =
            |step: usize| (low.ceil() as i32..=high.floor() as i32).step_by(step).map(|p| (f64::from(p), format!("1e{p}")));
        let step = whole(1).count().div_ceil(7).max(1);
        let parts = (low.floor() as i32..=high.ceil() as i32)
            .flat_map(|p| [1.0, 2.0, 5.0].map(|m: f64| (f64::from(p) + m.log10(), format!("{m}e{p}"))));
        let ends = [low, high].map(|end| (end, format!("{:.1e}", 10f64.powf(end))));
        let choices = [whole(step).collect::<Vec<_>>(), parts.filter(|t| (low..=high).contains(&t.0)).collect(), ends.to_vec()];
        let ticks = choices.into_iter().find(|ticks| ticks.len() > 1).expect("there are two ends");
        Self { low, high, ticks, title: title.into() }
    }

    /// Values from `low` to `high`, widened to whole steps but not beyond `limit`.
    pub(crate) fn values(low: f64, high: f64, limit: (f64, f64), title: &str) -> Self {
        let room = if high > low { (high - low).min(f64::MAX) } else { (low.abs() * 0.1).max(1e-3) };
        let step = nice_step(room / 6.0);
        let low = multiple((low / step + 1e-9).floor(), step).max(limit.0);
        let above = multiple((low / step + 1e-9).floor() + 1.0, step);
        let high = multiple((high / step - 1e-9).ceil(), step).min(limit.1).max(above);
        Self { low, high, ticks: stepped(low, high, step), title: title.into() }
    }
}

impl Axis {
    /// The same with a free part at both ends, for dots that lie on them.
    pub(crate) fn padded(self, part: f64) -> Self {
        let pad = part * (self.high - self.low);
        Self { low: self.low - pad, high: self.high + pad, ..self }
    }

    /// The same without the words that would stand on others along an axis of a width.
    pub(crate) fn sparse(mut self, width: i32) -> Self {
        let mut free = i32::MIN;
        for (value, word) in &mut self.ticks {
            let middle = ((*value - self.low) / (self.high - self.low) * f64::from(width)) as i32;
            let half = text::width(word, TEXT) / 2;
            if middle - half < free {
                word.clear();
            } else {
                free = middle + half + 45;
            }
        }
        self
    }
}

/// `count · step` without the rounding error that 0.1 and its like bring.
fn multiple(count: f64, step: f64) -> f64 {
    if step < 1.0 { count / (1.0 / step).round() } else { count * step }
}

/// A step of 1, 2, 2.5 or 5 times a power of ten, at least `raw`.
pub(crate) fn nice_step(raw: f64) -> f64 {
    // Of less no multiples can be counted.
    let raw = raw.max(1e-290);
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 2.5, 5.0].iter().map(|m| m * power).find(|step| *step >= raw * 0.999).unwrap_or(10.0 * power)
}

/// Multiples of a step, all with the decimals that the step needs; very large and very small ones with an exponent.
fn stepped(low: f64, high: f64, step: f64) -> Vec<(f64, String)> {
    let whole = |d: &usize| ((step * 10f64.powi(*d as i32)).round() - step * 10f64.powi(*d as i32)).abs() < 1e-6;
    let decimals = (0..6).find(whole).filter(|_| step < 1e5);
    let (first, last) = ((low / step - 1e-6).ceil() as i64, (high / step + 1e-6).floor() as i64);
    let word = |value: f64| decimals.map_or(format!("{value:.1e}"), |d| format!("{value:.d$}"));
    (first..=last).map(|k| multiple(k as f64, step)).map(|value| (value, word(value))).collect()
}

/// Free space around a plot's frame, above and on the right; left and below the axes' words decide.
pub(crate) struct Room {
    pub top: i32,
    pub right: i32,
    /// Height of what stands below the axis and its words.
    pub below: i32,
    /// Width of what stands left of the frame, where that is no value axis.
    pub left: Option<i32>,
    /// Height of the axis' words and title.
    pub words: i32,
}

impl Room {
    /// With a value axis on the left and one line of words at the ticks.
    pub(crate) fn new(top: i32, right: i32, below: i32) -> Self {
        Self { top, right, below, left: None, words: AXIS_WORDS }
    }
}

/// How far above a plot's frame the middle of words stands.
pub(crate) const ABOVE: i32 = 76;
/// Height of the words below a plot: ticks and title.
pub(crate) const AXIS_WORDS: i32 = 235;

/// Width of a value axis' words and title, to the left of the frame.
pub(crate) fn left(y: &Axis) -> i32 {
    let widest = y.ticks.iter().map(|t| text::width(&t.1, TEXT)).max().unwrap_or(0);
    EDGE + TEXT + 40 + widest + 2 * TICK
}

/// Draws grid, axes, ticks and their words.
pub(crate) fn plot(ink: &Ink, x: &Axis, y: &Axis, room: &Room) -> Plot {
    let left = room.left.unwrap_or_else(|| left(y));
    let scales = (x.scale(), y.scale());
    let area = ink.clone().into_drawing_area();
    let mut chart = ChartBuilder::on(&area.margin(0, room.below, EDGE, 0))
        .margin_top(room.top)
        .margin_right(room.right)
        .set_label_area_size(LabelAreaPosition::Left, left - EDGE)
        .set_label_area_size(LabelAreaPosition::Bottom, room.words)
        .build_cartesian_2d(scales.0.clone(), scales.1.clone())
        .expect("memory takes every stroke");
    let (xs, ys) = chart.plotting_area().get_pixel_range();
    let words = ("sans-serif", TEXT).into_font().color(&style::INK);
    let mut mesh = chart.configure_mesh();
    if y.ticks.is_empty() {
        mesh.disable_y_axis();
    }
    mesh.disable_x_mesh()
        .bold_line_style(GRID.stroke_width(GRID_WIDTH))
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS.stroke_width(AXIS_WIDTH))
        .set_all_tick_mark_size(TICK)
        .x_label_formatter(&|v| x.word(*v))
        .y_label_formatter(&|v| y.word(*v))
        .label_style(words.clone())
        .axis_desc_style(words)
        .x_desc(&x.title)
        .y_desc(&y.title)
        .draw()
        .expect("memory takes every stroke");
    Plot { ink: ink.clone(), x: (xs.start, xs.end), y: (ys.start, ys.end), scales }
}

impl Plot {
    /// Leaves a note of the frame and of the values at its ends, for a page that shows values under the pointer.
    pub(crate) fn note(&self) {
        let ((left, right), (top, bottom), (x, y)) = (self.x, self.y, &self.scales);
        let ends = format!("{left} {right} {top} {bottom} {} {} {} {}", x.low, x.high, y.low, y.high);
        self.ink.raw(&format!("<g data-plot=\"{ends}\"/>"));
    }

    /// Where a value lies on the sheet.
    pub(crate) fn at(&self, x: f64, y: f64) -> At {
        (self.scales.0.map(&x, self.x), self.scales.1.map(&y, (self.y.1, self.y.0)))
    }

    /// The same, moved onto the frame if it is above or below.
    pub(crate) fn inside(&self, x: f64, y: f64) -> At {
        let (x, y) = self.at(x, y);
        (x, y.clamp(self.y.0, self.y.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.1.as_str()).collect()
    }

    #[test]
    fn epochs_have_whole_ticks() {
        assert_eq!(words(&Axis::epochs(1)), ["1"]);
        assert_eq!(words(&Axis::epochs(3)), ["1", "2", "3"]);
        assert_eq!(words(&Axis::epochs(12)), ["0", "2", "4", "6", "8", "10", "12"]);
        assert_eq!(words(&Axis::epochs(50)), ["0", "10", "20", "30", "40", "50"]);
    }

    #[test]
    fn decades_have_words_that_fit() {
        let axis = |low: f64, high: f64| Axis::decades(low, high, "Learning rate");
        assert_eq!(words(&axis(-7.0, 0.0)), ["1e-7", "1e-5", "1e-3", "1e-1"]);
        assert_eq!(words(&axis(-4.3, -0.9)), ["1e-4", "1e-3", "1e-2", "1e-1"]);
        assert_eq!(words(&axis(-3.8, -2.5)), ["2e-4", "5e-4", "1e-3", "2e-3"]);
        assert_eq!(words(&axis(-2.9, -2.8)), ["1.3e-3", "1.6e-3"]);
    }

    #[test]
    fn values_end_at_ticks_and_within_the_limit() {
        let axis = Axis::values(0.62, 0.962, (0.0, 1.0), "Dice");
        assert_eq!((axis.low, axis.high), (0.6, 1.0));
        assert_eq!(words(&axis), ["0.6", "0.7", "0.8", "0.9", "1.0"]);
        assert_eq!(words(&Axis::values(0.5, 0.5, (0.0, 1.0), "Dice")), ["0.50", "0.51"]);
        assert_eq!(words(&Axis::values(1.0, 1.0, (0.0, 1.0), "Dice")), ["1.00", "1.02"]);
    }

    #[test]
    fn the_least_and_the_greatest_differences_have_few_ticks() {
        for end in [5e-324, 1e-300, 1e308] {
            let axis = Axis::values(-end, end, (f64::MIN, f64::MAX), "Loss");
            let least = 1e-290;
            assert!((2..12).contains(&axis.ticks.len()) && axis.low <= least - end && axis.high >= end - least, "{axis:?}");
        }
    }

    #[test]
    fn words_stay_short_where_a_loss_explodes() {
        for high in [3e5, 4e12, 1e300] {
            let axis = Axis::values(0.0, high, (0.0, f64::INFINITY), "Loss");
            assert!(words(&axis).iter().all(|w| w.len() < 9) && axis.ticks.len() > 2, "{:?}", words(&axis));
        }
    }
}
