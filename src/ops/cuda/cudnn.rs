//! Convolutions by cuDNN's graph interface, the one that PyTorch uses.
//!
//! A plan is made once for every pass and size and kept. cuDNN's heuristics name engines, the most promising first; taken is the first
//! that can be had, or, where equal bits are not asked for, the fastest of several by trial, which is kept for the next start. Where there is none, that is an error in the
//! library's own words.

mod described;
mod descriptor;
mod engines;
mod graph;
mod winners;

use super::Gpu;
use super::driver::Driver;
use super::library::{self, CudnnLibrary};
use super::memory::{Array, Kind};
use super::problem::{Convolution, Pass, Problem, Tensors, WITHOUT_CUDNN};
use crate::config::Precision;
use candle_core::{Error, Result};
use cudarc::cudnn::sys;
pub use described::{DEVICES, Described, KnownDevice};
use descriptor::{Descriptor, checked};
use engines::{Candidates, Plan, Planner, Target};
use graph::{BIAS, WEIGHT, X, Y};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;
use sys::cudnnBackendAttributeName_t as Name;
use sys::cudnnBackendAttributeType_t as Type;
use sys::cudnnBackendDescriptorType_t as Object;
use winners::Winners;

/// Runs of each engine when several are tried against each other.
const TRIALS: usize = 5;

/// Those that are known.
type Plans = HashMap<(Pass, Problem), Rc<Plan>>;

/// The library on a device.
pub(super) struct Cudnn {
    library: &'static CudnnLibrary,
    handle: sys::cudnnHandle_t,
    planner: Planner,
    plans: RefCell<Plans>,
    /// Whether there is an engine, of passes that there is another way for.
    served: RefCell<HashMap<(Pass, Problem), bool>>,
    /// Of engines that were tried against each other.
    winners: RefCell<Winners>,
    /// Its stream is the library's.
    driver: Rc<Driver>,
}

impl Cudnn {
    pub fn new(driver: &Rc<Driver>, precision: Precision, deterministic: bool) -> Result<Self> {
        let library = library::cudnn().map_err(Error::Msg)?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the library writes the handle there; the stream lives as long as the driver, which is kept.
        unsafe {
            checked(library, "starting", library.cudnnCreate(&raw mut handle))?;
            checked(library, "taking the stream", library.cudnnSetStream(handle, driver.stream().cast()))?;
        }
        let planner = Planner { library, target: Target::Device(handle), precision, deterministic };
        let winners = RefCell::new(Winners::of(&driver.description.name, &library.name(), precision));
        Ok(Self {
            library,
            handle,
            planner,
            plans: RefCell::default(),
            served: RefCell::default(),
            winners,
            driver: driver.clone(),
        })
    }

    pub fn name(&self) -> String {
        self.library.name()
    }

    /// How a pass would be computed, in words.
    pub fn ways(&self, pass: Pass, problem: Problem) -> Result<String> {
        let found = self.planner.candidates(pass, problem);
        let first = found.plans.first().ok_or_else(|| self.refused(&found, pass, problem))?;
        Ok(format!("of {} engines the first that fits needs {} bytes of workspace", found.named, first.workspace))
    }

    /// Whether there is an engine for a pass.
    pub fn serves(&self, pass: Pass, problem: Problem) -> bool {
        let ask = || !self.planner.candidates(pass, problem).plans.is_empty();
        *self.served.borrow_mut().entry((pass, problem)).or_insert_with(ask)
    }

    /// What the library knows of the device of this number, as JSON, with which it can be asked for its engines where there is no device;
    /// `None` where it does not tell.
    pub fn device_properties(&self, ordinal: usize) -> Option<String> {
        let ordinal = i32::try_from(ordinal).ok()?;
        let device = Descriptor::new(self.library, Object::CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR).ok()?;
        let device =
            device.with(Name::CUDNN_ATTR_DEVICEPROP_DEVICE_ID, Type::CUDNN_TYPE_INT32, &[ordinal]).ok()?.finished().ok()?;
        let mut bytes = vec![0u8; 1 << 16];
        let count = device.read(Name::CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, Type::CUDNN_TYPE_CHAR, &mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).trim_end_matches('\0').to_owned())
    }

    /// Computes a pass.
    ///
    /// # Errors
    /// If the library has no way to, or fails: which convolution on which device, the library's words, and a remedy.
    pub fn run(&self, gpu: &Gpu, pass: Pass, problem: Problem, tensors: Tensors) -> Result<()> {
        let plan = self.plan(gpu, pass, problem, tensors)?;
        self.execute(gpu, &plan, (pass, problem), tensors)
    }

    /// The error where there is no plan.
    fn refused(&self, found: &Candidates, pass: Pass, problem: Problem) -> Error {
        let (what, on, why) = (self.planner.words(pass, problem), &self.driver.description.name, found.why());
        Error::Msg(format!(
            "{} cannot compute {what} on {on}: {why}; try another training.precision, or {WITHOUT_CUDNN}",
            self.name()
        ))
    }

    fn plan(&self, gpu: &Gpu, pass: Pass, problem: Problem, tensors: Tensors) -> Result<Rc<Plan>> {
        if let Some(plan) = self.plans.borrow().get(&(pass, problem)) {
            return Ok(plan.clone());
        }
        let mut found = self.planner.candidates(pass, problem);
        let chosen = match found.plans.len() {
            0 => return Err(self.refused(&found, pass, problem)),
            1 => 0,
            _ => self.winner(gpu, &found.plans, (pass, problem), tensors)?,
        };
        let plan = Rc::new(found.plans.swap_remove(chosen));
        self.plans.borrow_mut().insert((pass, problem), plan.clone());
        Ok(plan)
    }

    /// The index of the one that was the fastest when several were tried; they are tried where that is not known, or it fails.
    fn winner(&self, gpu: &Gpu, plans: &[Plan], (pass, problem): (Pass, Problem), tensors: Tensors) -> Result<usize> {
        let convolution = Convolution { pass, problem };
        let kept = self.winners.borrow().engine(convolution).and_then(|kept| plans.iter().position(|p| p.engine == kept));
        let works = |plan| self.execute(gpu, plan, (pass, problem), tensors).and_then(|()| self.driver.synchronise()).is_ok();
        if let Some(kept) = kept.filter(|kept| works(&plans[*kept])) {
            return Ok(kept);
        }
        let chosen = self.fastest(gpu, plans, (pass, problem), tensors)?;
        self.winners.borrow_mut().keep(convolution, &plans[chosen].engine);
        Ok(chosen)
    }

    /// The index of the fastest; an error if none can be executed.
    fn fastest(&self, gpu: &Gpu, plans: &[Plan], what: (Pass, Problem), tensors: Tensors) -> Result<usize> {
        let (mut best, mut failure) = (None, None);
        for (index, plan) in plans.iter().enumerate() {
            if let Err(error) = self.execute(gpu, plan, what, tensors).and_then(|()| self.driver.synchronise()) {
                failure.get_or_insert(error);
                continue;
            }
            let start = Instant::now();
            for _ in 0..TRIALS {
                self.execute(gpu, plan, what, tensors)?;
            }
            self.driver.synchronise()?;
            let seconds = start.elapsed().as_secs_f64();
            if best.is_none_or(|(fastest, _)| seconds < fastest) {
                best = Some((seconds, index));
            }
        }
        match (best, failure) {
            (Some((_, index)), _) => Ok(index),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(0),
        }
    }

    fn execute(&self, gpu: &Gpu, plan: &Plan, (pass, problem): (Pass, Problem), tensors: Tensors) -> Result<()> {
        let Tensors { x, weight, y, bias } = tensors;
        // Given back at once: whoever takes the memory next comes later on the stream.
        let workspace = gpu.array(Kind::U8, plan.workspace.max(1))?;
        let pointers: Vec<u64> = [Some(x), Some(weight), Some(y), bias].into_iter().flatten().map(Array::address).collect();
        let pack = Descriptor::new(self.library, Object::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?
            .with(Name::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Type::CUDNN_TYPE_VOID_PTR, &pointers)?
            .with_numbers(Name::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &[X, WEIGHT, Y, BIAS][..pointers.len()])?
            .with(Name::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Type::CUDNN_TYPE_VOID_PTR, &[workspace.address()])?
            .finished()?;
        // SAFETY: the plan was made for tensors of these sizes, which `Gpu::convolve`'s callers took from the problem.
        let executed = unsafe { self.library.cudnnBackendExecute(self.handle, plan.plan.raw(), pack.raw()) };
        checked(self.library, &format!("executing {}", self.planner.words(pass, problem)), executed)
            .map_err(|failure| Error::Msg(format!("{failure}; {WITHOUT_CUDNN}")))
    }
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        self.plans.borrow_mut().clear();
        // SAFETY: nothing uses the handle any more.
        unsafe { _ = self.library.cudnnDestroy(self.handle) }
    }
}
