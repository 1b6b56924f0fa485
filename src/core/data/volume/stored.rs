//! Stored numbers, what they mean, and the narrowest kind of values that holds that.

/// height · width · channels, interleaved.
#[derive(Debug, Clone, PartialEq)]
pub enum SliceValues {
    /// Whole numbers of up to 8 bits.
    Bytes(Vec<u8>),
    /// Whole numbers of up to 16 bits.
    Words(Vec<u16>),
    /// All others: signed, of more bits, fractions. Computed as f64 and rounded to the nearest f32; all are finite.
    Floats(Vec<f32>),
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// What stored numbers mean: number · slope + intercept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub slope: f64,
    pub intercept: f64,
}

/// What values are kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Bytes or words, up to this value.
    Whole(u16),
    Floats,
}

impl Number {
    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The highest, of those that bytes and words hold.
    pub fn top(self) -> Option<u16> {
        match self {
            Self::U8 => Some(u8::MAX.into()),
            Self::U16 => Some(u16::MAX),
            _ => None,
        }
    }

    /// Numbers with the lowest byte first.
    pub fn read(self, bytes: &[u8]) -> Vec<f64> {
        match self {
            Self::U8 => bytes.iter().map(|byte| f64::from(*byte)).collect(),
            Self::I8 => bytes.iter().map(|byte| f64::from(byte.cast_signed())).collect(),
            Self::U16 => each(bytes, |bytes| u16::from_le_bytes(bytes).into()),
            Self::I16 => each(bytes, |bytes| i16::from_le_bytes(bytes).into()),
            Self::U32 => each(bytes, |bytes| u32::from_le_bytes(bytes).into()),
            Self::I32 => each(bytes, |bytes| i32::from_le_bytes(bytes).into()),
            Self::U64 => each(bytes, |bytes| u64::from_le_bytes(bytes) as f64),
            Self::I64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
            Self::F32 => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
            Self::F64 => each(bytes, f64::from_le_bytes),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}

impl Scale {
    /// Numbers as they are.
    pub const NONE: Self = Self { slope: 1.0, intercept: 0.0 };

    /// What a stored number means.
    pub fn of(self, number: f64) -> f64 {
        if self == Self::NONE { number } else { number * self.slope + self.intercept }
    }

    /// What values of whole numbers from 0 to `top` are kept as: bytes or words if every one is exact there.
    pub fn kept(self, top: Option<u16>) -> Kept {
        let Some(top) = top else { return Kept::Floats };
        let ends = [self.of(0.0), self.of(top.into())];
        let whole = self.slope.fract() == 0.0 && self.intercept.fract() == 0.0;
        let holds = ends.iter().all(|end| (0.0..=f64::from(u16::MAX)).contains(end));
        let highest = ends[0].max(ends[1]);
        if whole && holds && highest >= 1.0 { Kept::Whole(highest as u16) } else { Kept::Floats }
    }
}

impl Kept {
    /// What holds both.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Self::Whole(a.max(b)),
            _ => Self::Floats,
        }
    }

    /// The highest value that bytes and words can have, 1 for floats.
    pub fn top(self) -> u16 {
        match self {
            Self::Whole(top) => top,
            Self::Floats => 1,
        }
    }

    /// Values as they are kept; whole ones lie in the range.
    ///
    /// # Errors
    /// In words, the file not named: a value that is infinite or no number, also one that is too large for f32.
    pub fn values(self, values: impl Iterator<Item = f64>) -> Result<SliceValues, String> {
        match self {
            Self::Whole(..=255) => Ok(SliceValues::Bytes(values.map(|value| value as u8).collect())),
            Self::Whole(_) => Ok(SliceValues::Words(values.map(|value| value as u16).collect())),
            Self::Floats => {
                let floats: Vec<f32> = values.map(|value| value as f32).collect();
                match floats.iter().filter(|value| !value.is_finite()).count() {
                    0 => Ok(SliceValues::Floats(floats)),
                    count => Err(format!(
                        "has {count} value(s) that are not finite numbers of 32 bits (NaN, infinite or too large); replace them, as \
                         numpy.nan_to_num does"
                    )),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_narrow_as_they_are_exact() {
        let scale = |slope, intercept| Scale { slope, intercept };
        assert_eq!(Scale::NONE.kept(Some(255)), Kept::Whole(255));
        assert_eq!(Scale::NONE.kept(Some(4095)), Kept::Whole(4095));
        assert_eq!(Scale::NONE.kept(None), Kept::Floats);
        assert_eq!(scale(2.0, 1.0).kept(Some(255)), Kept::Whole(511));
        assert_eq!(scale(-1.0, 255.0).kept(Some(255)), Kept::Whole(255));
        for (slope, intercept, top) in
            [(1.0, -1.0, 255), (0.5, 0.0, 255), (1.0, 1.0, 65_535), (f64::INFINITY, 0.0, 1), (0.0, 0.0, 255)]
        {
            assert_eq!(scale(slope, intercept).kept(Some(top)), Kept::Floats, "{slope} {intercept}");
        }
        assert_eq!(Kept::Whole(3).or(Kept::Whole(900)), Kept::Whole(900));
        assert_eq!(Kept::Whole(3).or(Kept::Floats), Kept::Floats);
    }

    #[test]
    fn values_that_are_no_finite_floats_are_refused_and_counted() {
        assert_eq!(Kept::Floats.values([1.5, -0.0].into_iter()), Ok(SliceValues::Floats(vec![1.5, -0.0])));
        let refused = Kept::Floats.values([f64::NAN, 1.0, 1e300, f64::NEG_INFINITY].into_iter()).unwrap_err();
        assert!(refused.starts_with("has 3 value(s) that are not finite"), "{refused}");
    }

    #[test]
    fn large_whole_numbers_go_through_f64() {
        // Oracle: numpy 2.4, np.array([...]).astype(np.float64).astype(np.float32).
        let number = (1_i64 << 54) + 1;
        assert_eq!(Number::I64.read(&number.to_le_bytes()), [18_014_398_509_481_984.0]);
        assert_eq!(Number::U64.read(&u64::MAX.to_le_bytes()), [18_446_744_073_709_551_616.0]);
        assert_eq!(Number::I8.read(&[0x80, 0x7F]), [-128.0, 127.0]);
    }
}
