//! Terms of the loss beside BCE and soft Dice, the formulas of `ops::term` as kernels.
//!
//! Terms that compare regions follow from the sums of a plane, so they come before the gradient is written and only change its factors;
//! the others add theirs to it.

use super::driver::Grid;
use super::kernels::{Argument, long};
use super::loss::{Losses, MARKED, OF_FOCAL, Of, SHARES, Sizes, WEIGHTS};
use super::{Array, Kind};
use crate::term::{Form, Pixel};
use candle_core::{Result, bail};

/// Numbers of the kinds of pixels' terms in `terms.cu`.
const WEIGHTED_BCE: usize = 0;
const FOCAL: usize = 1;
const BOUNDARY: usize = 2;
/// Threads that sort a plane, as `lovasz.cu` has it.
const SORTING: u32 = 512;

/// The logits, and their gradient, if there is one.
type Logits<'a> = (&'a Array, Option<&'a Array>);

impl Losses {
    /// A term that compares regions, any other being left for [`Losses::further`]: its value of each plane, and its part in the factors of
    /// the gradient.
    pub(super) fn region(&self, of: Of, own: &Array, factors: &Array) -> Result<()> {
        let Some(Form::Region { alpha, beta, gamma }) = Form::of(of.term) else { return Ok(()) };
        let shares = self.of_classes(SHARES);
        let [alpha, beta, gamma] = [alpha, beta, gamma].map(|number| Argument::Float(number as f32));
        let sizes = [own.into(), of.sizes.planes.into(), of.sizes.parts.into(), self.classes().into()];
        let read = [alpha, beta, gamma, of.weight(), (&shares).into(), of.inputs.step.into()];
        let arguments = [&sizes[..], &read, &self.value(of), &[factors.into()]].concat();
        self.gpu.launch("region_term", Grid::over(of.sizes.planes), &arguments)
    }

    /// Any other term: its value of each plane or sample, if that is wanted, and its gradient added to that of the logits.
    pub(super) fn further(&self, of: Of, logits: Logits) -> Result<()> {
        match Form::of(of.term) {
            Some(Form::Pixels(Pixel::Weighted(_))) => self.pixels(of, logits, (WEIGHTED_BCE, 0.0), MARKED, None),
            Some(Form::Pixels(Pixel::Focal { gamma, .. })) => self.pixels(of, logits, (FOCAL, gamma), OF_FOCAL, None),
            Some(Form::Pixels(Pixel::Boundary { .. })) => match &of.inputs.truth.weights {
                Some(weights) => self.pixels(of, logits, (BOUNDARY, 0.0), MARKED, Some(weights)),
                None => bail!("the boundary's term of a loss needs weights of the pixels"),
            },
            Some(Form::Exclusive) => self.softmax(of, logits),
            Some(Form::Ranked) => self.lovasz(of, logits),
            None | Some(Form::Region { .. }) => Ok(()),
        }
    }

    /// Where a term's value goes: the sums, how many a plane has, and which it is.
    fn value(&self, of: Of) -> [Argument; 3] {
        [of.inputs.sums.into(), self.sums().into(), of.slot.into()]
    }

    /// A mean over pixels; `marks` are the numbers of the classes that say what marked pixels count, if `weights` do not.
    fn pixels(
        &self,
        of: Of,
        (logits, gradient): Logits,
        (kind, gamma): (usize, f64),
        marks: usize,
        weights: Option<&Array>,
    ) -> Result<()> {
        let (sizes, step, marks) = (of.sizes, of.inputs.step, self.of_classes(marks));
        let read = [logits.into(), of.sizes.targets.into(), (&marks).into(), weights.into()];
        let kind: [Argument; 2] = [kind.into(), Argument::Float(gamma as f32)];
        let (plane, classes) = (long(self.plane), self.classes().into());
        if of.inputs.sums.is_some() {
            let partial = self.gpu.array(Kind::F64, sizes.planes * sizes.blocks)?;
            let arguments = [&read[..], &kind, &[(&partial).into(), plane, classes]].concat();
            self.gpu.launch("pixel_sums", sizes.summing(sizes.planes), &arguments)?;
            let head = [(&partial).into(), sizes.pixels(), sizes.blocks.into(), sizes.planes.into(), plane, step.into()];
            self.gpu.launch("pixel_finish", Grid::over(sizes.planes), &[&head[..], &self.value(of)].concat())?;
        }
        let Some(dx) = gradient else { return Ok(()) };
        let shares = self.of_classes(SHARES);
        let counts = [of.weight(), (&shares).into(), step.into(), sizes.pixels(), sizes.parts.into(), classes, plane, dx.into()];
        self.gpu.launch("pixel_gradient", self.spread(sizes.planes), &[&read[..], &kind, &counts].concat())
    }

    /// As `ops::one_vs_rest`.
    pub(super) fn one_vs_rest(&self, logits: &Array, sizes: &Sizes) -> Result<Array> {
        let y = self.gpu.array(Kind::F32, logits.len())?;
        let arguments = [logits.into(), (&y).into(), self.classes().into(), long(self.plane)];
        self.gpu.launch("one_vs_rest", self.spread(sizes.samples), &arguments)?;
        Ok(y)
    }

    /// The gradient of the logits from that of their [`Losses::one_vs_rest`].
    pub(super) fn against_rest_gradient(&self, logits: &Array, dy: &Array, sizes: &Sizes) -> Result<Array> {
        let dx = self.gpu.array(Kind::F32, logits.len())?;
        let arguments = [logits.into(), dy.into(), (&dx).into(), self.classes().into(), long(self.plane)];
        self.gpu.launch("against_rest_gradient", self.spread(sizes.samples), &arguments)?;
        Ok(dx)
    }

    fn softmax(&self, of: Of, (logits, gradient): Logits) -> Result<()> {
        let (sizes, step, weights) = (of.sizes, of.inputs.step, self.of_classes(WEIGHTS));
        let (plane, classes) = (long(self.plane), self.classes().into());
        let read = [logits.into(), of.sizes.targets.into(), (&weights).into()];
        let partial = self.gpu.array(Kind::F64, 2 * sizes.samples * sizes.blocks)?;
        let arguments = [&read[..], &[(&partial).into(), plane, classes]].concat();
        self.gpu.launch("softmax_sums", sizes.summing(sizes.samples), &arguments)?;
        let shares = self.gpu.array(Kind::F64, sizes.samples)?;
        let head = [(&partial).into(), sizes.pixels(), sizes.blocks.into(), sizes.samples.into(), classes, plane, step.into()];
        let arguments = [&head[..], &self.value(of), &[(&shares).into()]].concat();
        self.gpu.launch("softmax_finish", Grid::over(sizes.samples), &arguments)?;
        let Some(dx) = gradient else { return Ok(()) };
        let counts = [(&shares).into(), of.weight(), step.into(), sizes.parts.into(), classes, plane, dx.into()];
        self.gpu.launch("softmax_gradient", self.spread(sizes.samples), &[&read[..], &counts].concat())
    }

    fn lovasz(&self, of: Of, (logits, gradient): Logits) -> Result<()> {
        let (sizes, shares) = (of.sizes, self.of_classes(SHARES));
        // Keys and places, and room to sort them. Words of 32 bits, whatever they stand for.
        let room = (0..4).map(|_| self.gpu.array(Kind::F32, logits.len())).collect::<Result<Vec<_>>>()?;
        let room: Vec<Argument> = room.iter().map(Argument::from).collect();
        let read = [logits.into(), of.sizes.targets.into()];
        let counts = [long(self.plane), self.classes().into(), sizes.parts.into(), of.weight(), (&shares).into()];
        let arguments = [&read[..], &room, &counts, &[of.inputs.step.into()], &self.value(of), &[gradient.into()]].concat();
        self.gpu.launch("lovasz_term", Grid { threads: SORTING, ..Grid::blocks(sizes.planes) }, &arguments)
    }
}
