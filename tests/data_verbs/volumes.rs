//! `[dataset.volumes]` from files to a trained run: NIfTI and DICOM that are written here.

use crate::Desk;
use std::collections::BTreeMap;
use std::fs;
use umlaut::{config, data};

/// Volumes of 16 × 16 × 4 voxels, one class, values of -100 to 155 as 0 to 1.
const VOLUMES: &str = "name = 'x'\n[dataset.volumes]\nroot = '.'\n[preprocess]\nsize = [16, 16]\nintensity = 'window'\nwindow = [-100.0, 155.0]\n\
    [split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25\n[model.unet]\nchannels = [4, 8]\n[training]\nepochs = 1\n";

/// A NIfTI-1 file (nifti1.h) of a data type and its bits, and, if not 0, an sform whose first step this is.
fn nifti([nx, ny, nz]: [i16; 3], (code, bits): (i16, i16), step: f32, voxels: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348_i32.to_le_bytes());
    [3, nx, ny, nz].iter().enumerate().for_each(|(i, side)| put(40 + 2 * i, &side.to_le_bytes()));
    put(70, &code.to_le_bytes());
    put(72, &bits.to_le_bytes());
    put(108, &352_f32.to_le_bytes());
    if step != 0.0 {
        put(254, &1_i16.to_le_bytes());
        [(280, step), (300, 1.0), (320, 1.0)].iter().for_each(|(at, value)| put(*at, &value.to_le_bytes()));
    }
    put(344, b"n+1\0");
    file.extend(voxels);
    file
}

const BYTES: (i16, i16) = (2, 8);
const WORDS: (i16, i16) = (4, 16);
const EXTENT: [i16; 3] = [16, 16, 4];

/// Signed words: -100 more the number of the volume, the slice and the row; the mask marks the rows below the fifth of odd slices.
fn four(desk: &Desk) {
    for n in 0..4_i16 {
        let voxels =
            |f: &dyn Fn(i16, i16, i16) -> i16| -> Vec<i16> { (0..1024).map(|i| f(i / 256, i / 16 % 16, i % 16)).collect() };
        let image = voxels(&|z, y, x| -100 + 40 * n + 10 * z + y + x % 2);
        let mask: Vec<u8> = voxels(&|z, y, _| z % 2 * i16::from(y > 4)).iter().map(|v| *v as u8).collect();
        let image: Vec<u8> = image.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(desk.path(&format!("images/p{n}.nii")), nifti(EXTENT, WORDS, 1.0, &image)).unwrap();
        fs::write(desk.path(&format!("masks/p{n}.nii")), nifti(EXTENT, BYTES, 1.0, &mask)).unwrap();
    }
}

fn opened(desk: &Desk, keys: &str) -> Result<data::Dataset, String> {
    let root = desk.path("images").parent().unwrap().display().to_string();
    let text = VOLUMES.replace("root = '.'", &format!("root = '{root}'\n{keys}"));
    let experiment = config::load_str("x.toml", &text).map_err(|e| e.to_string())?;
    let data = data::open(&experiment.dataset, &experiment.preprocess, &desk.path("cache"), &|_, _| ());
    data.map_err(|e| e.to_string().replace(&root, "ROOT"))
}

#[test]
fn slices_are_samples_and_those_of_a_volume_stay_together() {
    let desk = Desk::with(VOLUMES);
    four(&desk);
    let data = opened(&desk, "").unwrap();
    assert_eq!(data.samples.len(), 16);
    let sample = data.samples.iter().find(|sample| sample.name == "p2_s003").unwrap();
    // 80 + 30 + y + x % 2 over 255.
    let want = |i: usize| (110 + i / 16 + i % 2) as f32 / 255.0;
    assert!(sample.image.iter().enumerate().all(|(i, v)| (v - want(i)).abs() < 1e-6));
    assert!(sample.mask.iter().enumerate().all(|(i, v)| *v == u8::from(i / 16 > 4)));
    let split = config::load_str("x.toml", VOLUMES).unwrap().split;
    let splits = data::split(&data, &split).unwrap();
    let mut parts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (part, members) in [&splits.train, &splits.val, &splits.test].into_iter().enumerate() {
        members.iter().for_each(|i| parts.entry(&data.samples[*i].name[..2]).or_default().push(part));
    }
    assert!(
        parts.len() == 4 && parts.values().all(|parts| parts.len() == 4 && parts.iter().all(|p| *p == parts[0])),
        "{parts:?}"
    );
    let out = desk.good(&["inspect", "x.toml"]);
    assert!(out.starts_with("16 samples, grey, values 0.00 to"), "{out}");
    let (code, out, errors) = desk.umlaut(&["run", "x.toml", "--device", "cpu"]);
    assert_eq!(code, Some(0), "{out}{errors}");
}

#[test]
fn a_group_of_the_split_goes_before_volumes() {
    let text = VOLUMES.replace("[split.fractions]", "[split.fractions]\ngroup = '(p)'");
    let group = |text: &str| match config::load_str("x.toml", text).unwrap().split {
        config::SplitRule::Fractions(split) => split.group,
        other => panic!("{other:?}"),
    };
    assert_eq!(group(&text).as_deref(), Some("(p)"));
    assert_eq!(group(VOLUMES).as_deref(), Some(r"^(.+)_s\d+$"));
    assert_eq!(group("name = 'x'"), None);
}

#[test]
fn what_does_not_fit_is_named() {
    let refusal = |change: &dyn Fn(&Desk)| {
        let desk = Desk::with(VOLUMES);
        four(&desk);
        change(&desk);
        opened(&desk, "").unwrap_err()
    };
    let mask = |file: Vec<u8>| move |desk: &Desk| fs::write(desk.path("masks/p1.nii"), &file).unwrap();
    let small = refusal(&mask(nifti([16, 16, 3], BYTES, 1.0, &[0; 768])));
    assert!(small.contains("images/p1.nii: has 4 slices of 16 × 16, its mask ROOT/masks/p1.nii 3 slices"), "{small}");
    let mirrored = refusal(&mask(nifti(EXTENT, BYTES, -1.0, &[0; 1024])));
    assert!(mirrored.contains("p1.nii: its mask") && mirrored.contains("mirrored"), "{mirrored}");
    let strange = refusal(&mask(nifti(EXTENT, BYTES, 0.0, &[7; 1024])));
    assert!(strange.contains("masks/p1.nii slice 0: has the value 7, but the highest class is 1"), "{strange}");
    let cut = refusal(&mask(nifti(EXTENT, BYTES, 0.0, &[0; 1023])));
    assert!(cut.contains("masks/p1.nii: the file ends before the image does"), "{cut}");
    let lonely = refusal(&|desk| fs::remove_file(desk.path("masks/p3.nii")).unwrap());
    assert!(lonely.contains("1 volume(s) without a mask") && lonely.contains("images/p3.nii"), "{lonely}");
    let twice = refusal(&|desk| fs::write(desk.path("images/p3.nii.gz"), "x").unwrap());
    assert!(twice.contains("belong to more than one file: p3"), "{twice}");
    let desk = Desk::with(VOLUMES);
    four(&desk);
    let window = opened(&desk, "window = 'file'").unwrap_err();
    assert!(window.contains("4 of 4 volumes cannot be used") && window.contains("is NIfTI, which has no window"), "{window}");
    let other = Desk::with(VOLUMES);
    fs::write(other.path("images/p.nrrd"), "x").unwrap();
    fs::write(other.path("masks/p.nrrd"), "x").unwrap();
    assert!(opened(&other, "").unwrap_err().contains("looked for volumes (.nii, .nii.gz, .dcm"));
}

/// A DICOM element (PS3.5, 7.1.2, explicit, from the lowest byte) whose length has 16 bits.
fn element(tag: [u16; 2], kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let padded = [value, if value.len() % 2 == 1 { b" " } else { b"" }].concat();
    let head = [tag[0].to_le_bytes(), tag[1].to_le_bytes(), *kind, (padded.len() as u16).to_le_bytes()].concat();
    [head, padded].concat()
}

/// Grey, 8 bits, 4 × 4 pixels of one value, at a height.
fn dicom(height: f64, value: u8) -> Vec<u8> {
    let short = |element_number, value: u16| element([0x28, element_number], b"US", &value.to_le_bytes());
    let mut syntax = element([2, 0x10], b"UI", b"1.2.840.10008.1.2.1");
    *syntax.last_mut().unwrap() = 0;
    let mut file = [vec![0; 128], b"DICM".to_vec(), syntax].concat();
    file.extend(element([0x20, 0x32], b"DS", format!("0\\0\\{height}").as_bytes()));
    file.extend(element([0x20, 0x37], b"DS", b"1\\0\\0\\0\\1\\0"));
    file.extend(element([0x28, 4], b"CS", b"MONOCHROME2"));
    [(0x10, 4), (0x11, 4), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)].iter().for_each(|(e, v)| file.extend(short(*e, *v)));
    file.extend([0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0, 16, 0, 0, 0]);
    file.extend([value; 16]);
    file
}

#[test]
fn a_series_is_ordered_by_place_and_slices_know_their_files() {
    let desk = Desk::with("");
    for (name, height) in [("images", 1.0), ("masks", 1.0)] {
        // The file that comes first lies highest.
        for i in 0..3_u8 {
            let value = if name == "images" { 10 * i } else { u8::from(i == 2) };
            fs::write(desk.path(&format!("{name}/p/{i}.dcm")), dicom(height * f64::from(2 - i), value)).unwrap();
        }
    }
    let root = desk.path("images").parent().unwrap().display().to_string();
    let dataset: config::Dataset = toml::from_str(&format!("[volumes]\nroot = '{root}'")).unwrap();
    let preprocess = config::Preprocess { size: [4, 4], ..Default::default() };
    let data = data::open(&dataset, &preprocess, &desk.path("cache"), &|_, _| ()).unwrap();
    let seen: Vec<(&str, u8, u8)> =
        data.samples.iter().map(|s| (s.name.as_str(), (s.image[0] * 255.0).round() as u8, s.mask[0])).collect();
    assert_eq!(seen, [("p_s000", 20, 1), ("p_s001", 10, 0), ("p_s002", 0, 0)]);
    assert!(data.sources[0].ends_with("images/p/2.dcm page p_s000"), "{}", data.sources[0]);
    fs::remove_file(desk.path("images/p/1.dcm")).unwrap();
    let gap = data::open(&dataset, &preprocess, &desk.path("cache"), &|_, _| ()).unwrap_err().to_string();
    assert!(gap.contains("images/p: has 2 slices of 4 × 4, its mask"), "{gap}");
}
