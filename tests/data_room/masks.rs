//! What masks may look like.

use crate::tree::Tree;
use image::{DynamicImage, GrayImage, Luma, RgbImage};
use umlaut::config::Fit;

fn disc(size: u32) -> GrayImage {
    let centre = f64::from(size) / 2.0;
    GrayImage::from_fn(size, size, |x, y| {
        let distance = (f64::from(x) - centre).hypot(f64::from(y) - centre);
        Luma([if distance < centre / 2.0 { 255 } else { 0 }])
    })
}

#[test]
fn jpeg_noise_does_not_change_a_mask() {
    let tree = Tree::new();
    let clean = disc(64);
    let colour = DynamicImage::ImageRgb8(RgbImage::from_fn(64, 64, |x, y| image::Rgb([clean.get_pixel(x, y).0[0]; 3])));
    for name in ["a", "b"] {
        tree.grey(&format!("images/{name}.png"), [64, 64], |y, x| (y + x) as u8);
    }
    tree.jpeg("masks/a.jpg", 75, &DynamicImage::ImageLuma8(clean.clone()));
    tree.jpeg("masks/b.JPEG", 75, &colour);
    let noisy = image::open(tree.path("masks/a.jpg")).unwrap().to_luma8();
    assert!(noisy.pixels().any(|p| p.0[0] > 0 && p.0[0] < 255), "the test's mask is free of noise");
    let expected: Vec<u8> = clean.pixels().map(|p| u8::from(p.0[0] > 0)).collect();
    let dataset = tree.open(&tree.folders(""), [64, 64], Fit::Pad).unwrap();
    assert_eq!(dataset.samples[0].mask, expected);
    assert_eq!(dataset.samples[1].mask, expected);
}

fn mask_of(tree: &Tree, size: [usize; 2], keys: &str) -> Vec<u8> {
    tree.open(&tree.folders(keys), size, Fit::Pad).unwrap().samples.remove(0).mask
}

#[test]
fn sixteen_bits_and_equal_colours_are_masks_too() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 2], |_, _| 9);
    tree.grey16("masks/a.png", [1, 2], |_, x| [200, 65_000][x as usize]);
    assert_eq!(mask_of(&tree, [1, 2], ""), [0, 1]);
    tree.rgb("masks/a.png", [1, 2], |_, x| [[255; 3], [0; 3]][x as usize]);
    assert_eq!(mask_of(&tree, [1, 2], ""), [1, 0]);
}

/// 16 bits that hold no more than 8 bits do are on the scale of 8 bits.
#[test]
fn sixteen_bits_with_the_values_of_eight() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 3], |_, _| 9);
    tree.grey16("masks/a.png", [1, 3], |_, x| [0, 255, 250][x as usize]);
    assert_eq!(mask_of(&tree, [1, 3], ""), [0, 1, 1]);
    tree.grey16("masks/a.png", [1, 3], |_, _| 0);
    assert_eq!(mask_of(&tree, [1, 3], ""), [0, 0, 0]);
    tree.grey16("masks/a.png", [1, 3], |_, x| [0, 255, 65_535][x as usize]);
    assert_eq!(mask_of(&tree, [1, 3], ""), [0, 0, 1]);
}

const THREE: &str = "mask_values = 'indexed'\nclasses = ['a', 'b', 'c']";

#[test]
fn class_numbers_in_grey() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 4], |_, _| 9);
    let planes = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]].concat();
    tree.grey("masks/a.png", [1, 4], |_, x| x as u8);
    assert_eq!(mask_of(&tree, [1, 4], THREE), planes);
    tree.grey16("masks/a.png", [1, 4], |_, x| x as u16);
    assert_eq!(mask_of(&tree, [1, 4], THREE), planes);
}

/// A PNG made by hand: the encoder at hand writes no palettes and no 2-bit grey.
fn png([height, width]: [u32; 2], depth: u8, colour_type: u8, palette: &[u8], rows: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let body = [&kind[..], data].concat();
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(&body);
        bytes.extend(crc(&body).to_be_bytes());
    };
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour_type, 0, 0, 0]].concat());
    if !palette.is_empty() {
        chunk(b"PLTE", palette);
    }
    // zlib: one stored block.
    let length = rows.len() as u16;
    let deflated =
        [&[0x78, 0x01, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), rows, &adler(rows).to_be_bytes()].concat();
    chunk(b"IDAT", &deflated);
    chunk(b"IEND", &[]);
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}

fn adler(bytes: &[u8]) -> u32 {
    let (a, b) =
        bytes.iter().fold((1u32, 0u32), |(a, b), byte| ((a + u32::from(*byte)) % 65521, (a + b + u32::from(*byte)) % 65521));
    b << 16 | a
}

const GREY: u8 = 0;
const INDEXED: u8 = 3;

#[test]
fn class_numbers_in_a_palette() {
    let tree = Tree::new();
    tree.grey("images/a.png", [1, 4], |_, _| 9);
    // Black, dark red, green, yellow, as many tools colour classes; a row is a filter byte and the indices.
    let palette = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0];
    tree.write("masks/a.png", &png([1, 4], 8, INDEXED, &palette, &[0, 3, 0, 1, 2]));
    assert_eq!(mask_of(&tree, [1, 4], THREE), [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]].concat());
    let refusal = tree.refusal(&tree.folders(""));
    assert!(
        refusal.ends_with(
            "masks/a.png: is in colour (a pixel is 128, 128, 0); its palette numbers the classes: set mask_values = \"indexed\" and name every \
             class in `classes`"
        ),
        "{refusal}"
    );
}

#[test]
fn a_palette_of_greys_is_grey() {
    let tree = Tree::new();
    let palette = [0, 0, 0, 255, 255, 255];
    tree.write("images/a.png", &png([1, 4], 8, INDEXED, &palette, &[0, 1, 0, 1, 0]));
    // One bit a pixel: 1, 0, 1, 1.
    tree.write("masks/a.png", &png([1, 4], 1, INDEXED, &palette, &[0, 0b1011_0000]));
    let dataset = tree.open(&tree.folders(""), [1, 4], Fit::Pad).unwrap();
    assert_eq!((dataset.channels, &dataset.samples[0].image[..]), (1, &[1.0, 0.0, 1.0, 0.0][..]));
    assert_eq!(dataset.samples[0].mask, [1, 0, 1, 1]);
    assert_eq!(mask_of(&tree, [1, 4], "mask_values = 'indexed'"), [1, 0, 1, 1]);
}

#[test]
fn few_bits_of_grey_are_numbers_or_brightness() {
    let tree = Tree::new();
    tree.write("images/a.png", &png([1, 4], 2, GREY, &[], &[0, 0b00_01_10_11]));
    tree.write("masks/a.png", &png([1, 4], 2, GREY, &[], &[0, 0b00_01_10_11]));
    let dataset = tree.open(&tree.folders(THREE), [1, 4], Fit::Pad).unwrap();
    assert_eq!(dataset.samples[0].image, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]);
    assert_eq!(dataset.samples[0].mask, [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]].concat());
    tree.write("masks/a.png", &png([1, 4], 1, GREY, &[], &[0, 0b0110_0000]));
    assert_eq!(mask_of(&tree, [1, 4], ""), [0, 1, 1, 0]);
    assert_eq!(mask_of(&tree, [1, 4], "mask_values = 'indexed'"), [0, 1, 1, 0]);
}
