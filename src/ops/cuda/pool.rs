//! Half the sides.

use super::driver::Grid;
use super::norm::settled;
use super::{CHANNELS, size};
use crate::blocked::Shape;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Tape};
use candle_core::{Result, bail};

/// As `ops::max_pool2x2`.
pub(crate) fn max_pool2x2(tape: &Tape, device: &GpuNetwork, x: &Map) -> Result<Map> {
    let (gpu, from) = (device.gpu.clone(), x.shape());
    if from.h < 2 || from.w < 2 {
        bail!("max_pool2x2 needs sides of 2 or more, got {}x{}", from.h, from.w)
    }
    let shape = Shape { h: from.h / 2, w: from.w / 2, ..from };
    let x = settled(tape, device, x)?;
    let kept = x.array()?;
    let y = gpu.map(shape)?;
    let grid = Grid::over(y.len() / CHANNELS);
    gpu.launch("max_pool", grid, &[(&kept).into(), (&y).into(), size(from)])?;
    let node = tape.record_adding_device(y, x.node(), move |dy, sum| {
        let dy = dy.device()?;
        let adding = sum.is_some();
        let dx = sum.map_or_else(|| gpu.map(from), Value::device)?;
        // Of odd sides the last row or column is in no square.
        if !adding && (from.h % 2 == 1 || from.w % 2 == 1) {
            dx.clear(&gpu.driver)?;
        }
        let arguments = [(&kept).into(), (&dy).into(), (&dx).into(), size(from), adding.into()];
        gpu.launch("max_pool_gradient", grid, &arguments)?;
        Ok(Value::Device(dx))
    });
    Ok(Map::on_device(node, shape, None))
}
