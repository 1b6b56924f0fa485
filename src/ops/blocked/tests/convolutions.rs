//! 1×1, transposed 2×2 convolutions, and the gradient of a bias.

use super::super::{conv_transpose2x2, conv1x1, conv3x3};
use super::*;
use half::bf16;

/// As many outputs as go with a map's channels: other numbers of blocks and of unused lanes.
fn outputs(shape: Shape) -> usize {
    match shape.c {
        1 => 17,
        3 => 1,
        17 => 3,
        _ => 33,
    }
}

fn check_conv1x1<E: Element>() {
    for shape in shapes() {
        let (classes, c) = (outputs(shape).min(5), shape.c);
        let out = Shape { c: classes, ..shape };
        let (x, dy) = (Map::<E>::draw(shape, 1), Map::<f32>::draw(out, 2));
        let (weights, bias) = (numbers(classes * c, 3), numbers(classes, 4));
        let (w, b) = (wide(&weights), wide(&bias));
        let y = tabulate(out, |[n, k, row, x_at]| b[k] + (0..c).map(|i| w[k * c + i] * x.at([n, i, row, x_at])).sum::<f64>());
        let dx = tabulate(shape, |[n, i, row, x_at]| (0..classes).map(|k| w[k * c + i] * dy.at([n, k, row, x_at])).sum());
        let (mut dw, mut db) = (vec![0.0; classes * c], vec![0.0; classes]);
        for n in 0..shape.n {
            for (k, row, x_at) in places(classes, shape.h, shape.w) {
                let dy = dy.at([n, k, row, x_at]);
                db[k] += dy;
                (0..c).for_each(|i| dw[k * c + i] += dy * x.at([n, i, row, x_at]));
            }
        }
        let dy_plain: Vec<f32> = dy.values.iter().map(|x| *x as f32).collect();
        for level in levels() {
            let name = |what: &str| format!("{what} of conv1x1 at {level:?} of {shape:?}");
            let got = conv1x1::forward(level, x.view(), &weights, &bias);
            assert_close(&name("value"), &wide(&got), &y, F32);
            let (got_dx, got_dw, got_db) = conv1x1::gradients(level, &dy_plain, x.view(), &weights);
            assert_map(&name("input gradient"), shape, &got_dx, &dx, bound::<E>());
            assert_close(&name("weight gradient"), &wide(&got_dw), &dw, F32);
            assert_close(&name("bias gradient"), &wide(&got_db), &db, F32);
        }
    }
}

fn places(c: usize, h: usize, w: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..c * h * w).map(move |i| (i / (h * w), i / w % h, i % w))
}

#[test]
fn one_by_one() {
    check_conv1x1::<f32>();
    check_conv1x1::<bf16>();
}

fn check_transposed<E: Element>() {
    for small in shapes() {
        let (c, out) = (small.c, outputs(small));
        let large = Shape { c: out, h: 2 * small.h, w: 2 * small.w, ..small };
        let (x, dy) = (Map::<E>::draw(small, 5), Map::<E>::draw(large, 6));
        let (weights, bias) = (numbers(c * out * 4, 7), numbers(out, 8));
        let (weight, b) = (wide(&weights), wide(&bias));
        let y = tabulate(large, |[n, o, row, x_at]| {
            let k = row % 2 * 2 + x_at % 2;
            b[o] + (0..c).map(|i| x.at([n, i, row / 2, x_at / 2]) * weight[(i * out + o) * 4 + k]).sum::<f64>()
        });
        let (mut dx, mut dw) = (vec![0.0; elements(small)], vec![0.0; weights.len()]);
        for n in 0..small.n {
            for (o, row, x_at) in places(out, large.h, large.w) {
                let dy = dy.at([n, o, row, x_at]);
                for i in 0..c {
                    let at = (i * out + o) * 4 + row % 2 * 2 + x_at % 2;
                    dx[((n * c + i) * small.h + row / 2) * small.w + x_at / 2] += dy * weight[at];
                    dw[at] += dy * x.at([n, i, row / 2, x_at / 2]);
                }
            }
        }
        for level in levels() {
            let name = |what: &str| format!("{what} of conv_transpose2x2 at {level:?}");
            let (got, shape) = conv_transpose2x2::forward(level, x.view(), &weights, &bias);
            assert_eq!(shape, large);
            assert_map(&name("value"), large, &got, &y, bound::<E>());
            let got = conv_transpose2x2::input_gradient(level, dy.view(), &weights, small);
            assert_map(&name("input gradient"), small, &got, &dx, bound::<E>());
            let got = conv_transpose2x2::weight_gradient(level, x.view(), dy.view());
            assert_close(&name(&format!("weight gradient of {small:?}")), &wide(&got), &dw, F32);
        }
    }
}

#[test]
fn transposed_two_by_two() {
    check_transposed::<f32>();
    check_transposed::<bf16>();
}

fn check_bias_gradient<E: Element>() {
    for shape in shapes() {
        let dy = Map::<E>::draw(shape, 9);
        let mut sums = vec![0.0; shape.c];
        let planes = dy.values.chunks_exact(shape.h * shape.w).enumerate();
        planes.for_each(|(plane, values)| sums[plane % shape.c] += values.iter().sum::<f64>());
        for level in levels() {
            let got = wide(&conv3x3::bias_gradient(level, dy.view()));
            assert_close(&format!("bias gradient at {level:?} of {shape:?}"), &got, &sums, F32);
        }
    }
}

#[test]
fn gradient_of_a_bias() {
    check_bias_gradient::<f32>();
    check_bias_gradient::<bf16>();
}
