//! Gaussian blur and noise.

use super::stream::Stream;

/// Half the width of the kernel in standard deviations, as many as SciPy's `gaussian_filter(truncate=4)` has.
const TRUNCATE: f64 = 4.0;

/// Blurs planes by a Gaussian of this standard deviation in pixels, rows first, mirrored at the edges.
pub(super) fn blur(planes: &mut [f32], [h, w]: [usize; 2], sigma: f64) {
    let kernel = kernel(sigma);
    if kernel.len() < 2 {
        return;
    }
    let radius = kernel.len() - 1;
    let mut line = vec![0.0; w + 2 * radius];
    let mut narrow = vec![0.0; h * w];
    for plane in planes.chunks_exact_mut(h * w) {
        for (row, to) in plane.chunks_exact(w).zip(narrow.chunks_exact_mut(w)) {
            line.iter_mut().enumerate().for_each(|(i, v)| *v = row[mirrored(i, radius, w)]);
            weigh(&kernel, to, |offset| &line[offset..offset + w]);
        }
        for (y, to) in plane.chunks_exact_mut(w).enumerate() {
            weigh(&kernel, to, |offset| &narrow[mirrored(y + offset, radius, h) * w..][..w]);
        }
    }
}

/// Adds noise of this standard deviation, a number for each value.
pub(super) fn noise(planes: &mut [f32], sigma: f64, mut stream: Stream) {
    let sigma = sigma as f32;
    for pair in planes.chunks_mut(2) {
        pair.iter_mut().zip(stream.normals()).for_each(|(v, normal)| *v = (*v + sigma * normal).clamp(0.0, 1.0));
    }
}

/// The sum over the kernel of lines that are shifted by 0 to twice its radius.
fn weigh<'a>(kernel: &[f32], to: &mut [f32], line: impl Fn(usize) -> &'a [f32]) {
    let radius = kernel.len() - 1;
    to.iter_mut().zip(line(radius)).for_each(|(to, v)| *to = kernel[0] * v);
    for (distance, weight) in kernel.iter().enumerate().skip(1) {
        let sides = line(radius - distance).iter().zip(line(radius + distance));
        to.iter_mut().zip(sides).for_each(|(to, (a, b))| *to += weight * (a + b));
    }
}

/// Weights of the middle and of what is 1, 2 … pixels away.
fn kernel(sigma: f64) -> Vec<f32> {
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    let bell: Vec<f64> = (0..=radius).map(|x| if x == 0 { 1.0 } else { libm::exp(-0.5 * (x as f64 / sigma).powi(2)) }).collect();
    let sum = 2.0 * bell.iter().sum::<f64>() - 1.0;
    bell.iter().map(|v| (v / sum) as f32).collect()
}

/// The pixel at place i − radius of a side that goes on mirrored.
fn mirrored(i: usize, radius: usize, side: usize) -> usize {
    let at = (i as isize - radius as isize).rem_euclid(2 * side as isize) as usize;
    at.min(2 * side - 1 - at)
}

#[cfg(test)]
mod tests {
    use super::super::stream::StreamKey;
    use super::*;

    #[test]
    fn blur_is_that_of_scipy() {
        // scripts/augment_oracle.py, scipy.ndimage.gaussian_filter(sigma=1.3, mode="reflect").
        let mut pattern: Vec<f32> = (0..35).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        blur(&mut pattern, [7, 5], 1.3);
        for (value, expected) in pattern.iter().zip(EXPECTED) {
            assert!((value - expected).abs() < 1e-6, "{pattern:?}");
        }
    }

    #[test]
    fn no_blur_and_flat_images_change_nothing() {
        let pattern: Vec<f32> = (0..12).map(|i| i as f32 / 12.0).collect();
        for sigma in [0.0, 0.1] {
            let mut blurred = pattern.clone();
            blur(&mut blurred, [3, 4], sigma);
            assert_eq!(blurred, pattern);
        }
        let mut flat = vec![0.25; 12];
        blur(&mut flat, [3, 4], 9.0);
        assert!(flat.iter().all(|v| (v - 0.25).abs() < 1e-6));
    }

    #[test]
    fn noise_has_its_deviation() {
        let stream = StreamKey { seed: 1, epoch: 1, sample: 1 }.happens("noise", 1.0).unwrap();
        let mut grey = vec![0.5; 10_000];
        noise(&mut grey, 0.05, stream);
        let mean = grey.iter().sum::<f32>() / 1e4;
        let deviation = (grey.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 1e4).sqrt();
        // Standard errors 0.0005 and 0.00035.
        assert!((mean - 0.5).abs() < 0.002 && (deviation - 0.05).abs() < 0.0015, "{mean} ± {deviation}");
    }

    const EXPECTED: [f32; 35] = [
        0.371_566, 0.410_041, 0.453_914, 0.458_625, 0.437_742, 0.431_261, 0.441_827, 0.470_208, 0.482_466, 0.468_598, 0.481_296,
        0.470_205, 0.483_605, 0.511_408, 0.522_195, 0.491_26, 0.481_814, 0.489_675, 0.530_61, 0.571_699, 0.489_323, 0.490_063,
        0.493_529, 0.524_803, 0.569_634, 0.523_267, 0.517_217, 0.500_124, 0.495_577, 0.513_964, 0.578_558, 0.551_432, 0.505_648,
        0.467_042, 0.459_803,
    ];
}
