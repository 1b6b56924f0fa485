//! Dropout (Srivastava et al. 2014).

use super::blocked::elementwise::thinned;
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape};
use candle_core::Result;

/// Every number times 1 / (1 − p), or 0 with the probability `p`; the map itself on a tape without [noise](Tape::with_noise).
///
/// # Errors
/// What candle reports.
pub fn dropout(tape: &Tape, x: Map, p: f64) -> Result<Map> {
    on_device!(tape, device => cuda::dropout(tape, device, x, p));
    let Some(seed) = tape.noise().filter(|_| p > 0.0) else { return Ok(x) };
    by_type!(x.dtype(), E => dropout_as::<E>(tape, &x, p, seed))
}

fn dropout_as<E: Stored>(tape: &Tape, x: &Map, p: f64, seed: u64) -> Result<Map> {
    let shape = x.shape();
    let y = thinned(&values_of::<E>(x.value())?, seed, p);
    Map::record(tape, (y, shape), &[x.node()], move |dy| {
        Ok(vec![Some(blocked_tensor(thinned(&values_of::<E>(&dy)?, seed, p), shape)?)])
    })
}
