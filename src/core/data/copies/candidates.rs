//! Pairs of images that may be copies, by their spectra: cheap enough to look at every pair.

use super::print::{CENTRES, NUMBERS, Print};
use rayon::prelude::*;

/// Partners of an image that are looked at closely.
const PARTNERS: usize = 5;
/// Partial sums of a likeness.
const LANES: usize = 16;

/// The pairs that are worth a closer look, sorted: of every image those partners with the likest spectra. `may` says whether a pair matters.
pub(super) fn candidates(prints: &[Option<Print>], may: impl Fn(usize, usize) -> bool + Sync) -> Vec<(usize, usize)> {
    let spectra = compared(prints);
    let partners = |i: usize| {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(PARTNERS + 1);
        let Some(own) = &spectra[i] else { return best };
        for (j, other) in spectra.iter().enumerate() {
            let Some(other) = other else { continue };
            // What was cut out of this image has its partner in that image's own turn.
            let like = other.iter().map(|other| likeness(&own[0], other)).fold(f32::NEG_INFINITY, f32::max);
            if (best.len() < PARTNERS || like > best[PARTNERS - 1].0) && j != i && may(i, j) {
                let at = best.partition_point(|(better, _)| *better >= like);
                best.insert(at, (like, j));
                best.truncate(PARTNERS);
            }
        }
        best
    };
    let of = |i: usize| partners(i).into_iter().map(|(_, j)| (i.min(j), i.max(j))).collect::<Vec<_>>();
    let mut pairs: Vec<(usize, usize)> = (0..prints.len()).into_par_iter().flat_map_iter(of).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Spectra less what all images have in common, each number over its standard deviation among the images, each spectrum of length 1.
fn compared(prints: &[Option<Print>]) -> Vec<Option<[Vec<f32>; CENTRES.len()]>> {
    let whole = || prints.iter().flatten().map(|print| &print.spectra[0]);
    let count = whole().count().max(1) as f32;
    let sum = |of: &dyn Fn(usize, f32) -> f32| -> Vec<f32> {
        let of = |at: usize| whole().map(|spectrum| of(at, spectrum[at])).sum::<f32>() / count;
        (0..NUMBERS).map(of).collect()
    };
    let mean = sum(&|_, value| value);
    let variance = sum(&|at, value| (value - mean[at]).powi(2));
    let scaled = |spectrum: &Vec<f32>| {
        let own: Vec<f32> = (0..NUMBERS).map(|at| (spectrum[at] - mean[at]) / (variance[at] + 1e-12).sqrt()).collect();
        let length = own.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        own.into_iter().map(|v| v / length).collect()
    };
    prints.iter().map(|print| print.as_ref().map(|print| print.spectra.each_ref().map(scaled))).collect()
}

fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}
