//! Values of zero mean and unit variance: v becomes (v − mean) / sd, for each channel by itself.

use super::Dataset;
use crate::config::Normalise;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Below this a channel counts as constant: its mean is taken off, and no more.
const CONSTANT: f32 = 1e-6;

/// What is done to images before the network, with the numbers that it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// Nothing.
    #[default]
    None,
    /// By each image's own mean and standard deviation.
    Image,
    /// By those of a data set, a number for each channel.
    Dataset {
        /// Means.
        mean: Vec<f32>,
        /// Standard deviations (of the population).
        sd: Vec<f32>,
    },
}

impl Normaliser {
    /// What the metadata of weights calls it.
    pub const METADATA: &str = "normalise";

    /// As text for the metadata of weights, so that whoever has them knows what images they expect; `None` for nothing.
    pub fn to_metadata(&self) -> Option<String> {
        let text = || serde_json::to_string(self).expect("numbers and words fit JSON");
        (*self != Self::None).then(text)
    }

    /// From [that](Self::to_metadata) text.
    ///
    /// # Errors
    /// In words, if it is another.
    pub fn from_metadata(text: Option<&str>) -> Result<Self, String> {
        text.map_or(Ok(Self::None), |text| serde_json::from_str(text).map_err(|e| format!("`{}`: {e}", Self::METADATA)))
    }

    /// Whether there are numbers for so many channels.
    pub fn fits(&self, channels: usize) -> bool {
        match self {
            Self::None | Self::Image => true,
            Self::Dataset { mean, sd } => mean.len() == channels && sd.len() == channels,
        }
    }

    /// What an experiment asks for; `train` are the samples that numbers of the data set are taken from, as they are kept, before
    /// augmentation.
    pub fn of(wanted: Normalise, dataset: &Dataset, train: &[usize]) -> Self {
        match wanted {
            Normalise::None => Self::None,
            Normalise::Image => Self::Image,
            Normalise::Dataset => {
                let (mean, sd) = moments(dataset, train);
                Self::Dataset { mean, sd }
            }
        }
    }

    /// The numbers of one image of channels · pixels.
    pub(super) fn of_image(image: &[f32], pixels: usize) -> Self {
        let planes = image.chunks_exact(pixels);
        let (mean, sd) =
            planes.map(|plane| of_sums([plane.iter().map(|v| f64::from(*v)).sum(), squares(plane)], pixels as f64)).unzip();
        Self::Dataset { mean, sd }
    }

    /// Changes an image of channels · pixels.
    pub fn apply(&self, image: &mut [f32], pixels: usize) {
        for (channel, plane) in image.chunks_exact_mut(pixels).enumerate() {
            let (mean, sd) = match self {
                Self::None => return,
                Self::Image => of_sums([plane.iter().map(|v| f64::from(*v)).sum(), squares(plane)], pixels as f64),
                Self::Dataset { mean, sd } => (mean[channel], sd[channel]),
            };
            let factor = if sd < CONSTANT { 1.0 } else { 1.0 / sd };
            plane.iter_mut().for_each(|v| *v = (*v - mean) * factor);
        }
    }
}

/// Mean and standard deviation of every channel over all pixels of some samples. Sums are taken image by image, in their order.
fn moments(dataset: &Dataset, samples: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let pixels = dataset.size[0] * dataset.size[1];
    let of_sample = |sample: &usize| -> Vec<[f64; 2]> {
        let planes = dataset.samples[*sample].image.chunks_exact(pixels);
        planes.map(|plane| [plane.iter().map(|v| f64::from(*v)).sum(), squares(plane)]).collect()
    };
    let sums: Vec<Vec<[f64; 2]>> = samples.par_iter().map(of_sample).collect();
    let channel = |c: usize| {
        let sum = [0, 1].map(|k| sums.iter().map(|planes| planes[c][k]).sum());
        of_sums(sum, (samples.len() * pixels) as f64)
    };
    (0..dataset.channels).map(channel).unzip()
}

fn squares(plane: &[f32]) -> f64 {
    plane.iter().map(|v| f64::from(*v).powi(2)).sum()
}

/// Mean and standard deviation from the sums of values and of their squares.
fn of_sums([sum, squares]: [f64; 2], count: f64) -> (f32, f32) {
    let mean = sum / count;
    (mean as f32, (squares / count - mean * mean).max(0.0).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sample;

    /// Two pixels of two channels; NumPy's `mean` and `std` of (0, 1, 0.5, 0.5) are 0.5 and 0.353553, of (0.2, 0.2, 0.2, 0.6)
    /// 0.3 and 0.173205.
    fn dataset() -> Dataset {
        let sample = |image: [f32; 4]| Sample { name: String::new(), image: image.to_vec().into(), mask: vec![0; 2] };
        Dataset {
            channels: 2,
            classes: vec!["a".into()],
            size: [1, 2],
            samples: vec![sample([0.0, 1.0, 0.2, 0.2]), sample([9.0, 9.0, 9.0, 9.0]), sample([0.5, 0.5, 0.2, 0.6])],
            official_test: vec![false; 3],
            sources: vec![String::new(); 3],
            fingerprint: String::new(),
        }
    }

    #[test]
    fn numbers_of_a_data_set_are_those_of_its_training_part() {
        let Normaliser::Dataset { mean, sd } = Normaliser::of(Normalise::Dataset, &dataset(), &[0, 2]) else { panic!() };
        let near = |a: &[f32], b: [f32; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&mean, [0.5, 0.3]) && near(&sd, [0.353_553, 0.173_205]), "{mean:?} {sd:?}");
        let mut image = vec![0.5, 0.853_553, 0.3, 0.126_795];
        Normaliser::Dataset { mean, sd }.apply(&mut image, 2);
        assert!(image.iter().zip([0.0, 1.0, 0.0, -1.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{image:?}");
    }

    #[test]
    fn an_image_by_itself_has_mean_0_and_deviation_1() {
        let mut image = vec![0.1, 0.2, 0.3, 0.8, 0.5, 0.5, 0.5, 0.5];
        Normaliser::of(Normalise::Image, &dataset(), &[]).apply(&mut image, 4);
        let (mean, sd) = of_sums([image[..4].iter().map(|v| f64::from(*v)).sum(), squares(&image[..4])], 4.0);
        assert!(mean.abs() < 1e-6 && (sd - 1.0).abs() < 1e-6);
        assert_eq!(image[4..], [0.0; 4], "a constant channel");
    }

    #[test]
    fn numbers_survive_the_metadata() {
        let normaliser = Normaliser::Dataset { mean: vec![0.1, 1.0 / 3.0], sd: vec![f32::MIN_POSITIVE, 0.25] };
        for normaliser in [normaliser, Normaliser::Image, Normaliser::None] {
            let text = normaliser.to_metadata();
            assert_eq!(Normaliser::from_metadata(text.as_deref()), Ok(normaliser));
        }
        assert_eq!(Normaliser::Image.to_metadata().as_deref(), Some("\"image\""));
        assert!(Normaliser::from_metadata(Some("\"other\"")).unwrap_err().starts_with("`normalise`: unknown variant"));
    }

    #[test]
    fn nothing_is_asked_for_and_nothing_is_done() {
        let mut image = vec![0.3; 4];
        Normaliser::of(Normalise::None, &dataset(), &[0]).apply(&mut image, 2);
        assert_eq!(image, [0.3; 4]);
    }
}
