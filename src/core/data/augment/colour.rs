//! Changes of values, the mask left alone: brightness, contrast, saturation, hue and gamma, in this order. Values stay within
//! [0, 1] after each.

use super::stream::StreamKey;
use crate::config::Augment;

/// One change with its amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tone {
    /// v + a.
    Brightness(f32),
    /// m + a (v − m), m the mean grey of the image.
    Contrast(f32),
    /// g + a (v − g), g the grey of the pixel; nothing for grey images.
    Saturation(f32),
    /// The hue turned by so many degrees, saturation and value kept (Smith 1978); nothing for grey images.
    Hue(f32),
    /// v to the power of a.
    Gamma(f32),
}

impl Tone {
    /// Those that happen here, in their order.
    pub fn draw(augment: &Augment, key: StreamKey) -> Vec<Self> {
        let a = augment;
        let tones = [
            a.brightness.as_ref().map(|c| (Self::Brightness as fn(f32) -> Self, "brightness", c.probability, c.add)),
            a.contrast.as_ref().map(|c| (Self::Contrast as _, "contrast", c.probability, c.factor)),
            a.saturation.as_ref().map(|c| (Self::Saturation as _, "saturation", c.probability, c.factor)),
            a.hue.as_ref().map(|c| (Self::Hue as _, "hue", c.probability, c.degrees)),
            a.gamma.as_ref().map(|c| (Self::Gamma as _, "gamma", c.probability, c.exponent)),
        ];
        let drawn = tones
            .into_iter()
            .flatten()
            .map(|(tone, setting, probability, range)| key.amount(setting, probability, range).map(|amount| tone(amount as f32)));
        drawn.flatten().collect()
    }

    /// Changes planes of any number.
    pub fn apply(self, planes: &mut [f32], pixels: usize) {
        match self {
            Self::Brightness(add) => each(planes, |v| v + add),
            Self::Contrast(factor) => {
                let mean = mean_grey(planes, pixels);
                each(planes, |v| mean + factor * (v - mean));
            }
            Self::Saturation(factor) => colours(planes, pixels, |rgb| {
                let grey = grey(rgb);
                rgb.map(|v| (grey + factor * (v - grey)).clamp(0.0, 1.0))
            }),
            Self::Hue(degrees) => colours(planes, pixels, |rgb| turned(rgb, degrees / 60.0)),
            Self::Gamma(exponent) => each(planes, |v| libm::powf(v, exponent)),
        }
    }
}

fn each(planes: &mut [f32], change: impl Fn(f32) -> f32) {
    planes.iter_mut().for_each(|v| *v = change(*v).clamp(0.0, 1.0));
}

/// Changes every pixel of RGB planes; planes of other numbers have no hue.
fn colours(planes: &mut [f32], pixels: usize, change: impl Fn([f32; 3]) -> [f32; 3]) {
    if planes.len() != 3 * pixels {
        return;
    }
    let (red, rest) = planes.split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        [*r, *g, *b] = change([*r, *g, *b]);
    }
}

/// ITU-R BT.601, as where colour images are read as grey.
fn grey([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

fn mean_grey(planes: &[f32], pixels: usize) -> f32 {
    let means: Vec<f32> = planes
        .chunks_exact(pixels)
        .map(|plane| (plane.iter().map(|v| f64::from(*v)).sum::<f64>() / pixels as f64) as f32)
        .collect();
    match means[..] {
        [r, g, b] => grey([r, g, b]),
        _ => means.iter().sum::<f32>() / means.len().max(1) as f32,
    }
}

/// The hue turned by so many sixths of the circle: to hue, saturation and value and back.
fn turned(rgb: [f32; 3], sixths: f32) -> [f32; 3] {
    let [r, g, b] = rgb;
    let value = r.max(g).max(b);
    let chroma = value - r.min(g).min(b);
    if chroma <= 0.0 {
        return rgb;
    }
    let hue = match value {
        _ if value == r => (g - b) / chroma,
        _ if value == g => (b - r) / chroma + 2.0,
        _ => (r - g) / chroma + 4.0,
    };
    let hue = (hue + sixths).rem_euclid(6.0);
    // 1 within a sixth of the colour, 0 from two sixths on.
    let of = |colour: f32| {
        let distance = ((hue - colour + 3.0).rem_euclid(6.0) - 3.0).abs();
        value - chroma * (distance - 1.0).clamp(0.0, 1.0)
    };
    [of(0.0), of(2.0), of(4.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(tone: Tone, planes: &[f32], pixels: usize) -> Vec<f32> {
        let mut planes = planes.to_vec();
        tone.apply(&mut planes, pixels);
        planes
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn grey_by_the_formulas() {
        let grey = [0.0, 0.2, 0.4, 1.0];
        assert!(near(&applied(Tone::Brightness(0.25), &grey, 4), &[0.25, 0.45, 0.65, 1.0]));
        assert!(near(&applied(Tone::Brightness(-0.25), &grey, 4), &[0.0, 0.0, 0.15, 0.75]));
        // The mean is 0.4.
        assert!(near(&applied(Tone::Contrast(0.5), &grey, 4), &[0.2, 0.3, 0.4, 0.7]));
        assert!(near(&applied(Tone::Contrast(2.0), &grey, 4), &[0.0, 0.0, 0.4, 1.0]));
        assert!(near(&applied(Tone::Gamma(2.0), &grey, 4), &[0.0, 0.04, 0.16, 1.0]));
        assert_eq!(applied(Tone::Hue(90.0), &grey, 4), grey);
        assert_eq!(applied(Tone::Saturation(3.0), &grey, 4), grey);
    }

    #[test]
    fn colours_by_the_formulas() {
        // Grey of (1, 0.5, 0) is 0.299 + 0.2935.
        let orange = [1.0, 0.5, 0.0];
        assert!(near(&applied(Tone::Saturation(0.0), &orange, 1), &[0.5925; 3]));
        assert!(near(&applied(Tone::Saturation(0.5), &orange, 1), &[0.79625, 0.54625, 0.29625]));
        assert!(near(&applied(Tone::Contrast(0.0), &orange, 1), &[0.5925; 3]));
        // Orange is at 30°.
        assert!(near(&applied(Tone::Hue(0.0), &orange, 1), &orange));
        assert!(near(&applied(Tone::Hue(-30.0), &orange, 1), &[1.0, 0.0, 0.0]));
        assert!(near(&applied(Tone::Hue(90.0), &orange, 1), &[0.0, 1.0, 0.0]));
        assert!(near(&applied(Tone::Hue(-60.0), &orange, 1), &[1.0, 0.0, 0.5]));
    }

    #[test]
    fn other_channels_change_each_by_itself_and_have_no_hue() {
        let five = [0.1, 0.2, 0.3, 0.4, 0.5];
        assert_eq!(applied(Tone::Hue(90.0), &five, 1), five);
        assert_eq!(applied(Tone::Saturation(0.0), &five, 1), five);
        // The mean over all channels is 0.3.
        assert!(near(&applied(Tone::Contrast(0.5), &five, 1), &[0.2, 0.25, 0.3, 0.35, 0.4]));
        assert!(near(&applied(Tone::Brightness(0.5), &five, 1), &[0.6, 0.7, 0.8, 0.9, 1.0]));
    }

    #[test]
    fn hues_turn_as_in_python() {
        // scripts/augment_oracle.py, Python's colorsys: 40° and −100°.
        for (rgb, degrees, expected) in HUES {
            let turned = applied(Tone::Hue(degrees), &rgb, 1);
            assert!(near(&turned, &expected), "{rgb:?} by {degrees}: {turned:?}");
        }
    }

    const HUES: [([f32; 3], f32, [f32; 3]); 6] = [
        ([0.2, 0.5, 0.7], 40.0, [0.233_333, 0.2, 0.7]),
        ([0.2, 0.5, 0.7], -100.0, [0.333_333, 0.7, 0.2]),
        ([0.9, 0.1, 0.3], 40.0, [0.9, 0.433_333, 0.1]),
        ([0.9, 0.1, 0.3], -100.0, [0.166_667, 0.1, 0.9]),
        ([0.3, 0.8, 0.4], 40.0, [0.3, 0.8, 0.733_333]),
        ([0.3, 0.8, 0.4], -100.0, [0.8, 0.566_667, 0.3]),
    ];
}
