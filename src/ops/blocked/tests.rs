//! Every kernel but the 3×3 convolution, at every level and of both element types, against formulas in f64.
//!
//! The formulas see the very numbers that the kernels see. Errors are `‖value − reference‖ / ‖reference‖`: ≤ 2e-6 where everything
//! is f32, ≤ 5e-3 where the result is stored as bf16 (a rounding by up to 2⁻⁹).

use super::normalise::{Line, Slant};
use super::simd::{Element, LANES, Level};
use super::*;
use half::bf16;

/// Batch, channels and sides; odd ones, and more or fewer channels than a block has.
const SHAPES: [[usize; 4]; 8] =
    [[1, 1, 1, 1], [3, 3, 1, 1], [3, 17, 2, 3], [1, 64, 5, 7], [3, 3, 33, 17], [1, 17, 33, 5], [1, 1, 65, 63], [1, 3, 65, 63]];

fn shapes() -> impl Iterator<Item = Shape> {
    SHAPES.into_iter().map(|[n, c, h, w]| Shape { n, c, h, w })
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_supported())
}

/// A map in blocks, and its numbers as (n, c, h, w).
struct Map<E> {
    shape: Shape,
    blocked: Vec<E>,
    plain: Vec<f64>,
}

impl<E: Element + PartialEq> Map<E> {
    /// Numbers in [−1, 1] without a pattern.
    fn new(shape: Shape, seed: usize) -> Self {
        let count = shape.n * shape.c * shape.h * shape.w;
        Self::of(shape, &numbers(count, seed))
    }

    fn of(shape: Shape, nchw: &[f32]) -> Self {
        let rounded: Vec<f32> = nchw.iter().map(|x| E::of(*x).wide()).collect();
        Self { shape, blocked: pack(&rounded, shape), plain: rounded.into_iter().map(f64::from).collect() }
    }

    /// The same numbers with a mean that their sum can be told from 0 by.
    fn moved(self, by: f32) -> Self {
        Self::of(self.shape, &self.plain.iter().map(|x| *x as f32 + by).collect::<Vec<_>>())
    }

    fn view(&self) -> Blocked<'_, E> {
        Blocked::new(self.shape, &self.blocked)
    }

    /// The number at a place.
    fn at(&self, n: usize, c: usize, y: usize, x: usize) -> f64 {
        let Shape { c: channels, h, w, .. } = self.shape;
        self.plain[((n * channels + c) * h + y) * w + x]
    }
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + seed * 131) * 7919 % 2003) as f32 / 1001.0 - 1.0).collect()
}

fn places(shape: Shape) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let Shape { n, c, h, w } = shape;
    (0..n * c * h * w).map(move |i| (i / (c * h * w), i / (h * w) % c, i / w % h, i % w))
}

/// Compares a map that a kernel wrote, and looks at what must be zero.
fn compare_map<E: Element + PartialEq>(what: &str, shape: Shape, got: &[E], want: &[f64]) {
    let plain = unpack(Blocked::new(shape, got));
    assert!(pack::<E>(&plain, shape) == got, "{what}: border and unused lanes of {shape:?} must be zero");
    compare(what, shape, &plain, want, if E::NARROW { 5e-3 } else { 2e-6 });
}

fn compare(what: &str, shape: Shape, got: &[f32], want: &[f64], bound: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(got, want)| f64::from(*got) - want));
    let whole = norm(&mut want.iter().copied());
    assert!(difference <= bound * whole + 1e-30, "{what} of {shape:?}: {:e}", difference / whole);
}

/// Calls a generic test for both element types at every level.
macro_rules! everywhere {
    ($test:ident) => {
        for level in levels() {
            $test::<f32>(level);
            $test::<bf16>(level);
        }
    };
}

/// The same number in every lane that has a channel.
fn lanes(shape: Shape, block: usize, f: impl Fn(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(|lane| if block * LANES + lane < shape.c { f(block * LANES + lane) } else { 0.0 })
}

fn lines(shape: Shape) -> Vec<Line> {
    let line = |plane: usize| {
        let (n, block) = (plane / shape.blocks(), plane % shape.blocks());
        Line {
            mean: lanes(shape, block, |c| 0.1 * c as f32 - 0.2 * n as f32),
            slope: lanes(shape, block, |c| 1.0 - 0.3 * c as f32),
            bias: lanes(shape, block, |c| 0.05 * c as f32 - 0.1),
        }
    };
    (0..shape.n * shape.blocks()).map(line).collect()
}

#[test]
fn moments_are_mean_and_squares() {
    fn test<E: Element + PartialEq>(level: Level) {
        for shape in shapes() {
            // Far from zero, where sums of squares would lose their digits.
            let count = shape.n * shape.c * shape.h * shape.w;
            let x = Map::<E>::of(shape, &numbers(count, 1).iter().map(|x| x + 100.0).collect::<Vec<_>>());
            let got = normalise::moments(level, x.view());
            for (n, c) in (0..shape.n).flat_map(|n| (0..shape.c).map(move |c| (n, c))) {
                let values: Vec<f64> = (0..shape.h * shape.w).map(|i| x.at(n, c, i / shape.w, i % shape.w)).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
                let got = got[n * shape.blocks() + c / LANES][c % LANES];
                assert_eq!(got.count, values.len() as f64);
                assert!((got.mean - mean).abs() <= 1e-6, "{shape:?}: mean {}, formula {mean}", got.mean);
                assert!((got.squares - squares).abs() <= 2e-5 * squares + 1e-9, "{shape:?}: {}, formula {squares}", got.squares);
            }
        }
    }
    everywhere!(test);
}

#[test]
fn lines_and_their_gradients() {
    fn test<E: Element + PartialEq>(level: Level) {
        for shape in shapes() {
            let (x, dy, lines) = (Map::<E>::new(shape, 2), Map::<E>::new(shape, 3), lines(shape));
            let of = |n: usize, c: usize| (&lines[n * shape.blocks() + c / LANES], c % LANES);
            let value = |(n, c, y, w)| {
                let (line, lane) = of(n, c);
                let mean = f64::from(line.mean[lane]);
                (x.at(n, c, y, w) - mean) * f64::from(line.slope[lane]) + f64::from(line.bias[lane])
            };
            let want: Vec<f64> = places(shape).map(|place| value(place).max(0.0)).collect();
            compare_map("line", shape, &normalise::apply(level, x.view(), &lines), &want);

            let gate = |place @ (n, c, y, w)| if value(place) > 0.0 { dy.at(n, c, y, w) } else { 0.0 };
            let distance = |(n, c, y, w)| x.at(n, c, y, w) - f64::from(of(n, c).0.mean[of(n, c).1]);
            let sums = normalise::gradient_sums(level, dy.view(), x.view(), &lines);
            let mut want = [vec![0.0; shape.n * shape.c], vec![0.0; shape.n * shape.c]];
            for place @ (n, c, ..) in places(shape) {
                want[0][n * shape.c + c] += gate(place);
                want[1][n * shape.c + c] += gate(place) * distance(place);
            }
            for k in 0..2 {
                let got = (0..shape.n * shape.c).map(|i| {
                    let (n, c) = (i / shape.c, i % shape.c);
                    sums[n * shape.blocks() + c / LANES][k][c % LANES] as f32
                });
                compare("sums", shape, &got.collect::<Vec<_>>(), &want[k], 2e-6);
            }

            let slant = |plane: usize| {
                let block = plane % shape.blocks();
                Slant {
                    factor: lanes(shape, block, |c| 1.5 - 0.1 * c as f32),
                    level: lanes(shape, block, |c| 0.25 - 0.02 * c as f32),
                    tilt: lanes(shape, block, |c| 0.5 + 0.01 * c as f32),
                }
            };
            let slants: Vec<Slant> = (0..lines.len()).map(slant).collect();
            let want: Vec<f64> = places(shape)
                .map(|place @ (n, c, ..)| {
                    let (slant, lane) = (&slants[n * shape.blocks() + c / LANES], c % LANES);
                    let [factor, level, tilt] = [slant.factor, slant.level, slant.tilt].map(|v| f64::from(v[lane]));
                    gate(place) * factor - level - distance(place) * tilt
                })
                .collect();
            compare_map("slant", shape, &normalise::gradient(level, dy.view(), x.view(), &lines, &slants), &want);
        }
    }
    everywhere!(test);
}

#[test]
fn relu_and_its_gradient() {
    fn test<E: Element + PartialEq>(level: Level) {
        for shape in shapes() {
            let (x, dy) = (Map::<E>::new(shape, 4), Map::<E>::new(shape, 5));
            let want: Vec<f64> = x.plain.iter().map(|x| x.max(0.0)).collect();
            compare_map("relu", shape, &relu::forward(level, x.view()), &want);
            let want: Vec<f64> = x.plain.iter().zip(&dy.plain).map(|(x, dy)| if *x > 0.0 { *dy } else { 0.0 }).collect();
            compare_map("relu's gradient", shape, &relu::gradient(level, dy.view(), x.view()), &want);
        }
    }
    everywhere!(test);
}

#[test]
fn max_pooling_and_its_gradient() {
    fn test<E: Element + PartialEq>(level: Level) {
        for shape in shapes().filter(|shape| shape.h > 1) {
            let x = Map::<E>::new(shape, 6);
            let (y, small) = pool::max(level, x.view());
            let square = |(n, c, y, w): (usize, usize, usize, usize)| {
                [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(k, l)| (n, c, 2 * y + k, 2 * w + l))
            };
            let at = |(n, c, y, w)| x.at(n, c, y, w);
            let largest = |place| square(place).into_iter().fold(f64::MIN, |max, place| max.max(at(place)));
            compare_map("max pool", small, &y, &places(small).map(largest).collect::<Vec<_>>());

            let (dy, before) = (Map::<E>::new(small, 7), Map::<E>::new(shape, 8));
            let mut want = before.plain.clone();
            for place @ (n, c, y, w) in places(small) {
                let first = square(place).into_iter().find(|p| at(*p) == largest(place)).expect("one is the largest");
                want[((first.0 * shape.c + first.1) * shape.h + first.2) * shape.w + first.3] += dy.at(n, c, y, w);
            }
            let mut got = before.blocked.clone();
            pool::add_gradient(level, dy.view(), x.view(), Blocked::new(small, &y), &mut got);
            compare_map("max pool's gradient", shape, &got, &want);
        }
    }
    everywhere!(test);
}

#[test]
fn convolution_1x1_and_its_gradients() {
    fn test<E: Element + PartialEq>(level: Level) {
        for (shape, classes) in shapes().flat_map(|shape| [(shape, 1), (shape, 3)]) {
            let (x, weights, bias) = (Map::<E>::new(shape, 9), numbers(classes * shape.c, 10), numbers(classes, 11));
            let out = Shape { c: classes, ..shape };
            let weight = |k: usize, c: usize| f64::from(weights[k * shape.c + c]);
            let sum = |(n, k, y, w)| f64::from(bias[k]) + (0..shape.c).map(|c| x.at(n, c, y, w) * weight(k, c)).sum::<f64>();
            let got = conv1x1::forward(level, x.view(), &weights, &bias);
            compare("1×1", shape, &got, &places(out).map(sum).collect::<Vec<_>>(), 2e-6);

            let dy = Map::<f32>::new(out, 12).moved(0.3);
            let plain: Vec<f32> = dy.plain.iter().map(|x| *x as f32).collect();
            let (dx, dw, db) = conv1x1::gradients(level, &plain, x.view(), &weights);
            let back = |(n, c, y, w)| (0..classes).map(|k| dy.at(n, k, y, w) * weight(k, c)).sum::<f64>();
            compare_map("1×1, input", shape, &dx, &places(shape).map(back).collect::<Vec<_>>());
            let (mut dw_want, mut db_want) = (vec![0.0; classes * shape.c], vec![0.0; classes]);
            for (n, k, y, w) in places(out) {
                db_want[k] += dy.at(n, k, y, w);
                (0..shape.c).for_each(|c| dw_want[k * shape.c + c] += dy.at(n, k, y, w) * x.at(n, c, y, w));
            }
            compare("1×1, weights", shape, &dw, &dw_want, 5e-6);
            compare("1×1, bias", shape, &db, &db_want, 2e-6);
        }
    }
    everywhere!(test);
}

#[test]
fn transposed_convolution_and_its_gradients() {
    fn test<E: Element + PartialEq>(level: Level) {
        for (shape, outputs) in shapes().zip([3, 17, 1, 64, 3, 17, 1, 3]) {
            let (x, weights) = (Map::<E>::new(shape, 13), numbers(shape.c * outputs * 4, 14));
            let bias = numbers(outputs, 15);
            let weight = |c: usize, o: usize, y: usize, w: usize| (c * outputs + o) * 4 + y % 2 * 2 + w % 2;
            let (y, large) = conv_transpose2x2::forward(level, x.view(), &weights, &bias);
            let sum = |(n, o, y, w)| {
                let term = |c| x.at(n, c, y / 2, w / 2) * f64::from(weights[weight(c, o, y, w)]);
                f64::from(bias[o]) + (0..shape.c).map(term).sum::<f64>()
            };
            compare_map("transposed", large, &y, &places(large).map(sum).collect::<Vec<_>>());

            let dy = Map::<E>::new(large, 16).moved(0.3);
            let (mut dx, mut dw, mut db) = (vec![0.0; x.plain.len()], vec![0.0; weights.len()], vec![0.0; outputs]);
            for (n, o, y, w) in places(large) {
                db[o] += dy.at(n, o, y, w);
                for c in 0..shape.c {
                    let at = weight(c, o, y, w);
                    dx[((n * shape.c + c) * shape.h + y / 2) * shape.w + w / 2] += dy.at(n, o, y, w) * f64::from(weights[at]);
                    dw[at] += dy.at(n, o, y, w) * x.at(n, c, y / 2, w / 2);
                }
            }
            let got = conv_transpose2x2::input_gradient(level, dy.view(), &weights, shape);
            compare_map("transposed, input", shape, &got, &dx);
            compare("transposed, weights", shape, &conv_transpose2x2::weight_gradient(level, x.view(), dy.view()), &dw, 2e-6);
            compare("transposed, bias", shape, &conv3x3::bias_gradient(level, dy.view()), &db, 2e-6);
        }
    }
    everywhere!(test);
}
