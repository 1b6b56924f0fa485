//! A picture's values in [0, 1], as many planes of them as a network takes.

use super::{Picture, Values};

/// A picture as `channels` planes of values in [0, 1]. Grey of RGB is Rec. 601 luma, each plane of RGB of grey the same.
pub(in crate::data) struct Planes<'a> {
    picture: &'a Picture,
    channels: usize,
    scale: Scale,
}

/// What brings values to [0, 1].
enum Scale {
    /// Over the value of full brightness.
    Top,
    /// From these to 0 and to 1.
    Between([f64; 2]),
    /// They are there.
    Same,
}

impl<'a> Planes<'a> {
    /// A picture of which so many channels are wanted: its own number, or grey of RGB and the other way round.
    ///
    /// # Errors
    /// In words, the file not named: if it has another number of channels, or floats beyond [0, 1], which have no full range.
    pub fn new(picture: &'a Picture, channels: usize) -> Result<Self, String> {
        let own = picture.channels;
        if own != channels && !matches!((own, channels), (1, 3) | (3, 1)) {
            return Err(other_channels(own, channels));
        }
        let scale = match (&picture.values, picture.full) {
            (Values::Bytes(_) | Values::Words(_), _) => Scale::Top,
            (Values::Floats(_), Some(full)) => Scale::Between(full),
            (Values::Floats(values), None) => {
                refuse_beyond(values)?;
                Scale::Same
            }
        };
        Ok(Self { picture, channels, scale })
    }

    /// A row of a plane.
    pub fn row(&self, plane: usize, y: usize, row: &mut [f32]) {
        row.iter_mut().zip(y * self.picture.size[1]..).for_each(|(value, pixel)| *value = self.value(plane, pixel));
    }

    /// A pixel of a plane.
    fn value(&self, plane: usize, pixel: usize) -> f32 {
        let value = |channel: usize| self.scaled(self.picture.number(pixel, channel));
        match (self.picture.channels, self.channels) {
            (3, 1) => 0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2),
            (1, _) => value(0),
            _ => value(plane),
        }
    }

    fn scaled(&self, number: f32) -> f32 {
        match self.scale {
            Scale::Top => number / f32::from(self.picture.top),
            Scale::Between([low, high]) => ((f64::from(number) - low) / (high - low)) as f32,
            Scale::Same => number,
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
        Some(value) => {
            Err(format!("has the floating-point value {value}, which is not in [0, 1]; bring the values to that range"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(channels: usize, values: &[f32]) -> Picture {
        Picture::of([1, values.len() / channels], channels, u16::MAX, Values::Floats(values.to_vec()))
    }

    #[test]
    fn any_number_of_channels_is_planes() {
        let picture = Picture::of_bytes([1, 2], 5, vec![0, 51, 102, 153, 204, 255, 204, 153, 102, 51]);
        let planes = Planes::new(&picture, 5).unwrap().all();
        assert_eq!(planes, [0.0, 1.0, 0.2, 0.8, 0.4, 0.6, 0.6, 0.4, 0.8, 0.2]);
        for wanted in [1, 3] {
            let problem = Planes::new(&picture, wanted).err().unwrap();
            assert!(
                problem.starts_with(&format!("has 5 channels where {wanted} are wanted; save it as grey or RGB")),
                "{problem}"
            );
        }
        assert!(Planes::new(&Picture::of_bytes([1, 1], 1, vec![0]), 5).is_err());
    }

    #[test]
    fn floats_are_taken_as_they_are_or_by_the_range_of_their_type() {
        assert_eq!(Planes::new(&floats(2, &[0.25, 1.0, 0.0, 0.5]), 2).unwrap().all(), [0.25, 0.0, 1.0, 0.5]);
        let problem = Planes::new(&floats(1, &[0.0, 1.5]), 1).err().unwrap();
        assert!(problem.contains("the floating-point value 1.5"), "{problem}");
        let signed = Picture { full: Some([-32768.0, 32767.0]), ..floats(1, &[-32768.0, 32767.0, 0.0]) };
        let planes = Planes::new(&signed, 1).unwrap().all();
        assert_eq!(planes, [0.0, 1.0, (32768.0_f64 / 65535.0) as f32]);
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
