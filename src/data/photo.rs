//! A picture that is to be predicted on: at its own size, and at the size that a network was trained on.

use super::Error;
use super::files;
use super::fit::Frame;
use super::pages;
use super::picture::Picture;
use crate::config::Preprocess;
use crate::regular;
use crate::shown;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// A picture at its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// channels · height · width, in [0, 1].
    pub values: Vec<f32>,
}

/// Where a picture is: a file, and its page if the file has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoPlace {
    /// The file.
    pub path: PathBuf,
    /// 0-based; `None` where the file holds one picture.
    pub page: Option<usize>,
    /// A name of its own below the folder that was asked for, without ending; `/` between folders, `-07` for a page.
    pub name: String,
}

/// The pictures of files and folders, those of a folder sorted by name; the pages of a TIFF each. A file that cannot be opened is listed,
/// so that reading it tells why.
///
/// # Errors
/// If a path is missing, a folder has no picture, or two pictures have the same name.
pub fn photos(paths: &[PathBuf]) -> Result<Vec<PhotoPlace>, Error> {
    let mut places: Vec<PhotoPlace> = Vec::new();
    for path in paths {
        if path.is_dir() {
            places.extend(files::pictures(path, None)?.into_iter().flat_map(|(name, path)| of_file(path, name)));
        } else if path.exists() {
            let name = shown::name(path.file_stem().unwrap_or_default());
            places.extend(of_file(path.clone(), name));
        } else {
            return Err(files::missing(path, "an image or a folder of images"));
        }
    }
    let mut names = std::collections::BTreeMap::<String, Vec<PathBuf>>::new();
    places.iter().for_each(|place| names.entry(place.name.clone()).or_default().push(place.path.clone()));
    files::unique(names)?;
    Ok(places)
}

/// Pictures in the folders among these paths of kinds that are not read, such as GIF; `photos` passes them over.
///
/// # Errors
/// If a folder is unreadable.
pub fn unreadable(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let folders = paths.iter().filter(|path| path.is_dir());
    Ok(folders.map(|folder| files::others(folder)).collect::<Result<Vec<_>, _>>()?.concat())
}

fn of_file(path: PathBuf, name: String) -> Vec<PhotoPlace> {
    let tiff = path.extension().is_some_and(|ending| ending.to_ascii_lowercase().to_string_lossy().starts_with("tif"));
    let pages =
        if tiff { regular::open(&path).ok().and_then(|file| pages::count(BufReader::new(file)).ok()).unwrap_or(1) } else { 1 };
    if pages < 2 {
        return vec![PhotoPlace { path, page: None, name }];
    }
    let digits = (pages - 1).to_string().len();
    (0..pages).map(|page| PhotoPlace { path: path.clone(), page: Some(page), name: format!("{name}-{page:0digits$}") }).collect()
}

impl Photo {
    /// Reads a picture.
    ///
    /// # Errors
    /// In words, with the file's name, if it cannot be read or decoded.
    pub fn read(place: &PhotoPlace) -> Result<Self, String> {
        let picture = match place.page {
            None => Picture::read(&place.path)?,
            Some(page) => Self::page(&place.path, page).map_err(|problem| format!("{}: {problem}", place.path.display()))?,
        };
        Ok(Self { size: picture.size, channels: picture.channels, values: picture.planes(picture.channels) })
    }

    fn page(path: &Path, page: usize) -> Result<Picture, String> {
        let file = regular::open(path).map_err(|e| format!("cannot be read: {e}"))?;
        pages::page(BufReader::new(file), page)
    }

    /// The values as grey (1) or RGB (3), channels · height · width.
    pub fn planes(&self, channels: usize) -> Vec<f32> {
        let plane =
            |c: usize| self.values.iter().skip(c * self.size[0] * self.size[1]).take(self.size[0] * self.size[1]).copied();
        match (self.channels, channels) {
            // ITU-R BT.601, as data sets are read.
            (3, 1) => plane(0).zip(plane(1)).zip(plane(2)).map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b).collect(),
            (1, 3) => plane(0).chain(plane(0)).chain(plane(0)).collect(),
            _ => self.values.clone(),
        }
    }

    /// The values at the size that `preprocess` asks for, as samples of a data set are.
    pub fn fitted(&self, preprocess: &Preprocess, channels: usize) -> Vec<f32> {
        Frame::new(self.size, preprocess).image(self.planes(channels))
    }

    /// Planes at the size that `preprocess` asks for, brought back to this picture's size (linear); 0 where `fit = "crop"` has cut off.
    pub fn restored(&self, preprocess: &Preprocess, planes: Vec<f32>) -> Vec<f32> {
        Frame::new(self.size, preprocess).back(planes)
    }
}
