//! Curves of known shape, and a problem of one weight whose course can be followed by hand.

use super::*;
use crate::data::Sample;
use crate::model::{Mode, Network, Params};
use crate::ops::{Map, Node, Tape};
use candle_core::{DType, Device, Tensor, Var};

/// A step a learning rate from 1e-6 to 1, with these losses by the decimal logarithm.
fn curve(steps: usize, loss: impl Fn(f64) -> f64) -> Vec<LrStep> {
    let range = LrRange { from: 1e-6, to: 1.0, steps };
    let step = |at: usize| {
        let lr = range.lr(at);
        LrStep { lr, loss: loss(lr.log10()), smoothed: 0.5 }
    };
    (0..steps).map(step).collect()
}

/// Falls from 1 to 0 around 10^place, a decade wide, and rises again at the right end.
fn valley(place: f64) -> impl Fn(f64) -> f64 {
    move |x| 1.0 / (1.0 + (4.0 * (x - place)).exp()) + 2.0 * (x + 0.5).max(0.0)
}

/// Where the loss falls fastest.
fn fastest(search: &LrSearch) -> Option<f64> {
    search.steepest.map(|at| search.steps[at].lr)
}

#[test]
fn learning_rates_grow_by_one_factor_from_the_first_to_the_last() {
    let lrs: Vec<f64> = (0..5).map(|step| LrRange { from: 1e-4, to: 1.0, steps: 5 }.lr(step)).collect();
    assert!(lrs.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]).all(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{lrs:?}");
}

/// A logistic curve is steepest in its middle, however many steps there are.
#[test]
fn the_suggestion_is_where_the_loss_falls_fastest() {
    for (steps, place) in [(60, -3.0), (100, -3.0), (100, -2.0), (700, -4.0)] {
        let search = judged(curve(steps, valley(place)));
        let suggested = fastest(&search).unwrap().log10();
        assert!((suggested - place).abs() <= 6.0 / (steps - 1) as f64, "{steps} steps: 1e{suggested} for 1e{place}");
        let least = search.steps[search.least.unwrap()].lr.log10();
        assert!((-2.0..=-0.5).contains(&least), "least at 1e{least}");
    }
}

/// Losses that jump up and down by more than the curve falls between two of them, as those of batches do.
#[test]
fn single_steps_that_jump_do_not_decide() {
    let mut steps = curve(200, valley(-3.0));
    steps.iter_mut().step_by(2).for_each(|step| step.loss += 0.05);
    let suggested = fastest(&judged(steps)).unwrap().log10();
    assert!((suggested + 3.0).abs() < 0.1, "1e{suggested}");
}

/// A parabola, whose least-squares line over a window about its top is level at the window's mean. Oracle of the other line: SciPy's `linregress`,
/// slope and stderr.
#[test]
fn a_fitted_loss_is_the_value_of_a_line_through_its_neighbours() {
    let search = judged(curve(49, |x| 1.2 - (x + 3.0) * (x + 3.0)));
    // The step at 1e-3 has place 24; the mean of x² over the window is 60 · 0.125² / 9.
    assert!((search.fitted[24] - (1.2 - 60.0 / 64.0 / 9.0)).abs() < 1e-9, "{}", search.fitted[24]);
    let points: Vec<(f64, f64)> = (-4..=4).map(|k| f64::from(k) / 8.0).map(|x| (x, 2.0 - 3.0 * x + x * x)).collect();
    let line = Line::through(&points);
    assert!((line.slope + 3.0).abs() < 1e-12 && (line.error - 0.107_043_6).abs() < 1e-6, "{} ± {}", line.slope, line.error);
}

#[test]
fn half_a_decade_at_both_ends_and_what_comes_after_the_least_are_not_suggested() {
    let near = |loss: fn(f64) -> f64, place: f64| {
        let suggested = fastest(&judged(curve(121, loss))).unwrap().log10();
        assert!((suggested - place).abs() < 1e-6, "1e{suggested} for 1e{place}");
    };
    near(|x| x * x, -5.5);
    near(|x| -(x + 6.0) * (x + 6.0), -0.5);
    // Falls from 1e-4 to 1e-3, and after the least once more and faster, but not as far.
    let fall = |x: f64| match x {
        x if x < -4.0 => 4.0,
        x if x < -3.0 => 4.0 - 3.0 * (x + 4.0),
        x if x < -2.0 => 1.0 + 5.0 * (x + 3.0),
        x => 6.0 - 4.0 * (x + 2.0).min(1.0),
    };
    let search = judged(curve(121, fall));
    let least = search.steps[search.least.unwrap()].lr.log10();
    assert!((-3.5..=-3.0).contains(&least), "1e{least}");
    let suggested = fastest(&search).unwrap().log10();
    assert!((-4.0..=-3.0).contains(&suggested), "1e{suggested}");
}

#[test]
fn nothing_is_suggested_where_nothing_falls_or_too_little_was_seen() {
    let rising = judged(curve(100, |x| x));
    assert_eq!((fastest(&rising), rising.least), (None, Some(8)), "8 steps are half a decade");
    assert_eq!(rising.whole, 8..92);
    let unknown = judged(curve(30, |_| f64::NAN));
    assert_eq!((fastest(&unknown), unknown.least), (None, None));
    let two = judged(curve(2, |x| -x));
    assert_eq!((fastest(&two), two.least), (None, Some(1)));
    assert!(fastest(&judged(curve(20, |x| -x))).is_some());
    // Batches differ and nothing falls: a wave that fits no line.
    assert_eq!(fastest(&judged(curve(100, |x| (x * 700.0).sin()))), None);
}

/// Oracle: the sum that the recurrence stands for, x̄ₜ = Σ (1 − β) βᵗ⁻ⁱ xᵢ / (1 − βᵗ).
#[test]
fn smoothing_is_a_weighted_mean_from_the_first_loss_on() {
    let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0];
    let mut smooth = Smooth::default();
    for t in 1..=values.len() {
        let weights: Vec<f64> = (1..=t).map(|i| 0.02 * 0.98f64.powi((t - i) as i32)).collect();
        let sum: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
        let expected = sum / (1.0 - 0.98f64.powi(t as i32));
        assert!((smooth.next(values[t - 1]) - expected).abs() < 1e-12);
    }
}

/// One weight, which is the logit of every pixel.
struct OneWeight(Params);

impl OneWeight {
    fn at(value: f32) -> Self {
        let weight = Var::from_tensor(&Tensor::full(value, (1, 1, 1, 1), &Device::Cpu).unwrap()).unwrap();
        assert_eq!(weight.dtype(), DType::F32);
        Self(Params { trained: vec![("w".into(), weight)], buffers: Vec::new() })
    }
}

impl Network for OneWeight {
    fn forward_map(&self, tape: &Tape, images: Map, _: Mode) -> candle_core::Result<Node> {
        let shape = images.shape();
        let weight = &self.0.trained[0].1;
        let logits = weight.broadcast_as((shape.n, 1, shape.h, shape.w))?.contiguous()?;
        Ok(tape.record(logits, &[&tape.param(0, weight)], |grad| Ok(vec![Some(grad.sum_all()?.reshape((1, 1, 1, 1))?)])))
    }

    fn params(&self) -> &Params {
        &self.0
    }
}

/// Grey images of 2×2 pixels, half of which are marked.
fn data(samples: usize) -> Dataset {
    let sample = |i: usize| Sample { name: format!("sample {i}"), image: vec![0.5; 4].into(), mask: vec![1, 1, 0, 0] };
    Dataset {
        channels: 1,
        classes: vec!["half".into()],
        size: [2, 2],
        samples: (0..samples).map(sample).collect(),
        official_test: vec![false; samples],
        fingerprint: String::new(),
        sources: vec![String::new(); samples],
    }
}

fn experiment(training: &str) -> Experiment {
    let toml = format!(
        "name = 'x'\n[loss]\nbce = 1.0\ndice = 0.0\n[optimizer.sgd]\nmomentum = 0.0\n[training]\nbatch_size = 2\n{training}"
    );
    toml::from_str(&toml).unwrap()
}

/// [`search`] of one weight.
fn search_on_cpu(
    experiment: &Experiment,
    data: &Dataset,
    train: &[usize],
    network: &OneWeight,
    range: LrRange,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&LrStep),
) -> Result<Option<LrSearch>, Error> {
    let learner = Learner::new(experiment, data, network, Normaliser::None);
    let mut engine = engine(&TrainingDevice::cpu(), learner, Accumulation::default()).unwrap();
    search(experiment, data, train, engine.as_mut(), range, stop, each)
}

/// What a search on half-marked images finds, begun at weight 3.
fn searched(training: &str, range: LrRange) -> LrSearch {
    let data = data(5);
    let found = search_on_cpu(&experiment(training), &data, &[0, 1, 2, 3, 4], &OneWeight::at(3.0), range, &|| false, &mut |_| ());
    found.unwrap().unwrap()
}

/// Oracle: gradient descent by hand on softplus(w) − w/2, the mean of BCE over half-marked pixels, whose derivative is σ(w) − 1/2. Its minimum has
/// curvature 1/4, so that descent is stable up to a learning rate of 8.
#[test]
fn a_search_descends_as_gradient_descent_and_ends_where_it_diverges() {
    let range = LrRange { from: 1e-3, to: 1e5, steps: 80 };
    let search = searched("", range);
    let mut w = 3.0f64;
    for (at, step) in search.steps.iter().enumerate() {
        let expected = w.max(0.0) + (-w.abs()).exp().ln_1p() - w / 2.0;
        assert!(step.lr > 8.0 || (step.loss - expected).abs() < 1e-5, "step {at}: {} for {expected}", step.loss);
        w -= range.lr(at) * (1.0 / (1.0 + (-w).exp()) - 0.5);
    }
    let last = search.steps.last().unwrap();
    let least = search.steps.iter().map(|step| step.smoothed).fold(f64::INFINITY, f64::min);
    assert!(search.steps.len() < 80 && last.lr > 8.0 && last.smoothed > 4.0 * least, "{last:?}");
    assert!(search.steps[..search.steps.len() - 1].iter().all(|step| step.smoothed <= 4.0 * least));
    let suggestion = fastest(&search).unwrap();
    assert!((1e-1..8.0).contains(&suggestion), "{suggestion}");
}

/// Five samples are three batches of two, two and one; all losses are equal, so an epoch is two updates if two batches are waited for.
#[test]
fn batches_are_accumulated_and_gradients_clipped_as_in_training() {
    let range = LrRange { from: 1.0, to: 2.0, steps: 20 };
    let seen = |training: &str| -> Vec<f64> { searched(training, range).steps.iter().map(|step| step.loss).collect() };
    let plain = seen("");
    // A mean of equal gradients is that gradient, up to the rounding of f32.
    assert!(plain.iter().zip(seen("accumulate = 2")).all(|(a, b)| (a - b).abs() < 1e-5));
    // The first gradient is σ(3) − 1/2 = 0.4526; clipped to 0.1 it leads to w = 2.9.
    let expected = 2.9 + (-2.9f64).exp().ln_1p() - 1.45;
    let clipped = seen("clip_norm = 0.1");
    assert!(clipped[0] == plain[0] && (clipped[1] - expected).abs() < 1e-5, "{} for {expected}", clipped[1]);
}

#[test]
fn whoever_asks_to_stop_gets_nothing() {
    let (data, mut seen) = (data(5), 0);
    let range = LrRange { from: 1e-3, to: 1e-2, steps: 50 };
    let asked = std::cell::Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) == 6;
    let found = search_on_cpu(&experiment(""), &data, &[0, 1, 2, 3, 4], &OneWeight::at(3.0), range, &stop, &mut |_| seen += 1);
    assert!(found.unwrap().is_none());
    assert_eq!(seen, 7, "a step a batch, across the epochs");
}

/// A weight that is no number from the start.
#[test]
fn a_loss_that_is_no_number_is_kept_and_ends_the_search() {
    let range = LrRange { from: 1e-3, to: 1e-2, steps: 50 };
    let found = search_on_cpu(&experiment(""), &data(5), &[0, 1], &OneWeight::at(f32::NAN), range, &|| false, &mut |_| ());
    let found = found.unwrap().unwrap();
    assert!(found.steps.len() == 1 && found.steps[0].loss.is_nan(), "{found:?}");
    assert_eq!((found.steepest, found.least), (None, None));
}

/// Losses that arrive so many batches late, as those of a GPU do.
struct Told {
    losses: Vec<f64>,
    late: usize,
    submitted: usize,
    message: usize,
}

impl Told {
    fn until(&mut self, end: usize) -> Vec<f64> {
        let begin = self.message;
        self.message = begin.max(end);
        self.losses[begin..self.message].to_vec()
    }
}

impl Steps for Told {
    fn submit(&mut self, _: Option<f64>, _: &mut Scored) -> Result<Vec<f64>, Error> {
        self.submitted += 1;
        Ok(self.until(self.submitted.saturating_sub(self.late)))
    }

    fn drain(&mut self, _: &mut Scored) -> Result<Vec<f64>, Error> {
        Ok(self.until(self.submitted))
    }
}

/// The mean over the batches of an update, or the first of their losses that is no finite number, whenever they arrive.
#[test]
fn a_loss_that_arrives_late_counts_as_one_that_is_there_at_once() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (losses, expected) in
        [(vec![1.0, 2.0, 6.0], 3.0), (vec![1.0, inf, nan], inf), (vec![nan, 1.0, inf], nan), (vec![1.0, 2.0, nan], nan)]
    {
        for late in [0, 1, 2, 8] {
            let mut steps = Told { losses: losses.clone(), late, submitted: 0, message: 0 };
            let loss = update(&mut steps, 3, 0.1, &mut Scored::new(1)).unwrap();
            assert!(loss == expected || loss.is_nan() && expected.is_nan(), "{losses:?}, {late} late: {loss}");
        }
    }
}
