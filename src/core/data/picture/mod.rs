//! A decoded file as plain numbers: PNG, JPEG, TIFF or BMP, grey or RGB, up to 16 bits. Alpha is dropped. JPEG, PNG and TIFF are turned as
//! their orientation says.
//!
//! [`open`](Opened::new) looks at the header, so that what does not fit the memory at hand is refused before it is decoded.

mod canvas;
mod decode;
mod faults;
mod turn;

pub(super) use canvas::{Canvas, Row};
pub(super) use decode::{Opened, is_turned};
pub(super) use faults::{broken, plausible};

/// Samples, as narrow as the file has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// Up to 8 bits.
    Bytes(Vec<u8>),
    /// Up to 16 bits.
    Words(Vec<u16>),
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
        }
    }

    /// One of them.
    pub fn at(&self, index: usize) -> u16 {
        match self {
            Self::Bytes(values) => values[index].into(),
            Self::Words(values) => values[index],
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
        }
    }
}

/// The colours that indices mean.
#[derive(Debug)]
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
#[derive(Debug)]
pub(super) struct Picture {
    /// Height and width.
    pub size: [usize; 2],
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The value of full brightness: 255 or 65535, less where values have other numbers of bits than 8 and 16.
    pub top: u16,
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
    /// Grey or RGB of 8 bits.
    pub fn of_bytes(size: [usize; 2], channels: usize, values: Vec<u8>) -> Self {
        let values = Values::Bytes(values);
        Self { size, channels, top: 255, values, palette: None, lossy: false, only_alpha: false, turned: false }
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
        };
        let palette = self.palette.as_ref().map(|palette| Palette {
            colours: palette.colours.clone(),
            top: palette.top,
            clear: palette.clear.clone(),
        });
        Self { values, palette, ..*self }
    }

    /// One channel of a pixel.
    pub fn sample(&self, pixel: usize, channel: usize) -> u16 {
        match &self.palette {
            Some(palette) => palette.colours[usize::from(self.values.at(pixel))][channel],
            None => self.values.at(pixel * self.channels + channel),
        }
    }

    /// A row of one of `channels` planes, in [0, 1]. Grey of RGB is Rec. 601 luma, each plane of RGB of grey the same.
    pub fn row(&self, channels: usize, plane: usize, y: usize, row: &mut [f32]) {
        row.iter_mut().zip(y * self.size[1]..).for_each(|(value, pixel)| *value = self.value(channels, plane, pixel));
    }

    /// A pixel of one of `channels` planes, in [0, 1].
    pub fn value(&self, channels: usize, plane: usize, pixel: usize) -> f32 {
        let value = |channel: usize| f32::from(self.sample(pixel, channel)) / f32::from(self.top);
        match (self.channels, channels) {
            (3, 1) => 0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2),
            (1, _) => value(0),
            _ => value(plane),
        }
    }

    /// `channels` planes of height · width in [0, 1].
    pub fn planes(&self, channels: usize) -> Vec<f32> {
        let [h, w] = self.size;
        let mut planes = vec![0.0; channels * h * w];
        for (index, row) in planes.chunks_exact_mut(w).enumerate() {
            self.row(channels, index / h, index % h, row);
        }
        planes
    }
}
