//! Files of a few pixels, made here element by element as PS3.5 has them.

use crate::config::Axis;
use crate::data::volume::{Slice, SliceValues, Volume};
use std::path::Path;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn element(tag: u32, kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((tag >> 16) as u16).to_le_bytes());
    bytes.extend((tag as u16).to_le_bytes());
    bytes.extend(kind);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if kind == b"OB" || kind == b"UI" { 0 } else { b' ' });
    }
    if matches!(kind, b"OB" | b"OW" | b"SQ" | b"UN") {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn short(tag: u32, value: u16) -> Vec<u8> {
    element(tag, b"US", &value.to_le_bytes())
}

/// What comes before the data set.
fn header(syntax: &str) -> Vec<u8> {
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend(element(0x0002_0010, b"UI", syntax.as_bytes()));
    file
}

/// A grey image of 2 × 3 pixels with `more` elements before the pixels.
fn image(bits: u16, signed: bool, more: &[Vec<u8>], pixels: &[u8]) -> Vec<u8> {
    let mut file = header(EXPLICIT);
    file.extend(element(0x0028_0004, b"CS", b"MONOCHROME2"));
    [(0x0028_0010, 2), (0x0028_0011, 3), (0x0028_0100, bits.next_multiple_of(8)), (0x0028_0101, bits), (0x0028_0102, bits - 1)]
        .into_iter()
        .for_each(|(tag, value)| file.extend(short(tag, value)));
    file.extend(short(0x0028_0103, signed.into()));
    more.iter().for_each(|element| file.extend(element));
    file.extend(element(0x7FE0_0010, b"OW", pixels));
    file
}

fn text(tag: u32, text: &str) -> Vec<u8> {
    element(tag, b"DS", text.as_bytes())
}

fn read(bytes: &[u8]) -> Result<Slice, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dcm");
    std::fs::write(&path, bytes).unwrap();
    Volume::open(&path, Axis::Third)?.slice(0)
}

const PIXELS: [u8; 6] = [1, 2, 3, 4, 5, 6];

#[test]
fn bits_and_scales_decide_what_values_are() {
    // Oracle: PS3.3, C.11.1.1.2 (output = slope · stored + intercept), PS3.5, 8.1.1 (two's complement of BitsStored), by hand.
    let plain = read(&image(8, false, &[], &PIXELS)).unwrap();
    assert_eq!(plain, Slice { size: [2, 3], channels: 1, top: 255, full: None, values: SliceValues::Bytes(PIXELS.to_vec()) });
    let scale = [text(0x0028_1052, "-1024"), text(0x0028_1053, "2")];
    let words = [0_u16, 1, 2, 3, 4, 4095].map(u16::to_le_bytes).concat();
    let twelve = read(&image(12, false, &[], &words)).unwrap();
    assert_eq!((twelve.top, twelve.values), (4095, SliceValues::Words(vec![0, 1, 2, 3, 4, 4095])));
    let signed = read(&image(12, true, &scale, &words)).unwrap();
    let floats = vec![-1024.0, -1022.0, -1020.0, -1018.0, -1016.0, -1026.0];
    assert_eq!((signed.top, signed.values), (1, SliceValues::Floats(floats)));
    let overlay = [0_u16, 1, 2, 3, 0x1004, 5].map(u16::to_le_bytes).concat();
    assert!(read(&image(12, false, &[], &overlay)).unwrap_err().contains("has 1 value(s) of more than the 12 bits"));
}

#[test]
fn a_file_that_ends_anywhere_is_refused() {
    let sequence = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
    let whole =
        image(8, false, &[element(0x0029_1001, b"SQ", &sequence), text(0x0028_1052, "0"), text(0x0028_1053, "1")], &PIXELS);
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} of {}", whole.len());
    }
}

#[test]
fn a_byte_changed_anywhere_makes_no_panic() {
    let whole = image(8, false, &[element(0x0029_1001, b"SQ", &[]), text(0x0028_0008, "1")], &PIXELS);
    for at in 128..whole.len() {
        for value in [0, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            _ = read(&bytes);
        }
    }
}

#[test]
fn what_is_not_read_is_said() {
    let refusal = |more: &[Vec<u8>]| read(&image(8, false, more, &PIXELS)).unwrap_err();
    assert!(refusal(&[short(0x0028_0010, 2)]).contains("has the element 0028,0010 twice"));
    assert!(refusal(&[text(0x0028_0008, "2")]).contains("has 6 bytes of pixels, its 2 frame(s)"));
    assert!(refusal(&[text(0x0028_0008, "99999999999")]).contains("NumberOfFrames"));
    assert!(refusal(&[short(0x0028_0002, 3)]).contains("is MONOCHROME2 of 3 sample(s)"));
    assert!(refusal(&[text(0x0028_1053, "1")]).contains("lacks RescaleIntercept"));
    assert!(refusal(&[text(0x0028_1053, "x"), text(0x0028_1052, "1")]).contains("RescaleSlope is \"x\""));
    assert!(refusal(&[element(0x0028_3000, b"SQ", &[])]).contains("ModalityLUTSequence"));
    assert!(refusal(&[element(0x0028_0030, b"??", &[])]).contains("unknown kind \"??\""));
    assert!(refusal(&[element(0x0028_9145, b"LO", b"a")]).contains("should be a sequence"));
    assert!(refusal(&[text(0x0020_0032, "0\\0\\1e300")]).contains("ImagePositionPatient is no place in a room"));
    assert!(refusal(&[text(0x0020_0032, "0\\0")]).contains("ImagePositionPatient has 2 numbers instead of 3"));
    let jpeg = [header("1.2.840.10008.1.2.4.50"), short(0x0028_0010, 2)].concat();
    assert!(read(&jpeg).unwrap_err().contains("JPEG Baseline (1.2.840.10008.1.2.4.50), which is not read"));
    let bits = read(&image(32, false, &[], &PIXELS)).unwrap_err();
    assert!(bits.contains("pixels of 32 bits"), "{bits}");
}

#[test]
fn sequences_in_each_other_have_an_end() {
    // Undefined lengths, a hundred deep.
    let mut nested = Vec::new();
    for _ in 0..100 {
        nested.extend([
            0x29, 0, 0x01, 0x10, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF,
        ]);
    }
    assert!(read(&image(8, false, &[nested], &PIXELS)).unwrap_err().contains("32 sequences in each other"));
}

/// Writes slices with these heights along the normal, in this order of names.
fn series(folder: &Path, heights: &[f64]) -> Result<Volume, String> {
    for (i, height) in heights.iter().enumerate() {
        let place = [
            text(0x0020_0032, &format!("0\\0\\{height}")),
            text(0x0020_0037, "1\\0\\0\\0\\1\\0"),
            text(0x0028_0030, "0.5\\0.25"),
        ];
        let pixels = PIXELS.map(|value| value + 10 * i as u8);
        std::fs::write(folder.join(format!("{i}.dcm")), image(8, false, &place, &pixels)).unwrap();
    }
    Volume::open(folder, Axis::Third)
}

#[test]
fn slices_of_a_series_lie_in_the_order_of_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let volume = series(dir.path(), &[5.0, 1.0, 3.0]).unwrap();
    let first = |index: usize| volume.slice(index).unwrap().values;
    assert_eq!([first(0), first(1), first(2)].map(|v| matches!(v, SliceValues::Bytes(v) if v[0] > 0)), [true; 3]);
    assert_eq!(first(0), SliceValues::Bytes(PIXELS.map(|value| value + 10).to_vec()));
    assert_eq!(first(2), SliceValues::Bytes(PIXELS.to_vec()));
    assert_eq!(volume.spacing, Some([2.0, 0.5, 0.25]));
    // Left and back are negative.
    let affine = [[-0.25, 0.0, 0.0, 0.0], [0.0, -0.5, 0.0, 0.0], [0.0, 0.0, 2.0, 1.0]];
    assert_eq!(volume.placement.unwrap().affine.map(|row| row.map(|value| value + 0.0)), affine);
}

#[test]
fn gaps_and_doubles_in_a_series_are_refused() {
    let refusal = |heights: &[f64]| {
        let dir = tempfile::tempdir().unwrap();
        series(dir.path(), heights).unwrap_err()
    };
    assert!(
        refusal(&[0.0, 1.0, 2.0, 4.0]).contains("2.dcm and 3.dcm lie 2.000 mm apart, others 1.000 mm, so 1 slice(s) are missing")
    );
    assert!(refusal(&[0.0, 1.0, 2.0, 3.4]).contains("so spacing is unequal"));
    assert!(refusal(&[0.0, 1.0, 1.0]).contains("1.dcm and 2.dcm lie in the same place"));
    let dir = tempfile::tempdir().unwrap();
    assert!(Volume::open(dir.path(), Axis::Third).unwrap_err().contains("holds no DICOM file"));
    std::fs::write(dir.path().join("b.dcm"), "no DICOM").unwrap();
    assert!(Volume::open(dir.path(), Axis::Third).unwrap_err().starts_with("b.dcm: is no DICOM file"));
    assert!(Volume::open(dir.path(), Axis::First).unwrap_err().contains("third axis only"));
}

#[test]
fn a_window_shows_what_the_file_says() {
    // Oracle: PS3.3, C.11.2.1.2.1 with c = 3.5, w = 5: (x - 3) / 4 + 0.5 of 255, so up to 1 is black, from 5 on white.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dcm");
    let window = [text(0x0028_1050, "3.5\\9"), text(0x0028_1051, "5\\9")];
    std::fs::write(&path, image(8, false, &window, &PIXELS)).unwrap();
    let volume = Volume::open(&path, Axis::Third).unwrap().windowed().unwrap();
    assert_eq!(volume.slice(0).unwrap().values, SliceValues::Bytes(vec![0, 64, 128, 191, 255, 255]));
    std::fs::write(&path, image(8, false, &[], &PIXELS)).unwrap();
    let refused = Volume::open(&path, Axis::Third).unwrap().windowed().unwrap_err();
    assert_eq!(refused, "has no WindowCenter and WindowWidth; leave `window` out");
}
