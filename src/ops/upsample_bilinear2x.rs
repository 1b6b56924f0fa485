//! Bilinear doubling.

use super::blocked::simd::level;
use super::blocked::{Blocked, bilinear};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape};
use candle_core::Result;

/// Both sides upsampled by bilinear interpolation, the corners' centres staying where they are (PyTorch's `align_corners=True`).
///
/// # Shapes
/// (n, c, h, w) to (n, c, 2h, 2w).
///
/// # Errors
/// What candle reports.
pub fn upsample_bilinear2x(tape: &Tape, x: &Map) -> Result<Map> {
    on_device!(tape, device => cuda::upsample_bilinear2x(tape, device, x));
    by_type!(x.dtype(), E => upsample_as::<E>(tape, x))
}

fn upsample_as<E: Stored>(tape: &Tape, x: &Map) -> Result<Map> {
    let small = x.shape();
    let large = bilinear::upsampled(small);
    let y = bilinear::forward(level(), Blocked::new(small, &values_of::<E>(x.value())?));
    Map::record(tape, (y, large), &[x.node()], move |dy| {
        let dx = bilinear::gradient(level(), Blocked::new(large, &values_of::<E>(&dy)?), small);
        Ok(vec![Some(blocked_tensor(dx, small)?)])
    })
}
