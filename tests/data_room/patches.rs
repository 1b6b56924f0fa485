//! Random parts of images.

use crate::batches::{pictures, values};
use candle_core::Device;
use std::collections::BTreeSet;
use umlaut::config::{Augment, Outside, Patches, Rotate};
use umlaut::data::{Batch, Dataset, Draw, Normaliser, Sample, batch, draws};

const SIDE: usize = 9;

fn drawn(dataset: &Dataset, augment: &Augment, patches: &Patches) -> Batch {
    let indices = draws(&(0..dataset.samples.len()).collect::<Vec<_>>(), Some(patches), dataset);
    batch(dataset, &indices, Some(Draw { augment, patches: Some(patches), seed: 3, epoch: 2 }), &Device::Cpu).unwrap()
}

#[test]
fn patches_are_squares_of_their_image_however_turned() {
    let dataset = pictures(40, SIDE);
    let augment = Augment { flip_horizontal: 0.5, flip_vertical: 0.5, rotate90: 0.5, ..Augment::default() };
    let patches = Patches { size: [4, 4], per_image: 3, foreground: 0.0, ..Patches::default() };
    let batch = drawn(&dataset, &augment, &patches);
    assert_eq!((batch.images.dims(), batch.targets.dims()), (&[120, 2, 4, 4][..], &[120, 2, 4, 4][..]));
    let mut corners = BTreeSet::new();
    for (at, (image, target)) in values(&batch.images).chunks(32).zip(values(&batch.targets).chunks(32)).enumerate() {
        let (first, second) = image.split_at(16);
        assert!(first.iter().zip(second).all(|(a, b)| *a == -b), "channels fell apart in patch {at}");
        let every = |n: usize| first.iter().map(move |v| f32::from(u8::from((*v as usize).is_multiple_of(n))));
        assert_eq!(target, every(2).chain(every(3)).collect::<Vec<f32>>(), "mask and image fell apart in patch {at}");
        // The values of image i are i · 81 and on, row by row.
        let mut places: Vec<usize> = first.iter().map(|v| *v as usize - at % 40 * SIDE * SIDE).collect();
        places.sort_unstable();
        let corner = places[0];
        let square: Vec<usize> = (0..16).map(|i| corner + i / 4 * SIDE + i % 4).collect();
        assert_eq!(places, square, "patch {at} is no square");
        corners.insert((corner / SIDE, corner % SIDE));
    }
    // 120 draws of 36 corners miss one of them with 36 · (35/36)^120 = 1.2 expected misses.
    assert!(corners.len() > 30, "{corners:?}");
    assert!(corners.iter().all(|(y, x)| *y < 6 && *x < 6));
}

/// A map that leaves every pixel where it is, after flips and turns: as without it.
#[test]
fn an_idle_map_changes_no_patch() {
    let dataset = pictures(40, SIDE);
    let turning = Augment { flip_horizontal: 0.5, flip_vertical: 0.5, rotate90: 0.5, ..Augment::default() };
    let idle = Augment { rotate: Some(Rotate { probability: 1.0, degrees: [0.0, 0.0] }), ..turning.clone() };
    let patches = Patches { size: [5, 5], ..Patches::default() };
    let (plain, mapped) = (drawn(&dataset, &turning, &patches), drawn(&dataset, &idle, &patches));
    assert_eq!(values(&plain.images), values(&mapped.images));
    assert_eq!(values(&plain.targets), values(&mapped.targets));
}

/// Oracle: on a slope linear interpolation is exact, and a turn by θ shows at p what lies at c + R(−θ)(p − c). Corners that turn in from
/// beyond the patch show the image there, not black, which is beyond the image alone.
#[test]
fn what_turns_into_a_patch_is_the_image_about_it() {
    let mut dataset = pictures(1, 64);
    // A value tells its place: rows are hundredths, columns less.
    let slope = |y: f64, x: f64| y / 100.0 + x / 10_000.0;
    let plane: Vec<f32> = (0..64 * 64).map(|at| slope((at / 64) as f64, (at % 64) as f64) as f32).collect();
    dataset.samples[0] = Sample { image: plane.repeat(2).into(), mask: vec![0; 2 * 64 * 64], ..dataset.samples[0].clone() };
    let (patches, degrees) = (Patches { size: [12, 12], per_image: 60, ..Patches::default() }, 30_f64);
    let rotate = Some(Rotate { probability: 1.0, degrees: [degrees; 2] });
    let turning = Augment { outside: Outside::Black, rotate, ..Augment::default() };
    let (before, after) = (drawn(&dataset, &Augment::default(), &patches), drawn(&dataset, &turning, &patches));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (mut inner, mut cut) = (0, 0);
    for (before, after) in values(&before.images).chunks(288).zip(values(&after.images).chunks(288)) {
        let first = (f64::from(before[0]) * 10_000.0).round();
        let corner = [(first / 100.0).floor(), first % 100.0];
        // Its corners turn in from 2.1 pixels beyond its edges.
        if corner.iter().any(|at| !(3.0..=64.0 - 12.0 - 3.0).contains(at)) {
            cut += usize::from(after[..144].contains(&0.0));
            continue;
        }
        for (at, value) in after[..144].iter().enumerate() {
            let (y, x) = ((at / 12) as f64 - 5.5, (at % 12) as f64 - 5.5);
            let expected = slope(corner[0] + 5.5 + cos * y + sin * x, corner[1] + 5.5 - sin * y + cos * x);
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{value} for {expected} at {at} of {corner:?}");
        }
        inner += 1;
    }
    assert!(inner > 20 && cut > 0, "{inner} patches within, {cut} cut by the edge");
}

/// Oracle: mean and deviation of the whole image, by hand.
#[test]
fn a_patch_is_normalised_by_its_whole_image() {
    let dataset = pictures(2, SIDE);
    let patches = Patches { size: [4, 4], ..Patches::default() };
    let plain = drawn(&dataset, &Augment::default(), &patches);
    let normalised = plain.clone().normalised(&Normaliser::Image, &dataset).unwrap();
    // 81 numbers in a row, from 81 · i on: mean 40, variance (81² − 1) / 12.
    let sd = ((81.0 * 81.0 - 1.0) / 12.0_f32).sqrt();
    for (i, (raw, scaled)) in values(&plain.images).chunks(32).zip(values(&normalised.images).chunks(32)).enumerate() {
        let mean = 81.0 * i as f32 + 40.0;
        assert!(raw[..16].iter().zip(scaled).all(|(v, s)| ((v - mean) / sd - s).abs() < 1e-5));
    }
}
