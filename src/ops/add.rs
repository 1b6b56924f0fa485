//! Sum of two maps.

use super::blocked::elementwise::of_two;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape};
use candle_core::{Result, bail};

/// `a + b`.
///
/// # Errors
/// If the sizes differ.
pub fn add(tape: &Tape, a: &Map, b: &Map) -> Result<Map> {
    if a.shape() != b.shape() {
        bail!("maps of {:?} and {:?} cannot be added", a.shape(), b.shape())
    }
    on_device!(tape, device => cuda::add(tape, device, a, b));
    by_type!(a.dtype(), E => add_as::<E>(tape, a, b))
}

fn add_as<E: Stored>(tape: &Tape, a: &Map, b: &Map) -> Result<Map> {
    let y = of_two(&values_of::<E>(a.value())?, &values_of::<E>(b.value())?, |a, b| a + b);
    Map::record(tape, (y, a.shape()), &[a.node(), b.node()], |dy| {
        // Gradients are handed on by move and added in place, so each input needs numbers of its own.
        let own = dy.copy()?;
        Ok(vec![Some(own), Some(dy)])
    })
}
