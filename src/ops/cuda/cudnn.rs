//! Convolutions by cuDNN's graph interface, the one that PyTorch uses.
//!
//! A plan is made once for every pass and size and kept. cuDNN's heuristics name engines, the most promising first; taken is the first
//! that can be had, or, where equal bits are not asked for, the fastest of several by trial. Where there is none, whoever asks hears why, in
//! the library's own words.

use super::Gpu;
use super::driver::Driver;
use super::library;
use super::memory::Kind;
use super::problem::{Pass, Problem, Tensors, WITHOUT_CUDNN};
use crate::config::Precision;
use candle_core::{Error, Result};
use cudarc::cudnn::{result, sys};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;
use sys::cudnnBackendAttributeName_t as Name;
use sys::cudnnBackendAttributeType_t as Type;
use sys::cudnnBackendDescriptorType_t as Object;
use sys::cudnnBackendNumericalNote_t as Note;

/// Engines that a heuristic may name. For f32 on an H200 cuDNN 9.19 names up to 40, those that round to TF32 first.
const ENGINES: usize = 128;
/// Engines that are tried against each other.
const TRIED: usize = 6;
/// Runs of each when they are.
const TRIALS: usize = 5;
/// The most that an engine may want besides the tensors, in bytes.
const WORKSPACE: usize = 2 << 30;

/// Bytes of the library's last words that are read.
const WORDS: usize = 4096;
/// Characters of them that are shown.
const SHOWN: usize = 600;

fn failed(what: &str, error: result::CudnnError) -> Error {
    let said = last_error().map_or(String::new(), |said| format!(": {said}"));
    Error::Msg(format!("cuDNN: {what} failed: {error}{said}"))
}

/// What the library says of the last error of this thread, in one line; `None` where it says nothing, or is too old to.
fn last_error() -> Option<String> {
    // Not by `sys`, which panics where the function is missing.
    // SAFETY: so it is declared in cudnn.h since version 9.
    let ask: unsafe extern "C" fn(*mut std::ffi::c_char, usize) =
        unsafe { library::cudnn().ok()?.function("cudnnGetLastErrorString") }?;
    let mut bytes = vec![0u8; WORDS];
    // SAFETY: it writes no more bytes than `size`.
    unsafe { ask(bytes.as_mut_ptr().cast(), WORDS) };
    let text = String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next()?).into_owned();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| words.chars().take(SHOWN).collect())
}

/// One of the library's objects, destroyed when dropped.
struct Descriptor(sys::cudnnBackendDescriptor_t);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it was made by `new` and is destroyed once.
        unsafe { _ = sys::cudnnBackendDestroyDescriptor(self.0) }
    }
}

impl Descriptor {
    fn new(object: Object) -> Result<Self> {
        let mut made = std::ptr::null_mut();
        // SAFETY: the library writes a pointer there.
        unsafe { sys::cudnnBackendCreateDescriptor(object, &raw mut made) }
            .result()
            .map_err(|e| failed("making an object", e))?;
        Ok(Self(made))
    }

    /// Sets an attribute. `T` must be what the library wants for `kind`: the callers below pair them.
    fn with<T>(self, name: Name, kind: Type, values: &[T]) -> Result<Self> {
        let count = i64::try_from(values.len()).expect("few");
        // SAFETY: `values` outlives the call, which copies them.
        let set = unsafe { sys::cudnnBackendSetAttribute(self.0, name, kind, count, values.as_ptr().cast()) };
        set.result().map_err(|e| failed(&format!("setting {name:?}"), e))?;
        Ok(self)
    }

    fn with_numbers(self, name: Name, values: &[i64]) -> Result<Self> {
        self.with(name, Type::CUDNN_TYPE_INT64, values)
    }

    fn with_object(self, name: Name, object: &Self) -> Result<Self> {
        self.with(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &[object.0])
    }

    fn finished(self) -> Result<Self> {
        // SAFETY: it is alive.
        unsafe { sys::cudnnBackendFinalize(self.0) }.result().map_err(|e| failed("finishing an object", e))?;
        Ok(self)
    }

    /// Reads up to `values.len()` values of an attribute; how many there were.
    fn read<T>(&self, name: Name, kind: Type, values: &mut [T]) -> Result<usize> {
        let (wanted, mut count) = (i64::try_from(values.len()).expect("few"), 0i64);
        // SAFETY: the library writes no more than `wanted` values.
        let got =
            unsafe { sys::cudnnBackendGetAttribute(self.0, name, kind, wanted, &raw mut count, values.as_mut_ptr().cast()) };
        got.result().map_err(|e| failed(&format!("reading {name:?}"), e))?;
        Ok(usize::try_from(count).unwrap_or(0).min(values.len()))
    }
}

/// A way to compute a convolution.
struct Plan {
    plan: Descriptor,
    /// Bytes.
    workspace: usize,
}

/// Those that are known; where the library has none, why.
type Plans = HashMap<(Pass, Problem), Found>;

/// A plan, or why there is none.
type Found = std::result::Result<Rc<Plan>, String>;

/// Plans for a pass, the most promising first, and why others are none.
#[derive(Default)]
struct Candidates {
    plans: Vec<Plan>,
    /// Engines that were named.
    named: usize,
    /// Those of them that round more than is allowed, or differ from time to time.
    unfit: usize,
    /// What failed, each thing once.
    problems: Vec<String>,
}

impl Candidates {
    fn failed(&mut self, error: &Error) {
        let text = error.to_string();
        if !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }

    /// Why there is no plan.
    fn why(&self) -> String {
        let Self { named, unfit, problems, .. } = self;
        match (named, problems.first()) {
            (0, Some(first)) => first.clone(),
            (0, None) => "it names no engine".to_owned(),
            (_, first) => {
                let first = first.map_or(String::new(), |first| format!("; {first}"));
                format!("of {named} engines {unfit} round more than is allowed or are not deterministic{first}")
            }
        }
    }
}

/// The library on a device.
pub(super) struct Cudnn {
    handle: sys::cudnnHandle_t,
    plans: RefCell<Plans>,
    kind: Kind,
    /// Whether factors may be rounded to TensorFloat-32.
    tf32: bool,
    deterministic: bool,
    /// Its stream is the library's.
    driver: Rc<Driver>,
}

/// Which tensor is which in a graph.
const X: i64 = 1;
const WEIGHT: i64 = 2;
const Y: i64 = 3;

impl Cudnn {
    pub fn new(driver: &Rc<Driver>, precision: Precision, deterministic: bool) -> Result<Self> {
        let handle = result::create_handle().map_err(|e| failed("starting", e))?;
        // SAFETY: the handle is new, and the stream lives as long as the driver, which is kept.
        unsafe { result::set_stream(handle, driver.stream().cast()) }.map_err(|e| failed("taking the stream", e))?;
        let kind = if precision == Precision::Bf16 { Kind::Bf16 } else { Kind::F32 };
        let tf32 = precision == Precision::Tf32;
        Ok(Self { handle, plans: RefCell::default(), kind, tf32, deterministic, driver: driver.clone() })
    }

    pub fn name(&self) -> String {
        let version = result::get_version();
        format!("cuDNN {}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
    }

    /// How a pass would be computed, in words.
    pub fn ways(&self, pass: Pass, problem: Problem) -> Result<String> {
        let found = self.candidates(pass, problem);
        match found.plans.first() {
            Some(plan) => {
                Ok(format!("of {} engines the first that fits needs {} bytes of workspace", found.named, plan.workspace))
            }
            None => Err(Error::Msg(format!("{} cannot compute {}: {}", self.name(), self.words(pass, problem), found.why()))),
        }
    }

    /// What the library knows of the device of this number, as JSON, with which it can be asked for its engines where there is no device;
    /// `None` where it does not tell.
    pub fn device_properties(&self, ordinal: usize) -> Option<String> {
        let ordinal = i32::try_from(ordinal).ok()?;
        let device = Descriptor::new(Object::CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR).ok()?;
        let device =
            device.with(Name::CUDNN_ATTR_DEVICEPROP_DEVICE_ID, Type::CUDNN_TYPE_INT32, &[ordinal]).ok()?.finished().ok()?;
        let mut bytes = vec![0u8; 1 << 16];
        let count = device.read(Name::CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, Type::CUDNN_TYPE_CHAR, &mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).trim_end_matches('\0').to_owned())
    }

    /// Computes a pass, or says why the library has no way to.
    pub fn run(&self, gpu: &Gpu, pass: Pass, problem: Problem, tensors: Tensors) -> Result<std::result::Result<(), String>> {
        match self.plan(gpu, pass, problem, tensors)? {
            Ok(plan) => self.execute(gpu, &plan, (pass, problem), tensors).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }

    /// What is computed, for messages.
    fn words(&self, pass: Pass, problem: Problem) -> String {
        let precision = match (self.kind, self.tf32) {
            (Kind::Bf16, _) => "bf16",
            (_, true) => "tf32",
            (_, false) => "f32",
        };
        format!("the {} of a convolution ({}) in {precision}", pass.words(), problem.words())
    }

    fn plan(&self, gpu: &Gpu, pass: Pass, problem: Problem, tensors: Tensors) -> Result<Found> {
        if let Some(plan) = self.plans.borrow().get(&(pass, problem)) {
            return Ok(plan.clone());
        }
        let mut found = self.candidates(pass, problem);
        let several = !self.deterministic && found.plans.len() > 1;
        let chosen = if several { self.fastest(gpu, &found.plans, (pass, problem), tensors)? } else { 0 };
        let plan = if chosen < found.plans.len() {
            Ok(Rc::new(found.plans.swap_remove(chosen)))
        } else {
            Err(format!("{} cannot compute {}: {}", self.name(), self.words(pass, problem), found.why()))
        };
        self.plans.borrow_mut().insert((pass, problem), plan.clone());
        Ok(plan)
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
        let Tensors { x, weight, y } = tensors;
        // Given back at once: whoever takes the memory next comes later on the stream.
        let workspace = gpu.array(Kind::U8, plan.workspace.max(1))?;
        let pointers = [x.address(), weight.address(), y.address()];
        let pack = Descriptor::new(Object::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?
            .with(Name::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Type::CUDNN_TYPE_VOID_PTR, &pointers)?
            .with_numbers(Name::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &[X, WEIGHT, Y])?
            .with(Name::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Type::CUDNN_TYPE_VOID_PTR, &[workspace.address()])?
            .finished()?;
        // SAFETY: the plan was made for tensors of these sizes, which `Gpu::convolve`'s callers took from the problem.
        unsafe { sys::cudnnBackendExecute(self.handle, plan.plan.0, pack.0) }.result().map_err(|e| {
            let failure = failed(&format!("executing {}", self.words(pass, problem)), e);
            Error::Msg(format!("{failure}; {WITHOUT_CUDNN}"))
        })
    }

    fn candidates(&self, pass: Pass, problem: Problem) -> Candidates {
        let mut found = Candidates::default();
        match self.graph(pass, problem) {
            Ok(graph) => self.plans_of(&graph, &mut found),
            Err(error) => found.failed(&error),
        }
        found
    }

    fn plans_of(&self, graph: &Descriptor, found: &mut Candidates) {
        let limit = if self.deterministic { 1 } else { TRIED };
        for mode in [sys::cudnnBackendHeurMode_t::CUDNN_HEUR_MODE_A, sys::cudnnBackendHeurMode_t::CUDNN_HEUR_MODE_FALLBACK] {
            let engines = self.engines(graph, mode).unwrap_or_else(|error| {
                found.failed(&error);
                Vec::new()
            });
            found.named += engines.len();
            for engine in engines {
                if found.plans.len() == limit {
                    break;
                }
                match self.allows(&engine).and_then(|allowed| allowed.then(|| self.finish(&engine)).transpose()) {
                    Ok(Some(plan)) if plan.workspace <= WORKSPACE => found.plans.push(plan),
                    Ok(Some(plan)) => {
                        found.failed(&Error::Msg(format!("an engine wants a workspace of {} MB", plan.workspace / 1_000_000)));
                    }
                    Ok(None) => found.unfit += 1,
                    Err(error) => found.failed(&error),
                }
            }
            if !found.plans.is_empty() {
                break;
            }
        }
    }

    fn engines(&self, graph: &Descriptor, mode: sys::cudnnBackendHeurMode_t) -> Result<Vec<Descriptor>> {
        let heuristic = Descriptor::new(Object::CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)?
            .with(Name::CUDNN_ATTR_ENGINEHEUR_MODE, Type::CUDNN_TYPE_HEUR_MODE, &[mode])?
            .finished()?;
        let empty = || Descriptor::new(Object::CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        let mut engines: Vec<Descriptor> = (0..ENGINES).map(|_| empty()).collect::<Result<_>>()?;
        let mut raw: Vec<_> = engines.iter().map(|engine| engine.0).collect();
        let count = heuristic.read(Name::CUDNN_ATTR_ENGINEHEUR_RESULTS, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &mut raw)?;
        engines.truncate(count);
        Ok(engines)
    }

    /// Whether an engine calculates as exactly, and as repeatably, as is asked for.
    fn allows(&self, engine: &Descriptor) -> Result<bool> {
        let inner = Descriptor::new(Object::CUDNN_BACKEND_ENGINE_DESCRIPTOR)?;
        engine.read(Name::CUDNN_ATTR_ENGINECFG_ENGINE, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &mut [inner.0])?;
        // As plain numbers: a newer library may have notes that are not known here.
        let mut notes = [0i32; 16];
        let count = inner.read(Name::CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, Type::CUDNN_TYPE_NUMERICAL_NOTE, &mut notes)?;
        let has = |note: Note| notes[..count].contains(&(note as i32));
        let rounds = has(Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE) || has(Note::CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
        let reduced = has(Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
        let exact = self.kind == Kind::Bf16 || self.tf32 || !rounds;
        Ok(exact && !reduced && !(self.deterministic && has(Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)))
    }

    fn finish(&self, engine: &Descriptor) -> Result<Plan> {
        let plan = Descriptor::new(Object::CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine)?
            .with(Name::CUDNN_ATTR_EXECUTION_PLAN_HANDLE, Type::CUDNN_TYPE_HANDLE, &[self.handle])?
            .finished()?;
        let mut bytes = [0i64];
        plan.read(Name::CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, Type::CUDNN_TYPE_INT64, &mut bytes)?;
        Ok(Plan { plan, workspace: usize::try_from(bytes[0]).unwrap_or(0) })
    }

    fn graph(&self, pass: Pass, p: Problem) -> Result<Descriptor> {
        let x = self.tensor(X, [p.n, p.h, p.w, p.c])?;
        let weight = self.tensor(WEIGHT, [p.k, p.side, p.side, p.c])?;
        let y = self.tensor(Y, [p.n, p.out(p.h), p.out(p.w), p.k])?;
        let names = operation(pass);
        let operation = Descriptor::new(names.object)?
            .with_object(names.x, &x)?
            .with_object(names.weight, &weight)?
            .with_object(names.y, &y)?
            .with_object(names.how, &convolution(p)?)?
            .with(names.alpha, Type::CUDNN_TYPE_FLOAT, &[1f32])?
            .with(names.beta, Type::CUDNN_TYPE_FLOAT, &[0f32])?
            .finished()?;
        Descriptor::new(Object::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_OPERATIONGRAPH_OPS, &operation)?
            .with(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Type::CUDNN_TYPE_HANDLE, &[self.handle])?
            .finished()
    }

    /// A tensor stored as (n, h, w, c), which the library wants as (n, c, h, w) with strides.
    fn tensor(&self, id: i64, dims: [usize; 4]) -> Result<Descriptor> {
        let [n, h, w, c] = dims.map(|d| i64::try_from(d).expect("sizes of a network fit"));
        let kind = match self.kind {
            Kind::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            _ => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
        };
        Descriptor::new(Object::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?
            .with(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, Type::CUDNN_TYPE_DATA_TYPE, &[kind])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_DIMENSIONS, &[n, c, h, w])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_STRIDES, &[h * w * c, 1, w * c, c])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[id])?
            .with_numbers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[16])?
            .finished()
    }
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        self.plans.borrow_mut().clear();
        // SAFETY: nothing uses the handle any more.
        unsafe { _ = result::destroy_handle(self.handle) }
    }
}

fn convolution(p: Problem) -> Result<Descriptor> {
    let both = |n: usize| [i64::try_from(n).expect("small"); 2];
    let float = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
    let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
    Descriptor::new(Object::CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, &[2])?
        .with(Name::CUDNN_ATTR_CONVOLUTION_COMP_TYPE, Type::CUDNN_TYPE_DATA_TYPE, &[float])?
        .with(Name::CUDNN_ATTR_CONVOLUTION_CONV_MODE, Type::CUDNN_TYPE_CONVOLUTION_MODE, &[mode])?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &both(p.pad))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &both(p.pad))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_DILATIONS, &both(1))?
        .with_numbers(Name::CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &both(p.stride))?
        .finished()
}

/// What the library calls an operation and its attributes.
struct Operation {
    object: Object,
    x: Name,
    weight: Name,
    y: Name,
    how: Name,
    alpha: Name,
    beta: Name,
}

fn operation(pass: Pass) -> Operation {
    match pass {
        Pass::Forward => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
        },
        Pass::InputGradient => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
        },
        Pass::WeightGradient => Operation {
            object: Object::CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            x: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            weight: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            y: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            how: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            alpha: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            beta: Name::CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
        },
    }
}
