//! Random changes of training samples, as a file asks for them.
//!
//! Flips and quarter turns are probabilities; every other change is a table of its own, absent unless it is asked for, with a
//! probability and the range that its amount is drawn from, evenly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random changes of training samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Left and right change places: the probability; 0 switches it off.
    #[schemars(range(min = 0, max = 1))]
    pub flip_horizontal: f64,
    /// Top and bottom change places: the probability.
    #[schemars(range(min = 0, max = 1))]
    pub flip_vertical: f64,
    /// A turn by 90°, 180° or 270°: the probability; needs a square `preprocess.size`, or square patches.
    #[schemars(range(min = 0, max = 1))]
    pub rotate90: f64,
    /// What turned, scaled, moved and deformed images show where there was no image.
    #[serde(skip_serializing_if = "Outside::is_default")]
    pub outside: Outside,
    /// A turn by any angle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Rotate>,
    /// Larger or smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Moved aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translate: Option<Translate>,
    /// Elastic deformation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
    /// Brighter or darker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<Brightness>,
    /// More or less contrast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// Stronger or weaker colours; grey images stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Saturation>,
    /// Other colours; grey images stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hue: Option<Hue>,
    /// Another gamma.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<Gamma>,
    /// Gaussian blur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    /// Gaussian noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}

impl Augment {
    /// Whether pixels are calculated anew, rather than change places alone.
    pub fn resamples(&self) -> bool {
        !self.ranges().is_empty()
    }

    /// The range of every change that there is a table of, by its dotted key.
    pub(super) fn ranges(&self) -> Vec<(&'static str, [f64; 2])> {
        let all = [
            self.rotate.as_ref().map(|c| ("augment.rotate.degrees", c.degrees)),
            self.scale.as_ref().map(|c| ("augment.scale.factor", c.factor)),
            self.translate.as_ref().map(|c| ("augment.translate.share", c.share)),
            self.elastic.as_ref().map(|c| ("augment.elastic.sigma", c.sigma)),
            self.brightness.as_ref().map(|c| ("augment.brightness.add", c.add)),
            self.contrast.as_ref().map(|c| ("augment.contrast.factor", c.factor)),
            self.saturation.as_ref().map(|c| ("augment.saturation.factor", c.factor)),
            self.hue.as_ref().map(|c| ("augment.hue.degrees", c.degrees)),
            self.gamma.as_ref().map(|c| ("augment.gamma.exponent", c.exponent)),
            self.blur.as_ref().map(|c| ("augment.blur.sigma", c.sigma)),
            self.noise.as_ref().map(|c| ("augment.noise.sigma", c.sigma)),
        ];
        all.into_iter().flatten().collect()
    }
}

/// What is seen beyond an image's edges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// The image mirrored at its edge, its mask too.
    #[default]
    Mirror,
    /// Black, and no class.
    Black,
}

impl Outside {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A table of a probability and a range: its doc comment, name, key, bounds and default.
macro_rules! change {
    ($about:literal, $name:ident, $meaning:literal, $key:ident, $min:literal, $max:literal, $default:expr) => {
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// How often it happens, in [0, 1].
            #[schemars(range(min = 0, max = 1))]
            pub probability: f64,
            #[doc = $meaning]
            #[schemars(inner(range(min = $min, max = $max)))]
            pub $key: [f64; 2],
        }

        impl Default for $name {
            fn default() -> Self {
                Self { probability: 0.5, $key: $default }
            }
        }
    };
}

change!(
    "A turn by any angle about the centre.",
    Rotate,
    "The least and the largest angle, counter-clockwise.",
    degrees,
    -360,
    360,
    [-15.0, 15.0]
);
change!(
    "Larger or smaller about the centre.",
    Scale,
    "The least and the largest factor; above 1 things grow.",
    factor,
    0.1,
    10,
    [0.9, 1.1]
);
change!(
    "Moved aside, down and to the right by a draw each.",
    Translate,
    "The least and the largest shift, as a share of the side.",
    share,
    -1,
    1,
    [-0.1, 0.1]
);
change!(
    "Elastic deformation: Gaussian displacements of a 3×3 grid over the image, bicubic between them.",
    Elastic,
    "The least and the largest standard deviation of the displacements, in pixels.",
    sigma,
    0,
    1000,
    [5.0, 10.0]
);
change!(
    "Brighter or darker: a number is added.",
    Brightness,
    "The least and the largest addend; black is 0, white 1.",
    add,
    -1,
    1,
    [-0.2, 0.2]
);
change!(
    "More or less contrast: the distance from the image's mean grey is multiplied.",
    Contrast,
    "The least and the largest factor.",
    factor,
    0,
    10,
    [0.8, 1.25]
);
change!(
    "Stronger or weaker colours: the distance from each pixel's grey is multiplied.",
    Saturation,
    "The least and the largest factor.",
    factor,
    0,
    10,
    [0.8, 1.25]
);
change!(
    "Other colours: the hue (of hue, saturation, value) turns.",
    Hue,
    "The least and the largest angle; 120 makes red green.",
    degrees,
    -180,
    180,
    [-10.0, 10.0]
);
change!(
    "Another gamma: values are raised to a power.",
    Gamma,
    "The least and the largest exponent; above 1 is darker.",
    exponent,
    0.05,
    20,
    [0.7, 1.5]
);
change!("Gaussian blur.", Blur, "The least and the largest standard deviation, in pixels.", sigma, 0, 50, [0.5, 1.5]);
change!(
    "Gaussian noise, for each pixel and channel by itself.",
    Noise,
    "The least and the largest standard deviation; black is 0, white 1.",
    sigma,
    0,
    1,
    [0.01, 0.05]
);
