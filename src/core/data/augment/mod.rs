//! Random changes of training samples.
//!
//! A [`Change`] is all that happens to one sample in one epoch: it follows from seed, epoch and sample alone. Flips and quarter turns
//! come first and let pixels change places; then all that moves pixels otherwise, in one resampling, image and mask alike; then
//! changes of values, of the image alone: brightness, contrast, saturation, hue, gamma, blur, noise.

mod blur;
mod colour;
mod elastic;
mod motion;
mod stream;
mod warp;

pub use motion::Motion;

use super::Sample;
use super::window::Window;
use crate::config::Augment;
use colour::Tone;
use stream::{Stream, StreamKey};
use warp::Warp;

/// What happens to one sample in one epoch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    motion: Motion,
    warp: Option<Warp>,
    tones: Vec<Tone>,
    /// Standard deviation in pixels.
    blur: Option<f64>,
    /// Standard deviation of values, and the numbers.
    noise: Option<(f64, Stream)>,
}

impl Change {
    /// Follows from seed, epoch and sample alone.
    pub fn draw(augment: &Augment, seed: u64, epoch: usize, sample: usize) -> Self {
        let key = StreamKey { seed, epoch, sample };
        Self {
            motion: Motion::draw(augment, seed, epoch, sample),
            warp: Warp::draw(augment, key),
            tones: Tone::draw(augment, key),
            blur: augment.blur.as_ref().and_then(|c| key.amount("blur", c.probability, c.sigma)),
            noise: augment.noise.as_ref().and_then(|c| {
                let mut stream = key.happens("noise", c.probability)?;
                Some((stream.within(c.sigma), stream))
            }),
        }
    }

    /// Changes a window of a sample into planes of the image and of the mask, whose values `of` converts.
    pub fn apply<U>(&self, sample: &Sample, window: Window, image: &mut [f32], mask: &mut [U], of: fn(u8) -> U) {
        let size = window.size;
        let (all, pixels) = (window.image[0] * window.image[1], size[0] * size[1]);
        match &self.warp {
            Some(warp) => warp.apply(self.motion, (&sample.image, &sample.mask), window, (image, mask), of),
            None => {
                for (from, to) in sample.image.chunks_exact(all).zip(image.chunks_exact_mut(pixels)) {
                    self.motion.apply(from, window, to, |v| v);
                }
                for (from, to) in sample.mask.chunks_exact(all).zip(mask.chunks_exact_mut(pixels)) {
                    self.motion.apply(from, window, to, of);
                }
            }
        }
        self.tones.iter().for_each(|tone| tone.apply(image, pixels));
        if let Some(sigma) = self.blur {
            blur::blur(image, size, sigma);
        }
        if let Some((sigma, stream)) = &self.noise {
            blur::noise(image, *sigma, stream.clone());
        }
    }
}

#[cfg(test)]
mod tests;
