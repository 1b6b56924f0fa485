//! Which samples train, validate and test, in one fold or several, and what must not be in two splits of any of them.

use super::Dataset;
use super::error::{Error, listed};
use rayon::prelude::*;
use std::collections::HashMap;

const PARTS: [&str; 3] = ["train", "val", "test"];

/// Indices into a data set's samples, sorted; no sample is in two splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// Samples that train, one or more.
    pub train: Vec<usize>,
    /// Samples that validate, one or more.
    pub val: Vec<usize>,
    /// Samples that test; may be empty.
    pub test: Vec<usize>,
}

/// One way to split a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// 1-based; `None` where there are no folds.
    pub number: Option<usize>,
    /// Which samples train, validate and test.
    pub splits: Splits,
}

impl Fold {
    /// For each sample the part that it is in, if any.
    fn places(&self, samples: usize) -> Vec<Option<usize>> {
        let mut places = vec![None; samples];
        for (part, members) in [&self.splits.train, &self.splits.val, &self.splits.test].into_iter().enumerate() {
            members.iter().for_each(|i| places[*i] = Some(part));
        }
        places
    }

    /// ` in fold 2`, or nothing where there are no folds.
    fn named(&self) -> String {
        self.number.map(|number| format!(" in fold {number}")).unwrap_or_default()
    }
}

/// Which split of which fold every sample is in.
pub(super) struct Places(Vec<(String, Vec<Option<usize>>)>);

impl Places {
    /// Those of so many samples.
    pub fn of(folds: &[Fold], samples: usize) -> Self {
        Self(folds.iter().map(|fold| (fold.named(), fold.places(samples))).collect())
    }

    /// Whether a fold has two samples in different splits.
    pub fn are_apart(&self, a: usize, b: usize) -> bool {
        self.first_apart(a, b).is_some()
    }

    fn first_apart(&self, a: usize, b: usize) -> Option<(&str, [usize; 2])> {
        self.0.iter().find_map(|(fold, places)| {
            let both = [places[a]?, places[b]?];
            (both[0] != both[1]).then_some((fold.as_str(), both))
        })
    }

    /// Two samples of different splits in words, what trains first: `a in train and b in val in fold 2`, as `word` names a sample and its
    /// split. `None` if no fold has them apart.
    pub fn message(&self, (a, b): (usize, usize), word: impl Fn(usize, &str) -> String) -> Option<String> {
        let (fold, [of_a, of_b]) = self.first_apart(a, b)?;
        let [first, second] = if of_a <= of_b { [(a, of_a), (b, of_b)] } else { [(b, of_b), (a, of_a)] };
        let message = |(i, part): (usize, usize)| word(i, PARTS[part]);
        Some(format!("{} and {}{fold}", message(first), message(second)))
    }
}

/// Refuses the same picture, pixel by pixel, in two splits of a fold.
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
    let places = Places::of(folds, dataset.samples.len());
    let message = |pair| places.message(pair, |i, part| format!("{} in {part}", source(dataset, i)));
    let twice: Vec<String> = pairs.into_iter().filter_map(message).collect();
    if twice.is_empty() { Ok(()) } else { Err(Error::SamePicture { examples: listed(&twice, 5, ", ") }) }
}

fn hash(image: &[f32]) -> blake3::Hash {
    let bytes: Vec<u8> = image.iter().flat_map(|value| value.to_le_bytes()).collect();
    blake3::hash(&bytes)
}

fn source(dataset: &Dataset, index: usize) -> &str {
    dataset.sources.get(index).unwrap_or(&dataset.samples[index].name)
}
