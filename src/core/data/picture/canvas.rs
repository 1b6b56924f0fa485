//! Samples of pixels as they come out of a decoder, in rows and parts of rows, put together to a picture.

use super::{Palette, Picture, Values};

/// Samples side by side.
#[derive(Debug, Clone, Copy)]
pub(in crate::data) enum Row<'a> {
    /// Up to 8 bits.
    Bytes(&'a [u8]),
    /// Up to 16 bits.
    Words(&'a [u16]),
    /// All other kinds.
    Floats(&'a [f32]),
}

/// A picture that is being made. Of the samples of a pixel the first ones are kept.
pub(in crate::data) struct Canvas {
    size: [usize; 2],
    samples: usize,
    kept: usize,
    top: u16,
    /// The alpha of what is not clear at all.
    opaque: f64,
    values: Values,
    /// The first value of each sample.
    first: Vec<Option<f32>>,
    /// Whether another came.
    differs: Vec<bool>,
    alpha_below_top: bool,
}

impl Canvas {
    /// All zeros; `top` is the value of full brightness.
    pub fn new(size: [usize; 2], samples: usize, kept: usize, top: u16) -> Self {
        let values = Values::zeros(size[0] * size[1] * kept, top);
        Self::of(size, samples, kept, top, f64::from(top), values)
    }

    /// All zeros, for floats; `opaque` is the alpha of what is not clear at all.
    pub fn of_floats(size: [usize; 2], samples: usize, kept: usize, opaque: f64) -> Self {
        let values = Values::Floats(vec![0.0; size[0] * size[1] * kept]);
        Self::of(size, samples, kept, u16::MAX, opaque, values)
    }

    fn of(size: [usize; 2], samples: usize, kept: usize, top: u16, opaque: f64, values: Values) -> Self {
        Self {
            size,
            samples,
            kept,
            top,
            opaque,
            values,
            first: vec![None; samples],
            differs: vec![false; samples],
            alpha_below_top: false,
        }
    }

    /// Takes pixels from (y, x) on, of each `together` samples from the one of number `sample` on.
    ///
    /// # Panics
    /// If they are wider than values are here, or do not fit the row.
    pub fn put(&mut self, [y, x]: [usize; 2], sample: usize, together: usize, row: Row) {
        let start = (y * self.size[1] + x) * self.kept;
        match (&mut self.values, row) {
            (Values::Bytes(values), Row::Bytes(row)) => place(&mut values[start..], self.kept, sample, together, row),
            (Values::Words(values), Row::Words(row)) => place(&mut values[start..], self.kept, sample, together, row),
            (Values::Floats(values), Row::Floats(row)) => place(&mut values[start..], self.kept, sample, together, row),
            _ => unreachable!("the width of rows follows from what the canvas was made for"),
        }
        if self.samples > self.kept {
            match row {
                Row::Bytes(row) => self.watch(sample, together, row),
                Row::Words(row) => self.watch(sample, together, row),
                Row::Floats(row) => self.watch(sample, together, row),
            }
        }
    }

    /// Notes which samples are not the same everywhere.
    fn watch<T: Copy + Into<f32>>(&mut self, sample: usize, together: usize, row: &[T]) {
        for (i, value) in row.iter().enumerate() {
            let (sample, value): (usize, f32) = (sample + i % together, (*value).into());
            self.differs[sample] |= *self.first[sample].get_or_insert(value) != value;
            self.alpha_below_top |= sample >= self.kept && f64::from(value) < self.opaque;
        }
    }

    /// Whether a sample that is not kept is less than full anywhere.
    pub fn alpha_below_top(&self) -> bool {
        self.alpha_below_top
    }

    /// The picture of colours.
    pub fn picture(self) -> Picture {
        let [colours, others] = [&self.differs[..self.kept], &self.differs[self.kept..]].map(|some| some.contains(&true));
        Picture { only_alpha: !colours && others, ..Picture::of(self.size, self.kept, self.top, self.values) }
    }

    /// The picture of indices.
    ///
    /// # Errors
    /// In words, the file not named: if a pixel has an index beyond the palette.
    pub fn indexed(self, palette: Palette) -> Result<Picture, String> {
        let mut used = [false; 1 << 8];
        self.values.iter().for_each(|index| used[usize::from(index)] = true);
        let (used, count): (Vec<usize>, _) = ((0..used.len()).filter(|i| used[*i]).collect(), palette.colours.len());
        if let Some(index) = used.iter().find(|index| **index >= count) {
            let pixels = self.values.iter().filter(|v| usize::from(*v) >= count).count();
            return Err(format!(
                "has {pixels} pixel(s) whose colour is not in its palette of {count} colours (the index {index}, for one); save it again, \
                 with the whole palette or as grey"
            ));
        }
        let alpha = |index: &usize| palette.clear.get(*index).copied().unwrap_or(u8::MAX);
        let all_alike = used.iter().all(|index| palette.colours[*index] == palette.colours[used[0]]);
        let only_alpha = all_alike && used.iter().any(|index| alpha(index) != alpha(&used[0]));
        let channels = if palette.is_grey() { 1 } else { 3 };
        Ok(Picture { channels, top: palette.top, palette: Some(palette), only_alpha, ..self.picture() })
    }
}

fn place<T: Copy>(values: &mut [T], kept: usize, sample: usize, together: usize, row: &[T]) {
    if sample == 0 && together == kept {
        values[..row.len()].copy_from_slice(row);
        return;
    }
    for (pixel, samples) in values.chunks_exact_mut(kept).zip(row.chunks_exact(together)) {
        for (value, own) in samples.iter().zip(sample..) {
            if own < kept {
                pixel[own] = *value;
            }
        }
    }
}
