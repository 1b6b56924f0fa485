//! The values of a parameter along a horizontal axis: numbers by size, on a linear or logarithmic axis, others side by side.

use super::axes::{AXIS_WORDS, Axis, Plot};
use super::ink::{Anchor, Face};
use super::style::{LABEL_GAP, LEADING, TEXT, TICK};
use super::text;
use crate::report::sweep::{Factor, Scale, short};

/// An axis with the values of a parameter.
pub(crate) struct Levels {
    pub axis: Axis,
    /// Where each value lies on it.
    pub at: Vec<f64>,
    /// The height that words and title take below the frame.
    pub height: i32,
    words: Vec<(f64, Vec<String>)>,
    upright: bool,
}

const LONGEST: i32 = 700;
/// Where a value has so much room its words are cut rather than turned.
const WIDE: i32 = 400;
const BETWEEN: i32 = 45;
const MOST_TICKS: usize = 10;

impl Levels {
    /// Lays the values out on an axis of a width.
    pub(crate) fn of(factor: &Factor, title: &str, width: i32) -> Self {
        let title = &text::fit(title, TEXT, width);
        match (factor.scale(), factor.numbers()) {
            (Scale::Linear, Some(numbers)) => Self::of_numbers(numbers, factor, title, width),
            (Scale::Log, Some(numbers)) => Self::of_numbers(numbers.iter().map(|n| n.log10()).collect(), factor, title, width),
            _ => Self::side_by_side(factor, title, width),
        }
    }

    /// One value beside the other, whatever they are.
    pub(crate) fn side_by_side(factor: &Factor, title: &str, width: i32) -> Self {
        let title = &text::fit(title, TEXT, width);
        let count = factor.levels.len();
        let at: Vec<f64> = (0..count).map(|k| k as f64).collect();
        let slot = width / count.max(1) as i32;
        let names = || factor.levels.iter().map(|level| level.words.as_str());
        let wide = slot >= WIDE;
        let wrap =
            |name| if wide { text::wrap_most(name, TEXT, slot - BETWEEN, 3) } else { text::wrap(name, TEXT, slot - BETWEEN) };
        let lines: Vec<Vec<String>> = names().map(wrap).collect();
        let whole = names().flat_map(str::split_whitespace).all(|word| text::width(word, TEXT) <= slot - BETWEEN);
        let upright = !(wide || whole && lines.iter().all(|l| l.len() <= 3));
        let (lines, height) = if upright {
            let every = (LABEL_GAP / slot.max(1) + 1) as usize;
            let name =
                |(k, name): (usize, &str)| if k % every == 0 { vec![text::fit_ends(name, TEXT, LONGEST)] } else { Vec::new() };
            let lines: Vec<Vec<String>> = names().enumerate().map(name).collect();
            let longest = lines.iter().flatten().map(|l| text::width(l, TEXT)).max().unwrap_or(0);
            (lines, AXIS_WORDS - LEADING + longest + 30)
        } else {
            let rows = lines.iter().map(Vec::len).max().unwrap_or(1).max(1) as i32;
            (lines, AXIS_WORDS + (rows - 1) * LEADING)
        };
        let words = at.iter().copied().zip(lines).collect();
        let ticks = at.iter().map(|x| (*x, String::new())).collect();
        let axis = Axis { low: -0.5, high: count as f64 - 0.5, ticks, title: title.to_owned() };
        Self { axis, at, height, words, upright }
    }

    fn of_numbers(at: Vec<f64>, factor: &Factor, title: &str, width: i32) -> Self {
        let (low, high) = (at[0], at[at.len() - 1]);
        let pad = 0.06 * (high - low);
        let (low, high) = (low - pad, high + pad);
        let ticks = if at.len() <= MOST_TICKS {
            at.iter().copied().zip(factor.levels.iter().map(|l| l.words.clone())).collect()
        } else if factor.scale() == Scale::Log {
            decades(low, high)
        } else {
            let nice = Axis::values(low, high, (f64::NEG_INFINITY, f64::INFINITY), title);
            nice.ticks.into_iter().filter(|t| (low..=high).contains(&t.0)).collect()
        };
        let place = |x: f64| ((x - low) / (high - low) * f64::from(width)) as i32;
        let mut words: Vec<(f64, Vec<String>)> = Vec::new();
        let mut free = i32::MIN;
        for (x, word) in &ticks {
            let half = text::width(word, TEXT) / 2;
            if place(*x) - half >= free {
                words.push((*x, vec![word.clone()]));
                free = place(*x) + half + BETWEEN;
            }
        }
        let ticks = ticks.into_iter().map(|t| (t.0, String::new())).collect();
        let axis = Axis { low, high, ticks, title: title.to_owned() };
        Self { axis, at, height: AXIS_WORDS, words, upright: false }
    }

    /// Writes the words below the ticks.
    pub(crate) fn draw(&self, plot: &Plot) {
        let face = Face { upright: self.upright, ..Face::WORDS };
        for (x, lines) in &self.words {
            let (x, _) = plot.at(*x, 0.0);
            for (k, line) in lines.iter().enumerate() {
                if self.upright {
                    plot.ink.text(line, (x, plot.y.1 + TICK + 25), Anchor::End, face);
                } else {
                    plot.ink.text(line, (x, plot.y.1 + TICK + 57 + k as i32 * LEADING), Anchor::Middle, face);
                }
            }
        }
    }

    /// Half the width of the widest word at the right end.
    pub(crate) fn overhang(factor: &Factor) -> i32 {
        factor.levels.last().map_or(0, |level| text::width(&level.words, TEXT).min(LONGEST) / 2)
    }
}

/// Whole powers of ten; 2 and 5 times them where there are few.
fn decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let steps: &[f64] = if high - low < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = low.floor() as i32..=high.ceil() as i32;
    let all = powers.flat_map(|p| steps.iter().map(move |s| s * 10f64.powi(p)));
    all.filter(|n| (low..=high).contains(&n.log10())).map(|n| (n.log10(), short(n))).collect()
}
