//! Which pictures lie below a folder, by name. Nothing is opened here.

use super::error::{Error, listed};
use crate::shown;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Extensions that are read, in lower case.
pub(super) const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp", "npy", "npz"];

/// Files and folders that are looked at below one folder: links may make a few of them endlessly many.
const MOST_MET: usize = 1_000_000;

/// Extensions of pictures that are not read, in lower case.
const OTHERS: [&str; 14] = ["heic", "heif", "avif", "jp2", "jxl", "jfif", "ppm", "pgm", "pnm", "tga", "dcm", "svs", "psd", "exr"];

/// Pictures below `folder` of kinds that are not read, sorted by path.
///
/// # Errors
/// If the folder is unreadable.
pub(super) fn others(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let other = |path: &PathBuf| OTHERS.contains(&path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str());
    Ok(walk(folder, None)?.into_iter().filter(other).collect())
}

/// All pictures below `folder` by name: the path relative to it, without extension, with `/` between its parts.
/// Hidden files, `Thumbs.db` and what lies below `skip` are passed over.
///
/// # Errors
/// If the folder is missing or unreadable, has no picture, or two of one name.
pub(super) fn pictures(folder: &Path, skip: Option<&Path>) -> Result<BTreeMap<String, PathBuf>, Error> {
    if !folder.is_dir() {
        return Err(missing(folder, "this folder"));
    }
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    for path in walk(folder, skip)? {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if EXTENSIONS.contains(&extension.as_str()) {
            found.entry(name(folder, &path)).or_default().push(path);
        } else {
            others.insert(if extension.is_empty() { "files without extension".into() } else { format!(".{extension}") });
        }
    }
    if found.is_empty() {
        return Err(Error::Empty { path: folder.to_owned(), there: only(&others) });
    }
    unique(found)
}

/// All pictures below `folder`, sorted by path.
///
/// # Errors
/// If the folder is unreadable.
pub(super) fn readable(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(walk(folder, None)?.into_iter().filter(|path| is_picture(path)).collect())
}

/// All files below `folder` with one of these extensions, in lower case, sorted by path.
///
/// # Errors
/// If the folder is unreadable.
pub(super) fn with_extensions(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let has =
        |path: &PathBuf| extensions.contains(&path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str());
    Ok(walk(folder, None)?.into_iter().filter(has).collect())
}

/// Whether a file holds one image by its name.
pub(super) fn is_picture(path: &Path) -> bool {
    EXTENSIONS.contains(&path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str())
}

/// [`pictures`] by file stem alone, wherever below the folder they lie.
///
/// # Errors
/// As [`pictures`], or if two have one stem.
pub(super) fn by_stem(folder: &Path, skip: Option<&Path>) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in pictures(folder, skip)?.into_values() {
        let stem = shown::name(path.file_stem().unwrap_or_default());
        found.entry(stem).or_default().push(path);
    }
    unique(found)
}

/// All files below `folder` with one of these extensions (in lower case) by name, as [`pictures`] has them; they may be none.
///
/// # Errors
/// If the folder is missing or unreadable, or has two of one name.
pub(super) fn documents(folder: &Path, extensions: &[&str]) -> Result<BTreeMap<String, PathBuf>, Error> {
    if !folder.is_dir() {
        return Err(missing(folder, "this folder"));
    }
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in walk(folder, None)? {
        if extensions.contains(&path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str()) {
            found.entry(name(folder, &path)).or_default().push(path);
        }
    }
    unique(found)
}

/// One file a name.
///
/// # Errors
/// If a name has several files.
pub(super) fn unique(found: BTreeMap<String, Vec<PathBuf>>) -> Result<BTreeMap<String, PathBuf>, Error> {
    let several: Vec<String> = found
        .iter()
        .filter(|(_, paths)| paths.len() > 1)
        .map(|(name, paths)| {
            let paths: Vec<_> = paths.iter().map(|path| path.display()).collect();
            format!("{name} ({})", listed(&paths, 3, ", "))
        })
        .collect();
    if !several.is_empty() {
        return Err(Error::Collision { count: several.len(), examples: listed(&several, 5, ", ") });
    }
    Ok(found.into_iter().filter_map(|(name, mut paths)| Some((name, paths.pop()?))).collect())
}

/// The folders directly below `folder`, sorted by name, hidden ones and the droppings of archivers left out.
pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.filter(|e| !ignored(&e.file_name())).map(|e| e.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The error for a path that is not there, with the folders that are.
pub(super) fn missing(path: &Path, what: &str) -> Error {
    let existing = path.ancestors().find(|ancestor| ancestor.is_dir());
    // The parent of a bare name is the empty path: the working directory.
    let place = existing.unwrap_or(Path::new("."));
    let names: Vec<String> = folders(place).iter().filter_map(|p| Some(shown::name(p.file_name()?))).collect();
    let there = match names.len() {
        0 => format!("{} has no folders", place.display()),
        _ => format!("{} has the folders {}", place.display(), listed(&names, 6, ", ")),
    };
    Error::Missing { path: path.to_owned(), what: what.to_owned(), there }
}

fn walk(folder: &Path, skip: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    let wanted = |entry: &DirEntry| entry.depth() == 0 || !ignored(entry.file_name()) && Some(entry.path()) != skip;
    let (mut files, mut met) = (Vec::new(), 0_usize);
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(wanted) {
        let entry = entry.map_err(|error| unlisted(folder, error))?;
        // A pipe or a device that is called an image is listed too, so that reading it reports what it is.
        if !entry.file_type().is_dir() {
            files.push(entry.into_path());
        }
        met += 1;
        if met > MOST_MET {
            let problem =
                format!("it holds more than {MOST_MET} files and folders, counted through links; name a smaller folder");
            let source = io::Error::new(io::ErrorKind::InvalidInput, problem);
            return Err(Error::Unreadable { path: folder.to_owned(), source });
        }
    }
    Ok(files)
}

fn unlisted(folder: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder).to_owned();
    let source = match error.loop_ancestor() {
        Some(above) => {
            let problem = format!("it is a link to {}, the folder that it lies in; remove the link", above.display());
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        }
        None => error.into(),
    };
    Error::Unreadable { path, source }
}

fn ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || name == "__MACOSX" || ["thumbs.db", "desktop.ini"].contains(&name.to_lowercase().as_str())
}

fn name(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let parts: Vec<_> = relative.iter().map(shown::name).collect();
    parts.join("/")
}

fn only(others: &BTreeSet<String>) -> String {
    let others: Vec<&String> = others.iter().collect();
    match others.len() {
        0 => "it is empty".into(),
        _ => format!("it holds only {}; convert them", listed(&others, 8, ", ")),
    }
}
