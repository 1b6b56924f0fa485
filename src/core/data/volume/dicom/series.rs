//! The frames of one or many files in the order of their places.

use super::super::placement::Placement;
use super::super::stored::{Kept, Range, SliceValues};
use super::frame::Frame;
use super::image::Image;
use crate::config::Axis;
use crate::data::source::Source;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

mod order;
use order::Order;

/// Files whose frames are the slices of a volume.
#[derive(Debug)]
pub(in crate::data::volume) struct Series {
    images: Vec<Image>,
    /// Image and frame of each slice.
    slices: Vec<(usize, usize)>,
    /// From each slice to the next, in mm, in the directions of the files.
    step: Option<[f64; 3]>,
    range: Range,
    windowed: bool,
}

/// Endings of DICOM files, in lower case; some have none.
const ENDINGS: [&str; 4] = ["dcm", "dicom", "ima", ""];

impl Series {
    /// One file of one or several frames.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, damaged, or does not fit together.
    pub fn of_file(path: &Path, source: Source, axis: Axis) -> Result<Self, String> {
        only_third(axis)?;
        Self::of(vec![Image::open(path, source)?])
    }

    /// The files of a folder, which must be one series; hidden files, those of other endings and folders in it are passed over.
    ///
    /// # Errors
    /// In words, the folder not named but the file: what is not read or damaged, differs from the others, or a slice that is missing.
    pub fn of_folder(folder: &Path, axis: Axis) -> Result<Self, String> {
        only_third(axis)?;
        let paths = files(folder)?;
        if paths.is_empty() {
            return Err("holds no DICOM file (.dcm, .dicom, .ima or without ending); take it out, or fill it".into());
        }
        let named = |path: &PathBuf, problem| format!("{}: {problem}", word(path));
        let open = |path: &PathBuf| {
            Source::open(path).and_then(|source| Image::open(path, source)).map_err(|problem| named(path, problem))
        };
        let images = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        if let Some(image) = images.iter().find(|image| images.len() > 1 && image.frames.len() > 1) {
            let count = image.frames.len();
            return Err(named(&image.path, format!("has {count} frames beside other files; put it into a folder of its own")));
        }
        for image in &images[1..] {
            if let Some(problem) = difference(&images[0], image) {
                return Err(named(&image.path, format!("{problem}; keep the files of one series in one folder")));
            }
        }
        Self::of(images)
    }

    fn of(images: Vec<Image>) -> Result<Self, String> {
        let names: Vec<(usize, usize)> =
            images.iter().enumerate().flat_map(|(i, image)| (0..image.frames.len()).map(move |frame| (i, frame))).collect();
        let frames: Vec<&Frame> = images.iter().flat_map(|image| &image.frames).collect();
        let lone = images.len() == 1;
        let message = |i: usize| if lone { format!("frame {}", i + 1) } else { word(&images[names[i].0].path) };
        let Order { order, step } = Order::of(&frames, lone, &message)?;
        let range = images.iter().map(Image::range).reduce(Range::or).expect("a series has an image");
        let slices = order.into_iter().map(|i| names[i]).collect();
        Ok(Self { images, slices, step, range, windowed: false })
    }

    /// How many slices there are.
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        self.images[0].form.size
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.images[0].form.samples
    }

    /// Whether low values are meant to be bright.
    pub fn is_inverted(&self) -> bool {
        self.images[0].inverted
    }

    fn frame(&self, slice: usize) -> &Frame {
        let (image, frame) = self.slices[slice];
        &self.images[image].frames[frame]
    }

    /// Millimetres between slices, rows and columns. Where a gantry is tilted, slices lie further apart than their planes.
    pub fn spacing(&self) -> Option<[f64; 3]> {
        let (step, [rows, columns]) = (self.step?, self.frame(0).spacing?);
        Some([step.iter().map(|x| x * x).sum::<f64>().sqrt(), rows, columns])
    }

    /// Where the voxels lie: DICOM's axes point left and back, those here right and front.
    pub fn placement(&self) -> Option<Placement> {
        let frame = self.frame(0);
        let (step, [along, down]) = (self.step?, frame.orientation?);
        let ([rows, columns], position) = (frame.spacing?, frame.position?);
        let row = |i: usize| {
            let sign = if i < 2 { -1.0 } else { 1.0 };
            [along[i] * columns, down[i] * rows, step[i], position[i]].map(|value| sign * value)
        };
        let [height, width] = self.size();
        Some(Placement { affine: [row(0), row(1), row(2)], extent: [width, height, self.slices()] })
    }

    /// The same with values as windows show them.
    ///
    /// # Errors
    /// In words, the file not named or named within its folder: if a frame has no window, or one that is not applied.
    pub fn windowed(self) -> Result<Self, String> {
        if self.channels() != 1 {
            return Err("is in colour, where a window has no meaning; leave `window` out".into());
        }
        for image in &self.images {
            let name = if self.images.len() > 1 { format!("{}: ", word(&image.path)) } else { String::new() };
            for frame in &image.frames {
                match &frame.window {
                    Some(Ok(_)) => {}
                    Some(Err(problem)) => return Err(format!("{name}{problem}")),
                    None => return Err(format!("{name}has no WindowCenter and WindowWidth; leave `window` out")),
                }
            }
        }
        Ok(Self { windowed: true, range: Range { kept: Kept::Whole(255), full: None }, ..self })
    }

    /// What values are kept as.
    pub fn range(&self) -> Range {
        self.range
    }

    /// The file of a slice, of several files.
    pub fn file_of(&self, index: usize) -> Option<&Path> {
        (self.images.len() > 1).then(|| self.images[self.slices[index].0].path.as_path())
    }

    /// The values of one slice.
    ///
    /// # Errors
    /// In words, the file not named or named within its folder.
    pub fn slice(&self, index: usize) -> Result<SliceValues, String> {
        let (image, number) = self.slices[index];
        let (image, frame) = (&self.images[image], self.frame(index));
        let name = if self.images.len() > 1 { format!("{}: ", word(&image.path)) } else { String::new() };
        let numbers = image.numbers(number).map_err(|problem| format!("{name}{problem}"))?;
        let values = numbers.into_iter().map(|number| frame.scale.of(number.into()));
        let values = match &frame.window {
            Some(Ok(window)) if self.windowed => {
                let shown = |value| if image.inverted { 255.0 - window.of_value(value) } else { window.of_value(value) };
                self.range.kept.values(values.map(shown))
            }
            _ => self.range.kept.values(values),
        };
        values.map_err(|problem| format!("{name}{problem}"))
    }
}

fn only_third(axis: Axis) -> Result<(), String> {
    match axis {
        Axis::Third => Ok(()),
        _ => Err("is DICOM, which is read along the third axis only; leave `axis` out, or convert it to NIfTI".into()),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let message = |e: std::io::Error| format!("cannot be read: {e}");
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(message)? {
        let path = entry.map_err(message)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if ENDINGS.contains(&ending.as_str()) && !name.starts_with('.') && name != "dicomdir" && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A file's name within its folder.
fn word(path: &Path) -> String {
    crate::shown::name(path.file_name().unwrap_or(OsStr::new("")))
}

/// In what two files differ that are to be of one series.
fn difference(a: &Image, b: &Image) -> Option<String> {
    let first = word(&a.path);
    let message = |size: [usize; 2]| format!("{} × {}", size[0], size[1]);
    let spacing = |image: &Image| image.frames[0].spacing;
    match () {
        () if a.form.size != b.form.size => {
            Some(format!("has {} pixels (height × width), {first} has {}", message(b.form.size), message(a.form.size)))
        }
        () if a.series != b.series => Some(format!("belongs to another series than {first} (SeriesInstanceUID)")),
        () if (a.form.samples, a.form.stored, a.form.signed, a.inverted)
            != (b.form.samples, b.form.stored, b.form.signed, b.inverted) =>
        {
            Some(format!(
                "has another kind of pixels than {first} (SamplesPerPixel, BitsStored, PixelRepresentation, PhotometricInterpretation)"
            ))
        }
        () if spacing(a).is_some() != spacing(b).is_some() => Some(format!("has or lacks PixelSpacing where {first} does not")),
        () if spacing(a).zip(spacing(b)).is_some_and(|(a, b)| (0..2).any(|i| (a[i] - b[i]).abs() > 1e-3 * a[i])) => {
            Some(format!("has another PixelSpacing than {first}"))
        }
        () => None,
    }
}
