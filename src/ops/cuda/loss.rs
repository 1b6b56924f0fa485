//! The loss, and the sums that scores are made of, without waiting for either.

use super::driver::{Grid, THREADS};
use super::kernels::{Argument, long};
use super::{Array, Gpu, Kind, Truth};
use crate::config::{Loss, Term};
use crate::{Node, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Sums of a plane (one class of one sample), as f64: |P∩T|, |P|, |T|, Σ bce, Σ p·t, Σ p, and the pixels that count.
pub const PLANE_SUMS: usize = 7;

/// Numbers of each class: its share of the classes' weights,
pub(super) const SHARES: usize = 0;
/// its weight,
pub(super) const WEIGHTS: usize = 1;
/// what marked pixels count in weighted BCE,
pub(super) const MARKED: usize = 2;
/// and in the focal loss.
pub(super) const OF_FOCAL: usize = 3;

/// The loss of logits on the device.
pub struct Losses {
    pub(super) gpu: Rc<Gpu>,
    /// Weights of BCE and Dice, then of each class the four numbers above, one kind after the other.
    numbers: Array,
    /// Each class's weight over the sum of all.
    shares: Vec<f64>,
    /// Pixels of a plane.
    pub(super) plane: usize,
    /// Beside BCE and Dice, with their weights.
    pub(super) terms: Vec<(f64, Term)>,
}

/// Where a loss is taken, and what of it counts.
#[derive(Clone, Copy)]
pub struct LossInputs<'a> {
    /// What is true.
    pub truth: &'a Truth,
    /// The number of logits that the loss is the mean over.
    pub heads: usize,
    /// Words of the step: the first plane of its sums, 0, then the share of the loss as f32.
    pub step: &'a Array,
    /// Where sums go, [`Losses::sums`] each; `None` if they are not wanted.
    pub sums: Option<&'a Array>,
}

/// The other parameters of the kernels of a loss.
pub(super) struct Sizes<'a> {
    /// What is true, without pixels that do not count.
    pub targets: &'a Array,
    /// How many pixels of each plane count; `None` where all do.
    pub counted: Option<&'a Array>,
    pub planes: usize,
    pub samples: usize,
    /// What a gradient is divided by: samples times heads.
    pub parts: usize,
    /// Blocks of a plane that are summed apart.
    pub blocks: usize,
}

/// A term at work.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub term: &'a Term,
    pub weight: f64,
    pub inputs: LossInputs<'a>,
    pub sizes: &'a Sizes<'a>,
    /// Where its value stands among the numbers of a plane.
    pub slot: usize,
}

impl Of<'_> {
    pub fn weight(self) -> Argument {
        Argument::Float(self.weight as f32)
    }
}

impl Losses {
    /// That of an experiment, for planes of so many pixels.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(gpu: &Rc<Gpu>, loss: &Loss, classes: usize, plane: usize) -> Result<Self> {
        let all = |given: &[f64]| if given.is_empty() { vec![1.0; classes] } else { given.to_vec() };
        let weights = all(&loss.class_weights);
        let shares: Vec<f64> = weights.iter().map(|weight| weight / weights.iter().sum::<f64>()).collect();
        let marked = all(&loss.weighted_bce.pos_weight);
        let of_focal = vec![loss.focal.alpha; classes];
        let numbers = [&[loss.bce, loss.dice][..], &shares, &weights, &marked, &of_focal].concat();
        let numbers: Vec<f32> = numbers.into_iter().map(|number| number as f32).collect();
        let array = gpu.lasting(Kind::F32, numbers.len())?;
        gpu.put(&array, &numbers)?;
        Ok(Self { gpu: gpu.clone(), numbers: array, shares, plane, terms: loss.further_terms() })
    }

    pub(super) fn classes(&self) -> usize {
        self.shares.len()
    }

    /// Numbers of each class, of one kind.
    pub(super) fn of_classes(&self, which: usize) -> Array {
        self.numbers.part(2 + which * self.classes(), self.classes())
    }

    /// Numbers (f64) that a plane has: [`PLANE_SUMS`], then the value of each further term, classes not weighed.
    pub fn sums(&self) -> usize {
        PLANE_SUMS + self.terms.len()
    }

    /// From those numbers of all planes of some samples: of each further term the name of its column and its value of each sample.
    pub fn of_images(&self, sums: &[f64]) -> Vec<(&'static str, Vec<f64>)> {
        let images = || sums.chunks(self.classes() * self.sums());
        let of = |(slot, (_, term)): (usize, &(f64, Term))| {
            let values = |image: &[f64]| {
                let planes = image.chunks(self.sums()).map(|plane| plane[PLANE_SUMS + slot]);
                match term {
                    // A sample's value stands with its first class.
                    Term::SoftmaxCe => planes.sum(),
                    _ => planes.zip(&self.shares).map(|(value, share)| value * share).sum(),
                }
            };
            (term.column(), images().map(values).collect())
        };
        self.terms.iter().enumerate().map(of).collect()
    }

    /// Writes the sums of every plane, if they are wanted, and returns the gradient of the loss with respect to the logits, if the tape wants one.
    ///
    /// # Shapes
    /// logits (n, classes, h, w).
    ///
    /// # Errors
    /// If the lengths do not fit.
    pub fn apply(&self, tape: &Tape, logits: &Node, inputs: LossInputs) -> Result<Option<Array>> {
        let (logits, targets) = (logits.array()?, &inputs.truth.targets);
        let planes = logits.len() / self.plane;
        if logits.len() != targets.len() || !planes.is_multiple_of(self.classes()) {
            bail!("a loss of {logits:?} and {targets:?} for {} classes", self.classes())
        }
        let samples = planes / self.classes();
        let blocks = self.plane.div_ceil(16 * THREADS as usize).clamp(1, 64);
        let exclusive = self.terms.iter().any(|(_, term)| *term == Term::SoftmaxCe);
        let hidden = inputs.truth.ignores.then(|| self.hide(&logits, targets, (planes, blocks))).transpose()?;
        let (logits, targets) = hidden.as_ref().map_or((&logits, targets), |hidden| (&hidden.logits, &hidden.targets));
        let counted = hidden.as_ref().map(|hidden| &hidden.counted);
        let sizes = Sizes { targets, counted, planes, samples, parts: samples * inputs.heads, blocks };
        let (own, factors) = (self.gpu.array(Kind::F64, planes * PLANE_SUMS)?, self.gpu.array(Kind::F32, 3 * planes)?);
        let scored = if exclusive { self.one_vs_rest(logits, &sizes)? } else { logits.clone() };
        self.count(&scored, inputs, &sizes, &own, &factors)?;
        let terms = || {
            let terms = (PLANE_SUMS..).zip(&self.terms);
            terms.map(|(slot, (weight, term))| Of { term, weight: *weight, inputs, sizes: &sizes, slot })
        };
        terms().try_for_each(|of| self.region(of, &own, &factors))?;
        let mut gradient = tape.is_recording().then(|| self.gradient(&scored, &sizes, &factors)).transpose()?;
        let softmax = |of: &Of| *of.term == Term::SoftmaxCe;
        terms().filter(|of| !softmax(of)).try_for_each(|of| self.further(of, (&scored, gradient.as_ref())))?;
        if exclusive {
            gradient = gradient.map(|dy| self.against_rest_gradient(logits, &dy, &sizes)).transpose()?;
            terms().filter(softmax).try_for_each(|of| self.further(of, (logits, gradient.as_ref())))?;
        }
        Ok(gradient)
    }

    /// Logits and targets without the pixels that do not count.
    fn hide(&self, logits: &Array, targets: &Array, (planes, blocks): (usize, usize)) -> Result<Hidden> {
        let (hid, clean) = (self.gpu.array(Kind::F32, logits.len())?, self.gpu.array(Kind::U8, logits.len())?);
        let (partial, counted) = (self.gpu.array(Kind::F64, planes * blocks)?, self.gpu.array(Kind::F64, planes)?);
        let arguments = [logits.into(), targets.into(), (&hid).into(), (&clean).into(), (&partial).into()];
        self.gpu.launch("hide_ignored", grid(blocks, planes), &[&arguments[..], &[long(self.plane)]].concat())?;
        let arguments = [(&partial).into(), blocks.into(), planes.into(), (&counted).into()];
        self.gpu.launch("count_pixels", Grid::over(planes), &arguments)?;
        Ok(Hidden { logits: hid, targets: clean, counted })
    }

    /// Sums of every plane, and what the gradients of BCE and Dice follow from.
    fn count(&self, logits: &Array, inputs: LossInputs, sizes: &Sizes, own: &Array, factors: &Array) -> Result<()> {
        let gpu = &self.gpu;
        let partial = gpu.array(Kind::F64, sizes.planes * sizes.blocks * PLANE_SUMS)?;
        let arguments = [logits.into(), sizes.targets.into(), (&partial).into(), long(self.plane)];
        gpu.launch("loss_sums", sizes.summing(sizes.planes), &arguments)?;
        let numbers = [
            sizes.pixels(),
            sizes.blocks.into(),
            sizes.planes.into(),
            sizes.parts.into(),
            self.classes().into(),
            long(self.plane),
        ];
        let read = [(&self.numbers).into(), inputs.step.into()];
        let written = [own.into(), inputs.sums.into(), self.sums().into(), factors.into()];
        let arguments = [&[(&partial).into()], &numbers[..], &read, &written].concat();
        gpu.launch("loss_finish", Grid::over(sizes.planes), &arguments)
    }

    fn gradient(&self, logits: &Array, sizes: &Sizes, factors: &Array) -> Result<Array> {
        let dx = self.gpu.array(Kind::F32, logits.len())?;
        let arguments = [logits.into(), sizes.targets.into(), factors.into(), (&dx).into(), long(self.plane)];
        self.gpu.launch("loss_gradient", self.spread(sizes.planes), &arguments)?;
        Ok(dx)
    }

    /// A thread for each pixel of so many planes.
    pub(super) fn spread(&self, planes: usize) -> Grid {
        grid(self.plane.div_ceil(THREADS as usize).min(1 << 16), planes)
    }
}

/// What is left where pixels do not count.
struct Hidden {
    logits: Array,
    targets: Array,
    counted: Array,
}

impl Sizes<'_> {
    /// How many pixels of each plane count, as kernels take it.
    pub fn pixels(&self) -> Argument {
        self.counted.into()
    }

    /// The blocks that sum up so many planes.
    pub fn summing(&self, planes: usize) -> Grid {
        grid(self.blocks, planes)
    }
}

fn grid(blocks: usize, planes: usize) -> Grid {
    let [blocks, planes] = [blocks, planes].map(|n| u32::try_from(n).expect("planes of a batch are few"));
    Grid { blocks: [blocks, planes, 1], threads: THREADS }
}
