//! The loss, and the sums that scores are made of, without waiting for either.

use super::driver::{Grid, THREADS};
use super::kernels::long;
use super::{Array, Gpu, Kind};
use crate::ops::{Node, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Sums of a plane (one class of one sample), as f64: |P∩T|, |P|, |T|, Σ bce, Σ p·t, Σ p.
pub const PLANE_SUMS: usize = 6;

/// Weighted BCE and soft Dice of logits on the device.
pub struct Losses {
    gpu: Rc<Gpu>,
    /// Weights of BCE and Dice, then each class's share.
    weights: Array,
    classes: usize,
}

impl Losses {
    /// `shares` are the classes' weights over their sum.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(gpu: &Rc<Gpu>, bce: f64, dice: f64, shares: &[f64]) -> Result<Self> {
        let weights: Vec<f32> = [bce, dice].iter().chain(shares).map(|w| *w as f32).collect();
        let array = gpu.lasting(Kind::F32, weights.len())?;
        gpu.put(&array, &weights)?;
        Ok(Self { gpu: gpu.clone(), weights: array, classes: shares.len() })
    }

    /// Writes the sums of every plane to `masks`, [`PLANE_SUMS`] each, from the plane on that `step` names, and returns the gradient
    /// of the loss with respect to the logits if the tape wants one. `step` is two words, the first plane and 0, then the share
    /// of the loss as f32, and 0.
    ///
    /// # Shapes
    /// logits and targets (n, classes, h, w), `plane` = h · w.
    ///
    /// # Errors
    /// If the lengths do not fit.
    pub fn apply(
        &self,
        tape: &Tape,
        logits: &Node,
        targets: &Array,
        plane: usize,
        step: &Array,
        masks: &Array,
    ) -> Result<Option<Array>> {
        let logits = logits.array()?;
        let planes = logits.len() / plane;
        if logits.len() != targets.len() || !planes.is_multiple_of(self.classes) {
            bail!("a loss of {logits:?} and {targets:?} for {} classes", self.classes)
        }
        let gpu = &self.gpu;
        let blocks = plane.div_ceil(16 * THREADS as usize).clamp(1, 64);
        let grid = |blocks: usize| {
            let [blocks, planes] = [blocks, planes].map(|n| u32::try_from(n).expect("planes of a batch are few"));
            Grid { blocks: [blocks, planes, 1], threads: THREADS }
        };
        let partial = gpu.array(Kind::F64, planes * blocks * PLANE_SUMS)?;
        let read = [(&logits).into(), targets.into()];
        gpu.launch("loss_sums", grid(blocks), &[&read[..], &[(&partial).into(), long(plane)]].concat())?;
        let factors = gpu.array(Kind::F32, 3 * planes)?;
        let samples = planes / self.classes;
        let sizes = [blocks.into(), planes.into(), samples.into(), self.classes.into(), long(plane)];
        let written = [(&self.weights).into(), step.into(), masks.into(), (&factors).into()];
        gpu.launch("loss_finish", Grid::over(planes), &[&[(&partial).into()], &sizes[..], &written].concat())?;
        if !tape.is_recording() {
            return Ok(None);
        }
        let dx = gpu.array(Kind::F32, logits.len())?;
        let rest = [(&factors).into(), (&dx).into(), long(plane)];
        gpu.launch("loss_gradient", grid(plane.div_ceil(THREADS as usize).min(1 << 16)), &[&read[..], &rest].concat())?;
        Ok(Some(dx))
    }
}
