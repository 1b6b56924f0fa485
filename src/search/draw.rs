//! Points drawn evenly from the space, without a model.

use super::point::Point;
use super::space::Space;
use super::stream::Stream;

/// Whether a point may be proposed: no trial has it, and nothing excludes it.
pub(super) type Free<'a> = &'a dyn Fn(&Point) -> bool;

/// Draws before a small space is gone through point by point.
const DRAWS: usize = 1000;

/// The first free point of a trial's stream; of a space in which hardly any is free, the first free one of all. `None` where
/// none was found.
pub(super) fn draw(space: &Space, seed: u64, stream: &str, trial: usize, free: Free) -> Option<Point> {
    let mut drawn =
        (0..DRAWS).map(|attempt| space.point(&Stream::new(seed, stream, trial, attempt).uniforms(space.dimensions())));
    drawn.find(free).or_else(|| space.every()?.find(free))
}
