//! What kinds of numbers samples are, and rows of those wider than 16 bits, signed or floating-point.

use super::directory::Order;
use super::page::{Page, SAVE};
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
    /// In words, the file not named: samples that are not read.
    pub fn of(number: u64, bits: usize) -> Result<Self, String> {
        let kind = match number {
            1 | 4 if (1..=16).contains(&bits) => return Ok(Self::Unsigned),
            1 if matches!(bits, 32 | 64) => return Ok(Self::Unsigned),
            2 if matches!(bits, 8 | 16 | 32 | 64) => return Ok(Self::Signed),
            3 if matches!(bits, 16 | 32 | 64) => return Ok(Self::Float),
            1 | 4 => "unsigned integers",
            2 => "signed integers",
            3 => "floating-point numbers",
            5 | 6 => "complex numbers",
            _ => "of an unknown kind",
        };
        Err(format!("its samples are {kind} of {bits} bits, which are not read; {SAVE}, after bringing the values to that range"))
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

/// A row of a chunk as f32, one for each of its samples.
pub(super) fn floats(page: &Page, order: Order, bytes: &mut [u8]) -> Vec<f32> {
    let (together, width) = (page.together(), page.bits / 8);
    let mut samples: Vec<u64> = match page.differences {
        Differences::Float => gathered(bytes, together, width),
        _ => bytes.chunks_exact(width).map(|sample| order.number(sample)).collect(),
    };
    if page.differences == Differences::Horizontal {
        // Beyond the sample's own bits sums do not count.
        (together..samples.len()).for_each(|i| samples[i] = samples[i].wrapping_add(samples[i - together]));
        let mask = u64::MAX >> (64 - page.bits);
        samples.iter_mut().for_each(|sample| *sample &= mask);
    }
    samples.into_iter().map(|sample| page.format.number(sample, page.bits)).collect()
}

/// The samples of a row that is stored as differences of bytes, all highest bytes first, whatever the file's order.
fn gathered(bytes: &mut [u8], together: usize, width: usize) -> Vec<u64> {
    (together..bytes.len()).for_each(|i| bytes[i] = bytes[i].wrapping_add(bytes[i - together]));
    let count = bytes.len() / width;
    (0..count).map(|at| (0..width).fold(0, |sample, byte| sample << 8 | u64::from(bytes[byte * count + at]))).collect()
}
