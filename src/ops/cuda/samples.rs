//! The data set on the device, and batches out of it.

use super::driver::Grid;
use super::{Array, Gpu, Kind, Parcel, size};
use crate::blocked::Shape;
use crate::{Map, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Images and masks on the device.
pub struct Samples {
    gpu: Rc<Gpu>,
    images: Array,
    masks: Array,
    /// Of every class of every pixel, where a loss has such.
    weights: Option<Array>,
    count: usize,
    channels: usize,
    classes: usize,
    /// Height and width.
    size: [usize; 2],
    /// Whether pixels may be ignored.
    ignores: bool,
}

/// What is true of a batch, (n, classes, h, w) each.
pub struct Truth {
    /// 1 where a class is, else 0, in bytes; 255 where a pixel does not count.
    pub targets: Array,
    /// Whether there may be pixels that do not count.
    pub ignores: bool,
    /// How much pixels count in the boundary's term of the loss, f32; `None` without that term.
    pub weights: Option<Array>,
}

impl Samples {
    /// Room for so many samples, to be filled; `weighted` if the classes of every pixel have weights.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(gpu: &Rc<Gpu>, count: usize, channels: usize, classes: usize, size: [usize; 2], weighted: bool) -> Result<Self> {
        let plane = size[0] * size[1];
        let (images, masks) =
            (gpu.lasting(Kind::F32, count * channels * plane)?, gpu.lasting(Kind::U8, count * classes * plane)?);
        let weights = weighted.then(|| gpu.lasting(Kind::F32, count * classes * plane)).transpose()?;
        Ok(Self { gpu: gpu.clone(), images, masks, weights, count, channels, classes, size, ignores: false })
    }

    /// The same, with masks in which pixels may not count.
    pub fn ignoring(self, ignores: bool) -> Self {
        Self { ignores, ..self }
    }

    /// Bytes of so many samples.
    pub fn bytes(count: usize, channels: usize, classes: usize, size: [usize; 2], weighted: bool) -> usize {
        let weights = if weighted { classes } else { 0 };
        count * size[0] * size[1] * ((channels + weights) * Kind::F32.size() + classes)
    }

    /// Arrays of a sample at the most.
    pub const ARRAYS: usize = 3;

    /// Puts a sample into a place: image (channels, h, w), mask and weights (classes, h, w); without weights none are changed.
    ///
    /// # Errors
    /// If the parcel has no room, and what the driver reports.
    ///
    /// # Panics
    /// If lengths do not fit.
    pub fn put(&self, parcel: &mut Parcel, place: usize, image: &[f32], mask: &[u8], weights: Option<&[f32]>) -> Result<()> {
        let plane = self.size[0] * self.size[1];
        let (pixels, marks) = (self.channels * plane, self.classes * plane);
        parcel.put(&self.images.part(place * pixels, pixels), image)?;
        parcel.put(&self.masks.part(place * marks, marks), mask)?;
        let weights = self.weights.as_ref().zip(weights);
        weights.map_or(Ok(()), |(array, weights)| parcel.put(&array.part(place * marks, marks), weights))
    }

    /// A batch of `n` samples: the images as a map, and what is true of them. `motions` has four words (i32) for each: its
    /// place, 1 for a horizontal flip, 1 for a vertical one, then quarter turns counter-clockwise, which come last.
    ///
    /// # Errors
    /// If there are fewer motions.
    pub fn batch(&self, tape: &Tape, motions: &Array, n: usize) -> Result<(Map, Truth)> {
        if motions.len() < 4 * n || self.count == 0 {
            bail!("a batch of {n} of {} samples with {motions:?}", self.count)
        }
        let [h, w] = self.size;
        let (shape, marks) = (Shape { n, c: self.channels, h, w }, n * self.classes * h * w);
        let (x, targets) = (self.gpu.map(shape)?, self.gpu.array(Kind::U8, marks)?);
        let weights = self.weights.as_ref().map(|_| self.gpu.array(Kind::F32, marks)).transpose()?;
        let read = [(&self.images).into(), (&self.masks).into(), self.weights.as_ref().into(), motions.into()];
        let written = [(&x).into(), (&targets).into(), weights.as_ref().into()];
        let sizes = [size(shape), self.channels.into(), self.classes.into()];
        self.gpu.launch("gather", Grid::over(n * h * w), &[&read[..], &written, &sizes].concat())?;
        Ok((Map::on_device(tape.constant_device(x), shape, None), Truth { targets, ignores: self.ignores, weights }))
    }
}
