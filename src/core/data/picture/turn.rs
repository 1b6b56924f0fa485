//! Pictures turned and mirrored as their orientation says.

use super::{Picture, Values};

impl Picture {
    /// Turned as a number of EXIF 2.32, 4.6.4 (TIFF 6.0, tag 274) says: 1 not, 2 mirrored left to right, 3 by half a turn, 4 upside down,
    /// 5 to 8 with rows and columns exchanged.
    pub fn turned(mut self, orientation: u8) -> Self {
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let stride = self.values.len() / (self.size[0] * self.size[1]);
        self.values = match self.values {
            Values::Bytes(values) => Values::Bytes(turn(&values, self.size, stride, orientation)),
            Values::Words(values) => Values::Words(turn(&values, self.size, stride, orientation)),
            Values::Floats(values) => Values::Floats(turn(&values, self.size, stride, orientation)),
        };
        if orientation > 4 {
            self.size.reverse();
        }
        self.turned = true;
        self
    }
}

fn turn<T: Copy>(values: &[T], [h, w]: [usize; 2], stride: usize, orientation: u8) -> Vec<T> {
    let [height, width] = if orientation > 4 { [w, h] } else { [h, w] };
    let from = |y: usize, x: usize| match orientation {
        2 => [y, w - 1 - x],
        3 => [h - 1 - y, w - 1 - x],
        4 => [h - 1 - y, x],
        5 => [x, y],
        6 => [h - 1 - x, y],
        7 => [h - 1 - x, w - 1 - y],
        _ => [x, w - 1 - y],
    };
    let mut turned = Vec::with_capacity(values.len());
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let [y, x] = from(y, x);
        turned.extend_from_slice(&values[(y * w + x) * stride..][..stride]);
    }
    turned
}
