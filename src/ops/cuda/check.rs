//! Every operation on the device against the CPU's.

mod cases;
mod losses;

pub use losses::losses;

use super::{Array, Gpu, Kind, Store};
use crate::blocked::Shape;
use crate::config::Precision;
use crate::tape::GpuNetwork;
use crate::{Map, Node, Running, Tape};
use candle_core::{DType, Device as Host, Result, Tensor, Var};
use std::cell::RefCell;
use std::rc::Rc;

/// What a comparison gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What was compared: an operation, and which of its results.
    pub what: String,
    /// ‖device − CPU‖ / ‖CPU‖.
    pub error: f64,
    /// The most that it may be.
    pub tolerance: f64,
}

impl Comparison {
    /// Compares numbers with those that are right.
    pub fn of(what: String, got: &[f32], right: &[f32], tolerance: f64) -> Self {
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
        let distance = square(&mut got.iter().zip(right).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        let size = square(&mut right.iter().map(|v| f64::from(*v)));
        let fits = got.len() == right.len();
        Self { what, error: if fits { (distance / size.max(1e-30)).sqrt() } else { f64::INFINITY }, tolerance }
    }

    /// Whether it is small enough; NaN never is.
    pub fn passes(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// What dropout follows from on both sides.
const SEED: u64 = 0xF00D_5EED_0123_4567;

/// The largest relative error that a precision may make in an operation. Behind a ReLU or a maximum a rounded number may fall on the
/// other side, which changes a gradient altogether, if a small one: of `chosen` values some hundredths may differ.
pub fn tolerance(precision: Precision, chosen: bool) -> f64 {
    match (precision, chosen) {
        (Precision::F32, false) => 1e-5,
        (Precision::F32, true) => 1e-4,
        (Precision::Tf32, false) => 2e-3,
        (Precision::Tf32, true) => 5e-2,
        (Precision::Bf16, false) => 1e-2,
        (Precision::Bf16, true) => 1e-1,
    }
}

/// What an operation gives.
enum Output {
    Map(Map),
    Logits(Node),
}

/// An operation with everything that it needs.
struct Case {
    name: &'static str,
    inputs: Vec<Shape>,
    params: Vec<Vec<usize>>,
    run: fn(&Tape, &[&Map], &[Node], &Running) -> Result<Output>,
    /// Whether a gradient depends on which side of a bound a number falls.
    chooses: bool,
}

/// Compares every operation, its result and all its gradients, with the CPU's in f32; with `small`, none at the sizes that networks train at.
///
/// # Errors
/// If an operation cannot run at all.
pub fn operations(gpu: &Rc<Gpu>, precision: Precision, small: bool) -> Result<Vec<Comparison>> {
    let large = if small { Vec::new() } else { cases::as_trained() };
    let mut all = Vec::new();
    for case in cases::all().into_iter().chain(large) {
        all.extend(case.compare(gpu, precision).map_err(|e| candle_core::Error::Msg(format!("{}: {e}", case.name)))?);
    }
    for case in cases::evaluated() {
        all.push(case.evaluated(gpu, precision).map_err(|e| candle_core::Error::Msg(format!("{}: {e}", case.name)))?);
    }
    Ok(all)
}

/// The comparisons of one operation that needs no convolution, or of one convolution: with `small`, not at a size that networks train at.
pub(super) fn one(gpu: &Rc<Gpu>, precision: Precision, convolution: bool, small: bool) -> Result<Vec<Comparison>> {
    let name = match (convolution, small) {
        (false, _) => "add",
        (true, true) => "conv3x3",
        (true, false) => cases::ONE_AS_TRAINED,
    };
    let found = cases::all().into_iter().chain(cases::as_trained()).find(|case| case.name == name);
    found.expect("there are cases of these names").compare(gpu, precision)
}

/// Numbers in [−1, 1) that look random and are the same each time.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        // Knuth's MMIX; the high bits are good enough here.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // No more digits than bf16 has: all precisions start from the same numbers.
        half::bf16::from_f32((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0).to_f32()
    };
    (0..count).map(|_| next()).collect()
}

/// What one side computed: the output, then gradients of the inputs, then of the parameters.
type Results = Vec<(String, Vec<f32>)>;

impl Case {
    fn vars(&self) -> Result<Vec<(String, Var)>> {
        let var = |dims: &Vec<usize>, seed: usize| {
            let values = noise(dims.iter().product(), seed as u64 + 1);
            Ok((format!("parameter {seed}"), Var::from_slice(&values, &dims[..], &Host::Cpu)?))
        };
        self.params.iter().enumerate().map(|(i, dims)| var(dims, i)).collect()
    }

    /// The result alone, where nothing is recorded.
    fn evaluated(&self, gpu: &Rc<Gpu>, precision: Precision) -> Result<Comparison> {
        let (vars, running) = (self.vars()?, self.running()?);
        let buffers = [("mean".to_owned(), running.mean.clone()), ("var".to_owned(), running.var.clone())];
        let device = GpuNetwork { gpu: gpu.clone(), store: Store::new(gpu, &vars, &buffers, 0)? };
        let result = |tape: &Tape, map: &dyn Fn(usize, &Shape) -> Result<Map>| {
            let params: Vec<Node> = vars.iter().enumerate().map(|(i, (_, var))| tape.param(i, var)).collect();
            let inputs: Vec<Map> = self.inputs.iter().enumerate().map(|(i, shape)| map(i, shape)).collect::<Result<_>>()?;
            match (self.run)(tape, &inputs.iter().collect::<Vec<_>>(), &params, &running)? {
                Output::Map(map) => Ok(map),
                Output::Logits(_) => candle_core::bail!("a map is compared"),
            }
        };
        let (near, far) = (Tape::inference(), Tape::inference().with_precision(precision).on(&device));
        let right = result(&near, &|i, shape| {
            Map::constant(&near, &Tensor::from_vec(Self::input(*shape, i), (shape.n, shape.c, shape.h, shape.w), &Host::Cpu)?)
        })?;
        let got = result(&far, &|i, shape| {
            Ok(Map::on_device(far.constant_device(gpu.pack(&Self::input(*shape, i), *shape)?), *shape, None))
        })?;
        let right = right.unpack(&near)?.value().flatten_all()?.to_vec1::<f32>()?;
        let got = gpu.unpack(&got.array()?, got.shape())?;
        Ok(Comparison::of(format!("{}: result", self.name), &got, &right, tolerance(precision, false)))
    }

    fn compare(&self, gpu: &Rc<Gpu>, precision: Precision) -> Result<Vec<Comparison>> {
        let vars = self.vars()?;
        let right = self.on_cpu(&vars)?;
        let got = self.on_gpu(gpu, &vars)?;
        let compared = right.iter().zip(&got).map(|((what, right), (_, got))| {
            let chosen = self.chooses && what.starts_with("gradient");
            Comparison::of(format!("{}: {what}", self.name), got, right, tolerance(precision, chosen))
        });
        Ok(compared.collect())
    }

    fn running(&self) -> Result<Running> {
        let c = self.inputs[0].c;
        let positive: Vec<f32> = noise(c, 71).into_iter().map(|v| v.abs() + 0.5).collect();
        Ok(Running {
            mean: Var::from_tensor(&Tensor::from_vec(noise(c, 70), c, &Host::Cpu)?)?,
            var: Var::from_tensor(&Tensor::from_vec(positive, c, &Host::Cpu)?)?,
        })
    }

    fn input(shape: Shape, index: usize) -> Vec<f32> {
        noise(shape.n * shape.c * shape.h * shape.w, 90 + index as u64)
    }

    fn on_cpu(&self, vars: &[(String, Var)]) -> Result<Results> {
        let (tape, running) = (Tape::training().with_noise(SEED), self.running()?);
        let params: Vec<Node> = vars.iter().enumerate().map(|(i, (_, var))| tape.param(i, var)).collect();
        let mut inputs = Vec::new();
        for (i, shape) in self.inputs.iter().enumerate() {
            let var = Var::from_slice(&Self::input(*shape, i), (shape.n, shape.c, shape.h, shape.w), &Host::Cpu)?;
            inputs.push(Map::pack(&tape, &tape.param(vars.len() + i, &var))?);
        }
        let node = match (self.run)(&tape, &inputs.iter().collect::<Vec<_>>(), &params, &running)? {
            Output::Map(map) => map.unpack(&tape)?,
            Output::Logits(node) => node,
        };
        let y = node.value().flatten_all()?.to_vec1::<f32>()?;
        let dy = Tensor::from_vec(noise(y.len(), 80), node.value().shape(), &Host::Cpu)?;
        let loss = tape.record(Tensor::zeros((), DType::F32, &Host::Cpu)?, &[&node], move |_| Ok(vec![Some(dy)]));
        let gradients = tape.backward(&loss)?;
        let gradient = |index: usize| gradients.get(index).map(|g| g.flatten_all()?.to_vec1::<f32>()).transpose();
        let mut results = vec![("result".to_owned(), y)];
        for (i, _) in self.inputs.iter().enumerate() {
            results.push((format!("gradient of input {i}"), gradient(vars.len() + i)?.unwrap_or_default()));
        }
        for (i, (name, _)) in vars.iter().enumerate() {
            results.push((format!("gradient of {name}"), gradient(i)?.unwrap_or_default()));
        }
        results.extend(statistics(&running)?);
        Ok(results)
    }

    fn on_gpu(&self, gpu: &Rc<Gpu>, vars: &[(String, Var)]) -> Result<Results> {
        let running = self.running()?;
        let buffers = [("mean".to_owned(), running.mean.clone()), ("var".to_owned(), running.var.clone())];
        let store = Store::new(gpu, vars, &buffers, 0)?;
        let words = gpu.upload(Kind::F32, &[SEED as u32, (SEED >> 32) as u32])?;
        let tape = Tape::training().on(&GpuNetwork { gpu: gpu.clone(), store: store.clone() }).with_noise_at(words);
        let params: Vec<Node> = vars.iter().enumerate().map(|(i, (_, var))| tape.param(i, var)).collect();
        let gradients: Rc<RefCell<Vec<Option<Array>>>> = Rc::new(RefCell::new(vec![None; self.inputs.len()]));
        let mut inputs = Vec::new();
        for (i, shape) in self.inputs.iter().enumerate() {
            let (x, seen) = (gpu.pack(&Self::input(*shape, i), *shape)?, gradients.clone());
            let node = tape.record_device(x, &[], move |dy| {
                seen.borrow_mut()[i] = Some(dy.device()?);
                Ok(Vec::new())
            });
            inputs.push(Map::on_device(node, *shape, None));
        }
        let output = (self.run)(&tape, &inputs.iter().collect::<Vec<_>>(), &params, &running)?;
        let (node, y) = match &output {
            Output::Map(map) => (map.node().clone(), gpu.unpack(&map.array()?, map.shape())?),
            Output::Logits(node) => (node.clone(), gpu.download(&node.array()?)?),
        };
        let dy = noise(y.len(), 80);
        let dy = match &output {
            Output::Map(map) => gpu.pack(&dy, map.shape())?,
            Output::Logits(_) => gpu.upload(Kind::F32, &dy)?,
        };
        tape.backward_from(vec![(&node, dy)])?;
        let mut results = vec![("result".to_owned(), y)];
        for (i, shape) in self.inputs.iter().enumerate() {
            let gradient = gradients.borrow()[i].clone();
            results.push((
                format!("gradient of input {i}"),
                gradient.map(|g| gpu.unpack(&g, *shape)).transpose()?.unwrap_or_default(),
            ));
        }
        let by_param = store.gradients()?;
        for (i, (name, _)) in vars.iter().enumerate() {
            let gradient = by_param.get(i).map(|g| g.flatten_all()?.to_vec1::<f32>()).transpose()?;
            results.push((format!("gradient of {name}"), gradient.unwrap_or_default()));
        }
        store.download(vars, &buffers)?;
        results.extend(statistics(&running)?);
        Ok(results)
    }
}

fn statistics(running: &Running) -> Result<Results> {
    let values = |var: &Var| var.flatten_all()?.to_vec1::<f32>();
    Ok(vec![("running mean".to_owned(), values(&running.mean)?), ("running variance".to_owned(), values(&running.var)?)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_passes_only_if_numbers_are_there_and_near() {
        let passes = |got: &[f32]| Comparison::of(String::new(), got, &[3.0, 4.0], 1e-3).passes();
        assert!(passes(&[3.0, 4.0]) && passes(&[3.0, 4.004]));
        assert!(!passes(&[3.0, 4.006]), "the error is 6e-3 of 5");
        assert!(!passes(&[f32::NAN, 4.0]) && !passes(&[3.0]) && !passes(&[]));
    }
}
