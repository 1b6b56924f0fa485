//! Convolution 1×1: a matrix at every pixel.

use super::conv3x3::sums_by_channel;
use super::matmul::Matrix;
use super::pointwise::{Pixels, correlate, mix};
use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::{Result, bail};

/// `y[n,o] = Σᵢ weight[o,i] · x[n,i] + bias[o]`.
///
/// # Shapes
/// x (n, in, h, w), weight (out, in, 1, 1), bias (out); the result is (n, out, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv1x1(tape: &Tape, x: &Node, weight: &Node, bias: &Node) -> Result<Node> {
    let (n, inputs, h, w) = x.value().dims4()?;
    let outputs = weight.value().dim(0)?;
    if weight.value().dims() != [outputs, inputs, 1, 1] || bias.value().dims() != [outputs] {
        bail!("conv1x1 of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    let pixels = Pixels { samples: n, plane: h * w };
    let y = {
        let weight = values(weight.value())?;
        let matrix = Matrix::rows(&weight, inputs);
        mix(&values(x.value())?, pixels, matrix, outputs, inputs, Some(&values(bias.value())?))
    };
    let kept_x = weight.needs_grad().then(|| x.value().clone());
    let kept_weight = x.needs_grad().then(|| weight.value().clone());
    let wants_bias = bias.needs_grad();
    Ok(tape.record(tensor(y, (n, outputs, h, w))?, &[x, weight, bias], move |dy| {
        let dy = values(&dy)?;
        let dx = match kept_weight {
            Some(weight) => {
                let weight = values(&weight)?;
                let matrix = Matrix::rows(&weight, inputs).transposed();
                Some(tensor(mix(&dy, pixels, matrix, inputs, outputs, None), (n, inputs, h, w))?)
            }
            None => None,
        };
        let dw = match kept_x {
            Some(x) => Some(tensor(correlate(&dy, outputs, &values(&x)?, inputs, pixels), (outputs, inputs, 1, 1))?),
            None => None,
        };
        let db = if wants_bias { Some(tensor(sums_by_channel(&dy, outputs, h * w), outputs)?) } else { None };
        Ok(vec![dx, dw, db])
    }))
}
