//! Which tensors of a file are those of a network.

use crate::model::Params;
use candle_core::{DType, Tensor, Var};
use std::collections::BTreeMap;

/// Tensors that are named one by one in a message.
const NAMED: usize = 4;

/// Those of a file, by name.
type Tensors = BTreeMap<String, Tensor>;

/// Whose tensors the network begins with.
#[derive(Debug)]
pub(super) struct Fit {
    /// Names that are taken from the file.
    pub taken: Vec<String>,
    /// Names that keep what was drawn.
    pub drawn: Vec<String>,
    /// Names of the file that are not taken.
    pub passed: Vec<String>,
}

/// Why there is no fit.
pub(super) enum Unfit {
    /// The user's to mend.
    Mistake(String),
    /// A tensor cannot be read.
    Tensor(candle_core::Error),
}

impl From<candle_core::Error> for Unfit {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl Fit {
    /// Checks a file's tensors against a network's parameters, but for the names in `skip`.
    ///
    /// # Errors
    /// In words that name the first few tensors, if they do not fit each other, `skip` names what is nowhere, or a number is not finite.
    pub fn of(tensors: &Tensors, params: &Params, skip: &[String]) -> Result<Self, Unfit> {
        let network: BTreeMap<&str, &Var> =
            params.trained.iter().chain(&params.buffers).map(|(name, var)| (name.as_str(), var)).collect();
        let theirs = || tensors.keys().map(String::as_str);
        if let Some(idle) = skip.iter().find(|skip| !network.keys().copied().chain(theirs()).any(|name| covers(skip, name))) {
            return Err(unknown(idle, network.keys().copied()));
        }
        let (drawn, wanted): (Vec<&str>, Vec<&str>) = network.keys().copied().partition(|name| covered(skip, name));
        let (passed, left): (Vec<&str>, Vec<&str>) =
            theirs().filter(|name| !network.contains_key(name)).partition(|name| covered(skip, name));
        let misfits: Vec<Misfit> = wanted.iter().filter_map(|name| misfit(name, tensors.get(*name), network[name])).collect();
        if !misfits.is_empty() || !left.is_empty() {
            return Err(unfit(&misfits, wanted.len(), &left, tensors.len()));
        }
        if wanted.is_empty() {
            let problem = "training.initial.skip leaves nothing to take; shorten it, or leave weights out";
            return Err(Unfit::Mistake(problem.to_owned()));
        }
        let all_finite = |name: &&str| {
            let values = tensors[*name].flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            values.map(|values| values.iter().all(|value| value.is_finite()))
        };
        for name in &wanted {
            if !all_finite(name)? {
                let problem = format!("the tensor {name} holds what is no finite number; no run can begin with that");
                return Err(Unfit::Mistake(problem));
            }
        }
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(Fit { taken: owned(wanted), drawn: owned(drawn), passed: owned(passed) })
    }
}

/// A tensor of the network that the file cannot give.
struct Misfit {
    name: String,
    problem: String,
}

/// What is wrong with the file's tensor of this name, if anything is.
fn misfit(name: &str, tensor: Option<&Tensor>, var: &Var) -> Option<Misfit> {
    let problem = match tensor {
        None => "is missing".to_owned(),
        Some(tensor) if tensor.dims() != var.dims() => {
            format!("is {:?} there and {:?} in the network", tensor.dims(), var.dims())
        }
        Some(tensor) if tensor.dtype() != DType::F32 => format!("holds no weights but {}", tensor.dtype().as_str()),
        Some(_) => return None,
    };
    Some(Misfit { name: name.to_owned(), problem })
}

fn unfit(misfits: &[Misfit], of: usize, left: &[&str], file: usize) -> Unfit {
    let mut problems = Vec::new();
    if !misfits.is_empty() {
        let wording = misfits.iter().map(|misfit| format!("{} {}", misfit.name, misfit.problem));
        problems.push(format!(
            "{} of the network's {of} tensors are not there as it needs them: {}",
            misfits.len(),
            few(wording, "; ")
        ));
    }
    if !left.is_empty() {
        let wording = few(left.iter().map(|name| (*name).to_owned()), ", ");
        problems.push(format!("the network has no place for {} of the file's {}: {wording}", left.len(), file));
    }
    let mut modules: Vec<&str> =
        misfits.iter().map(|misfit| misfit.name.as_str()).chain(left.iter().copied()).map(module).collect();
    modules.dedup();
    let remedy = match modules.len() {
        ..=3 => format!("to train the rest with them: training.initial.skip = {modules:?}"),
        _ => "is the file of another architecture? training.initial.skip names what need not fit".to_owned(),
    };
    Unfit::Mistake(format!("{}; {remedy}", problems.join("; ")))
}

fn unknown<'a>(skip: &str, network: impl Iterator<Item = &'a str>) -> Unfit {
    let mut first: Vec<&str> = network.map(|name| name.split('.').next().unwrap_or(name)).collect();
    first.dedup();
    let known = first.join(", ");
    Unfit::Mistake(format!("training.initial.skip names \"{skip}\", which begins no tensor's name; the network has {known}"))
}

/// Whether an entry of `skip` means this tensor.
fn covers(skip: &str, name: &str) -> bool {
    name.strip_prefix(skip).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn covered(skip: &[String], name: &str) -> bool {
    skip.iter().any(|skip| covers(skip, name))
}

/// The layer that a tensor belongs to.
fn module(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(module, _)| module)
}

/// The first of them, and how many more there are.
pub(super) fn few(all: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.take(NAMED).collect::<Vec<_>>().join(between);
    if more > 0 { format!("{named}{between}and {more} more") } else { named }
}
