//! An image that is to be predicted on: at its own size, and at the size that a network was trained on.

use super::Error;
use super::files;
use super::fit::Frame;
use super::pairing::stem;
use super::pattern::relative;
use super::picture::{Opened, Picture, Planes};
use super::source::Source;
use super::tiff::{PageRef, Pages};
use super::volume::Volume;
use super::volumes;
use crate::config::{self, Axis, ChannelAxis, Preprocess};
use crate::shown;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An image at its own size.
#[derive(Debug)]
pub struct Photo {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// 1 (grey), 3 (RGB), or what else the file has.
    pub channels: usize,
    picture: Picture,
}

/// Where an image is: a file, and its page if the file has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoPlace {
    /// The file.
    pub path: PathBuf,
    /// Which of several; `None` where the file holds one image.
    pub page: Option<PhotoPage>,
    /// A name of its own below the folder that was asked for, without ending; `/` between folders, `-07` for a page, `_s007` for a slice.
    pub name: String,
}

/// Which of several images of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoPage(Page);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    Tiff(PageRef),
    /// A slice of a volume, counted from 0, and how the volume is cut.
    Slice(usize, Cut),
}

/// How volumes are cut into slices, and whether DICOM is shown by its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// The voxel axis.
    pub axis: Axis,
    /// Whether the file's own window shows its values.
    pub windowed: bool,
}

impl Cut {
    /// As a data set has it: of one that is no volumes the usual way.
    pub fn of(dataset: &config::Dataset) -> Self {
        match dataset {
            config::Dataset::Volumes(volumes) => Self { axis: volumes.axis, windowed: volumes.window.is_some() },
            _ => Self::default(),
        }
    }

    fn open(self, path: &Path) -> Result<Volume, String> {
        let volume = Volume::open(path, self.axis)?;
        if self.windowed { volume.windowed() } else { Ok(volume) }
    }
}

/// The volume that was read last: its slices are wanted one after the other, and a compressed one is unpacked once for all of them.
static LAST: Mutex<Option<(PathBuf, Cut, Volume)>> = Mutex::new(None);

fn slice(path: &Path, index: usize, cut: Cut) -> Result<Picture, String> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if !last.as_ref().is_some_and(|(known, by, _)| known == path && *by == cut) {
        *last = Some((path.to_owned(), cut, cut.open(path)?));
    }
    let (_, _, volume) = last.as_ref().expect("it has just been opened");
    volume.picture(index)
}

/// The images of files and folders, those of a folder sorted by name; the pages of a TIFF and the slices of a volume each. A file that cannot be opened is listed,
/// so that reading it tells why.
///
/// # Errors
/// If a path is missing, a folder has no image, or two images have the same name.
pub fn photos(paths: &[PathBuf], cut: Cut) -> Result<Vec<PhotoPlace>, Error> {
    let mut places: Vec<PhotoPlace> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let volumes = files::with_extensions(path, &volumes::EXTENSIONS)?.into_iter().filter(|file| volumes::is_volume(file));
            let volumes: Vec<PathBuf> = volumes.collect();
            let pictures = match files::pictures(path, None) {
                Err(Error::Empty { .. }) if !volumes.is_empty() => BTreeMap::new(),
                pictures => pictures?,
            };
            places.extend(pictures.into_iter().flat_map(|(name, path)| of_file(path, name, cut)));
            places.extend(volumes.into_iter().flat_map(|file| {
                let name = stem(&relative(path, &file)).to_owned();
                of_file(file, name, cut)
            }));
        } else if path.exists() {
            let name = stem(&shown::name(path.file_name().unwrap_or_default())).to_owned();
            places.extend(of_file(path.clone(), name, cut));
        } else {
            return Err(files::missing(path, "an image or a folder of images"));
        }
    }
    let mut names = BTreeMap::<String, Vec<PathBuf>>::new();
    places.iter().for_each(|place| names.entry(place.name.clone()).or_default().push(place.path.clone()));
    files::unique(names)?;
    Ok(places)
}

/// Images in the folders among these paths of kinds that are not read, such as HEIC; `photos` passes them over.
///
/// # Errors
/// If a folder is unreadable.
pub fn unreadable(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let folders = paths.iter().filter(|path| path.is_dir());
    Ok(folders.map(|folder| files::others(folder)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// How many channels of so many are shown to people, always the first: one of one or two, else three, as red, green and blue.
pub fn shown_channels(channels: usize) -> usize {
    if channels < 3 { 1 } else { 3 }
}

fn of_file(path: PathBuf, name: String, cut: Cut) -> Vec<PhotoPlace> {
    if volumes::is_volume(&path) {
        let slices = cut.open(&path).map_or(1, |volume| volume.slices);
        let digits = (slices - 1).to_string().len().max(3);
        let slice = |index| PhotoPlace {
            path: path.clone(),
            page: Some(PhotoPage(Page::Slice(index, cut))),
            name: format!("{name}_s{index:0digits$}"),
        };
        return (0..slices).map(slice).collect();
    }
    let tiff = path.extension().is_some_and(|ending| ending.to_ascii_lowercase().to_string_lossy().starts_with("tif"));
    // What is wrong with a file is reported when it is read.
    let pages = if tiff {
        Source::open(&path).and_then(|source| Pages::of(&source)).map_or(Vec::new(), |pages| pages.0)
    } else {
        Vec::new()
    };
    if pages.len() < 2 {
        return vec![PhotoPlace { path, page: None, name }];
    }
    let digits = (pages.len() - 1).to_string().len();
    let named = |(number, page): (usize, PageRef)| PhotoPlace {
        path: path.clone(),
        page: Some(PhotoPage(Page::Tiff(page))),
        name: format!("{name}-{number:0digits$}"),
    };
    pages.into_iter().enumerate().map(named).collect()
}

impl Photo {
    /// Reads an image, if there is memory for it and for `beside` bytes more for each of its pixels.
    ///
    /// # Errors
    /// In words, with the file's name, if it cannot be read or decoded.
    pub fn read(place: &PhotoPlace, beside: usize) -> Result<Self, String> {
        Self::read_by(place, ChannelAxis::Auto, beside)
    }

    /// The same, of an array so that `axis` are its channels.
    ///
    /// # Errors
    /// As [`Photo::read`].
    pub fn read_by(place: &PhotoPlace, axis: ChannelAxis, beside: usize) -> Result<Self, String> {
        let picture = match &place.page {
            None => Opened::new(&place.path, axis).and_then(|opened| opened.decode(beside)),
            Some(PhotoPage(Page::Tiff(page))) => Opened::page(&place.path, page).and_then(|opened| opened.decode(beside)),
            Some(PhotoPage(Page::Slice(index, cut))) => slice(&place.path, *index, *cut),
        };
        let picture = picture.map_err(|problem| format!("{}: {problem}", place.path.display()))?;
        Ok(Self { size: picture.size, channels: picture.channels, picture })
    }

    /// The values as so many channels, channels · height · width, in [0, 1], as data sets are read.
    ///
    /// # Errors
    /// In words, the file not named: if it has other channels than can be made into those, or floats beyond [0, 1].
    pub fn planes(&self, preprocess: &Preprocess, channels: usize) -> Result<Vec<f32>, String> {
        Ok(Planes::new(&self.picture, channels, preprocess)?.all())
    }

    /// The values as the file has them, channels · height · width; wider integers and floats are the nearest f32.
    pub fn numbers(&self) -> Vec<f32> {
        let pixels = self.size[0] * self.size[1];
        (0..self.channels * pixels).map(|at| self.picture.number(at % pixels, at / pixels)).collect()
    }

    /// The values that are shown to people: of one or two channels the first, else the first three.
    ///
    /// # Errors
    /// As [`Photo::planes`].
    pub fn shown(&self, preprocess: &Preprocess) -> Result<Vec<f32>, String> {
        let mut planes = self.planes(preprocess, self.channels)?;
        planes.truncate(shown_channels(self.channels) * self.size[0] * self.size[1]);
        Ok(planes)
    }

    /// The values at the size that `preprocess` asks for, as samples of a data set are.
    ///
    /// # Errors
    /// As [`Photo::planes`].
    pub fn fitted(&self, preprocess: &Preprocess, channels: usize) -> Result<Vec<f32>, String> {
        Ok(Frame::new(self.size, preprocess).picture(&Planes::new(&self.picture, channels, preprocess)?))
    }

    /// Planes at the size that `preprocess` asks for, brought back to this image's size (linear) row by row: `take` gets (plane, row, values).
    /// Rows that `fit = "crop"` has cut off are left out; what it has cut off of others is 0.
    pub fn restore(&self, preprocess: &Preprocess, planes: &[f32], take: impl FnMut(usize, usize, &[f32])) {
        Frame::new(self.size, preprocess).back(planes, take);
    }
}
