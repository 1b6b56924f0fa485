//! How often does the verdict of a report err? Simulated experiments whose truth is known, through the library's own decision.
//!
//!     cargo run --release --example verdict_calibration -- [EXPERIMENTS] > src/report/inference/calibration.md
//!
//! EXPERIMENTS (2000) are simulated for each cell, four times as many for two groups: of a share of 5 % that is known to ± 1.0 (± 0.5). Scores are
//! group + image + group × image + seed within group + rest, all normal. Equal numbers of experiments give equal tables. A copy
//! of the rule before this one, Wilcoxon's signed-rank test and a percentile bootstrap, is kept here to compare with.

#[path = "verdict_calibration/former.rs"]
mod former;
#[path = "verdict_calibration/world.rs"]
mod world;

use former::Former;
use rayon::prelude::*;
use umlaut::report::inference::{Difference, LEVEL, Pooled, decide, means};
use world::{Draw, World};

const SPREADS: [(f64, f64, f64); 3] = [(0.01, 0.005, 0.01), (0.01, 0.01, 0.02), (0.003, 0.02, 0.02)];
const GROUPS: [usize; 5] = [2, 4, 8, 12, 20];

fn main() {
    let experiments: usize = std::env::args().nth(1).map_or(2000, |count| count.parse().expect("EXPERIMENTS is a number"));
    println!("## How often the verdict errs\n");
    println!(
        "Written by `scripts/verdict_calibration.rs {experiments}`. Every group is the same configuration: the first number is the share of"
    );
    println!(
        "experiments in which any pair of groups is called significant (wanted: 5 % at most), the second the share of pairs whose 95 %"
    );
    println!("interval holds the true difference, 0.\n");
    grid(experiments);
    unequal(experiments);
    patients(experiments);
    folds(experiments);
    departures(experiments);
    power(experiments);
}

/// Scores by group, seed and unit.
type Groups = [Vec<Vec<f64>>];
/// Pairs that a rule calls, each by its first group and the difference.
type Called = Vec<(usize, f64)>;

/// Share of experiments with any significant pair, and of intervals that hold the truth, in percent.
struct Rates {
    any: f64,
    cover: f64,
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} / {:.1}", self.any, self.cover)
    }
}

fn rates(experiments: usize, decided: impl Fn(&mut Draw) -> Vec<Difference> + Sync) -> Rates {
    let one = |at: usize| {
        let pairs = decided(&mut Draw::new(at as u64));
        let held = pairs.iter().filter(|pair| pair.interval.0 <= 0.0 && 0.0 <= pair.interval.1).count();
        (f64::from(u8::from(pairs.iter().any(|pair| pair.significant))), held as f64 / pairs.len() as f64)
    };
    let all: Vec<(f64, f64)> = (0..experiments).into_par_iter().map(one).collect();
    let share = |of: fn(&(f64, f64)) -> f64| 100.0 * all.iter().map(of).sum::<f64>() / experiments as f64;
    Rates { any: share(|one| one.0), cover: share(|one| one.1) }
}

fn pooled(groups: &[Vec<Vec<f64>>], overlap: f64) -> Vec<Difference> {
    decide(&[Pooled::of(groups, overlap).expect("a complete table")]).remove(0)
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn head(cells: &[&str]) {
    row(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(cells.len()));
}

fn grid(experiments: usize) {
    head(&["sd of seed, group × image, rest", "seeds", "images", "2 groups", "4", "8", "12", "20"]);
    let (mut most, mut least, mut widest) = (0.0_f64, 100.0_f64, 0.0_f64);
    for (seed, image, rest) in SPREADS {
        for seeds in [2, 3, 5, 10] {
            for images in [10, 20, 50] {
                let of = |groups: usize| {
                    let world = World::new(seed, image, rest, images);
                    let experiments = if groups == 2 { 4 * experiments } else { experiments };
                    rates(experiments, |draw| pooled(&world.groups(draw, &vec![seeds; groups]), 0.0))
                };
                let cells = GROUPS.map(of);
                for cell in &cells {
                    (most, least, widest) = (most.max(cell.any), least.min(cell.cover), widest.max(cell.cover));
                }
                let start = [format!("{seed}, {image}, {rest}"), seeds.to_string(), images.to_string()];
                row(&start.into_iter().chain(cells.map(|cell| cell.to_string())).collect::<Vec<_>>());
            }
        }
    }
    println!("\nOf these 180 cells the worst is {most:.1} %; intervals hold the truth in {least:.1} to {widest:.1} %.\n");
}

/// Failed runs and unequal plans.
fn unequal(experiments: usize) {
    println!("Unequal numbers of seeds (standard deviations 0.01, 0.01, 0.02):\n");
    head(&["seeds of the groups", "10 images", "20", "50"]);
    for seeds in [&[2, 5][..], &[2, 10], &[2, 3, 5, 10], &[2, 2, 10, 10], &[3, 3, 3, 2], &[3, 3, 3, 3, 3, 3, 3, 2]] {
        let of = |images: usize| {
            let world = World::new(0.01, 0.01, 0.02, images);
            rates(4 * experiments, |draw| pooled(&world.groups(draw, seeds), 0.0)).to_string()
        };
        row(&[seeds.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")]
            .into_iter()
            .chain([10, 20, 50].map(of))
            .collect::<Vec<_>>());
    }
}

/// Five images of each patient, 80 % of the variance of group × image between patients.
fn patients(experiments: usize) {
    println!(
        "\nPatients with five images each, four fifths of the variance of group × image between patients (standard deviations 0.003, 0.02, 0.02):\n"
    );
    head(&["patients", "seeds", "2 groups, by patient", "2 groups, by image", "8 groups, by patient"]);
    for (count, seeds) in [(4, 3), (10, 3), (10, 5), (20, 3)] {
        let world = World { of_patient: Some(5), ..World::new(0.003, 0.02, 0.02, 5 * count) };
        let units: Vec<usize> = (0..5 * count).map(|image| image / 5).collect();
        let by_patient = |draw: &mut Draw, groups: usize| {
            let all = world.groups(draw, &vec![seeds; groups]);
            let of = |rows: &Vec<Vec<f64>>| rows.iter().map(|row| means(row, &units)).collect::<Vec<_>>();
            pooled(&all.iter().map(of).collect::<Vec<_>>(), 0.0)
        };
        let cells = [
            rates(4 * experiments, |draw| by_patient(draw, 2)),
            rates(4 * experiments, |draw| pooled(&world.groups(draw, &[seeds; 2]), 0.0)),
            rates(experiments, |draw| by_patient(draw, 8)),
        ];
        row(&[count.to_string(), seeds.to_string()].into_iter().chain(cells.map(|cell| cell.to_string())).collect::<Vec<_>>());
    }
}

/// Means of folds. What the training images of a fold do to a configuration correlates between folds by 1/k, as Nadeau and Bengio assume.
fn folds(experiments: usize) {
    println!(
        "\nk-fold cross-validation (standard deviations: of a seed over all folds, of the training images of a fold, of a run):\n"
    );
    head(&["sd", "folds", "seeds", "2 groups", "4", "12"]);
    for (seed, training, rest) in [(0.01, 0.005, 0.005), (0.01, 0.01, 0.01), (0.0, 0.01, 0.01), (0.0, 0.01, 0.003)] {
        for (folds, seeds) in [(3, 3), (5, 2), (5, 3), (10, 3)] {
            let of = |groups: usize| {
                let world = World { shared: 1.0 / folds as f64, ..World::new(seed, training, rest, folds) };
                let experiments = if groups == 2 { 4 * experiments } else { experiments };
                rates(experiments, |draw| pooled(&world.groups(draw, &vec![seeds; groups]), 1.0 / (folds - 1) as f64)).to_string()
            };
            let start = [format!("{seed}, {training}, {rest}"), folds.to_string(), seeds.to_string()];
            row(&start.into_iter().chain([2, 4, 12].map(of)).collect::<Vec<_>>());
        }
    }
}

/// Where the model is wrong.
fn departures(experiments: usize) {
    println!(
        "\nWhere the model is wrong (3 seeds but where it says otherwise, 20 images, standard deviations 0.01, 0.01, 0.02):\n"
    );
    head(&["what", "2 groups", "4", "8"]);
    let plain = World::new(0.01, 0.01, 0.02, 20);
    let skewed = World { skewed: true, ..plain };
    let collapsing = World { collapse: 0.15, ..plain };
    let one = World { first: 4.0, ..plain };
    for (what, world, seeds) in [
        ("scores cut at 1, skewed, 5 % of them 0", skewed, 3),
        ("15 % of runs collapse by 0.3", collapsing, 3),
        ("seeds of one group vary 4 times as much", one, 3),
        ("the same with 5 seeds", one, 5),
    ] {
        let of = |groups: usize| rates(experiments, |draw| pooled(&world.groups(draw, &vec![seeds; groups]), 0.0)).to_string();
        row(&[what.to_owned()].into_iter().chain([2, 4, 8].map(of)).collect::<Vec<_>>());
    }
    let of = |draw: &mut Draw| pooled(&one.groups(draw, &[3, 10]), 0.0);
    row(&["the same, 3 seeds of it and 10 of the other".into(), rates(experiments, of).to_string(), "–".into(), "–".into()]);
}

/// One group is better by a difference; beside the former rule, whose false calls are many.
fn power(experiments: usize) {
    println!(
        "\nA difference between one group and the others, if there is one, is found in so many percent of experiments (any pair of it with the"
    );
    println!(
        "right sign; for difference 0 any pair at all), by this rule and by the former one (Wilcoxon over images and a bootstrap of seeds, then images):\n"
    );
    head(&["sd", "seeds", "images", "groups", "difference", "this rule", "former rule"]);
    for (spread, seeds, images, groups) in [
        ((0.003, 0.01, 0.02), 3, 20, 2),
        ((0.01, 0.01, 0.02), 3, 20, 2),
        ((0.01, 0.01, 0.02), 5, 20, 2),
        ((0.01, 0.01, 0.02), 10, 20, 2),
        ((0.01, 0.01, 0.02), 3, 20, 4),
        ((0.01, 0.01, 0.02), 3, 20, 8),
    ] {
        let (seed, image, rest) = spread;
        let world = World::new(seed, image, rest, images);
        let former = Former::new(seeds, images);
        for difference in [0.0, 0.01, 0.02, 0.03] {
            let experiments = (experiments / if groups > 2 { 8 } else { 2 }).max(1);
            let found = |rule: &(dyn Fn(&Groups) -> Called + Sync)| {
                let one = |at: usize| {
                    let mut all = world.groups(&mut Draw::new(at as u64), &vec![seeds; groups]);
                    all[0].iter_mut().flatten().for_each(|score| *score += difference);
                    let called = rule(&all);
                    called.iter().any(|(first, value)| difference == 0.0 || (*first == 0 && *value > 0.0))
                };
                let count = (0..experiments).into_par_iter().filter(|at| one(*at)).count();
                format!("{:.0}", 100.0 * count as f64 / experiments as f64)
            };
            let this = found(&|all| pooled(all, 0.0).iter().filter(|p| p.significant).map(|p| (p.a, p.value)).collect());
            let start = [format!("{seed}, {image}, {rest}"), seeds.to_string(), images.to_string(), groups.to_string()];
            row(&start.into_iter().chain([difference.to_string(), this, found(&|all| former.called(all))]).collect::<Vec<_>>());
        }
    }
    println!(
        "\nThe difference that a report says is likely to be missed, in the median of experiments, and how often such a difference is found (wanted: 80 %):\n"
    );
    head(&["sd", "seeds", "images", "it says", "with 2 more seeds it says", "found", "found with 2 more seeds"]);
    for (seed, image, rest) in SPREADS {
        for (seeds, images) in [(2, 20), (3, 20), (5, 20), (5, 50)] {
            let world = World::new(seed, image, rest, images);
            let told = |at: usize| {
                let table = Pooled::of(&world.groups(&mut Draw::new(at as u64), &[seeds; 2]), 0.0).expect("a complete table");
                [table.detectable(0, 1, LEVEL), table.with_more_seeds(0, 1, 2).detectable(0, 1, LEVEL)]
            };
            let all: Vec<[f64; 2]> = (0..experiments).into_par_iter().map(told).collect();
            let median = [0, 1].map(|which| {
                let mut said: Vec<f64> = all.iter().map(|one| one[which]).collect();
                said.sort_by(f64::total_cmp);
                said[experiments / 2]
            });
            let found = |seeds: usize, difference: f64| {
                let one = |at: &usize| {
                    let mut all = world.groups(&mut Draw::new((experiments + at) as u64), &[seeds; 2]);
                    all[0].iter_mut().flatten().for_each(|score| *score += difference);
                    pooled(&all, 0.0)[0].significant
                };
                format!("{:.0} %", 100.0 * (0..experiments).into_par_iter().filter(one).count() as f64 / experiments as f64)
            };
            let start = [format!("{seed}, {image}, {rest}"), seeds.to_string(), images.to_string()];
            let said = median.map(|difference| format!("{difference:.3}"));
            row(&start.into_iter().chain(said).chain([found(seeds, median[0]), found(seeds + 2, median[1])]).collect::<Vec<_>>());
        }
    }
}
