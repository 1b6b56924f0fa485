//! The data set on the device, and batches out of it.

use super::driver::Grid;
use super::{Array, Gpu, Kind, size};
use crate::ops::blocked::Shape;
use crate::ops::{Map, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Images and masks on the device.
pub struct Samples {
    gpu: Rc<Gpu>,
    images: Array,
    masks: Array,
    count: usize,
    channels: usize,
    classes: usize,
    /// Height and width.
    size: [usize; 2],
}

impl Samples {
    /// Room for so many samples, to be filled.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(gpu: &Rc<Gpu>, count: usize, channels: usize, classes: usize, size: [usize; 2]) -> Result<Self> {
        let plane = size[0] * size[1];
        let (images, masks) =
            (gpu.lasting(Kind::F32, count * channels * plane)?, gpu.lasting(Kind::U8, count * classes * plane)?);
        Ok(Self { gpu: gpu.clone(), images, masks, count, channels, classes, size })
    }

    /// Bytes of so many samples.
    pub fn bytes(count: usize, channels: usize, classes: usize, size: [usize; 2]) -> usize {
        count * size[0] * size[1] * (channels * Kind::F32.size() + classes)
    }

    /// Puts a sample into a place: image (channels, h, w), mask (classes, h, w).
    ///
    /// # Errors
    /// What the driver reports.
    ///
    /// # Panics
    /// If lengths do not fit.
    pub fn put(&self, place: usize, image: &[f32], mask: &[u8]) -> Result<()> {
        let plane = self.size[0] * self.size[1];
        let (pixels, marks) = (self.channels * plane, self.classes * plane);
        self.images.part(place * pixels, pixels).upload(&self.gpu.driver, image)?;
        self.masks.part(place * marks, marks).upload(&self.gpu.driver, mask)
    }

    /// A batch of `n` samples: the images as a map, and the targets (n, classes, h, w). `motions` has four words (i32) for each: its
    /// place, 1 for a horizontal flip, 1 for a vertical one, then quarter turns counter-clockwise, which come last.
    ///
    /// # Errors
    /// If there are fewer motions.
    pub fn batch(&self, tape: &Tape, motions: &Array, n: usize) -> Result<(Map, Array)> {
        if motions.len() < 4 * n || self.count == 0 {
            bail!("a batch of {n} of {} samples with {motions:?}", self.count)
        }
        let [h, w] = self.size;
        let shape = Shape { n, c: self.channels, h, w };
        let (x, targets) = (self.gpu.map(shape)?, self.gpu.array(Kind::U8, n * self.classes * h * w)?);
        let read = [(&self.images).into(), (&self.masks).into(), motions.into(), (&x).into(), (&targets).into()];
        let sizes = [size(shape), self.channels.into(), self.classes.into()];
        self.gpu.launch("gather", Grid::over(n * h * w), &[&read[..], &sizes].concat())?;
        Ok((Map::on_device(tape.constant_device(x), shape, None), targets))
    }
}
