//! 3×3 convolution with a border of zeros, stride 1: value and gradients on blocked maps.
//!
//! It may read several maps as if concatenated along channels, and read them as if upsampled to twice their sides (nearest),
//! without either being stored. Weights are PyTorch's `(out, in, 3, 3)`, `in` counting the sources' channels one after the other.
//!
//! With `x` the concatenated, perhaps upsampled input: `y[o] = b[o] + Σ_i x[i] ⋆ w[o, i]` (correlation).

use super::scratch::{Shared, assume_initialised, uninitialised};
use super::simd::{Element, Kernel, LANES, Level, Simd, level};
use super::strips::{Strip, Strips};
use super::winograd::{Convolution, F2, F4, Resample, Target, WeightGradient};
use super::{Blocked, Finish, Shape, Unwritten, direct};
use half::bf16;
use std::ops::Range;

/// Which minimal filtering does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// F(2×2, 3×3): 2.25 times fewer products than the plain sum, errors like its own.
    F2,
    /// F(4×4, 3×3): 4 times fewer products, errors about three times larger. What is upsampled is computed by `F2`, which takes no more products for it.
    F4,
    /// F(2×2, 3×3) with both transformed operands rounded to bf16, sums in f32: errors about 3e-3, twice the products a cycle
    /// with AVX512-BF16, none saved otherwise. A source of so few channels that the plain sum serves it is computed in f32.
    F2Bf16,
}

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The instruction set.
    pub level: Level,
    /// For the value.
    pub forward: Variant,
    /// For both gradients.
    pub gradients: Variant,
}

impl Default for Method {
    /// The machine's [`level`], F(2×2) for all, whose errors are those of the plain sum.
    fn default() -> Self {
        Self { level: level(), forward: Variant::F2, gradients: Variant::F2 }
    }
}

/// The value, a map of `out` channels; twice the sides of the sources if `upsampled`.
///
/// `weights`: (out, in, 3, 3).
///
/// # Panics
/// If there is no source, the sources' sizes differ, or weights, slope or bias do not fit.
pub fn forward<E: Element>(method: Method, sources: &[Blocked<E>], upsampled: bool, weights: &[f32], finish: Finish) -> Vec<E> {
    let (shape, in_channels) = common_shape(sources);
    let out_channels = weights.len() / (9 * in_channels);
    assert_eq!(weights.len(), out_channels * in_channels * 9, "weights of {in_channels} input channels");
    for (name, values) in [("slopes", finish.slope), ("biases", finish.bias)] {
        assert!(values.is_empty() || values.len() == out_channels, "{} {name}, {out_channels} outputs", values.len());
    }
    if sources.len() == 1 && in_channels <= direct::FEW && !upsampled {
        let wide = E::widen(sources[0].data());
        let out = direct::forward(method.level, Blocked::new(shape, &wide), weights, finish);
        // SAFETY: the convolution writes every interior pixel.
        return E::narrow(unsafe { out.assume_written() });
    }
    let scale = if upsampled { 2 } else { 1 };
    let mut out = Unwritten::new(Shape { c: out_channels, h: shape.h * scale, w: shape.w * scale, ..shape });
    let convolution = Convolution {
        level: method.level,
        resample: if upsampled { Resample::Upsampled } else { Resample::None },
        inputs: source_blocks(sources),
        outputs: targets(&mut out, 0),
        weights,
        in_channels,
        turned: false,
        finish,
    };
    run(&convolution, method.forward);
    // SAFETY: the outputs are all of the map's blocks, so every interior pixel has been written.
    unsafe { out.assume_written() }
}

/// The gradient of every source, `channels[i]` channels each, from the gradient `dy` of the value.
///
/// # Panics
/// If the weights do not fit, or `upsampled` and `dy` has odd sides.
pub fn input_gradient<E: Element>(
    method: Method,
    dy: Blocked<E>,
    upsampled: bool,
    weights: &[f32],
    channels: &[usize],
) -> Vec<Vec<E>> {
    let (shape, in_channels) = (dy.shape(), channels.iter().sum::<usize>());
    assert_eq!(weights.len(), shape.c * in_channels * 9, "weights of {in_channels} inputs and {} outputs", shape.c);
    let scale = if upsampled { 2 } else { 1 };
    assert!(shape.h % scale == 0 && shape.w % scale == 0, "an upsampled map has even sides, not {shape:?}");
    let (h, w) = (shape.h / scale, shape.w / scale);
    let mut maps: Vec<_> = channels.iter().map(|&c| Unwritten::new(Shape { n: shape.n, c, h, w })).collect();
    let mut outputs = Vec::new();
    let mut first = 0;
    for map in &mut maps {
        outputs.extend(targets(map, first));
        first += map.shape().c;
    }
    let convolution = Convolution {
        level: method.level,
        resample: if upsampled { Resample::Pooled } else { Resample::None },
        inputs: source_blocks(&[dy]),
        outputs,
        weights,
        in_channels,
        turned: true,
        finish: Finish::default(),
    };
    run(&convolution, method.gradients);
    // SAFETY: the outputs are all blocks of all maps, so every interior pixel has been written.
    maps.into_iter().map(|map| unsafe { map.assume_written() }).collect()
}

/// The gradient of the weights, (out, in, 3, 3), from the sources and the gradient `dy` of the value.
///
/// # Panics
/// If there is no source, or sizes do not fit.
pub fn weight_gradient<E: Element>(method: Method, sources: &[Blocked<E>], upsampled: bool, dy: Blocked<E>) -> Vec<f32> {
    let (shape, in_channels) = common_shape(sources);
    let (scale, out) = (if upsampled { 2 } else { 1 }, dy.shape());
    assert_eq!((shape.n, shape.h * scale, shape.w * scale), (out.n, out.h, out.w), "sizes of sources and of dy");
    if sources.len() == 1 && in_channels <= direct::FEW && !upsampled {
        let (wide, dy_wide) = (E::widen(sources[0].data()), E::widen(dy.data()));
        return direct::weight_gradient(method.level, Blocked::new(shape, &wide), Blocked::new(out, &dy_wide));
    }
    let mut gradient = uninitialised(out.c * in_channels * 9);
    let work = WeightGradient {
        level: method.level,
        resample: if upsampled { Resample::Upsampled } else { Resample::None },
        inputs: source_blocks(sources),
        outputs: source_blocks(&[dy]),
        in_channels,
        out: Shared(gradient.as_mut_ptr().cast()),
    };
    match method.gradients {
        Variant::F4 if !upsampled => work.run::<F4, f32>(),
        Variant::F2 | Variant::F4 => work.run::<F2, f32>(),
        Variant::F2Bf16 => work.run::<F2, bf16>(),
    }
    // SAFETY: every pair of an output block and an input block has been written.
    unsafe { assume_initialised(gradient) }
}

/// The gradient of the bias, (out): the sum of `dy` over samples and pixels. Rows are summed in f32, their sums in f64.
pub fn bias_gradient<E: Element>(level: Level, dy: Blocked<E>) -> Vec<f32> {
    let (shape, strips) = (dy.shape(), Strips::of(dy.shape()));
    let parts = strips.map(|strip| level.run(StripSums { map: dy, strip }));
    let mut sums = vec![[0.0; LANES]; shape.blocks()];
    for (plane, parts) in parts.chunks_exact(strips.a_plane()).enumerate() {
        let total = &mut sums[plane % shape.blocks()];
        parts.iter().for_each(|part| (0..LANES).for_each(|lane| total[lane] += part[lane]));
    }
    sums.into_iter().flatten().take(shape.c).map(|sum| sum as f32).collect()
}

/// Sums of the lanes of a strip.
struct StripSums<'a, E> {
    map: Blocked<'a, E>,
    strip: Strip,
}

impl<E: Element> Kernel for StripSums<'_, E> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f64; LANES] {
        let shape = self.map.shape();
        let plane = self.map.plane(self.strip.plane / shape.blocks(), self.strip.plane % shape.blocks());
        let mut total = [0.0; LANES];
        for y in self.strip.rows {
            let mut sum = s.zero();
            for pixel in plane[shape.pixel(y, 0)..][..shape.w * LANES].chunks_exact(LANES) {
                // SAFETY: a chunk has 16 elements.
                sum = s.add(sum, unsafe { E::load(s, pixel.as_ptr()) });
            }
            let sum = s.to_array(sum);
            for lane in 0..LANES {
                total[lane] += f64::from(sum[lane]);
            }
        }
        total
    }
}

fn run<E: Element>(convolution: &Convolution<E>, variant: Variant) {
    match variant {
        Variant::F4 if convolution.resample == Resample::None => convolution.run::<F4, f32>(),
        Variant::F2 | Variant::F4 => convolution.run::<F2, f32>(),
        Variant::F2Bf16 => convolution.run::<F2, bf16>(),
    }
}

/// The size that all sources share, and the sum of their channels.
fn common_shape<E: Element>(sources: &[Blocked<E>]) -> (Shape, usize) {
    let first = sources.first().expect("a convolution reads at least one map").shape();
    for source in sources {
        let shape = source.shape();
        assert_eq!((shape.n, shape.h, shape.w), (first.n, first.h, first.w), "sizes of the sources");
    }
    (first, sources.iter().map(|source| source.shape().c).sum())
}

/// Every block of the sources in order, with its channels' place along the concatenation.
fn source_blocks<'a, E: Element>(sources: &[Blocked<'a, E>]) -> Vec<(Blocked<'a, E>, usize, Range<usize>)> {
    let mut blocks = Vec::new();
    let mut first = 0;
    for source in sources {
        blocks.extend(block_channels(source.shape().c, first).enumerate().map(|(block, range)| (*source, block, range)));
        first += source.shape().c;
    }
    blocks
}

/// Every block of a map to write, with its channels' place in the weights, `first` and on.
fn targets<E: Element>(map: &mut Unwritten<E>, first: usize) -> Vec<(Target<E>, Range<usize>)> {
    let (shape, map) = (map.shape(), map.shared());
    block_channels(shape.c, first).enumerate().map(|(block, range)| (Target { map, shape, block }, range)).collect()
}

/// The channels of each block of a map whose first channel is number `first`.
fn block_channels(channels: usize, first: usize) -> impl Iterator<Item = Range<usize>> {
    (0..channels).step_by(LANES).map(move |c| first + c..first + channels.min(c + LANES))
}

#[cfg(test)]
mod tests;
