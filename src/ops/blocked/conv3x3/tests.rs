//! Every level, variant and order of work against sums in f64.
//!
//! Errors are `max |value − reference| / max |reference|` over a whole result: F(2×2) and direct sums ≤ 2e-6, F(4×4) ≤ 1e-5;
//! with bf16 they are `‖value − reference‖ / ‖reference‖` ≤ 5e-3, a few roundings by up to 2⁻⁹, or ≤ 1e-2 over fewer than 100
//! numbers, too few for the errors to average out.

use super::super::{pack, unpack};
use super::*;

/// Even numbers in [−1, 1] that differ with `seed`, by splitmix64.
fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 40
    };
    (0..len).map(|_| next() as f32 / (1u64 << 23) as f32 - 1.0).collect()
}

/// A convolution's sizes: samples, channels of each source, outputs, sides of the sources, whether they are doubled.
#[derive(Debug, Clone, Copy)]
struct Case {
    n: usize,
    sources: &'static [usize],
    out: usize,
    h: usize,
    w: usize,
    doubled: bool,
}

/// Inputs and reference of a case; maps are `(n, c, h, w)`.
struct Problem {
    case: Case,
    sources: Vec<(Shape, Vec<f32>)>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    dy: (Shape, Vec<f32>),
    value: Vec<f64>,
    source_gradients: Vec<Vec<f64>>,
    weight_gradient: Vec<f64>,
    bias_gradient: Vec<f64>,
}

impl Problem {
    /// `round` is what the maps' numbers go through.
    fn new(case: Case, round: fn(f32) -> f32) -> Self {
        let Case { n, sources, out, h, w, doubled } = case;
        let shape = |c: usize, scale: usize| Shape { n, c, h: h * scale, w: w * scale };
        let map = |shape: Shape, seed| {
            (shape, numbers(shape.n * shape.c * shape.h * shape.w, seed).into_iter().map(round).collect::<Vec<_>>())
        };
        let sources: Vec<_> = sources.iter().enumerate().map(|(i, &c)| map(shape(c, 1), i as u64)).collect();
        let inputs: usize = case.sources.iter().sum();
        let (weights, bias) = (numbers(out * inputs * 9, 10), numbers(out, 11));
        let dy = map(shape(out, if doubled { 2 } else { 1 }), 12);
        let mut problem = Problem {
            case,
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
        let (out, scale) = (self.dy.0, if self.case.doubled { 2 } else { 1 });
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

    /// Forward, source gradients, weight gradient, bias gradient as computed; maps are unpacked, after a look at their padding.
    fn compute<E: Element + PartialEq>(&self, method: Method) -> (Vec<f32>, Vec<Vec<f32>>, Vec<f32>, Vec<f32>) {
        let packed: Vec<_> = self.sources.iter().map(|(shape, x)| (*shape, pack::<E>(x, *shape))).collect();
        let sources: Vec<_> = packed.iter().map(|(shape, x)| Blocked::new(*shape, x)).collect();
        let dy = pack::<E>(&self.dy.1, self.dy.0);
        let dy = Blocked::new(self.dy.0, &dy);
        let doubled = self.case.doubled;
        let value = forward(method, &sources, doubled, &self.weights, &self.bias);
        let dx = input_gradient(method, dy, doubled, &self.weights, self.case.sources);
        let dw = weight_gradient(method, &sources, doubled, dy);
        let out = |shape, data: &Vec<E>| {
            let unpacked = unpack(Blocked::new(shape, data));
            assert!(pack::<E>(&unpacked, shape) == *data, "border and unused lanes of {:?} must be zero", self.case);
            unpacked
        };
        let dx = dx.iter().zip(&self.sources).map(|(dx, (shape, _))| out(*shape, dx)).collect();
        (out(self.dy.0, &value), dx, dw, bias_gradient(method.level, dy))
    }

    fn check<E: Element + PartialEq>(&self, method: Method) {
        let (value, dx, dw, db) = self.compute::<E>(method);
        // Whether some of the numbers on the way to a result were bf16.
        let rounded = |variant, is_map: bool| variant == Variant::F2Bf16 || is_map && E::NARROW;
        let within = |what: &str, variant, got: &[f32], expected: &[f64]| {
            let (error, bound) = match (variant, rounded(variant, what != "weight gradient" && what != "bias gradient")) {
                (_, true) => (norm_error(got, expected), if got.len() < 100 { 1e-2 } else { 5e-3 }),
                (Variant::F2, false) => (error(got, expected), 2e-6),
                (_, false) => (error(got, expected), 1e-5),
            };
            assert!(error <= bound, "{what} of {:?} by {method:?}: error {error:e}", self.case);
        };
        within("value", method.forward, &value, &self.value);
        for (dx, expected) in dx.iter().zip(&self.source_gradients) {
            within("input gradient", method.gradients, dx, expected);
        }
        within("weight gradient", method.gradients, &dw, &self.weight_gradient);
        within("bias gradient", Variant::F2, &db, &self.bias_gradient);
    }
}

fn error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let max = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |a: f64, b| if b.abs() <= a { a } else { b.abs() });
    let difference = max(&mut got.iter().zip(expected).map(|(a, b)| f64::from(*a) - b));
    difference / max(&mut expected.iter().copied())
}

fn norm_error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(expected).map(|(a, b)| f64::from(*a) - b));
    difference / norm(&mut expected.iter().copied())
}

fn methods() -> impl Iterator<Item = Method> {
    let levels = Level::ALL.into_iter().filter(|level| level.is_supported());
    levels.flat_map(|level| [Variant::F2, Variant::F4, Variant::F2Bf16].map(|v| Method { level, forward: v, gradients: v }))
}

fn check(n: usize, sources: &'static [usize], out: usize, (h, w): (usize, usize), doubled: bool) {
    let case = Case { n, sources, out, h, w, doubled };
    let (problem, rounded) = (Problem::new(case, |x| x), Problem::new(case, |x| bf16::from_f32(x).to_f32()));
    for method in methods() {
        problem.check::<f32>(method);
        rounded.check::<bf16>(method);
    }
}

#[test]
fn one_pixel() {
    for sources in [&[1][..], &[3], &[17], &[64]] {
        check(1, sources, 17, (1, 1), false);
        check(3, sources, 3, (1, 1), true);
    }
}

#[test]
fn odd_sides_few_channels() {
    check(1, &[1], 3, (65, 63), false);
    check(3, &[3], 17, (9, 31), false);
    check(1, &[3], 64, (33, 5), false);
}

#[test]
fn odd_sides_many_tiles() {
    check(1, &[17], 17, (65, 63), false);
    check(3, &[64], 17, (19, 13), false);
    check(1, &[17], 3, (17, 23), true);
}

#[test]
fn few_tiles_many_channels() {
    check(1, &[64], 64, (7, 5), false);
    check(3, &[64], 64, (2, 3), true);
    check(1, &[272], 33, (5, 6), false);
}

#[test]
fn several_sources_in_place() {
    check(1, &[17, 3], 20, (13, 10), false);
    check(3, &[64, 1, 32], 17, (4, 7), false);
    check(1, &[5, 17], 1, (9, 6), true);
}

#[test]
fn results_do_not_depend_on_threads() {
    let cases = [
        Case { n: 3, sources: &[17, 3], out: 20, h: 21, w: 18, doubled: false },
        Case { n: 1, sources: &[64], out: 80, h: 6, w: 5, doubled: true },
        Case { n: 1, sources: &[3], out: 17, h: 30, w: 9, doubled: false },
    ];
    for case in cases {
        let problem = Problem::new(case, |x| x);
        let variants = [(Variant::F2, Variant::F2), (Variant::F4, Variant::F2), (Variant::F2Bf16, Variant::F2Bf16)];
        for (forward, gradients) in variants {
            let method = Method { forward, gradients, ..Method::default() };
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| (problem.compute::<f32>(method), problem.compute::<bf16>(method)))
            };
            let one = with(1);
            assert!(one == with(2) && one == with(3), "{case:?} by {method:?}");
        }
    }
}
