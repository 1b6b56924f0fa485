//! What stands below a plot: the key of signs and the list of groups. Both flow into as many rows as they need.

use super::ink::{Anchor, At, Face, Ink, Pen};
use super::style::{self, EDGE, LEADING, LINE_WIDTH, MARK, Shape, TEXT};
use super::text;
use plotters::style::RGBColor;

/// A sign of the key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    Line(Pen),
    Band(RGBColor),
    Mark(Shape, RGBColor),
    /// A small mark, for a curve of one epoch.
    Dot(RGBColor),
    /// A short upright line.
    Tick(RGBColor),
    /// A frame.
    Box(RGBColor),
    /// A box for what is not there.
    Hatch,
    Nothing,
}

/// Signs and words that flow into as many rows as they need.
pub(crate) struct Key {
    rows: Vec<Vec<(Sign, String, i32)>>,
}

const SWATCH: i32 = 115;
const BETWEEN: i32 = 70;

impl Sign {
    /// Width of the sign and the space behind it.
    fn width(self) -> i32 {
        match self {
            Sign::Line(_) | Sign::Band(_) => SWATCH + 35,
            Sign::Hatch | Sign::Box(_) => SWATCH + 35,
            Sign::Tick(_) => 50,
            Sign::Mark(..) | Sign::Dot(_) => 2 * MARK + 36,
            Sign::Nothing => 0,
        }
    }

    fn draw(self, ink: &Ink, (x, y): At) {
        match self {
            Sign::Line(pen) => ink.line(&[(x, y), (x + SWATCH, y)], pen),
            Sign::Band(color) => {
                ink.rect((x, y - 28), (SWATCH, 56), color, 0.25);
                ink.line(&[(x, y), (x + SWATCH, y)], Pen::new(color, LINE_WIDTH));
            }
            Sign::Mark(shape, color) => ink.mark(shape, (x + MARK + 6, y), MARK, color),
            Sign::Dot(color) => ink.mark(Shape::Dot, (x + MARK + 6, y), MARK / 2, color),
            Sign::Tick(color) => ink.line(&[(x + 10, y - 36), (x + 10, y + 36)], Pen::new(color, 14)),
            Sign::Box(color) => {
                let (right, upper, lower) = (x + SWATCH, y - 36, y + 36);
                ink.line(
                    &[(x, upper), (right, upper), (right, lower), (x, lower), (x, upper), (right, upper)],
                    Pen::new(color, LINE_WIDTH),
                );
            }
            Sign::Hatch => ink.hatch((x, y - 36), (SWATCH, 72)),
            Sign::Nothing => {}
        }
    }
}

impl Key {
    /// Nothing to be said.
    pub(crate) fn empty() -> Self {
        Self { rows: Vec::new() }
    }

    /// Lays signs and words out in rows of at most `most`.
    pub(crate) fn new(items: Vec<(Sign, String)>, most: i32) -> Self {
        let mut rows: Vec<Vec<(Sign, String, i32)>> = Vec::new();
        let mut used = most;
        for (sign, words) in items {
            let words = text::fit(&words, TEXT, most - sign.width());
            let width = sign.width() + text::width(&words, TEXT);
            if used + BETWEEN + width > most {
                (used, _) = (0, rows.push(Vec::new()));
            }
            let x = if used == 0 { 0 } else { used + BETWEEN };
            used = x + width;
            rows.last_mut().expect("the first item opens a row").push((sign, words, x));
        }
        Self { rows }
    }

    /// Groups in columns of equal width, each with number, marker and name; long names go on in the next line.
    pub(crate) fn of_groups(names: &[(usize, String)], most: i32) -> Self {
        let last = names.iter().map(|(group, _)| group + 1).max().unwrap_or(0);
        let digits = text::width(&last.to_string(), TEXT) + 40;
        let indent = digits + Sign::Mark(Shape::Dot, style::INK).width();
        let widest = names.iter().map(|(_, name)| text::width(name, TEXT)).max().unwrap_or(0) + indent + BETWEEN;
        let columns = (most / widest.max(1)).clamp(1, 3) as usize;
        let column = most / columns as i32;
        let per_column = names.len().div_ceil(columns);
        let mut rows: Vec<Vec<(Sign, String, i32)>> = Vec::new();
        for (i, (group, name)) in names.iter().enumerate() {
            let x = column * (i / per_column) as i32;
            let lines = text::wrap(name, TEXT, column - indent);
            if columns == 1 || i < per_column {
                rows.resize_with(rows.len() + lines.len().max(1), Vec::new);
            }
            let first = if columns == 1 { rows.len() - lines.len().max(1) } else { i % per_column };
            rows[first].push((Sign::Nothing, (group + 1).to_string(), x));
            rows[first].push((Sign::Mark(style::group_shape(*group), style::group_color(*group)), String::new(), x + digits));
            for (k, line) in lines.into_iter().enumerate() {
                rows[first + k].push((Sign::Nothing, line, x + indent));
            }
        }
        Self { rows }
    }

    /// Its height.
    pub(crate) fn height(&self) -> i32 {
        self.rows.len() as i32 * LEADING + if self.rows.is_empty() { 0 } else { 30 }
    }

    /// Draws it below the height `top`.
    pub(crate) fn draw(&self, ink: &Ink, top: i32) {
        for (k, row) in self.rows.iter().enumerate() {
            let y = top + 30 + LEADING / 2 + k as i32 * LEADING;
            for (sign, words, x) in row {
                sign.draw(ink, (EDGE + x, y));
                if !words.is_empty() {
                    ink.text(words, (EDGE + x + sign.width(), y), Anchor::Start, Face::WORDS);
                }
            }
        }
    }
}
