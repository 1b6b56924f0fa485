//! NIfTI-1 and NIfTI-2 in one file, as they are (.nii) or compressed by gzip (.nii.gz).
//!
//! The crate `nifti` brings three packages and trusts the header when it allocates; what is needed of the header is little.

mod header;

use super::placement::Placement;
use super::stored::{Range, SliceValues};
use crate::config::Axis;
use crate::data::memory::Promise;
use crate::data::picture::plausible;
use crate::data::source::Source;
use flate2::read::MultiGzDecoder;
use header::{Header, LONGEST};
use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::OnceLock;

/// Bytes that deflate can make of one.
const MOST_OF_A_BYTE: u64 = 1032;

const ENDS: &str = "the file ends before the image does; restore it, or save it again";

/// Whether a file begins as NIfTI or gzip does.
pub(super) fn knows(start: &[u8]) -> bool {
    start.starts_with(&GZIP) || header::knows(start)
}

const GZIP: [u8; 2] = [0x1F, 0x8B];

/// A file of which the header has been read.
#[derive(Debug)]
pub(super) struct Nifti {
    header: Header,
    axis: Axis,
    source: Source,
    gzip: bool,
    /// The voxels, of compressed files and where a slice has bytes of everywhere; read with the first slice.
    whole: OnceLock<Result<Vec<u8>, String>>,
}

impl Nifti {
    /// Reads the header.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, damaged, or more than the file can hold.
    pub fn open(source: Source, axis: Axis) -> Result<Self, String> {
        let gzip = source.start(2)? == GZIP;
        let start = if gzip {
            // So much of a compressed file is enough for the header, unless it has a long comment.
            let mut start = Vec::new();
            let packed = source.start(1 << 16)?;
            let read = MultiGzDecoder::new(&packed[..]).take(LONGEST as u64).read_to_end(&mut start);
            read.map_err(|e| damaged(&e))?;
            start
        } else {
            source.start(LONGEST as u64)?
        };
        let header = Header::read(&start)?;
        let end = header.offset.saturating_add(header.bytes());
        match gzip {
            true => plausible(end, source.length(), MOST_OF_A_BYTE)?,
            false if end > source.length() => return Err(ENDS.into()),
            false => {}
        }
        Ok(Self { header, axis, source, gzip, whole: OnceLock::new() })
    }

    /// Voxel axes of slices, rows and columns.
    fn axes(&self) -> [usize; 3] {
        match self.axis {
            Axis::First => [0, 2, 1],
            Axis::Second => [1, 2, 0],
            Axis::Third => [2, 1, 0],
        }
    }

    /// How many slices there are.
    pub fn slices(&self) -> usize {
        self.header.extent[self.axes()[0]]
    }

    /// Height and width of a slice.
    pub fn size(&self) -> [usize; 2] {
        let [_, rows, columns] = self.axes();
        [self.header.extent[rows], self.header.extent[columns]]
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.header.channels
    }

    /// Millimetres between slices, rows and columns.
    pub fn spacing(&self) -> Option<[f64; 3]> {
        self.header.spacing.map(|spacing| self.axes().map(|axis| spacing[axis]))
    }

    /// Where the voxels lie.
    pub fn placement(&self) -> Option<Placement> {
        self.header.affine.map(|affine| Placement { affine, extent: self.header.extent })
    }

    /// What values are kept as.
    pub fn range(&self) -> Range {
        self.header.number.range(self.header.scale)
    }

    /// The values of one slice.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn slice(&self, index: usize) -> Result<SliceValues, String> {
        let Header { number, scale, big_endian, .. } = self.header;
        let mut bytes = self.gathered(index)?;
        if big_endian {
            bytes.chunks_exact_mut(number.bytes()).for_each(<[u8]>::reverse);
        }
        self.range().kept.values(number.read(&bytes).into_iter().map(|number| scale.of(number)))
    }

    /// The bytes of a slice, row by row.
    fn gathered(&self, index: usize) -> Result<Vec<u8>, String> {
        let ([nx, ny, nz], voxel) = (self.header.extent, self.header.voxel_bytes());
        let (row, plane) = (nx * voxel, nx * ny * voxel);
        match self.axis {
            Axis::Third => Ok(self.bytes(index * plane, plane)?.into_owned()),
            Axis::Second => {
                let mut bytes = Vec::with_capacity(nz * row);
                for z in 0..nz {
                    bytes.extend_from_slice(&self.bytes(z * plane + index * row, row)?);
                }
                Ok(bytes)
            }
            Axis::First => {
                let all = self.bytes(0, plane * nz)?;
                Ok(all.chunks_exact(row).flat_map(|row| &row[index * voxel..][..voxel]).copied().collect())
            }
        }
    }

    /// So many bytes of the voxels.
    fn bytes(&self, at: usize, length: usize) -> Result<Cow<'_, [u8]>, String> {
        if !self.gzip && self.axis != Axis::First {
            return self.source.bytes(self.header.offset + at as u64, length as u64).map(Cow::Owned);
        }
        let whole = self.whole.get_or_init(|| self.all()).as_ref().map_err(Clone::clone)?;
        whole.get(at..at + length).map(Cow::Borrowed).ok_or_else(|| ENDS.into())
    }

    /// All voxels, of a compressed file after a check of the whole.
    fn all(&self) -> Result<Vec<u8>, String> {
        let length = self.header.bytes();
        let packed = if self.gzip { self.source.length() } else { 0 };
        let _promise = Promise::of(length.saturating_add(packed), self.size())?;
        if !self.gzip {
            return self.source.bytes(self.header.offset, length);
        }
        let packed = self.source.bytes(0, self.source.length())?;
        let mut plain = MultiGzDecoder::new(&packed[..]);
        io::copy(&mut plain.by_ref().take(self.header.offset), &mut io::sink()).map_err(|e| damaged(&e))?;
        let mut voxels = Vec::with_capacity(length as usize);
        plain.by_ref().take(length).read_to_end(&mut voxels).map_err(|e| damaged(&e))?;
        if voxels.len() as u64 != length {
            return Err(ENDS.into());
        }
        // The checksum is at the end.
        io::copy(&mut plain, &mut io::sink()).map_err(|e| damaged(&e))?;
        Ok(voxels)
    }
}

fn damaged(problem: &io::Error) -> String {
    match problem.kind() {
        io::ErrorKind::UnexpectedEof => ENDS.into(),
        _ => format!("its gzip compression is damaged ({problem}); restore the file, or save it again"),
    }
}

#[cfg(test)]
mod tests;
