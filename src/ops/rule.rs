//! The update rules of optimizers, number by number, in PyTorch's order of operations; averages of weights, and norms.

use super::Update;
use crate::config;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;
use std::cell::RefCell;

/// Numbers of one task; fewer are not worth dividing. Part of the definition of a sum: partial sums are added in this partition, whatever the threads.
const CHUNK: usize = 1 << 15;

/// What is remembered of one parameter; empty where the rule needs no such thing.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Mean of the gradients, or SGD's momentum.
    pub first: Vec<f32>,
    /// Mean of their squares.
    pub second: Vec<f32>,
}

/// The update of one step, learning rate and corrections worked in.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// Adam and AdamW.
    Adam(Adam),
    /// Gradient descent, with momentum or without.
    Sgd(Sgd),
}

/// The numbers of a step of Adam.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// 1 − β₁.
    one_minus_beta1: f32,
    beta2: f32,
    /// 1 − β₂.
    one_minus_beta2: f32,
    eps: f32,
    /// `lr / (1 − β₁^t)`.
    step_size: f32,
    /// `√(1 − β₂^t)`.
    correction: f32,
    /// L2 penalty, part of the gradient.
    l2: f32,
    /// Factor on the parameter before the step (decoupled decay).
    shrink: f32,
}

/// The numbers of a step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    lr: f32,
    momentum: f32,
    nesterov: bool,
    /// L2 penalty, part of the gradient.
    l2: f32,
}

impl Rule {
    /// The rule of step number `step` (1-based).
    pub fn new(kind: &config::Optimizer, lr: f64, step: u64) -> Self {
        match kind {
            config::Optimizer::Adam(o) => Self::Adam(Adam::new(o.betas, o.eps, lr, step, o.weight_decay, 1.0)),
            config::Optimizer::Adamw(o) => Self::Adam(Adam::new(o.betas, o.eps, lr, step, 0.0, 1.0 - lr * o.weight_decay)),
            config::Optimizer::Sgd(o) => {
                let (momentum, l2) = (o.momentum as f32, o.weight_decay as f32);
                Self::Sgd(Sgd { lr: lr as f32, momentum, nesterov: o.nesterov, l2 })
            }
        }
    }

    /// The same for the kernels of a GPU.
    pub fn numbers(self) -> Update {
        match self {
            Self::Adam(r) => {
                Update::Adam([r.one_minus_beta1, r.beta2, r.one_minus_beta2, r.eps, r.step_size, r.correction, r.l2, r.shrink])
            }
            Self::Sgd(r) => Update::Sgd([r.lr, r.momentum, f32::from(u8::from(r.nesterov)), r.l2]),
        }
    }

    /// Updates a parameter in place.
    ///
    /// # Errors
    /// If parameter or gradient is not f32.
    pub fn apply(self, param: &Var, gradient: &Tensor, moments: &mut Moments) -> Result<()> {
        param.inplace_op2(&gradient.contiguous()?, &Step { rule: self, moments: RefCell::new(moments) })
    }

    fn update(self, params: &mut [f32], grads: &[f32], Moments { first, second }: &mut Moments) {
        let pairs = params.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK));
        match self {
            Self::Adam(rule) => pairs
                .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
                .for_each(|((p, g), (m, v))| rule.update(p, g, m, v)),
            Self::Sgd(rule) if first.is_empty() => pairs.for_each(|(p, g)| rule.update(p, g)),
            Self::Sgd(rule) => {
                pairs.zip(first.par_chunks_mut(CHUNK)).for_each(|((p, g), b)| rule.update_with_momentum(p, g, b));
            }
        }
    }
}

impl Adam {
    fn new([beta1, beta2]: [f64; 2], eps: f64, lr: f64, step: u64, l2: f64, shrink: f64) -> Self {
        let t = step as f64;
        Self {
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            eps: eps as f32,
            step_size: (lr / (1.0 - libm::pow(beta1, t))) as f32,
            correction: (1.0 - libm::pow(beta2, t)).sqrt() as f32,
            l2: l2 as f32,
            shrink: shrink as f32,
        }
    }

    /// Kingma and Ba 2015, algorithm 1; with `shrink` Loshchilov and Hutter 2019, algorithm 2.
    fn update(&self, params: &mut [f32], grads: &[f32], firsts: &mut [f32], seconds: &mut [f32]) {
        for ((p, g), (m, v)) in params.iter_mut().zip(grads).zip(firsts.iter_mut().zip(seconds)) {
            let g = g + self.l2 * *p;
            *p *= self.shrink;
            *m += self.one_minus_beta1 * (g - *m);
            *v = *v * self.beta2 + self.one_minus_beta2 * g * g;
            *p -= self.step_size * (*m / (v.sqrt() / self.correction + self.eps));
        }
    }
}

impl Sgd {
    fn update(&self, params: &mut [f32], grads: &[f32]) {
        for (p, g) in params.iter_mut().zip(grads) {
            *p -= self.lr * (g + self.l2 * *p);
        }
    }

    /// The buffer starts at 0, so the first step fills it with the gradient, as in PyTorch with dampening 0.
    fn update_with_momentum(&self, params: &mut [f32], grads: &[f32], buffer: &mut [f32]) {
        for ((p, g), b) in params.iter_mut().zip(grads).zip(buffer) {
            let g = g + self.l2 * *p;
            *b = self.momentum * *b + g;
            *p -= self.lr * if self.nesterov { g + self.momentum * *b } else { *b };
        }
    }
}

/// Moves averages so far towards values, `average + rate · (value − average)`. Of the longer one the rest stays.
pub fn move_towards(averages: &mut [f32], values: &[f32], rate: f32) {
    let pairs = averages.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
    pairs.for_each(|(averages, values)| {
        averages.iter_mut().zip(values).for_each(|(average, value)| *average += rate * (value - *average));
    });
}

/// The sum of the squares, in f64; the same on any number of threads.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let square = |v: &f32| f64::from(*v) * f64::from(*v);
    let parts: Vec<f64> = values.par_chunks(CHUNK).map(|chunk| chunk.iter().map(square).sum()).collect();
    parts.iter().sum()
}

/// One parameter's update, as candle's in-place operation.
struct Step<'a> {
    rule: Rule,
    moments: RefCell<&'a mut Moments>,
}

impl InplaceOp2 for Step<'_> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(&self, param: &mut CpuStorage, param_at: &Layout, grad: &CpuStorage, grad_at: &Layout) -> Result<()> {
        let (CpuStorage::F32(params), CpuStorage::F32(grads)) = (param, grad) else { bail!("the optimizer updates f32 only") };
        let (Some((p0, p1)), Some((g0, g1))) = (param_at.contiguous_offsets(), grad_at.contiguous_offsets()) else {
            bail!("the optimizer updates contiguous parameters only")
        };
        self.rule.update(&mut params[p0..p1], &grads[g0..g1], &mut self.moments.borrow_mut());
        Ok(())
    }
}
