//! Every term of a loss on the device against the CPU's.

use super::{Comparison, noise};
use crate::config::{Loss, Term};
use crate::cuda::{Gpu, Kind, LossInputs, Losses, Truth};
use crate::{Node, Tape, boundary_weights, hide_ignored, one_vs_rest, term, weighted_sum};
use candle_core::{Device as Host, Result, Tensor, Var};
use std::rc::Rc;

const SIZE: [usize; 2] = [23, 31];
const PLANE: usize = SIZE[0] * SIZE[1];
const IMAGES: usize = 2;
const CLASSES: usize = 3;
/// The part of a batch, and the heads that the loss is the mean over: neither is in the CPU's operations.
const SHARE: f32 = 0.5;
const HEADS: usize = 2;
/// In a mask: a pixel that does not count.
const IGNORED: u8 = 255;
/// Losses are calculated in the same precision whatever that of the maps is.
const TOLERANCE: f64 = 1e-5;

/// Every term alone, and all that go together, with weights of the classes and without.
fn losses_to_compare() -> Vec<(String, Loss)> {
    let class_weights = vec![1.0, 3.0, 0.5];
    let mut base = Loss::default();
    base.weighted_bce.pos_weight = vec![2.0, 0.5, 3.0];
    (base.tversky.alpha, base.tversky.beta) = (0.2, 0.9);
    let all = base.reweighted(|_| 0.7);
    let only = |chosen: &dyn Fn(&Term) -> bool| base.reweighted(|term| if chosen(term) { 0.7 } else { 0.0 });
    let (exclusive, together) = (only(&|term| *term == Term::SoftmaxCe), only(&|term| *term != Term::SoftmaxCe));
    let alone = all
        .terms()
        .into_iter()
        .map(|(_, term)| (format!("loss {}", term.column()), only(&|other| other.column() == term.column())));
    let alone: Vec<(String, Loss)> = alone.collect();
    let weighted = |loss: Loss| Loss { class_weights: class_weights.clone(), ..loss };
    let more = [
        ("loss bce, dice", Loss::default()),
        ("loss softmax_ce, weighted", weighted(exclusive)),
        ("loss of all terms and softmax_ce", all),
        ("loss of all terms, weighted", weighted(together)),
    ];
    alone.into_iter().chain(more.map(|(name, loss)| (name.to_owned(), loss))).collect()
}

/// Compares every term, its value of each image and the gradient, with the CPU's.
///
/// # Errors
/// If a loss cannot be calculated at all.
pub fn losses(gpu: &Rc<Gpu>) -> Result<Vec<Comparison>> {
    let mut all = Vec::new();
    for (name, loss) in losses_to_compare() {
        for ignoring in [false, true] {
            let masks = masks(loss.is_exclusive(), ignoring);
            let name = if ignoring { format!("{name}, with ignored pixels") } else { name.clone() };
            let (right, got) = (on_cpu(&loss, &masks)?, on_gpu(gpu, &loss, &masks)?);
            let compare =
                |what: &str, got: &[f32], right: &[f32]| Comparison::of(format!("{name}: {what}"), got, right, TOLERANCE);
            // BCE and Dice have no values of images beside the sums that scores are made of.
            all.extend((!right.0.is_empty()).then(|| compare("values", &got.0, &right.0)));
            all.push(compare("gradient", &got.1, &right.1));
        }
    }
    Ok(all)
}

/// Some far from 0, some equal.
fn logits() -> Vec<f32> {
    let mut logits: Vec<f32> = noise(IMAGES * CLASSES * PLANE, 60).into_iter().map(|v| 4.0 * v).collect();
    logits[..4].copy_from_slice(&[30.0, -30.0, 0.0, 1.0]);
    logits[40..60].fill(0.5);
    logits
}

/// Blobs, each class in two of its own; the last class of the last image is empty. Classes overlap unless they are to be `exclusive`. With
/// `ignoring` some pixels do not count, and unless classes exclude each other a class of an image.
fn masks(exclusive: bool, ignoring: bool) -> Vec<u8> {
    let mut masks = vec![0; IMAGES * CLASSES * PLANE];
    for plane in 0..IMAGES * CLASSES - 1 {
        for at in 0..PLANE {
            let (y, x, shift) = (at / SIZE[1], at % SIZE[1], 2 * plane);
            let inside = (y < 4 + shift / 2 && x > shift && x < shift + 8) || (y > 14 && x + shift > 12 && x + shift < 20);
            masks[plane * PLANE + at] = u8::from(inside);
        }
    }
    if exclusive {
        for (i, image) in (0..IMAGES).flat_map(|image| (0..PLANE).map(move |i| (i, image * CLASSES))) {
            let first = (0..CLASSES).find(|class| masks[(image + class) * PLANE + i] != 0);
            (0..CLASSES).filter(|class| Some(*class) > first).for_each(|class| masks[(image + class) * PLANE + i] = 0);
        }
    }
    if ignoring {
        masks
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| at % PLANE % 7 == 3 || (at / PLANE == 1 && !exclusive))
            .for_each(|(_, value)| *value = IGNORED);
    }
    masks
}

/// Values of each image, term by term, and the gradient.
type ValueAndGradient = (Vec<f32>, Vec<f32>);

fn on_cpu(loss: &Loss, masks: &[u8]) -> Result<ValueAndGradient> {
    let shape = (IMAGES, CLASSES, SIZE[0], SIZE[1]);
    let targets = Tensor::from_vec(
        masks.iter().map(|m| if *m == IGNORED { -0.0 } else { f32::from(*m) }).collect::<Vec<_>>(),
        shape,
        &Host::Cpu,
    )?;
    let tape = Tape::training();
    let logits = tape.param(0, &Var::from_slice(&logits(), shape, &Host::Cpu)?);
    let logits = hide_ignored(&tape, &logits, &targets)?;
    let scored = if loss.is_exclusive() { one_vs_rest(&tape, &logits)? } else { logits.clone() };
    let mut nodes: Vec<(f64, Node)> = Vec::new();
    let mut values = Vec::new();
    for (weight, kind) in loss.terms() {
        let read = if kind == Term::SoftmaxCe { &logits } else { &scored };
        let computed = term(&tape, read, &targets, &kind, &loss.class_weights)?;
        values.extend(computed.of_images.iter().map(|value| *value as f32));
        nodes.push((weight, computed.loss));
    }
    let share = f64::from(SHARE) / HEADS as f64;
    let sum = weighted_sum(&tape, &nodes.iter().map(|(weight, node)| (weight * share, node)).collect::<Vec<_>>())?;
    let gradients = tape.backward(&sum)?;
    let gradient = gradients.get(0).map(|g| g.flatten_all()?.to_vec1::<f32>()).transpose()?;
    Ok((values, gradient.unwrap_or_default()))
}

fn on_gpu(gpu: &Rc<Gpu>, loss: &Loss, masks: &[u8]) -> Result<ValueAndGradient> {
    let losses = Losses::new(gpu, loss, CLASSES, PLANE)?;
    let weights: Vec<f32> = masks.chunks(CLASSES * PLANE).flat_map(|m| boundary_weights(m, SIZE, &loss.boundary)).collect();
    let ignores = masks.contains(&IGNORED);
    let truth = Truth { targets: gpu.upload(Kind::U8, masks)?, ignores, weights: Some(gpu.upload(Kind::F32, &weights)?) };
    // Another part's plane comes first.
    let step = gpu.upload(Kind::F32, &[1, 0, SHARE.to_bits(), 0])?;
    let sums = gpu.zeros(Kind::F64, (1 + IMAGES * CLASSES) * losses.sums())?;
    let tape = Tape::training();
    let logits = tape.constant_device(gpu.upload(Kind::F32, &logits())?);
    let inputs = LossInputs { truth: &truth, heads: HEADS, step: &step, sums: Some(&sums) };
    let gradient = losses.apply(&tape, &logits, inputs)?;
    let sums = gpu.download::<f64>(&sums)?.split_off(losses.sums());
    let values = losses.of_images(&sums).into_iter().flat_map(|(_, values)| values).map(|value| value as f32).collect();
    Ok((values, gradient.map(|g| gpu.download(&g)).transpose()?.unwrap_or_default()))
}
