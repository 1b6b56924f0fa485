//! Times the variants of a 3×3 convolution: the best of some rounds, in milliseconds, of value and both gradients.
//!
//!     cargo run --release --example conv_time -- BATCH CHANNELS SIZE ROUNDS

use std::time::Instant;
use umlaut::ops::blocked::conv3x3::{Method, Variant, forward, input_gradient, weight_gradient};
use umlaut::ops::blocked::{Blocked, Shape, pack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [n, c, side, rounds] = arguments[..] else { return Err("BATCH CHANNELS SIZE ROUNDS".into()) };
    let shape = Shape { n, c, h: side, w: side };
    let map = pack(&numbers(n * c * side * side), shape);
    let (map, weights) = (Blocked::new(shape, &map), numbers(9 * c * c));
    let variants = [Variant::F2, Variant::F4, Variant::F2Bf16];
    let mut best = [[f64::INFINITY; 3]; 3];
    // In turns, so that a disturbance hits all alike.
    for _ in 0..rounds {
        for (variant, best) in variants.into_iter().zip(&mut best) {
            let method = Method { forward: variant, gradients: variant, ..Method::default() };
            best[0] = best[0].min(milliseconds(|| forward(method, &[map], false, &weights, &[])));
            best[1] = best[1].min(milliseconds(|| input_gradient(method, map, false, &weights, &[c])));
            best[2] = best[2].min(milliseconds(|| weight_gradient(method, &[map], false, map)));
        }
    }
    println!("variant  forward  input gradient  weight gradient");
    for (variant, [value, input, weight]) in variants.into_iter().zip(best) {
        println!("{:7} {value:8.2} {input:15.2} {weight:16.2}", format!("{variant:?}"));
    }
    Ok(())
}

fn milliseconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = work();
    let time = start.elapsed().as_secs_f64() * 1e3;
    drop(result);
    time
}

/// Numbers in [−1, 1) without a visible pattern.
fn numbers(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}
