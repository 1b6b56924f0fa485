//! Laws of changes: image and mask stay together, settings leave each other alone.

use super::*;
use crate::config::{Blur, Brightness, Contrast, Elastic, Gamma, Hue, Noise, Outside, Rotate, Saturation, Scale, Translate};

const SIDE: usize = 48;
const PIXELS: usize = SIDE * SIDE;

/// Everything that moves pixels, always.
fn moving() -> Augment {
    Augment {
        flip_horizontal: 0.5,
        flip_vertical: 0.5,
        rotate90: 0.5,
        rotate: Some(Rotate { probability: 1.0, degrees: [-180.0, 180.0] }),
        scale: Some(Scale { probability: 1.0, factor: [0.7, 1.4] }),
        translate: Some(Translate { probability: 1.0, share: [-0.2, 0.2] }),
        elastic: Some(Elastic { probability: 1.0, sigma: [2.0, 4.0] }),
        ..Augment::default()
    }
}

/// Everything that changes values, always.
fn colouring() -> Augment {
    Augment {
        brightness: Some(Brightness { probability: 1.0, add: [-0.5, 0.5] }),
        contrast: Some(Contrast { probability: 1.0, factor: [0.0, 3.0] }),
        saturation: Some(Saturation { probability: 1.0, factor: [0.0, 3.0] }),
        hue: Some(Hue { probability: 1.0, degrees: [-180.0, 180.0] }),
        gamma: Some(Gamma { probability: 1.0, exponent: [0.2, 5.0] }),
        blur: Some(Blur { probability: 1.0, sigma: [0.0, 2.0] }),
        noise: Some(Noise { probability: 1.0, sigma: [0.1, 0.5] }),
        ..Augment::default()
    }
}

/// Three discs on black; the image has the mask's values in three channels.
fn discs() -> Sample {
    let within = |y: usize, x: usize, [cy, cx, r]: [usize; 3]| y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2) <= r * r;
    let of = |at: usize| [[14, 15, 9], [30, 33, 7], [40, 8, 5]].iter().any(|disc| within(at / SIDE, at % SIDE, *disc));
    let mask: Vec<u8> = (0..PIXELS).map(|at| u8::from(of(at))).collect();
    Sample { name: "discs".into(), image: mask.repeat(3).into_iter().map(f32::from).collect(), mask }
}

fn changed(augment: &Augment, sample: &Sample, index: usize) -> (Vec<f32>, Vec<u8>) {
    let (mut image, mut mask) = (vec![-1.0; sample.image.len()], vec![9; sample.mask.len()]);
    Change::draw(augment, 3, 2, index).apply(sample, Window::whole([SIDE, SIDE]), &mut image, &mut mask, |v| v);
    (image, mask)
}

#[test]
fn image_and_mask_stay_together() {
    let sample = discs();
    for outside in [Outside::Mirror, Outside::Black] {
        let augment = Augment { outside, ..moving() };
        for index in 0..30 {
            let (image, mask) = changed(&augment, &sample, index);
            assert_ne!(mask, sample.mask);
            for plane in image.chunks_exact(PIXELS) {
                // The nearest of four neighbours weighs at least a quarter in their linear mean.
                assert!(plane.iter().zip(&mask).all(|(v, m)| if *m == 1 { *v > 0.249 } else { *v < 0.751 }), "sample {index}");
                // So the two can differ at a mask's edge alone.
                let apart = (0..PIXELS).filter(|at| (plane[*at] >= 0.5) != (mask[*at] == 1)).count();
                assert!(apart * 50 < PIXELS, "{apart} pixels in sample {index}");
            }
        }
    }
}

#[test]
fn changes_of_values_leave_the_mask_and_the_range() {
    let sample = discs();
    for index in 0..10 {
        let (image, mask) = changed(&colouring(), &sample, index);
        assert_eq!(mask, sample.mask);
        assert_ne!(image, *sample.image);
        assert!(image.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}

#[test]
fn settings_leave_each_other_alone() {
    let (moving, colouring) = (moving(), colouring());
    let all = Augment {
        brightness: colouring.brightness.clone(),
        hue: colouring.hue.clone(),
        blur: colouring.blur.clone(),
        noise: colouring.noise.clone(),
        ..moving.clone()
    };
    let only_elastic = Augment { elastic: moving.elastic.clone(), ..Augment::default() };
    let without_affine = Augment { rotate: None, scale: None, translate: None, ..moving.clone() };
    for index in 0..20 {
        let [a, b, both, c, d] =
            [&moving, &colouring, &all, &only_elastic, &without_affine].map(|augment| Change::draw(augment, 1, 1, index));
        assert_eq!((a.motion, &a.warp), (both.motion, &both.warp));
        assert_eq!((b.blur, &b.noise, b.tones[0]), (both.blur, &both.noise, both.tones[0]));
        assert_eq!(c.warp, d.warp);
    }
}

#[test]
fn quarter_turns_by_angle_are_quarter_turns() {
    let mut sample = discs();
    sample.image = (0..sample.image.len()).map(|i| (i % 97) as f32 / 97.0).collect();
    for turns in 1..4_u32 {
        let degrees = 90.0 * f64::from(turns);
        let turn = Augment { rotate: Some(Rotate { probability: 1.0, degrees: [degrees; 2] }), ..Augment::default() };
        let motion = Motion { quarter_turns: turns, ..Motion::default() };
        let mut expected = vec![0.0; 3 * PIXELS];
        for (from, to) in sample.image.chunks_exact(PIXELS).zip(expected.chunks_exact_mut(PIXELS)) {
            motion.apply(from, Window::whole([SIDE, SIDE]), to, |v| v);
        }
        let (image, _) = changed(&turn, &sample, 0);
        assert!(image.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{turns}");
    }
}
