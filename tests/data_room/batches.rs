//! Order and augmentation of batches.

use crate::tree::named;
use candle_core::{Device, Tensor};
use std::collections::BTreeSet;
use umlaut::config::{Augment, Noise, Rotate};
use umlaut::data::{Dataset, Draw, Making, Normaliser, Sample, batch, order, supply};

/// Two-channel pictures of side × side with all values different, and masks that are functions of the first channel.
pub fn pictures(count: usize, side: usize) -> Dataset {
    let mut dataset = named(&(0..count).map(|i| i.to_string()).collect::<Vec<_>>());
    let pixels = side * side;
    dataset.channels = 2;
    dataset.size = [side, side];
    dataset.classes = vec!["even".into(), "third".into()];
    dataset.samples = (0..count)
        .map(|i| {
            let values: Vec<usize> = (0..pixels).map(|p| i * pixels + p).collect();
            let image = values.iter().map(|v| *v as f32).chain(values.iter().map(|v| -(*v as f32))).collect();
            let mask = values
                .iter()
                .map(|v| u8::from(v.is_multiple_of(2)))
                .chain(values.iter().map(|v| u8::from(v.is_multiple_of(3))))
                .collect();
            Sample { name: i.to_string(), image, mask }
        })
        .collect();
    dataset
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn all() -> Augment {
    Augment { flip_horizontal: 0.5, flip_vertical: 0.5, rotate90: 0.5, ..Augment::default() }
}

#[test]
fn without_a_draw_samples_come_as_they_are() {
    let dataset = pictures(3, 2);
    let batch = batch(&dataset, &[2, 0], None, &Device::Cpu).unwrap();
    assert_eq!((batch.images.dims(), batch.targets.dims()), (&[2, 2, 2, 2][..], &[2, 2, 2, 2][..]));
    assert_eq!(batch.indices, [2, 0]);
    assert_eq!(values(&batch.images), [&dataset.samples[2].image[..], &dataset.samples[0].image].concat());
    let masks: Vec<f32> = [2, 0].iter().flat_map(|i| &dataset.samples[*i].mask).map(|v| f32::from(*v)).collect();
    assert_eq!(values(&batch.targets), masks);
}

#[test]
fn masks_and_channels_move_with_the_image() {
    let dataset = pictures(40, 3);
    let indices: Vec<usize> = (0..40).collect();
    let moved =
        batch(&dataset, &indices, Some(Draw { augment: &all(), patches: None, seed: 1, epoch: 1 }), &Device::Cpu).unwrap();
    let (images, targets) = (values(&moved.images), values(&moved.targets));
    let mut orders = BTreeSet::new();
    for (i, (image, target)) in images.chunks(18).zip(targets.chunks(18)).enumerate() {
        let (first, second) = image.split_at(9);
        assert!(first.iter().zip(second).all(|(a, b)| *a == -b), "channels fell apart in sample {i}");
        let even: Vec<f32> = first.iter().map(|v| f32::from(u8::from((*v as usize).is_multiple_of(2)))).collect();
        let third: Vec<f32> = first.iter().map(|v| f32::from(u8::from((*v as usize).is_multiple_of(3)))).collect();
        assert_eq!(target, [even, third].concat(), "mask and image fell apart in sample {i}");
        let order: Vec<usize> = first.iter().map(|v| *v as usize - 9 * i).collect();
        orders.insert(order);
    }
    // The square has eight symmetries, and 40 samples at these probabilities meet them all.
    assert_eq!(orders.len(), 8);
}

#[test]
fn what_happens_to_a_sample_does_not_depend_on_its_batch() {
    let dataset = pictures(12, 4);
    let all = all();
    let draw = |epoch| Some(Draw { augment: &all, patches: None, seed: 5, epoch });
    let whole = batch(&dataset, &(0..12).collect::<Vec<_>>(), draw(2), &Device::Cpu).unwrap();
    for i in 0..12 {
        let alone = batch(&dataset, &[i], draw(2), &Device::Cpu).unwrap();
        assert_eq!(values(&alone.images), values(&whole.images.narrow(0, i, 1).unwrap()));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let single = pool.install(|| batch(&dataset, &(0..12).collect::<Vec<_>>(), draw(2), &Device::Cpu).unwrap());
    assert_eq!(values(&single.images), values(&whole.images));
    let next = batch(&dataset, &(0..12).collect::<Vec<_>>(), draw(3), &Device::Cpu).unwrap();
    assert_ne!(values(&next.images), values(&whole.images));
}

/// Oracle: the same batches, made one after the other.
#[test]
fn batches_made_ahead_are_the_same() {
    let dataset = pictures(12, 8);
    let rotate = Some(Rotate { probability: 0.5, ..Rotate::default() });
    let changed = Augment { rotate, noise: Some(Noise::default()), ..all() };
    let indices: Vec<usize> = (0..12).collect();
    let parts: Vec<&[usize]> = indices.chunks(5).collect();
    for augment in [&changed, &all()] {
        let draw = Draw { augment, patches: None, seed: 5, epoch: 2 };
        let making = Making { dataset: &dataset, draw, normaliser: &Normaliser::Image };
        let made = supply(making, &parts, |supply| std::iter::from_fn(|| supply.take()).collect::<Vec<_>>());
        assert_eq!(made.len(), 3);
        for (made, part) in made.into_iter().zip(&parts) {
            let (made, expected) = (made.unwrap(), batch(&dataset, part, Some(draw), &Device::Cpu).unwrap());
            let expected = expected.normalised(&Normaliser::Image, &dataset).unwrap();
            assert_eq!(made.indices, *part);
            assert_eq!(values(&made.images), values(&expected.images));
            assert_eq!(values(&made.targets), values(&expected.targets));
        }
        // Whoever takes no more is not kept waiting for the rest.
        let endless: Vec<&[usize]> = parts.iter().copied().cycle().take(1_000_000).collect();
        assert!(supply(making, &endless, |supply| supply.take().is_some_and(|made| made.is_ok())));
    }
}

#[test]
fn flips_work_on_oblongs() {
    let mut dataset = named(&["a".to_owned()]);
    dataset.size = [1, 3];
    dataset.samples[0] = Sample { name: "a".into(), image: vec![1.0, 2.0, 3.0].into(), mask: vec![1, 0, 0] };
    let flip = Augment { flip_horizontal: 1.0, ..Augment::default() };
    let moved = batch(&dataset, &[0], Some(Draw { augment: &flip, patches: None, seed: 1, epoch: 1 }), &Device::Cpu).unwrap();
    assert_eq!((values(&moved.images), values(&moved.targets)), (vec![3.0, 2.0, 1.0], vec![0.0, 0.0, 1.0]));
    let refused =
        batch(&dataset, &[0], Some(Draw { augment: &all(), patches: None, seed: 1, epoch: 1 }), &Device::Cpu).unwrap_err();
    assert!(refused.to_string().contains("augment.rotate90 needs a square preprocess.size, got [1, 3]"), "{refused}");
}

#[test]
fn an_order_follows_from_seed_and_epoch() {
    let part: Vec<usize> = (10..40).collect();
    let shuffled = order(&part, 1, 1);
    assert_eq!(shuffled, order(&part, 1, 1));
    assert_ne!(shuffled, order(&part, 1, 2));
    assert_ne!(shuffled, order(&part, 2, 1));
    assert_ne!(shuffled, part);
    let mut sorted = shuffled.clone();
    sorted.sort();
    assert_eq!(sorted, part);
    // Written down, so that a change of the draw cannot pass unseen: it changes numbers of every run.
    assert_eq!(order(&[0, 1, 2, 3, 4, 5, 6, 7], 1, 1), [3, 7, 2, 4, 5, 0, 6, 1]);
}
