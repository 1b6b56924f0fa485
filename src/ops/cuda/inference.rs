//! A network on a GPU that images are only shown to.

use super::{Gpu, Store};
use crate::blocked::Shape;
use crate::config::Precision;
use crate::tape::GpuNetwork;
use crate::{Map, Node, Tape};
use candle_core::{Result, Tensor, Var};

impl GpuNetwork {
    /// Puts a network's parameters and buffers on the GPU of this number.
    ///
    /// # Errors
    /// If there is no such device, a library of NVIDIA's is missing, or the device has no room.
    pub fn open(ordinal: usize, precision: Precision, trained: &[(String, Var)], buffers: &[(String, Var)]) -> Result<Self> {
        let gpu = Gpu::open(ordinal, precision, true)?;
        let store = Store::new(&gpu, trained, buffers, 0)?;
        Ok(Self { gpu, store })
    }

    /// The logits that `forward` makes of images, when they are there.
    ///
    /// # Shapes
    /// (n, channels, h, w) to (n, classes, h, w).
    ///
    /// # Errors
    /// Those of `forward`, or if the device has no room.
    pub fn logits(
        &self,
        images: &Tensor,
        precision: Precision,
        forward: impl FnOnce(&Tape, Map) -> Result<Node>,
    ) -> Result<Tensor> {
        let (n, c, h, w) = images.dims4()?;
        let shape = Shape { n, c, h, w };
        let tape = Tape::inference().with_precision(precision).on(self);
        let array = self.gpu.pack(&images.flatten_all()?.to_vec1::<f32>()?, shape)?;
        let logits = forward(&tape, Map::on_device(tape.constant_device(array), shape, None))?;
        let numbers = self.gpu.download::<f32>(&logits.array()?)?;
        let classes = numbers.len() / (n * h * w);
        Tensor::from_vec(numbers, (n, classes, h, w), images.device())
    }
}
