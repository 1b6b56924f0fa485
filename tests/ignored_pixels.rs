//! Pixels that count nowhere: no term of the loss, no score and no extra metric depends on what a network says there, and no gradient goes there. Oracles
//! are the same terms of the other pixels alone, and PyTorch's `ignore_index` (scripts/ignore_oracle.py).

use candle_core::{Device, Tensor, Var};
use umlaut::config::Loss;
use umlaut::metric::{ExtraMetric, Extras, Tally};
use umlaut::ops::{Tape, hide_ignored, is_ignored, one_vs_rest, term};

const SHAPE: (usize, usize, usize, usize) = (2, 2, 6, 7);
const COUNT: usize = 2 * 2 * 6 * 7;

fn tensor(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, SHAPE, &Device::Cpu).unwrap()
}

fn logits() -> Vec<f32> {
    (0..COUNT).map(|i| ((i * 37) % 50) as f32 / 10.0 - 2.5).collect()
}

/// Every fifth pixel does not count, and nothing of the second class of the second image, unless pixels count for `all` classes or for none. Classes do
/// not overlap.
fn targets(all: bool) -> Vec<f32> {
    let value = |i: usize| match ((i % 42).is_multiple_of(5) || (i / 42 == 3 && !all), i / 42 % 2) {
        (true, _) => -0.0,
        (false, 0) => f32::from(u8::from((i % 42).is_multiple_of(3))),
        (false, _) => f32::from(u8::from(i % 42 % 3 == 1)),
    };
    (0..COUNT).map(value).collect()
}

/// The value of a loss and its gradient.
fn trained(loss: &Loss, logits: &[f32], targets: &[f32]) -> (f32, Vec<f32>) {
    let (tape, targets) = (Tape::training(), tensor(targets));
    let logits = tape.param(0, &Var::from_tensor(&tensor(logits)).unwrap());
    let hidden = hide_ignored(&tape, &logits, &targets).unwrap();
    let scored = if loss.is_exclusive() { one_vs_rest(&tape, &hidden).unwrap() } else { hidden.clone() };
    let (_, kind) = loss.terms().remove(0);
    let read = if loss.is_exclusive() { &hidden } else { &scored };
    let computed = term(&tape, read, &targets, &kind, &loss.class_weights).unwrap().loss;
    let value = computed.value().to_scalar::<f32>().unwrap();
    let gradient = tape.backward(&computed).unwrap().get(0).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (value, gradient)
}

#[test]
fn no_term_depends_on_pixels_that_do_not_count() {
    let all = Loss::default().reweighted(|_| 1.0);
    for (_, kind) in all.terms() {
        let loss = all.reweighted(|other| if other.column() == kind.column() { 1.0 } else { 0.0 });
        let targets = targets(loss.is_exclusive());
        let (value, gradient) = trained(&loss, &logits(), &targets);
        let counts = |i: usize| !is_ignored(targets[i]);
        let other: Vec<f32> = logits().iter().enumerate().map(|(i, x)| if counts(i) { *x } else { 7.0 - 3.0 * x }).collect();
        assert_eq!(trained(&loss, &other, &targets), (value, gradient.clone()), "{kind:?}");
        for (i, g) in gradient.iter().enumerate().filter(|(i, _)| !counts(*i)) {
            assert_eq!(*g, 0.0, "{kind:?} at {i}");
        }
        assert!(gradient.iter().any(|g| *g != 0.0) && value.is_finite(), "{kind:?}");
    }
}

/// Oracle: cross-entropy of the pixels that count, in f64, their mean for each class of each image; classes that are not annotated cost nothing.
#[test]
fn cross_entropy_is_the_mean_over_pixels_that_count() {
    let loss = Loss { bce: 1.0, dice: 0.0, ..Loss::default() };
    let of = |x: f32, t: f32| f64::from(x).max(0.0) - f64::from(x * t) + (-f64::from(x).abs()).exp().ln_1p();
    let (x, t) = (logits(), targets(false));
    let plane = |plane: usize| {
        let counted: Vec<f64> = (plane * 42..plane * 42 + 42).filter(|i| !is_ignored(t[*i])).map(|i| of(x[i], t[i])).collect();
        if counted.is_empty() { 0.0 } else { counted.iter().sum::<f64>() / counted.len() as f64 }
    };
    let want = (0..4).map(plane).sum::<f64>() / 4.0;
    assert!((f64::from(trained(&loss, &x, &t).0) - want).abs() < 1e-6);
}

/// Oracle: torch.nn.functional.cross_entropy(…, ignore_index=-100) of each image, their mean; scripts/ignore_oracle.py prints it.
#[test]
fn softmax_cross_entropy_is_pytorchs_with_ignore_index() {
    let mut loss = Loss { bce: 0.0, dice: 0.0, class_weights: vec![1.0, 3.0], ..Loss::default() };
    loss.softmax_ce.weight = 1.0;
    let value = f64::from(trained(&loss, &logits(), &targets(true)).0);
    assert!((value - 1.380_566_431_055_546_3).abs() < 1e-6, "{value}");
}

#[test]
fn no_score_depends_on_pixels_that_do_not_count() {
    let (targets, classes) = (targets(false), ["a".to_owned(), "b".to_owned()]);
    let extras = Extras::new(&ExtraMetric::ALL, [6, 7], Some([0.5, 0.5]), &classes);
    let measured = |logits: &[f32]| {
        let mut tally = Tally::new(2);
        let images = tally.add(2, logits, &targets);
        (format!("{images:?}"), format!("{:?}", tally.scores()), format!("{:?}", extras.of(logits, &targets)))
    };
    let other: Vec<f32> = logits().iter().zip(&targets).map(|(x, t)| if is_ignored(*t) { 7.0 - 3.0 * x } else { *x }).collect();
    assert_eq!(measured(&logits()), measured(&other));
    let mut tally = Tally::new(2);
    let images = tally.add(2, &logits(), &targets);
    assert!(images[3].dice.is_nan() && images[3].bce.is_nan(), "the class is not annotated there");
    let scores = tally.scores();
    assert_eq!(scores.dice[1], images[1].dice, "the mean is over images where the class is annotated");
    assert_eq!(scores.bce[1], images[1].bce / 2.0, "as what is minimised has it");
}
