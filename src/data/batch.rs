//! The order of an epoch and the tensors of a batch.

use super::augment::{Change, Motion};
use super::random::{generator, shuffle};
use super::{Dataset, Normaliser, Sample};
use crate::config::Augment;
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
    /// Which samples of the data set, in this order.
    pub indices: Vec<usize>,
}

impl Batch {
    /// The same with images as the network takes them.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn normalised(self, normaliser: &Normaliser) -> Result<Self> {
        if *normaliser == Normaliser::None {
            return Ok(self);
        }
        let (n, channels, height, width) = self.images.dims4()?;
        let mut values = self.images.flatten_all()?.to_vec1::<f32>()?;
        let pixels = height * width;
        values.par_chunks_mut(channels * pixels).for_each(|image| normaliser.apply(image, pixels));
        let images = Tensor::from_vec(values, (n, channels, height, width), self.images.device())?;
        Ok(Self { images, ..self })
    }
}

/// What random changes follow from, together with a sample's index.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The changes and their probabilities.
    pub augment: &'a Augment,
    /// The run's seed.
    pub seed: u64,
    /// 1-based.
    pub epoch: usize,
}

impl Draw<'_> {
    /// What happens to the sample of this index.
    pub fn motion(&self, index: usize) -> Motion {
        Motion::draw(self.augment, self.seed, self.epoch, index)
    }

    /// A seed for what a network leaves out of a batch that begins with the sample of this index.
    pub fn noise(&self, index: usize) -> u64 {
        generator("umlaut dropout", &[self.seed, self.epoch as u64, index as u64]).random()
    }
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

/// The tensors of some samples, changed at random if there is a `draw`. What happens to a sample does not depend on its batch.
///
/// # Errors
/// If the device has no room, or quarter turns are asked for of samples that are not square.
///
/// # Panics
/// If an index lies outside of the data set.
pub fn batch(dataset: &Dataset, indices: &[usize], draw: Option<Draw<'_>>, device: &Device) -> Result<Batch> {
    let [height, width] = dataset.size;
    let (channels, classes) = (dataset.channels, dataset.classes.len());
    if draw.is_some_and(|d| d.augment.rotate90 > 0.0) && height != width {
        candle_core::bail!("augment.rotate90 needs a square preprocess.size, got [{height}, {width}]");
    }
    let (images, targets) = match draw.filter(|d| d.augment.resamples()) {
        Some(draw) => changed(dataset, indices, draw),
        None => {
            let motion = |index: usize| draw.map_or_else(Motion::default, |d| d.motion(index));
            let images = gather(dataset, indices, channels, &motion, |sample| &sample.image, |v| v);
            (images, gather(dataset, indices, classes, &motion, |sample| &sample.mask, f32::from))
        }
    };
    Ok(Batch {
        images: Tensor::from_vec(images, (indices.len(), channels, height, width), device)?,
        targets: Tensor::from_vec(targets, (indices.len(), classes, height, width), device)?,
        indices: indices.to_vec(),
    })
}

/// Some samples as the network is to see them, where a device gathers batches: changed if `draw` calculates pixels anew, else with
/// flips and quarter turns left to the device; and normalised.
///
/// # Panics
/// If an index lies outside of the data set.
pub fn composed(dataset: &Dataset, indices: &[usize], draw: Option<Draw<'_>>, normaliser: &Normaliser) -> Vec<Sample> {
    let pixels = dataset.size[0] * dataset.size[1];
    let draw = draw.filter(|draw| draw.augment.resamples());
    let compose = |index: &usize| {
        let mut sample = dataset.samples[*index].clone();
        if let Some(draw) = draw {
            let change = Change::draw(draw.augment, draw.seed, draw.epoch, *index);
            change.apply(&dataset.samples[*index], dataset.size, &mut sample.image, &mut sample.mask, |v| v);
        }
        normaliser.apply(&mut sample.image, pixels);
        sample
    };
    indices.par_iter().map(compose).collect()
}

/// Values of images and targets, a thread a sample.
fn changed(dataset: &Dataset, indices: &[usize], draw: Draw<'_>) -> (Vec<f32>, Vec<f32>) {
    let pixels = dataset.size[0] * dataset.size[1];
    let (image, mask) = (dataset.channels * pixels, dataset.classes.len() * pixels);
    let (mut images, mut targets) = (vec![0.0; indices.len() * image], vec![0.0; indices.len() * mask]);
    let places = images.par_chunks_mut(image).zip(targets.par_chunks_mut(mask)).zip(indices);
    places.for_each(|((image, mask), index)| {
        let change = Change::draw(draw.augment, draw.seed, draw.epoch, *index);
        change.apply(&dataset.samples[*index], dataset.size, image, mask, f32::from);
    });
    (images, targets)
}

fn gather<T: Copy + Sync>(
    dataset: &Dataset,
    indices: &[usize],
    planes: usize,
    motion: &(impl Fn(usize) -> Motion + Sync),
    values: impl Fn(&Sample) -> &Vec<T> + Sync,
    convert: impl Fn(T) -> f32 + Sync,
) -> Vec<f32> {
    let pixels = dataset.size[0] * dataset.size[1];
    let mut gathered = vec![0.0; indices.len() * planes * pixels];
    gathered.par_chunks_mut(planes * pixels).zip(indices).for_each(|(to, index)| {
        let motion = motion(*index);
        let from = values(&dataset.samples[*index]);
        for (from, to) in from.chunks_exact(pixels).zip(to.chunks_exact_mut(pixels)) {
            motion.apply(from, dataset.size, to, &convert);
        }
    });
    gathered
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
