//! A convolution with its reference: the definition, in f64.

use super::super::*;
use crate::blocked::tests::numbers;
use crate::blocked::{pack, unpack};
use std::marker::PhantomData;

/// A convolution's sizes: samples, channels of each source, outputs, sides of the sources, whether they are upsampled.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub n: usize,
    pub sources: &'static [usize],
    pub out: usize,
    pub h: usize,
    pub w: usize,
    pub upsampled: bool,
}

/// Forward, source gradients, weight gradient, bias gradient; maps are `(n, c, h, w)`.
type Results = (Vec<f32>, Vec<Vec<f32>>, Vec<f32>, Vec<f32>);

/// Inputs and reference of a case whose maps are stored as `E`; here they are `(n, c, h, w)`.
pub struct Problem<E> {
    case: Case,
    element: PhantomData<E>,
    sources: Vec<(Shape, Vec<f32>)>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    dy: (Shape, Vec<f32>),
    value: Vec<f64>,
    source_gradients: Vec<Vec<f64>>,
    weight_gradient: Vec<f64>,
    bias_gradient: Vec<f64>,
}

impl<E: Element> Problem<E> {
    pub fn new(case: Case) -> Self {
        let Case { n, sources, out, h, w, upsampled } = case;
        let shape = |c: usize, scale: usize| Shape { n, c, h: h * scale, w: w * scale };
        let stored = |x: f32| E::of(x).wide();
        let drawn = |shape: Shape, seed| numbers(shape.n * shape.c * shape.h * shape.w, seed).into_iter().map(stored).collect();
        let map = |shape: Shape, seed| -> (Shape, Vec<f32>) { (shape, drawn(shape, seed)) };
        let sources: Vec<_> = sources.iter().enumerate().map(|(i, &c)| map(shape(c, 1), i as u64)).collect();
        let inputs: usize = case.sources.iter().sum();
        let (weights, bias) = (numbers(out * inputs * 9, 10), numbers(out, 11));
        let dy = map(shape(out, if upsampled { 2 } else { 1 }), 12);
        let mut problem = Problem {
            case,
            element: PhantomData,
            value: vec![0.0; dy.1.len()],
            source_gradients: sources.iter().map(|(_, x)| vec![0.0; x.len()]).collect(),
            weight_gradient: vec![0.0; weights.len()],
            bias_gradient: vec![0.0; out],
            sources,
            weights,
            bias,
            dy,
        };
        problem.solve();
        problem
    }

    /// The definition, in f64.
    fn solve(&mut self) {
        let (out, scale) = (self.dy.0, if self.case.upsampled { 2 } else { 1 });
        let inputs: usize = self.case.sources.iter().sum();
        for (i, value) in self.value.iter_mut().enumerate() {
            let o = i / (out.h * out.w) % out.c;
            *value = f64::from(self.bias[o]);
            self.bias_gradient[o] += f64::from(self.dy.1[i]);
        }
        let mut first = 0;
        for ((shape, x), dx) in self.sources.iter().zip(&mut self.source_gradients) {
            for sample in 0..out.n {
                for (o, c) in (0..out.c).flat_map(|o| (0..shape.c).map(move |c| (o, c))) {
                    let (x_plane, y_plane) = ((sample * shape.c + c) * shape.h, (sample * out.c + o) * out.h);
                    for k in 0..9 {
                        let at = (o * inputs + first + c) * 9 + k;
                        let weight = f64::from(self.weights[at]);
                        let mut sum = 0.0;
                        for y in (0..out.h).filter(|y| (1..=out.h).contains(&(y + k / 3))) {
                            let x_row = (x_plane + (y + k / 3 - 1) / scale) * shape.w;
                            let y_row = (y_plane + y) * out.w;
                            for column in (0..out.w).filter(|x| (1..=out.w).contains(&(x + k % 3))) {
                                let (from, to) = (x_row + (column + k % 3 - 1) / scale, y_row + column);
                                let (x, dy) = (f64::from(x[from]), f64::from(self.dy.1[to]));
                                self.value[to] += x * weight;
                                dx[from] += dy * weight;
                                sum += x * dy;
                            }
                        }
                        self.weight_gradient[at] += sum;
                    }
                }
            }
            first += shape.c;
        }
    }

    /// The results as computed; maps are unpacked, after a look at their padding.
    pub fn compute(&self, method: Method) -> Results {
        let packed: Vec<_> = self.sources.iter().map(|(shape, x)| (*shape, pack::<E>(x, *shape))).collect();
        let sources: Vec<_> = packed.iter().map(|(shape, x)| Blocked::new(*shape, x)).collect();
        let dy = pack::<E>(&self.dy.1, self.dy.0);
        let dy = Blocked::new(self.dy.0, &dy);
        let upsampled = self.case.upsampled;
        let value = forward(method, &sources, upsampled, &self.weights, Finish::bias(&self.bias));
        let dx = input_gradient(method, dy, upsampled, &self.weights, self.case.sources);
        let dw = weight_gradient(method, &sources, upsampled, dy);
        let out = |shape, data: &[E]| {
            let unpacked = unpack(Blocked::new(shape, data));
            assert!(pack::<f32>(&unpacked, shape) == *E::widen(data), "border and unused lanes of {:?} must be zero", self.case);
            unpacked
        };
        let dx = dx.iter().zip(&self.sources).map(|(dx, (shape, _))| out(*shape, dx)).collect();
        (out(self.dy.0, &value), dx, dw, bias_gradient(method.level, dy))
    }

    /// Compares all results at a method with the reference.
    pub fn check(&self, method: Method) {
        let (value, dx, dw, db) = self.compute(method);
        self.compare("value", method, (method.forward, E::NARROW), &value, &self.value);
        for (dx, expected) in dx.iter().zip(&self.source_gradients) {
            self.compare("input gradient", method, (method.gradients, E::NARROW), dx, expected);
        }
        self.compare("weight gradient", method, (method.gradients, false), &dw, &self.weight_gradient);
        self.compare("bias gradient", method, (Variant::F2, false), &db, &self.bias_gradient);
    }

    fn compare(&self, what: &str, method: Method, (variant, narrow): (Variant, bool), got: &[f32], expected: &[f64]) {
        let bound = match variant {
            Variant::F2Bf16 if got.len() < 100 => 1e-2,
            Variant::F2Bf16 => 5e-3,
            _ if narrow => 5e-3,
            Variant::F2 => 2e-6,
            Variant::F4 => 4e-6,
        };
        let (norm, largest) = errors(got, expected);
        let error = if variant == Variant::F2Bf16 || largest <= norm { norm } else { largest };
        let maps = if E::NARROW { "bf16" } else { "f32" };
        assert!(error <= bound, "{what} of {:?} in {maps} by {method:?}: error {error:e}", self.case);
    }
}

/// Of the differences, relative to the expected: the norm and the largest.
fn errors(got: &[f32], expected: &[f64]) -> (f64, f64) {
    assert_eq!(got.len(), expected.len());
    let differences: Vec<f64> = got.iter().zip(expected).map(|(a, b)| f64::from(*a) - b).collect();
    let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    // Unlike f64::max, this lets a NaN through.
    let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, b| if b.abs() <= a { a } else { b.abs() });
    (norm(&differences) / norm(expected), largest(&differences) / largest(expected))
}
