//! What happens to gradients between the backward pass and the optimizer: averaging over batches, clipping.

use crate::ops::{self, Gradients};
use candle_core::{Result, Tensor};

/// Gradients of several batches on their way to one update.
#[derive(Debug, Default)]
pub struct Accumulation {
    sum: Gradients,
    batches: usize,
}

impl Accumulation {
    /// Where another accumulation was after `batches` batches, by its [`Accumulation::sum`].
    pub fn resume(sum: Gradients, batches: usize) -> Self {
        Self { sum, batches }
    }

    /// The sum of what was added since the last [`Accumulation::take`].
    pub fn sum(&self) -> &Gradients {
        &self.sum
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn add(&mut self, gradients: Gradients) -> Result<()> {
        self.batches += 1;
        self.sum.add(gradients)
    }

    /// Batches added since the last [`Accumulation::take`].
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// The mean over the batches added, each counting the same however many samples it has, and a fresh start.
    ///
    /// # Errors
    /// What candle reports.
    pub fn take(&mut self) -> Result<Gradients> {
        let Self { mut sum, batches } = std::mem::take(self);
        if batches > 1 {
            sum.scale(1.0 / batches as f64)?;
        }
        Ok(sum)
    }
}

/// Scales gradients so that the L2 norm of all of them together is at most `max_norm`, and returns the norm they had.
///
/// As PyTorch's `clip_grad_norm_`: the factor is `min(1, max_norm / (norm + 1e-6))`.
///
/// # Errors
/// If a gradient is not f32.
pub fn clip(gradients: &mut Gradients, max_norm: f64) -> Result<f64> {
    let norm = norm(gradients)?;
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        gradients.scale(factor)?;
    }
    Ok(norm)
}

fn norm(gradients: &Gradients) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.iter() {
        sum += sum_of_squares(gradient)?;
    }
    Ok(sum.sqrt())
}

fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    Ok(ops::sum_of_squares(&tensor.flatten_all()?.to_vec1::<f32>()?))
}

/// Expected values: scripts/optimizer_oracle.py (PyTorch 2.15).
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ops::Tape;
    use candle_core::{Device, Var};

    /// Gradients with these values, for parameters of the same shapes.
    pub fn gradients(values: Vec<Tensor>) -> Gradients {
        let tape = Tape::training();
        let vars: Vec<Var> = values.iter().map(|v| Var::from_tensor(v).unwrap()).collect();
        let nodes: Vec<_> = vars.iter().enumerate().map(|(i, var)| tape.param(i, var)).collect();
        let scalar = Tensor::new(0f32, &Device::Cpu).unwrap();
        let loss = tape.record(scalar, &nodes.iter().collect::<Vec<_>>(), move |_| Ok(values.into_iter().map(Some).collect()));
        tape.backward(&loss).unwrap()
    }

    fn of(values: &[&[f32]]) -> Gradients {
        gradients(values.iter().map(|v| Tensor::new(*v, &Device::Cpu).unwrap()).collect())
    }

    fn values(gradients: &Gradients) -> Vec<f32> {
        gradients.iter().flat_map(|g| g.to_vec1::<f32>().unwrap()).collect()
    }

    #[test]
    fn clipping_scales_all_gradients_together() {
        let mut grads = of(&[&[0.25, -0.5, 0.125], &[-0.25, 0.375]]);
        let norm = clip(&mut grads, 0.5).unwrap();
        assert!((norm - 0.728_868_961).abs() < 1e-7, "{norm}");
        let expected = [0.171_498_36, -0.342_996_72, 0.085_749_18, -0.171_498_36, 0.257_247_54];
        assert!(values(&grads).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{grads:?}");
    }

    #[test]
    fn small_gradients_are_left_alone() {
        let mut grads = of(&[&[0.3, -0.4]]);
        clip(&mut grads, 0.51).unwrap();
        assert_eq!(values(&grads), [0.3, -0.4]);
    }

    #[test]
    fn an_accumulation_is_the_mean_of_its_batches_and_starts_afresh() {
        let mut accumulation = Accumulation::default();
        accumulation.add(of(&[&[1.0, 2.0], &[3.0]])).unwrap();
        accumulation.add(of(&[&[3.0, 0.0], &[-1.0]])).unwrap();
        assert_eq!((accumulation.batches(), values(&accumulation.take().unwrap())), (2, vec![2.0, 1.0, 1.0]));
        accumulation.add(of(&[&[5.0, 5.0], &[5.0]])).unwrap();
        assert_eq!((accumulation.batches(), values(&accumulation.take().unwrap())), (1, vec![5.0; 3]));
    }
}
