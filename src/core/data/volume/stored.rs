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

/// What values are kept as, and the range of integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub kept: Kept,
    /// What the least and the greatest integer of the stored type mean, the lower first; `None` for fractions.
    pub full: Option<[f64; 2]>,
}

impl Number {
    /// The least and the greatest integer; `None` for fractions.
    fn ends(self) -> Option<[f64; 2]> {
        let bits = 8 * self.bytes() as i32;
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Some([0.0, 2_f64.powi(bits) - 1.0]),
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => Some([-2_f64.powi(bits - 1), 2_f64.powi(bits - 1) - 1.0]),
            Self::F32 | Self::F64 => None,
        }
    }

    /// What numbers of this kind are kept as with a scale.
    pub fn range(self, scale: Scale) -> Range {
        match self.ends() {
            Some(ends) => Range::of(ends, scale),
            None => Range { kept: Kept::Floats, full: None },
        }
    }

    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
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
}

impl Range {
    /// Of integers between two ends: bytes or words if they are unsigned, of 16 bits at most, and every one is exact there.
    pub fn of(ends: [f64; 2], scale: Scale) -> Self {
        let [a, b] = ends.map(|end| scale.of(end));
        let full = [a.min(b), a.max(b)];
        let top = f64::from(u16::MAX);
        let whole = scale.slope.fract() == 0.0 && scale.intercept.fract() == 0.0;
        let holds = ends[0] == 0.0 && ends[1] <= top && full[0] >= 0.0 && (1.0..=top).contains(&full[1]);
        Self { kept: if whole && holds { Kept::Whole(full[1] as u16) } else { Kept::Floats }, full: Some(full) }
    }

    /// What holds both; without the range of integers if that differs.
    pub fn or(self, other: Self) -> Self {
        Self { kept: self.kept.or(other.kept), full: self.full.filter(|_| self.full == other.full) }
    }
}

impl Kept {
    /// What holds both.
    fn or(self, other: Self) -> Self {
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
        let kept = |top: f64, scale| Range::of([0.0, top], scale).kept;
        assert_eq!(kept(255.0, Scale::NONE), Kept::Whole(255));
        assert_eq!(kept(4095.0, Scale::NONE), Kept::Whole(4095));
        assert_eq!(kept(255.0, scale(2.0, 1.0)), Kept::Whole(511));
        assert_eq!(kept(255.0, scale(-1.0, 255.0)), Kept::Whole(255));
        for (slope, intercept, top) in
            [(1.0, -1.0, 255.0), (0.5, 0.0, 255.0), (1.0, 1.0, 65_535.0), (f64::INFINITY, 0.0, 1.0), (0.0, 0.0, 255.0)]
        {
            assert_eq!(kept(top, scale(slope, intercept)), Kept::Floats, "{slope} {intercept}");
        }
        let signed = Number::I16.range(scale(-1.0, 0.0));
        assert_eq!(signed, Range { kept: Kept::Floats, full: Some([-32_767.0, 32_768.0]) });
        assert_eq!(signed.or(Number::I16.range(Scale::NONE)), Range { kept: Kept::Floats, full: None });
        assert_eq!(Number::F32.range(Scale::NONE), Range { kept: Kept::Floats, full: None });
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
