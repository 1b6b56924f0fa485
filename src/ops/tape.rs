//! Records what was computed, so that gradients can be computed backwards.
//!
//! An operation computes its value, then calls [`Tape::record`] with a closure that turns the gradient of its output into the
//! gradients of its inputs. [`Tape::backward`] runs the closures in reverse order and drops each one, and what it kept, as soon
//! as it has run; gradients are handed on by move.

use super::storage::{add_to, change};
use crate::config::Precision;
use candle_core::{DType, Result, Tensor, Var};
use rayon::prelude::*;
use std::cell::RefCell;

/// Turns the gradient of an operation's output into one gradient for each recorded input, in their order.
type Apart = Box<dyn FnOnce(Tensor) -> Result<Vec<Option<Tensor>>>>;
/// Turns the gradient of an operation's output, and what has been collected for its only input, into the sum for that input.
type Adding = Box<dyn FnOnce(Tensor, Option<Tensor>) -> Result<Tensor>>;

enum Backward {
    Apart(Apart),
    Adding(Adding),
}

struct Entry {
    /// Slots of the inputs; `None` for one that needs no gradient.
    inputs: Vec<Option<usize>>,
    /// Where the gradient of the output collects.
    output: usize,
    backward: Backward,
}

/// A tensor that a tape knows.
#[derive(Debug, Clone)]
pub struct Node {
    value: Tensor,
    slot: Option<usize>,
}

impl Node {
    /// The tensor itself.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// Whether a gradient flows here.
    pub fn needs_grad(&self) -> bool {
        self.slot.is_some()
    }
}

/// The record of one forward pass.
#[derive(Default)]
pub struct Tape {
    inference: bool,
    precision: Precision,
    entries: RefCell<Vec<Entry>>,
    /// Number of slots given out.
    slots: RefCell<usize>,
    /// `(position in the parameter list, slot)`.
    params: RefCell<Vec<(usize, usize)>>,
}

impl Tape {
    /// A tape that records.
    pub fn training() -> Self {
        Self::default()
    }

    /// A tape that records nothing and keeps nothing alive.
    pub fn inference() -> Self {
        Self { inference: true, ..Self::default() }
    }

    /// The same with operations in another precision than f32.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How exactly operations calculate.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What feature maps are stored as.
    pub(super) fn map_type(&self) -> DType {
        if self.precision == Precision::Bf16 { DType::BF16 } else { DType::F32 }
    }

    /// Whether operations are recorded.
    pub fn is_recording(&self) -> bool {
        !self.inference
    }

    /// A tensor that needs no gradient: an image, a target.
    pub fn constant(&self, value: &Tensor) -> Node {
        Node { value: value.clone(), slot: None }
    }

    /// The parameter at `index` of the model's parameter list; its gradient appears there in [`Gradients`].
    pub fn param(&self, index: usize, var: &Var) -> Node {
        let slot = self.is_recording().then(|| {
            let slot = self.new_slot();
            self.params.borrow_mut().push((index, slot));
            slot
        });
        Node { value: var.as_tensor().clone(), slot }
    }

    /// Records an operation with the given inputs. `backward` must return one entry for each input, in order, `None` where
    /// [`Node::needs_grad`] was false.
    pub fn record(
        &self,
        value: Tensor,
        inputs: &[&Node],
        backward: impl FnOnce(Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Node {
        self.push(value, inputs, Backward::Apart(Box::new(backward)))
    }

    /// As [`Tape::record`], for an operation of one input whose backward can add to the gradient that others have left for that
    /// input already (second argument, its own to change), which saves a pass over memory.
    pub fn record_adding(
        &self,
        value: Tensor,
        input: &Node,
        backward: impl FnOnce(Tensor, Option<Tensor>) -> Result<Tensor> + 'static,
    ) -> Node {
        self.push(value, &[input], Backward::Adding(Box::new(backward)))
    }

    fn push(&self, value: Tensor, inputs: &[&Node], backward: Backward) -> Node {
        if self.inference || inputs.iter().all(|n| n.slot.is_none()) {
            return Node { value, slot: None };
        }
        let output = self.new_slot();
        let inputs = inputs.iter().map(|n| n.slot).collect();
        self.entries.borrow_mut().push(Entry { inputs, output, backward });
        Node { value, slot: Some(output) }
    }

    fn new_slot(&self) -> usize {
        let mut slots = self.slots.borrow_mut();
        *slots += 1;
        *slots - 1
    }

    /// Gradients of a scalar `loss` with respect to every parameter.
    ///
    /// # Errors
    /// What an operation's backward reports.
    pub fn backward(self, loss: &Node) -> Result<Gradients> {
        let mut grads: Vec<Option<Tensor>> = vec![None; *self.slots.borrow()];
        if let Some(slot) = loss.slot {
            grads[slot] = Some(loss.value.ones_like()?);
        }
        let mut entries = self.entries.into_inner();
        while let Some(entry) = entries.pop() {
            let Some(grad) = grads[entry.output].take() else { continue };
            match (entry.backward, &entry.inputs[..]) {
                (Backward::Apart(backward), inputs) => collect(&mut grads, inputs, backward(grad)?)?,
                (Backward::Adding(backward), &[Some(slot)]) => {
                    let sum = grads[slot].take();
                    grads[slot] = Some(backward(grad, sum)?);
                }
                (Backward::Adding(_), _) => unreachable!("recorded with one input that needs a gradient"),
            }
        }
        let params = self.params.into_inner();
        let len = params.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        let mut by_param: Vec<Option<Tensor>> = vec![None; len];
        for (index, slot) in params {
            by_param[index] = grads[slot].take();
        }
        Ok(Gradients { by_param })
    }
}

/// Adds the gradients that an operation gives its inputs to what has been collected. Whoever hands a gradient over gives it up,
/// so the first one's memory holds the sum.
fn collect(grads: &mut [Option<Tensor>], inputs: &[Option<usize>], outputs: Vec<Option<Tensor>>) -> Result<()> {
    debug_assert_eq!(outputs.len(), inputs.len(), "one gradient an input");
    for (slot, grad) in inputs.iter().zip(outputs) {
        if let (Some(slot), Some(grad)) = (*slot, grad) {
            match &grads[slot] {
                Some(sum) => add_to(sum, &grad)?,
                None => grads[slot] = Some(grad),
            }
        }
    }
    Ok(())
}

/// Gradients by position in the model's parameter list.
#[derive(Debug, Default)]
pub struct Gradients {
    by_param: Vec<Option<Tensor>>,
}

impl Gradients {
    /// Gradients that were computed before; `None` where there is none.
    pub fn new(by_param: Vec<Option<Tensor>>) -> Self {
        Self { by_param }
    }

    /// The gradient of the parameter at `index`; `None` where the loss does not depend on it.
    pub fn get(&self, index: usize) -> Option<&Tensor> {
        self.by_param.get(index).and_then(Option::as_ref)
    }

    /// Adds another batch's gradients (gradient accumulation).
    ///
    /// # Errors
    /// If shapes differ.
    pub fn add(&mut self, other: Gradients) -> Result<()> {
        self.by_param.resize(self.by_param.len().max(other.by_param.len()), None);
        for (sum, grad) in self.by_param.iter_mut().zip(other.by_param) {
            match (&*sum, grad) {
                (Some(a), Some(b)) => add_to(a, &b)?,
                (None, b) => *sum = b,
                (Some(_), None) => {}
            }
        }
        Ok(())
    }

    /// Multiplies every gradient.
    ///
    /// # Errors
    /// What candle reports.
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        for grad in self.by_param.iter().flatten() {
            change(grad, |values: &mut [f32]| values.par_iter_mut().for_each(|x| *x *= factor as f32))?;
        }
        Ok(())
    }

    /// Every gradient there is, in the order of the parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.by_param.iter().flatten()
    }
}
