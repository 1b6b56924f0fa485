//! The order of an epoch and the tensors of a batch.

use super::augment::{Change, Motion};
use super::random::{generator, shuffle};
use super::window::Window;
use super::{Dataset, Normaliser, Sample, target};
use crate::config::{Augment, Experiment, Patches};
use candle_core::{Device, Result, Tensor};
use rand::Rng;
use rayon::prelude::*;

/// Some samples as tensors of f32.
#[derive(Debug, Clone)]
pub struct Batch {
    /// (n, channels, height, width), in [0, 1] until they are [normalised](Self::normalised).
    pub images: Tensor,
    /// (n, classes, height, width), in {0, 1}.
    pub targets: Tensor,
    /// Which draws of samples, in this order; without patches, which samples.
    pub indices: Vec<usize>,
}

impl Batch {
    /// The same with images as the network takes them. `dataset` is what they were taken from: patches of an image are normalised by the
    /// numbers of the whole one.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn normalised(self, normaliser: &Normaliser, dataset: &Dataset) -> Result<Self> {
        if *normaliser == Normaliser::None {
            return Ok(self);
        }
        let (n, channels, height, width) = self.images.dims4()?;
        let mut values = self.images.flatten_all()?.to_vec1::<f32>()?;
        let pixels = height * width;
        let images = values.par_chunks_mut(channels * pixels).zip(&self.indices);
        images.for_each(|(image, index)| normalise(normaliser, image, pixels, dataset, *index));
        let images = Tensor::from_vec(values, (n, channels, height, width), self.images.device())?;
        Ok(Self { images, ..self })
    }
}

/// What random changes follow from, together with a sample's index.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The changes and their probabilities.
    pub augment: &'a Augment,
    /// Splits of samples rather than whole ones.
    pub patches: Option<&'a Patches>,
    /// The run's seed.
    pub seed: u64,
    /// 1-based.
    pub epoch: usize,
}

impl<'a> Draw<'a> {
    /// That of an experiment's first seed in an epoch, 1-based.
    pub fn of(experiment: &'a Experiment, epoch: usize) -> Self {
        let seed = experiment.training.seeds.first().copied().unwrap_or(1);
        Self { augment: &experiment.augment, patches: experiment.patches.as_ref(), seed, epoch }
    }

    /// What a draw shows of its sample.
    fn window(&self, dataset: &Dataset, index: usize) -> Window {
        let numbers = [self.seed, self.epoch as u64, index as u64];
        let of_patch = |patches| Window::draw(patches, sample(dataset, index), dataset.size, numbers);
        self.patches.map_or(Window::whole(dataset.size), of_patch)
    }

    /// What happens to the sample of this index.
    pub fn motion(&self, index: usize) -> Motion {
        Motion::draw(self.augment, self.seed, self.epoch, index)
    }

    /// Whether pixels are calculated anew or others are chosen, beyond flips and quarter turns of whole samples.
    pub fn composes(&self) -> bool {
        self.augment.resamples() || self.patches.is_some()
    }

    /// A seed for what a network leaves out of a batch that begins with the sample of this index.
    pub fn noise(&self, index: usize) -> u64 {
        generator("umlaut dropout", &[self.seed, self.epoch as u64, index as u64]).random()
    }
}

/// The sample that a draw is of.
fn sample(dataset: &Dataset, index: usize) -> &Sample {
    &dataset.samples[index % dataset.samples.len()]
}

/// What an epoch draws: every sample of the part, and with several patches of an image the k-th of sample i as i + k · samples.
pub fn draws(part: &[usize], patches: Option<&Patches>, dataset: &Dataset) -> Vec<usize> {
    let times = patches.map_or(1, |patches| patches.per_image);
    (0..times).flat_map(|k| part.iter().map(move |index| index + k * dataset.samples.len())).collect()
}

/// The samples of a part in the order of an epoch: a shuffle that depends on part, seed and epoch only.
pub fn order(part: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut order = part.to_vec();
    shuffle(&mut order, &mut generator("umlaut order", &[seed, epoch as u64]));
    order
}

/// So many samples of a part, in the part's order; all if there are no more. Of one seed, fewer are a part of more.
pub fn subset(part: &[usize], samples: usize, seed: u64) -> Vec<usize> {
    // No epoch has the number 0.
    let mut chosen = order(part, seed, 0);
    chosen.truncate(samples);
    part.iter().copied().filter(|sample| chosen.contains(sample)).collect()
}

/// The tensors of some samples, or, with a `draw`, of random patches or augmented images of some [draws]. What happens to one does not depend on its
/// batch.
///
/// # Errors
/// If the device has no room, or quarter turns are asked for of what is not square.
///
/// # Panics
/// If an index lies outside of the data set, and without patches there; or patches are larger than samples.
pub fn batch(dataset: &Dataset, indices: &[usize], draw: Option<Draw<'_>>, device: &Device) -> Result<Batch> {
    let patches = draw.and_then(|draw| draw.patches);
    let [height, width] = patches.map_or(dataset.size, |patches| patches.size);
    let (channels, classes) = (dataset.channels, dataset.classes.len());
    if draw.is_some_and(|d| d.augment.rotate90 > 0.0) && height != width {
        let key = if patches.is_some() { "patches.size" } else { "preprocess.size" };
        candle_core::bail!("augment.rotate90 needs a square {key}, got [{height}, {width}]");
    }
    let (images, targets) = match draw {
        Some(draw) => changed(dataset, indices, draw, [height, width]),
        None => {
            let (mut images, mut targets) = (Vec::new(), Vec::new());
            for index in indices {
                images.extend_from_slice(&dataset.samples[*index].image);
                targets.extend(dataset.samples[*index].mask.iter().map(|v| target(*v)));
            }
            (images, targets)
        }
    };
    Ok(Batch {
        images: Tensor::from_vec(images, (indices.len(), channels, height, width), device)?,
        targets: Tensor::from_vec(targets, (indices.len(), classes, height, width), device)?,
        indices: indices.to_vec(),
    })
}

/// Changes what a draw shows as the normaliser says: a part of an image by the numbers of the whole one.
fn normalise(normaliser: &Normaliser, image: &mut [f32], pixels: usize, dataset: &Dataset, index: usize) {
    let all = dataset.size[0] * dataset.size[1];
    if *normaliser == Normaliser::Image && pixels != all {
        Normaliser::of_image(&sample(dataset, index).image, all).apply(image, pixels);
    } else {
        normaliser.apply(image, pixels);
    }
}

/// Some samples as the network is to see them, where a device gathers batches: as `draw` has them if it [composes](Draw::composes) them, else
/// with flips and quarter turns left to the device; and normalised.
///
/// # Panics
/// If an index lies outside of the data set, and without patches there.
pub fn composed(dataset: &Dataset, indices: &[usize], draw: Option<Draw<'_>>, normaliser: &Normaliser) -> Vec<Sample> {
    let draw = draw.filter(Draw::composes);
    let compose = |index: &usize| {
        let mut pixels = dataset.size[0] * dataset.size[1];
        let (mut image, mask) = match draw {
            None => {
                let sample = &dataset.samples[*index];
                (sample.image.to_vec(), sample.mask.clone())
            }
            Some(draw) => {
                let (change, window) = (Change::draw(draw.augment, draw.seed, draw.epoch, *index), draw.window(dataset, *index));
                pixels = window.size[0] * window.size[1];
                let (mut image, mut mask) = (vec![0.0; dataset.channels * pixels], vec![0; dataset.classes.len() * pixels]);
                change.apply(sample(dataset, *index), window, &mut image, &mut mask, |v| v);
                (image, mask)
            }
        };
        normalise(normaliser, &mut image, pixels, dataset, *index);
        let name = if draw.is_some() { String::new() } else { dataset.samples[*index].name.clone() };
        Sample { name, image: image.into(), mask }
    };
    indices.par_iter().map(compose).collect()
}

/// Values of images and targets, one thread per sample.
fn changed(dataset: &Dataset, indices: &[usize], draw: Draw<'_>, size: [usize; 2]) -> (Vec<f32>, Vec<f32>) {
    let pixels = size[0] * size[1];
    let (image, mask) = (dataset.channels * pixels, dataset.classes.len() * pixels);
    let (mut images, mut targets) = (vec![0.0; indices.len() * image], vec![0.0; indices.len() * mask]);
    let places = images.par_chunks_mut(image).zip(targets.par_chunks_mut(mask)).zip(indices);
    places.for_each(|((image, mask), index)| {
        let change = Change::draw(draw.augment, draw.seed, draw.epoch, *index);
        change.apply(sample(dataset, *index), draw.window(dataset, *index), image, mask, target);
    });
    (images, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_subset_is_a_part_of_a_larger_one() {
        let part: Vec<usize> = (10..40).rev().collect();
        let subset = |samples, seed| subset(&part, samples, seed);
        for samples in 0..30 {
            let (fewer, more) = (subset(samples, 1), subset(samples + 1, 1));
            assert_eq!((fewer.len(), more.len()), (samples, samples + 1));
            assert!(fewer.iter().all(|sample| more.contains(sample)));
            assert!(more.is_sorted_by(|a, b| a > b), "in the part's order");
        }
        assert_eq!(subset(99, 1), part);
        assert_ne!(subset(5, 1), subset(5, 2));
    }
}
