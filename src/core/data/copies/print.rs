//! What is kept of an image to find its copies: its details at a small size, and a spectrum that says nothing of where they lie.

use crate::data::fit::Frame;
use std::f64::consts::PI;

/// Sides of the square maps of details.
pub(super) const SIDE: usize = 64;
/// The same of those that orientation and shift are looked for on.
pub(super) const COARSE: usize = 24;
/// The same of those that spectra are made of.
const SPECTRAL: usize = 32;
/// Frequencies of a spectrum along an axis, in waves per image.
const WAVES: usize = 12;
/// Numbers of a spectrum, a multiple of the lanes of [`likeness`](super::candidates).
pub(super) const NUMBERS: usize = 96;
/// Shares of an image's sides that have a spectrum of their own, so that an image is found by what somebody cut out of it.
pub(super) const CENTRES: [f64; 3] = [1.0, 0.95, 0.9];

/// The most of a side that is taken for a border at one of its ends.
const BORDER: f64 = 0.4;
/// Standard deviations of Gaussians in pixels of a map: what smooths it, and the neighbourhood that details are less the mean of.
const SMOOTH: f64 = 0.7;
const NEIGHBOURHOOD: f64 = 4.0;
/// Contrast below this share of the image's own counts little, so that noise in flat areas is not blown up.
const FLAT: f64 = 0.15;
/// An image of less contrast than this shows nothing.
const BLANK: f64 = 1e-4;
/// Least mean square of details, which is about the share of the area that has some, and least number of waves that share their power, of an
/// image that is known by them wherever they lie. Few shapes can be moved and stretched onto others: a disc has 0.1 to 0.5, ten nuclei 0.35, a
/// drawn fundus 0.6 to 0.75, a volume's slice 0.9.
const COVERED: f64 = 0.55;
const INDEPENDENT: f64 = 20.0;

/// An image, as it is compared with others.
#[derive(Debug, Clone)]
pub(super) struct Print {
    /// Grey values less the mean around, over the standard deviation around: `SIDE` · `SIDE`.
    pub details: Vec<f32>,
    /// The same, `COARSE` · `COARSE`.
    pub coarse: Vec<f32>,
    /// Of each of the [`CENTRES`] logarithms of amplitudes, each the mean over the four waves that mirroring and rotating exchange.
    pub spectra: [Vec<f32>; CENTRES.len()],
    /// Whether it has details enough to be known by wherever they lie.
    pub rich: bool,
}

impl Print {
    /// That of planes of one size; `None` if there is nothing to see in them.
    pub fn new(image: &[f32], size: [usize; 2]) -> Option<Self> {
        let thumbnail = blurred(&thumbnail(image, size), SMOOTH);
        let around = blurred(&thumbnail, NEIGHBOURHOOD);
        let details: Vec<f32> = thumbnail.iter().zip(&around).map(|(value, mean)| value - mean).collect();
        let contrast = (details.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / details.len() as f64).sqrt();
        // Also false of what is no number.
        let seen = contrast > BLANK;
        if !seen {
            return None;
        }
        let power = blurred(&details.iter().map(|v| v * v).collect::<Vec<_>>(), NEIGHBOURHOOD);
        let flat = ((FLAT * contrast).powi(2)) as f32;
        let details: Vec<f32> = details.iter().zip(&power).map(|(v, power)| v / (power + flat).sqrt()).collect();
        let covered = details.iter().map(|v| f64::from(v * v)).sum::<f64>() / details.len() as f64;
        let waves = CENTRES.map(|centre| waves(&details, centre));
        let rich = covered >= COVERED && independent(&waves[0]) >= INDEPENDENT;
        let coarse = Frame::stretched([SIDE; 2], [(0.0, SIDE as f64); 2], [COARSE; 2]).plane(&details);
        Some(Self { details, coarse, spectra: waves.map(|waves| spectrum(&waves)), rich })
    }
}

/// Grey, `SIDE` · `SIDE`. Where images are not square, one that was rotated by 90° lies between the black borders of `fit = "pad"`: it is shown without.
/// All other borders stay, since what is black in one file is nearly black in its JPEG.
fn thumbnail(image: &[f32], [h, w]: [usize; 2]) -> Vec<f32> {
    let planes = image.len() / (h * w);
    let grey: Vec<f32> = (0..h * w).map(|at| (0..planes).map(|p| image[p * h * w + at]).sum::<f32>() / planes as f32).collect();
    let [rows, columns] = [
        border(h, |y| grey[y * w..][..w].iter().all(|v| *v == 0.0)),
        border(w, |x| grey.iter().skip(x).step_by(w).all(|v| *v == 0.0)),
    ];
    let rotated = (h < w && columns.1 < rows.1) || (w < h && rows.1 < columns.1);
    let from = if rotated { [rows, columns] } else { [(0.0, h as f64), (0.0, w as f64)] };
    Frame::stretched([h, w], from, [SIDE; 2]).plane(&grey)
}

/// Start and length of what lies within equal borders.
fn border(length: usize, is_black: impl Fn(usize) -> bool) -> (f64, f64) {
    let most = (BORDER * length as f64) as usize;
    let both = (0..most).take_while(|at| is_black(*at) && is_black(length - 1 - at)).count();
    (both as f64, (length - 2 * both) as f64)
}

/// Gaussian, mirrored at the edges.
fn blurred(map: &[f32], sigma: f64) -> Vec<f32> {
    let reach = (2.5 * sigma).ceil() as usize;
    let kernel: Vec<f64> = (0..=2 * reach).map(|i| (-0.5 * ((i as f64 - reach as f64) / sigma).powi(2)).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    let kernel: Vec<f32> = kernel.iter().map(|tap| (tap / sum) as f32).collect();
    // Rows become columns and the other way round, twice.
    let once = |map: &[f32]| {
        let mut turned = vec![0.0; SIDE * SIDE];
        for (y, row) in map.chunks_exact(SIDE).enumerate() {
            for x in 0..SIDE {
                let tap = |(i, tap): (usize, &f32)| tap * row[mirrored(x + i, reach)];
                turned[x * SIDE + y] = kernel.iter().enumerate().map(tap).sum();
            }
        }
        turned
    };
    once(&once(map))
}

/// A place `reach` further to the left, mirrored between the pixels' outer edges.
fn mirrored(at: usize, reach: usize) -> usize {
    match at.checked_sub(reach) {
        None => reach - at - 1,
        Some(at) if at >= SIDE => 2 * SIDE - 1 - at,
        Some(at) => at,
    }
}

/// Amplitudes by waves along the height, −`WAVES` to `WAVES`, then along the width, 0 to `WAVES`; of the middle of a map, which fades out to
/// its edges (Hann), since what lies there comes and goes with a shift.
fn waves(details: &[f32], centre: f64) -> Vec<f64> {
    let small = middle(details, centre);
    let (mut by_row, rows) = (vec![[0.0; 2]; SPECTRAL * (WAVES + 1)], WAVES + 1);
    for (y, row) in small.chunks_exact(SPECTRAL).enumerate() {
        for v in 0..=WAVES {
            by_row[y * rows + v] = row.iter().enumerate().fold([0.0; 2], |[re, im], (x, value)| {
                let [cos, sin] = turn(v * x);
                [re + value * cos, im - value * sin]
            });
        }
    }
    let mut amplitudes = Vec::with_capacity((2 * WAVES + 1) * rows);
    for u in 0..=2 * WAVES {
        for v in 0..=WAVES {
            let [re, im] = (0..SPECTRAL).fold([0.0; 2], |[re, im], y| {
                let ([a, b], [cos, sin]) = (by_row[y * rows + v], turn((SPECTRAL + u - WAVES) * y));
                [re + a * cos + b * sin, im + b * cos - a * sin]
            });
            amplitudes.push(re.hypot(im));
        }
    }
    amplitudes
}

/// Cosine and sine of so many parts of a turn, `SPECTRAL` of which are a whole one.
fn turn(parts: usize) -> [f64; 2] {
    static TURN: std::sync::LazyLock<[[f64; 2]; SPECTRAL]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|i| {
            let angle = 2.0 * PI * i as f64 / SPECTRAL as f64;
            [libm::cos(angle), libm::sin(angle)]
        })
    });
    TURN[parts % SPECTRAL]
}

/// The middle of a map at half its resolution or a little more, times a Hann window.
fn middle(details: &[f32], centre: f64) -> Vec<f64> {
    let step = SIDE as f64 / SPECTRAL as f64;
    let place = |i: usize| (((i as f64 + 0.5) * step - SIDE as f64 / 2.0) * centre + SIDE as f64 / 2.0 - 0.5) as f32;
    let hann = |i: usize| libm::sin(PI * (i as f64 + 1.0) / (SPECTRAL as f64 + 1.0)).powi(2);
    let at = |i: usize| {
        let (y, x) = (i / SPECTRAL, i % SPECTRAL);
        f64::from(bilinear(details, place(y), place(x))) * hann(y) * hann(x)
    };
    (0..SPECTRAL * SPECTRAL).map(at).collect()
}

/// The value of a map `SIDE` · `SIDE` between its pixels; `y` and `x` lie within.
pub(super) fn bilinear(map: &[f32], y: f32, x: f32) -> f32 {
    let last = SIDE - 2;
    let (row, column) = ((y as usize).min(last), (x as usize).min(last));
    let (fy, fx) = (y - row as f32, x - column as f32);
    let at = |dy: usize, dx: usize| map[(row + dy) * SIDE + column + dx];
    let (above, below) = (at(0, 0) + fx * (at(0, 1) - at(0, 0)), at(1, 0) + fx * (at(1, 1) - at(1, 0)));
    above + fy * (below - above)
}

/// How many waves there would be if those that there are had equal power: the participation ratio (Σ p)² / Σ p².
fn independent(waves: &[f64]) -> f64 {
    let (sum, squares) = waves.iter().map(|a| a * a).fold((0.0, 0.0), |(sum, squares), p| (sum + p, squares + p * p));
    sum * sum / squares
}

fn spectrum(waves: &[f64]) -> Vec<f32> {
    let of = |u: usize, v: usize, sign: bool| waves[(if sign { WAVES - u } else { WAVES + u }) * (WAVES + 1) + v];
    let mut spectrum = Vec::with_capacity(NUMBERS);
    for u in 0..=WAVES {
        for v in u..=WAVES {
            if v > 0 {
                let mean = (of(u, v, false) + of(u, v, true) + of(v, u, false) + of(v, u, true)) / 4.0;
                spectrum.push(libm::log(mean + 1e-2) as f32);
            }
        }
    }
    spectrum.resize(NUMBERS, 0.0);
    spectrum
}
