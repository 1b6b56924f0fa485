//! Terms of a loss: of each image its value, and the gradient of its logits.
//!
//! [`Form`] says how each is computed, on the CPU here and by `cuda::terms` on a GPU.
//!
//! All sums are in f64, in the order of the pixels; planes (a class of an image) or images go to threads whole, so results are the same on any
//! number of them.

mod boundary;
mod lovasz;
mod pixels;
mod regions;
mod softmax;

use super::bce::{bce_with_logits, class_shares};
use super::dice::soft_dice_loss;
use super::hide::{counted, share};
use super::storage::{scalar, tensor, values};
use super::{Node, Tape};
use crate::config::Term;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// A term of a batch.
pub struct TermLoss {
    /// Its mean over the images, a scalar on the tape.
    pub loss: Node,
    /// Its value of each image; empty of a [counted](Term::is_counted) term.
    pub of_images: Vec<f64>,
}

/// Value and gradient of a plane's logits (or of an image's).
type ValueAndGradient = (f64, Vec<f64>);

/// How a term is computed, with its parameters.
pub(super) enum Form {
    /// Of each plane `(1 − (TP + 1) / (TP + α·FP + β·FN + 1))^γ`.
    Region {
        /// How much wrongly marked pixels count.
        alpha: f64,
        /// How much missed pixels count.
        beta: f64,
        /// The exponent.
        gamma: f64,
    },
    /// Of each plane the mean over its pixels.
    Pixels(Pixel),
    /// Of each plane, its pixels in the order of their errors: the Lovász hinge.
    Ranked,
    /// Of each image, all its classes at once: softmax cross-entropy.
    Exclusive,
}

/// The loss of one pixel.
pub(super) enum Pixel {
    /// Cross-entropy, in which foreground pixels of each class count so much; without a number 1.
    Weighted(Vec<f64>),
    /// Focal loss.
    Focal {
        /// Exponent of what is wrong.
        gamma: f64,
        /// How much foreground pixels count, background pixels the rest to 1.
        alpha: f64,
    },
    /// Cross-entropy with a weight of each pixel ([`boundary_weights`]).
    Boundary {
        /// Greatest weight between two components.
        w0: f64,
        /// Distance over which it falls, in pixels.
        sigma: f64,
    },
}

impl Form {
    /// That of a term; `None` of cross-entropy and soft Dice, which have operations of their own.
    pub fn of(term: &Term) -> Option<Self> {
        Some(match term {
            Term::Bce | Term::Dice => return None,
            Term::WeightedBce(o) => Self::Pixels(Pixel::Weighted(o.pos_weight.clone())),
            Term::Tversky(o) => Self::Region { alpha: o.alpha, beta: o.beta, gamma: 1.0 },
            Term::Focal(o) => Self::Pixels(Pixel::Focal { gamma: o.gamma, alpha: o.alpha }),
            Term::FocalTversky(o) => Self::Region { alpha: o.alpha, beta: o.beta, gamma: o.gamma },
            // TP + FP + FN is the soft union.
            Term::Jaccard => Self::Region { alpha: 1.0, beta: 1.0, gamma: 1.0 },
            Term::Lovasz => Self::Ranked,
            Term::Boundary(o) => Self::Pixels(Pixel::Boundary { w0: o.w0, sigma: o.sigma }),
            Term::SoftmaxCe => Self::Exclusive,
        })
    }
}

/// The mean over images of `Σ_c w_c · l_c / Σ_c w_c`, l_c being the term of class c of an image; without `class_weights` every class has
/// weight 1. What softmax cross-entropy makes of class weights, see there.
///
/// # Shapes
/// logits and targets (n, classes, h, w), targets in {0, 1}.
///
/// # Errors
/// If shapes or the number of weights do not fit, or classes overlap that must not.
pub fn term(tape: &Tape, logits: &Node, targets: &Tensor, term: &Term, class_weights: &[f64]) -> Result<TermLoss> {
    let Some(form) = Form::of(term) else {
        let of_batch = if *term == Term::Bce { bce_with_logits } else { soft_dice_loss };
        return Ok(TermLoss { loss: of_batch(tape, logits, targets, class_weights)?, of_images: Vec::new() });
    };
    let (n, classes, h, w) = logits.value().dims4()?;
    let shares = class_shares(logits.value(), targets, class_weights)?;
    let (x, t) = (values(logits.value())?, values(targets)?);
    let counted = counted(&t, h * w);
    let pairs = |len: usize| x.par_chunks(len).zip(t.par_chunks(len)).enumerate();
    let computed: Vec<ValueAndGradient> = if matches!(form, Form::Exclusive) {
        pairs(classes * h * w)
            .map(|(_, (x, t))| softmax::value_and_gradient(x, t, h * w, class_weights))
            .collect::<Result<_>>()?
    } else {
        let weigh = |class: usize, of_plane: ValueAndGradient| scaled(of_plane, shares[class]);
        let over_counted = |i: usize, value: ValueAndGradient| match (&form, &counted) {
            (Form::Pixels(_), Some(counted)) => scaled(value, share(Some(counted), i, h * w)),
            _ => value,
        };
        pairs(h * w).map(|(i, (x, t))| weigh(i % classes, over_counted(i, plane(&form, i % classes, x, t, [h, w])))).collect()
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

fn scaled((value, gradient): ValueAndGradient, factor: f64) -> ValueAndGradient {
    (factor * value, gradient.into_iter().map(|g| factor * g).collect())
}

/// The weights of the boundary's term for the pixels of a sample.
///
/// # Shapes
/// mask and result classes · h · w.
pub fn boundary_weights(mask: &[u8], size: [usize; 2], boundary: &crate::config::Boundary) -> Vec<f32> {
    let of_plane = |plane: &[u8]| {
        let mask: Vec<f32> = plane.iter().map(|marked| f32::from(u8::from(*marked == 1))).collect();
        boundary::weights(&mask, size, boundary.w0, boundary.sigma)
    };
    mask.chunks(size[0] * size[1]).flat_map(of_plane).map(|weight| weight as f32).collect()
}

fn plane(form: &Form, class: usize, x: &[f32], t: &[f32], size: [usize; 2]) -> ValueAndGradient {
    match form {
        Form::Region { alpha, beta, gamma } => regions::tversky(x, t, [*alpha, *beta], *gamma),
        Form::Pixels(Pixel::Weighted(positive)) => pixels::weighted_bce(x, t, positive.get(class).copied().unwrap_or(1.0)),
        Form::Pixels(Pixel::Focal { gamma, alpha }) => pixels::focal(x, t, *gamma, *alpha),
        Form::Pixels(Pixel::Boundary { w0, sigma }) => pixels::weighted(x, t, &boundary::weights(t, size, *w0, *sigma)),
        Form::Ranked => lovasz::value_and_gradient(x, t),
        Form::Exclusive => unreachable!("goes by images"),
    }
}

/// `1 / (1 + e^−x)` and `ln(1 + e^−x)`, exact for large |x|.
fn logistic(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let probability = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (probability, small.ln_1p() + if x < 0.0 { -x } else { 0.0 })
}
