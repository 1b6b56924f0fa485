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

pub(super) use curves::draw as curves;
pub(super) use ink::{Anchor, Face, Ink, Pen, extent, path};
pub(super) use lr::draw as lr;
pub(super) use style::{CASING, COLUMN, EDGE, LEADING, MUTED, TEXT, class_color, hex};
pub(super) use text::fit;
