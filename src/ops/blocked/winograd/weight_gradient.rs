//! The gradient of a 3×3 convolution's weights: `dg = Gᵀ[Σ_tiles (Bᵀ d B) ⊙ (A dy Aᵀ)]G`, a product of matrices with the sum
//! over tiles inside, in chunks of 64 × 64 channels.

use super::filters::{FilterGradient, FilterRange};
use super::matrices::Filtering;
use super::tiles::{GradientTiles, Grid, InputTiles};
use super::{Component, Resample};
use crate::blocked::Blocked;
use crate::blocked::gemm::Product;
use crate::blocked::scratch::{Shared, room, scratch, shared_scratch, spread};
use crate::blocked::simd::{Element, LANES, Level};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Elements of a 16 × 16 block.
const BLOCK: usize = LANES * LANES;
/// Blocks of input or output channels in a chunk.
const CHUNK: usize = 4;
/// Fewest tasks wanted; with fewer chunks the tiles are split as well. A constant, so that sums do not depend on threads.
const TASKS: usize = 8;

/// The gradient made ready: which blocks are read, and their channels' place in the weights.
pub struct WeightGradient<'a, P> {
    pub level: Level,
    pub resample: Resample,
    /// Blocks of the convolution's inputs.
    pub inputs: Vec<(Blocked<'a, P>, usize, Range<usize>)>,
    /// Blocks of the gradient of its output.
    pub outputs: Vec<(Blocked<'a, P>, usize, Range<usize>)>,
    /// The `in` of the weights.
    pub in_channels: usize,
    /// Receives `(out, in, 3, 3)`; valid for all of it, and nobody else's meanwhile.
    pub out: Shared,
}

/// A range of input blocks by a range of output blocks.
#[derive(Debug, Clone)]
struct Chunk {
    inputs: Range<usize>,
    outputs: Range<usize>,
}

impl Chunk {
    /// Stride between components of the chunk's `(component, output block, input block, 16, 16)`.
    fn stride(&self) -> usize {
        spread::<f32>(self.inputs.len() * self.outputs.len() * BLOCK)
    }

    /// Where the 16 × 16 of a pair of its blocks start in a component.
    fn block(&self, input: usize, output: usize) -> usize {
        (output * self.inputs.len() + input) * BLOCK
    }

    /// Every (input, output) pair of its blocks.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let inputs = self.inputs.len();
        (0..inputs * self.outputs.len()).map(move |i| (i % inputs, i / inputs))
    }
}

/// Transformed blocks, `(component, block, tile, 16)` with room for [`Component::TILES`], and the stride of components.
#[derive(Clone, Copy)]
struct Transformed<E>(*mut E, usize);

impl<E: Component> Transformed<E> {
    /// # Safety
    /// Component and block must lie in the buffer.
    unsafe fn at(&self, component: usize, block: usize) -> *mut E {
        // SAFETY: the caller's.
        unsafe { self.0.add(component * self.1 + block * E::TILES * LANES) }
    }
}

impl<P: Element> WeightGradient<'_, P> {
    /// Writes the gradient.
    pub fn run<F: Filtering, E: Component>(&self) {
        let dy = self.outputs[0].0.shape();
        let grid = Grid::new::<F>(dy.n, dy.h, dy.w);
        let chunks = self.chunks();
        let groups = grid.len().div_ceil(E::TILES);
        let splits = TASKS.div_ceil(chunks.len()).min(groups);
        if splits > 1 {
            return self.run_split::<F, E>(grid, &chunks, splits);
        }
        chunks.par_iter().for_each(|chunk| {
            scratch(F::A * F::A * chunk.stride(), |sums| {
                let sums = sums.as_mut_ptr();
                self.sum_products::<F, E>(grid, chunk, 0..grid.len(), sums);
                // SAFETY: the sums are those of the chunk.
                chunk.pairs().for_each(|(i, o)| unsafe { self.transform_back::<F>(chunk, i, o, sums) });
            });
        });
    }

    fn chunks(&self) -> Vec<Chunk> {
        let cut = |blocks: usize| (0..blocks).step_by(CHUNK).map(move |first| first..blocks.min(first + CHUNK));
        let pair = |inputs: Range<usize>| cut(self.outputs.len()).map(move |outputs| Chunk { inputs: inputs.clone(), outputs });
        cut(self.inputs.len()).flat_map(pair).collect()
    }

    /// The same with the tiles of every chunk in `splits` parts, summed apart and then in order.
    fn run_split<F: Filtering, E: Component>(&self, grid: Grid, chunks: &[Chunk], splits: usize) {
        let groups = grid.len().div_ceil(E::TILES);
        let bound = |split: usize| (groups * split / splits * E::TILES).min(grid.len());
        // The first chunk is the largest.
        let len = F::A * F::A * chunks[0].stride();
        shared_scratch(len * splits * chunks.len(), |parts| {
            (0..splits * chunks.len()).into_par_iter().for_each(|task| {
                let (chunk, split) = (&chunks[task / splits], task % splits);
                // SAFETY: each task has its own part of the buffer.
                let part = unsafe { parts.at(task * len) };
                self.sum_products::<F, E>(grid, chunk, bound(split)..bound(split + 1), part);
            });
            let pairs = chunks.iter().enumerate().flat_map(|(c, chunk)| chunk.pairs().map(move |pair| (c, pair)));
            pairs.collect::<Vec<_>>().into_par_iter().for_each(|(c, (input, output))| {
                let chunk = &chunks[c];
                // SAFETY: each task has its own pair of blocks in every part of its chunk.
                unsafe {
                    let sums = parts.at(c * splits * len);
                    self.add_parts::<F>(sums.add(chunk.block(input, output)), chunk.stride(), (splits, len));
                    self.transform_back::<F>(chunk, input, output, sums);
                }
            });
        });
    }

    /// Adds one pair of blocks of the other parts, `len` elements apart, to that of the first.
    unsafe fn add_parts<F: Filtering>(&self, first: *mut f32, stride: usize, (parts, len): (usize, usize)) {
        for p in self.resample.components::<F>() {
            for part in 1..parts {
                // SAFETY: the caller's; the blocks do not overlap.
                let (total, addend) = unsafe {
                    let total = std::slice::from_raw_parts_mut(first.add(p * stride), BLOCK);
                    (total, std::slice::from_raw_parts(first.add(part * len + p * stride), BLOCK))
                };
                total.iter_mut().zip(addend).for_each(|(total, x)| *total += x);
            }
        }
    }

    /// Transforms the tiles of one chunk a few at a time and sums their products.
    fn sum_products<F: Filtering, E: Component>(&self, grid: Grid, chunk: &Chunk, tiles: Range<usize>, sums: *mut f32) {
        let stride = |blocks: &Range<usize>| spread::<E>(blocks.len() * E::TILES * LANES);
        let (v_stride, d_stride) = (stride(&chunk.inputs), stride(&chunk.outputs));
        scratch(room::<E>(F::A * F::A * (v_stride + d_stride)), |buffer| {
            let (v, d) = buffer.split_at_mut(room::<E>(F::A * F::A * v_stride));
            let v = Transformed::<E>(v.as_mut_ptr().cast(), v_stride);
            let d = Transformed::<E>(d.as_mut_ptr().cast(), d_stride);
            for first in tiles.clone().step_by(E::TILES) {
                let group = first..tiles.end.min(first + E::TILES);
                // SAFETY: the buffers have room for a chunk's blocks and `E::TILES` tiles.
                unsafe {
                    for (i, block) in chunk.inputs.clone().enumerate() {
                        self.transform_input::<F, E>(block, grid, group.clone(), (v.at(0, i), v.1));
                    }
                    for (i, block) in chunk.outputs.clone().enumerate() {
                        self.transform_output::<F, E>(block, grid, group.clone(), (d.at(0, i), d.1));
                    }
                }
                self.add_products::<F, E>(chunk, v, d, group.len(), (sums, first > tiles.start));
            }
        });
    }

    /// Adds the products of the first `tiles` tiles to a chunk's sums, or starts the sums with them.
    fn add_products<F: Filtering, E: Component>(
        &self,
        chunk: &Chunk,
        v: Transformed<E>,
        d: Transformed<E>,
        tiles: usize,
        (sums, accumulate): (*mut f32, bool),
    ) {
        for p in self.resample.components::<F>() {
            for input in 0..chunk.inputs.len() {
                // SAFETY: block and component lie in the transformed maps and in the sums.
                let (a, b, c) = unsafe { (v.at(p, input), d.at(p, 0), sums.add(p * chunk.stride() + chunk.block(input, 0))) };
                self.level.run(&Product {
                    a: (a, 0),
                    b: (b, E::TILES * LANES, 0),
                    c: (c, chunk.inputs.len() * BLOCK),
                    rows: LANES,
                    panels: chunk.outputs.len(),
                    blocks: 1,
                    depth: tiles,
                    transposed: true,
                    accumulate,
                });
            }
        }
    }

    fn transform_input<F: Filtering, E: Component>(&self, input: usize, grid: Grid, tiles: Range<usize>, out: (*mut E, usize)) {
        let (map, block, resample) = (self.inputs[input].0, self.inputs[input].1, self.resample);
        self.level.run(InputTiles { filtering: PhantomData::<F>, map, block, resample, grid, tiles, out: E::summed(out) });
    }

    fn transform_output<F: Filtering, E: Component>(&self, output: usize, grid: Grid, tiles: Range<usize>, out: (*mut E, usize)) {
        let (map, block) = (self.outputs[output].0, self.outputs[output].1);
        let skip = self.resample != Resample::None;
        self.level.run(GradientTiles { filtering: PhantomData::<F>, map, block, skip, grid, tiles, out: E::summed(out) });
    }

    /// # Safety
    /// `sums` must be the chunk's, and no other task may write this pair of blocks of the gradient.
    unsafe fn transform_back<F: Filtering>(&self, chunk: &Chunk, input: usize, output: usize, sums: *const f32) {
        let outputs = self.outputs[chunk.outputs.start + output].2.clone();
        let inputs = self.inputs[chunk.inputs.start + input].2.clone();
        // SAFETY: the pair of blocks lies in the chunk's sums.
        let components = unsafe { sums.add(chunk.block(input, output)) };
        self.level.run(FilterGradient {
            filtering: PhantomData::<F>,
            components: (components, chunk.stride()),
            resample: self.resample,
            range: FilterRange { outputs, inputs, in_channels: self.in_channels },
            out: self.out.0,
        });
    }
}
