//! Channels of several maps side by side, and gradients added up.

use super::driver::Grid;
use super::kernels::long;
use super::{Array, CHANNELS, Gpu, elements, stored};
use crate::blocked::Shape;
use candle_core::{Result, bail};

/// Some channels of a map: so many from `at` on.
#[derive(Debug, Clone, Copy)]
struct Channels<'a> {
    map: &'a Array,
    /// As stored.
    all: usize,
    at: usize,
}

fn copy(gpu: &Gpu, from: Channels, to: Channels, count: usize, pixels: usize) -> Result<()> {
    let whole = [from.at, to.at, count].iter().all(|n| n.is_multiple_of(CHANNELS));
    let name = if whole { "copy_channels" } else { "copy_single_channels" };
    let things = pixels * if whole { count / CHANNELS } else { count };
    let arguments = [
        from.map.into(),
        from.all.into(),
        from.at.into(),
        to.map.into(),
        to.all.into(),
        to.at.into(),
        count.into(),
        long(pixels),
    ];
    gpu.launch(name, Grid::over(things), &arguments)
}

/// The channels of all maps in one.
pub(super) fn joined(gpu: &Gpu, maps: &[Array], shapes: &[Shape]) -> Result<Array> {
    let shape = Shape { c: shapes.iter().map(|s| s.c).sum(), ..shapes[0] };
    let (all, pixels) = (stored(shape.c), shape.n * shape.h * shape.w);
    let y = gpu.map(shape)?;
    if all != shape.c {
        y.clear(&gpu.driver)?;
    }
    let mut at = 0;
    for (map, from) in maps.iter().zip(shapes) {
        copy(gpu, Channels { map, all: stored(from.c), at: 0 }, Channels { map: &y, all, at }, from.c, pixels)?;
        at += from.c;
    }
    Ok(y)
}

/// The way back.
pub(super) fn parted(gpu: &Gpu, joined: &Array, shape: Shape, shapes: &[Shape]) -> Result<Vec<Array>> {
    let (all, pixels) = (stored(shape.c), shape.n * shape.h * shape.w);
    let mut at = 0;
    let mut parts = Vec::new();
    for to in shapes {
        let part = gpu.map(*to)?;
        if stored(to.c) != to.c {
            part.clear(&gpu.driver)?;
        }
        copy(gpu, Channels { map: joined, all, at }, Channels { map: &part, all: stored(to.c), at: 0 }, to.c, pixels)?;
        at += to.c;
        parts.push(part);
    }
    debug_assert_eq!(parts.iter().map(Array::len).sum::<usize>(), shapes.iter().map(|s| elements(*s)).sum::<usize>());
    Ok(parts)
}

/// Adds `b` to `a` in place.
pub(crate) fn add_to(gpu: &Gpu, a: &Array, b: &Array) -> Result<()> {
    if a.len() != b.len() || a.kind() != b.kind() {
        bail!("cannot add gradients of {a:?} and {b:?}")
    }
    gpu.launch("add_maps", Grid::over(a.len() / CHANNELS), &[a.into(), b.into(), long(a.len())])
}
