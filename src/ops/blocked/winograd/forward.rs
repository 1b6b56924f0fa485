//! A 3×3 convolution of maps, forward or for the gradient of its input, by one of two orders of work.
//!
//! *Tile-stationary*, for many tiles: filters are transformed once, then each task takes some tiles through all channels within
//! its cache. *Channel-stationary*, for few tiles and many channels: the input is transformed once, then each task takes 32
//! output channels through all tiles, transforming their filters on the way.

use super::components::Single;
use super::filters::{FilterRange, FilterTiles};
use super::matrices::Filtering;
use super::tiles::{Grid, InputTiles, OutputTiles, Target};
use super::{Component, Resample};
use crate::blocked::gemm::Product;
use crate::blocked::scratch::{Shared, room, scratch, shared_scratch, spread};
use crate::blocked::simd::{Element, LANES, Level};
use crate::blocked::{Blocked, Finish};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Elements of a 16 × 16 block.
const BLOCK: usize = LANES * LANES;

/// A convolution made ready: which blocks it sums, which it writes, and the filters between them.
pub struct Convolution<'a, P> {
    pub level: Level,
    pub resample: Resample,
    /// Blocks summed over, each with its channels' place in the weights.
    pub inputs: Vec<(Blocked<'a, P>, usize, Range<usize>)>,
    /// Blocks written, each with its channels' place in the weights. Together they are the whole of their maps.
    pub outputs: Vec<(Target<P>, Range<usize>)>,
    /// `(out, in, 3, 3)`.
    pub weights: &'a [f32],
    /// The `in` of the weights.
    pub in_channels: usize,
    /// Whether `inputs` are the weights' `out` channels: the gradient of a convolution's input.
    pub turned: bool,
    /// What becomes of the sums.
    pub finish: Finish<'a>,
}

/// Elements that one task of the tile-stationary order keeps at once: most of a level-2 cache of 1 MB.
const CACHED: usize = 220_000;
/// Output blocks whose products a tile-stationary task holds at once.
const HELD: usize = 4;
/// Input blocks whose filters a channel-stationary task holds at once.
const DEPTH: usize = 16;

impl<P: Element> Convolution<'_, P> {
    /// Writes every interior pixel of the outputs.
    pub fn run<F: Filtering, E: Component>(&self) {
        let shape = self.inputs[0].0.shape();
        let scale = if self.resample == Resample::Upsampled { 2 } else { 1 };
        let grid = Grid::new::<F>(shape.n, shape.h * scale, shape.w * scale);
        if grid.len() >= self.outputs.len() * LANES {
            self.tile_stationary::<F, E>(grid);
        } else {
            self.channel_stationary::<F, E>(grid);
        }
    }

    fn tile_stationary<F: Filtering, E: Component>(&self, grid: Grid) {
        let (inputs, outputs) = (self.inputs.len(), self.outputs.len());
        let stride = spread::<E>(inputs * outputs * BLOCK);
        shared_scratch(room::<E>(F::A * F::A * stride), |filters| {
            let filters = Shared::<E>(filters.0.cast());
            (0..inputs * outputs).into_par_iter().for_each(|pair| {
                // SAFETY: each pair has its own place in the buffer.
                let out = unsafe { filters.at(pair * BLOCK) };
                self.transform_filters::<F, E>(pair / inputs, pair % inputs, (out, stride));
            });
            let size = self.tiles_a_task::<F, E>(grid);
            (0..grid.len().div_ceil(size)).into_par_iter().for_each(|task| {
                let tiles = task * size..grid.len().min((task + 1) * size);
                self.take_tiles::<F, E>(grid, tiles, (filters, stride));
            });
        });
    }

    /// As many tiles as fit the cache, in multiples of the 14 rows of a product, but at least eight tasks.
    fn tiles_a_task<F: Filtering, E: Component>(&self, grid: Grid) -> usize {
        let a_tile = F::A * F::A * (room::<E>(self.inputs.len() * LANES) + self.outputs.len().min(HELD) * LANES);
        let fitting = (CACHED / a_tile).min(grid.len().div_ceil(8));
        (fitting / 14 * 14).clamp(14, 56)
    }

    fn take_tiles<F: Filtering, E: Component>(&self, grid: Grid, tiles: Range<usize>, filters: (Shared<E>, usize)) {
        let (inputs, count) = (self.inputs.len(), tiles.len());
        let (v_stride, m_stride) = (spread::<E>(inputs * count * LANES), spread::<f32>(HELD * count * LANES));
        let v_len = room::<E>(F::A * F::A * v_stride);
        scratch(v_len + F::A * F::A * m_stride, |buffer| {
            let (v, m) = buffer.split_at_mut(v_len);
            let v: *mut E = v.as_mut_ptr().cast();
            for input in 0..inputs {
                // SAFETY: each block has its own place in the buffer.
                let out = unsafe { v.add(input * count * LANES) };
                self.transform_input::<F, E>(input, grid, tiles.clone(), (out, v_stride));
            }
            for first in (0..self.outputs.len()).step_by(HELD) {
                let held = first..self.outputs.len().min(first + HELD);
                for p in self.resample.components::<F>() {
                    // SAFETY: the filters were given for every pair of blocks and component, the buffer holds every component.
                    let (a, b) = unsafe { (v.add(p * v_stride), filters.0.at(p * filters.1 + first * inputs * BLOCK)) };
                    self.level.run(&Product {
                        a: (a, count * LANES),
                        b: (b, inputs * BLOCK, BLOCK),
                        c: (m[p * m_stride..].as_mut_ptr(), count * LANES),
                        rows: count,
                        panels: held.len(),
                        blocks: inputs,
                        depth: LANES,
                        transposed: false,
                        accumulate: false,
                    });
                }
                for (i, output) in held.enumerate() {
                    self.transform_output::<F>(output, grid, tiles.clone(), (m[i * count * LANES..].as_ptr(), m_stride));
                }
            }
        });
    }

    fn channel_stationary<F: Filtering, E: Component>(&self, grid: Grid) {
        let (inputs, tiles) = (self.inputs.len(), grid.len());
        let stride = spread::<E>(inputs * tiles * LANES);
        shared_scratch(room::<E>(F::A * F::A * stride), |v| {
            let v = Shared::<E>(v.0.cast());
            let parts = 8usize.div_ceil(inputs).min(tiles);
            (0..inputs * parts).into_par_iter().for_each(|task| {
                let (input, part) = (task / parts, task % parts);
                let range = tiles * part / parts..tiles * (part + 1) / parts;
                // SAFETY: each block and each range of tiles has its own place in the buffer.
                let out = unsafe { v.at((input * tiles + range.start) * LANES) };
                self.transform_input::<F, E>(input, grid, range, (out, stride));
            });
            (0..self.outputs.len().div_ceil(2)).into_par_iter().for_each(|pair| {
                let outputs = 2 * pair..self.outputs.len().min(2 * pair + 2);
                self.take_outputs::<F, E>(grid, outputs, (v, stride));
            });
        });
    }

    fn take_outputs<F: Filtering, E: Component>(&self, grid: Grid, outputs: Range<usize>, v: (Shared<E>, usize)) {
        let (inputs, tiles) = (self.inputs.len(), grid.len());
        let depth = inputs.min(DEPTH);
        let (u_stride, m_stride) = (spread::<E>(outputs.len() * depth * BLOCK), spread::<f32>(outputs.len() * tiles * LANES));
        let u_len = room::<E>(F::A * F::A * u_stride);
        scratch(u_len + F::A * F::A * m_stride, |buffer| {
            let (u, m) = buffer.split_at_mut(u_len);
            let u: *mut E = u.as_mut_ptr().cast();
            for first in (0..inputs).step_by(depth) {
                let held = first..inputs.min(first + depth);
                for (i, output) in outputs.clone().enumerate() {
                    for (j, input) in held.clone().enumerate() {
                        // SAFETY: each pair of blocks has its own place in the buffer.
                        let out = unsafe { u.add((i * depth + j) * BLOCK) };
                        self.transform_filters::<F, E>(output, input, (out, u_stride));
                    }
                }
                for p in self.resample.components::<F>() {
                    // SAFETY: the transformed input was given for every block and component, the buffer holds every component.
                    let (a, b) = unsafe { (v.0.at(p * v.1 + first * tiles * LANES), u.add(p * u_stride)) };
                    self.level.run(&Product {
                        a: (a, tiles * LANES),
                        b: (b, depth * BLOCK, BLOCK),
                        c: (m[p * m_stride..].as_mut_ptr(), tiles * LANES),
                        rows: tiles,
                        panels: outputs.len(),
                        blocks: held.len(),
                        depth: LANES,
                        transposed: false,
                        accumulate: first > 0,
                    });
                }
            }
            for (i, output) in outputs.enumerate() {
                self.transform_output::<F>(output, grid, 0..tiles, (m[i * tiles * LANES..].as_ptr(), m_stride));
            }
        });
    }

    fn transform_filters<F: Filtering, E: Component>(&self, output: usize, input: usize, out: (*mut E, usize)) {
        let (result, summed) = (self.outputs[output].1.clone(), self.inputs[input].2.clone());
        let (outputs, inputs) = if self.turned { (summed, result) } else { (result, summed) };
        let range = FilterRange { outputs, inputs, in_channels: self.in_channels };
        let (weights, turned, resample) = (self.weights, self.turned, self.resample);
        self.level.run(FilterTiles { filtering: PhantomData::<F>, weights, range, turned, resample, out: E::summed(out) });
    }

    fn transform_input<F: Filtering, E: Component>(&self, input: usize, grid: Grid, tiles: Range<usize>, out: (*mut E, usize)) {
        let (map, block, resample) = (self.inputs[input].0, self.inputs[input].1, self.resample);
        self.level.run(InputTiles { filtering: PhantomData::<F>, map, block, resample, grid, tiles, out: Single(out.0, out.1) });
    }

    fn transform_output<F: Filtering>(&self, output: usize, grid: Grid, tiles: Range<usize>, components: (*const f32, usize)) {
        let (target, channels) = &self.outputs[output];
        self.level.run(OutputTiles {
            filtering: PhantomData::<F>,
            components,
            resample: self.resample,
            grid,
            tiles,
            finish: self.finish.block(channels),
            target,
        });
    }
}
