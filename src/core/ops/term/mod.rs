//! Terms of a loss beside cross-entropy and soft Dice: of each image its value, and the gradient of its logits.
//!
//! All sums are in f64, in the order of the pixels; planes (a class of an image) or images go to threads whole, so results are the same on any
//! number of them.

mod boundary;
mod lovasz;
mod pixels;
mod regions;
mod softmax;

use super::bce::class_shares;
use super::storage::{scalar, tensor, values};
use super::{Node, Tape};
use crate::config::Term;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// A term of a batch.
pub struct TermLoss {
    /// Its mean over the images, a scalar on the tape.
    pub loss: Node,
    /// Its value of each image.
    pub of_images: Vec<f64>,
}

/// Value and gradient of a plane's logits (or of an image's).
type ValueAndGradient = (f64, Vec<f64>);

/// The mean over images of `Σ_c w_c · l_c / Σ_c w_c`, l_c being the term of class c of an image; without `class_weights` every class has
/// weight 1. What softmax cross-entropy makes of class weights, see there.
///
/// # Shapes
/// logits and targets (n, classes, h, w), targets in {0, 1}.
///
/// # Errors
/// If shapes or the number of weights do not fit, or classes overlap that must not.
pub fn term(tape: &Tape, logits: &Node, targets: &Tensor, term: &Term, class_weights: &[f64]) -> Result<TermLoss> {
    let (n, classes, h, w) = logits.value().dims4()?;
    let shares = class_shares(logits.value(), targets, class_weights)?;
    let (x, t) = (values(logits.value())?, values(targets)?);
    let pairs = |len: usize| x.par_chunks(len).zip(t.par_chunks(len)).enumerate();
    let computed: Vec<ValueAndGradient> = if *term == Term::SoftmaxCe {
        pairs(classes * h * w)
            .map(|(_, (x, t))| softmax::value_and_gradient(x, t, h * w, class_weights))
            .collect::<Result<_>>()?
    } else {
        let weigh = |class: usize, (value, gradient): ValueAndGradient| {
            let share = shares[class];
            (share * value, gradient.into_iter().map(|g| share * g).collect())
        };
        pairs(h * w).map(|(i, (x, t))| weigh(i % classes, plane(term, i % classes, x, t, [h, w]))).collect()
    };
    let of_images: Vec<f64> = computed.chunks(computed.len() / n).map(|image| image.iter().map(|p| p.0).sum()).collect();
    let gradient: Vec<f32> = computed.iter().flat_map(|(_, gradient)| gradient.iter().map(|g| (g / n as f64) as f32)).collect();
    let loss = scalar(of_images.iter().sum::<f64>() / n as f64)?;
    let loss = tape.record(loss, &[logits], move |dy| {
        let dy = values(&dy)?[0];
        Ok(vec![Some(tensor(gradient.into_iter().map(|g| g * dy).collect(), (n, classes, h, w))?)])
    });
    Ok(TermLoss { loss, of_images })
}

/// The weights of the boundary's term for the pixels of a sample.
///
/// # Shapes
/// mask and result classes · h · w.
pub fn boundary_weights(mask: &[u8], size: [usize; 2], boundary: &crate::config::Boundary) -> Vec<f32> {
    let of_plane = |plane: &[u8]| {
        let mask: Vec<f32> = plane.iter().map(|marked| f32::from(u8::from(*marked != 0))).collect();
        boundary::weights(&mask, size, boundary.w0, boundary.sigma)
    };
    mask.chunks(size[0] * size[1]).flat_map(of_plane).map(|weight| weight as f32).collect()
}

fn plane(term: &Term, class: usize, x: &[f32], t: &[f32], size: [usize; 2]) -> ValueAndGradient {
    match term {
        Term::WeightedBce(o) => pixels::weighted_bce(x, t, o.pos_weight.get(class).copied().unwrap_or(1.0)),
        Term::Tversky(o) => regions::tversky(x, t, [o.alpha, o.beta]),
        Term::Focal(o) => pixels::focal(x, t, o.gamma, o.alpha),
        Term::FocalTversky(o) => regions::focal_tversky(x, t, [o.alpha, o.beta], o.gamma),
        // TP + FP + FN is the soft union.
        Term::Jaccard => regions::tversky(x, t, [1.0, 1.0]),
        Term::Lovasz => lovasz::value_and_gradient(x, t),
        Term::Boundary(o) => pixels::weighted(x, t, &boundary::weights(t, size, o.w0, o.sigma)),
        Term::SoftmaxCe => unreachable!("goes by images"),
    }
}

/// `1 / (1 + e^−x)` and `ln(1 + e^−x)`, exact for large |x|.
fn logistic(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let probability = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (probability, small.ln_1p() + if x < 0.0 { -x } else { 0.0 })
}
