//! How predictions came about: the masks of two validation samples after some epochs, truth first, as outlines on the image.

use super::contour;
use super::picture::{self, Sample};
use crate::report::chart::{
    Anchor, CASING, COLUMN, EDGE, Face, Ink, LEADING, MUTED, Pen, TEXT, class_color, extent, fit, hex, path,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Images side by side at most.
const ACROSS: usize = 5;
/// Images of a sample at most, the truth among them: the first epochs are the least like the end, so of more the last ones stay.
const MOST: usize = 12;
const GAP: i32 = 30;
const OUTLINE: u32 = 7;

/// A sample with its masks after epochs.
pub(super) struct Course {
    /// Image and truth, as large as the masks.
    pub sample: Sample,
    /// The epoch and its mask.
    pub masks: Vec<(usize, Vec<u8>)>,
}

/// The figure; `None` where nothing is to be drawn.
pub(super) fn draw(classes: &[String], run: &str, courses: &[Course]) -> Option<String> {
    let most = courses.iter().map(|course| shown(course).len()).max()?;
    // As few lines as there can be, as full as each other.
    let across = most.div_ceil(most.div_ceil(ACROSS));
    let side = (COLUMN - 2 * EDGE - (across as i32 - 1) * GAP) / across as i32;
    let lines = |course: &Course| shown(course).len().div_ceil(across) as i32;
    let height = |course: &Course| {
        let shape = course.sample.height as f64 / course.sample.width.max(1) as f64;
        (f64::from(side) * shape.clamp(0.05, 3.0)).round() as i32
    };
    let step = |course: &Course| height(course) + LEADING + 40;
    let of = |course: &Course| LEADING + 30 + lines(course) * step(course);
    let all: i32 = courses.iter().map(of).sum();
    let ink = Ink::new("course", COLUMN, all + 2 * LEADING + EDGE);
    let mut y = 20;
    for (index, course) in courses.iter().enumerate() {
        ink.text(&fit(&course.sample.name, TEXT, COLUMN - 2 * EDGE), (EDGE, y + LEADING / 2), Anchor::Start, Face::HEAD);
        y += LEADING + 30;
        let name = image(&ink, index, &course.sample, (side, height(course)));
        for (at, (words, mask)) in shown(course).into_iter().enumerate() {
            let place = (EDGE + (at % across) as i32 * (side + GAP), y + (at / across) as i32 * step(course));
            tile(&ink, &name, course, mask, place, (side, height(course)));
            let line = place.1 + height(course) + 20 + LEADING / 2;
            ink.text(&fit(&words, TEXT, side), (place.0, line), Anchor::Start, Face::WORDS);
        }
        y += lines(course) * step(course);
    }
    key(&ink, classes, y + LEADING / 2);
    Some(ink.finish("Predictions over epochs", &description(run, courses)))
}

/// Words and mask of each tile: the truth, then the epochs.
fn shown(course: &Course) -> Vec<(String, &Vec<u8>)> {
    let first = course.masks.len().saturating_sub(MOST - 1);
    let of_epoch = |(epoch, mask): &'_ (usize, Vec<u8>)| format!("{epoch}: {:.3}", dice(&course.sample, mask));
    let truth = ("Truth".to_owned(), &course.sample.truth);
    std::iter::once(truth).chain(course.masks[first..].iter().map(|own| (of_epoch(own), &own.1))).collect()
}

/// Dice in the mean over the classes of either mask.
fn dice(sample: &Sample, mask: &[u8]) -> f64 {
    let all = sample.truth.iter().chain(mask).fold(0, |all, bits| all | bits);
    let classes: Vec<usize> = (0..8).filter(|class| all & 1 << class != 0).collect();
    let of = |class: &usize| picture::dice(&picture::class(&sample.truth, *class), &picture::class(mask, *class));
    if classes.is_empty() { 1.0 } else { classes.iter().map(of).sum::<f64>() / classes.len() as f64 }
}

fn image(ink: &Ink, index: usize, sample: &Sample, (side, height): (i32, i32)) -> String {
    let name = ink.name(&format!("image{index}"));
    ink.define(&format!(
        "<image id=\"{name}\" width=\"{side}\" height=\"{height}\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
        STANDARD.encode(&sample.png)
    ));
    name
}

fn tile(ink: &Ink, name: &str, course: &Course, mask: &[u8], (x, y): (i32, i32), (side, height): (i32, i32)) {
    let Sample { width, height: rows, .. } = course.sample;
    ink.raw(&format!("<use href=\"#{name}\" x=\"{x}\" y=\"{y}\"/>"));
    ink.clip((x, y), (x + side, y + height));
    let (right, down) = (f64::from(side) / width as f64, f64::from(height) / rows as f64);
    for class in 0..8 {
        let loops = contour::trace(&picture::class(mask, class), width, rows);
        let place = |p: &contour::Point| (x + (p.0 * right).round() as i32, y + (p.1 * down).round() as i32);
        let smooth = |l: &Vec<(i32, i32)>| contour::smooth(l, (2.0 / right).max(0.15));
        let d: String = loops.iter().map(|l| path(&smooth(l).iter().map(place).collect::<Vec<_>>(), true)).collect();
        if d.is_empty() {
            continue;
        }
        for (color, wide, opacity) in [(hex(CASING), OUTLINE * 2 - 1, 0.6), (hex(class_color(class)), OUTLINE, 1.0)] {
            ink.raw(&format!(
                "<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{wide}\" stroke-opacity=\"{opacity}\"/>"
            ));
        }
    }
    ink.close();
}

/// Classes and what the numbers are, in two lines.
fn key(ink: &Ink, classes: &[String], y: i32) {
    let words = "after epoch: Dice of the sample, mean over classes";
    ink.text(words, (EDGE, y), Anchor::Start, Face { color: MUTED, ..Face::WORDS });
    let (mut x, y) = (EDGE, y + LEADING);
    for (class, name) in classes.iter().take(8).enumerate() {
        let words = fit(name, TEXT, COLUMN / 3);
        if x + 155 + extent(&words, Face::WORDS) > COLUMN - EDGE {
            break;
        }
        ink.line(&[(x, y), (x + 120, y)], Pen::new(CASING, 26));
        ink.line(&[(x + 5, y), (x + 115, y)], Pen::new(class_color(class), 14));
        ink.text(&words, (x + 155, y), Anchor::Start, Face::WORDS);
        x += 155 + extent(&words, Face::WORDS) + 80;
    }
}

fn description(run: &str, courses: &[Course]) -> String {
    let of = |course: &Course| {
        let said: Vec<String> =
            course.masks.iter().map(|(epoch, mask)| format!("epoch {epoch} {:.3}", dice(&course.sample, mask))).collect();
        format!("{}: {}", course.sample.name, said.join(", "))
    };
    let all: Vec<String> = courses.iter().map(of).collect();
    format!("Run {run}. Masks after epochs as outlines, with the Dice of each. {}.", all.join("; "))
}
