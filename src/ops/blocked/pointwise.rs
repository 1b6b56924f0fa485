//! 1×1 convolution from blocked maps to a blocked one: a product of matrices, pixels by channels. Several maps are read as if
//! concatenated.
//!
//! Weights are PyTorch's `(out, in, 1, 1)`.

use super::conv_transpose2x2::{BLOCK, CHUNK, Gather, Offset, Scatter, Strip, chunk_gradient, padded, product};
use super::scratch::{Shared, scratch};
use super::simd::{Element, LANES, Level};
use super::{Blocked, Shape, Unwritten};
use rayon::prelude::*;
use std::ops::Range;

/// `y[o] = bias[o] + Σ_i weights[o, i] · x[i]` at every pixel, x being the sources' channels one source after the other.
///
/// # Panics
/// If the weights do not fit.
pub fn forward<E: Element>(level: Level, sources: &[Blocked<E>], weights: &[f32], bias: &[f32]) -> (Vec<E>, Shape) {
    let from = sources[0].shape();
    let shape = Shape { c: bias.len(), ..from };
    let inputs = channels(sources);
    assert_eq!(weights.len(), bias.len() * inputs.last().map_or(0, |last| last.end), "weights of {} outputs", bias.len());
    let packed = pack(weights, &inputs, bias.len());
    let blocks: usize = sources.iter().map(|source| source.shape().blocks()).sum();
    let biases: Vec<[f32; LANES]> = bias.chunks(LANES).map(padded).collect();
    let mut y = Unwritten::<E>::new(shape);
    let target = y.shared();
    Strip::all(from).into_par_iter().for_each(|strip| {
        let pixels = strip.pixels(from);
        scratch(pixels * LANES * (blocks + shape.blocks()), |buffer| {
            let (all, to) = buffer.split_at_mut(pixels * LANES * blocks);
            let mut rest = &mut all[..];
            for source in sources {
                let own = source.shape().blocks();
                let (out, others) = rest.split_at_mut(pixels * LANES * own);
                level.run(Gather { map: *source, strip: &strip, small: from, blocks: 0..own, offset: Offset::SAME, out });
                rest = others;
            }
            product(level, all, &packed, to, (pixels, blocks, shape.blocks()), false);
            level.run(Scatter {
                values: to,
                strip: &strip,
                small: from,
                shape,
                offset: Offset::SAME,
                bias: &biases,
                map: target,
            });
        });
    });
    // SAFETY: the strips are every pixel.
    (unsafe { y.assume_written() }, shape)
}

/// The gradient of the source whose channels are `inputs` of the weights' `all`.
pub fn input_gradient<E: Element>(level: Level, dy: Blocked<E>, weights: &[f32], inputs: Range<usize>, all: usize) -> Vec<E> {
    let shape = dy.shape();
    let small = Shape { c: inputs.len(), ..shape };
    let packed = pack_turned(weights, inputs, all, shape.c);
    let zero = vec![[0.0; LANES]; small.blocks()];
    let mut dx = Unwritten::<E>::new(small);
    let target = dx.shared();
    Strip::all(shape).into_par_iter().for_each(|strip| {
        let pixels = strip.pixels(shape);
        scratch(pixels * LANES * (shape.blocks() + small.blocks()), |buffer| {
            let (from, to) = buffer.split_at_mut(pixels * LANES * shape.blocks());
            level.run(Gather { map: dy, strip: &strip, small, blocks: 0..shape.blocks(), offset: Offset::SAME, out: from });
            product(level, from, &packed, to, (pixels, shape.blocks(), small.blocks()), false);
            level.run(Scatter { values: to, strip: &strip, small, shape: small, offset: Offset::SAME, bias: &zero, map: target });
        });
    });
    // SAFETY: the strips are every pixel.
    unsafe { dx.assume_written() }
}

/// The gradient of the weights, (out, in).
pub fn weight_gradient<E: Element>(level: Level, sources: &[Blocked<E>], dy: Blocked<E>) -> Vec<f32> {
    let inputs = channels(sources);
    let all = inputs.last().map_or(0, |last| last.end);
    let mut gradient = vec![0.0; dy.shape().c * all];
    for (source, range) in sources.iter().zip(inputs) {
        source_gradient(level, *source, dy, (range.start, all), Shared(gradient.as_mut_ptr()));
    }
    gradient
}

/// Writes the columns of one source, which start at `first` of `all`.
fn source_gradient<E: Element>(level: Level, x: Blocked<E>, dy: Blocked<E>, (first, all): (usize, usize), out: Shared) {
    let strips = Strip::all(x.shape());
    let cut = |blocks: usize| (0..blocks).step_by(CHUNK).map(move |first| first..blocks.min(first + CHUNK));
    let pairs = |i: Range<usize>| cut(dy.shape().blocks()).map(move |o| (i.clone(), o));
    let tasks: Vec<(Range<usize>, Range<usize>)> = cut(x.shape().blocks()).flat_map(pairs).collect();
    tasks.into_par_iter().for_each(|(inputs, outputs)| {
        let totals = chunk_gradient(level, (x, inputs.clone()), (dy, outputs.clone()), Offset::SAME, &strips);
        for (pair, total) in totals.chunks_exact(BLOCK).enumerate() {
            let (i, o) = (inputs.start + pair / outputs.len(), outputs.start + pair % outputs.len());
            for (place, value) in total.iter().enumerate() {
                let (i, o) = (i * LANES + place / LANES, o * LANES + place % LANES);
                if i < x.shape().c && o < dy.shape().c {
                    // SAFETY: the place lies in the gradient and is this task's alone.
                    unsafe { *out.at(o * all + first + i) = *value as f32 };
                }
            }
        }
    });
}

/// Each source's channels among all.
pub fn channels<E>(sources: &[Blocked<E>]) -> Vec<Range<usize>> {
    let mut first = 0;
    let mut next = |c: usize| {
        first += c;
        first - c..first
    };
    sources.iter().map(|source| next(source.shape().c)).collect()
}

/// `(output block, input block, 16 inputs, 16 outputs)`, every source in blocks of its own.
fn pack(weights: &[f32], sources: &[Range<usize>], outputs: usize) -> Vec<f32> {
    let inputs = sources.last().map_or(0, |last| last.end);
    let lanes: Vec<Option<usize>> = sources
        .iter()
        .flat_map(|source| {
            let padded = source.len().next_multiple_of(LANES);
            source.clone().map(Some).chain(std::iter::repeat_n(None, padded - source.len()))
        })
        .collect();
    let blocks = lanes.len() / LANES;
    let mut packed = vec![0.0; outputs.div_ceil(LANES) * blocks * BLOCK];
    packed.par_chunks_exact_mut(BLOCK).enumerate().for_each(|(pair, block)| {
        for (place, value) in block.iter_mut().enumerate() {
            let (o, i) = (pair / blocks * LANES + place % LANES, lanes[pair % blocks * LANES + place / LANES]);
            if let Some(i) = i.filter(|_| o < outputs) {
                *value = weights[o * inputs + i];
            }
        }
    });
    packed
}

/// `(input block, output block, 16 outputs, 16 inputs)` of one source.
fn pack_turned(weights: &[f32], inputs: Range<usize>, all: usize, outputs: usize) -> Vec<f32> {
    let blocks = outputs.div_ceil(LANES);
    let mut packed = vec![0.0; inputs.len().div_ceil(LANES) * blocks * BLOCK];
    packed.par_chunks_exact_mut(BLOCK).enumerate().for_each(|(pair, block)| {
        for (place, value) in block.iter_mut().enumerate() {
            let (i, o) = (pair / blocks * LANES + place % LANES, pair % blocks * LANES + place / LANES);
            if i < inputs.len() && o < outputs {
                *value = weights[o * all + inputs.start + i];
            }
        }
    });
    packed
}
