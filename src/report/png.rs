//! Charts as pictures of points, for programs that take no SVG. The letters are the program's own, so that a picture is the same on
//! every machine.

use png::{ColorType, Encoder, EncodingError, PixelDimensions, Unit};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// Dots an inch of a picture at scale 1: what journals ask for.
const DPI: f32 = 300.0;
/// Lengths of an SVG are in pixels of this many an inch (CSS Values and Units 4, section 6.2).
const CSS_DPI: f32 = 96.0;
/// More pixels than any chart needs; a file that asks for more is refused before its memory is.
const MOST: f32 = 200e6;

/// Liberation Sans, cut down and renamed as its licence asks; see `font/README.md`.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(include_bytes!("font/UmlautSans-Regular.ttf").to_vec());
    fonts.load_font_data(include_bytes!("font/UmlautSans-Bold.ttf").to_vec());
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});
const FAMILY: &str = "Umlaut Sans";

/// A chart as a PNG in light colours: at 300 dots an inch of its size in millimetres, times `scale`. Rules of its style sheet for
/// dark pages have no effect.
///
/// # Errors
/// In words, if the text is no SVG or the picture would have no pixel or more than 200 million.
pub(super) fn render(svg: &str, scale: f32) -> Result<Vec<u8>, String> {
    let options = Options { fontdb: FONTS.clone(), font_family: FAMILY.to_owned(), dpi: CSS_DPI, ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| format!("the chart is no SVG that can be drawn: {e}"))?;
    let factor = DPI / CSS_DPI * scale;
    let (width, height) = (tree.size().width() * factor, tree.size().height() * factor);
    let (wide, high) = (width.round(), height.round());
    if !(wide >= 1.0 && high >= 1.0 && wide * high <= MOST) {
        return Err(format!("an image of {wide} × {high} pixels cannot be drawn; choose another scale"));
    }
    let mut pixmap = Pixmap::new(wide as u32, high as u32).ok_or("there is no memory for the image")?;
    pixmap.fill(Color::WHITE);
    let exact = Transform::from_scale(wide / tree.size().width(), high / tree.size().height());
    resvg::render(&tree, exact, &mut pixmap.as_mut());
    encoded(&pixmap, DPI * scale)
}

/// The file, which says how large a dot is: without that a text processor takes the picture for four times as wide. Paper has no
/// clear pixel, so that none is lost with the fourth channel.
fn encoded(pixmap: &Pixmap, dpi: f32) -> Result<Vec<u8>, String> {
    let failed = |e: EncodingError| format!("the image cannot be encoded: {e}");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(ColorType::Rgb);
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(PixelDimensions { xppu: per_metre, yppu: per_metre, unit: Unit::Meter }));
    let mut writer = encoder.write_header().map_err(failed)?;
    let pixels: Vec<u8> = pixmap.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    writer.write_image_data(&pixels).and_then(|()| writer.finish()).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::{Anchor, Face, Ink};

    fn chart(words: &str, bold: bool) -> String {
        let ink = Ink::new("test", 2409, 400);
        ink.text(words, (100, 200), Anchor::Start, Face { bold, ..Face::WORDS });
        ink.finish("A chart", "of words")
    }

    /// The picture's pixels, those of paper, and how many of the others there are.
    fn pixels(png: &[u8]) -> (image::RgbaImage, usize) {
        let picture = image::load_from_memory(png).unwrap().into_rgba8();
        let inked = picture.pixels().filter(|p| p.0 != [255; 4]).count();
        (picture, inked)
    }

    #[test]
    fn a_picture_has_300_dots_an_inch_and_says_so() {
        let png = render(&chart("Dice", false), 1.0).unwrap();
        // 85.0 mm and 14.1 mm at 300 dots an inch.
        assert_eq!(pixels(&png).0.dimensions(), (1004, 167));
        assert_eq!(pixels(&render(&chart("Dice", false), 2.0).unwrap()).0.dimensions(), (2008, 333));
        let at = png.windows(4).position(|w| w == b"pHYs").unwrap();
        assert_eq!(png[at + 4..at + 13], [0, 0, 0x2e, 0x23, 0, 0, 0x2e, 0x23, 1]);
    }

    #[test]
    fn every_sign_of_a_chart_leaves_ink_of_its_own() {
        for bold in [false, true] {
            let missing = pixels(&render(&chart("\u{4e2d}", bold), 1.0).unwrap()).0;
            for sign in "AaÄéßøŁžΑω09–−±×÷²µ≤≥≈…→·%°'\"".chars() {
                let (picture, inked) = pixels(&render(&chart(&sign.to_string(), bold), 1.0).unwrap());
                assert!(inked > 4, "{sign} leaves no ink");
                assert_ne!(picture, missing, "{sign} is not in the font");
            }
            assert_eq!(pixels(&render(&chart(" ", bold), 1.0).unwrap()).1, 0);
        }
    }

    #[test]
    fn letters_have_the_widths_that_layouts_reckon_with() {
        let words = "Validation Dice 0123456789 – encoder.channels 16-32-64";
        let (picture, _) = pixels(&render(&chart(words, false), 2.0).unwrap());
        let right = picture.enumerate_pixels().filter(|(.., p)| p.0 != [255; 4]).map(|(x, ..)| x).max().unwrap();
        let reckoned = f64::from(100 + crate::report::chart::width(words, 80)) * f64::from(picture.width()) / 2409.0;
        // Pairs of letters that are moved together make words a little narrower.
        assert!((0.98..1.001).contains(&(f64::from(right) / reckoned)), "{right} dots, reckoned {reckoned:.0}");
    }

    #[test]
    fn rules_for_dark_pages_have_no_effect() {
        let svg = chart("Dice", false);
        assert!(svg.contains("prefers-color-scheme:dark"));
        let start = svg.find("<style>").unwrap();
        let end = svg.find("</style>").unwrap();
        let plain = format!("{}{}", &svg[..start], &svg[end + "</style>".len()..]);
        assert!(render(&svg, 1.0).unwrap() == render(&plain, 1.0).unwrap());
    }

    #[test]
    fn pictures_within_a_chart_are_drawn() {
        let mut red = Vec::new();
        image::RgbImage::from_pixel(4, 4, image::Rgb([255, 0, 0]))
            .write_to(&mut std::io::Cursor::new(&mut red), image::ImageFormat::Png)
            .unwrap();
        let ink = Ink::new("test", 1000, 1000);
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, red);
        ink.raw(&format!("<image width=\"1000\" height=\"1000\" href=\"data:image/png;base64,{data}\"/>"));
        let (picture, _) = pixels(&render(&ink.finish("t", "d"), 1.0).unwrap());
        assert_eq!(picture.get_pixel(200, 200).0, [255, 0, 0, 255]);
    }

    #[test]
    fn what_cannot_be_drawn_is_told() {
        assert!(render("no svg", 1.0).unwrap_err().contains("no SVG"));
        for scale in [0.0, -1.0, f32::NAN, 1e6] {
            assert!(render(&chart("Dice", false), scale).unwrap_err().contains("choose another scale"), "{scale}");
        }
    }
}
