//! A contact sheet: samples of a data set with their names, part by part, and a key of the classes.

use super::chart::{Anchor, CASING, COLUMN, EDGE, Face, Ink, LEADING, Pen, class_color, extent, fit, fit_ends};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

/// The width of a page's text: two columns of a paper.
const WIDTH: i32 = 2 * COLUMN;
/// Space between pictures.
const GAP: i32 = 30;
/// Length of a class's line in the key, with the space behind it.
const SIGN: i32 = 155;

/// A sample on the sheet.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What stands below the picture, cut in its middle where it is too long.
    pub name: String,
    /// The sample with its masks; all of a sheet are of one size.
    pub picture: RgbImage,
}

/// The sheet as SVG, so many pictures side by side; `parts` are named.
///
/// # Panics
/// If `columns` is 0.
pub fn contact_sheet(classes: &[String], columns: usize, parts: &[(&str, Vec<Tile>)]) -> String {
    let side = (WIDTH - 2 * EDGE + GAP) / columns as i32 - GAP;
    let (w, h) = parts.iter().flat_map(|part| &part.1).next().map_or((1, 1), |tile| tile.picture.dimensions());
    let height = (f64::from(side) * f64::from(h) / f64::from(w.max(1))).round() as i32;
    let (head, row) = (LEADING + 40, height + LEADING + 40);
    let rows = |tiles: &[Tile]| tiles.len().div_ceil(columns) as i32;
    let under = parts.iter().map(|(_, tiles)| head + rows(tiles) * row).sum::<i32>() + 3 * EDGE;
    let key = key(classes);
    let ink = Ink::new("contact-sheet", WIDTH, under + key.last().map_or(0, |last| last.2) + LEADING);
    let mut y = EDGE;
    for (part, tiles) in parts {
        ink.text(part, (EDGE, y + head / 2), Anchor::Start, Face::HEAD);
        y += head;
        for (k, tile) in tiles.iter().enumerate() {
            let place = (EDGE + (k % columns) as i32 * (side + GAP), y + (k / columns) as i32 * row);
            draw(&ink, tile, place, (side, height));
        }
        y += rows(tiles) * row;
    }
    for (class, (words, x, down)) in key.iter().enumerate() {
        let y = under + down + LEADING / 2;
        ink.line(&[(*x, y), (x + 120, y)], Pen::new(CASING, 26));
        ink.line(&[(x + 5, y), (x + 115, y)], Pen::new(class_color(class), 14));
        ink.text(words, (x + SIGN, y), Anchor::Start, Face::WORDS);
    }
    let counts: Vec<String> = parts.iter().map(|(part, tiles)| format!("{} of {part}", tiles.len())).collect();
    ink.finish("Samples with their masks", &format!("From the top: {}. Classes: {}.", counts.join(", "), classes.join(", ")))
}

fn draw(ink: &Ink, tile: &Tile, (x, y): (i32, i32), (width, height): (i32, i32)) {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    tile.picture.write_with_encoder(encoder).expect("memory takes every picture");
    ink.raw(&format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
        STANDARD.encode(png)
    ));
    let words = fit_ends(&tile.name, Face::NOTES.size, width);
    ink.text(&words, (x, y + height + 20 + LEADING / 2), Anchor::Start, Face::NOTES);
}

/// The classes' names, where they stand, and how far below the pictures.
fn key(classes: &[String]) -> Vec<(String, i32, i32)> {
    let (mut x, mut y, mut placed) = (EDGE, 0, Vec::new());
    for class in classes {
        let words = fit(class, Face::WORDS.size, WIDTH / 2);
        let width = SIGN + extent(&words, Face::WORDS);
        if x > EDGE && x + width > WIDTH - EDGE {
            (x, y) = (EDGE, y + LEADING);
        }
        placed.push((words, x, y));
        x += width + 80;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::tests::{check, show_svg, words};

    #[test]
    fn every_sample_has_its_name_and_words_keep_clear_of_each_other() {
        for (count, sides) in [(1, [64, 64]), (14, [48, 64]), (24, [64, 32])] {
            let tile = |k: usize| Tile {
                name: format!("volume <{}> & slice {k}", "long ".repeat(k)),
                picture: RgbImage::from_pixel(sides[1], sides[0], image::Rgb([10 * k as u8, 99, 50])),
            };
            let classes: Vec<String> = (0..7).map(|k| format!("class number {k}")).collect();
            let svg = contact_sheet(&classes, 6, &[("train", (0..count).map(tile).collect()), ("val", vec![tile(0)])]);
            show_svg(&format!("contact-{count}"), &svg);
            check(&svg, false);
            assert_eq!(svg.matches("<image ").count(), count + 1);
            let words = words(&svg);
            assert!(["train", "val", "class number 6"].iter().all(|w| words.iter().any(|word| word == w)), "{words:?}");
            assert!(svg.contains("volume &lt;&gt; &amp; slice 0"));
        }
    }
}
