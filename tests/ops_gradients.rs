//! Every operation against its formula written out in f64, and every gradient against central differences of that formula.

mod levels;

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use umlaut::config::Activation;
use umlaut::ops::{self, Map, Node, Running, Statistics, Tape};

/// (samples, channels, height, width)
type Shape = [usize; 4];

const SHAPES: [Shape; 6] = [[1, 1, 1, 1], [3, 3, 2, 3], [1, 17, 5, 7], [3, 1, 5, 7], [1, 3, 33, 17], [3, 17, 2, 3]];

/// An input: its numbers (f32 holds them) and its shape.
#[derive(Clone)]
struct Input {
    values: Vec<f64>,
    shape: Vec<usize>,
}

fn draw(rng: &mut ChaCha8Rng, shape: &[usize]) -> Input {
    let values = (0..shape.iter().product()).map(|_| f64::from(rng.random_range(-2.0f32..2.0))).collect();
    Input { values, shape: shape.to_vec() }
}

/// Compares `op` with `formula`: the outputs, and the gradient of Σ r·y, r random, at some elements of each input and along one
/// direction that moves all elements of all inputs.
fn check(name: &str, inputs: &[Input], op: impl Fn(&Tape, &[Node]) -> Result<Node>, formula: impl Fn(&[Input]) -> Vec<f64>) {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let tape = Tape::training();
    let tensor = |i: &Input| {
        let values: Vec<f32> = i.values.iter().map(|x| *x as f32).collect();
        Var::from_vec(values, i.shape.as_slice(), &Device::Cpu).unwrap()
    };
    let nodes: Vec<Node> = inputs.iter().enumerate().map(|(i, input)| tape.param(i, &tensor(input))).collect();
    let y = op(&tape, &nodes).unwrap();
    let want = formula(inputs);
    let scale = want.iter().fold(0f64, |max, x| max.max(x.abs()));
    for (got, want) in list(y.value()).iter().zip(&want) {
        assert!((got - want).abs() <= 3e-6 * scale, "{name}: {got}, formula {want}");
    }
    assert_eq!(y.value().elem_count(), want.len(), "{name}");

    let r: Vec<f64> = want.iter().map(|_| f64::from(rng.random_range(-1.0f32..1.0))).collect();
    let objective = |inputs: &[Input]| formula(inputs).iter().zip(&r).map(|(y, r)| y * r).sum::<f64>();
    let flowing = Tensor::from_vec(r.iter().map(|r| *r as f32).collect::<Vec<_>>(), y.value().shape(), &Device::Cpu).unwrap();
    let zero = Tensor::new(0f32, &Device::Cpu).unwrap();
    let loss = tape.record(zero, &[&y], move |_| Ok(vec![Some(flowing)]));
    let grads = tape.backward(&loss).unwrap();

    let grads: Vec<Vec<f64>> = (0..inputs.len()).map(|i| list(grads.get(i).unwrap())).collect();
    let along = |direction: &dyn Fn(usize, usize) -> f64| {
        const H: f64 = 1e-6;
        let moved = |h: f64| {
            let moved = |(i, input): (usize, &Input)| {
                let values = input.values.iter().enumerate().map(|(j, x)| x + h * direction(i, j)).collect();
                Input { values, shape: input.shape.clone() }
            };
            inputs.iter().enumerate().map(moved).collect::<Vec<_>>()
        };
        (objective(&moved(H)) - objective(&moved(-H))) / (2.0 * H)
    };
    for (i, grad) in grads.iter().enumerate() {
        assert_eq!(grad.len(), inputs[i].values.len(), "{name}");
        let scale = grad.iter().fold(1e-3f64, |max, x| max.max(x.abs()));
        for _ in 0..6 {
            let at = rng.random_range(0..grad.len());
            let want = along(&|input, j| f64::from(u8::from(input == i && j == at)));
            assert!((grad[at] - want).abs() <= 1e-5 * scale, "{name}: gradient {i}[{at}] is {}, differences {want}", grad[at]);
        }
    }
    let directions: Vec<Vec<f64>> = grads.iter().map(|g| g.iter().map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    let terms = || grads.iter().zip(&directions).flat_map(|(g, d)| g.iter().zip(d).map(|(g, d)| g * d));
    let want = along(&|i, j| directions[i][j]);
    let scale = terms().map(f64::abs).sum::<f64>().max(1e-3);
    assert!((terms().sum::<f64>() - want).abs() <= 3e-6 * scale, "{name}: {} along a direction, {want}", terms().sum::<f64>());
}

/// `op` between the way into blocks and the way out of them.
fn on_map(op: impl Fn(&Tape, &Map, &[Node]) -> Result<Map>) -> impl Fn(&Tape, &[Node]) -> Result<Node> {
    move |tape, x| op(tape, &Map::pack(tape, &x[0])?, &x[1..])?.unpack(tape)
}

fn list(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
}

/// `Σ x·weight` over the (tap, row, column) of the input that `taps` lists for an output place, plus the bias.
fn gather(
    [n, o, h, w]: Shape,
    x: &Input,
    weight: &Input,
    bias: &Input,
    taps: impl Fn(usize, usize) -> Vec<(usize, usize, usize)>,
    weight_at: impl Fn(usize, usize, usize) -> usize,
) -> Vec<f64> {
    let [_, c, h_in, w_in] = x.shape[..] else { panic!("four dimensions") };
    let mut y = Vec::new();
    for (n, o, i, j) in places([n, o, h, w]) {
        let mut sum = bias.values[o];
        for (tap, row, column) in taps(i, j) {
            for channel in 0..c {
                let x = x.values[((n * c + channel) * h_in + row) * w_in + column];
                sum += x * weight.values[weight_at(o, channel, tap)];
            }
        }
        y.push(sum);
    }
    y
}

fn places([n, c, h, w]: Shape) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..n * c * h * w).map(move |i| (i / (c * h * w), i / (h * w) % c, i / w % h, i % w))
}

#[test]
fn every_level() {
    levels::repeat_at_the_other_levels();
}

#[test]
fn conv3x3() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 1]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[o, c, 3, 3]), draw(rng, &[o])];
        let taps = |i: usize, j: usize| {
            let moved = (0..9).map(|tap| (tap, i + tap / 3, j + tap % 3));
            let inside = moved.filter(|(_, i, j)| (1..=h).contains(i) && (1..=w).contains(j));
            inside.map(|(tap, i, j)| (tap, i - 1, j - 1)).collect()
        };
        let formula = |x: &[Input]| gather([n, o, h, w], &x[0], &x[1], &x[2], taps, |o, c_in, tap| (o * c + c_in) * 9 + tap);
        let name = format!("conv3x3 {:?} to {o}", [n, c, h, w]);
        check(&name, &inputs, on_map(|tape, x, p| ops::conv3x3(tape, &[x], &p[0], &p[1])), formula);
    }
}

#[test]
fn conv3x3_of_two_maps() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 1]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(12);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[n, 2, h, w]), draw(rng, &[o, c + 2, 3, 3]), draw(rng, &[o])];
        let taps = |i: usize, j: usize| {
            let moved = (0..9).map(|tap| (tap, i + tap / 3, j + tap % 3));
            let inside = moved.filter(|(_, i, j)| (1..=h).contains(i) && (1..=w).contains(j));
            inside.map(|(tap, i, j)| (tap, i - 1, j - 1)).collect()
        };
        let formula = |x: &[Input]| {
            let planes = x[0].values.chunks(c * h * w).zip(x[1].values.chunks(2 * h * w));
            let joined = planes.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
            let joined = Input { values: joined, shape: vec![n, c + 2, h, w] };
            gather([n, o, h, w], &joined, &x[2], &x[3], taps, |o, c_in, tap| (o * (c + 2) + c_in) * 9 + tap)
        };
        let op = |tape: &Tape, x: &[Node]| {
            let maps = [Map::pack(tape, &x[0])?, Map::pack(tape, &x[1])?];
            ops::conv3x3(tape, &[&maps[0], &maps[1]], &x[2], &x[3])?.unpack(tape)
        };
        check("conv3x3 of two maps", &inputs, op, formula);
    }
}

#[test]
fn conv3x3_of_upsampled() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 1]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[o, c, 3, 3]), draw(rng, &[o])];
        let taps = |i: usize, j: usize| {
            let moved = (0..9).map(|tap| (tap, i + tap / 3, j + tap % 3));
            let inside = moved.filter(|(_, i, j)| (1..=2 * h).contains(i) && (1..=2 * w).contains(j));
            inside.map(|(tap, i, j)| (tap, (i - 1) / 2, (j - 1) / 2)).collect()
        };
        let weight_at = |o: usize, c_in: usize, tap: usize| (o * c + c_in) * 9 + tap;
        let formula = |x: &[Input]| gather([n, o, 2 * h, 2 * w], &x[0], &x[1], &x[2], taps, weight_at);
        let op = on_map(|tape, x, p| ops::conv3x3_of_upsampled(tape, x, &p[0], &p[1]));
        check("conv3x3 of upsampled", &inputs, op, formula);
    }
}

#[test]
fn conv1x1() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 1]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[o, c, 1, 1]), draw(rng, &[o])];
        let formula = |x: &[Input]| gather([n, o, h, w], &x[0], &x[1], &x[2], |i, j| vec![(0, i, j)], |o, k, _| o * c + k);
        check("conv1x1", &inputs, |tape, x| ops::conv1x1(tape, &Map::pack(tape, &x[0])?, &x[1], &x[2]), formula);
    }
}

#[test]
fn conv_transpose2x2() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 1]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[c, o, 2, 2]), draw(rng, &[o])];
        let taps = |i: usize, j: usize| vec![((i % 2) * 2 + j % 2, i / 2, j / 2)];
        let weight_at = |channel_out: usize, channel: usize, tap: usize| (channel * o + channel_out) * 4 + tap;
        let formula = |x: &[Input]| gather([n, o, 2 * h, 2 * w], &x[0], &x[1], &x[2], taps, weight_at);
        check("conv_transpose2x2", &inputs, on_map(|tape, x, p| ops::conv_transpose2x2(tape, x, &p[0], &p[1])), formula);
    }
}

#[test]
fn max_pool2x2() {
    for shape @ [n, c, h, w] in SHAPES.into_iter().filter(|s| s[2] > 1) {
        let inputs = [draw(&mut ChaCha8Rng::seed_from_u64(4), &shape)];
        let formula = |x: &[Input]| {
            let at = |n, c_at, i, j| x[0].values[((n * c + c_at) * h + i) * w + j];
            let largest = |(n, c, i, j)| {
                let square = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(k, l)| at(n, c, 2 * i + k, 2 * j + l));
                square.into_iter().fold(f64::MIN, f64::max)
            };
            places([n, c, h / 2, w / 2]).map(largest).collect()
        };
        check("max_pool2x2", &inputs, on_map(|tape, x, _| ops::max_pool2x2(tape, x)), formula);
    }
}

#[test]
fn relu() {
    for shape in SHAPES {
        let inputs = [draw(&mut ChaCha8Rng::seed_from_u64(7), &shape)];
        let formula = |x: &[Input]| x[0].values.iter().map(|x| x.max(0.0)).collect();
        check("relu", &inputs, on_map(|tape, x, _| ops::relu(tape, x)), formula);
    }
}

/// Normalises with the moments of all places of equal `key`, or with the given ones.
fn normalised(shape: Shape, x: &[Input], key: impl Fn(usize, usize) -> usize, given: Option<(&[f64], &[f64])>) -> Vec<f64> {
    let keys: Vec<usize> = places(shape).map(|(n, c, ..)| key(n, c)).collect();
    let values = &x[0].values;
    let mean_of = |k: usize, f: &dyn Fn(f64) -> f64| {
        let of_key: Vec<f64> = keys.iter().zip(values).filter(|(key, _)| **key == k).map(|(_, x)| f(*x)).collect();
        of_key.iter().sum::<f64>() / of_key.len() as f64
    };
    let moments = |k: usize| match given {
        Some((means, vars)) => (means[k], vars[k]),
        None => {
            let mean = mean_of(k, &|x| x);
            (mean, mean_of(k, &|x| (x - mean).powi(2)))
        }
    };
    let moments: Vec<(f64, f64)> = (0..=*keys.iter().max().unwrap()).map(moments).collect();
    places(shape)
        .zip(values.iter().zip(&keys))
        .map(|((_, c, ..), (value, k))| (value - moments[*k].0) / (moments[*k].1 + 1e-5).sqrt() * x[1].values[c] + x[2].values[c])
        .collect()
}

/// What follows a normalisation, and its formula.
type Then = (Option<Activation>, fn(f64) -> f64);

const THEN: [Then; 5] = [
    (None, |x| x),
    (Some(Activation::Relu), |x| x.max(0.0)),
    (Some(Activation::LeakyRelu), |x| if x > 0.0 { x } else { 0.01 * x }),
    (Some(Activation::Elu), |x| if x > 0.0 { x } else { x.exp() - 1.0 }),
    (Some(Activation::Silu), |x| x / (1.0 + (-x).exp())),
];

#[test]
fn batch_norm() {
    for shape @ [_, c, ..] in SHAPES.into_iter().skip(1) {
        let rng = &mut ChaCha8Rng::seed_from_u64(8);
        let inputs = [draw(rng, &shape), draw(rng, &[c]), draw(rng, &[c])];
        let (means, vars): (Vec<f64>, Vec<f64>) = (0..c).map(|c| (0.25 * c as f64, 0.5 + c as f64)).unzip();
        let var = |x: &[f64]| Var::from_vec(x.iter().map(|x| *x as f32).collect::<Vec<_>>(), c, &Device::Cpu).unwrap();
        let running = || Running { mean: var(&means), var: var(&vars) };
        let by_batch = |x: &[Input]| normalised(shape, x, |_, c| c, None);
        let by_running = |x: &[Input]| normalised(shape, x, |_, c| c, Some((&means, &vars)));
        for (then, f) in THEN {
            let op = on_map(|tape, x, p| ops::batch_norm(tape, x, &p[0], &p[1], Statistics::Batch(&running()), then));
            check(&format!("batch_norm, {then:?}"), &inputs, op, |x| by_batch(x).into_iter().map(f).collect());
            let op = on_map(|tape, x, p| ops::batch_norm(tape, x, &p[0], &p[1], Statistics::Running(&running()), then));
            check(&format!("batch_norm, running, {then:?}"), &inputs, op, |x| by_running(x).into_iter().map(f).collect());
        }
    }
}

#[test]
fn group_norm() {
    for (shape, groups) in [([3, 3, 2, 3], 3), ([1, 18, 5, 7], 3), ([3, 2, 33, 17], 1), ([2, 6, 1, 1], 2)] {
        let [_, c, ..] = shape;
        let rng = &mut ChaCha8Rng::seed_from_u64(9);
        let inputs = [draw(rng, &shape), draw(rng, &[c]), draw(rng, &[c])];
        let normal = |x: &[Input]| normalised(shape, x, |n, at| n * groups + at / (c / groups), None);
        for (then, f) in THEN {
            let op = on_map(|tape, x, p| ops::group_norm(tape, x, &p[0], &p[1], groups, then));
            check(&format!("group_norm, {then:?}"), &inputs, op, |x| normal(x).into_iter().map(f).collect());
        }
    }
}

#[test]
fn activations() {
    for shape in SHAPES {
        let inputs = [draw(&mut ChaCha8Rng::seed_from_u64(13), &shape)];
        for (activation, f) in THEN.into_iter().filter_map(|(then, f)| Some((then?, f))) {
            let formula = |x: &[Input]| x[0].values.iter().map(|x| f(*x)).collect();
            check(&format!("{activation:?}"), &inputs, on_map(|tape, x, _| ops::activate(tape, x, activation)), formula);
        }
    }
}

#[test]
fn sums_of_maps() {
    for shape in SHAPES {
        let rng = &mut ChaCha8Rng::seed_from_u64(14);
        let inputs = [draw(rng, &shape), draw(rng, &shape)];
        let formula = |x: &[Input]| x[0].values.iter().zip(&x[1].values).map(|(a, b)| a + b).collect();
        let op = |tape: &Tape, x: &[Node]| ops::add(tape, &Map::pack(tape, &x[0])?, &Map::pack(tape, &x[1])?)?.unpack(tape);
        check("add", &inputs, op, formula);
    }
}

#[test]
fn pointwise_of_two_maps() {
    for ([n, c, h, w], o) in SHAPES.into_iter().zip([3, 17, 1, 17, 3, 70]) {
        let rng = &mut ChaCha8Rng::seed_from_u64(15);
        let inputs = [draw(rng, &[n, c, h, w]), draw(rng, &[n, 2, h, w]), draw(rng, &[o, c + 2, 1, 1]), draw(rng, &[o])];
        let formula = |x: &[Input]| {
            let planes = x[0].values.chunks(c * h * w).zip(x[1].values.chunks(2 * h * w));
            let joined = planes.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
            let joined = Input { values: joined, shape: vec![n, c + 2, h, w] };
            gather([n, o, h, w], &joined, &x[2], &x[3], |i, j| vec![(0, i, j)], |o, k, _| o * (c + 2) + k)
        };
        let op = |tape: &Tape, x: &[Node]| {
            let maps = [Map::pack(tape, &x[0])?, Map::pack(tape, &x[1])?];
            ops::pointwise(tape, &[&maps[0], &maps[1]], &x[2], &x[3])?.unpack(tape)
        };
        check("pointwise of two maps", &inputs, op, formula);
    }
}

#[test]
fn gates() {
    for shape @ [n, c, h, w] in SHAPES {
        let rng = &mut ChaCha8Rng::seed_from_u64(16);
        let inputs = [draw(rng, &shape), draw(rng, &[n, 1, h, w])];
        let formula = |x: &[Input]| {
            let open = |n: usize, i: usize, j: usize| 1.0 / (1.0 + (-x[1].values[(n * h + i) * w + j]).exp());
            places(shape).zip(&x[0].values).map(|((n, _, i, j), x)| x * open(n, i, j)).collect()
        };
        let op = |tape: &Tape, x: &[Node]| ops::gate(tape, &Map::pack(tape, &x[0])?, &Map::pack(tape, &x[1])?)?.unpack(tape);
        check(&format!("gate of {c} channels"), &inputs, op, formula);
    }
}

/// Oracle: the formula, its weights rounded to f32 as PyTorch's are.
#[test]
fn upsample_bilinear2x() {
    for shape @ [n, c, h, w] in SHAPES {
        let inputs = [draw(&mut ChaCha8Rng::seed_from_u64(17), &shape)];
        let between = |at: usize, side: usize| {
            let exact = (side - 1) as f32 / (2 * side - 1) as f32 * at as f32;
            let first = exact.floor();
            (first as usize, (first as usize + 1).min(side - 1), f64::from(exact - first))
        };
        let formula = |x: &[Input]| {
            let value = |(n, at, i, j): (usize, usize, usize, usize)| {
                let ((top, bottom, down), (left, right, along)) = (between(i, h), between(j, w));
                let at = |i: usize, j: usize| x[0].values[((n * c + at) * h + i) * w + j];
                let line = |i: usize| at(i, left) * (1.0 - along) + at(i, right) * along;
                line(top) * (1.0 - down) + line(bottom) * down
            };
            places([n, c, 2 * h, 2 * w]).map(value).collect()
        };
        check("upsample_bilinear2x", &inputs, on_map(|tape, x, _| ops::upsample_bilinear2x(tape, x)), formula);
    }
}

/// What is left out of the value is left out of the gradient; on a tape without noise nothing is.
#[test]
fn dropout_forwards_and_backwards() {
    let x = draw(&mut ChaCha8Rng::seed_from_u64(18), &[2, 17, 5, 7]);
    let values: Vec<f32> = x.values.iter().map(|x| *x as f32).collect();
    let var = Var::from_vec(values, x.shape.as_slice(), &Device::Cpu).unwrap();
    let tape = Tape::training().with_noise(5);
    let node = tape.param(0, &var);
    let map = Map::pack(&tape, &node).unwrap();
    let thin = ops::dropout(&tape, map.clone(), 0.25).unwrap().unpack(&tape).unwrap();
    let again = ops::dropout(&tape, map.clone(), 0.25).unwrap().unpack(&tape).unwrap();
    assert_ne!(list(thin.value()), list(again.value()), "each operation leaves out others");
    let total = sum(&tape, &thin);
    let factors: Vec<f64> = list(thin.value()).iter().zip(&x.values).map(|(y, x)| y / x).collect();
    let gradients = tape.backward(&total).unwrap();
    for (gradient, factor) in list(gradients.get(0).unwrap()).iter().zip(&factors) {
        assert!((gradient - factor).abs() < 1e-5 && (*gradient == 0.0 || (gradient - 4.0 / 3.0).abs() < 1e-5), "{gradient}");
    }
    let plain = Tape::training();
    let map = Map::pack(&plain, &plain.param(0, &var)).unwrap();
    let whole = ops::dropout(&plain, map, 0.25).unwrap().unpack(&plain).unwrap();
    assert_eq!(list(whole.value()), x.values);
}

#[test]
fn losses() {
    for shape @ [n, c, h, w] in SHAPES {
        let rng = &mut ChaCha8Rng::seed_from_u64(10);
        let inputs = [draw(rng, &shape)];
        let targets: Vec<f64> = (0..n * c * h * w).map(|_| f64::from(u8::from(rng.random_bool(0.3)))).collect();
        let t = Tensor::from_vec(targets.iter().map(|t| *t as f32).collect::<Vec<_>>(), &shape, &Device::Cpu).unwrap();
        let weights: Vec<f64> = (0..c).map(|c| c as f64 + 0.5).collect();
        let total: f64 = weights.iter().sum();
        let bce = |x: &[Input]| {
            let term = |((_, c, ..), (x, t)): ((usize, usize, usize, usize), (&f64, &f64))| {
                let p = 1.0 / (1.0 + (-x).exp());
                -(t * p.ln() + (1.0 - t) * (1.0 - p).ln()) * weights[c] / total / (n * h * w) as f64
            };
            vec![places(shape).zip(x[0].values.iter().zip(&targets)).map(term).sum()]
        };
        check("bce", &inputs, |tape, x| ops::bce_with_logits(tape, &x[0], &t, &weights), bce);
        let dice = |x: &[Input]| {
            let planes = x[0].values.chunks(h * w).zip(targets.chunks(h * w)).enumerate();
            let of_plane = |(index, (x, t)): (usize, (&[f64], &[f64]))| {
                let p: Vec<f64> = x.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
                let both: f64 = p.iter().zip(t).map(|(p, t)| p * t).sum();
                let sum = p.iter().chain(t).sum::<f64>();
                (1.0 - (2.0 * both + 1.0) / (sum + 1.0)) * weights[index % c] / total / n as f64
            };
            vec![planes.map(of_plane).sum()]
        };
        check("dice", &inputs, |tape, x| ops::soft_dice_loss(tape, &x[0], &t, &weights), dice);
    }
}

#[test]
fn classes_against_the_rest() {
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let inputs = [draw(&mut rng, &[2, 3, 4, 5])];
    let formula = |x: &[Input]| {
        let at = |n: usize, c: usize, p: usize| x[0].values[(n * 3 + c) * 20 + p];
        let of = |i: usize| {
            let (n, c, p) = (i / 60, i / 20 % 3, i % 20);
            let others: f64 = (0..3).filter(|k| *k != c).map(|k| at(n, k, p).exp()).sum();
            at(n, c, p) - (1.0 + others).ln()
        };
        (0..120).map(of).collect()
    };
    check("one_vs_rest", &inputs, |tape, x| ops::one_vs_rest(tape, &x[0]), formula);
}

#[test]
fn weighted_sum() {
    let inputs = [3.0, -2.0, 0.5].map(|x| Input { values: vec![x], shape: vec![] });
    let formula = |x: &[Input]| vec![0.5 * x[0].values[0] - 3.0 * x[1].values[0] + 2.0 * x[2].values[0]];
    let terms = |tape: &Tape, x: &[Node]| ops::weighted_sum(tape, &[(0.5, &x[0]), (-3.0, &x[1]), (2.0, &x[2])]);
    check("weighted_sum", &inputs, terms, formula);
}

#[test]
fn a_value_used_twice_gets_both_gradients() {
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    // The identity on both branches, so that the formula needs no convolution.
    let (first, second) = (draw(rng, &[2, 3, 5, 7]), 3.0);
    let op = |tape: &Tape, x: &[Node]| {
        let map = Map::pack(tape, &x[0])?;
        let pooled = ops::max_pool2x2(tape, &map)?;
        let (whole, pooled) = (ops::relu(tape, &map)?.unpack(tape)?, pooled.unpack(tape)?);
        let sums = [sum(tape, &whole), sum(tape, &pooled)];
        ops::weighted_sum(tape, &[(1.0, &sums[0]), (second, &sums[1])])
    };
    let formula = |x: &[Input]| {
        let at = |(n, c, i, j)| x[0].values[((n * 3 + c) * 5 + i) * 7 + j];
        let largest = |(n, c, i, j)| {
            let square = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(k, l)| at((n, c, 2 * i + k, 2 * j + l)));
            square.into_iter().fold(f64::MIN, f64::max)
        };
        let whole: f64 = x[0].values.iter().map(|x| x.max(0.0)).sum();
        vec![whole + second * places([2, 3, 2, 3]).map(largest).sum::<f64>()]
    };
    check("skip", &[first], op, formula);
}

/// The sum of all elements.
fn sum(tape: &Tape, x: &Node) -> Node {
    let shape = x.value().shape().clone();
    let total = list(x.value()).iter().sum::<f64>() as f32;
    tape.record(Tensor::new(total, &Device::Cpu).unwrap(), &[x], move |dy| Ok(vec![Some(dy.broadcast_as(&shape)?.contiguous()?)]))
}
