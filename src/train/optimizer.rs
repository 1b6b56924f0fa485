//! Updates parameters from their gradients: Adam, AdamW, SGD.
//!
//! Rules are PyTorch's single-tensor ones. Parameters change in place, each number by itself, so the result is the same bits for
//! any number of threads. Learning rates come from outside, with every step.

use crate::config;
use crate::ops::{Gradients, Moments, Rule, Update};
use candle_core::{Result, Tensor, Var, bail};

/// An optimizer with what it remembers of each parameter.
#[derive(Debug, Clone)]
pub struct Optimizer {
    kind: config::Optimizer,
    steps: u64,
    /// In the order of the parameters.
    moments: Vec<Moments>,
}

impl Optimizer {
    /// An optimizer of these parameters that has done no step.
    pub fn new(kind: &config::Optimizer, params: &[(String, Var)]) -> Self {
        let kept = Self::moments_of(kind);
        let (first, second) = (kept > 0, kept > 1);
        let zeros = |count: usize, wanted: bool| if wanted { vec![0.0; count] } else { Vec::new() };
        let moments = params.iter().map(|(_, var)| var.elem_count());
        let moments = moments.map(|count| Moments { first: zeros(count, first), second: zeros(count, second) }).collect();
        Self { kind: kind.clone(), steps: 0, moments }
    }

    /// Numbers that are remembered for each number of a parameter.
    pub fn moments_of(kind: &config::Optimizer) -> usize {
        match kind {
            config::Optimizer::Adam(_) | config::Optimizer::Adamw(_) => 2,
            config::Optimizer::Sgd(sgd) => usize::from(sgd.momentum != 0.0),
        }
    }

    /// What step number `step` (1-based) does on a GPU.
    pub fn update_of(kind: &config::Optimizer, lr: f64, step: u64) -> Update {
        Rule::new(kind, lr, step).numbers()
    }

    /// Counts a step that a GPU does, and returns what it is.
    pub fn step_elsewhere(&mut self, lr: f64) -> Update {
        self.steps += 1;
        Self::update_of(&self.kind, lr, self.steps)
    }

    /// What is remembered, first and second moments of each parameter; empty where there is none.
    pub fn moments(&self) -> Vec<[&[f32]; 2]> {
        self.moments.iter().map(|Moments { first, second }| [&first[..], &second[..]]).collect()
    }

    /// Puts moments where [`Optimizer::moments`] finds them.
    pub fn set_moments(&mut self, moments: Vec<[Vec<f32>; 2]>) {
        self.moments = moments.into_iter().map(|[first, second]| Moments { first, second }).collect();
    }

    /// The learning rate that the configuration names.
    pub fn base_lr(kind: &config::Optimizer) -> f64 {
        match kind {
            config::Optimizer::Adam(o) => o.lr,
            config::Optimizer::Adamw(o) => o.lr,
            config::Optimizer::Sgd(o) => o.lr,
        }
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Updates every parameter that has a gradient.
    ///
    /// # Errors
    /// If a gradient's shape is not its parameter's, or a tensor is not contiguous f32.
    pub fn step(&mut self, params: &[(String, Var)], gradients: &Gradients, lr: f64) -> Result<()> {
        let mut step = self.begin(params, lr);
        (0..params.len()).try_for_each(|index| gradients.get(index).map_or(Ok(()), |gradient| step.update(index, gradient)))
    }

    /// Begins a step whose gradients come one by one.
    pub fn begin<'s>(&'s mut self, params: &'s [(String, Var)], lr: f64) -> Step<'s> {
        self.steps += 1;
        Step { rule: Rule::new(&self.kind, lr, self.steps), params, moments: &mut self.moments }
    }

    /// What is remembered, by kind (`exp_avg`, `exp_avg_sq`, `momentum_buffer` as in PyTorch) and position of the parameter.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, usize, &[f32])> {
        let [first, second] = self.state_names();
        let of_one = move |(index, moments)| {
            let Moments { first: a, second: b }: &Moments = moments;
            [(first, index, a.as_slice()), (second, index, b.as_slice())]
        };
        self.moments.iter().enumerate().flat_map(of_one).filter(|(_, _, values)| !values.is_empty())
    }

    fn state_names(&self) -> [&'static str; 2] {
        match self.kind {
            config::Optimizer::Sgd(_) => ["momentum_buffer", ""],
            _ => ["exp_avg", "exp_avg_sq"],
        }
    }

    /// Goes on from a kept state; `read` gives what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// What `read` reports, and a wrong length.
    pub fn resume(&mut self, steps: u64, mut read: impl FnMut(&'static str, usize) -> Result<Vec<f32>>) -> Result<()> {
        let [first, second] = self.state_names();
        for (index, moments) in self.moments.iter_mut().enumerate() {
            for (name, values) in [(first, &mut moments.first), (second, &mut moments.second)] {
                if !values.is_empty() {
                    let kept = read(name, index)?;
                    if kept.len() != values.len() {
                        bail!("{name} of parameter {index} has {} values instead of {}", kept.len(), values.len());
                    }
                    *values = kept;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// A step under way.
pub struct Step<'s> {
    rule: Rule,
    params: &'s [(String, Var)],
    moments: &'s mut [Moments],
}

impl Step<'_> {
    /// Updates the parameter at `index`, which happens at most once in a step.
    ///
    /// # Errors
    /// If the gradient's shape is not the parameter's, or a tensor is not contiguous f32.
    ///
    /// # Panics
    /// If there is no such parameter.
    pub fn update(&mut self, index: usize, gradient: &Tensor) -> Result<()> {
        let (name, var) = &self.params[index];
        if gradient.shape() != var.shape() {
            bail!("gradient of {name} has shape {:?}, the parameter {:?}", gradient.shape(), var.shape());
        }
        self.rule.apply(var, gradient, &mut self.moments[index])
    }
}

/// Expected values: scripts/optimizer_oracle.py (PyTorch 2.15, CPU).
#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Adam, Adamw, Optimizer as Kind, Sgd};
    use crate::train::gradient::tests::gradients;
    use candle_core::Device;

    fn params() -> Vec<(String, Var)> {
        let var = |values: &[f32], shape: &[usize]| Var::from_slice(values, shape, &Device::Cpu).unwrap();
        vec![("a".into(), var(&[0.5, -1.0, 2.0], &[3])), ("b".into(), var(&[0.25, -0.75], &[1, 2]))]
    }

    /// As `gradient` in the script: exact in f32.
    fn gradient(step: usize, shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (((step * 7 + i * 5) % 11) as f32 - 5.0) / 8.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn values(params: &[(String, Var)]) -> Vec<f32> {
        params.iter().flat_map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
    }

    fn one_step(optimizer: &mut Optimizer, params: &[(String, Var)], step: usize) {
        let grads = gradients(vec![gradient(step, &[3]), gradient(step + 100, &[1, 2])]);
        optimizer.step(params, &grads, if step <= 10 { 0.1 } else { 0.01 }).unwrap();
    }

    /// 20 steps, the rate falling after the tenth; `expected` after steps 1, 10 and 20.
    #[track_caller]
    fn expect(kind: Kind, expected: [[f32; 5]; 3]) {
        let params = params();
        let mut optimizer = Optimizer::new(&kind, &params);
        let mut seen = Vec::new();
        for step in 1..=20 {
            one_step(&mut optimizer, &params, step);
            seen.push(values(&params));
        }
        for (step, expected) in [1, 10, 20].into_iter().zip(expected) {
            let got = &seen[step - 1];
            let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close, "step {step}: got {got:?}, expected {expected:?}");
        }
    }

    #[test]
    fn adam() {
        let expected = [
            [0.4, -0.9, 1.9, 0.35, -0.85],
            [0.1785071, -0.7630761, 1.9811875, 0.19304, -0.8849691],
            [0.1755953, -0.7595905, 1.9805136, 0.1899841, -0.8847401],
        ];
        expect(Kind::default(), expected);
    }

    #[test]
    fn adam_with_weight_decay() {
        let expected = [
            [0.4000003, -0.9000002, 1.9000003, 0.3499995, -0.8499997],
            [0.1335833, -0.6472316, 1.5850438, 0.1654728, -0.7137661],
            [0.1287548, -0.6284528, 1.5454345, 0.1578746, -0.6947187],
        ];
        expect(Kind::Adam(Adam { betas: [0.8, 0.95], eps: 1e-6, weight_decay: 0.1, ..Adam::default() }), expected);
    }

    #[test]
    fn adamw() {
        let expected = [
            [0.395, -0.89, 1.88, 0.3475, -0.8425],
            [0.149184, -0.6838941, 1.7964166, 0.1702562, -0.8046118],
            [0.1447834, -0.6736138, 1.7778777, 0.1655094, -0.7963817],
        ];
        expect(Kind::Adamw(Adamw { weight_decay: 0.1, ..Adamw::default() }), expected);
    }

    #[test]
    fn adamw_without_decay_is_adam() {
        let expected = [
            [0.4, -0.9, 1.9, 0.35, -0.85],
            [0.1785071, -0.7630761, 1.9811875, 0.19304, -0.8849691],
            [0.1755953, -0.7595905, 1.9805136, 0.1899841, -0.8847401],
        ];
        expect(Kind::Adamw(Adamw { weight_decay: 0.0, ..Adamw::default() }), expected);
    }

    #[test]
    fn sgd() {
        let expected =
            [[0.475, -0.95, 1.9875, 0.275, -0.7875], [0.4375, -1.0, 2.0625, 0.275, -0.8], [0.43625, -0.995, 2.06, 0.26875, -0.8]];
        expect(Kind::Sgd(Sgd { momentum: 0.0, ..Sgd::default() }), expected);
    }

    #[test]
    fn sgd_with_momentum_and_weight_decay() {
        let expected = [
            [0.47, -0.94, 1.9675, 0.2725, -0.78],
            [-0.0270862, -0.4181748, 1.3781834, 0.0088963, -0.5769333],
            [-0.0452347, -0.3647628, 1.2577697, -0.0055655, -0.5288548],
        ];
        expect(Kind::Sgd(Sgd { weight_decay: 0.1, ..Sgd::default() }), expected);
    }

    #[test]
    fn sgd_nesterov() {
        let expected = [
            [0.4525, -0.905, 1.97625, 0.2975, -0.82125],
            [0.0926634, -0.7742128, 2.1832001, 0.1190397, -0.9055767],
            [0.0818082, -0.7588313, 2.1799998, 0.1031188, -0.9054311],
        ];
        expect(Kind::Sgd(Sgd { nesterov: true, ..Sgd::default() }), expected);
    }

    #[test]
    fn a_resumed_optimizer_goes_on_with_the_same_bits() {
        for kind in [Kind::default(), Kind::Sgd(Sgd::default()), Kind::Sgd(Sgd { momentum: 0.0, ..Sgd::default() })] {
            let params = params();
            let mut optimizer = Optimizer::new(&kind, &params);
            (1..=5).for_each(|step| one_step(&mut optimizer, &params, step));
            let kept: Vec<_> = optimizer.state().map(|(name, index, v)| (name, index, v.to_vec())).collect();
            let copies: Vec<_> = params.iter().map(|(n, v)| (n.clone(), Var::from_tensor(&v.copy().unwrap()).unwrap())).collect();
            let mut resumed = Optimizer::new(&kind, &copies);
            let read = |name: &str, index: usize| Ok(kept.iter().find(|k| k.0 == name && k.1 == index).unwrap().2.clone());
            resumed.resume(optimizer.steps(), read).unwrap();
            one_step(&mut optimizer, &params, 6);
            one_step(&mut resumed, &copies, 6);
            assert_eq!(values(&params), values(&copies));
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let params = vec![("a".to_owned(), Var::zeros(100_000, candle_core::DType::F32, &Device::Cpu).unwrap())];
            let mut optimizer = Optimizer::new(&Kind::Adam(Adam { weight_decay: 0.1, ..Adam::default() }), &params);
            for step in 1..=2 {
                let grads = gradients(vec![gradient(step, &[100_000])]);
                pool.install(|| optimizer.step(&params, &grads, 0.1)).unwrap();
            }
            values(&params)
        };
        assert!(run(1) == run(2) && run(2) == run(3));
    }

    #[test]
    fn a_gradient_of_another_shape_is_refused() {
        let params = params();
        let grads = gradients(vec![gradient(1, &[2]), gradient(1, &[1, 2])]);
        let error = Optimizer::new(&Kind::default(), &params).step(&params, &grads, 0.1).unwrap_err();
        assert!(error.to_string().contains("gradient of a has shape [2]"), "{error}");
    }
}
