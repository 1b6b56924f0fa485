//! Which convolutions a network asks for: its own code runs on a device that does nothing but write them down. No driver is needed, and
//! no description of the layers can differ from what is trained.

use super::convolutions::Convolutions;
use super::driver::Driver;
use super::kernels::Kernels;
use super::memory::{Kind, Memory};
use super::{Array, Convolution, Gpu, Store};
use crate::blocked::Shape;
use crate::config::Precision;
use crate::tape::GpuNetwork;
use crate::{Map, Node, Tape};
use candle_core::{Result, Var};
use std::cell::RefCell;
use std::rc::Rc;

impl Gpu {
    /// A device that writes convolutions down and does nothing else.
    fn listing(precision: Precision) -> Rc<Self> {
        let driver = Rc::new(Driver::of_nothing());
        let maps = Kind::of_maps(precision);
        Rc::new(Self {
            kernels: Kernels::of_nothing(&driver),
            convolutions: Convolutions::Listed(RefCell::default()),
            memory: Memory::of(&driver),
            driver,
            maps,
            notes: RefCell::default(),
        })
    }

    fn listed(&self) -> Vec<Convolution> {
        match &self.convolutions {
            Convolutions::Listed(list) => list.take(),
            _ => Vec::new(),
        }
    }
}

/// The convolutions of one pass of a network with these parameters and buffers over images of this shape, in their order; where `train`,
/// of a training step's both ways. `forward` returns all logits that a loss is taken of.
///
/// # Shapes
/// (n, channels, h, w).
///
/// # Errors
/// Those of `forward`.
pub fn convolutions(
    trained: &[(String, Var)],
    buffers: &[(String, Var)],
    shape: (usize, usize, usize, usize),
    precision: Precision,
    train: bool,
    forward: impl FnOnce(&Tape, Map) -> Result<Vec<Node>>,
) -> Result<Vec<Convolution>> {
    let gpu = Gpu::listing(precision);
    let device = GpuNetwork { gpu: gpu.clone(), store: Store::new(&gpu, trained, buffers, 0)? };
    let tape = if train { Tape::training().with_noise_at(gpu.zeros(Kind::F32, 2)?) } else { Tape::inference() };
    let tape = tape.with_precision(precision).on(&device);
    let (n, c, h, w) = shape;
    let shape = Shape { n, c, h, w };
    let images = Map::on_device(tape.constant_device(gpu.map(shape)?), shape, None);
    let logits = forward(&tape, images)?;
    if train {
        let gradient = |node: &Node| gpu.array(Kind::F32, node.array()?.len());
        let gradients: Vec<Array> = logits.iter().map(gradient).collect::<Result<_>>()?;
        tape.backward_from(logits.iter().zip(gradients).collect())?;
    }
    Ok(gpu.listed())
}
