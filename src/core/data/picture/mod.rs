//! A decoded file as plain numbers: PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy array, of any number of channels, integers up to 16 bits or floats. Alpha is dropped.
//! JPEG, PNG, WebP and TIFF are turned as their orientation says.
//!
//! [`open`](Opened::new) looks at the header, so that what does not fit the memory at hand is refused before it is decoded.

mod canvas;
mod decode;
mod faults;
mod planes;
mod turn;

use std::borrow::Cow;

pub(super) use canvas::{Canvas, Row};
pub(super) use decode::{Opened, is_turned};
pub(super) use faults::{broken, plausible};
pub(super) use planes::Planes;

/// Samples, as narrow as the file has them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// Unsigned integers up to 8 bits.
    Bytes(Vec<u8>),
    /// Unsigned integers up to 16 bits.
    Words(Vec<u16>),
    /// All other kinds: signed and wider integers and floats, each the nearest f32; finite.
    Floats(Vec<f32>),
}

impl Values {
    /// So many zeros, of the width that `top` needs.
    pub fn zeros(count: usize, top: u16) -> Self {
        if top > 255 { Self::Words(vec![0; count]) } else { Self::Bytes(vec![0; count]) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Words(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    /// One of them as a whole number; floats are cut off at 0, 65535 and the point, so masks of them go by [`Picture::whole`].
    pub fn at(&self, index: usize) -> u16 {
        match self {
            Self::Bytes(values) => values[index].into(),
            Self::Words(values) => values[index],
            Self::Floats(values) => values[index] as u16,
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u16> + Clone {
        (0..self.len()).map(|index| self.at(index))
    }

    /// The highest, 0 without any.
    pub fn highest(&self) -> u16 {
        self.iter().max().unwrap_or(0)
    }

    /// `f` of each of 256 or 65536 possible values, looked up for all of them.
    pub fn map<T: Copy>(&self, f: impl Fn(u16) -> T) -> Vec<T> {
        match self {
            Self::Bytes(values) => {
                let table: Vec<T> = (0..=255).map(f).collect();
                values.iter().map(|v| table[usize::from(*v)]).collect()
            }
            Self::Words(values) => values.iter().map(|v| f(*v)).collect(),
            Self::Floats(values) => values.iter().map(|v| f(*v as u16)).collect(),
        }
    }
}

/// The colours that indices mean.
#[derive(Debug, Clone)]
pub(super) struct Palette {
    /// Red, green and blue of each.
    pub colours: Vec<[u16; 3]>,
    /// The value of full brightness.
    pub top: u16,
    /// Alpha of the first ones; that of the others is full.
    pub clear: Vec<u8>,
}

impl Palette {
    /// Whether no entry has a hue.
    pub fn is_grey(&self) -> bool {
        self.colours.iter().all(|[r, g, b]| r == g && g == b)
    }
}

/// Pixels as they are in the file.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Height and width.
    pub size: [usize; 2],
    /// 1 (grey), 3 (RGB), or what else the file has, such as the stains of a microscope.
    pub channels: usize,
    /// The value of full brightness: 255 or 65535, less where values have other numbers of bits than 8 and 16. Nothing of floats.
    pub top: u16,
    /// Of floats that were integers in the file, the least and the greatest number of that type.
    pub full: Option<[f64; 2]>,
    /// height · width · channels, interleaved; with a palette height · width indices.
    pub values: Values,
    /// The colours of an indexed file.
    pub palette: Option<Palette>,
    /// Whether the values are near what was meant rather than exact.
    pub lossy: bool,
    /// Whether all pixels have one colour and an alpha, dropped, that differs.
    pub only_alpha: bool,
    /// Whether it is turned or mirrored against what is stored.
    pub turned: bool,
}

impl Picture {
    /// Values of 8 bits, of any number of channels.
    pub fn of_bytes(size: [usize; 2], channels: usize, values: Vec<u8>) -> Self {
        Self::of(size, channels, 255, Values::Bytes(values))
    }

    /// Plain values, height · width · channels, of `top` full brightness, which does not matter to floats.
    pub fn of(size: [usize; 2], channels: usize, top: u16, values: Values) -> Self {
        Self { size, channels, top, full: None, values, palette: None, lossy: false, only_alpha: false, turned: false }
    }

    /// The same with one value in all channels of some pixels.
    pub fn filled(&self, pixels: &[bool], value: u16) -> Self {
        let each = self.values.len() / pixels.len().max(1);
        let (filled, byte) = (|at: usize| pixels[at / each], value.min(255) as u8);
        let values = match &self.values {
            Values::Bytes(values) => {
                Values::Bytes(values.iter().enumerate().map(|(at, v)| if filled(at) { byte } else { *v }).collect())
            }
            Values::Words(values) => {
                Values::Words(values.iter().enumerate().map(|(at, v)| if filled(at) { value } else { *v }).collect())
            }
            Values::Floats(values) => {
                let float = f32::from(value);
                Values::Floats(values.iter().enumerate().map(|(at, v)| if filled(at) { float } else { *v }).collect())
            }
        };
        let palette = self.palette.as_ref().map(|palette| Palette {
            colours: palette.colours.clone(),
            top: palette.top,
            clear: palette.clear.clone(),
        });
        Self { values, palette, ..*self }
    }

    /// One channel of a pixel as a whole number; of floats as [`Values::at`] has it.
    pub fn sample(&self, pixel: usize, channel: usize) -> u16 {
        match &self.palette {
            Some(palette) => palette.colours[usize::from(self.values.at(pixel))][channel],
            None => self.values.at(pixel * self.channels + channel),
        }
    }

    /// One channel of a pixel as the file has it.
    pub fn number(&self, pixel: usize, channel: usize) -> f32 {
        match &self.values {
            Values::Floats(values) => values[pixel * self.channels + channel],
            _ => f32::from(self.sample(pixel, channel)),
        }
    }

    /// The least and the greatest number.
    pub fn range(&self) -> (f32, f32) {
        let (pixels, channels) = (self.size[0] * self.size[1], self.channels);
        let numbers = (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| self.number(pixel, channel)));
        numbers.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    }

    /// What the type of integers of more than 8 bits can hold; nothing of other types.
    pub fn wide(&self) -> Option<[f64; 2]> {
        match &self.values {
            Values::Words(_) => Some([0.0, f64::from(self.top)]),
            Values::Floats(_) => self.full,
            Values::Bytes(_) => None,
        }
    }

    /// Whether values are floating-point numbers that stand for no integers.
    pub fn is_float(&self) -> bool {
        matches!(self.values, Values::Floats(_)) && self.full.is_none()
    }

    /// Refuses what is no finite number in f32.
    ///
    /// # Errors
    /// In words, the file not named.
    fn refuse_endless(&self) -> Result<(), String> {
        let Values::Floats(values) = &self.values else { return Ok(()) };
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(()),
            count => Err(format!(
                "has {count} value(s) that are no finite number of 32 bits (NaN, infinite or too large); replace them"
            )),
        }
    }

    /// The same with floats as whole numbers of 16 bits, which values of masks are; itself where it has no floats.
    ///
    /// # Errors
    /// In words, the file not named: a value that is no whole number from 0 to 65535.
    pub fn whole(&self) -> Result<Cow<'_, Self>, String> {
        let Values::Floats(values) = &self.values else { return Ok(Cow::Borrowed(self)) };
        let is_whole = |v: &&f32| (0.0..=f32::from(u16::MAX)).contains(*v) && v.fract() == 0.0;
        if let Some(value) = values.iter().find(|v| !is_whole(v)) {
            return Err(format!(
                "has the value {value}, and values of masks are whole numbers from 0 to 65535; save it with integers of 8 or 16 bits"
            ));
        }
        let words = Values::Words(values.iter().map(|v| *v as u16).collect());
        let Self { size, channels, lossy, only_alpha, turned, .. } = *self;
        Ok(Cow::Owned(Self { lossy, only_alpha, turned, ..Self::of(size, channels, u16::MAX, words) }))
    }
}
