//! Which engine computes a convolution: of those that the library's heuristics name, those that are exact and repeatable enough and
//! content with some workspace. Asked for the device of a handle, or for one that is only described.

use super::descriptor::Descriptor;
use super::{Name, Object, Type};
use crate::config::Precision;
use crate::cuda::library::CudnnLibrary;
use crate::cuda::problem::{Pass, Problem};
use candle_core::{Error, Result};
use cudarc::cudnn::sys::{
    cudnnBackendBehaviorNote_t as Behavior, cudnnBackendHeurMode_t as Mode, cudnnBackendNumericalNote_t as Note, cudnnHandle_t,
};

/// Engines that a heuristic may name. For f32 on an H200 cuDNN 9.19 names up to 40, those that round to TF32 first.
const ENGINES: usize = 128;
/// Engines that are tried against each other.
const TRIED: usize = 6;
/// Choices that an engine may leave: cuDNN 9.19 has 40 kinds.
const KNOBS: usize = 64;
/// The most that an engine may want besides the tensors, in bytes.
pub const WORKSPACE: usize = 2 << 30;

/// Where plans are for.
pub enum Target {
    /// The device that a handle was made on.
    Device(cudnnHandle_t),
    /// A device by its properties, with which plans can be made and not executed.
    Properties(Descriptor),
}

/// What chooses engines.
pub struct Planner {
    pub library: &'static CudnnLibrary,
    pub target: Target,
    pub precision: Precision,
    /// Whether engines must give the same bits each time; then the first that fits is taken, else several are tried.
    pub deterministic: bool,
}

/// A way to compute a convolution.
pub struct Plan {
    pub plan: Descriptor,
    /// Bytes.
    pub workspace: usize,
    /// The engine's number and its choices, `62: 17=3 21=0`; empty where one plan is all that is asked for.
    pub engine: String,
}

/// Plans for a pass, the most promising first, and why others are none.
#[derive(Default)]
pub struct Candidates {
    pub plans: Vec<Plan>,
    /// Engines that were named.
    pub named: usize,
    /// Those of them that round more than is allowed, differ from time to time, or are compiled first.
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
    pub fn why(&self) -> String {
        let Self { named, unfit, problems, .. } = self;
        match (named, problems.first()) {
            (0, Some(first)) => first.clone(),
            (0, None) => "it names no engine".to_owned(),
            (_, first) => {
                let first = first.map_or(String::new(), |first| format!("; {first}"));
                format!(
                    "of {named} engines {unfit} round more than is allowed, are not deterministic or are compiled at run time{first}"
                )
            }
        }
    }
}

impl Planner {
    pub fn candidates(&self, pass: Pass, problem: Problem) -> Candidates {
        let mut found = Candidates::default();
        match self.graph(pass, problem) {
            Ok(graph) => self.plans_of(&graph, pass, &mut found),
            Err(error) => found.failed(&error),
        }
        found
    }

    /// What is computed, for messages.
    pub fn words(&self, pass: Pass, problem: Problem) -> String {
        format!("the {} of a convolution ({}) in {}", pass.words(), problem.words(), self.precision.name())
    }

    fn plans_of(&self, graph: &Descriptor, pass: Pass, found: &mut Candidates) {
        let limit = if self.deterministic { 1 } else { TRIED };
        for mode in [Mode::CUDNN_HEUR_MODE_A, Mode::CUDNN_HEUR_MODE_FALLBACK] {
            let engines = self.engines(graph, mode).unwrap_or_else(|error| {
                found.failed(&error);
                Vec::new()
            });
            found.named += engines.len();
            for engine in engines {
                if found.plans.len() == limit {
                    break;
                }
                match self.allows(&engine, pass).and_then(|allowed| allowed.then(|| self.finish(&engine)).transpose()) {
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

    fn engines(&self, graph: &Descriptor, mode: Mode) -> Result<Vec<Descriptor>> {
        let heuristic = Descriptor::new(self.library, Object::CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)?
            .with(Name::CUDNN_ATTR_ENGINEHEUR_MODE, Type::CUDNN_TYPE_HEUR_MODE, &[mode])?;
        let heuristic = match &self.target {
            Target::Device(_) => heuristic,
            Target::Properties(device) => heuristic.with_object(Name::CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device)?,
        };
        let object = Object::CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
        heuristic.finished()?.objects(Name::CUDNN_ATTR_ENGINEHEUR_RESULTS, object, ENGINES)
    }

    /// The engine of a configuration.
    fn engine(&self, configuration: &Descriptor) -> Result<Descriptor> {
        let engine = Descriptor::new(self.library, Object::CUDNN_BACKEND_ENGINE_DESCRIPTOR)?;
        let kind = Type::CUDNN_TYPE_BACKEND_DESCRIPTOR;
        configuration.read(Name::CUDNN_ATTR_ENGINECFG_ENGINE, kind, &mut [engine.raw()])?;
        Ok(engine)
    }

    /// Whether an engine calculates as exactly, and as repeatably, as is asked for. What adds a bias may not be compiled at run time, which takes
    /// about a second for each convolution.
    fn allows(&self, configuration: &Descriptor, pass: Pass) -> Result<bool> {
        let engine = self.engine(configuration)?;
        if pass.bare() != pass && self.is_compiled_first(&engine)? {
            return Ok(false);
        }
        // As plain numbers: a newer library may have notes that are not known here.
        let mut notes = [0i32; 16];
        let count = engine.read(Name::CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, Type::CUDNN_TYPE_NUMERICAL_NOTE, &mut notes)?;
        let has = |note: Note| notes[..count].contains(&(note as i32));
        let rounds = has(Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE) || has(Note::CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
        let reduced = has(Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
        let exact = self.precision != Precision::F32 || !rounds;
        Ok(exact && !reduced && !(self.deterministic && has(Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)))
    }

    fn is_compiled_first(&self, engine: &Descriptor) -> Result<bool> {
        let mut notes = [0i32; 16];
        let count = engine.read(Name::CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, Type::CUDNN_TYPE_BEHAVIOR_NOTE, &mut notes)?;
        Ok(notes[..count].contains(&(Behavior::CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION as i32)))
    }

    fn finish(&self, configuration: &Descriptor) -> Result<Plan> {
        let plan = Descriptor::new(self.library, Object::CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)?
            .with_object(Name::CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration)?;
        let plan = match &self.target {
            Target::Device(handle) => plan.with(Name::CUDNN_ATTR_EXECUTION_PLAN_HANDLE, Type::CUDNN_TYPE_HANDLE, &[*handle])?,
            Target::Properties(device) => plan.with_object(Name::CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device)?,
        };
        let plan = plan.finished()?;
        let mut bytes = [0i64];
        plan.read(Name::CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, Type::CUDNN_TYPE_INT64, &mut bytes)?;
        let engine = if self.deterministic { String::new() } else { self.choices(configuration)? };
        Ok(Plan { plan, workspace: usize::try_from(bytes[0]).unwrap_or(0), engine })
    }

    /// The number of an engine and what was chosen for it.
    fn choices(&self, configuration: &Descriptor) -> Result<String> {
        let mut number = [0i64];
        let index = Name::CUDNN_ATTR_ENGINE_GLOBAL_INDEX;
        self.engine(configuration)?.read(index, Type::CUDNN_TYPE_INT64, &mut number)?;
        let object = Object::CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR;
        let mut text = format!("{}:", number[0]);
        for choice in configuration.objects(Name::CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, object, KNOBS)? {
            let (mut knob, mut value) = ([0i32], [0i64]);
            choice.read(Name::CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, Type::CUDNN_TYPE_KNOB_TYPE, &mut knob)?;
            choice.read(Name::CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, Type::CUDNN_TYPE_INT64, &mut value)?;
            text.push_str(&format!(" {}={}", knob[0], value[0]));
        }
        Ok(text)
    }
}
