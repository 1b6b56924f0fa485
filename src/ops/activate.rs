//! Functions of single numbers that follow normalisations.

use super::blocked::Blocked;
use super::blocked::elementwise::{of_one, of_two};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape, relu};
use crate::config::Activation;
use candle_core::Result;

/// Slope of the leaky ReLU below 0, PyTorch's default.
const LEAK: f32 = 0.01;

/// `activation` of every number.
///
/// # Errors
/// What candle reports.
pub fn activate(tape: &Tape, x: &Map, activation: Activation) -> Result<Map> {
    on_device!(tape, device => cuda::activate(tape, device, x, activation));
    match activation {
        Activation::Relu => relu(tape, x),
        Activation::LeakyRelu => by(tape, x, |x| if x < 0.0 { LEAK * x } else { x }, |x| if x > 0.0 { 1.0 } else { LEAK }),
        Activation::Elu => by(tape, x, |x| if x < 0.0 { x.exp_m1() } else { x }, |x| if x > 0.0 { 1.0 } else { x.exp() }),
        Activation::Silu => by(tape, x, |x| x * logistic(x), |x| logistic(x) * (1.0 + x * (1.0 - logistic(x)))),
    }
}

/// `1 / (1 + e^−x)`.
pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

type Function = fn(f32) -> f32;

fn by(tape: &Tape, x: &Map, function: Function, derivative: Function) -> Result<Map> {
    by_type!(x.dtype(), E => by_as::<E>(tape, x, function, derivative))
}

fn by_as<E: Stored>(tape: &Tape, x: &Map, function: Function, derivative: Function) -> Result<Map> {
    let shape = x.shape();
    let kept = x.keep();
    Map::made(
        tape,
        x,
        &[],
        move |x: Blocked<E>| of_one(x.data(), function),
        move |dy| {
            let dx = of_two(&values_of::<E>(&dy)?, &values_of::<E>(&kept.value()?)?, |dy, x| dy * derivative(x));
            Ok(vec![Some(blocked_tensor(dx, shape)?)])
        },
    )
}
