//! Twice the sides.

use super::driver::Grid;
use super::norm::settled;
use super::{CHANNELS, size};
use crate::blocked::bilinear::upsampled;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Tape};
use candle_core::Result;

/// As `ops::upsample_bilinear2x`.
pub(crate) fn upsample_bilinear2x(tape: &Tape, device: &GpuNetwork, x: &Map) -> Result<Map> {
    let (gpu, small) = (device.gpu.clone(), x.shape());
    let x = settled(tape, device, x)?;
    let y = gpu.map(upsampled(small))?;
    let arguments = [(&x.array()?).into(), (&y).into(), size(small)];
    gpu.launch("double_bilinearly", Grid::over(y.len() / CHANNELS), &arguments)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dx = gpu.map(small)?;
        let arguments = [(&dy.device()?).into(), (&dx).into(), size(small)];
        gpu.launch("double_bilinearly_gradient", Grid::over(dx.len() / CHANNELS), &arguments)?;
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, upsampled(small), None))
}
