//! The one door to all decoders: which format a file has, what its header says, and its pixels.

use super::Picture;
use super::faults::{broken, plausible};
use crate::config::ChannelAxis;
use crate::data::bmp::Bmp;
use crate::data::gif::{self, Gif};
use crate::data::jpeg::{self, Segments};
use crate::data::memory::Promise;
use crate::data::npy::{self, Npy};
use crate::data::npz;
use crate::data::png::Png;
use crate::data::source::Source;
use crate::data::tiff::{self, Pages};
use crate::data::webp::{self, WebP};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

/// A picture's file of which the header has been read.
pub(in crate::data) struct Opened {
    kind: Kind,
    size: [usize; 2],
    channels: usize,
    orientation: u8,
    bytes: u64,
}

enum Kind {
    Tiff(Source, tiff::Header),
    Png(Vec<u8>),
    Jpeg(Vec<u8>, Segments),
    Bmp(Vec<u8>),
    Gif(Vec<u8>),
    WebP(Vec<u8>),
    Array(Npy),
}

impl Opened {
    /// A file that holds one picture; `axis` says which axis of an array are channels.
    ///
    /// # Errors
    /// In words, the file not named: also if it has more pages.
    pub fn new(path: &Path, axis: ChannelAxis) -> Result<Self, String> {
        guarded(|| {
            let source = Source::open(path)?;
            if source.length() == 0 {
                return Err("is empty; restore it".into());
            }
            let start = source.start(8)?;
            if tiff::knows(&start) {
                return match &Pages::of(&source)?.0[..] {
                    [place] => Self::tiff(source, place),
                    _ => Err("has several pages; read it with [dataset.volumes] or [dataset.stack], or save the pages as files of their own".into()),
                };
            }
            Self::whole(source.bytes(0, source.length())?, axis)
        })
    }

    /// A file's only picture, or the first of a TIFF that has several.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn first(path: &Path) -> Result<Self, String> {
        let source = Source::open(path)?;
        if source.length() < 8 || !tiff::knows(&source.start(8)?) {
            return Self::new(path, ChannelAxis::Auto);
        }
        let pages = guarded(|| Pages::of(&source))?.0;
        Self::page(path, pages.first().ok_or_else(|| broken("it has no page"))?)
    }

    /// One picture of a TIFF file.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn page(path: &Path, place: &tiff::PageRef) -> Result<Self, String> {
        guarded(|| Self::tiff(Source::open(path)?, place))
    }

    fn tiff(source: Source, place: &tiff::PageRef) -> Result<Self, String> {
        let header = tiff::Header::read(&source, place)?;
        let (size, channels, orientation, bytes) = (header.size(), header.channels(), header.orientation(), header.bytes());
        Ok(Self { kind: Kind::Tiff(source, header), size, channels, orientation, bytes })
    }

    fn whole(bytes: Vec<u8>, axis: ChannelAxis) -> Result<Self, String> {
        let (kind, size, channels, orientation, taken) = match bytes[..] {
            [0x89, b'P', b'N', b'G', ..] => {
                let png = Png::new(&bytes)?;
                // Deflate's limit.
                plausible(png.raw_bytes(), bytes.len() as u64, 1032)?;
                let (size, channels, orientation, taken) = (png.size(), png.channels(), png.orientation(), png.bytes());
                (Kind::Png(bytes), size, channels, orientation, taken)
            }
            [0xFF, 0xD8, ..] => {
                let segments = Segments::new(&bytes)?;
                // A bit at least for each block of 64 pixels, of which all components have some.
                plausible((segments.size()[0] * segments.size()[1]) as u64 / 64, bytes.len() as u64, 8)?;
                let (size, channels, orientation, taken) =
                    (segments.size(), segments.channels(), segments.orientation(), segments.bytes());
                (Kind::Jpeg(bytes, segments), size, channels, orientation, taken)
            }
            [b'B', b'M', ..] => {
                let bmp = Bmp::new(&bytes)?;
                plausible(bmp.raw_bytes(), bytes.len() as u64, bmp.most_of_a_byte())?;
                let (size, channels, taken) = (bmp.size(), bmp.channels(), bmp.bytes());
                (Kind::Bmp(bytes), size, channels, 1, taken)
            }
            _ if gif::knows(&bytes) => {
                let gif = Gif::new(&bytes)?;
                let (size, channels, taken) = (gif.size(), gif.channels(), gif.bytes());
                (Kind::Gif(bytes), size, channels, 1, taken)
            }
            _ if webp::knows(&bytes) => {
                let webp = WebP::new(&bytes)?;
                let (size, orientation, taken) = (webp.size(), webp.orientation(), webp.bytes());
                (Kind::WebP(bytes), size, 3, orientation, taken)
            }
            _ if npy::knows(&bytes) || npz::knows(&bytes) => {
                let array = Npy::new(if npz::knows(&bytes) { npz::array(&bytes)? } else { bytes }, axis)?;
                let (size, channels, taken) = (array.size(), array.channels(), array.taken());
                (Kind::Array(array), size, channels, 1, taken)
            }
            _ => return Err(broken("its content is no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy array")),
        };
        Ok(Self { kind, size, channels, orientation, bytes: taken })
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Height and width as the orientation shows it.
    pub fn upright(&self) -> [usize; 2] {
        let [height, width] = self.size;
        if self.orientation > 4 { [width, height] } else { self.size }
    }

    /// Channels, 1 or more.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Reads the pixels, if there is memory for them and for `beside` bytes for each of them.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn decode(self, beside: usize) -> Result<Picture, String> {
        let pixels = (self.size[0] as u64).saturating_mul(self.size[1] as u64);
        let _promise = Promise::of(self.bytes.saturating_add(pixels.saturating_mul(beside as u64)), self.size)?;
        let picture = guarded(|| match self.kind {
            Kind::Tiff(source, header) => header.decode(&source),
            Kind::Png(bytes) => Png::new(&bytes)?.decode(),
            Kind::Jpeg(bytes, segments) => jpeg::picture(&bytes, &segments),
            Kind::Bmp(bytes) => Bmp::new(&bytes)?.decode(),
            Kind::Gif(bytes) => Gif::new(&bytes)?.decode(),
            Kind::WebP(bytes) => WebP::new(&bytes)?.decode(),
            Kind::Array(array) => Ok(array.decode()),
        })?;
        picture.refuse_endless()?;
        Ok(picture)
    }
}

/// Bytes per pixel that samples take beside the picture: planes of classes.
const BESIDE: usize = 2;

impl Picture {
    /// Reads a file whole.
    ///
    /// # Errors
    /// In words, the file named.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::read_by(path, ChannelAxis::Auto)
    }

    /// Reads a file whole, of an array so that `axis` are its channels.
    ///
    /// # Errors
    /// In words, the file named.
    pub fn read_by(path: &Path, axis: ChannelAxis) -> Result<Self, String> {
        Opened::new(path, axis)
            .and_then(|opened| opened.decode(BESIDE))
            .map_err(|problem| format!("{}: {problem}", path.display()))
    }

    /// Reads one picture of a TIFF file.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn read_page(path: &Path, place: &tiff::PageRef) -> Result<Self, String> {
        Opened::page(path, place)?.decode(BESIDE)
    }

    /// Channels of a file, from its header.
    ///
    /// # Errors
    /// In words, the file named.
    pub fn channels_of(path: &Path, axis: ChannelAxis) -> Result<usize, String> {
        Opened::new(path, axis).map(|opened| opened.channels()).map_err(|problem| format!("{}: {problem}", path.display()))
    }
}

/// Whether a file of one picture is shown turned or mirrored against what it stores.
pub(in crate::data) fn is_turned(path: &Path) -> bool {
    // Some kinds are never turned, and to open them may cost much.
    let start = Source::open(path).and_then(|source| source.start(8)).unwrap_or_default();
    if npy::knows(&start) || npz::knows(&start) || gif::knows(&start) {
        return false;
    }
    Opened::new(path, ChannelAxis::Auto).is_ok_and(|opened| opened.orientation > 1)
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Turns a panic within a decoder into an error of its file, and keeps it off the terminal.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(outer);
    result.unwrap_or_else(|_| Err(broken("the decoder failed on it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_its_file() {
        let result: Result<(), String> = guarded(|| panic!("a decoder's mistake"));
        assert_eq!(result.unwrap_err(), broken("the decoder failed on it"));
        assert!(!GUARDED.get());
    }
}
