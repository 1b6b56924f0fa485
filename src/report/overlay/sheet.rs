//! Pictures and outlines on paper, with names, Dice and a key of the classes.

use super::contour::{self, Point};
use super::picture::{self, Sample};
use crate::report::chart::{
    Anchor, CASING, COLUMN, EDGE, Face, Ink, LEADING, MUTED, Pen, TEXT, class_color, extent, fit, hex, path,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Space between pictures.
const GAP: i32 = 30;
/// Outlines are between these wide: thin where they are dense, so that they never hide the picture.
const OUTLINE: (f64, f64) = (3.0, 9.0);
/// Part of a picture that its outlines may cover before they become thinner.
const COVER: f64 = 0.1;

/// Where things are on the sheet.
struct Layout {
    side: i32,
    /// Lines of words below each row of pictures.
    lines: i32,
    classes: Vec<String>,
    /// Width of the outlines.
    outline: u32,
}

/// Words below the pictures, after a line in a class's colour.
struct Entry {
    words: String,
    class: Option<usize>,
    at: (i32, i32),
}

/// The figure: one row per sample.
pub(super) fn draw(classes: &[String], run: &str, id: &str, title: &str, samples: &[Sample]) -> String {
    let mut classes: Vec<String> = classes.iter().take(8).cloned().collect();
    let drawn = samples.iter().map(Sample::classes).max().unwrap_or(0);
    classes.extend((classes.len()..drawn).map(|k| format!("class {}", k + 1)));
    let side = (COLUMN - 2 * EDGE - 2 * GAP) / 3;
    let one_line = extent(&scores(&classes.iter().map(|c| (c.as_str(), 1.0)).collect::<Vec<_>>()), Face::WORDS) <= side;
    let layout =
        Layout { side, lines: if one_line { 1 } else { classes.len() as i32 }, outline: outline(samples, side), classes };
    let heights: Vec<i32> = samples.iter().map(|s| layout.height(s)).collect();
    let caption = layout.lines * LEADING + 40;
    let top = 130;
    let under = top + heights.iter().map(|h| h + caption).sum::<i32>();
    let (key, key_height) = layout.key();
    let ink = Ink::new(id, COLUMN, under + 20 + key_height);
    for (column, words) in ["Image", "Truth", "Prediction"].into_iter().enumerate() {
        ink.text(words, (layout.x(column) + side / 2, 65), Anchor::Middle, Face::HEAD);
    }
    let mut y = top;
    for (i, (sample, height)) in samples.iter().zip(&heights).enumerate() {
        layout.row(&ink, i, sample, y);
        y += height + caption;
    }
    key.iter().for_each(|entry| entry.draw(&ink, under + 20));
    ink.finish(title, &layout.describe(run, samples))
}

/// The width of all outlines of a sheet, by the densest mask on it.
fn outline(samples: &[Sample], side: i32) -> u32 {
    let masks = samples.iter().flat_map(|s| [(s, &s.truth), (s, &s.pred)]);
    let edges = |(s, mask): (&Sample, &Vec<u8>)| {
        let of = |k: usize| contour::trace(&picture::class(mask, k), s.width, s.height).iter().map(Vec::len).sum::<usize>();
        (0..s.classes()).map(of).sum::<usize>() as f64 / (s.height as f64 * f64::from(side))
    };
    let densest = masks.map(edges).fold(0.0, f64::max);
    (COVER / densest.max(1e-9)).clamp(OUTLINE.0, OUTLINE.1).round() as u32
}

/// `disc 0.971, cup 0.902`.
fn scores(of: &[(&str, f64)]) -> String {
    of.iter().map(|(class, dice)| format!("{class} {dice:.3}")).collect::<Vec<_>>().join(", ")
}

impl Layout {
    fn x(&self, column: usize) -> i32 {
        EDGE + column as i32 * (self.side + GAP)
    }

    /// Height of a sample's pictures; one that is much taller than wide is cut short.
    fn height(&self, sample: &Sample) -> i32 {
        let shape = sample.height as f64 / sample.width.max(1) as f64;
        (f64::from(self.side) * shape.clamp(0.05, 3.0)).round() as i32
    }

    fn row(&self, ink: &Ink, index: usize, sample: &Sample, y: i32) {
        let (name, height) = (ink.name(&format!("image{index}")), self.height(sample));
        ink.define(&format!(
            "<image id=\"{name}\" width=\"{}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             href=\"data:image/png;base64,{}\"/>",
            self.side,
            STANDARD.encode(&sample.png)
        ));
        for (column, mask) in [None, Some(&sample.truth), Some(&sample.pred)].into_iter().enumerate() {
            let x = self.x(column);
            ink.raw(&format!("<use href=\"#{name}\" x=\"{x}\" y=\"{y}\"/>"));
            if let Some(mask) = mask {
                ink.clip((x, y), (x + self.side, y + height));
                (0..self.classes.len()).for_each(|class| self.outline(ink, sample, mask, class, (x, y)));
                ink.close();
            }
        }
        let line = y + height + 20 + LEADING / 2;
        ink.text(&fit(&sample.name, TEXT, 2 * self.side + GAP), (self.x(0), line), Anchor::Start, Face::WORDS);
        let dice = |(k, class): (usize, &String)| {
            (class.clone(), picture::dice(&picture::class(&sample.truth, k), &picture::class(&sample.pred, k)))
        };
        let dice: Vec<(String, f64)> = self.classes.iter().enumerate().map(dice).collect();
        let dice: Vec<(&str, f64)> = dice.iter().map(|(class, dice)| (class.as_str(), *dice)).collect();
        for (k, part) in dice.chunks(if self.lines == 1 { dice.len().max(1) } else { 1 }).enumerate() {
            let words = fit(&scores(part), TEXT, self.side);
            ink.text(&words, (self.x(2), line + k as i32 * LEADING), Anchor::Start, Face::WORDS);
        }
    }

    /// A class: light fill, dark casing, coloured line.
    fn outline(&self, ink: &Ink, sample: &Sample, mask: &[u8], class: usize, (x, y): (i32, i32)) {
        let scale = f64::from(self.side) / sample.width as f64;
        let down = f64::from(self.height(sample)) / sample.height as f64;
        let place = |p: &Point| (x + (p.0 * scale).round() as i32, y + (p.1 * down).round() as i32);
        let loops = contour::trace(&picture::class(mask, class), sample.width, sample.height);
        // A tenth of a point, the unit of the sheet, is the finest that can be seen.
        let smooth = |l: &Vec<(i32, i32)>| contour::smooth(l, (1.0 / scale).max(0.15));
        let d: String = loops.iter().map(|l| path(&smooth(l).iter().map(place).collect::<Vec<_>>(), true)).collect();
        if d.is_empty() {
            return;
        }
        let color = hex(class_color(class));
        // Thin lines need more of a fill to be read.
        let opacity = 0.16 + 0.02 * (OUTLINE.1 - f64::from(self.outline));
        ink.raw(&format!("<path d=\"{d}\" fill=\"{color}\" fill-opacity=\"{opacity:.2}\" fill-rule=\"evenodd\"/>"));
        for (color, width, opacity) in [(hex(CASING), self.outline * 2 - 1, 0.6), (color, self.outline, 1.0)] {
            ink.raw(&format!(
                "<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\"/>"
            ));
        }
    }

    /// The classes' names with their places below the pictures, and the height they take.
    fn key(&self) -> (Vec<Entry>, i32) {
        let most = COLUMN - 2 * EDGE;
        let mut items: Vec<(String, Option<usize>)> =
            self.classes.iter().enumerate().map(|(k, class)| (fit(class, TEXT, most / 2), Some(k))).collect();
        items.push(("numbers: Dice of the sample".to_owned(), None));
        let (mut x, mut y, mut placed) = (0, LEADING / 2, Vec::new());
        for (words, class) in items {
            let width = extent(&words, Face::WORDS) + if class.is_some() { 155 } else { 0 };
            if x > 0 && x + width > most {
                (x, y) = (0, y + LEADING);
            }
            placed.push(Entry { words, class, at: (EDGE + x, y) });
            x += width + 80;
        }
        (placed, y + LEADING / 2 + 20)
    }

    fn describe(&self, run: &str, samples: &[Sample]) -> String {
        let of = |sample: &Sample| {
            let dice = |k: usize| picture::dice(&picture::class(&sample.truth, k), &picture::class(&sample.pred, k));
            let parts: Vec<(&str, f64)> = self.classes.iter().enumerate().map(|(k, c)| (c.as_str(), dice(k))).collect();
            format!("{}: {}", sample.name, scores(&parts))
        };
        let all: Vec<String> = samples.iter().map(of).collect();
        format!("Run {}. Masks are outlines. Dice of each sample by class: {}.", run, all.join("; "))
    }
}

impl Entry {
    fn draw(&self, ink: &Ink, down: i32) {
        let (x, y) = (self.at.0, self.at.1 + down);
        let Some(class) = self.class else {
            return ink.text(&self.words, (x, y), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
        };
        ink.line(&[(x, y), (x + 120, y)], Pen::new(CASING, 26));
        ink.line(&[(x + 5, y), (x + 115, y)], Pen::new(class_color(class), 14));
        ink.text(&self.words, (x + 155, y), Anchor::Start, Face::WORDS);
    }
}
