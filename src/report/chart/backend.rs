//! Lets plotters draw on [`Ink`]. Nothing can go wrong: everything is kept in memory.

use super::ink::{Anchor, Face, Ink, Pen};
use super::style::{self, Shape};
use super::text;
use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle, FontTransform,
};
use std::convert::Infallible;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn color(of: BackendColor) -> RGBColor {
    RGBColor(of.rgb.0, of.rgb.1, of.rgb.2)
}

fn pen<S: BackendStyle>(style: &S) -> Pen {
    Pen { opacity: style.color().alpha, ..Pen::new(color(style.color()), style.stroke_width()) }
}

impl DrawingBackend for Ink {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size().0 as u32, self.size().1 as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, of: BackendColor) -> Drawn {
        self.rect(at, (1, 1), color(of), of.alpha);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.line(&[from, to], pen(style));
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, filled: bool) -> Drawn {
        let corners = [a, (b.0, a.1), b, (a.0, b.1), a];
        if filled {
            self.area(&corners, color(style.color()), style.color().alpha)
        } else {
            self.line(&corners, pen(style))
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, points: I, style: &S) -> Drawn {
        if style.color().alpha > 0.0 {
            self.line(&points.into_iter().collect::<Vec<_>>(), pen(style));
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, points: I, style: &S) -> Drawn {
        self.area(&points.into_iter().collect::<Vec<_>>(), color(style.color()), style.color().alpha);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, _filled: bool) -> Drawn {
        self.mark(Shape::Dot, at, radius as i32, color(style.color()));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, words: &str, given: &S, at: BackendCoord) -> Drawn {
        let size = given.size().round() as i32;
        let upright = matches!(given.transform(), FontTransform::Rotate270);
        let face = Face { size, color: color(given.color()), bold: matches!(given.style(), FontStyle::Bold), upright };
        let half = size * 36 / 100;
        let shift = match given.anchor().v_pos {
            VPos::Top => half,
            VPos::Center => 0,
            VPos::Bottom => -half - size / 4,
        };
        let anchor = match given.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        self.text(words, if upright { (at.0 + shift, at.1) } else { (at.0, at.1 + shift) }, anchor, face);
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        words: &str,
        given: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = given.size().round() as i32;
        Ok((text::width(words, size) as u32, size.max(style::NOTE) as u32))
    }
}
