//! Samples of the best run: image, truth and prediction side by side, masks as outlines.
//!
//! Which run and which samples is decided here; `sheet` draws them.

mod contour;
mod picture;
mod sheet;

use super::collect::{Comparison, Run};
use super::describe;

/// The overlays that could be drawn.
#[derive(Default)]
pub(super) struct Overlays {
    pub svg: Option<String>,
    /// The id of the run they show.
    pub run: String,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Rows at most: with four the figure still fits a column.
const MOST: usize = 4;

/// Draws the samples of the best run that has any.
pub(super) fn draw(comparison: &Comparison) -> Overlays {
    let mut overlays = Overlays::default();
    let Some((run, names)) = best_with_samples(comparison, &mut overlays.problems) else { return overlays };
    let mut samples = Vec::new();
    for name in names.iter().take(MOST) {
        match picture::read(&run.dir, name) {
            Ok(sample) => samples.push(sample),
            Err(problem) => overlays.problems.push(problem),
        }
    }
    if !samples.is_empty() {
        overlays.run = run.id.clone();
        overlays.svg = Some(sheet::draw(&comparison.classes, &run.id, &samples));
    }
    overlays
}

fn best_with_samples<'a>(comparison: &'a Comparison, problems: &mut Vec<String>) -> Option<(&'a Run, Vec<String>)> {
    let column = describe::ranking(comparison);
    let mut best: Option<(&Run, Vec<String>)> = None;
    let score = |run: &Run| run.best.get(column).copied().filter(|v| v.is_finite());
    for run in comparison.runs() {
        let names = match picture::names(&run.dir) {
            Ok(names) => names,
            Err(e) => {
                problems.push(format!("{}: {e}", run.dir.samples().display()));
                continue;
            }
        };
        let ahead = match (score(run), best.as_ref().map(|b| score(b.0))) {
            (_, None) | (Some(_), Some(None)) => true,
            (Some(new), Some(Some(old))) => describe::better(column, new, old),
            (None, Some(_)) => false,
        };
        if ahead && !names.is_empty() {
            best = Some((run, names));
        }
    }
    best
}
