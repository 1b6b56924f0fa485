//! Intervals by drawing seeds and images again.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws: enough for the ends of a 95 % interval to two digits.
const DRAWS: usize = 5000;

/// Scores of a group, by seed and image; NaN where a seed has no score of an image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    /// A row a seed; in it a score an image.
    pub seeds: Vec<Vec<f64>>,
}

impl Cells {
    /// Mean over all cells that are there, with how often each seed and image counts.
    fn mean(&self, seeds: &[u32], images: &[u32]) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (row, seed) in self.seeds.iter().zip(seeds).filter(|(_, times)| **times > 0) {
            let (mut of_row, mut times) = (0.0, 0.0);
            for (value, image) in row.iter().zip(images) {
                let weight = if value.is_nan() { 0.0 } else { f64::from(*image) };
                of_row += if weight > 0.0 { weight * value } else { 0.0 };
                times += weight;
            }
            sum += f64::from(*seed) * of_row;
            count += f64::from(*seed) * times;
        }
        sum / count
    }

    /// Moves each seed's scores away from the mean by √(n/(n−1)), so that drawing n seeds of n has the variance that n seeds of many
    /// have (Davison and Hinkley 1997, section 3.8): with three seeds it would be a third too small.
    fn spread(&self) -> Self {
        let (n, images) = (self.seeds.len(), self.seeds.first().map_or(0, Vec::len));
        if n < 2 {
            return self.clone();
        }
        let ones = vec![1; images];
        let of_row = |row: &Vec<f64>| Self { seeds: vec![row.clone()] }.mean(&[1], &ones);
        let means: Vec<f64> = self.seeds.iter().map(of_row).collect();
        let there = means.iter().filter(|mean| !mean.is_nan());
        let mean = there.clone().sum::<f64>() / there.count() as f64;
        let more = (n as f64 / (n - 1) as f64).sqrt() - 1.0;
        let moved = |(row, own): (&Vec<f64>, &f64)| row.iter().map(|value| value + more * (own - mean)).collect();
        Self { seeds: self.seeds.iter().zip(&means).map(moved).collect() }
    }
}

/// 95 % percentile interval of mean(a) − mean(b), by drawing seeds, then images, with replacement. `None` where nothing is common.
///
/// A drawn image counts for both groups and for every drawn seed: the same image is hard for every seed, so drawing anew for each would
/// make the interval too narrow (the "pigeonhole" bootstrap, Owen 2007). Seeds are drawn in common where `paired`, which says that
/// the k-th row of both is the same seed; else for each group by itself. Equal input gives equal intervals.
pub(crate) fn difference(a: &Cells, b: &Cells, paired: bool) -> Option<(f64, f64)> {
    let images = a.seeds.first()?.len();
    let (a, b) = (a.spread(), b.spread());
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut drawn = Vec::with_capacity(DRAWS);
    // A draw may have no cell that is there; a bound on the tries ends where there is none at all.
    for _ in 0..2 * DRAWS {
        let of_a = draw(&mut random, a.seeds.len());
        let of_b = if paired { of_a.clone() } else { draw(&mut random, b.seeds.len()) };
        let images = draw(&mut random, images);
        let difference = a.mean(&of_a, &images) - b.mean(&of_b, &images);
        drawn.extend((!difference.is_nan()).then_some(difference));
        if drawn.len() == DRAWS {
            break;
        }
    }
    drawn.sort_by(f64::total_cmp);
    (drawn.len() == DRAWS).then(|| (quantile(&drawn, 0.025), quantile(&drawn, 0.975)))
}

/// How often each of `count` is drawn in `count` draws.
fn draw(random: &mut ChaCha8Rng, count: usize) -> Vec<u32> {
    let mut times = vec![0; count];
    (0..count).for_each(|_| times[random.random_range(0..count)] += 1);
    times
}

/// Linear between the neighbours, as NumPy's default.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + part * (high - sorted[low])
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [[f64; 8]; 3] = [
        [0.81, 0.79, 0.90, 0.62, 0.75, 0.88, 0.93, 0.70],
        [0.83, 0.80, 0.91, 0.66, 0.74, 0.90, 0.92, 0.73],
        [0.79, 0.77, 0.88, 0.60, 0.76, 0.87, 0.91, 0.69],
    ];
    const B: [[f64; 8]; 3] = [
        [0.80, 0.75, 0.89, 0.55, 0.76, 0.86, 0.92, 0.66],
        [0.79, 0.78, 0.90, 0.58, 0.71, 0.87, 0.90, 0.70],
        [0.78, 0.76, 0.87, 0.57, 0.72, 0.88, 0.89, 0.64],
    ];

    fn cells<const N: usize>(rows: &[[f64; N]]) -> Cells {
        Cells { seeds: rows.iter().map(|row| row.to_vec()).collect() }
    }

    /// The ends of the interval, to a twentieth of its width: five thousand draws know no more.
    fn assert_interval(found: Option<(f64, f64)>, expected: (f64, f64)) {
        let (low, high) = found.unwrap();
        let most = 0.05 * (expected.1 - expected.0);
        assert!((low - expected.0).abs() < most && (high - expected.1).abs() < most, "{low} to {high}, expected {expected:?}");
    }

    /// Oracle: scipy.stats.bootstrap of the differences, percentile, 10⁶ resamples (scripts/statistics_oracle.py).
    #[test]
    fn one_seed_is_the_plain_bootstrap_of_images() {
        assert_interval(difference(&cells(&A[..1]), &cells(&B[..1]), true), (0.008_75, 0.041_25));
    }

    /// Oracle: the definition above in NumPy, 10⁶ resamples (scripts/statistics_oracle.py).
    #[test]
    fn seeds_and_images_are_drawn() {
        assert_interval(difference(&cells(&A), &cells(&B), true), (0.012_397, 0.040_698));
        assert_interval(difference(&cells(&A), &cells(&B), false), (0.005_065, 0.049_040));
    }

    #[test]
    fn missing_cells_do_not_count() {
        let (mut a, mut b) = (cells(&A[..1]), cells(&B[..1]));
        a.seeds[0][1..].fill(f64::NAN);
        b.seeds[0][1..].fill(f64::NAN);
        let (low, high) = difference(&a, &b, true).unwrap();
        assert!((low - 0.01).abs() < 1e-12 && (high - 0.01).abs() < 1e-12, "{low} {high}");
        a.seeds[0].fill(f64::NAN);
        assert_eq!(difference(&a, &b, true), None);
        assert_eq!(difference(&Cells { seeds: vec![] }, &b, true), None);
    }
}
