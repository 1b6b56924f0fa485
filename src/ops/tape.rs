//! Records what was computed, so that gradients can be computed backwards.
//!
//! An operation computes its value, then calls [`Tape::record`] with a closure that turns the gradient of its output into the
//! gradients of its inputs. [`Tape::backward`] runs the closures in reverse order and drops each one, and what it kept, as soon
//! as it has run; gradients are handed on by move.

use super::cuda;
use super::gradients::Gradients;
use super::storage::add_to;
use crate::config::Precision;
use candle_core::{DType, Result, Tensor, Var};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a node stands for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Numbers of this machine.
    Host(Tensor),
    /// Numbers on a GPU.
    Device(cuda::Array),
    /// A parameter on a GPU, by its position; its gradient goes to the store, not through the tape.
    Param(usize),
}

impl Value {
    fn host(self) -> Result<Tensor> {
        match self {
            Self::Host(tensor) => Ok(tensor),
            _ => candle_core::bail!("this operation runs on the CPU only"),
        }
    }

    /// The numbers on a GPU.
    pub(super) fn device(self) -> Result<cuda::Array> {
        match self {
            Self::Device(array) => Ok(array),
            _ => candle_core::bail!("a value is not on the GPU"),
        }
    }
}

/// A GPU with a network's parameters on it.
#[derive(Clone)]
pub struct GpuNetwork {
    /// The GPU.
    pub gpu: Rc<cuda::Gpu>,
    /// The parameters.
    pub store: Rc<cuda::Store>,
}

/// Turns the gradient of an operation's output into one gradient for each recorded input, in their order.
type Apart = Box<dyn FnOnce(Value) -> Result<Vec<Option<Value>>>>;
/// Turns the gradient of an operation's output, and what has been collected for its only input, into the sum for that input.
type Adding = Box<dyn FnOnce(Value, Option<Value>) -> Result<Value>>;

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
    value: Value,
    slot: Option<usize>,
}

impl Node {
    /// The tensor itself.
    ///
    /// # Panics
    /// If it lies on a GPU.
    pub fn value(&self) -> &Tensor {
        match &self.value {
            Value::Host(tensor) => tensor,
            _ => panic!("the tape's values lie on a GPU"),
        }
    }

    /// The numbers on a GPU.
    ///
    /// # Errors
    /// If they are not there.
    pub fn array(&self) -> Result<cuda::Array> {
        self.value.clone().device()
    }

    /// The position of a parameter on a GPU.
    pub(super) fn param(&self) -> Result<usize> {
        match self.value {
            Value::Param(index) => Ok(index),
            _ => candle_core::bail!("a parameter is not on the GPU"),
        }
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
    /// What dropout follows from.
    noise: Option<u64>,
    /// The same as two words on a GPU.
    noise_at: Option<cuda::Array>,
    /// How often noise was asked for.
    asked: Cell<u64>,
    device: Option<GpuNetwork>,
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

    /// The same with dropout, which follows from the seed.
    pub fn with_noise(self, seed: u64) -> Self {
        Self { noise: Some(seed), ..self }
    }

    /// The same on a GPU, where a step is recorded once and replayed with other seeds: `words` are the low and the high half of the
    /// seed, u32, to be read when the step runs.
    pub fn with_noise_at(self, words: cuda::Array) -> Self {
        Self { noise_at: Some(words), ..self }
    }

    /// A seed for the next operation that needs one; `None` without noise.
    pub(super) fn noise(&self) -> Option<u64> {
        self.noise.map(|seed| seed.wrapping_add(self.apart()))
    }

    /// The same on a GPU: the seed's words, and what is to be added to it.
    pub(super) fn noise_at(&self) -> Option<(cuda::Array, u64)> {
        self.noise_at.as_ref().map(|words| (words.clone(), self.apart()))
    }

    /// How far from the seed the next operation begins. Places of a map count from there: operations lie 2⁴⁰ apart.
    fn apart(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() << 40
    }

    /// The same with operations on a GPU.
    pub fn on(self, device: &GpuNetwork) -> Self {
        Self { device: Some(device.clone()), ..self }
    }

    /// The GPU that operations run on.
    pub(super) fn device(&self) -> Option<&GpuNetwork> {
        self.device.as_ref()
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
        Node { value: Value::Host(value.clone()), slot: None }
    }

    /// The same of numbers on a GPU.
    pub(super) fn constant_device(&self, value: cuda::Array) -> Node {
        Node { value: Value::Device(value), slot: None }
    }

    /// The parameter at `index` of the model's parameter list; its gradient appears there in [`Gradients`].
    ///
    /// On a GPU the gradient appears in the [`Store`](cuda::Store).
    pub fn param(&self, index: usize, var: &Var) -> Node {
        if self.device.is_some() {
            return Node { value: Value::Param(index), slot: None };
        }
        let slot = self.is_recording().then(|| {
            let slot = self.new_slot();
            self.params.borrow_mut().push((index, slot));
            slot
        });
        Node { value: Value::Host(var.as_tensor().clone()), slot }
    }

    /// Records an operation with the given inputs. `backward` must return one entry for each input, in order, `None` where
    /// [`Node::needs_grad`] was false.
    pub fn record(
        &self,
        value: Tensor,
        inputs: &[&Node],
        backward: impl FnOnce(Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Node {
        let backward = |grad: Value| {
            let outputs = backward(grad.host()?)?;
            Ok(outputs.into_iter().map(|output| output.map(Value::Host)).collect())
        };
        self.push(Value::Host(value), inputs, Backward::Apart(Box::new(backward)))
    }

    /// The same on a GPU. The operation is recorded even if no input needs a gradient, since it may have parameters.
    pub(super) fn record_device(
        &self,
        value: cuda::Array,
        inputs: &[&Node],
        backward: impl FnOnce(Value) -> Result<Vec<Option<Value>>> + 'static,
    ) -> Node {
        self.push(Value::Device(value), inputs, Backward::Apart(Box::new(backward)))
    }

    /// As [`Tape::record_adding`] on a GPU.
    pub(super) fn record_adding_device(
        &self,
        value: cuda::Array,
        input: &Node,
        backward: impl FnOnce(Value, Option<Value>) -> Result<Value> + 'static,
    ) -> Node {
        if !input.needs_grad() {
            return Node { value: Value::Device(value), slot: None };
        }
        self.push(Value::Device(value), &[input], Backward::Adding(Box::new(backward)))
    }

    /// As [`Tape::record`], for an operation of one input whose backward can add to the gradient that others have left for that
    /// input already (second argument, its own to change), which saves a pass over memory.
    pub fn record_adding(
        &self,
        value: Tensor,
        input: &Node,
        backward: impl FnOnce(Tensor, Option<Tensor>) -> Result<Tensor> + 'static,
    ) -> Node {
        let backward = |grad: Value, sum: Option<Value>| {
            let sum = sum.map(Value::host).transpose()?;
            Ok(Value::Host(backward(grad.host()?, sum)?))
        };
        self.push(Value::Host(value), &[input], Backward::Adding(Box::new(backward)))
    }

    /// Whether operations have parameters that the tape does not know.
    fn has_own_params(&self) -> bool {
        self.device.is_some()
    }

    fn push(&self, value: Value, inputs: &[&Node], backward: Backward) -> Node {
        if self.inference || (!self.has_own_params() && inputs.iter().all(|n| n.slot.is_none())) {
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
        let mut gradients = Gradients::default();
        self.backward_into(loss, &mut |index, gradient| {
            gradients.set(index, gradient);
            Ok(())
        })?;
        Ok(gradients)
    }

    /// The same, each gradient handed to `take` with its parameter's position as soon as it is complete. Nothing reads that parameter in
    /// this pass any more, so `take` may change it: an optimizer that does so needs no memory for all gradients at once.
    ///
    /// # Errors
    /// What an operation's backward or `take` reports.
    pub fn backward_into(self, loss: &Node, take: &mut dyn FnMut(usize, Tensor) -> Result<()>) -> Result<()> {
        let seed = loss.slot.map(|_| loss.value().ones_like()).transpose()?;
        self.run(seed.map(|seed| (loss, Value::Host(seed))).into_iter().collect(), take)
    }

    /// Goes back from the gradients of some outputs on a GPU; the gradients of the parameters are then in the store.
    ///
    /// # Errors
    /// What an operation's backward reports.
    pub fn backward_from(self, outputs: Vec<(&Node, cuda::Array)>) -> Result<()> {
        let from = outputs.into_iter().map(|(output, gradient)| (output, Value::Device(gradient))).collect();
        self.run(from, &mut |_, _| Ok(()))
    }

    /// Runs all entries backwards, from gradients of outputs, each another one; `take` gets the parameters' as [`Tape::backward_into`] says.
    fn run(self, from: Vec<(&Node, Value)>, take: &mut dyn FnMut(usize, Tensor) -> Result<()>) -> Result<()> {
        let mut grads: Vec<Option<Value>> = vec![None; *self.slots.borrow()];
        for (output, seed) in from {
            if let Some(slot) = output.slot {
                grads[slot] = Some(seed);
            }
        }
        let mut entries = self.entries.take();
        let complete = complete(self.params.take(), &entries);
        for left in (0..=entries.len()).rev() {
            for (index, slot) in &complete[left] {
                grads[*slot].take().map_or(Ok(()), |gradient| take(*index, gradient.host()?))?;
            }
            if let Some(entry) = entries.pop()
                && let Some(grad) = grads[entry.output].take()
            {
                self.step_back(&mut grads, entry, grad)?;
            }
        }
        Ok(())
    }

    /// One entry: the gradient of its output becomes those of its inputs.
    fn step_back(&self, grads: &mut [Option<Value>], entry: Entry, grad: Value) -> Result<()> {
        match (entry.backward, &entry.inputs[..]) {
            (Backward::Apart(backward), inputs) => self.collect(grads, inputs, backward(grad)?),
            (Backward::Adding(backward), &[Some(slot)]) => {
                let sum = grads[slot].take();
                grads[slot] = Some(backward(grad, sum)?);
                Ok(())
            }
            (Backward::Adding(_), _) => unreachable!("recorded with one input that needs a gradient"),
        }
    }

    /// Adds the gradients that an operation gives its inputs to what has been collected. Whoever hands a gradient over gives it up,
    /// so the first one's memory holds the sum.
    fn collect(&self, grads: &mut [Option<Value>], inputs: &[Option<usize>], outputs: Vec<Option<Value>>) -> Result<()> {
        debug_assert_eq!(outputs.len(), inputs.len(), "one gradient per input");
        for (slot, grad) in inputs.iter().zip(outputs) {
            if let (Some(slot), Some(grad)) = (*slot, grad) {
                match &grads[slot] {
                    Some(sum) => self.add(sum, &grad)?,
                    None => grads[slot] = Some(grad),
                }
            }
        }
        Ok(())
    }

    fn add(&self, sum: &Value, grad: &Value) -> Result<()> {
        match (sum, grad) {
            (Value::Host(sum), Value::Host(grad)) => add_to(sum, grad),
            (Value::Device(sum), Value::Device(grad)) => {
                let Some(device) = &self.device else { candle_core::bail!("a gradient on a GPU of a tape without one") };
                cuda::add_to(&device.gpu, sum, grad)
            }
            _ => candle_core::bail!("gradients on two devices cannot be added"),
        }
    }
}

/// Parameters, `(position, slot)`, by the number of entries that are left when their gradients are complete: those before the first that
/// reads them.
fn complete(params: Vec<(usize, usize)>, entries: &[Entry]) -> Vec<Vec<(usize, usize)>> {
    let mut complete = vec![Vec::new(); entries.len() + 1];
    for (index, slot) in params {
        let first = entries.iter().position(|entry| entry.inputs.contains(&Some(slot)));
        complete[first.unwrap_or(entries.len())].push((index, slot));
    }
    complete
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weighted_sum;
    use candle_core::Device;

    /// Oracle: 2·(3a + b) + 5a has the gradients 11 and 2; what reads `a` first is done last.
    #[test]
    fn gradients_are_handed_over_once_and_when_they_are_complete() {
        let [a, b] = [1f32, 1f32].map(|v| Var::from_tensor(&Tensor::new(v, &Device::Cpu).unwrap()).unwrap());
        let tape = Tape::training();
        let (first, second, unused) = (tape.param(0, &a), tape.param(1, &b), tape.param(2, &b));
        let inner = weighted_sum(&tape, &[(3.0, &first), (1.0, &second)]).unwrap();
        let loss = weighted_sum(&tape, &[(2.0, &inner), (5.0, &first)]).unwrap();
        assert!(unused.needs_grad());
        let mut seen = Vec::new();
        tape.backward_into(&loss, &mut |index, gradient| {
            seen.push((index, gradient.to_scalar::<f32>()?));
            Ok(())
        })
        .unwrap();
        seen.sort_by_key(|(index, _)| *index);
        assert_eq!(seen, [(0, 11.0), (1, 2.0)]);
    }
}
