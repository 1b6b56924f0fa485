//! Charts of a comparison as SVG texts. The look is decided in `style`, files are written elsewhere.

mod axes;
mod backend;
mod curves;
mod ink;
mod key;
mod labels;
mod lr;
mod style;
#[cfg(test)]
mod tests;
mod text;

pub(super) use ink::{Anchor, Face, Ink, Pen, extent, path};
pub(super) use style::{CASING, COLUMN, EDGE, LEADING, MUTED, TEXT, class_color, hex};
#[cfg(test)]
pub(super) use text::width;
pub(super) use text::fit;

use super::collect::Comparison;
use super::column;
use super::verdict::Verdict;

/// A chart, ready to be written.
pub(super) struct Drawn {
    /// The file's name without ending.
    pub name: String,
    /// What it shows, in a few words: `Dice against epoch`.
    pub title: String,
    pub svg: String,
}

/// Columns that have curves, without `train_` and `val_`.
const CURVES: [&str; 4] = ["loss", "bce", "dice", "iou"];

/// Every chart that there are values for, in the order of the report.
pub(super) fn all(comparison: &Comparison, _verdict: &Verdict) -> Vec<Drawn> {
    let mut charts = Vec::new();
    for stem in CURVES {
        let title = format!("{} against epoch", column::title(stem));
        charts.extend(curves::draw(comparison, stem).map(|svg| Drawn { name: stem.to_owned(), title, svg }));
    }
    let title = "Learning rate against epoch".to_owned();
    charts.extend(lr::draw(comparison).map(|svg| Drawn { name: "lr".to_owned(), title, svg }));
    charts
}
