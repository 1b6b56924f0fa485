//! Gradients of a network's parameters.

use super::storage::{add_to, change};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// Gradients by position in the model's parameter list. A clone has the same numbers, not a copy of them.
#[derive(Debug, Clone, Default)]
pub struct Gradients {
    by_param: Vec<Option<Tensor>>,
}

impl Gradients {
    /// Gradients that were computed before; `None` where there is none.
    pub fn new(by_param: Vec<Option<Tensor>>) -> Self {
        Self { by_param }
    }

    /// The gradient of the parameter at `index`; `None` where the loss does not depend on it.
    pub fn get(&self, index: usize) -> Option<&Tensor> {
        self.by_param.get(index).and_then(Option::as_ref)
    }

    /// Sets the gradient of the parameter at `index`.
    pub fn set(&mut self, index: usize, gradient: Tensor) {
        self.by_param.resize(self.by_param.len().max(index + 1), None);
        self.by_param[index] = Some(gradient);
    }

    /// Adds another batch's gradients (gradient accumulation).
    ///
    /// # Errors
    /// If shapes differ.
    pub fn add(&mut self, other: Gradients) -> Result<()> {
        self.by_param.resize(self.by_param.len().max(other.by_param.len()), None);
        for (sum, grad) in self.by_param.iter_mut().zip(other.by_param) {
            match (&*sum, grad) {
                (Some(a), Some(b)) => add_to(a, &b)?,
                (None, b) => *sum = b,
                (Some(_), None) => {}
            }
        }
        Ok(())
    }

    /// Multiplies every gradient.
    ///
    /// # Errors
    /// What candle reports.
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        for grad in self.by_param.iter().flatten() {
            change(grad, |values: &mut [f32]| values.par_iter_mut().for_each(|x| *x *= factor as f32))?;
        }
        Ok(())
    }

    /// Every gradient there is, in the order of the parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.by_param.iter().flatten()
    }
}
