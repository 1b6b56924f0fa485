//! The markers of charts beside the names of groups, so that groups of one colour can be distinguished in tables too.

use crate::report::chart;
use serde::Serialize;

/// A marker of a group.
#[derive(Serialize)]
pub(super) struct Marker {
    /// Its colour, by its place among [`chart::swatches`].
    color: usize,
    /// Its outline as SVG writes it, within 32 of the middle.
    outline: &'static str,
}

/// Dot, square, triangle, diamond and triangle on its tip, as charts draw them and in the order in which groups get them.
const OUTLINES: [&str; 5] = [
    "M-24 0a24 24 0 1 0 48 0a24 24 0 1 0 -48 0z",
    "M-21 -21h42v42h-42z",
    "M-29 20l29 -47l29 47z",
    "M-31 0l31 -31l31 31l-31 31z",
    "M-29 -20l29 47l29 -47z",
];

pub(super) fn of(group: usize) -> Option<Marker> {
    Some(Marker { color: chart::swatch(group)?, outline: OUTLINES[group % OUTLINES.len()] })
}
