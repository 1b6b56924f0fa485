//! A temporary folder with pictures, and short forms of what the tests ask for.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tiff::encoder::{TiffEncoder, colortype};
use umlaut::config;
use umlaut::data::{self, Dataset, Error, Sample};

/// A temporary folder; everything in it goes with it.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Grey, 8 bits; height and width; the format follows from the extension.
    pub fn grey(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> u8) {
        let image = GrayImage::from_fn(w, h, |x, y| Luma([value(y, x)]));
        image.save(self.path(name)).unwrap();
    }

    pub fn grey16(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> u16) {
        let image: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(w, h, |x, y| Luma([value(y, x)]));
        image.save(self.path(name)).unwrap();
    }

    pub fn rgb(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> [u8; 3]) {
        let image = RgbImage::from_fn(w, h, |x, y| Rgb(value(y, x)));
        image.save(self.path(name)).unwrap();
    }

    pub fn jpeg(&self, name: &str, quality: u8, image: &DynamicImage) {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image).unwrap();
        self.write(name, &bytes);
    }

    /// A JPEG with an EXIF orientation (1 to 8): an APP1 segment with a TIFF directory of that one entry (EXIF 2.32, 4.6.4).
    pub fn jpeg_turned(&self, name: &str, orientation: u8, image: &DynamicImage) {
        self.jpeg(name, 95, image);
        let plain = fs::read(self.path(name)).unwrap();
        let mut exif = b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        self.write(name, &[&plain[..2], &exif, &plain[2..]].concat());
    }

    /// A TIFF of grey pages, each of height · width values.
    pub fn stack(&self, name: &str, [h, w]: [u32; 2], pages: &[Vec<u8>]) {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        for page in pages {
            encoder.write_image::<colortype::Gray8>(w, h, page).unwrap();
        }
        self.write(name, bytes.get_ref());
    }

    /// `count` images of 4 × 4 in images/ with a half-marked mask in masks/, named 0, 1, ….
    pub fn pairs(&self, count: u8) {
        for i in 0..count {
            self.grey(&format!("images/{i}.png"), [4, 4], |y, x| 10 * i + (4 * y + x) as u8);
            self.grey(&format!("masks/{i}.png"), [4, 4], |y, _| if y < 2 { 255 } else { 0 });
        }
    }

    /// `[dataset.folders]` with this root and more keys.
    pub fn folders(&self, more: &str) -> config::Dataset {
        self.dataset("folders", &format!("root = {:?}\n{more}", self.root()))
    }

    pub fn dataset(&self, layout: &str, keys: &str) -> config::Dataset {
        toml::from_str(&format!("[{layout}]\n{keys}")).unwrap()
    }

    /// Opens with a cache of its own in the tree.
    pub fn open(&self, config: &config::Dataset, size: [usize; 2], fit: config::Fit) -> Result<Dataset, Error> {
        data::open(config, &config::Preprocess { size, fit, ..Default::default() }, &self.root().join(".cache"), &|_, _| ())
    }

    /// What `open` has against it, the tree's path written as ROOT.
    pub fn refusal(&self, config: &config::Dataset) -> String {
        let error = self.open(config, [4, 4], config::Fit::Pad).unwrap_err();
        error.to_string().replace(&self.root().display().to_string(), "ROOT")
    }
}

/// Samples of these names whose one-pixel images all differ.
pub fn named(names: &[String]) -> Dataset {
    let sample = |(i, name): (usize, &String)| Sample { name: name.clone(), image: vec![i as f32].into(), mask: vec![0] };
    Dataset {
        channels: 1,
        classes: vec!["foreground".into()],
        size: [1, 1],
        samples: names.iter().enumerate().map(sample).collect(),
        official_test: vec![false; names.len()],
        fingerprint: String::new(),
        sources: names.iter().map(|name| format!("images/{name}.png")).collect(),
    }
}

/// The names of all samples.
pub fn names(dataset: &Dataset) -> Vec<&str> {
    dataset.samples.iter().map(|sample| sample.name.as_str()).collect()
}

/// Values as 8-bit numbers, for reading.
pub fn as_bytes(image: &[f32]) -> Vec<u8> {
    image.iter().map(|v| (v * 255.0).round() as u8).collect()
}
