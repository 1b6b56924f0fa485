//! Feature maps: tensors kept in blocks of 16 channels, as the kernels want them.

use super::blocked::{Blocked, Shape, pack, unpack};
use super::storage::{Stored, by_type, tensor, values, values_of};
use super::{Node, Tape};
use candle_core::{DType, Result, Tensor};
use std::{cell::OnceCell, rc::Rc};

/// A feature map of (n, c, h, w) on a tape.
///
/// Its tensor is (n, ⌈c/16⌉, h + 2, w + 2, 16), f32 or bf16: a border of one zero pixel around every plane, and zeros in the
/// lanes of the last block that belong to no channel. Its gradient has the same shape and type.
#[derive(Debug, Clone)]
pub struct Map {
    node: Node,
    shape: Shape,
    pending: Option<Pending>,
}

/// On a GPU: the bias of the convolution that wrote a map, which is not in it yet.
#[derive(Debug, Clone)]
struct Pending {
    /// The parameter.
    shift: usize,
    /// The map with it, once that was wanted.
    settled: Rc<OnceCell<Map>>,
}

impl Map {
    /// Puts a node of (n, c, h, w), f32, into blocks of the type that the tape's precision keeps maps in.
    ///
    /// # Errors
    /// If `x` has not four dimensions, none of them 0, or is not contiguous f32.
    pub fn pack(tape: &Tape, x: &Node) -> Result<Self> {
        let (n, c, h, w) = x.value().dims4()?;
        let shape = Shape { n, c, h, w };
        if x.value().elem_count() == 0 {
            candle_core::bail!("a map of {:?} has no element", x.value().shape())
        }
        let value = by_type!(tape.map_type(), E => tensor(pack::<E>(&values(x.value())?, shape), dims(shape))?);
        let node = tape.record(value, &[x], move |dy| {
            let dx = by_type!(dy.dtype(), E => unpack(Blocked::<E>::new(shape, &values_of(&dy)?)));
            Ok(vec![Some(tensor(dx, (n, c, h, w))?)])
        });
        Ok(Self::on_host(node, shape))
    }

    /// The same of images, which need no gradient.
    ///
    /// # Errors
    /// As [`Map::pack`].
    pub fn constant(tape: &Tape, images: &Tensor) -> Result<Self> {
        Self::pack(tape, &tape.constant(images))
    }

    /// Takes the map out of its blocks: (n, c, h, w), f32.
    ///
    /// # Errors
    /// What candle reports.
    pub fn unpack(&self, tape: &Tape) -> Result<Node> {
        let (shape, dtype) = (self.shape, self.value().dtype());
        let Shape { n, c, h, w } = shape;
        let value = by_type!(dtype, E => unpack(Blocked::<E>::new(shape, &values_of(self.value())?)));
        Ok(tape.record(tensor(value, (n, c, h, w))?, &[&self.node], move |dy| {
            let dx = by_type!(dtype, E => tensor(pack::<E>(&values(&dy)?, shape), dims(shape))?);
            Ok(vec![Some(dx)])
        }))
    }

    fn on_host(node: Node, shape: Shape) -> Self {
        Self { node, shape, pending: None }
    }

    /// A map on a GPU, its layout as [`cuda`](super::cuda) has it, `shift` being the bias that is still to be added.
    pub(super) fn on_device(node: Node, shape: Shape, shift: Option<usize>) -> Self {
        let pending = shift.map(|shift| Pending { shift, settled: Rc::default() });
        Self { node, shape, pending }
    }

    /// The numbers on a GPU, without the bias that is still to be added.
    pub(super) fn array(&self) -> Result<super::cuda::Array> {
        self.node.array()
    }

    /// The parameter that is still to be added to every pixel.
    pub(super) fn shift(&self) -> Option<usize> {
        self.pending.as_ref().map(|pending| pending.shift)
    }

    /// The map with all that is to be added: itself if that is nothing, else what `add` makes of it the first time.
    pub(super) fn settled(&self, add: impl FnOnce(usize) -> Result<Self>) -> Result<Self> {
        let Some(Pending { shift, settled }) = &self.pending else { return Ok(self.clone()) };
        if let Some(map) = settled.get() {
            return Ok(map.clone());
        }
        let map = add(*shift)?;
        Ok(settled.get_or_init(|| map).clone())
    }

    /// Its size.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its place on the tape.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The blocked tensor.
    pub(super) fn value(&self) -> &Tensor {
        self.node.value()
    }

    /// What its numbers are stored as.
    pub(super) fn dtype(&self) -> DType {
        self.node.value().dtype()
    }

    /// A map of what a kernel wrote, recorded as an operation on `inputs`; for the closure see [`Tape::record`].
    pub(super) fn record<E: Stored>(
        tape: &Tape,
        (values, shape): (Vec<E>, Shape),
        inputs: &[&Node],
        backward: impl FnOnce(Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Result<Self> {
        Ok(Self::on_host(tape.record(blocked_tensor(values, shape)?, inputs, backward), shape))
    }

    /// A map recorded as an operation on one input whose backward adds; see [`Tape::record_adding`].
    pub(super) fn record_adding(
        tape: &Tape,
        (value, shape): (Tensor, Shape),
        input: &Node,
        backward: impl FnOnce(Tensor, Option<Tensor>) -> Result<Tensor> + 'static,
    ) -> Self {
        Self::on_host(tape.record_adding(value, input, backward), shape)
    }
}

/// The blocked tensor of what a kernel wrote.
pub(super) fn blocked_tensor<E: Stored>(values: Vec<E>, shape: Shape) -> Result<Tensor> {
    tensor(values, dims(shape))
}

fn dims(shape: Shape) -> (usize, usize, usize, usize, usize) {
    (shape.n, shape.blocks(), shape.h + 2, shape.w + 2, super::blocked::simd::LANES)
}
