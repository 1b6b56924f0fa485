//! Every kind of file, against what it holds: the small fixed part of `scripts/decode_survey.py`, which wrote the files and knows (of JPEG it is what
//! Pillow, that is libjpeg-turbo, makes of them). And what damaged files do.

use crate::tree::Tree;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::fs;
use std::path::Path;
use umlaut::config::{Fit, Preprocess};
use umlaut::data::{Cut, Photo, photos};

#[derive(Deserialize)]
struct Case {
    name: String,
    ending: String,
    file: String,
    /// Pictures · channels · height · width; absent where the file must be refused.
    shape: Option<[usize; 4]>,
    /// Of `values` of 16 bits the one of full brightness; absent where they are f32, in [0, 1].
    top: Option<f32>,
    /// By how much of 255 values may be off.
    near: Option<f32>,
    values: Option<String>,
    /// Indices, where there is a palette.
    mask: Option<String>,
}

fn cases() -> Vec<(Case, Vec<u8>)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures.jsonl")).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Case>(line).unwrap());
    cases.map(|case| (decode(&case.file), case)).map(|(bytes, case)| (case, bytes)).collect()
}

fn decode(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

/// All pictures of a file, or why there are none.
fn read(path: &Path) -> Result<Vec<Photo>, String> {
    photos(&[path.to_owned()], Cut::default()).unwrap().iter().map(|place| Photo::read(place, 0)).collect()
}

#[test]
fn every_kind_is_read_as_it_was_written_or_refused() {
    let tree = Tree::new();
    let mut read_of_kind = 0;
    for (case, bytes) in cases() {
        let path = tree.path(&format!("a.{}", case.ending));
        fs::write(&path, bytes).unwrap();
        let (Some([pictures, channels, h, w]), Ok(photos)) = (case.shape, read(&path)) else {
            let refused = read(&path).expect_err(&case.name);
            assert!(case.shape.is_none(), "{}: {refused}", case.name);
            continue;
        };
        let got: Vec<[usize; 2]> = photos.iter().map(|photo| photo.size).collect();
        assert_eq!(got, vec![[h, w]; pictures], "{}", case.name);
        // A palette may have hues that no pixel uses.
        assert!(photos.iter().all(|photo| photo.channels >= channels), "{}", case.name);
        let wanted = decode(&case.values.unwrap());
        let wanted: Vec<f32> = match case.top {
            Some(top) => wanted.as_chunks::<2>().0.iter().map(|pair| f32::from(u16::from_le_bytes(*pair)) / top).collect(),
            None => wanted.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        let planes = |photo: &Photo| {
            let wanted = if matches!(photo.channels, 1 | 3) { 3 } else { photo.channels };
            photo.planes(&Preprocess::default(), wanted).unwrap()[..channels * h * w].to_vec()
        };
        let got = photos.iter().flat_map(planes);
        let off = got.zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f32::max);
        assert!(off <= case.near.unwrap() / 255.0 + 1e-6, "{}: off by {} of 255", case.name, 255.0 * off);
        read_of_kind += 1;
    }
    assert!(read_of_kind > 150, "{read_of_kind}");
}

/// Indices are classes whatever their colours; the files have several entries of one colour.
#[test]
fn palettes_number_the_classes() {
    let mut masks = 0;
    for (case, bytes) in cases() {
        let (Some([_, _, h, w]), Some(mask)) = (case.shape, case.mask) else { continue };
        let (tree, mask) = (Tree::new(), decode(&mask));
        tree.grey("images/a.png", [h as u32, w as u32], |y, x| (y * 7 + x) as u8);
        tree.write(&format!("masks/a.{}", case.ending), &bytes);
        let classes: Vec<String> = (1..=mask.iter().max().copied().unwrap().max(1)).map(|k| format!("c{k}")).collect();
        let keys = format!("mask_values = 'indexed'\nclasses = {classes:?}");
        let dataset = tree.open(&tree.folders(&keys), [h, w], Fit::Pad).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        for (class, plane) in dataset.samples[0].mask.chunks_exact(h * w).enumerate() {
            let wanted: Vec<u8> = mask.iter().map(|index| u8::from(usize::from(*index) == class + 1)).collect();
            assert_eq!(plane, wanted, "{}, class {}", case.name, class + 1);
        }
        masks += 1;
    }
    assert!(masks > 10, "{masks}");
}

/// No message has the debug text of a type.
#[test]
fn refusals_are_sentences() {
    let tree = Tree::new();
    for (case, bytes) in cases().into_iter().filter(|(case, _)| case.shape.is_none()) {
        let path = tree.path(&format!("a.{}", case.ending));
        fs::write(&path, bytes).unwrap();
        let refused = read(&path).unwrap_err();
        assert!(
            !refused.contains(['{', '}']) && !refused.contains("Gray(") && refused.contains("save"),
            "{}: {refused}",
            case.name
        );
    }
}

/// Bits flipped, bytes replaced, ends cut off: an error or other values, never a panic, and nothing is allocated that the size does not need.
#[test]
fn damaged_files_are_errors() {
    let tree = Tree::new();
    let mut random = 1_u64;
    // Knuth's MMIX numbers; their high bits are random enough.
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let (mut refused, mut all) = (0, 0);
    for (case, bytes) in cases() {
        let path = tree.path(&format!("a.{}", case.ending));
        for kind in 0..9 {
            let mut damaged = bytes.clone();
            match kind {
                0 | 1 => damaged.truncate(next(bytes.len())),
                // Headers and tags, where sizes are.
                2..=5 => {
                    let at = next(bytes.len().min(200));
                    damaged[at] ^= 1 << next(8);
                }
                _ => (0..3).for_each(|_| damaged[next(bytes.len())] = next(256) as u8),
            }
            fs::write(&path, damaged).unwrap();
            // The listing counts pages; of what is no picture any more it says nothing.
            if let Err(problem) = read(&path) {
                assert!(problem.contains("a.") && !problem.contains(['{', '}']), "{problem}");
                refused += 1;
            }
            all += 1;
        }
    }
    assert!(refused > all / 4, "{refused} of {all}");
}

#[test]
fn a_palette_that_lacks_colours_is_refused() {
    let tree = Tree::new();
    tree.grey("images/a.png", [2, 2], |y, x| (y * 7 + x) as u8);
    let (_, bytes) = cases().into_iter().find(|(case, _)| case.name.contains("1 bits (index beyond")).unwrap();
    tree.write("masks/a.png", &bytes);
    for keys in ["mask_values = 'indexed'\nclasses = ['a', 'b']", ""] {
        let refusal = tree.refusal(&tree.folders(keys));
        assert!(
            refusal
                .contains("masks/a.png: has 1 pixel(s) whose colour is not in its palette of 1 colours (the index 1, for one)"),
            "{refusal}"
        );
    }
}

#[test]
fn a_pipe_is_no_picture() {
    let tree = Tree::new();
    let pipe = tree.path("a.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = read(&pipe).unwrap_err();
    assert!(refused.contains("a.png: cannot be read: it is a pipe (FIFO), not a regular file"), "{refused}");
}
