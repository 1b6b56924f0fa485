//! Pixels that count in no loss.

use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// The logit of a pixel that does not count: certain to be background, so that no term of a loss gets anything from it.
const CERTAIN: f32 = -1e30;

/// Whether a target says that its pixel does not count: it is −0, which formulas take for 0.
pub fn is_ignored(target: f32) -> bool {
    target.to_bits() == (-0.0f32).to_bits()
}

/// Of each plane of so many pixels how many count; `None` where all do.
pub(super) fn counted(targets: &[f32], plane: usize) -> Option<Vec<usize>> {
    let of = |plane: &[f32]| plane.iter().filter(|target| !is_ignored(**target)).count();
    let counted: Vec<usize> = targets.par_chunks(plane).map(of).collect();
    counted.iter().any(|count| *count < plane).then_some(counted)
}

/// By what a mean over all pixels of a plane must be multiplied to be one over those that count; 0 where none does.
pub(super) fn share(counted: Option<&[usize]>, index: usize, plane: usize) -> f64 {
    match counted.map(|counted| counted[index]) {
        None => 1.0,
        Some(0) => 0.0,
        Some(count) => plane as f64 / count as f64,
    }
}

/// Logits with pixels that do not count made certain background. No gradient goes through these.
///
/// # Shapes
/// logits, targets and the result (n, classes, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn hide_ignored(tape: &Tape, logits: &Node, targets: &Tensor) -> Result<Node> {
    let (n, classes, h, w) = logits.value().dims4()?;
    if logits.value().dims() != targets.dims() {
        bail!("a loss of logits {:?} and targets {:?}", logits.value().shape(), targets.shape())
    }
    let shown: Vec<bool> = values(targets)?.par_iter().map(|target| !is_ignored(*target)).collect();
    if !shown.contains(&false) {
        return Ok(logits.clone());
    }
    let hid = values(logits.value())?.par_iter().zip(&shown).map(|(x, shown)| if *shown { *x } else { CERTAIN }).collect();
    let hid = tensor(hid, (n, classes, h, w))?;
    Ok(tape.record(hid, &[logits], move |dy| {
        let dy: Vec<f32> = values(&dy)?.par_iter().zip(&shown).map(|(dy, shown)| if *shown { *dy } else { 0.0 }).collect();
        Ok(vec![Some(tensor(dy, (n, classes, h, w))?)])
    }))
}
