//! A picture's values in [0, 1], as many planes of them as a network takes.

use super::{Picture, Values};
use crate::config::{Intensity, Preprocess};

/// A picture as `channels` planes of values in [0, 1]. Grey of RGB is Rec. 601 luma, each plane of RGB of grey the same.
pub(in crate::data) struct Planes<'a> {
    picture: &'a Picture,
    channels: usize,
    scale: Scale,
}

/// Shares of a channel's pixels below the values that become 0 and 1 with `intensity = "percentiles"`.
const PERCENTILES: [f64; 2] = [0.005, 0.995];

/// What brings values to [0, 1].
enum Scale {
    /// Over the value of full brightness.
    Top,
    /// From these to 0 and to 1, which they do not leave.
    Between([f64; 2]),
    /// Likewise, each plane by itself.
    Each(Vec<[f64; 2]>),
    /// They are there.
    Same,
}

impl<'a> Planes<'a> {
    /// A picture of which so many channels are wanted: its own number, or grey of RGB and the other way round; its values as `preprocess` says.
    ///
    /// # Errors
    /// In words, the file not named: if it has another number of channels, or floats beyond [0, 1] where their type is to say what they mean.
    pub fn new(picture: &'a Picture, channels: usize, preprocess: &Preprocess) -> Result<Self, String> {
        let own = picture.channels;
        if own != channels && !matches!((own, channels), (1, 3) | (3, 1)) {
            return Err(other_channels(own, channels));
        }
        let plain = Self { picture, channels, scale: Scale::Same };
        let scale = match (preprocess.intensity, preprocess.window) {
            (Intensity::Type, _) => by_type(picture)?,
            (Intensity::Percentiles, _) => Scale::Each((0..channels).map(|plane| plain.percentiles(plane)).collect()),
            (Intensity::Window, Some(window)) => Scale::Between(window),
            (Intensity::Window, None) => return Err("needs preprocess.window, the values that become 0 and 1; write it".into()),
        };
        Ok(Self { scale, ..plain })
    }

    /// The values of a plane that become 0 and 1, as NumPy's `percentile` has them: between neighbours in proportion.
    fn percentiles(&self, plane: usize) -> [f64; 2] {
        let pixels = self.picture.size[0] * self.picture.size[1];
        let mut values: Vec<f32> = (0..pixels).map(|pixel| self.value(plane, pixel)).collect();
        PERCENTILES.map(|share| {
            let at = share * (pixels - 1) as f64;
            let (_, below, above) = values.select_nth_unstable_by(at as usize, f32::total_cmp);
            let (below, next) = (f64::from(*below), above.iter().copied().min_by(f32::total_cmp));
            below + (f64::from(next.unwrap_or(below as f32)) - below) * at.fract()
        })
    }

    /// The least and the greatest value.
    pub fn range(&self) -> (f32, f32) {
        let (mut range, mut row) = ((f32::INFINITY, f32::NEG_INFINITY), vec![0.0; self.picture.size[1]]);
        for (plane, y) in (0..self.channels).flat_map(|plane| (0..self.picture.size[0]).map(move |y| (plane, y))) {
            self.row(plane, y, &mut row);
            range = row.iter().fold(range, |(low, high), v| (low.min(*v), high.max(*v)));
        }
        range
    }

    /// A row of a plane.
    pub fn row(&self, plane: usize, y: usize, row: &mut [f32]) {
        row.iter_mut().zip(y * self.picture.size[1]..).for_each(|(value, pixel)| *value = self.value(plane, pixel));
    }

    /// A pixel of a plane. Grey of RGB is made of values over full brightness, or of numbers as they are, and scaled then.
    fn value(&self, plane: usize, pixel: usize) -> f32 {
        let number = |channel: usize| match self.scale {
            Scale::Top => self.picture.number(pixel, channel) / f32::from(self.picture.top),
            _ => self.picture.number(pixel, channel),
        };
        let number = match (self.picture.channels, self.channels) {
            (3, 1) => 0.299 * number(0) + 0.587 * number(1) + 0.114 * number(2),
            (1, _) => number(0),
            _ => number(plane),
        };
        match &self.scale {
            Scale::Top | Scale::Same => number,
            Scale::Between(range) => between(number, *range),
            Scale::Each(ranges) => between(number, ranges[plane]),
        }
    }

    /// All planes: channels · height · width.
    pub fn all(&self) -> Vec<f32> {
        let [h, w] = self.picture.size;
        let mut planes = vec![0.0; self.channels * h * w];
        for (index, row) in planes.chunks_exact_mut(w).enumerate() {
            self.row(index / h, index % h, row);
        }
        planes
    }

    /// Number of planes.
    pub fn channels(&self) -> usize {
        self.channels
    }
}

fn between(number: f32, [low, high]: [f64; 2]) -> f32 {
    if high > low { ((f64::from(number) - low) / (high - low)).clamp(0.0, 1.0) as f32 } else { 0.0 }
}

fn by_type(picture: &Picture) -> Result<Scale, String> {
    match (&picture.values, picture.full) {
        (Values::Bytes(_) | Values::Words(_), _) => Ok(Scale::Top),
        (Values::Floats(_), Some(full)) => Ok(Scale::Between(full)),
        (Values::Floats(values), None) => refuse_beyond(values).map(|()| Scale::Same),
    }
}

fn other_channels(own: usize, wanted: usize) -> String {
    let remedy = match wanted {
        1 | 3 => "save it as grey or RGB, or set colour = \"auto\" if all images have as many",
        _ => "bring all images to one number of channels",
    };
    format!("has {own} channels where {wanted} are wanted; {remedy}")
}

/// Floats have no range of their own but [0, 1].
fn refuse_beyond(values: &[f32]) -> Result<(), String> {
    match values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        None => Ok(()),
        Some(value) => Err(format!(
            "has the floating-point value {value}, which is not in [0, 1]; set preprocess.intensity = \"percentiles\", or \"window\" with \
             preprocess.window = [low, high]"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(channels: usize, values: &[f32]) -> Picture {
        Picture::of([1, values.len() / channels], channels, u16::MAX, Values::Floats(values.to_vec()))
    }

    fn planes(picture: &Picture, channels: usize) -> Result<Vec<f32>, String> {
        Planes::new(picture, channels, &Preprocess::default()).map(|planes| planes.all())
    }

    #[test]
    fn any_number_of_channels_is_planes() {
        let picture = Picture::of_bytes([1, 2], 5, vec![0, 51, 102, 153, 204, 255, 204, 153, 102, 51]);
        assert_eq!(planes(&picture, 5).unwrap(), [0.0, 1.0, 0.2, 0.8, 0.4, 0.6, 0.6, 0.4, 0.8, 0.2]);
        for wanted in [1, 3] {
            let problem = planes(&picture, wanted).unwrap_err();
            assert!(
                problem.starts_with(&format!("has 5 channels where {wanted} are wanted; save it as grey or RGB")),
                "{problem}"
            );
        }
        assert!(planes(&Picture::of_bytes([1, 1], 1, vec![0]), 5).is_err());
    }

    #[test]
    fn floats_are_taken_as_they_are_or_by_the_range_of_their_type() {
        assert_eq!(planes(&floats(2, &[0.25, 1.0, 0.0, 0.5]), 2).unwrap(), [0.25, 0.0, 1.0, 0.5]);
        let problem = planes(&floats(1, &[0.0, 1.5]), 1).unwrap_err();
        assert!(problem.contains("the floating-point value 1.5") && problem.contains("\"percentiles\""), "{problem}");
        let signed = Picture { full: Some([-32768.0, 32767.0]), ..floats(1, &[-32768.0, 32767.0, 0.0]) };
        assert_eq!(planes(&signed, 1).unwrap(), [0.0, 1.0, (32768.0_f64 / 65535.0) as f32]);
    }

    #[test]
    fn a_window_clips() {
        let preprocess = Preprocess { intensity: Intensity::Window, window: Some([-100.0, 300.0]), ..Preprocess::default() };
        let picture = floats(1, &[-1000.0, -100.0, 0.0, 100.0, 300.0, 3000.0]);
        assert_eq!(Planes::new(&picture, 1, &preprocess).unwrap().all(), [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]);
        let bytes = Picture::of_bytes([1, 2], 1, vec![0, 255]);
        let preprocess = Preprocess { window: Some([0.0, 510.0]), ..preprocess };
        assert_eq!(Planes::new(&bytes, 1, &preprocess).unwrap().all(), [0.0, 0.5]);
    }

    /// `numpy.percentile([i * i / 10 for i in range(50)], [0.5, 99.5])` of NumPy 2 is 0.0245 and 237.7235.
    #[test]
    fn percentiles_are_those_of_numpy_for_each_channel() {
        let preprocess = Preprocess { intensity: Intensity::Percentiles, ..Preprocess::default() };
        let values: Vec<f32> = (0..50).flat_map(|i| [(i * i) as f32 / 10.0, 7.0]).collect();
        let picture = floats(2, &values);
        let made = Planes::new(&picture, 2, &preprocess).unwrap();
        let [low, high] = made.percentiles_used(0);
        assert!((low - 0.0245).abs() < 1e-6 && (high - 237.7235).abs() < 1e-4, "{low} {high}");
        let planes = made.all();
        assert_eq!((planes[0], planes[49]), (0.0, 1.0), "clipped");
        assert!((planes[20] - ((40.0 - 0.0245) / (237.7235 - 0.0245)) as f32).abs() < 1e-6);
        assert_eq!(planes[50..], [0.0; 50], "a channel of one value");
    }

    impl Planes<'_> {
        fn percentiles_used(&self, plane: usize) -> [f64; 2] {
            match &self.scale {
                Scale::Each(ranges) => ranges[plane],
                _ => panic!("no percentiles"),
            }
        }
    }

    #[test]
    fn masks_of_floats_are_whole_numbers() {
        let whole = floats(1, &[0.0, 1.0, 65535.0]);
        assert_eq!(whole.whole().unwrap().values, Values::Words(vec![0, 1, 65535]));
        for value in [0.5, -1.0, 65536.0] {
            let problem = floats(1, &[0.0, value]).whole().unwrap_err();
            assert!(problem.starts_with(&format!("has the value {value}, and values of masks are whole numbers")), "{problem}");
        }
    }
}
