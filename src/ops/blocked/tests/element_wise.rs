//! Normalisation, pooling, ReLU.

use super::super::normalise::{self, BackwardCoefficients, Moments, ScaleShift, Sums, Then};
use super::super::{pool, relu};
use super::*;
use half::bf16;

/// For every lane of every plane what `of` makes of the numbers of its channel, zero where there is none.
fn by_lane<E: Element>(x: &Map<E>, of: impl Fn(usize, &[f64]) -> f64) -> Vec<f64> {
    let Shape { n, c, h, w } = x.shape;
    let lanes = x.shape.blocks() * LANES;
    let lane = |i: usize| {
        let (sample, channel) = (i / lanes, i % lanes);
        let plane = sample * c + channel;
        if channel < c { of(plane, &x.values[plane * h * w..][..h * w]) } else { 0.0 }
    };
    (0..n * lanes).map(lane).collect()
}

/// Numbers for the lanes of every plane; `elsewhere` in those without a channel.
fn coefficients(shape: Shape, seed: u64, elsewhere: f32) -> Vec<[f32; LANES]> {
    let planes = shape.n * shape.blocks();
    let numbers = numbers(planes * LANES, seed);
    let of = |plane: usize, lane: usize| {
        let used = plane % shape.blocks() * LANES + lane < shape.c;
        if used { numbers[plane * LANES + lane] } else { elsewhere }
    };
    (0..planes).map(|plane| std::array::from_fn(|lane| of(plane, lane))).collect()
}

/// A plane's means need not be zero in unused lanes.
fn lines(shape: Shape) -> Vec<ScaleShift> {
    let all = coefficients(shape, 1, 0.5).into_iter().zip(coefficients(shape, 2, 0.0)).zip(coefficients(shape, 3, 0.0));
    all.map(|((mean, slope), bias)| ScaleShift { mean, slope, bias }).collect()
}

fn slants(shape: Shape) -> Vec<BackwardCoefficients> {
    let all = coefficients(shape, 4, 0.0).into_iter().zip(coefficients(shape, 5, 0.0)).zip(coefficients(shape, 6, 0.0));
    all.map(|((factor, level), tilt)| BackwardCoefficients { factor, level, tilt }).collect()
}

/// Where a place's plane and lane are.
fn lane_of(shape: Shape, [n, c, ..]: [usize; 4]) -> (usize, usize) {
    (n * shape.blocks() + c / LANES, c % LANES)
}

/// `(x − mean, (x − mean) · slope + bias)` at a place.
fn through<E: Element>(x: &Map<E>, lines: &[ScaleShift], at: [usize; 4]) -> (f64, f64) {
    let (plane, lane) = lane_of(x.shape, at);
    let [mean, slope, bias] = [lines[plane].mean, lines[plane].slope, lines[plane].bias].map(|v| f64::from(v[lane]));
    let distance = x.at(at) - mean;
    (distance, distance * slope + bias)
}

/// A gradient that is zero where rounding may decide whether it passes the ReLU.
fn gradient_of<E: Element>(x: &Map<E>, lines: &[ScaleShift]) -> Map<E> {
    let clear = tabulate(x.shape, |at| f64::from(u8::from(through(x, lines, at).1.abs() > 1e-5)));
    let drawn = numbers(elements(x.shape), 8);
    Map::new(x.shape, &drawn.iter().zip(&clear).map(|(dy, clear)| dy * *clear as f32).collect::<Vec<_>>())
}

fn check_moments<E: Element>() {
    for shape in shapes() {
        // Means far from zero, where a plain difference of squares has no digits left.
        let drawn = numbers(elements(shape), 7);
        let offset = |i: usize| (100 * (i / (shape.h * shape.w) % shape.c)) as f32;
        let x = Map::<E>::new(shape, &drawn.iter().enumerate().map(|(i, x)| x + offset(i)).collect::<Vec<_>>());
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let count = vec![(shape.h * shape.w) as f64; shape.n * shape.blocks() * LANES];
        let means = by_lane(&x, |_, values| mean(values));
        let squares = by_lane(&x, |_, values| values.iter().map(|x| (x - mean(values)).powi(2)).sum());
        for level in levels() {
            let got = normalise::moments(level, x.view()).concat();
            let list = |of: fn(&Moments) -> f64| got.iter().map(of).collect::<Vec<_>>();
            let name = |what: &str| format!("{what} at {level:?} of {shape:?}");
            assert_close(&name("count"), &list(|m| m.count), &count, 0.0);
            for (channel, (got, want)) in got.iter().zip(means.iter().zip(&squares)).enumerate() {
                assert_close(&name(&format!("mean {channel}")), &[got.mean], &[*want.0], F32);
                assert_close(&name(&format!("squares {channel}")), &[got.squares], &[*want.1], 1e-5);
            }
        }
    }
}

#[test]
fn moments() {
    check_moments::<f32>();
    check_moments::<bf16>();
}

fn check_normalisation<E: Element>() {
    for shape in shapes() {
        let (x, lines, slants) = (Map::<E>::draw(shape, 7), lines(shape), slants(shape));
        let dy = gradient_of(&x, &lines);
        let gated = |at| if through(&x, &lines, at).1 > 0.0 { dy.at(at) } else { 0.0 };
        let y = tabulate(shape, |at| through(&x, &lines, at).1.max(0.0));
        let dx = tabulate(shape, |at| {
            let (plane, lane) = lane_of(shape, at);
            let BackwardCoefficients { factor, level, tilt } = slants[plane];
            let [factor, level, tilt] = [factor, level, tilt].map(|v| f64::from(v[lane]));
            gated(at) * factor - level - through(&x, &lines, at).0 * tilt
        });
        let (g, moments) = (tabulate(shape, gated), tabulate(shape, |at| gated(at) * through(&x, &lines, at).0));
        let pixels = shape.h * shape.w;
        let sums = [g, moments].map(|terms| by_lane(&x, |plane, _| terms[plane * pixels..][..pixels].iter().sum()));
        for level in levels() {
            let name = |what: &str| format!("{what} at {level:?}");
            assert_map(&name("apply"), shape, &normalise::apply(level, x.view(), &lines, Then::Relu), &y, bound::<E>());
            let got = normalise::gradient_sums(level, dy.view(), x.view(), &lines, Then::Relu);
            for (k, want) in sums.iter().enumerate() {
                let list: Vec<f64> = got.iter().flat_map(|sums: &Sums| sums[k]).collect();
                assert_close(&format!("sums {k} at {level:?} of {shape:?}"), &list, want, F32);
            }
            let mut got = dy.packed.clone();
            normalise::to_gradient(level, &mut got, x.view(), &lines, &slants, Then::Relu);
            assert_map(&name("gradient"), shape, &got, &dx, bound::<E>());
        }
    }
}

#[test]
fn normalisation() {
    check_normalisation::<f32>();
    check_normalisation::<bf16>();
}

/// The first largest of a square in reading order, a NaN before all: its place.
fn largest<E: Element>(x: &Map<E>, [n, c, y, x_at]: [usize; 4]) -> [usize; 4] {
    let square = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| [n, c, 2 * y + dy, 2 * x_at + dx]);
    let first_nan = square.into_iter().find(|at| x.at(*at).is_nan());
    first_nan.unwrap_or_else(|| square.into_iter().rev().max_by(|a, b| x.at(*a).total_cmp(&x.at(*b))).unwrap())
}

fn check_pool<E: Element>() {
    for shape in shapes().filter(|shape| shape.h > 1 && shape.w > 1) {
        // Quarters, so that squares have several largest numbers.
        let quarters: Vec<f32> = numbers(elements(shape), 9).iter().map(|x| (x * 4.0).round() / 4.0 + 0.0).collect();
        let (x, before) = (Map::<E>::new(shape, &quarters), Map::<E>::draw(shape, 10));
        let small = Shape { h: shape.h / 2, w: shape.w / 2, ..shape };
        let (dy, pooled) = (Map::<E>::draw(small, 11), tabulate(small, |at| x.at(largest(&x, at))));
        let sum = tabulate(shape, |at @ [n, c, y, x_at]| {
            let inside = y / 2 < small.h && x_at / 2 < small.w;
            let square = [n, c, y / 2, x_at / 2];
            before.at(at) + if inside && largest(&x, square) == at { dy.at(square) } else { 0.0 }
        });
        for level in levels() {
            let (y, got) = pool::max(level, x.view());
            assert_eq!(got, small);
            assert_map(&format!("max at {level:?}"), small, &y, &pooled, 0.0);
            let mut dx = before.packed.clone();
            pool::add_gradient(level, dy.view(), x.view(), Blocked::new(small, &y), &mut dx);
            assert_map(&format!("add_gradient at {level:?}"), shape, &dx, &sum, bound::<E>());
        }
    }
}

#[test]
fn pooling() {
    check_pool::<f32>();
    check_pool::<bf16>();
}

fn check_nan<E: Element>() {
    let shape = Shape { n: 1, c: 17, h: 2, w: 2 };
    for place in 0..4 {
        let mut values = numbers(elements(shape), 13);
        values[16 * 4 + place] = f32::NAN;
        let x = Map::<E>::new(shape, &values);
        let (small, mut taken) = (Shape { h: 1, w: 1, ..shape }, [0.0; 4]);
        taken[place] = 1.0;
        for level in levels() {
            let (y, _) = pool::max(level, x.view());
            assert!(y[small.plane() + small.pixel(0, 0)].wide().is_nan(), "max at {level:?}, place {place}");
            let mut dx = vec![E::ZERO; shape.len()];
            let dy = Map::<E>::new(small, &[1.0; 17]);
            pool::add_gradient(level, dy.view(), x.view(), Blocked::new(small, &y), &mut dx);
            assert_eq!(unpack(Blocked::new(shape, &dx))[16 * 4..], taken, "add_gradient at {level:?}");
            let passed = unpack(Blocked::new(shape, &relu::forward(level, x.view())));
            assert!(passed[16 * 4 + place].is_nan(), "relu at {level:?}");
            let dx = relu::gradient(level, Map::<E>::new(shape, &[1.0; 17 * 4]).view(), x.view());
            assert_eq!(unpack(Blocked::new(shape, &dx))[16 * 4 + place], 1.0, "gradient of relu at {level:?}");
        }
    }
}

#[test]
fn a_nan_is_the_largest_and_passes_the_relu() {
    check_nan::<f32>();
    check_nan::<bf16>();
}

fn check_relu<E: Element>() {
    for shape in shapes() {
        // Some zeros of either sign among them.
        let zeros = |(i, x): (usize, f32)| if i % 5 == 0 { x * 0.0 } else { x };
        let x = Map::<E>::new(shape, &numbers(elements(shape), 12).into_iter().enumerate().map(zeros).collect::<Vec<_>>());
        let dy = Map::<E>::draw(shape, 13);
        let y = tabulate(shape, |at| x.at(at).max(0.0));
        let dx = tabulate(shape, |at| if x.at(at) > 0.0 { dy.at(at) } else { 0.0 });
        for level in levels() {
            assert_map(&format!("relu at {level:?}"), shape, &relu::forward(level, x.view()), &y, 0.0);
            let got = relu::gradient(level, dy.view(), x.view());
            assert_map(&format!("gradient of relu at {level:?}"), shape, &got, &dx, 0.0);
        }
    }
}

#[test]
fn rectified_linear_units() {
    check_relu::<f32>();
    check_relu::<bf16>();
}
