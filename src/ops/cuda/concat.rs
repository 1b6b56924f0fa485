//! Channels of several maps side by side, of weights apart, and gradients added up.

use super::driver::Grid;
use super::kernels::long;
use super::{Array, CHANNELS, Gpu, stored};
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

/// Some of the real channels that are joined: so many from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub at: usize,
    pub count: usize,
}

/// These channels of rows of `all` channels, as rows of their own.
pub(super) fn take_channels(gpu: &Gpu, joined: &Array, all: usize, run: Run) -> Result<Array> {
    let (rows, own) = (joined.len() / all, stored(run.count));
    let part = gpu.array(joined.kind(), rows * own)?;
    if own != run.count {
        part.clear(&gpu.driver)?;
    }
    copy(gpu, Channels { map: joined, all, at: run.at }, Channels { map: &part, all: own, at: 0 }, run.count, rows)?;
    Ok(part)
}

/// The way back: rows of these channels into rows of `all`, whose other channels stay.
pub(super) fn put_channels(gpu: &Gpu, part: &Array, joined: &Array, all: usize, run: Run) -> Result<()> {
    let (rows, own) = (joined.len() / all, stored(run.count));
    copy(gpu, Channels { map: part, all: own, at: 0 }, Channels { map: joined, all, at: run.at }, run.count, rows)
}

/// Adds `b` to `a` in place.
pub(crate) fn add_to(gpu: &Gpu, a: &Array, b: &Array) -> Result<()> {
    if a.len() != b.len() || a.kind() != b.kind() {
        bail!("cannot add gradients of {a:?} and {b:?}")
    }
    gpu.launch("add_maps", Grid::over(a.len() / CHANNELS), &[a.into(), b.into(), long(a.len())])
}
