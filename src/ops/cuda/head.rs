//! The last convolution, from a map to logits.

use super::driver::Grid;
use super::kernels::long;
use super::norm::settled;
use super::{Array, CHANNELS, Cut, Kind, stored};
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Node, Tape};
use candle_core::{Result, bail};

/// As `ops::conv1x1`; the logits are (n, classes, h, w), f32.
pub(crate) fn conv1x1(tape: &Tape, device: &GpuNetwork, x: &Map, weight: &Node, bias: &Node) -> Result<Node> {
    let (gpu, store, shape) = (device.gpu.clone(), device.store.clone(), x.shape());
    let (index, offset) = (weight.param()?, bias.param()?);
    let classes = store.dims(index)[0];
    if store.dims(index) != [classes, shape.c, 1, 1] || store.dims(offset) != [classes] {
        bail!("conv1x1 of {} channels: weight {:?}, bias {:?}", shape.c, store.dims(index), store.dims(offset))
    }
    let (plane, channels) = (shape.h * shape.w, stored(shape.c));
    let sizes = [long(plane), shape.n.into(), channels.into(), classes.into()];
    let x = settled(tape, device, x)?;
    let kept = x.array()?;
    let logits = gpu.array(Kind::F32, shape.n * classes * plane)?;
    let values = [(&kept).into(), (&store.value(index)).into(), (&store.value(offset)).into(), (&logits).into()];
    gpu.launch("head", Grid::over(shape.n * plane), &[&values[..], &sizes].concat())?;
    let wanted = x.node().needs_grad();
    Ok(tape.record_device(logits, &[x.node()], move |dy| {
        let dy: Array = dy.device()?;
        let cut = Cut::of(shape.n * plane, channels);
        let partial = gpu.array(Kind::F32, classes * cut.blocks * 2 * channels)?;
        let read = [(&dy).into(), (&kept).into(), (&partial).into()];
        gpu.launch("head_weight_gradient", cut.grid(classes), &[&read[..], &sizes, &[cut.lanes.into()]].concat())?;
        let (dweight, dbias) = (store.gradient(index), store.gradient(offset));
        let sums = [(&partial).into(), cut.blocks.into(), channels.into(), (&dweight).into(), (&dbias).into()];
        gpu.launch("head_gradients", Grid::blocks(classes * channels), &sums)?;
        if !wanted {
            return Ok(vec![None]);
        }
        let dx = gpu.map(shape)?;
        let read = [(&dy).into(), (&store.value(index)).into(), (&dx).into()];
        gpu.launch("head_input_gradient", Grid::over(dx.len() / CHANNELS), &[&read[..], &sizes].concat())?;
        Ok(vec![Some(Value::Device(dx))])
    }))
}
