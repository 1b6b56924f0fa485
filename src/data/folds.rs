//! The folds of a split, and what must not be in two parts of any of them.

use super::Dataset;
use super::error::{Error, listed};
use super::split::{Parts, dealt};
use crate::config::{KFoldSplit, Split};
use rayon::prelude::*;
use std::collections::HashMap;

const PARTS: [&str; 3] = ["train", "val", "test"];

/// One way to split a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// 1-based; `None` where there are no folds.
    pub number: Option<usize>,
    /// Which samples train, validate and test.
    pub parts: Parts,
}

/// The same for every fold that `k_fold` names (all of them, if it names none); of any other split the only one.
///
/// # Errors
/// As [`split`](super::split()), the same picture in two parts of any fold.
pub fn folds(dataset: &Dataset, split: &Split) -> Result<Vec<Fold>, Error> {
    let folds = match split {
        Split::KFold(config) => {
            let numbers = if config.folds.is_empty() { (1..=config.k).collect() } else { config.folds.clone() };
            let of = |number| Split::KFold(KFoldSplit { folds: vec![number], ..config.clone() });
            let fold = |number| Ok(Fold { number: Some(number), parts: dealt(dataset, &of(number))? });
            numbers.into_iter().map(fold).collect::<Result<_, Error>>()?
        }
        other => vec![Fold { number: None, parts: dealt(dataset, other)? }],
    };
    refuse_same_pictures(dataset, &folds)?;
    Ok(folds)
}

impl Fold {
    /// For each sample the part that it is in, if any.
    fn places(&self, samples: usize) -> Vec<Option<usize>> {
        let mut places = vec![None; samples];
        for (part, members) in [&self.parts.train, &self.parts.val, &self.parts.test].into_iter().enumerate() {
            members.iter().for_each(|i| places[*i] = Some(part));
        }
        places
    }

    /// ` in fold 2`, or nothing where there are no folds.
    fn named(&self) -> String {
        self.number.map(|number| format!(" in fold {number}")).unwrap_or_default()
    }
}

/// Of pairs of samples those that a fold has in different parts, in words: `a in train and b in val in fold 2`, as `word` tells a sample and
/// its part. A pair is told once.
pub fn apart(
    folds: &[Fold],
    samples: usize,
    pairs: impl IntoIterator<Item = (usize, usize)>,
    word: impl Fn(usize, &str) -> String,
) -> Vec<String> {
    let places: Vec<_> = folds.iter().map(|fold| (fold.named(), fold.places(samples))).collect();
    let told = |(a, b): (usize, usize)| {
        places.iter().find_map(|(fold, places)| {
            // As the parts follow one another, so that what trains comes first.
            let [first, second] = if places[a] <= places[b] { [a, b] } else { [b, a] };
            let told = |i: usize| places[i].map(|part| word(i, PARTS[part]));
            if places[a] == places[b] {
                return None;
            }
            Some(format!("{} and {}{fold}", told(first)?, told(second)?))
        })
    };
    pairs.into_iter().filter_map(told).collect()
}

/// Refuses the same picture, pixel by pixel, in two parts of a fold.
///
/// # Errors
/// Which pictures.
pub(super) fn refuse_same_pictures(dataset: &Dataset, folds: &[Fold]) -> Result<(), Error> {
    let hashes: Vec<blake3::Hash> = dataset.samples.par_iter().map(|sample| hash(&sample.image)).collect();
    let mut alike: HashMap<blake3::Hash, Vec<usize>> = HashMap::new();
    hashes.into_iter().enumerate().for_each(|(i, hash)| alike.entry(hash).or_default().push(i));
    // Of several in one picture, where any two are apart one is apart from the first; samples that the first fold leaves out all leave out.
    let placed = folds.first().map(|fold| fold.places(dataset.samples.len())).unwrap_or_default();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for same in alike.values() {
        let mut same = same.iter().copied().filter(|i| placed[*i].is_some());
        if let Some(first) = same.next() {
            pairs.extend(same.map(|other| (first, other)));
        }
    }
    pairs.sort_unstable();
    let twice = apart(folds, dataset.samples.len(), pairs, |i, part| format!("{} in {part}", source(dataset, i)));
    if twice.is_empty() { Ok(()) } else { Err(Error::SamePicture { examples: listed(&twice, 5, ", ") }) }
}

fn hash(image: &[f32]) -> blake3::Hash {
    let bytes: Vec<u8> = image.iter().flat_map(|value| value.to_le_bytes()).collect();
    blake3::hash(&bytes)
}

fn source(dataset: &Dataset, index: usize) -> &str {
    dataset.sources.get(index).unwrap_or(&dataset.samples[index].name)
}
