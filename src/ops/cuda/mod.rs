//! Operations on NVIDIA GPUs.
//!
//! A [`Gpu`] is a device with our kernels on it, a [`Store`] is a network's parameters there with all that the optimizer needs. A
//! [`Tape`](super::Tape) made on them runs the operations of this room there; their values are [`Array`]s, and nothing waits for
//! the device until a result is asked for.
//!
//! # Layout
//! Maps are (n, h, w, c), f32 or bf16, the number of channels rounded up to a multiple of 8 with zeros. Weights are (out, kh, kw, in),
//! both numbers of channels rounded up in the same way; logits (n, classes, h, w) in f32; targets the same in bytes.
//!
//! # Order
//! One thread, one stream: what was asked for first is done first, so no operation waits for another by itself. Each parameter is
//! used once a pass: its gradient is written, not added.
#![doc = include_str!("design.md")]

mod bilinear;
mod cache;
mod check;
mod concat;
mod conv;
mod convolutions;
#[cfg(feature = "cudnn")]
mod cudnn;
mod cut;
mod driver;
mod elementwise;
mod folded;
mod folding;
mod gate;
mod graph;
mod head;
mod inference;
mod kernels;
mod library;
mod listing;
mod loss;
mod memory;
mod norm;
mod normalised;
mod pool;
pub mod probe;
mod problem;
mod samples;
mod sending;
mod store;
mod terms;
mod upsampled;

pub use check::{Comparison, losses, operations, tolerance};
pub use convolutions::CHOICE;
#[cfg(feature = "cudnn")]
pub use cudnn::{DEVICES, Described, KnownDevice};
pub use driver::{Description, Moment, Pinned, count};
pub use graph::Graph;
pub use kernels::{Compiling, begin_compiling, compile};
pub use library::DIRECTORIES;
pub use listing::convolutions;
pub use loss::{LossInputs, Losses, PLANE_SUMS};
pub use memory::{Array, Kind};
pub use problem::Convolution;
pub use samples::{Samples, Truth};
pub use sending::{Parcel, Sender};
pub use store::Store;

pub(super) use bilinear::upsample_bilinear2x;
pub(super) use concat::add_to;
pub(super) use conv::{conv_transpose2x2, conv3x3, pointwise};
pub(super) use elementwise::{add, dropout};
pub(super) use gate::gate;
pub(super) use head::conv1x1;
pub(super) use norm::{activate, batch_norm, group_norm};
pub(super) use normalised::conv3x3_normalised;
pub(super) use pool::max_pool2x2;
pub(super) use upsampled::conv3x3_of_upsampled;

use super::blocked::Shape;
use crate::config::Precision;
use candle_core::{Result, bail};
use convolutions::Convolutions;
use cut::Cut;
use driver::{Driver, Grid};
use kernels::{Argument, Kernels};
use memory::Memory;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::rc::Rc;
use std::sync::Mutex;

/// Channels are stored in a multiple of so many.
const CHANNELS: usize = 8;

/// Channels as they are stored.
fn stored(channels: usize) -> usize {
    channels.next_multiple_of(CHANNELS)
}

/// A device ready to calculate in one precision.
pub struct Gpu {
    kernels: Kernels,
    convolutions: Convolutions,
    memory: Rc<Memory>,
    driver: Rc<Driver>,
    maps: Kind,
    /// What was said of this device's work, by what it is about.
    notes: RefCell<BTreeMap<&'static str, String>>,
}

/// Whether steps may be recorded as CUDA graphs: `off` starts every kernel of every step instead; absent or `on`, they are.
pub const GRAPHS: &str = "UMLAUT_CUDA_GRAPHS";

/// Whether steps are to be recorded.
///
/// # Errors
/// If the variable says something else than it may, in words.
pub fn graphs() -> std::result::Result<bool, String> {
    match std::env::var_os(GRAPHS).unwrap_or_default().to_string_lossy().as_ref() {
        "" | "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("{GRAPHS}={other}: use on or off, or leave it unset")),
    }
}

/// Whether all that a GPU needs can be loaded, and the environment asks for what there is.
///
/// # Errors
/// What cannot be, with a remedy.
pub fn ready() -> std::result::Result<(), String> {
    graphs()?;
    library::driver().and_then(|_| library::compiler())?;
    convolutions::ready()
}

impl Gpu {
    /// Opens the device of this number, counted from 0 among those that this process may see. With `deterministic`, equal work gives
    /// equal bits; else convolutions choose the fastest of several ways by trying.
    ///
    /// # Errors
    /// If there is no such device, or a library of NVIDIA's is missing.
    pub fn open(ordinal: usize, precision: Precision, deterministic: bool) -> Result<Rc<Self>> {
        Self::with(ordinal, precision, |driver| Convolutions::new(driver, precision, deterministic))
    }

    fn with(
        ordinal: usize,
        precision: Precision,
        convolutions: impl FnOnce(&Rc<Driver>) -> Result<Convolutions>,
    ) -> Result<Rc<Self>> {
        let driver = Rc::new(Driver::open(ordinal)?);
        let maps = Kind::of_maps(precision);
        let (kernels, loaded) = Kernels::load(&driver, maps)?;
        let convolutions = convolutions(&driver)?;
        let gpu = Self { kernels, convolutions, memory: Memory::of(&driver), driver, maps, notes: RefCell::default() };
        for (about, note) in [("kernels", loaded), ("convolutions", gpu.convolutions.note())] {
            if let Some(note) = note {
                gpu.note(about, note);
            }
        }
        Ok(Rc::new(gpu))
    }

    /// Keeps what a user should know of how this device works, of each thing the first, and says it on standard error, which is the log of a
    /// run, if this process has not said as much before.
    pub fn note(&self, about: &'static str, text: String) {
        static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        if SAID.lock().is_ok_and(|mut said| said.insert(about)) {
            // Whoever reads may be gone.
            _ = writeln!(std::io::stderr(), "note: {text}");
        }
        self.notes.borrow_mut().entry(about).or_insert(text);
    }

    /// What was said so far.
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().values().cloned().collect()
    }

    /// What the device is.
    pub fn description(&self) -> &Description {
        &self.driver.description
    }

    /// What computes convolutions: cuDNN with its version, or own kernels and why.
    pub fn convolutions(&self) -> String {
        self.convolutions.name()
    }

    /// Waits for all that was asked for.
    ///
    /// # Errors
    /// If something failed on the device.
    pub fn synchronise(&self) -> Result<()> {
        self.driver.synchronise()
    }

    /// Bytes taken from the device, its context and libraries aside.
    pub fn reserved(&self) -> usize {
        self.memory.reserved()
    }

    /// The most bytes that were in use at a time.
    pub fn peak(&self) -> usize {
        self.memory.peak()
    }

    /// Bytes that the device has free, whoever uses the rest.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn free_memory(&self) -> Result<usize> {
        self.driver.free_memory()
    }

    /// Records what `work` asks for. Nothing of it is done yet, and nothing in it may wait.
    ///
    /// # Errors
    /// If the driver cannot record something of it, or `work` fails.
    pub fn capture(&self, work: impl FnOnce() -> Result<()>) -> Result<Graph> {
        self.driver.capture(work)
    }

    /// Does what was recorded, on the same memory.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn replay(&self, graph: &Graph) -> Result<()> {
        self.driver.replay(graph)
    }

    /// Numbers on the device.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn array(&self, kind: Kind, len: usize) -> Result<Array> {
        Array::uninitialised(&self.memory, kind, len)
    }

    /// Zeros on the device.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn zeros(&self, kind: Kind, len: usize) -> Result<Array> {
        let array = self.array(kind, len)?;
        array.clear(&self.driver)?;
        Ok(array)
    }

    /// Zeros that keep their place as long as they are held, whatever graphs are recorded and replayed meanwhile.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn lasting(&self, kind: Kind, len: usize) -> Result<Array> {
        let array = Array::apart(&self.memory, kind, len)?;
        array.clear(&self.driver)?;
        Ok(array)
    }

    /// The moment when all that was asked for so far is done.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn moment(&self) -> Result<Moment> {
        self.driver.moment()
    }

    /// Numbers of this machine for results that are fetched while work goes on.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn pinned(&self, len: usize) -> Result<Pinned> {
        Pinned::new(&self.driver, len)
    }

    /// So many places of this machine's memory from which parcels of up to `arrays` arrays of `bytes` bytes in all go to the device.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn sender(&self, places: usize, arrays: usize, bytes: usize) -> Result<Sender> {
        Sender::new(&self.driver, places, arrays, bytes)
    }

    /// Asks for numbers of an array of f64, to be put from `at` on; see [`Pinned::read`].
    ///
    /// # Errors
    /// What the driver reports.
    pub fn fetch(&self, from: &Array, start: usize, count: usize, to: &Pinned, at: usize) -> Result<()> {
        debug_assert_eq!(from.kind(), Kind::F64);
        to.fetch(&self.driver, at, from.part(start, count).address(), count)
    }

    /// An array of these numbers.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn upload<T: Copy>(&self, kind: Kind, values: &[T]) -> Result<Array> {
        let array = self.array(kind, values.len())?;
        array.upload(&self.driver, values)?;
        Ok(array)
    }

    /// Puts other numbers into an array.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn put<T: Copy>(&self, array: &Array, values: &[T]) -> Result<()> {
        array.upload(&self.driver, values)
    }

    /// The numbers of an array, when they are there.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn download<T: Copy + Default>(&self, array: &Array) -> Result<Vec<T>> {
        array.download(&self.driver)
    }

    /// What maps are stored as.
    pub fn map_kind(&self) -> Kind {
        self.maps
    }

    /// Room for a map.
    fn map(&self, shape: Shape) -> Result<Array> {
        self.array(self.maps, countable(shape)?)
    }

    /// Starts a kernel whose parameters fit the arguments.
    fn launch(&self, name: &'static str, grid: Grid, arguments: &[Argument]) -> Result<()> {
        // SAFETY: every call in this room names a kernel with arguments of its types; `selftest` runs each of them.
        unsafe { self.kernels.launch(&self.driver, name, grid, arguments) }
    }

    /// A map of (n, h, w, c) from numbers in (n, c, h, w).
    ///
    /// # Errors
    /// If the device has no room.
    ///
    /// # Panics
    /// If there are not as many numbers.
    pub fn pack(&self, values: &[f32], shape: Shape) -> Result<Array> {
        let width = stored(shape.c);
        let mut lanes = vec![0f32; countable(shape)?];
        let plane = shape.h * shape.w;
        assert_eq!(values.len(), shape.n * shape.c * plane, "a number for every channel of every pixel");
        for (i, value) in values.iter().enumerate() {
            let (n, c, p) = (i / plane / shape.c, i / plane % shape.c, i % plane);
            lanes[(n * plane + p) * width + c] = *value;
        }
        match self.maps {
            Kind::Bf16 => self.upload(Kind::Bf16, &lanes.iter().map(|v| half::bf16::from_f32(*v)).collect::<Vec<_>>()),
            _ => self.upload(Kind::F32, &lanes),
        }
    }

    /// The way back from [`Gpu::pack`].
    ///
    /// # Errors
    /// What the driver reports.
    pub fn unpack(&self, array: &Array, shape: Shape) -> Result<Vec<f32>> {
        let lanes: Vec<f32> = match array.kind() {
            Kind::Bf16 => self.download::<half::bf16>(array)?.into_iter().map(f32::from).collect(),
            _ => self.download(array)?,
        };
        let (width, plane) = (stored(shape.c), shape.h * shape.w);
        let at = |i: usize| lanes[(i / plane / shape.c * plane + i % plane) * width + i / plane % shape.c];
        Ok((0..shape.n * shape.c * plane).map(at).collect())
    }
}

/// Numbers of a stored map.
fn elements(shape: Shape) -> usize {
    shape.n * shape.h * shape.w * stored(shape.c)
}

/// The same, where kernels can count the map's vectors of 8 channels: they do it in 32 bits.
fn countable(shape: Shape) -> Result<usize> {
    let Shape { n, c, h, w } = shape;
    let numbers = elements(shape);
    if numbers / CHANNELS > i32::MAX as usize {
        let most = i32::MAX as usize * CHANNELS;
        bail!("a map of {n} × {c} channels × {h} × {w} has more than {most} numbers: use smaller batches, images or patches")
    }
    Ok(numbers)
}

/// The size of a map as kernels take it.
fn size(shape: Shape) -> Argument {
    kernels::ints(&[shape.n, shape.h, shape.w, stored(shape.c)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_kernels_cannot_count_is_refused() {
        let map = |n: usize, c: usize| countable(Shape { n, c, h: 1 << 10, w: 1 << 10 });
        assert_eq!(map(16, 63).unwrap(), 1 << 30, "channels are stored in eights");
        assert!(map(1 << 7, 64).is_ok() && map(1 << 8, 64).is_err(), "2^31 vectors are too many");
        let refused = map(1 << 20, 64).unwrap_err().to_string();
        assert!(refused.contains("64 channels × 1024 × 1024") && refused.contains("smaller batches"), "{refused}");
    }
}
