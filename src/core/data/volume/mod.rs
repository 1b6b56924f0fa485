//! Files of slices: NIfTI, DICOM and TIFF of several pages. The main type is [`Volume`].
//!
//! Opening reads headers; values are read slice by slice.

mod dicom;
mod nifti;
mod pages;
mod placement;
mod stored;

pub use placement::Placement;
pub use stored::SliceValues;

use crate::config::Axis;
use crate::data::picture::{Picture, Values};
use crate::data::source::Source;
use dicom::Series;
use nifti::Nifti;
use pages::Stack;
use std::path::Path;

/// What a file of slices holds, from its header: a NIfTI file, a DICOM file, a folder of the DICOM files of one series, or a TIFF file.
#[derive(Debug)]
pub struct Volume {
    /// How many slices there are, 1 or more.
    pub slices: usize,
    /// Height and width of every slice in pixels.
    pub size: [usize; 2],
    /// Channels of every slice: 1 (grey), 3 (RGB), or what else a TIFF file has.
    pub channels: usize,
    /// Millimetres from slice to slice, row to row and column to column; `None` unless the file says all of them with their unit.
    pub spacing: Option<[f64; 3]>,
    /// Whether low values are meant to be bright (MONOCHROME1 of DICOM). Values are as stored all the same, but for [`Volume::windowed`].
    pub inverted: bool,
    /// Where the voxels lie in the patient, if the file says so.
    pub placement: Option<Placement>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Nifti(Nifti),
    Dicom(Series),
    Tiff(Stack),
}

/// One slice.
#[derive(Debug, PartialEq)]
pub struct Slice {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The highest value that bytes and words can have in this file, 1 or more: full brightness. 1 for floats, which have none.
    pub top: u16,
    /// Of floats that are stored as integers with one scale for all slices: what the least and the greatest of that type mean.
    pub full: Option<[f64; 2]>,
    /// height · width · channels, interleaved.
    pub values: SliceValues,
}

impl Volume {
    /// Reads the headers of a file or of a folder of DICOM files.
    ///
    /// NIfTI: slice k along the third axis equals `np.asarray(img.dataobj)[:, :, k].T` of nibabel, along the second `[:, k, :].T`, along the first
    /// `[k, :, :].T`: voxels as they are stored, wherever they lie in the patient. DICOM is read along the third axis only: slices are its own
    /// images, a series in the order of their places along the normal of their plane, the lowest first. TIFF: slices are its pages, in their order.
    ///
    /// # Errors
    /// In words, the file not named (of a series: the file named within the folder): what is not read, damaged, or does not fit together.
    pub fn open(path: &Path, axis: Axis) -> Result<Self, String> {
        if path.is_dir() {
            return Series::of_folder(path, axis).map(Self::of_dicom);
        }
        let source = Source::open(path)?;
        match &source.start(348)?[..] {
            [] => Err("is empty; restore it".into()),
            start if nifti::knows(start) => Nifti::open(source, axis).map(Self::of_nifti),
            start if dicom::knows(start) => Series::of_file(path, source, axis).map(Self::of_dicom),
            start if pages::knows(start) => Stack::open(path, &source, axis).map(Self::of_tiff),
            _ => Err("its content is neither NIfTI, DICOM (with a file header, DICM) nor TIFF; convert it to NIfTI".into()),
        }
    }

    fn of_nifti(nifti: Nifti) -> Self {
        let (slices, size, channels) = (nifti.slices(), nifti.size(), nifti.channels());
        let (spacing, placement) = (nifti.spacing(), nifti.placement());
        Self { slices, size, channels, spacing, inverted: false, placement, kind: Kind::Nifti(nifti) }
    }

    fn of_dicom(series: Series) -> Self {
        let (slices, size, channels) = (series.slices(), series.size(), series.channels());
        let (spacing, inverted, placement) = (series.spacing(), series.is_inverted(), series.placement());
        Self { slices, size, channels, spacing, inverted, placement, kind: Kind::Dicom(series) }
    }

    fn of_tiff(stack: Stack) -> Self {
        let (slices, size, channels) = (stack.slices(), stack.size(), stack.channels());
        Self { slices, size, channels, spacing: None, inverted: false, placement: None, kind: Kind::Tiff(stack) }
    }

    /// The same with every slice as its file's window (WindowCenter and WindowWidth) shows it, 0 black to 255 white.
    ///
    /// # Errors
    /// In words, the file not named: if it is no grey DICOM image or has no window.
    pub fn windowed(self) -> Result<Self, String> {
        match self.kind {
            Kind::Dicom(series) => Ok(Self { inverted: false, kind: Kind::Dicom(series.windowed()?), ..self }),
            Kind::Nifti(_) => Err("is NIfTI, which has no window; leave `window` out".into()),
            Kind::Tiff(_) => Err("is TIFF, which has no window; leave `window` out".into()),
        }
    }

    /// The file that a slice of a folder of files lies in; `None` where one file has all.
    ///
    /// # Panics
    /// If there is no such slice.
    pub fn file_of(&self, index: usize) -> Option<&Path> {
        match &self.kind {
            Kind::Nifti(_) | Kind::Tiff(_) => None,
            Kind::Dicom(series) => series.file_of(index),
        }
    }

    /// Reads one slice, counted from 0.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged, or a value is no finite number.
    ///
    /// # Panics
    /// If there is no such slice.
    pub fn slice(&self, index: usize) -> Result<Slice, String> {
        assert!(index < self.slices, "slice {index} of {}", self.slices);
        let (range, values) = match &self.kind {
            Kind::Nifti(nifti) => (nifti.range(), nifti.slice(index)?),
            Kind::Dicom(series) => (series.range(), series.slice(index)?),
            Kind::Tiff(stack) => return Ok(Slice::of(stack.slice(index)?)),
        };
        let full = range.full.filter(|_| matches!(values, SliceValues::Floats(_)));
        Ok(Slice { size: self.size, channels: self.channels, top: range.kept.top(), full, values })
    }

    /// One slice as images of files are; with its palette, if it has one.
    ///
    /// # Errors
    /// As [`Volume::slice`].
    pub(super) fn picture(&self, index: usize) -> Result<Picture, String> {
        match &self.kind {
            Kind::Tiff(stack) => stack.slice(index),
            _ => self.slice(index).map(Slice::picture),
        }
    }
}

impl Slice {
    /// A page; of one with a palette the indices.
    fn of(page: Picture) -> Self {
        let channels = if page.palette.is_some() { 1 } else { page.channels };
        let values = match page.values {
            Values::Bytes(values) => SliceValues::Bytes(values),
            Values::Words(values) => SliceValues::Words(values),
            Values::Floats(values) => SliceValues::Floats(values),
        };
        Self { size: page.size, channels, top: page.top, full: page.full, values }
    }

    fn picture(self) -> Picture {
        let values = match self.values {
            SliceValues::Bytes(values) => Values::Bytes(values),
            SliceValues::Words(values) => Values::Words(values),
            SliceValues::Floats(values) => Values::Floats(values),
        };
        Picture { full: self.full, ..Picture::of(self.size, self.channels, self.top, values) }
    }
}
