//! Objects that annotation files outline, and the planes of classes that come of them. Objects of one class are a union; classes may overlap.

mod even_odd;
mod instances;
mod labels;
mod listing;
mod runs;
mod shape;
mod upsampled;

pub(super) use even_odd::Ring;
pub(super) use instances::{Category, Id, Image, Instances};
pub(super) use labels::{Labels, class};
pub(super) use listing::{image, json, pairs, per_image};
pub(super) use shape::{Marked, Object, Shape, planes, ring};

/// How much longer the outlines of an image may become, in steps of about ten nanoseconds.
struct Steps(u64);

/// A boundary of 50 million pixels for the tools of COCO; no picture that fits memory has one.
const MOST: u64 = 1 << 28;

impl Default for Steps {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Steps {
    /// So many of them.
    ///
    /// # Errors
    /// In words, if there are not so many left.
    fn take(&mut self, steps: u64) -> Result<(), String> {
        self.0 = self.0.checked_sub(steps).ok_or("outlines objects at a length that no picture has; simplify the outlines")?;
        Ok(())
    }
}
