//! The learning rate of each epoch.
//!
//! [`LrSchedule::rate`] answers from the epoch's number alone, save for the plateau schedule, which receives each epoch's row and
//! whose [`Plateau`] state is kept for a resume. Definitions are those of PyTorch's schedulers, stepped once an epoch.

use crate::config::{self, LrWarmup, OneCycleLr, PlateauLr};
use crate::metric::{self, Direction};
use crate::record::EpochRecord;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The course of the learning rate over one run.
#[derive(Debug, Clone)]
pub struct LrSchedule {
    /// `lr` of the optimizer.
    lr: f64,
    kind: config::LrSchedule,
    warmup: LrWarmup,
    epochs: usize,
    plateau: Plateau,
}

/// What the plateau schedule remembers; of no use to the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// The rate now, warm-up aside.
    pub lr: f64,
    /// Best value of the metric so far; absent before the first that is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// Epochs without improvement since the best or the last drop.
    pub bad_epochs: usize,
    /// Epochs left to wait after a drop.
    pub cooldown: usize,
}

impl LrSchedule {
    /// The schedule of a run of `epochs` epochs with the optimizer's rate `lr`.
    pub fn new(lr: f64, kind: &config::LrSchedule, warmup: &LrWarmup, epochs: usize) -> Self {
        let plateau = Plateau { lr, best: None, bad_epochs: 0, cooldown: 0 };
        Self { lr, kind: kind.clone(), warmup: warmup.clone(), epochs, plateau }
    }

    /// The rate of an epoch (1-based).
    ///
    /// With n epochs of warm-up and the start factor s, epoch e ≤ n has `s + (1 − s)·(e − 1)/n` times the rate that the schedule
    /// starts from. Epoch n + 1 is the schedule's first, and the epochs after the warm-up are all that it has. That is
    /// `SequentialLR([LinearLR, schedule], [n])` in PyTorch.
    pub fn rate(&self, epoch: usize) -> f64 {
        let LrWarmup { epochs, start_factor } = self.warmup;
        match epoch.checked_sub(epochs + 1) {
            Some(done) => self.scheduled(done),
            None => self.start() * (start_factor + (1.0 - start_factor) * (epoch - 1) as f64 / epochs as f64),
        }
    }

    /// The rate that the warm-up rises to; PyTorch's `initial_lr`, which `OneCycleLR` alone sets otherwise than to `lr`.
    fn start(&self) -> f64 {
        match &self.kind {
            config::LrSchedule::OneCycle(s) => self.lr * s.peak / s.start_divisor,
            _ => self.lr,
        }
    }

    /// The rate after so many epochs of the schedule's own.
    fn scheduled(&self, done: usize) -> f64 {
        let (lr, epochs) = (self.lr, self.epochs.saturating_sub(self.warmup.epochs));
        let share = done as f64 / epochs as f64;
        match &self.kind {
            config::LrSchedule::Constant(_) => lr,
            config::LrSchedule::Step(s) => lr * power(s.gamma, done / s.every),
            config::LrSchedule::MultiStep(s) => lr * power(s.gamma, s.milestones.iter().filter(|m| **m <= done).count()),
            config::LrSchedule::Exponential(s) => lr * power(s.gamma, done),
            config::LrSchedule::Cosine(s) => cosine(lr, s.min_lr, share),
            config::LrSchedule::Polynomial(s) => lr * (1.0 - share).powf(s.power),
            config::LrSchedule::Plateau(_) => self.plateau.lr,
            config::LrSchedule::OneCycle(s) => one_cycle(lr, s, done, epochs),
        }
    }

    /// Tells the schedule how an epoch went. A plateau's patience begins after the warm-up.
    pub fn epoch_ended(&mut self, record: &EpochRecord) {
        if record.epoch <= self.warmup.epochs {
            return;
        }
        if let config::LrSchedule::Plateau(rule) = &self.kind {
            let direction = metric::describe(&rule.metric).map_or(Direction::Lower, |metric| metric.direction);
            self.plateau.observe(record.get(&rule.metric).unwrap_or(f64::NAN), direction, rule);
        }
    }

    /// What a resume needs beside the epoch's number.
    pub fn plateau(&self) -> &Plateau {
        &self.plateau
    }

    /// Goes on from where [`LrSchedule::plateau`] was.
    pub fn resume(&mut self, plateau: Plateau) {
        self.plateau = plateau;
    }
}

impl Plateau {
    /// `ReduceLROnPlateau` with `threshold_mode = "rel"`. A NaN is no improvement.
    fn observe(&mut self, value: f64, direction: Direction, rule: &PlateauLr) {
        /// Drops smaller than this do not happen (PyTorch's `eps`).
        const SMALLEST_DROP: f64 = 1e-8;
        let better = match (self.best, direction) {
            (None, _) => !value.is_nan(),
            (Some(best), Direction::Lower) => value < best * (1.0 - rule.threshold),
            (Some(best), Direction::Higher) => value > best * (1.0 + rule.threshold),
        };
        if better {
            self.best = Some(value);
        }
        self.bad_epochs = if better { 0 } else { self.bad_epochs + 1 };
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs > rule.patience {
            let lower = (self.lr * rule.factor).max(rule.min_lr);
            if self.lr - lower > SMALLEST_DROP {
                self.lr = lower;
            }
            self.cooldown = rule.cooldown;
            self.bad_epochs = 0;
        }
    }
}

/// `gamma^times` by repeated multiplication: the same bits on every machine.
fn power(gamma: f64, times: usize) -> f64 {
    (0..times).fold(1.0, |product, _| product * gamma)
}

/// Half a cosine from `start` (share 0) to `end` (share 1).
fn cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + libm::cos(PI * share))
}

/// `OneCycleLR` with cosine annealing, two phases and `total_steps = epochs`: the rise ends `rise · epochs − 1` epochs after the
/// first, the fall ends with the last.
fn one_cycle(lr: f64, rule: &OneCycleLr, done: usize, epochs: usize) -> f64 {
    let peak = lr * rule.peak;
    let start = peak / rule.start_divisor;
    let (top, last, done) = (rule.rise * epochs as f64 - 1.0, epochs as f64 - 1.0, done as f64);
    if done < top {
        cosine(start, peak, done / top)
    } else if done == top {
        peak
    } else {
        cosine(peak, start / rule.end_divisor, (done - top) / (last - top))
    }
}

/// Expected sequences: scripts/optimizer_oracle.py prints the same from PyTorch.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CosineLr, ExponentialLr, LrSchedule as Kind, MultiStepLr, PolynomialLr, StepLr};

    const NO_WARMUP: LrWarmup = LrWarmup { epochs: 0, start_factor: 0.1 };

    #[track_caller]
    fn expect(schedule: &LrSchedule, expected: &[f64]) {
        let rates: Vec<f64> = (1..=expected.len()).map(|epoch| schedule.rate(epoch)).collect();
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs();
        assert!(rates.iter().zip(expected).all(close), "got {rates:?}, expected {expected:?}");
    }

    fn course(epochs: usize, kind: Kind) -> LrSchedule {
        LrSchedule::new(0.1, &kind, &NO_WARMUP, epochs)
    }

    #[test]
    fn constant() {
        expect(&course(3, Kind::default()), &[0.1, 0.1, 0.1]);
    }

    #[test]
    fn step_falls_every_so_many_epochs() {
        expect(&course(6, Kind::Step(StepLr { every: 2, gamma: 0.1 })), &[0.1, 0.1, 0.01, 0.01, 0.001, 0.001]);
    }

    #[test]
    fn multi_step_falls_after_the_epochs_named() {
        let kind = Kind::MultiStep(MultiStepLr { milestones: vec![1, 3], gamma: 0.5 });
        expect(&course(5, kind), &[0.1, 0.05, 0.05, 0.025, 0.025]);
    }

    #[test]
    fn exponential_falls_every_epoch() {
        expect(&course(4, Kind::Exponential(ExponentialLr { gamma: 0.5 })), &[0.1, 0.05, 0.025, 0.0125]);
    }

    #[test]
    fn cosine_would_arrive_one_epoch_after_the_last() {
        let expected = [0.1, 0.09140576475, 0.06890576475, 0.04109423525, 0.01859423525, 0.01];
        expect(&course(5, Kind::Cosine(CosineLr { min_lr: 0.01 })), &expected);
    }

    #[test]
    fn polynomial() {
        let expected = [0.1, 0.08180521461, 0.06314458675, 0.04383832906, 0.02349237886];
        expect(&course(5, Kind::Polynomial(PolynomialLr { power: 0.9 })), &expected);
    }

    #[test]
    fn one_cycle_rises_and_falls() {
        let cycle = |epochs, rise| course(epochs, Kind::OneCycle(OneCycleLr { rise, ..OneCycleLr::default() }));
        let expected =
            [0.04, 0.52, 1.0, 0.950484632, 0.8117456539, 0.6112620219, 0.3887419781, 0.1882583461, 0.04951936799, 4e-6];
        expect(&cycle(10, 0.3), &expected);
        expect(&cycle(5, 0.5), &[0.04, 0.76, 0.9045088792, 0.3454941208, 4e-6]);
        expect(&cycle(4, 0.2), &[0.9903926786, 0.6913429508, 0.2222179946, 4e-6]);
        expect(&cycle(1, 0.3), &[4e-6]);
        // The rise has length 0, where PyTorch divides by zero.
        expect(&cycle(2, 0.5), &[1.0, 4e-6]);
    }

    fn watch(metric: &str, rule: PlateauLr, values: &[f64]) -> Vec<f64> {
        let mut schedule = course(values.len(), Kind::Plateau(PlateauLr { metric: metric.into(), ..rule }));
        let mut rates = Vec::new();
        for (done, value) in values.iter().enumerate() {
            rates.push(schedule.rate(done + 1));
            schedule.epoch_ended(&EpochRecord { epoch: done + 1, values: vec![(metric.into(), *value)] });
            // Every epoch through the file: a resume changes nothing.
            let kept: Plateau = toml::from_str(&toml::to_string(schedule.plateau()).unwrap()).unwrap();
            schedule.resume(kept);
        }
        rates.iter().map(|rate| (rate * 1e9).round() / 1e9).collect()
    }

    #[test]
    fn plateau_falls_when_a_loss_stops_falling() {
        let rule = PlateauLr { patience: 1, cooldown: 2, min_lr: 1e-3, ..PlateauLr::default() };
        let losses = [1.0, 0.9, 0.9, 0.89995, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.6, 0.6];
        let expected = [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001];
        assert_eq!(watch("val_loss", rule, &losses), expected);
    }

    #[test]
    fn plateau_falls_when_a_score_stops_rising() {
        let rule = PlateauLr { factor: 0.5, patience: 1, threshold: 1e-2, ..PlateauLr::default() };
        let scores = [0.5, 0.6, 0.60001, 0.6, 0.7, f64::NAN, 0.7, 0.1];
        assert_eq!(watch("val_dice", rule, &scores), [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]);
    }

    fn warmed(warm: usize, start_factor: f64, epochs: usize, kind: &Kind) -> LrSchedule {
        LrSchedule::new(0.1, kind, &LrWarmup { epochs: warm, start_factor }, epochs)
    }

    /// `SequentialLR([LinearLR(0.2, 1, 4), schedule], [4])`.
    #[test]
    fn a_schedule_begins_when_the_warm_up_is_over() {
        const WARM: [f64; 4] = [0.02, 0.04, 0.06, 0.08];
        let expect = |epochs, kind: Kind, after: &[f64]| {
            expect(&warmed(4, 0.2, epochs, &kind), &[&WARM[..], after].concat());
        };
        expect(6, Kind::default(), &[0.1, 0.1]);
        expect(11, Kind::Step(StepLr { every: 3, gamma: 0.1 }), &[0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001]);
        let milestones = MultiStepLr { milestones: vec![1, 3], gamma: 0.5 };
        expect(9, Kind::MultiStep(milestones), &[0.1, 0.05, 0.05, 0.025, 0.025]);
        expect(8, Kind::Exponential(ExponentialLr { gamma: 0.5 }), &[0.1, 0.05, 0.025, 0.0125]);
        let cosine = [0.1, 0.09140576475, 0.06890576475, 0.04109423525, 0.01859423525];
        expect(9, Kind::Cosine(CosineLr { min_lr: 0.01 }), &cosine);
        let polynomial = [0.1, 0.08180521461, 0.06314458675, 0.04383832906, 0.02349237886];
        expect(9, Kind::Polynomial(PolynomialLr { power: 0.9 }), &polynomial);
    }

    /// As there, for `OneCycleLR(max_lr = 1, total_steps = 10)`, which sets `initial_lr` to 1/25.
    #[test]
    fn a_warm_up_before_one_cycle_rises_to_its_start() {
        let expected = [
            0.02,
            0.03,
            0.04,
            0.52,
            1.0,
            0.950484632,
            0.8117456539,
            0.6112620219,
            0.3887419781,
            0.1882583461,
            0.04951936799,
            4e-6,
        ];
        expect(&warmed(2, 0.5, 12, &Kind::OneCycle(OneCycleLr::default())), &expected);
    }

    #[test]
    fn a_warm_up_may_be_all_of_a_run() {
        for kind in [Kind::default(), Kind::Cosine(CosineLr::default()), Kind::Polynomial(PolynomialLr::default())] {
            expect(&warmed(4, 0.2, 4, &kind), &[0.02, 0.04, 0.06, 0.08]);
        }
    }

    /// By hand: PyTorch's `SequentialLR` takes no plateau. Without the warm-up, patience would be over after the third epoch.
    #[test]
    fn patience_begins_after_the_warm_up() {
        let rule = PlateauLr { metric: "val_loss".into(), patience: 1, ..PlateauLr::default() };
        let mut schedule = warmed(3, 0.4, 8, &Kind::Plateau(rule));
        let mut rates = Vec::new();
        for epoch in 1..=8 {
            rates.push(schedule.rate(epoch));
            schedule.epoch_ended(&EpochRecord { epoch, values: vec![("val_loss".into(), 1.0)] });
        }
        let expected = [0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.01, 0.01];
        assert!(rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 1e-12), "{rates:?}");
    }
}
