//! Random changes of training samples that move image and mask alike.

use crate::config::Augment;
use crate::data::random::generator;
use crate::data::window::Window;
use rand::Rng;

/// What happens to one sample in one epoch: flips first, then quarter turns counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Motion {
    /// Left and right exchanged.
    pub flip_horizontal: bool,
    /// Top and bottom exchanged.
    pub flip_vertical: bool,
    /// 0 to 3.
    pub quarter_turns: u32,
}

impl Motion {
    /// Follows from seed, epoch and sample alone. All numbers are drawn always, so that one setting does not change what
    /// another does.
    pub(in crate::data) fn draw(augment: &Augment, seed: u64, epoch: usize, sample: usize) -> Self {
        let mut rng = generator("umlaut augment", &[seed, epoch as u64, sample as u64]);
        let mut happens = |probability: f64| rng.random::<f64>() < probability;
        let flip_horizontal = happens(augment.flip_horizontal);
        let flip_vertical = happens(augment.flip_vertical);
        let turned = happens(augment.rotate90);
        let quarters = rng.random_range(1..=3);
        Self { flip_horizontal, flip_vertical, quarter_turns: if turned { quarters } else { 0 } }
    }

    /// Moves a window of one plane. Quarter turns need a square, half turns do not.
    pub(in crate::data) fn apply<T: Copy, U>(self, plane: &[T], window: Window, moved: &mut [U], convert: impl Fn(T) -> U) {
        let width = window.size[1];
        for (i, to) in moved.iter_mut().enumerate() {
            let [y, x] = self.origin([i / width, i % width].map(|at| at as isize), window.size);
            *to = convert(plane[window.offset(y as usize, x as usize)]);
        }
    }

    /// How the picture about a window lies once it is moved with it.
    pub(super) fn view(self, window: Window) -> View {
        let at = |place: [isize; 2]| {
            let place = self.origin(place, window.size);
            [0, 1].map(|axis| place[axis] + window.corner[axis] as isize)
        };
        let (first, width) = (at([0, 0]), window.image[1] as isize);
        let axis = |place: [isize; 2]| {
            let next = at(place);
            let step = [next[0] - first[0], next[1] - first[1]];
            // One of both is 1 or −1: where the axis leads to.
            let along = usize::from(step[0] == 0);
            let side = window.image[along] as isize;
            let low = if step[along] > 0 { -first[along] } else { first[along] - side + 1 };
            Axis { step: step[0] * width + step[1], low, side }
        };
        View { first: first[0] * width + first[1], axes: [axis([1, 0]), axis([0, 1])] }
    }

    /// Where in a window the pixel that ends up at (y, x) comes from.
    fn origin(self, [mut y, mut x]: [isize; 2], size: [usize; 2]) -> [isize; 2] {
        let [height, width] = size.map(|side| side as isize);
        (y, x) = match self.quarter_turns {
            1 => (x, width - 1 - y),
            2 => (height - 1 - y, width - 1 - x),
            3 => (height - 1 - x, y),
            _ => (y, x),
        };
        [if self.flip_vertical { height - 1 - y } else { y }, if self.flip_horizontal { width - 1 - x } else { x }]
    }
}

/// A picture that flips and quarter turns have moved, without being copied, as seen from a window of it: the window's first pixel is at
/// (0, 0), and the picture goes on beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    /// Where in a plane the window's first pixel lies.
    pub first: isize,
    /// Downwards and to the right.
    pub axes: [Axis; 2],
}

/// One direction of a [`View`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// How far the next pixel lies in a plane.
    pub step: isize,
    /// Where the picture begins.
    pub low: isize,
    /// How many pixels it has.
    pub side: isize,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [usize; 2] = [2, 2];

    fn moved(motion: Motion) -> String {
        let mut moved = [' '; 4];
        motion.apply(&['a', 'b', 'c', 'd'], Window::whole(SQUARE), &mut moved, |c| c);
        moved.iter().collect()
    }

    #[test]
    fn motions_of_four_letters() {
        let still = Motion::default();
        assert_eq!(moved(still), "abcd");
        assert_eq!(moved(Motion { flip_horizontal: true, ..still }), "badc");
        assert_eq!(moved(Motion { flip_vertical: true, ..still }), "cdab");
        assert_eq!(moved(Motion { quarter_turns: 1, ..still }), "bdac");
        assert_eq!(moved(Motion { quarter_turns: 2, ..still }), "dcba");
        assert_eq!(moved(Motion { quarter_turns: 3, ..still }), "cadb");
        // First flipped to "badc", then turned.
        assert_eq!(moved(Motion { flip_horizontal: true, quarter_turns: 1, ..still }), "acbd");
    }

    #[test]
    fn probabilities_are_kept() {
        let augment = Augment { flip_vertical: 1.0, rotate90: 0.5, ..Augment::default() };
        let motions: Vec<Motion> = (0..1000).map(|sample| Motion::draw(&augment, 1, 1, sample)).collect();
        assert!(motions.iter().all(|m| !m.flip_horizontal && m.flip_vertical));
        // 1000 draws at 0.5: 16 is a standard deviation; each turn comes in a third of the turned ones.
        let turned = motions.iter().filter(|m| m.quarter_turns > 0).count();
        assert!((420..=580).contains(&turned), "{turned}");
        for turns in 1..=3 {
            assert!(motions.iter().filter(|m| m.quarter_turns == turns).count() > 110);
        }
    }

    #[test]
    fn one_setting_leaves_the_others_alone() {
        let flips = Augment { flip_horizontal: 0.5, ..Augment::default() };
        let all = Augment { flip_horizontal: 0.5, flip_vertical: 0.5, rotate90: 0.5, ..Augment::default() };
        for sample in 0..50 {
            let (a, b) = (Motion::draw(&flips, 7, 3, sample), Motion::draw(&all, 7, 3, sample));
            assert_eq!(a.flip_horizontal, b.flip_horizontal);
        }
    }
}
