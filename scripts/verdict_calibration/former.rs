//! The rule before this one, to compare with: two groups differed where Wilcoxon's signed-rank test over images (means over seeds),
//! corrected by Holm, gave p < 0.05 and a 95 % percentile bootstrap of seeds, then images, excluded 0.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use umlaut::report::inference::{LEVEL, holm};

const DRAWS: usize = 2000;

pub struct Former {
    /// How often each seed and image is drawn.
    draws: Vec<(Vec<f64>, Vec<f64>)>,
    /// Share of all choices of signs whose rank sum is at most so much.
    null: Vec<f64>,
}

impl Former {
    pub fn new(seeds: usize, images: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |count: usize| {
            let mut times = vec![0.0; count];
            (0..count).for_each(|_| times[random.random_range(0..count)] += 1.0 / count as f64);
            times
        };
        let draws = (0..DRAWS).map(|_| (draw(seeds), draw(images))).collect();
        let most = images * (images + 1) / 2;
        let mut ways = vec![0.0; most + 1];
        ways[0] = 1.0;
        for rank in 1..=images {
            (rank..=most).rev().for_each(|sum| ways[sum] += ways[sum - rank]);
        }
        let all = 2_f64.powi(images as i32);
        let null = ways.iter().scan(0.0, |below, ways| Some((*below += ways, *below / all).1)).collect();
        Self { draws, null }
    }

    /// The pairs that it called, each by its first group and the difference.
    pub fn called(&self, groups: &[Vec<Vec<f64>>]) -> Vec<(usize, f64)> {
        let pairs: Vec<(usize, usize)> = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b))).collect();
        let differences = |(a, b): &(usize, usize)| -> Vec<Vec<f64>> {
            groups[*a].iter().zip(&groups[*b]).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect()).collect()
        };
        let all: Vec<Vec<Vec<f64>>> = pairs.iter().map(differences).collect();
        let corrected = holm(&all.iter().map(|rows| self.wilcoxon(rows)).collect::<Vec<_>>());
        let called = pairs.iter().zip(&all).zip(corrected).filter(|((_, rows), p)| *p < LEVEL && self.excludes_zero(rows));
        called.map(|((pair, rows), _)| (pair.0, mean(&rows.iter().map(|row| mean(row)).collect::<Vec<_>>()))).collect()
    }

    fn wilcoxon(&self, rows: &[Vec<f64>]) -> f64 {
        let images = rows[0].len();
        let mut of_images: Vec<f64> =
            (0..images).map(|image| mean(&rows.iter().map(|row| row[image]).collect::<Vec<_>>())).collect();
        of_images.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let above: usize = of_images.iter().enumerate().filter(|(_, d)| **d > 0.0).map(|(at, _)| at + 1).sum();
        (2.0 * self.null[above.min(images * (images + 1) / 2 - above)]).min(1.0)
    }

    /// The seeds' means were moved apart by √(n / (n − 1)) first.
    fn excludes_zero(&self, rows: &[Vec<f64>]) -> bool {
        let means: Vec<f64> = rows.iter().map(|row| mean(row)).collect();
        let (all, seeds) = (mean(&means), rows.len() as f64);
        let more = (seeds / (seeds - 1.0)).sqrt() - 1.0;
        let of = |(seeds, images): &(Vec<f64>, Vec<f64>)| -> f64 {
            let row = |at: usize| rows[at].iter().zip(images).map(|(d, times)| d * times).sum::<f64>() + more * (means[at] - all);
            (0..rows.len()).filter(|at| seeds[*at] > 0.0).map(|at| seeds[at] * row(at)).sum()
        };
        let mut drawn: Vec<f64> = self.draws.iter().map(of).collect();
        drawn.sort_by(f64::total_cmp);
        let (low, high) = (drawn[DRAWS / 40], drawn[DRAWS - 1 - DRAWS / 40]);
        if all >= 0.0 { low > 0.0 } else { high < 0.0 }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
