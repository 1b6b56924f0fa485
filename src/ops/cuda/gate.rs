//! A map times one number a pixel.

use super::driver::{Grid, THREADS};
use super::kernels::long;
use super::norm::settled;
use super::{CHANNELS, stored};
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Tape};
use candle_core::Result;

/// As `ops::gate`.
pub(crate) fn gate(tape: &Tape, device: &GpuNetwork, x: &Map, psi: &Map) -> Result<Map> {
    let (gpu, shape, of) = (device.gpu.clone(), x.shape(), psi.shape());
    let (x, psi) = (settled(tape, device, x)?, settled(tape, device, psi)?);
    let (pixels, channels) = (shape.n * shape.h * shape.w, stored(shape.c));
    let kept = [x.array()?, psi.array()?];
    let y = gpu.map(shape)?;
    let arguments = [(&kept[0]).into(), (&kept[1]).into(), (&y).into(), long(pixels), channels.into()];
    gpu.launch("gate", Grid::over(y.len() / CHANNELS), &arguments)?;
    let node = tape.record_device(y, &[x.node(), psi.node()], move |dy| {
        let (dy, dx, dpsi) = (dy.device()?, gpu.map(shape)?, gpu.map(of)?);
        let lanes = (channels / CHANNELS).next_power_of_two().min(32);
        let [x, psi] = &kept;
        let read = [(&dy).into(), x.into(), psi.into(), (&dx).into(), (&dpsi).into()];
        let sizes = [long(pixels), channels.into(), lanes.into()];
        // `lanes` threads a pixel.
        let grid = Grid { threads: THREADS, ..Grid::over(pixels * lanes) };
        gpu.launch("gate_gradient", grid, &[&read[..], &sizes].concat())?;
        Ok(vec![Some(Value::Device(dx)), Some(Value::Device(dpsi))])
    });
    Ok(Map::on_device(node, shape, None))
}
