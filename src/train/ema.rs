//! An exponential moving average of weights and running statistics.

use crate::model::Params;
use crate::ops;
use candle_core::{Result, Tensor, Var, bail};

/// The averages, beside a network that trains.
///
/// After the n-th update (from 0) every average becomes `d · average + (1 − d) · value` with `d = min(decay, (1 + n) / (10 + n))`, so that
/// the draw at the start is soon forgotten (as TensorFlow's `ExponentialMovingAverage` does with `num_updates`). Running statistics are
/// averaged likewise, as by PyTorch's `AveragedModel` with `use_buffers`.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    /// In the order of the trained parameters, then of the buffers.
    averages: Vec<Tensor>,
}

fn all(params: &Params) -> impl Iterator<Item = &(String, Var)> {
    params.trained.iter().chain(&params.buffers)
}

impl Ema {
    /// Averages that begin as the values are.
    ///
    /// # Errors
    /// What candle reports.
    pub fn new(decay: f64, params: &Params) -> Result<Self> {
        let averages: Result<_> = all(params).map(|(_, var)| var.as_tensor().copy()).collect();
        Ok(Self { decay, averages: averages? })
    }

    /// The same with averages from `of`, by name.
    ///
    /// # Errors
    /// What `of` reports, and an average of another shape.
    pub fn resume(decay: f64, params: &Params, of: impl Fn(&str) -> Result<Tensor>) -> Result<Self> {
        let fitting = |(name, var): &(String, Var)| {
            let average = of(name)?;
            if average.shape() != var.shape() {
                bail!("the average of {name} has shape {:?} there and {:?} in the network", average.shape(), var.shape());
            }
            Ok(average)
        };
        let averages: Result<_> = all(params).map(fitting).collect();
        Ok(Self { decay, averages: averages? })
    }

    /// Name and average of everything.
    pub fn named<'a>(&'a self, params: &'a Params) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
        all(params).map(|(name, _)| name.as_str()).zip(&self.averages)
    }

    /// How far averages move towards values after an update; `updates` were before it.
    pub fn rate(&self, updates: u64) -> f32 {
        let n = updates as f64;
        1.0 - self.decay.min((1.0 + n) / (10.0 + n)) as f32
    }

    /// Moves the averages after an update; `updates` were before it.
    ///
    /// # Errors
    /// What candle reports.
    pub fn update(&mut self, params: &Params, updates: u64) -> Result<()> {
        let rate = self.rate(updates);
        for ((_, var), average) in all(params).zip(&mut self.averages) {
            let mut moved: Vec<f32> = average.flatten_all()?.to_vec1()?;
            let values: Vec<f32> = var.flatten_all()?.to_vec1()?;
            ops::move_towards(&mut moved, &values, rate);
            *average = Tensor::from_vec(moved, average.shape(), average.device())?;
        }
        Ok(())
    }

    /// Averages and values change places.
    ///
    /// # Errors
    /// What candle reports.
    pub fn exchange(&mut self, params: &Params) -> Result<()> {
        for ((_, var), average) in all(params).zip(&mut self.averages) {
            let value = var.as_tensor().copy()?;
            var.set(average)?;
            *average = value;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Oracle: the recurrence by hand in f64 for the values 1, 2, 4, 8 after a start of 0.
    #[test]
    fn averages_follow_the_recurrence() {
        let var = Var::new(&[0f32], &Device::Cpu).unwrap();
        let params = Params { trained: vec![("w".into(), var.clone())], buffers: Vec::new() };
        let mut ema = Ema::new(0.25, &params).unwrap();
        let mut want = 0.0;
        for (n, value) in [1.0, 2.0, 4.0, 8.0].into_iter().enumerate() {
            var.set(&Tensor::new(&[value as f32], &Device::Cpu).unwrap()).unwrap();
            ema.update(&params, n as u64).unwrap();
            let decay = [0.1, 2.0 / 11.0, 0.25, 0.25][n];
            want = decay * want + (1.0 - decay) * value;
            let got = ema.averages[0].to_vec1::<f32>().unwrap()[0];
            assert!((f64::from(got) - want).abs() < 1e-6, "{got}, by hand {want}");
        }
        ema.exchange(&params).unwrap();
        let values = (var.to_vec1::<f32>().unwrap()[0], ema.averages[0].to_vec1::<f32>().unwrap()[0]);
        assert!((f64::from(values.0) - want).abs() < 1e-6 && values.1 == 8.0);
    }

    #[test]
    fn averages_of_another_shape_are_refused() {
        let var = Var::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let params = Params { trained: vec![("w".into(), var)], buffers: Vec::new() };
        let kept = |values: &[f32]| Ema::resume(0.5, &params, |_| Tensor::new(values, &Device::Cpu));
        assert!(kept(&[3.0, 4.0]).is_ok());
        let Err(refused) = kept(&[3.0]) else { panic!("one number is not two") };
        let refused = refused.to_string();
        assert!(refused.contains("w has shape [1] there and [2] in the network"), "{refused}");
    }
}
