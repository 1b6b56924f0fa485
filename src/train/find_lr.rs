//! The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3): training with a learning
//! rate that grows from update to update, to see from where on the loss falls and from where on it no longer does.
//!
//! An update is what it is in training: the same batches in the same order, augmented, normalised, with the loss computed, gradients averaged and clipped in the same
//! way, from the same initial weights; the schedule of the learning rate alone has no part. Nothing is written here.

use super::engine::{Engine, Learner, Scored, Steps, engine};
use super::gradient::Accumulation;
use super::{Error, TrainingDevice, check, drawn, initial_weights};
use crate::config::Experiment;
use crate::data::{self, Dataset, Draw, Normaliser, Splits};
use crate::record::{LrSearch, LrStep};
use std::ops::ControlFlow::{self, Break, Continue};

/// Share of the average so far in the next average of losses.
const BETA: f64 = 0.98;

/// A smoothed loss that is this many times the least one ends the search, as in fastai's `lr_find`.
const DIVERGED: f64 = 4.0;

/// Decades of the learning rate on either side of a step over which a line is laid through the losses.
const REACH: f64 = 0.5;

/// How many of its own standard errors a line must fall: less is what batches differ by.
const CERTAIN: f64 = 3.0;

/// Which learning rates are tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrRange {
    /// The first, above 0.
    pub from: f64,
    /// The last, above the first.
    pub to: f64,
    /// How many, two at least.
    pub steps: usize,
}

impl LrRange {
    /// The learning rate of a step, counted from 0: each is the same multiple of the one before.
    fn lr(&self, step: usize) -> f64 {
        self.from * libm::pow(self.to / self.from, step as f64 / (self.steps - 1) as f64)
    }
}

/// Trains a run's network from its initial weights with learning rates of this range, one an update; with gradient accumulation an update takes
/// several batches, and its loss is their mean. Ends early when the smoothed loss (exponential moving average with β = 0.98, divided by
/// 1 − βᵗ) is more than four times its least, or a loss is no finite number. `each` hears of every step. `None` if `stop`, asked after every
/// update, says so. The numbers do not depend on the number of threads.
///
/// # Errors
/// [`Error::is_mistake`] if the experiment and the data do not fit, else what failed while computing.
pub fn find_lr(
    experiment: &Experiment,
    data: &Dataset,
    splits: &Splits,
    place: &TrainingDevice,
    range: LrRange,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&LrStep),
) -> Result<Option<LrSearch>, Error> {
    let seed = check::seed(experiment)?;
    check::fits(experiment, data, splits)?;
    let splits = check::limited(experiment, splits, seed)?;
    let network = drawn(experiment, data, seed)?;
    initial_weights::fill(experiment, network.params())?;
    let normaliser = Normaliser::of(experiment.preprocess.normalise, data, &splits.train);
    let learner = Learner::new(experiment, data, network.as_ref(), normaliser);
    let mut engine = engine(place, learner, Accumulation::default())?;
    search(experiment, data, &splits.train, engine.as_mut(), range, stop, each)
}

/// As [`find_lr`], with an engine that trains on these samples.
fn search<'a>(
    experiment: &Experiment,
    data: &Dataset,
    train: &[usize],
    engine: &mut (dyn Engine<'a> + 'a),
    range: LrRange,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&LrStep),
) -> Result<Option<LrSearch>, Error> {
    let training = &experiment.training;
    let seed = training.seeds[0];
    let mut trial = Trial { range, smooth: Smooth::default(), steps: Vec::new(), stop, each };
    for epoch in 1.. {
        let order = data::order(&data::draws(train, experiment.patches.as_ref(), data), seed, epoch);
        let left = (range.steps - trial.steps.len()).saturating_mul(training.accumulate);
        let batches: Vec<&[usize]> = order.chunks(training.batch_size).take(left).collect();
        let draw = Draw::of(experiment, epoch);
        let updates = batches.chunks(training.accumulate).map(<[&[usize]]>::len);
        let mut tried = Ok(Continue(()));
        engine.pass(&batches, draw, &mut |steps| tried = trial.epoch(updates.clone(), Scored::new(data.classes.len()), steps));
        match tried? {
            Continue(()) => {}
            Break(End::Stopped) => return Ok(None),
            Break(End::Done) => break,
        }
    }
    Ok(Some(judged(trial.steps)))
}

/// Why no further update is made.
enum End {
    /// All are made, or the loss has left all bounds.
    Done,
    /// Asked to.
    Stopped,
}

/// The learning rates tried so far.
struct Trial<'a> {
    range: LrRange,
    smooth: Smooth,
    steps: Vec<LrStep>,
    stop: &'a dyn Fn() -> bool,
    each: &'a mut dyn FnMut(&LrStep),
}

impl Trial<'_> {
    /// Updates by so many batches each; the last of an epoch takes those that are left, as in training.
    fn epoch(
        &mut self,
        updates: impl Iterator<Item = usize>,
        mut scored: Scored,
        steps: &mut dyn Steps,
    ) -> Result<ControlFlow<End>, Error> {
        for batches in updates {
            let loss = update(steps, batches, self.range.lr(self.steps.len()), &mut scored)?;
            let step = self.note(loss);
            let least = self.steps.iter().map(|step| step.smoothed).fold(f64::INFINITY, f64::min);
            if !loss.is_finite() || step.smoothed > DIVERGED * least || self.steps.len() == self.range.steps {
                return Ok(Break(End::Done));
            }
            if (self.stop)() {
                return Ok(Break(End::Stopped));
            }
        }
        Ok(Continue(()))
    }

    /// Records the loss of the next step.
    fn note(&mut self, loss: f64) -> LrStep {
        let step = LrStep { lr: self.range.lr(self.steps.len()), loss, smoothed: self.smooth.next(loss) };
        (self.each)(&step);
        self.steps.push(step);
        step
    }
}

/// Updates by the next batches, so many, with a learning rate. Returns their mean loss before it; the first one that is no finite number, after which
/// nothing is to be learned, if there is one.
fn update(steps: &mut dyn Steps, batches: usize, lr: f64, scored: &mut Scored) -> Result<f64, Error> {
    let mut losses = Vec::new();
    for left in (0..batches).rev() {
        losses.extend(steps.submit((left == 0).then_some(lr), scored)?);
        if let Some(loss) = losses.iter().find(|loss| !loss.is_finite()) {
            return Ok(*loss);
        }
    }
    losses.extend(steps.drain(scored)?);
    let odd = losses.iter().find(|loss| !loss.is_finite());
    Ok(odd.copied().unwrap_or(losses.iter().sum::<f64>() / batches as f64))
}

/// An exponential moving average, corrected for its start at 0 as Adam's moments are (Kingma and Ba 2015, section 3).
#[derive(Default)]
struct Smooth {
    average: f64,
    /// 1 − βᵗ.
    weight: f64,
}

impl Smooth {
    fn next(&mut self, value: f64) -> f64 {
        self.average = BETA * self.average + (1.0 - BETA) * value;
        self.weight = BETA * self.weight + (1.0 - BETA);
        self.average / self.weight
    }
}

/// What steps have shown, by local linear regression (Cleveland 1979, without weights): around each step the least-squares line through the losses
/// within half a decade on either side, over the decimal logarithm of the learning rate. Its value there is the fitted loss, its slope says
/// how fast the loss falls.
///
/// The moving average is no measure for that: it trails by β/(1 − β) = 49 updates, which is 3.5 decades of a search of 100 updates over 7. The
/// least fitted loss is looked for where there are losses on both sides as far as a line reaches, if there is such a place, the steepest fall
/// there and up to the least, among lines that fall by three of their standard errors at least.
fn judged(steps: Vec<LrStep>) -> LrSearch {
    let finite = steps.iter().take_while(|step| step.loss.is_finite()).count();
    let points: Vec<(f64, f64)> = steps[..finite].iter().map(|step| (libm::log10(step.lr), step.loss)).collect();
    let decades = points.last().map_or(0.0, |last| last.0 - points[0].0);
    let reach = ((REACH * finite.saturating_sub(1) as f64 / decades).round() as usize).max(1);
    let around = |at: usize| &points[at.saturating_sub(reach)..(at + reach + 1).min(finite)];
    let lines: Vec<Line> = (0..finite).map(|at| Line::through(around(at))).collect();
    let mut fitted: Vec<f64> = lines.iter().zip(&points).map(|(line, (x, _))| line.at(*x)).collect();
    let whole = reach..finite.saturating_sub(reach);
    let least = if whole.is_empty() { 0..finite } else { whole.clone() };
    let least = least.min_by(|a, b| fitted[*a].total_cmp(&fitted[*b]));
    let falling = whole.clone().filter(|at| Some(*at) <= least && lines[*at].slope < -CERTAIN * lines[*at].error);
    let steepest = falling.min_by(|a, b| lines[*a].slope.total_cmp(&lines[*b].slope));
    fitted.resize(steps.len(), f64::NAN);
    LrSearch { steps, fitted, whole, steepest, least }
}

/// A least-squares line.
struct Line {
    middle: (f64, f64),
    slope: f64,
    /// Standard error of the slope.
    error: f64,
}

impl Line {
    /// A level one through a single point.
    fn through(points: &[(f64, f64)]) -> Self {
        let count = points.len() as f64;
        let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / count, points.iter().map(|p| p.1).sum::<f64>() / count);
        let sum = |term: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| term(p.0 - x, p.1 - y)).sum::<f64>();
        let spread = sum(&|x, _| x * x);
        let slope = if spread > 0.0 { sum(&|x, y| x * y) / spread } else { 0.0 };
        let left = sum(&|x, y| (y - slope * x).powi(2));
        Self { middle: (x, y), slope, error: (left / (count - 2.0).max(1.0) / spread).sqrt() }
    }

    fn at(&self, x: f64) -> f64 {
        self.middle.1 + self.slope * (x - self.middle.0)
    }
}

#[cfg(test)]
mod tests;
