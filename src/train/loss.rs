//! From the weights in the experiment to the number that is minimised.

use crate::config::{Loss, Term};
use crate::ops::{Node, Tape, TermLoss, hide_ignored, one_vs_rest, term, weighted_sum};
use candle_core::{Result, Tensor};
use std::collections::BTreeMap;

/// The name of what is minimised among the [terms](BatchLoss::terms), where it is not the weighted sum of the others.
pub const MINIMISED: &str = "loss";

/// What a batch's loss comes to.
pub struct BatchLoss {
    /// The weighted sum of the terms, a scalar on the tape.
    pub sum: Node,
    /// Of each term beside BCE and Dice, the name of its column and its value of each image. With deep supervision also [`MINIMISED`]: the batch's
    /// value for each image.
    pub terms: Vec<(&'static str, Vec<f64>)>,
    /// The logits that scores are made of.
    pub scored: Node,
}

/// The logits that scores, and all terms of a loss but softmax cross-entropy, are made of: the network's own, or, of classes that exclude each
/// other, those [against the rest](one_vs_rest).
///
/// # Shapes
/// logits and the result (n, classes, h, w).
///
/// # Errors
/// If the logits have not four dimensions.
pub fn scored(tape: &Tape, logits: &Node, loss: &Loss) -> Result<Node> {
    if loss.is_exclusive() { one_vs_rest(tape, logits) } else { Ok(logits.clone()) }
}

/// The value of a term; `scored` is what [`scored`] makes of the logits.
///
/// # Errors
/// As [`term`].
pub fn loss_value(tape: &Tape, logits: &Node, scored: &Node, targets: &Tensor, kind: &Term, loss: &Loss) -> Result<TermLoss> {
    let logits = if *kind == Term::SoftmaxCe { logits } else { scored };
    term(tape, logits, targets, kind, &loss.class_weights)
}

/// The weighted sum of the terms, recorded on the tape. A term of weight 0 is left out: it has no part in the gradient, and the columns of
/// BCE and Dice come from the [`Tally`](crate::metric::Tally) anyway.
///
/// # Shapes
/// logits, targets: (n, classes, h, w).
///
/// # Errors
/// If shapes or the number of class weights do not fit, or classes overlap that must not.
pub fn weighted_loss(tape: &Tape, logits: &Node, targets: &Tensor, loss: &Loss) -> Result<BatchLoss> {
    let logits = &hide_ignored(tape, logits, targets)?;
    let scored = scored(tape, logits, loss)?;
    let mut nodes = Vec::new();
    let mut terms = Vec::new();
    for (weight, kind) in loss.terms() {
        let TermLoss { loss, of_images } = loss_value(tape, logits, &scored, targets, &kind, loss)?;
        nodes.push((weight, loss));
        if !kind.is_counted() {
            terms.push((kind.column(), of_images));
        }
    }
    let sum = weighted_sum(tape, &nodes.iter().map(|(weight, term)| (*weight, term)).collect::<Vec<_>>())?;
    Ok(BatchLoss { sum, terms, scored })
}

/// The mean over some logits of the same images, each with the [weighted sum](weighted_loss) of its terms: what deep supervision minimises
/// (Zhou et al. 2018). The terms are those of the last head, but for the one that is minimised.
///
/// # Shapes
/// logits, targets: (n, classes, h, w).
///
/// # Errors
/// As [`weighted_loss`], or without logits.
pub fn supervised_loss(tape: &Tape, logits: &[Node], targets: &Tensor, loss: &Loss) -> Result<BatchLoss> {
    let Some((last, side)) = logits.split_last() else { candle_core::bail!("no logits to take a loss of") };
    let last = weighted_loss(tape, last, targets, loss)?;
    if side.is_empty() {
        return Ok(last);
    }
    let sides = side.iter().map(|logits| Ok(weighted_loss(tape, logits, targets, loss)?.sum)).collect::<Result<Vec<Node>>>()?;
    let share = 1.0 / logits.len() as f64;
    let terms: Vec<(f64, &Node)> = sides.iter().chain([&last.sum]).map(|sum| (share, sum)).collect();
    let sum = weighted_sum(tape, &terms)?;
    let value = f64::from(sum.value().to_scalar::<f32>()?);
    let mut terms = last.terms;
    terms.push((MINIMISED, vec![value; targets.dim(0)?]));
    Ok(BatchLoss { sum, terms, ..last })
}

/// The same sum of terms that are numbers already; `terms` by the names of their columns. Where [`MINIMISED`] is among them, that.
pub fn total(bce: f64, dice_loss: f64, terms: &BTreeMap<String, f64>, loss: &Loss) -> f64 {
    if let Some(minimised) = terms.get(MINIMISED) {
        return *minimised;
    }
    let value = |term: &Term| match term {
        Term::Bce => bce,
        Term::Dice => dice_loss,
        further => terms.get(further.column()).copied().unwrap_or(f64::NAN),
    };
    loss.terms().into_iter().map(|(weight, term)| weight * value(&term)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Tally, weighted_mean};
    use candle_core::{Device, Var};

    fn batch() -> (Vec<f32>, Vec<f32>) {
        let logits = (0..2 * 2 * 12).map(|i| ((i * 37) % 50) as f32 / 10.0 - 2.5).collect();
        (logits, (0..2 * 2 * 12).map(|i| f32::from(i % 3 == 0)).collect())
    }

    /// Two definitions of the same losses, in ops (with gradients) and in metric (for the columns), give the same numbers.
    #[test]
    fn columns_report_what_is_minimised() {
        let (logits, targets) = batch();
        for (bce, dice, class_weights) in [(0.5, 0.5, vec![]), (1.0, 0.0, vec![1.0, 3.0]), (0.0, 2.0, vec![0.5, 0.0])] {
            let loss = Loss { bce, dice, class_weights, ..Loss::default() };
            let tensor = |v: &[f32]| Tensor::from_slice(v, (2, 2, 3, 4), &Device::Cpu).unwrap();
            let tape = Tape::inference();
            let trained = weighted_loss(&tape, &tape.constant(&tensor(&logits)), &tensor(&targets), &loss).unwrap();
            let mut tally = Tally::new(2);
            tally.add(2, &logits, &targets);
            let scores = tally.scores();
            let mean = |values: &[f64]| weighted_mean(values, &loss.class_weights);
            let reported = total(mean(&scores.bce), mean(&scores.dice_loss), &BTreeMap::new(), &loss);
            let trained = f64::from(trained.sum.value().to_scalar::<f32>().unwrap());
            assert!((reported - trained).abs() < 1e-6, "{loss:?}: {reported} reported, {trained} trained");
        }
    }

    #[test]
    fn a_term_of_weight_zero_has_no_part_in_the_gradient() {
        let (logits, targets) = batch();
        let gradient = |loss: Loss| {
            let var = Var::from_slice(&logits, (2, 2, 3, 4), &Device::Cpu).unwrap();
            let targets = Tensor::from_slice(&targets, (2, 2, 3, 4), &Device::Cpu).unwrap();
            let tape = Tape::training();
            let loss = weighted_loss(&tape, &tape.param(0, &var), &targets, &loss).unwrap();
            let gradients = tape.backward(&loss.sum).unwrap();
            gradients.get(0).map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        let only_bce = gradient(Loss { bce: 1.0, dice: 0.0, ..Loss::default() });
        let both = gradient(Loss { bce: 1.0, dice: 1.0, ..Loss::default() });
        assert!(only_bce.is_some() && only_bce != both);
        // d bce / dx = (σ(x) − t) / number of pixels and classes, here of the first pixel: x = −2.5, t = 1.
        let expected = (1.0 / (1.0 + 2.5f32.exp()) - 1.0) / 48.0;
        assert!((only_bce.unwrap()[0] - expected).abs() < 1e-7);
        assert_eq!(gradient(Loss { bce: 0.0, dice: 0.0, ..Loss::default() }), None);
    }
}
