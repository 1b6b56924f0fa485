//! The gradient of a 3×3 convolution's weights: `dg = Gᵀ[Σ_tiles (Bᵀ d B) ⊙ (A dy Aᵀ)]G`, a product of matrices with the sum
//! over tiles inside, in chunks of 64 × 64 channels.

use super::Resample;
use super::filters::{FilterGradient, Place};
use super::matrices::Filtering;
use super::tiles::{GradientTiles, Grid, InputTiles};
use crate::ops::blocked::Blocked;
use crate::ops::blocked::gemm::Product;
use crate::ops::blocked::scratch::{Shared, scratch, spread};
use crate::ops::blocked::simd::{LANES, Level};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Elements of a 16 × 16 block.
const BLOCK: usize = LANES * LANES;
/// Blocks of input or output channels in a chunk.
const CHUNK: usize = 4;
/// Tiles summed from the level-1 cache at a time.
const TILES: usize = 28;
/// Fewest tasks wanted; with fewer chunks the tiles are split as well. A constant, so that sums do not depend on threads.
const TASKS: usize = 4;
/// Elements up to which both transformed maps are kept as a whole, so that no chunk transforms a map again.
const KEPT: usize = 12_000_000;

/// The gradient made ready: which blocks are read, and their channels' place in the weights.
pub struct WeightGradient<'a> {
    pub level: Level,
    pub resample: Resample,
    /// Blocks of the convolution's inputs.
    pub inputs: Vec<(Blocked<'a>, usize, Range<usize>)>,
    /// Blocks of the gradient of its output.
    pub outputs: Vec<(Blocked<'a>, usize, Range<usize>)>,
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
        spread(self.inputs.len() * self.outputs.len() * LANES)
    }
}

/// Transformed blocks: `(component, block, tile, 16)`, the stride of components, and the number of tiles.
#[derive(Clone, Copy)]
struct Transformed {
    data: Shared,
    stride: usize,
    tiles: usize,
}

impl Transformed {
    /// # Safety
    /// Component, block and tile must lie in the buffer.
    unsafe fn at(&self, component: usize, block: usize, tile: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.data.at(component * self.stride + (block * self.tiles + tile) * LANES) }
    }
}

impl WeightGradient<'_> {
    /// Writes the gradient.
    pub fn run<F: Filtering>(&self) {
        let dy = self.outputs[0].0.shape();
        let grid = Grid::new::<F>(dy.n, dy.h, dy.w);
        let chunks = self.chunks();
        let (inputs, outputs) = (self.inputs.len(), self.outputs.len());
        let (v_stride, d_stride) = (spread(inputs * grid.len()), spread(outputs * grid.len()));
        let kept = F::A * F::A * (v_stride + d_stride);
        if chunks.len() == 1 || kept > KEPT {
            let splits = TASKS.div_ceil(chunks.len()).min(grid.len().div_ceil(TILES));
            return self.run_chunks::<F>(&chunks, splits, &|chunk, split, sums| {
                let part = |i: usize| (grid.len() * i / splits).next_multiple_of(TILES).min(grid.len());
                self.transform_and_sum::<F>(grid, chunk, part(split)..part(split + 1), sums);
            });
        }
        scratch(kept, |buffer| {
            let (v, d) = buffer.split_at_mut(F::A * F::A * v_stride);
            let v = Transformed { data: Shared(v.as_mut_ptr()), stride: v_stride, tiles: grid.len() };
            let d = Transformed { data: Shared(d.as_mut_ptr()), stride: d_stride, tiles: grid.len() };
            self.transform_all::<F>(grid, v, d);
            let splits = TASKS.div_ceil(chunks.len()).min(grid.len().div_ceil(TILES));
            self.run_chunks::<F>(&chunks, splits, &|chunk, split, sums| {
                let part = |i: usize| grid.len() * i / splits;
                self.sum_products::<F>(
                    chunk,
                    (v, chunk.inputs.start),
                    (d, chunk.outputs.start),
                    part(split)..part(split + 1),
                    sums,
                );
            });
        });
    }

    fn chunks(&self) -> Vec<Chunk> {
        let cut = |blocks: usize| (0..blocks).step_by(CHUNK).map(move |first| first..blocks.min(first + CHUNK));
        let pair = |inputs: Range<usize>| cut(self.outputs.len()).map(move |outputs| Chunk { inputs: inputs.clone(), outputs });
        cut(self.inputs.len()).flat_map(pair).collect()
    }

    /// Sums each chunk's components by `sum(chunk, split, sums)`, in parallel and over `splits` in order, and transforms them back.
    fn run_chunks<F: Filtering>(&self, chunks: &[Chunk], splits: usize, sum: &(impl Fn(&Chunk, usize, *mut f32) + Sync)) {
        let len = |chunk: &Chunk| F::A * F::A * chunk.stride();
        if splits == 1 {
            return chunks.par_iter().for_each(|chunk| {
                scratch(len(chunk), |sums| {
                    sum(chunk, 0, sums.as_mut_ptr());
                    self.transform_back::<F>(chunk, sums);
                });
            });
        }
        for chunk in chunks {
            scratch(len(chunk) * splits, |parts| {
                parts.par_chunks_exact_mut(len(chunk)).enumerate().for_each(|(split, part)| sum(chunk, split, part.as_mut_ptr()));
                let (total, rest) = parts.split_at_mut(len(chunk));
                total.par_chunks_mut(4096).enumerate().for_each(|(i, total)| {
                    for part in rest.chunks_exact(len(chunk)) {
                        total.iter_mut().zip(&part[i * 4096..]).for_each(|(total, x)| *total += x);
                    }
                });
                self.transform_back::<F>(chunk, total);
            });
        }
    }

    fn transform_all<F: Filtering>(&self, grid: Grid, v: Transformed, d: Transformed) {
        let inputs = self.inputs.len();
        let parts = (2 * TASKS).div_ceil(inputs + self.outputs.len()).min(grid.len());
        (0..(inputs + self.outputs.len()) * parts).into_par_iter().for_each(|task| {
            let (block, part) = (task / parts, task % parts);
            let tiles = grid.len() * part / parts..grid.len() * (part + 1) / parts;
            // SAFETY: each block and each range of tiles has its own place in the buffers.
            unsafe {
                if block < inputs {
                    self.transform_input::<F>(block, grid, tiles.clone(), (v.at(0, block, tiles.start), v.stride));
                } else {
                    let block = block - inputs;
                    self.transform_output::<F>(block, grid, tiles.clone(), (d.at(0, block, tiles.start), d.stride));
                }
            }
        });
    }

    /// Transforms the tiles of one chunk a few at a time and sums their products.
    fn transform_and_sum<F: Filtering>(&self, grid: Grid, chunk: &Chunk, tiles: Range<usize>, sums: *mut f32) {
        let (v_stride, d_stride) = (spread(chunk.inputs.len() * TILES), spread(chunk.outputs.len() * TILES));
        scratch(F::A * F::A * (v_stride + d_stride), |buffer| {
            let (v, d) = buffer.split_at_mut(F::A * F::A * v_stride);
            let v = Transformed { data: Shared(v.as_mut_ptr()), stride: v_stride, tiles: TILES };
            let d = Transformed { data: Shared(d.as_mut_ptr()), stride: d_stride, tiles: TILES };
            for first in tiles.clone().step_by(TILES) {
                let group = first..tiles.end.min(first + TILES);
                // SAFETY: the buffers have room for a chunk's blocks and `TILES` tiles.
                unsafe {
                    for (i, block) in chunk.inputs.clone().enumerate() {
                        self.transform_input::<F>(block, grid, group.clone(), (v.at(0, i, 0), v_stride));
                    }
                    for (i, block) in chunk.outputs.clone().enumerate() {
                        self.transform_output::<F>(block, grid, group.clone(), (d.at(0, i, 0), d_stride));
                    }
                }
                self.add_products::<F>(chunk, (v, 0), (d, 0), 0..group.len(), (sums, first > tiles.start));
            }
        });
        if tiles.is_empty() {
            // SAFETY: the sums are those of the whole chunk.
            unsafe { sums.write_bytes(0, F::A * F::A * chunk.stride()) };
        }
    }

    fn sum_products<F: Filtering>(
        &self,
        chunk: &Chunk,
        v: (Transformed, usize),
        d: (Transformed, usize),
        tiles: Range<usize>,
        sums: *mut f32,
    ) {
        for first in tiles.clone().step_by(2 * TILES) {
            let group = first..tiles.end.min(first + 2 * TILES);
            self.add_products::<F>(chunk, v, d, group, (sums, first > tiles.start));
        }
    }

    /// Adds the products of some tiles to a chunk's sums, or starts them. `v` and `d` say at which of their blocks the chunk starts.
    fn add_products<F: Filtering>(
        &self,
        chunk: &Chunk,
        (v, v_first): (Transformed, usize),
        (d, d_first): (Transformed, usize),
        tiles: Range<usize>,
        (sums, accumulate): (*mut f32, bool),
    ) {
        let inputs = chunk.inputs.len();
        for p in self.resample.components::<F>() {
            for input in 0..inputs {
                // SAFETY: blocks, tiles and components lie in the transformed maps and in the sums.
                let (a, b, c) = unsafe {
                    let c = sums.add(p * chunk.stride() + input * BLOCK);
                    (v.at(p, v_first + input, tiles.start), d.at(p, d_first, tiles.start), c)
                };
                self.level.run(&Product {
                    a: (a, 0),
                    b: (b, d.tiles * LANES, 0),
                    c: (c, inputs * BLOCK),
                    rows: LANES,
                    panels: chunk.outputs.len(),
                    blocks: 1,
                    depth: tiles.len(),
                    transposed: true,
                    accumulate,
                });
            }
        }
    }

    fn transform_input<F: Filtering>(&self, input: usize, grid: Grid, tiles: Range<usize>, out: (*mut f32, usize)) {
        let (map, block, resample) = (self.inputs[input].0, self.inputs[input].1, self.resample);
        self.level.run(InputTiles { filtering: PhantomData::<F>, map, block, resample, grid, tiles, out });
    }

    fn transform_output<F: Filtering>(&self, output: usize, grid: Grid, tiles: Range<usize>, out: (*mut f32, usize)) {
        let (map, block) = (self.outputs[output].0, self.outputs[output].1);
        let skip = self.resample != Resample::None;
        self.level.run(GradientTiles { filtering: PhantomData::<F>, map, block, skip, grid, tiles, out });
    }

    fn transform_back<F: Filtering>(&self, chunk: &Chunk, sums: &[f32]) {
        let (inputs, stride) = (chunk.inputs.len(), chunk.stride());
        for (i, output) in chunk.outputs.clone().enumerate() {
            for (j, input) in chunk.inputs.clone().enumerate() {
                let (outputs, inputs_at) = (self.outputs[output].2.clone(), self.inputs[input].2.clone());
                self.level.run(FilterGradient {
                    filtering: PhantomData::<F>,
                    components: (sums[(i * inputs + j) * BLOCK..].as_ptr(), stride),
                    resample: self.resample,
                    place: Place { outputs, inputs: inputs_at, in_channels: self.in_channels },
                    out: self.out.0,
                });
            }
        }
    }
}
