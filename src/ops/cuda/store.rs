//! A network's parameters on the device: values, gradients, what the optimizer remembers, running statistics.
//!
//! All parameters lie in a few long arrays, so that an update is two kernels however many there are: first the weights of
//! convolutions, whose gradients are stored as maps are, then the rest, whose gradients are f32. Every number is where its neighbours
//! want it, with zeros in the channels that mean nothing: their gradients are zero, so zero they stay.

use super::driver::{Grid, THREADS};
use super::folded::Folded;
use super::kernels::long;
use super::{Argument, Array, Gpu, Kind, stored};
use crate::{Gradients, Update};
use candle_core::{Device, Result, Tensor, TensorId, Var, bail};
use rayon::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

/// Where a parameter lies.
struct Span {
    /// As the network has them.
    dims: Vec<usize>,
    start: usize,
    /// Padding included.
    len: usize,
}

impl Span {
    fn new(dims: &[usize], start: usize) -> Self {
        let len = match *dims {
            [o, i, h, w] => stored(o) * h * w * stored(i),
            _ => stored(dims.iter().product()),
        };
        Self { dims: dims.to_vec(), start, len }
    }

    /// Puts the numbers where they lie here, from the order that the network has them in.
    fn spread(&self, values: &[f32], to: &mut [f32]) {
        let to = &mut to[self.start..self.start + self.len];
        let [_, i, h, w] = *self.dims else { return to[..values.len()].copy_from_slice(values) };
        let (plane, width) = (h * w, stored(i));
        to.par_chunks_mut(plane * width).zip(values.par_chunks(i * plane)).for_each(|(to, from)| {
            for (c, from) in from.chunks_exact(plane).enumerate() {
                from.iter().enumerate().for_each(|(p, value)| to[p * width + c] = *value);
            }
        });
    }

    /// The way back.
    fn gathered(&self, from: &[f32]) -> Vec<f32> {
        let from = &from[self.start..self.start + self.len];
        let count = self.dims.iter().product();
        let [_, i, h, w] = *self.dims else { return from[..count].to_vec() };
        let (plane, width) = (h * w, stored(i));
        let mut values = vec![0.0; count];
        values.par_chunks_mut(i * plane).zip(from.par_chunks(plane * width)).for_each(|(to, from)| {
            for (c, to) in to.chunks_exact_mut(plane).enumerate() {
                to.iter_mut().enumerate().for_each(|(p, value)| *value = from[p * width + c]);
            }
        });
        values
    }
}

/// The parameters of a network on a device.
pub struct Store {
    gpu: Rc<Gpu>,
    spans: Vec<Span>,
    /// Numbers of the first kind, weights of convolutions.
    convolutions: usize,
    values: Array,
    /// What convolutions read, if that is not the values themselves.
    copies: Option<Array>,
    /// As maps are stored.
    gradients: Array,
    /// f32.
    small_gradients: Array,
    /// Gradients of several batches, f32, once that was wanted.
    sums: RefCell<Option<Array>>,
    firsts: Option<Array>,
    seconds: Option<Array>,
    buffers: HashMap<TensorId, Array>,
    /// All of them.
    statistics: Array,
    kept: RefCell<Option<Array>>,
    /// Moving averages of values and statistics, once they were wanted.
    averages: RefCell<Option<Array>>,
    /// Convolutions with their normalisation folded in, by their weight.
    folds: RefCell<HashMap<usize, Kept>>,
    /// How often parameters or running statistics have changed.
    changes: Cell<u64>,
}

/// A convolution with its normalisation folded in.
struct Kept {
    folded: Rc<Folded>,
    /// [`Store::changes`] when that was done.
    at: u64,
}

impl Kept {
    fn refresh(&mut self, gpu: &Gpu, changes: u64) -> Result<()> {
        if self.at != changes {
            self.folded.fold(gpu)?;
            self.at = changes;
        }
        Ok(())
    }
}

impl Store {
    /// The parameters and buffers on the device, with as many moments (0, 1 or 2) as the optimizer keeps.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(gpu: &Rc<Gpu>, trained: &[(String, Var)], buffers: &[(String, Var)], moments: usize) -> Result<Rc<Self>> {
        let mut spans: Vec<Option<Span>> = trained.iter().map(|_| None).collect();
        let (mut end, mut convolutions) = (0, 0);
        for weights in [true, false] {
            for (span, (_, var)) in spans.iter_mut().zip(trained).filter(|(_, (_, var))| (var.rank() == 4) == weights) {
                let new = Span::new(var.dims(), end);
                end += new.len;
                *span = Some(new);
            }
            if weights {
                convolutions = end;
            }
        }
        let spans: Vec<Span> = spans.into_iter().flatten().collect();
        let moment = |wanted: bool| wanted.then(|| gpu.lasting(Kind::F32, end)).transpose();
        let copies = (gpu.map_kind() != Kind::F32).then(|| gpu.lasting(gpu.map_kind(), convolutions)).transpose()?;
        let lengths = buffers.iter().map(|(_, var)| stored(var.elem_count()));
        let all = gpu.lasting(Kind::F32, lengths.clone().sum())?;
        let mut at = 0;
        let of_buffer = |((_, var), len): (&(String, Var), usize)| {
            at += len;
            (var.as_tensor().id(), all.part(at - len, len))
        };
        let store = Self {
            gpu: gpu.clone(),
            values: gpu.lasting(Kind::F32, end)?,
            copies,
            gradients: gpu.lasting(gpu.map_kind(), convolutions)?,
            small_gradients: gpu.lasting(Kind::F32, end - convolutions)?,
            sums: RefCell::default(),
            firsts: moment(moments > 0)?,
            seconds: moment(moments > 1)?,
            buffers: buffers.iter().zip(lengths).map(of_buffer).collect(),
            statistics: all.clone(),
            kept: RefCell::default(),
            averages: RefCell::default(),
            folds: RefCell::default(),
            changes: Cell::new(0),
            spans,
            convolutions,
        };
        store.upload(trained, buffers)?;
        Ok(Rc::new(store))
    }

    /// A parameter's dimensions, as the network has them.
    pub(super) fn dims(&self, index: usize) -> &[usize] {
        &self.spans[index].dims
    }

    /// A parameter in f32.
    pub(super) fn value(&self, index: usize) -> Array {
        self.values.part(self.spans[index].start, self.spans[index].len)
    }

    /// The weights of a convolution as it reads them.
    pub(super) fn reading(&self, index: usize) -> Array {
        let span = &self.spans[index];
        self.copies.as_ref().map_or_else(|| self.value(index), |copies| copies.part(span.start, span.len))
    }

    /// Where a parameter's gradient goes.
    pub(super) fn gradient(&self, index: usize) -> Array {
        let Span { start, len, .. } = self.spans[index];
        if start < self.convolutions {
            return self.gradients.part(start, len);
        }
        self.small_gradients.part(start - self.convolutions, len)
    }

    /// A running statistic.
    pub(super) fn buffer(&self, var: &Var) -> Result<Array> {
        let found = self.buffers.get(&var.as_tensor().id()).cloned();
        found.ok_or_else(|| candle_core::Error::Msg("a running statistic is not on the device".into()))
    }

    /// A convolution with its normalisation folded in, of parameters and running statistics as they are; `new` makes what keeps it, the first time.
    pub(super) fn folded(&self, weight: usize, new: impl FnOnce() -> Result<Folded>) -> Result<Rc<Folded>> {
        let mut folds = self.folds.borrow_mut();
        let kept = match folds.entry(weight) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => place.insert(Kept { folded: Rc::new(new()?), at: u64::MAX }),
        };
        kept.refresh(&self.gpu, self.changes.get())?;
        Ok(kept.folded.clone())
    }

    /// Folds anew what was folded before and has changed since, outside of what is recorded: recorded evaluations read it.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn refold(&self) -> Result<()> {
        self.folds.borrow_mut().values_mut().try_for_each(|kept| kept.refresh(&self.gpu, self.changes.get()))
    }

    /// Says that parameters or running statistics change: so does whoever replays a recorded step of training.
    pub fn changed(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    /// Copies parameters and running statistics to the device.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn upload(&self, trained: &[(String, Var)], buffers: &[(String, Var)]) -> Result<()> {
        self.changed();
        self.gpu.put(&self.values, &self.spread(trained.iter().map(|(_, var)| Some(var.as_tensor())))?)?;
        for (_, var) in buffers {
            let mut values = var.flatten_all()?.to_vec1::<f32>()?;
            values.resize(stored(values.len()), 0.0);
            self.gpu.put(&self.buffer(var)?, &values)?;
        }
        self.copy_weights()
    }

    fn copy_weights(&self) -> Result<()> {
        let Some(copies) = &self.copies else { return Ok(()) };
        let arguments = [(&self.values).into(), copies.into(), long(self.convolutions)];
        self.gpu.launch("narrow_params", Grid::over(self.convolutions), &arguments)
    }

    /// Copies parameters and running statistics into the network's own.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn download(&self, trained: &[(String, Var)], buffers: &[(String, Var)]) -> Result<()> {
        let values = self.gpu.download::<f32>(&self.values)?;
        for (span, (_, var)) in self.spans.iter().zip(trained) {
            var.set(&Tensor::from_vec(span.gathered(&values), var.dims(), &Device::Cpu)?)?;
        }
        for (_, var) in buffers {
            let mut values = self.gpu.download::<f32>(&self.buffer(var)?)?;
            values.truncate(var.elem_count());
            var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu)?)?;
        }
        Ok(())
    }

    /// What the optimizer remembers, first and second moments, by parameter; empty where it keeps none.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn moments(&self) -> Result<Vec<[Vec<f32>; 2]>> {
        let all =
            [&self.firsts, &self.seconds].map(|array| array.as_ref().map(|array| self.gpu.download::<f32>(array)).transpose());
        let [firsts, seconds] = all;
        let (firsts, seconds) = (firsts?, seconds?);
        let of = |values: &Option<Vec<f32>>, span: &Span| values.as_ref().map(|v| span.gathered(v)).unwrap_or_default();
        Ok(self.spans.iter().map(|span| [of(&firsts, span), of(&seconds, span)]).collect())
    }

    /// Puts moments where [`Store::moments`] finds them.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn set_moments(&self, moments: &[[&[f32]; 2]]) -> Result<()> {
        for (which, array) in [&self.firsts, &self.seconds].into_iter().enumerate() {
            let Some(array) = array else { continue };
            let mut values = vec![0f32; array.len()];
            self.spans.iter().zip(moments).for_each(|(span, both)| span.spread(both[which], &mut values));
            self.gpu.put(array, &values)?;
        }
        Ok(())
    }

    /// The gradients of the last backward pass, as the network has them.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn gradients(&self) -> Result<Gradients> {
        let mut values: Vec<f32> = match self.gradients.kind() {
            Kind::Bf16 => self.gpu.download::<half::bf16>(&self.gradients)?.into_iter().map(f32::from).collect(),
            _ => self.gpu.download(&self.gradients)?,
        };
        values.extend(self.gpu.download::<f32>(&self.small_gradients)?);
        self.apart(&values)
    }

    /// The sum of the gradients that were collected and not used yet; nothing if none ever were.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn accumulated(&self) -> Result<Gradients> {
        self.sums.borrow().as_ref().map_or_else(|| Ok(Gradients::default()), |sums| self.apart(&self.gpu.download(sums)?))
    }

    /// Goes on with gradients that waited.
    ///
    /// # Errors
    /// If shapes do not fit, and what the driver reports.
    pub fn set_accumulated(&self, gradients: &Gradients) -> Result<()> {
        let values = self.spread((0..self.spans.len()).map(|index| gradients.get(index)))?;
        self.gpu.put(&self.collected()?, &values)
    }

    fn apart(&self, values: &[f32]) -> Result<Gradients> {
        let tensor = |span: &Span| Tensor::from_vec(span.gathered(values), &span.dims[..], &Device::Cpu).map(Some);
        Ok(Gradients::new(self.spans.iter().map(tensor).collect::<Result<_>>()?))
    }

    fn spread<'a>(&self, tensors: impl Iterator<Item = Option<&'a Tensor>>) -> Result<Vec<f32>> {
        let mut all = vec![0f32; self.values.len()];
        for (span, tensor) in self.spans.iter().zip(tensors) {
            let Some(tensor) = tensor else { continue };
            if tensor.dims() != span.dims {
                bail!("a tensor of {:?} for a parameter of {:?}", tensor.dims(), span.dims)
            }
            span.spread(&tensor.flatten_all()?.to_vec1::<f32>()?, &mut all);
        }
        Ok(all)
    }

    fn collected(&self) -> Result<Array> {
        let mut sums = self.sums.borrow_mut();
        if sums.is_none() {
            *sums = Some(self.gpu.lasting(Kind::F32, self.values.len())?);
        }
        Ok(sums.clone().expect("made above"))
    }

    /// Adds the gradients of the last backward pass to those that wait, which are none if they are the `first`.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn collect(&self, first: bool) -> Result<()> {
        let sums = self.collected()?;
        if first {
            sums.clear(&self.gpu.driver)?;
        }
        let (n, rest) = (self.convolutions, self.values.len() - self.convolutions);
        self.gpu.launch("collect", Grid::over(n), &[(&sums.part(0, n)).into(), (&self.gradients).into(), long(n)])?;
        let small = [(&sums.part(n, rest)).into(), (&self.small_gradients).into(), long(rest)];
        self.gpu.launch("collect_wide", Grid::over(rest), &small)
    }

    /// Updates all parameters. `rule` holds the numbers of `update`. Gradients are those of the last backward pass, or, with `collected`,
    /// the mean over so many batches that wait, with a norm of at most `clip`.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn update(&self, update: Update, rule: &Array, collected: Option<usize>, clip: Option<f64>) -> Result<()> {
        self.changed();
        let (n, all) = (self.convolutions, self.values.len());
        let factor = collected.map(|batches| self.factor(batches, clip)).transpose()?;
        let sums = collected.map(|_| self.collected()).transpose()?;
        for (start, len) in [(0, n), (n, all - n)] {
            let part = |array: &Option<Array>| array.as_ref().map(|array| array.part(start, len));
            let gradients = if start == 0 { Some(&self.gradients) } else { None };
            let sums = part(&sums).or_else(|| (start > 0).then(|| self.small_gradients.clone()));
            let copies = self.copies.as_ref().filter(|_| start == 0);
            let mut arguments: Vec<Argument> =
                vec![(&self.values.part(start, len)).into(), gradients.into(), sums.as_ref().into(), factor.as_ref().into()];
            arguments.push(part(&self.firsts).as_ref().into());
            let name = match update {
                Update::Adam(_) => {
                    arguments.push(part(&self.seconds).as_ref().into());
                    "adam"
                }
                Update::Sgd(_) => "sgd",
            };
            arguments.extend([copies.into(), long(len), rule.into()]);
            self.gpu.launch(name, Grid::over(len), &arguments)?;
        }
        Ok(())
    }

    /// What gradients that wait are multiplied with.
    fn factor(&self, batches: usize, clip: Option<f64>) -> Result<Array> {
        let sums = self.collected()?;
        let blocks = sums.len().div_ceil(16 * THREADS as usize).clamp(1, 512);
        let partial = self.gpu.array(Kind::F64, blocks)?;
        let grid = Grid { blocks: [u32::try_from(blocks).expect("at most 512"), 1, 1], threads: THREADS };
        self.gpu.launch("square_sums", grid, &[(&sums).into(), (&partial).into(), long(sums.len())])?;
        let factor = self.gpu.array(Kind::F32, 1)?;
        let numbers = [Argument::Float(batches as f32), Argument::Float(clip.unwrap_or(0.0) as f32)];
        let one = Grid { blocks: [1, 1, 1], threads: 1 };
        let arguments = [&[(&partial).into(), blocks.into()], &numbers[..], &[(&factor).into()]].concat();
        self.gpu.launch("gradient_factor", one, &arguments)?;
        Ok(factor)
    }

    /// Keeps parameters and running statistics as they are, beside those that go on changing.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn keep(&self) -> Result<()> {
        self.each_with(&self.beside(&self.kept)?, |own, kept| kept.copy_from(&self.gpu.driver, own))
    }

    /// Exchanges what [`Store::keep`] kept for what is, to be looked at; a second call exchanges them back. Nothing happens if nothing
    /// is kept.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn exchange(&self) -> Result<()> {
        let kept = self.kept.borrow().clone();
        kept.map_or(Ok(()), |kept| self.exchange_with(&kept))
    }

    /// Begins moving averages with parameters and running statistics as they are.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn begin_averages(&self) -> Result<()> {
        self.each_with(&self.beside(&self.averages)?, |own, average| average.copy_from(&self.gpu.driver, own))
    }

    /// Moves the averages towards what is: `average += rate · (value − average)`, the rate being one f32.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn average(&self, rate: &Array) -> Result<()> {
        self.each_with(&self.beside(&self.averages)?, |own, average| {
            let arguments = [average.into(), own.into(), long(own.len()), rate.into()];
            self.gpu.launch("move_averages", Grid::over(own.len()), &arguments)
        })
    }

    /// Exchanges averages for what is, to be looked at; a second call exchanges them back. Nothing happens if there are none.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn exchange_averages(&self) -> Result<()> {
        let averages = self.averages.borrow().clone();
        averages.map_or(Ok(()), |averages| self.exchange_with(&averages))
    }

    fn exchange_with(&self, other: &Array) -> Result<()> {
        self.changed();
        let driver = &self.gpu.driver;
        self.each_with(other, |own, other| {
            let between = self.gpu.array(Kind::F32, own.len())?;
            between.copy_from(driver, own)?;
            own.copy_from(driver, other)?;
            other.copy_from(driver, &between)
        })?;
        self.copy_weights()
    }

    /// Room for as many numbers as values and running statistics have, made when it is first wanted.
    fn beside(&self, place: &RefCell<Option<Array>>) -> Result<Array> {
        let mut place = place.borrow_mut();
        if place.is_none() {
            *place = Some(self.gpu.lasting(Kind::F32, self.values.len() + self.statistics.len())?);
        }
        Ok(place.clone().expect("made above"))
    }

    /// Calls for the values and the running statistics with their spans in another array.
    fn each_with(&self, other: &Array, mut call: impl FnMut(&Array, &Array) -> Result<()>) -> Result<()> {
        let (values, statistics) = (self.values.len(), self.statistics.len());
        let (values, statistics) = (other.part(0, values), other.part(values, statistics));
        call(&self.values, &values)?;
        if statistics.is_empty() { Ok(()) } else { call(&self.statistics, &statistics) }
    }
}
