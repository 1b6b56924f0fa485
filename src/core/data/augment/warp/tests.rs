//! Resampling against SciPy.

use super::*;

const SIZE: [usize; 2] = [7, 5];

fn warp(outside: Outside) -> Warp {
    Warp { angle: 25_f64.to_radians(), factor: 1.2, shift: [0.1, -0.2], elastic: None, outside }
}

fn warped(warp: &Warp, motion: Motion, image: &[f32], mask: &[u8]) -> (Vec<f32>, Vec<u8>) {
    let (mut moved, mut marked) = (vec![9.0; 35], vec![9; 35]);
    warp.apply(motion, (image, mask), Window::whole(SIZE), (&mut moved, &mut marked), |v| v);
    (moved, marked)
}

fn pattern() -> (Vec<f32>, Vec<u8>) {
    let image: Vec<f32> = (0..35).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
    let mask = image.iter().map(|v| u8::from(*v > 0.5)).collect();
    (image, mask)
}

#[test]
fn images_and_masks_are_resampled_as_in_scipy() {
    // scripts/augment_oracle.py, scipy.ndimage.map_coordinates of orders 1 and 0.
    let (image, mask) = pattern();
    for (outside, expected, marks) in [(Outside::Mirror, MIRRORED, MIRRORED_MASK), (Outside::Black, BLACK, BLACK_MASK)] {
        let (moved, marked) = warped(&warp(outside), Motion::default(), &image, &mask);
        assert!(moved.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6), "{outside:?}: {moved:?}");
        assert_eq!(marked, marks, "{outside:?}");
    }
}

#[test]
fn a_motion_comes_before() {
    let (image, mask) = pattern();
    let motion = Motion { flip_horizontal: true, flip_vertical: false, quarter_turns: 2 };
    let (mut first, mut first_mask) = (vec![0.0; 35], vec![0; 35]);
    motion.apply(&image, Window::whole(SIZE), &mut first, |v| v);
    motion.apply(&mask, Window::whole(SIZE), &mut first_mask, |v: u8| v);
    let warp = warp(Outside::Mirror);
    assert_eq!(warped(&warp, motion, &image, &mask), warped(&warp, Motion::default(), &first, &first_mask));
}

#[test]
fn nothing_far_away_is_out_of_reach() {
    let (image, mask) = pattern();
    for outside in [Outside::Mirror, Outside::Black] {
        let far = Warp { angle: 1.0, factor: 0.1, shift: [1.0, -1.0], elastic: None, outside };
        let (moved, marked) = warped(&far, Motion::default(), &image, &mask);
        assert!(moved.iter().all(|v| (0.0..=1.0).contains(v)) && marked.iter().all(|v| *v < 2));
    }
}

const MIRRORED: [f32; 35] = [
    0.389_397, 0.321_88, 0.375_185, 0.315_314, 0.619_503, 0.631_586, 0.890_852, 0.434_857, 0.186_921, 0.279_442, 0.450_218,
    0.669_792, 0.556_258, 0.483_159, 0.778_992, 0.252_732, 0.411_091, 0.630_347, 0.850_239, 0.880_263, 0.693_12, 0.259_101,
    0.371_964, 0.591_538, 0.751_869, 0.684_115, 0.356_104, 0.350_282, 0.332_837, 0.552_411, 0.425_414, 0.594_54, 0.864_562,
    0.376_636, 0.293_71,
];
const BLACK: [f32; 35] = [
    0.332_3, 0.321_88, 0.353_301, 0.058_779, 0.0, 0.631_586, 0.890_852, 0.434_857, 0.100_675, 0.0, 0.450_218, 0.669_792,
    0.556_258, 0.430_388, 0.105_57, 0.252_732, 0.411_091, 0.630_347, 0.850_239, 0.429_307, 0.693_12, 0.259_101, 0.371_964,
    0.591_538, 0.631_484, 0.684_115, 0.356_104, 0.350_282, 0.332_837, 0.552_411, 0.425_414, 0.594_54, 0.864_562, 0.376_636,
    0.293_71,
];
const MIRRORED_MASK: [u8; 35] =
    [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0];
const BLACK_MASK: [u8; 35] =
    [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0];
