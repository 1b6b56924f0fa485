//! `Ink` writes small, accessible SVG that follows dark mode.
//!
//! Plotters' own SVG backend draws in whole pixels and knows no classes, dashes or clipping. Here a unit is a tenth of a point,
//! and each colour of the style is written twice: as an attribute and as a class that a style sheet can replace. `Ink` is a
//! handle: a clone draws on the same sheet, so words plotters has none for can be put in between.

use super::style::{self, PAPER, RIM_WIDTH, Shape, TEXT};
use super::text;
use crate::shown;
use plotters::style::RGBColor;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

/// A place, in tenths of a point from the top left corner.
pub(crate) type At = (i32, i32);

/// The sheet under the pen.
#[derive(Clone)]
pub(crate) struct Ink(Rc<RefCell<Sheet>>);

struct Sheet {
    id: String,
    size: (i32, i32),
    body: String,
    defs: String,
    clips: usize,
}

/// Which end of a line of text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub color: RGBColor,
    pub width: u32,
    pub opacity: f64,
    pub dash: Option<&'static str>,
}

/// How words are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face {
    pub size: i32,
    pub color: RGBColor,
    pub bold: bool,
    /// Read from bottom to top.
    pub upright: bool,
}

impl Pen {
    pub(crate) fn new(color: RGBColor, width: u32) -> Self {
        Self { color, width, opacity: 1.0, dash: None }
    }

    pub(crate) fn dashed(self, dash: &'static str) -> Self {
        Self { dash: Some(dash), ..self }
    }
}

impl Face {
    pub(crate) const WORDS: Self = Self { size: TEXT, color: style::INK, bold: false, upright: false };
    pub(crate) const HEAD: Self = Self { bold: true, ..Self::WORDS };
    pub(crate) const NOTES: Self = Self { size: style::NOTE, color: style::MUTED, ..Self::WORDS };
}

impl Ink {
    /// A sheet of paper. `id` keeps names apart where several files stand in one page.
    pub(crate) fn new(id: &str, width: i32, height: i32) -> Self {
        let sheet = Sheet { id: id.to_owned(), size: (width, height), body: String::new(), defs: String::new(), clips: 0 };
        let ink = Self(Rc::new(RefCell::new(sheet)));
        ink.rect((0, 0), (width, height), PAPER, 1.0);
        ink
    }

    pub(crate) fn size(&self) -> (i32, i32) {
        self.0.borrow().size
    }

    /// Puts an element where it is.
    pub(crate) fn raw(&self, element: &str) {
        let mut sheet = self.0.borrow_mut();
        sheet.body.push_str(element);
        sheet.body.push('\n');
    }

    /// Puts a named element that is drawn when it is used.
    pub(crate) fn define(&self, element: &str) {
        self.0.borrow_mut().defs.push_str(element);
    }

    /// A name that is this sheet's own.
    pub(crate) fn name(&self, local: &str) -> String {
        format!("{}-{local}", self.0.borrow().id)
    }

    /// Nothing outside the box is drawn until [`Ink::close`].
    pub(crate) fn clip(&self, (x0, y0): At, (x1, y1): At) {
        let clips = {
            let mut sheet = self.0.borrow_mut();
            sheet.clips += 1;
            sheet.clips
        };
        let name = self.name(&format!("clip{clips}"));
        self.define(&format!("<clipPath id=\"{name}\"><path d=\"M{x0} {y0}H{x1}V{y1}H{x0}z\"/></clipPath>"));
        self.raw(&format!("<g clip-path=\"url(#{name})\">"));
    }

    /// What is drawn until [`Ink::close`] is of this group, which a page may hide.
    pub(crate) fn group(&self, group: usize) {
        self.raw(&format!("<g data-group=\"{group}\">"));
    }

    pub(crate) fn close(&self) {
        self.raw("</g>");
    }

    pub(crate) fn line(&self, points: &[At], pen: Pen) {
        self.raw(&format!("<path d=\"{}\" fill=\"none\"{}/>", path(points, false), stroke(pen)));
    }

    pub(crate) fn area(&self, points: &[At], color: RGBColor, opacity: f64) {
        self.raw(&format!("<path d=\"{}\"{}/>", path(points, true), fill(color, opacity)));
    }

    pub(crate) fn rect(&self, (x, y): At, (w, h): (i32, i32), color: RGBColor, opacity: f64) {
        self.raw(&format!("<path d=\"M{x} {y}h{w}v{h}h{}z\"{}/>", -w, fill(color, opacity)));
    }

    /// A box of slanted lines, for what is not there.
    pub(crate) fn hatch(&self, (x, y): At, (w, h): (i32, i32)) {
        const STEP: i32 = 60;
        self.clip((x, y), (x + w, y + h));
        let start = (x - h).div_euclid(STEP) * STEP;
        for from in (start..x + w).step_by(STEP as usize) {
            self.line(&[(from, y + h), (from + h, y)], Pen::new(style::GRID, 8));
        }
        self.close();
    }

    /// A marker with a paper-coloured rim.
    pub(crate) fn mark(&self, shape: Shape, at: At, radius: i32, color: RGBColor) {
        let d = outline(shape, at, radius);
        if shape == Shape::Cross {
            self.raw(&format!("<path d=\"{d}\" fill=\"none\"{} stroke-linecap=\"round\"/>", stroke(Pen::new(PAPER, 30))));
            self.raw(&format!("<path d=\"{d}\" fill=\"none\"{} stroke-linecap=\"round\"/>", stroke(Pen::new(color, 14))));
        } else {
            let class = [class('f', color), class('s', PAPER)].concat().replace("\" class=\"", " ");
            let (fill, rim) = (style::hex(color), style::hex(PAPER));
            self.raw(&format!(
                "<path d=\"{d}\" fill=\"{fill}\" stroke=\"{rim}\" stroke-width=\"{RIM_WIDTH}\" paint-order=\"stroke\"{class}/>"
            ));
        }
    }

    /// A line of words whose capitals are centred at the height of `at`. (Viewers disagree about `dominant-baseline`.)
    pub(crate) fn text(&self, words: &str, (x, y): At, anchor: Anchor, face: Face) {
        if words.is_empty() {
            return;
        }
        let down = (f64::from(face.size) * 0.358).round() as i32;
        let mut element = match face.upright {
            false => format!("<text x=\"{x}\" y=\"{}\"", y + down),
            true => format!("<text transform=\"translate({} {y})rotate(-90)\"", x + down),
        };
        match anchor {
            Anchor::Start => {}
            Anchor::Middle => element.push_str(" text-anchor=\"middle\""),
            Anchor::End => element.push_str(" text-anchor=\"end\""),
        }
        if face.size != TEXT {
            let _ = write!(element, " font-size=\"{}\"", face.size);
        }
        if face.bold {
            element.push_str(" font-weight=\"700\"");
        }
        // Where another font is in Helvetica's place, its words take no more room.
        if let Some(length) = text::known_width(words, face.size, face.bold).filter(|_| words.chars().nth(1).is_some()) {
            let _ = write!(element, " textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\"");
        }
        self.raw(&format!("{element}{}>{}</text>", fill(face.color, 1.0), escape(words)));
    }

    /// The file. `title` and `description` are what a reader who cannot see it gets.
    pub(crate) fn finish(self, title: &str, description: &str) -> String {
        let sheet = self.0.borrow();
        let ((w, h), id) = (sheet.size, &sheet.id);
        let mm = |units: i32| format!("{:.1}mm", f64::from(units) / style::PER_MM);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-text\" font-family=\"{}\" font-size=\"{TEXT}\" stroke-linejoin=\"round\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-text\">{}</desc>\n<style>{}</style>\n<defs>{}</defs>{}</svg>\n",
            mm(w),
            mm(h),
            style::FONT,
            escape(title),
            escape(description),
            style::sheet(&sheet.body),
            sheet.defs,
            sheet.body
        )
    }
}

/// The width words take in a face; bold ones are about a tenth wider.
pub(crate) fn extent(words: &str, face: Face) -> i32 {
    let plain = text::width(words, face.size);
    if face.bold { plain * 11 / 10 } else { plain }
}

/// Makes words safe inside XML; characters that XML forbids, and others that do not show, are written out.
pub(crate) fn escape(words: &str) -> String {
    // Those forbidden beside control characters (XML 1.0, 2.2) are no letters anywhere.
    let words = words.replace(['\n', '\r', '\t'], " ");
    let legal = shown::line(&words).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    legal.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn class(kind: char, color: RGBColor) -> String {
    style::class_of(color).map(|class| format!(" class=\"{kind}-{class}\"")).unwrap_or_default()
}

fn fill(color: RGBColor, opacity: f64) -> String {
    let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
    format!(" fill=\"{}\"{opacity}{}", style::hex(color), class('f', color))
}

fn stroke(pen: Pen) -> String {
    let mut s = format!(" stroke=\"{}\" stroke-width=\"{}\"", style::hex(pen.color), pen.width);
    if pen.opacity < 1.0 {
        let _ = write!(s, " stroke-opacity=\"{}\"", pen.opacity);
    }
    if let Some(dash) = pen.dash {
        let _ = write!(s, " stroke-dasharray=\"{dash}\"");
    }
    s + &class('s', pen.color)
}

/// Path data: one absolute start, then relative steps, which are short.
pub(crate) fn path(points: &[At], closed: bool) -> String {
    let Some((x, y)) = points.first() else { return String::new() };
    let mut d = format!("M{x} {y}l");
    for pair in points.windows(2) {
        let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        let _ = write!(d, "{}{dx}{}{dy}", if d.ends_with('l') || dx < 0 { "" } else { " " }, if dy < 0 { "" } else { " " });
    }
    if points.len() == 1 {
        d.push_str("0 0");
    }
    if closed {
        d.push('z');
    }
    d
}

fn outline(shape: Shape, (x, y): At, r: i32) -> String {
    let part = |f: f64| (f64::from(r) * f).round() as i32;
    let (side, tip, wide, high) = (part(0.89), part(1.28), part(1.2), part(1.95));
    match shape {
        Shape::Dot => format!("M{} {y}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 {} 0z", x - r, 2 * r, -2 * r),
        Shape::Square => format!("M{} {}h{}v{}h{}z", x - side, y - side, 2 * side, 2 * side, -2 * side),
        Shape::Diamond => format!("M{} {y}l{tip} {}l{tip} {tip}l{} {tip}z", x - tip, -tip, -tip),
        Shape::Up => format!("M{} {}l{wide} {}l{wide} {high}z", x - wide, y + part(0.85), -high),
        Shape::Down => format!("M{} {}l{wide} {high}l{wide} {}z", x - wide, y - part(0.85), -high),
        Shape::Cross => {
            let s = part(1.05);
            format!("M{} {}l{} {}m0 {}l{} {}", x - s, y - s, 2 * s, 2 * s, -2 * s, -2 * s, 2 * s)
        }
    }
}
