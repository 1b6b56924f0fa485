//! Which instruction set serves: detected once, overridden by the environment variable `UMLAUT_CPU`.

use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Whatever the compiler may assume of the target.
    Portable,
    /// AVX2 and FMA, two vectors of 8.
    Avx2,
    /// AVX-512 F, BW, DQ and VL, one vector of 16.
    Avx512,
    /// The same with AVX512-BF16 for the kernels that gain from it.
    Avx512Bf16,
}

/// A value of `UMLAUT_CPU` that cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No such name.
    #[error("UMLAUT_CPU={0}: no such instruction set; use portable, avx2, avx512 or avx512bf16, or unset it")]
    Unknown(String),
    /// The processor lacks it.
    #[error("UMLAUT_CPU={0}: this processor does not have it; its best is {best}", best = Level::best().name())]
    Unsupported(&'static str),
}

impl Level {
    /// Every level, the slowest first.
    pub const ALL: [Level; 4] = [Level::Portable, Level::Avx2, Level::Avx512, Level::Avx512Bf16];

    /// The name used in `UMLAUT_CPU`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Avx512Bf16 => "avx512bf16",
        }
    }

    /// Whether this processor has it.
    #[inline]
    pub fn is_supported(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Bf16 => Level::Avx512.is_supported() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The fastest that this processor has.
    pub fn best() -> Level {
        Level::ALL.into_iter().rfind(|level| level.is_supported()).expect("portable code runs everywhere")
    }
}

/// The level that kernels use: what `UMLAUT_CPU` asks for, else the best. Looked up once a process. A bad value is passed over
/// here; [`requested_level`] reports it.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| requested_level().unwrap_or_else(|_| Level::best()))
}

/// The level that `UMLAUT_CPU` asks for, or the best where it is unset or empty.
///
/// # Errors
/// If the value names no level, or one that the processor lacks.
pub fn requested_level() -> Result<Level, LevelError> {
    parse(&std::env::var_os("UMLAUT_CPU").unwrap_or_default().to_string_lossy())
}

fn parse(value: &str) -> Result<Level, LevelError> {
    if value.is_empty() {
        return Ok(Level::best());
    }
    let named = Level::ALL.into_iter().find(|level| level.name() == value);
    let level = named.ok_or_else(|| LevelError::Unknown(value.to_owned()))?;
    if level.is_supported() { Ok(level) } else { Err(LevelError::Unsupported(level.name())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_name_is_obeyed_and_others_are_errors() {
        for level in Level::ALL {
            let expected = if level.is_supported() { Ok(level) } else { Err(LevelError::Unsupported(level.name())) };
            assert_eq!(parse(level.name()), expected);
        }
        assert_eq!(parse(""), Ok(Level::best()));
        let error = parse("sse9").unwrap_err();
        let expected = "UMLAUT_CPU=sse9: no such instruction set; use portable, avx2, avx512 or avx512bf16, or unset it";
        assert_eq!(error.to_string(), expected);
    }
}
