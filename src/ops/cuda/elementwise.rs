//! Sums of maps, and dropout.

use super::driver::Grid;
use super::kernels::{Argument, long};
use super::norm::settled;
use super::{Array, CHANNELS, Gpu, size};
use crate::blocked::Shape;
use crate::blocked::elementwise::thinning;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Tape};
use candle_core::Result;

/// As `ops::add`.
pub(crate) fn add(tape: &Tape, device: &GpuNetwork, a: &Map, b: &Map) -> Result<Map> {
    let (gpu, shape) = (device.gpu.clone(), a.shape());
    let (a, b) = (settled(tape, device, a)?, settled(tape, device, b)?);
    let y = gpu.map(shape)?;
    let arguments = [(&a.array()?).into(), (&b.array()?).into(), (&y).into(), long(y.len())];
    gpu.launch("sum_of_maps", Grid::over(y.len() / CHANNELS), &arguments)?;
    let both = a.node().needs_grad() && b.node().needs_grad();
    let node = tape.record_device(y, &[a.node(), b.node()], move |dy| {
        let dy = dy.device()?;
        // Gradients are handed on by move and added in place, so each input needs numbers of its own.
        let own = if both { gpu.map(shape)? } else { dy.clone() };
        if both {
            own.copy_from(&gpu.driver, &dy)?;
        }
        Ok(vec![Some(Value::Device(own)), Some(Value::Device(dy))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// As `ops::dropout`, on a tape with noise on the device.
pub(crate) fn dropout(tape: &Tape, device: &GpuNetwork, x: Map, p: f64) -> Result<Map> {
    let Some((words, apart)) = tape.noise_at().filter(|_| p > 0.0) else { return Ok(x) };
    let (gpu, thinner) = (device.gpu.clone(), Thinner { words, apart, p, shape: x.shape() });
    let x = settled(tape, device, &x)?;
    let shape = x.shape();
    let y = thinner.apply(&gpu, &x.array()?)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dx = thinner.apply(&gpu, &dy.device()?)?;
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// What leaves numbers out, the same forwards and backwards.
struct Thinner {
    /// Two halves of the seed.
    words: Array,
    /// Added to it.
    apart: u64,
    p: f64,
    shape: Shape,
}

impl Thinner {
    fn apply(&self, gpu: &Gpu, x: &Array) -> Result<Array> {
        let (y, (bound, factor)) = (gpu.map(self.shape)?, thinning(self.p));
        let how = [Argument::Long(self.apart.cast_signed()), Argument::Int(bound.cast_signed()), Argument::Float(factor)];
        let what = [x.into(), (&y).into(), size(self.shape), (&self.words).into()];
        gpu.launch("thinned", Grid::over(y.len() / CHANNELS), &[&what[..], &how].concat())?;
        Ok(y)
    }
}
