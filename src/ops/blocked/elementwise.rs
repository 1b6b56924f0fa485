//! Functions of single numbers, or of two that lie at the same place.
//!
//! They run over whole buffers: a function that makes 0 of 0 keeps borders and unused lanes zero.

use super::simd::Element;
use rayon::prelude::*;

/// Elements of a task.
const CHUNK: usize = 1 << 14;

/// `f` of every number. `f` must make 0 of 0.
pub fn of_one<E: Element>(x: &[E], f: impl Fn(f32) -> f32 + Sync) -> Vec<E> {
    let mut out = vec![E::ZERO; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        out.iter_mut().zip(x).for_each(|(out, x)| *out = E::of(f(x.wide())));
    });
    out
}

/// `f` of both numbers of every place. `f` must make 0 of two zeros.
///
/// # Panics
/// If the lengths differ.
pub fn of_two<E: Element>(a: &[E], b: &[E], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<E> {
    assert_eq!(a.len(), b.len(), "elements of two maps");
    let mut out = vec![E::ZERO; a.len()];
    out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK))).for_each(|(out, (a, b))| {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = E::of(f(a.wide(), b.wide())));
    });
    out
}

/// Of 2³², what a number drawn for a place must reach to stay; and what is then done to it.
pub fn thinning(p: f64) -> (u32, f32) {
    ((p * 2f64.powi(32)) as u32, (1.0 / (1.0 - p)) as f32)
}

/// Every number, or 0 with the probability `p`, the others times 1 / (1 − p): inverted dropout. Which, follows from the seed and the
/// place alone.
pub fn thinned<E: Element>(x: &[E], seed: u64, p: f64) -> Vec<E> {
    let (bound, factor) = thinning(p);
    let mut out = vec![E::ZERO; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).enumerate().for_each(|(chunk, (out, x))| {
        for (at, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let drawn = (mixed(seed.wrapping_add((chunk * CHUNK + at) as u64)) >> 32) as u32;
            *out = if drawn < bound { E::ZERO } else { E::of(x.wide() * factor) };
        }
    });
    out
}

/// The output function of SplitMix64 (Steele, Lea & Flood 2014).
fn mixed(state: u64) -> u64 {
    let z = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: 100 000 draws at 0.3; a standard deviation is 145.
    #[test]
    fn the_share_that_is_left_out_is_the_probability() {
        let thin = thinned(&vec![1f32; 100_000], 7, 0.3);
        let zeros = thin.iter().filter(|x| **x == 0.0).count();
        assert!((29_200..=30_800).contains(&zeros), "{zeros}");
        assert!(thin.iter().all(|x| *x == 0.0 || (x - 1.0 / 0.7).abs() < 1e-6));
        assert_eq!(thin, thinned(&vec![1f32; 100_000], 7, 0.3));
        assert_ne!(thin, thinned(&vec![1f32; 100_000], 8, 0.3));
    }
}
