//! The header of NIfTI-1 (nifti1.h, 348 bytes) and NIfTI-2 (nifti2.h, 540 bytes), of both byte orders.

use super::super::stored::{Number, Scale};

/// Bytes of the longer header.
pub(super) const LONGEST: usize = 540;

const SAVE: &str = "save it as NIfTI of another data type, such as float32";

/// What decides about values and their places.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// Voxels along the first, second and third axis; the first lies closest in the file.
    pub extent: [usize; 3],
    /// 1, or 3 for RGB.
    pub channels: usize,
    /// How each channel of a voxel is stored.
    pub number: Number,
    pub big_endian: bool,
    pub scale: Scale,
    /// Where the voxels begin.
    pub offset: u64,
    /// Millimetres between voxels along each axis.
    pub spacing: Option<[f64; 3]>,
    /// From voxel indices to millimetres.
    pub affine: Option<[[f64; 4]; 3]>,
}

/// Whether a file begins with the length of such a header.
pub(super) fn knows(start: &[u8]) -> bool {
    version(start).is_some()
}

/// 1 or 2, and whether the highest byte comes first.
fn version(start: &[u8]) -> Option<(u8, bool)> {
    let length = start.first_chunk::<4>()?;
    match (u32::from_le_bytes(*length), u32::from_be_bytes(*length)) {
        (348, _) => Some((1, false)),
        (_, 348) => Some((1, true)),
        (540, _) => Some((2, false)),
        (_, 540) => Some((2, true)),
        _ => None,
    }
}

/// The bytes of a header, and which places its fields have.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    second: bool,
}

impl Fields<'_> {
    fn number<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self.bytes[at..at + N].try_into().expect("of this length");
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// A whole number of 16 bits in the first version, of 16, 32 or 64 in the second.
    fn whole(&self, first: usize, second: usize, bits: u32) -> i64 {
        match (self.second, bits) {
            (false, _) => i16::from_le_bytes(self.number(first)).into(),
            (true, 16) => i16::from_le_bytes(self.number(second)).into(),
            (true, 32) => i32::from_le_bytes(self.number(second)).into(),
            (true, _) => i64::from_le_bytes(self.number(second)),
        }
    }

    /// The `index`-th of a row of fractions, of 32 bits in the first version and 64 in the second.
    fn real(&self, first: usize, second: usize, index: usize) -> f64 {
        match self.second {
            false => f32::from_le_bytes(self.number(first + 4 * index)).into(),
            true => f64::from_le_bytes(self.number(second + 8 * index)),
        }
    }
}

impl Header {
    /// From the first bytes of a file.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, or does not fit together.
    pub fn read(start: &[u8]) -> Result<Self, String> {
        let Some((version, big_endian)) = version(start) else {
            return Err("its content is no NIfTI; save it as NIfTI (.nii or .nii.gz)".into());
        };
        let second = version == 2;
        let bytes = start.get(..if second { LONGEST } else { 348 }).ok_or(super::ENDS)?;
        let (magic, single, pair): (&[u8], &[u8], &[u8]) =
            if second { (&bytes[4..12], b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n") } else { (&bytes[344..348], b"n+1\0", b"ni1\0") };
        if magic != single {
            let what = if magic == pair {
                "is a NIfTI header whose voxels lie in another file"
            } else {
                "is of the kind Analyze, or damaged"
            };
            return Err(format!("{what}; save it as one NIfTI file (.nii or .nii.gz)"));
        }
        let fields = Fields { bytes, big_endian, second };
        let extent = extent(&fields)?;
        let (number, channels) = data_type(&fields)?;
        let header = Self {
            extent,
            channels,
            number,
            big_endian,
            scale: scale(&fields)?,
            offset: offset(&fields)?,
            spacing: spacing(&fields),
            affine: affine(&fields),
        };
        if channels == 3 && header.scale != Scale::NONE {
            return Err("is RGB with a slope or an intercept, which has no meaning; save it without".into());
        }
        Ok(header)
    }

    /// Bytes of a voxel.
    pub fn voxel_bytes(&self) -> usize {
        self.number.bytes() * self.channels
    }

    /// Bytes of all voxels.
    pub fn bytes(&self) -> u64 {
        self.extent.iter().fold(self.voxel_bytes() as u64, |bytes, side| bytes.saturating_mul(*side as u64))
    }
}

fn extent(fields: &Fields) -> Result<[usize; 3], String> {
    let dims: Vec<i64> = (0..8).map(|i| fields.whole(40 + 2 * i, 16 + 8 * i, 64)).collect();
    let sides = match dims[0] {
        count @ 2..=7 => &dims[1..=count as usize],
        count => return Err(format!("claims {count} axes; 2 or 3 are read, restore it or save it again")),
    };
    let message: Vec<String> = sides.iter().map(i64::to_string).collect();
    let message = message.join(" × ");
    if sides.iter().any(|side| *side < 1) {
        return Err(format!("claims {message} voxels; restore it, or save it again"));
    }
    if sides.iter().skip(3).any(|side| *side > 1) {
        return Err(format!("has {message} voxels along more than three axes; save a file for each volume"));
    }
    let side = |axis: usize| sides.get(axis).copied().unwrap_or(1) as usize;
    let extent = [side(0), side(1), side(2)];
    let all = extent.iter().try_fold(16_usize, |bytes, side| bytes.checked_mul(*side));
    all.map(|_| extent).ok_or_else(|| format!("claims {message} voxels; restore it, or save it again"))
}

fn data_type(fields: &Fields) -> Result<(Number, usize), String> {
    let (code, bits) = (fields.whole(70, 12, 16), fields.whole(72, 14, 16));
    let (number, channels) = match code {
        2 => (Number::U8, 1),
        4 => (Number::I16, 1),
        8 => (Number::I32, 1),
        16 => (Number::F32, 1),
        64 => (Number::F64, 1),
        128 => (Number::U8, 3),
        256 => (Number::I8, 1),
        512 => (Number::U16, 1),
        768 => (Number::U32, 1),
        1024 => (Number::I64, 1),
        1280 => (Number::U64, 1),
        other => {
            let name = match other {
                1 => "single bits".into(),
                32 | 1792 | 2048 => "complex numbers".into(),
                1536 => "128-bit floats".into(),
                2304 => "RGBA".into(),
                _ => format!("the data type {other}"),
            };
            return Err(format!("has voxels of {name}, which are not read; {SAVE}"));
        }
    };
    let own = (number.bytes() * channels * 8) as i64;
    if bits == own {
        Ok((number, channels))
    } else {
        Err(format!("claims {bits} bits for voxels that have {own} by their data type; {SAVE}"))
    }
}

/// A slope of 0 or that is no finite number means none, as in nibabel.
fn scale(fields: &Fields) -> Result<Scale, String> {
    let (slope, intercept) = (fields.real(112, 176, 0), fields.real(116, 184, 0));
    match () {
        () if slope == 0.0 || !slope.is_finite() => Ok(Scale::NONE),
        () if intercept.is_finite() => Ok(Scale { slope, intercept }),
        () => Err(format!("has the slope {slope} with the intercept {intercept}; save it again with both, or without")),
    }
}

fn offset(fields: &Fields) -> Result<u64, String> {
    let (offset, least) = match fields.second {
        false => (f64::from(f32::from_le_bytes(fields.number(108))), 352.0),
        true => (i64::from_le_bytes(fields.number(168)) as f64, 544.0),
    };
    let sound = offset.fract() == 0.0 && (least..1e15).contains(&offset);
    if sound {
        Ok(offset as u64)
    } else {
        Err(format!("claims that its voxels begin at byte {offset}; restore it, or save it again"))
    }
}

/// Millimetres of the unit of lengths; `None` if it is not said.
fn unit(fields: &Fields) -> Option<f64> {
    let units = if fields.second { i32::from_le_bytes(fields.number(500)) } else { fields.bytes[123].into() };
    match units & 0b111 {
        1 => Some(1e3),
        2 => Some(1.0),
        3 => Some(1e-3),
        _ => None,
    }
}

fn spacing(fields: &Fields) -> Option<[f64; 3]> {
    let unit = unit(fields)?;
    let spacing = [1, 2, 3].map(|axis| fields.real(76, 104, axis) * unit);
    spacing.iter().all(|step| *step > 0.0 && step.is_finite()).then_some(spacing)
}

/// The sform, or else the qform. A unit that is not said counts as millimetres.
fn affine(fields: &Fields) -> Option<[[f64; 4]; 3]> {
    let affine = match () {
        () if fields.whole(254, 348, 32) > 0 => {
            [0, 1, 2].map(|row| [0, 1, 2, 3].map(|column| fields.real(280, 400, 4 * row + column)))
        }
        () if fields.whole(252, 344, 32) > 0 => qform(fields)?,
        () => return None,
    };
    let unit = unit(fields).unwrap_or(1.0);
    let affine = affine.map(|row| row.map(|value| value * unit));
    affine.iter().flatten().all(|value| value.is_finite()).then_some(affine)
}

/// From a unit quaternion (nifti1.h, "method 2"); `None` if it is none.
fn qform(fields: &Fields) -> Option<[[f64; 4]; 3]> {
    let [b, c, d] = [0, 1, 2].map(|i| fields.real(256, 352, i));
    let rest = 1.0 - b * b - c * c - d * d;
    if rest.is_nan() || rest <= -1e-5 {
        return None;
    }
    // As in nibabel: three steps of f32 are none.
    let a = if rest.abs() < 3.0 * f64::from(f32::EPSILON) { 0.0 } else { rest.max(0.0).sqrt() };
    let turn = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    let mirror = if fields.real(76, 104, 0) < 0.0 { -1.0 } else { 1.0 };
    let steps = [fields.real(76, 104, 1), fields.real(76, 104, 2), fields.real(76, 104, 3) * mirror];
    let row = |row: usize| [0, 1, 2, 3].map(|i| if i < 3 { turn[row][i] * steps[i] } else { fields.real(268, 376, row) });
    Some([row(0), row(1), row(2)])
}
