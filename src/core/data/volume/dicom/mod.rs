//! DICOM: single images, multi-frame images, and folders of the files of one series (PS3.3, PS3.5, PS3.10 of 2024).
//!
//! The crate `dicom-object` with `dicom-pixeldata` brings 26 packages; of what they do, little is needed here. Values are those of
//! RescaleSlope and RescaleIntercept; a window is applied only if it is asked for.

mod attribute;
mod content;
mod element;
mod frame;
mod image;
mod pixels;
mod series;
mod syntax;
mod value;
mod window;

pub(super) use series::Series;

/// Whether a file begins with the preamble and the mark of PS3.10, 7.1.
pub(super) fn knows(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

const ENDS: &str = "the file ends before the image does; restore it, or save it again";

#[cfg(test)]
mod tests;
