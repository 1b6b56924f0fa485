//! Records what was computed, so that gradients can be computed backwards.
//!
//! An operation computes its value, then calls [`Tape::record`] with a closure that turns the gradient of its output into the
//! gradients of its inputs. [`Tape::backward`] runs the closures in reverse order and drops each one, and what it kept, as soon
//! as it has run; gradients are handed on by move.

use super::storage::{map, tensor, values, zip};
use candle_core::{Result, Tensor, Var, bail};
use std::cell::RefCell;

/// Turns the gradient of an operation's output into one gradient for each recorded input, in their order.
type Backward = Box<dyn FnOnce(Tensor) -> Result<Vec<Option<Tensor>>>>;

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
        if self.inference || inputs.iter().all(|n| n.slot.is_none()) {
            return Node { value, slot: None };
        }
        let output = self.new_slot();
        let inputs = inputs.iter().map(|n| n.slot).collect();
        self.entries.borrow_mut().push(Entry { inputs, output, backward: Box::new(backward) });
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
            let outputs = (entry.backward)(grad)?;
            debug_assert_eq!(outputs.len(), entry.inputs.len(), "one gradient an input");
            for (slot, grad) in entry.inputs.iter().zip(outputs) {
                if let (Some(slot), Some(grad)) = (*slot, grad) {
                    grads[slot] = Some(match grads[slot].take() {
                        Some(sum) => add(&sum, &grad)?,
                        None => grad,
                    });
                }
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

fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.shape() != b.shape() {
        bail!("cannot add gradients of shapes {:?} and {:?}", a.shape(), b.shape())
    }
    tensor(zip(&values(a)?, &values(b)?, |a, b| a + b), a.shape())
}

/// Gradients by position in the model's parameter list.
#[derive(Debug, Default)]
pub struct Gradients {
    by_param: Vec<Option<Tensor>>,
}

impl Gradients {
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
            *sum = match (sum.take(), grad) {
                (Some(a), Some(b)) => Some(add(&a, &b)?),
                (a, b) => a.or(b),
            };
        }
        Ok(())
    }

    /// Multiplies every gradient.
    ///
    /// # Errors
    /// What candle reports.
    pub fn scale(&mut self, factor: f64) -> Result<()> {
        for grad in self.by_param.iter_mut().flatten() {
            let scaled = map(&values(grad)?, |x| x * factor as f32);
            *grad = tensor(scaled, grad.shape())?;
        }
        Ok(())
    }

    /// Every gradient there is, in the order of the parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.by_param.iter().flatten()
    }
}
