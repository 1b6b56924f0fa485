//! Copies of images in other splits: saved anew, darker, resized, mirrored, rotated, a little shifted or cropped.
//!
//! Three steps, each dearer for a pair than the one before and done for fewer pairs. Every image gets a [`Print`]; [`candidates()`] ranks all pairs by
//! spectra, which orientation and place hardly change; [`change`] lays the best pairs on each other and decides. What is the same in all
//! images of a data set (the round field of a fundus camera) is no likeness, and neighbouring slices of a volume are no copies.

mod align;
mod candidates;
mod print;

use super::splits::{Fold, Places};
use super::{Dataset, Sample};
use align::change;
use candidates::candidates;
use print::Print;
use rayon::prelude::*;

/// Samples that show the same and that a fold has in different splits, each pair in words: `a (train) and b (val) in fold 2: mirrored copy`. In
/// the order of the samples.
pub fn look_alikes(dataset: &Dataset, folds: &[Fold]) -> Vec<String> {
    let print = |sample: &Sample| Print::new(&sample.image, dataset.size);
    let prints: Vec<Option<Print>> = dataset.samples.par_iter().map(print).collect();
    let places = Places::of(folds, dataset.samples.len());
    let pairs = candidates(&prints, |a, b| places.are_apart(a, b));
    let copy = |(a, b): &(usize, usize)| Some(((*a, *b), change(prints[*a].as_ref()?, prints[*b].as_ref()?)?));
    let copies: Vec<_> = pairs.par_iter().filter_map(copy).collect();
    let message = |(pair, change)| {
        let message = places.message(pair, |i, part| format!("{} ({part})", dataset.samples[i].name))?;
        Some(format!("{message}: {change}"))
    };
    copies.into_iter().filter_map(message).collect()
}

#[cfg(test)]
mod tests;
