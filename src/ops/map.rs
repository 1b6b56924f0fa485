//! Feature maps: tensors kept in blocks of 16 channels, as the kernels want them.

use super::blocked::{Blocked, Shape, pack, unpack};
use super::storage::{Stored, by_type, tensor, values, values_of};
use super::{Node, Tape};
use candle_core::{DType, Result, Tensor};
use std::cell::OnceCell;
use std::fmt::{Debug, Formatter};
use std::rc::Rc;

/// A feature map of (n, c, h, w) on a tape.
///
/// Its tensor is (n, ⌈c/16⌉, h + 2, w + 2, 16), f32 or bf16: a border of one zero pixel around every plane, and zeros in the
/// lanes of the last block that belong to no channel. Its gradient has the same shape and type.
#[derive(Debug, Clone)]
pub struct Map {
    node: Node,
    shape: Shape,
    pending: Option<Pending>,
    again: Option<Again>,
}

/// On the CPU: makes the numbers of a map once more.
#[derive(Clone)]
pub(super) struct Again(Rc<dyn Fn() -> Result<Tensor>>);

impl Debug for Again {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        f.write_str("Again")
    }
}

/// What an operation on the CPU keeps of a map that its way back reads.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// The numbers.
    Value(Tensor),
    /// How they are made of what is kept anyway.
    Again(Again),
}

impl Kept {
    /// Of several maps.
    pub(super) fn all(maps: &[&Map]) -> Vec<Self> {
        maps.iter().map(|map| map.keep()).collect()
    }

    /// The blocked tensor, the same bits as on the way there.
    pub(super) fn value(&self) -> Result<Tensor> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Again(Again(make)) => make(),
        }
    }
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
        Self { node, shape, pending: None, again: None }
    }

    /// A map on a GPU, its layout as [`cuda`](super::cuda) has it, `shift` being the bias that is still to be added.
    pub(super) fn on_device(node: Node, shape: Shape, shift: Option<usize>) -> Self {
        let pending = shift.map(|shift| Pending { shift, settled: Rc::default() });
        Self { node, shape, pending, again: None }
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

    /// The map that `make` makes of `x`, of the same size, recorded as an operation on `x` and `others`. Of these numbers nothing is [kept](Map::keep):
    /// they are made again when they are wanted, since `x` is kept for this operation's own way back.
    pub(super) fn made<E: Stored>(
        tape: &Tape,
        x: &Self,
        others: &[&Node],
        make: impl Fn(Blocked<E>) -> Vec<E> + 'static,
        backward: impl FnOnce(Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Result<Self> {
        let (shape, kept) = (x.shape, x.keep());
        let make = move |x: &Tensor| blocked_tensor(make(Blocked::new(shape, &values_of(x)?)), shape);
        let node = tape.record(make(x.value())?, &[&[&x.node], others].concat(), backward);
        let again = node.needs_grad().then(|| Again(Rc::new(move || make(&kept.value()?))));
        Ok(Self { again, ..Self::on_host(node, shape) })
    }

    /// What the way back of an operation that reads this map keeps of it.
    pub(super) fn keep(&self) -> Kept {
        self.again.clone().map_or_else(|| Kept::Value(self.value().clone()), Kept::Again)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::{activate, group_norm, max_pool2x2};
    use candle_core::{Device, Var};

    fn numbers(map: &Tensor) -> Vec<f32> {
        map.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Oracle: the numbers as they were made on the way there.
    #[test]
    fn normalised_maps_are_not_kept_but_made_again() {
        let image = Var::from_tensor(&Tensor::randn(0f32, 1f32, (2, 20, 6, 4), &Device::Cpu).unwrap()).unwrap();
        let [weight, bias] = [2f32, 0.5].map(|v| Var::from_tensor(&Tensor::full(v, 20, &Device::Cpu).unwrap()).unwrap());
        let maps = |tape: &Tape| {
            let x = Map::pack(tape, &tape.param(0, &image)).unwrap();
            let norm = |then| group_norm(tape, &x, &tape.param(1, &weight), &tape.param(2, &bias), 5, then).unwrap();
            let made = [Some(Activation::Relu), Some(Activation::Silu), None].map(norm);
            let relu = activate(tape, &made[2], Activation::Relu).unwrap();
            let pooled = max_pool2x2(tape, &relu).unwrap();
            ([made.to_vec(), vec![relu]].concat(), pooled)
        };
        let (made, pooled) = maps(&Tape::training());
        for map in made {
            assert!(matches!(map.keep(), Kept::Again(_)), "{map:?}");
            assert_eq!(numbers(&map.keep().value().unwrap()), numbers(map.value()));
        }
        assert!(matches!(pooled.keep(), Kept::Value(_)));
        assert!(maps(&Tape::inference()).0.iter().all(|map| matches!(map.keep(), Kept::Value(_))), "nothing is kept to go back");
    }
}
