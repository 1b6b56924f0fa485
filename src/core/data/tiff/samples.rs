//! What kinds of numbers samples are, and rows of those wider than 16 bits, signed or floating-point.

use super::directory::Order;
use crate::data::npy;
use half::f16;

/// A kind of numbers (tag 339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Format {
    /// Whole numbers from 0 on.
    Unsigned,
    /// Whole numbers in two's complement.
    Signed,
    /// IEEE 754.
    Float,
}

/// What is stored in place of samples (tag 317).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Differences {
    /// Nothing: samples themselves.
    None,
    /// Differences to those of the pixel to the left.
    Horizontal,
    /// The same of bytes, all highest bytes of a row first (Adobe Photoshop TIFF Technical Note 3).
    Float,
}

impl Format {
    /// From the number of tag 339.
    ///
    /// # Errors
    /// What the samples are, if they are not read.
    pub fn of(number: u64, bits: usize) -> Result<Self, &'static str> {
        match number {
            1 | 4 if (1..=16).contains(&bits) => Ok(Self::Unsigned),
            1 if matches!(bits, 32 | 64) => Ok(Self::Unsigned),
            2 if matches!(bits, 8 | 16 | 32 | 64) => Ok(Self::Signed),
            3 if matches!(bits, 16 | 32 | 64) => Ok(Self::Float),
            1 | 4 => Err("unsigned integers"),
            2 => Err("signed integers"),
            3 => Err("floating-point numbers"),
            5 | 6 => Err("complex numbers"),
            _ => Err("of an unknown kind"),
        }
    }

    /// The least and the greatest number of samples of so many bits; none of floats.
    pub fn full(self, bits: usize) -> Option<[f64; 2]> {
        let letter = match self {
            Self::Unsigned => b'u',
            Self::Signed => b'i',
            Self::Float => b'f',
        };
        npy::full(letter, bits / 8)
    }

    /// The nearest f32 of a sample's bits.
    fn number(self, sample: u64, bits: usize) -> f32 {
        match (self, bits) {
            (Self::Unsigned, _) => sample as f32,
            (Self::Signed, _) => ((sample << (64 - bits)) as i64 >> (64 - bits)) as f32,
            (Self::Float, 16) => f16::from_bits(sample as u16).to_f32(),
            (Self::Float, 32) => f32::from_bits(sample as u32),
            (Self::Float, _) => f64::from_bits(sample) as f32,
        }
    }
}

/// Samples of so many bits, and how they are stored.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) struct Kind {
    /// What numbers they are.
    pub format: Format,
    /// Bits of each: 8, 16, 32 or 64.
    pub bits: usize,
    /// What is stored in their place.
    pub differences: Differences,
}

/// A row of a chunk as f32, one for each of its samples, of which `together` lie side by side in a pixel.
pub(super) fn floats(kind: Kind, together: usize, order: Order, bytes: &mut [u8]) -> Vec<f32> {
    let width = kind.bits / 8;
    let mut samples: Vec<u64> = match kind.differences {
        Differences::Float => gathered(bytes, together, width),
        _ => bytes.chunks_exact(width).map(|sample| order.number(sample)).collect(),
    };
    if kind.differences == Differences::Horizontal {
        // Beyond the sample's own bits sums do not count.
        (together..samples.len()).for_each(|i| samples[i] = samples[i].wrapping_add(samples[i - together]));
        let mask = u64::MAX >> (64 - kind.bits);
        samples.iter_mut().for_each(|sample| *sample &= mask);
    }
    samples.into_iter().map(|sample| kind.format.number(sample, kind.bits)).collect()
}

/// The samples of a row that is stored as differences of bytes, all highest bytes first, whatever the file's order.
fn gathered(bytes: &mut [u8], together: usize, width: usize) -> Vec<u64> {
    (together..bytes.len()).for_each(|i| bytes[i] = bytes[i].wrapping_add(bytes[i - together]));
    let count = bytes.len() / width;
    (0..count).map(|at| (0..width).fold(0, |sample, byte| sample << 8 | u64::from(bytes[byte * count + at]))).collect()
}
