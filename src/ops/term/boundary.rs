//! The weights of the U-Net paper (Ronneberger et al. 2015, equation 2): `w = 1 + w0 · exp(−(d1 + d2)² / (2σ²))` for unmarked pixels, d1 and d2
//! being the distances in pixels to the nearest marked pixels of the nearest and the second nearest component; 1 for marked pixels, and everywhere
//! in an image of fewer than two components. (The paper's w_c, which balances classes, is 1: class weights do that here.)

/// Distances beyond so many σ add less than e^−18 of w0 and are taken for infinite.
const FAR: f64 = 6.0;

/// The weight of every pixel of a mask.
pub fn weights(mask: &[f32], [h, w]: [usize; 2], w0: f64, sigma: f64) -> Vec<f64> {
    let (labels, components) = components(mask, [h, w]);
    // The two smallest distances of every pixel.
    let mut nearest = vec![[f64::INFINITY; 2]; mask.len()];
    let reach = (FAR * sigma).ceil() as usize;
    for (label, bounds) in components.iter().enumerate() {
        let window = bounds.widened(reach, [h, w]);
        let inside = |y: usize, x: usize| labels[y * w + x] == Some(label);
        for (at, squared) in squared_distances(&window, inside) {
            let (distance, [first, second]) = (squared.sqrt(), &mut nearest[at.0 * w + at.1]);
            if distance < *first {
                (*first, *second) = (distance, *first);
            } else if distance < *second {
                *second = distance;
            }
        }
    }
    let weight = |(mask, [first, second]): (&f32, &[f64; 2])| {
        if *mask >= 0.5 { 1.0 } else { 1.0 + w0 * (-(first + second).powi(2) / (2.0 * sigma * sigma)).exp() }
    };
    mask.iter().zip(&nearest).map(weight).collect()
}

/// Rows and columns, the last ones excluded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Bounds {
    fn with(self, y: usize, x: usize) -> Self {
        let with = |[first, end]: [usize; 2], at: usize| [first.min(at), end.max(at + 1)];
        Self { rows: with(self.rows, y), columns: with(self.columns, x) }
    }

    fn widened(self, by: usize, [h, w]: [usize; 2]) -> Self {
        let wide = |[first, end]: [usize; 2], most: usize| [first.saturating_sub(by), (end + by).min(most)];
        Self { rows: wide(self.rows, h), columns: wide(self.columns, w) }
    }
}

/// The component of every marked pixel (neighbours on all eight sides), and each one's bounds.
fn components(mask: &[f32], [h, w]: [usize; 2]) -> (Vec<Option<usize>>, Vec<Bounds>) {
    let (mut labels, mut components) = (vec![None; mask.len()], Vec::new());
    for start in 0..mask.len() {
        if mask[start] < 0.5 || labels[start].is_some() {
            continue;
        }
        let label = components.len();
        let mut bounds = Bounds { rows: [start / w, start / w + 1], columns: [start % w, start % w + 1] };
        labels[start] = Some(label);
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            let (y, x) = (at / w, at % w);
            bounds = bounds.with(y, x);
            for (y, x) in neighbours(y, x, [h, w]) {
                if mask[y * w + x] >= 0.5 && labels[y * w + x].is_none() {
                    labels[y * w + x] = Some(label);
                    open.push(y * w + x);
                }
            }
        }
        components.push(bounds);
    }
    (labels, components)
}

fn neighbours(y: usize, x: usize, [h, w]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let rows = y.saturating_sub(1)..(y + 2).min(h);
    rows.flat_map(move |y| (x.saturating_sub(1)..(x + 2).min(w)).map(move |x| (y, x)))
}

/// For each pixel of a window the squared distance to the nearest pixel that is `inside`: first along columns, then, of those, along rows
/// (Felzenszwalb & Huttenlocher 2012).
fn squared_distances(window: &Bounds, inside: impl Fn(usize, usize) -> bool) -> Vec<((usize, usize), f64)> {
    let ([top, bottom], [left, right]) = (window.rows, window.columns);
    let (height, width) = (bottom - top, right - left);
    let mut along_columns = vec![f64::INFINITY; height * width];
    for x in 0..width {
        let column: Vec<f64> = (0..height).map(|y| if inside(top + y, left + x) { 0.0 } else { f64::INFINITY }).collect();
        for (y, distance) in envelope(&column).into_iter().enumerate() {
            along_columns[y * width + x] = distance;
        }
    }
    let rows = along_columns.chunks(width).enumerate();
    rows.flat_map(|(y, row)| envelope(row).into_iter().enumerate().map(move |(x, d)| ((top + y, left + x), d))).collect()
}

/// `min_q (p − q)² + f(q)` for every p: the lower envelope of parabolas.
fn envelope(f: &[f64]) -> Vec<f64> {
    // Each parabola that is lowest somewhere, with where it begins to be.
    let mut lowest: Vec<(usize, f64)> = Vec::new();
    for q in (0..f.len()).filter(|q| f[*q].is_finite()) {
        let square = |q: usize| f[q] + (q * q) as f64;
        let begin = loop {
            let Some(&(last, begin)) = lowest.last() else { break f64::NEG_INFINITY };
            let meet = (square(q) - square(last)) / (2 * (q - last)) as f64;
            if meet > begin {
                break meet;
            }
            lowest.pop();
        };
        lowest.push((q, begin));
    }
    let mut at = 0;
    let distance = |p: usize| {
        while at + 1 < lowest.len() && lowest[at + 1].1 < p as f64 {
            at += 1;
        }
        lowest.get(at).map_or(f64::INFINITY, |(q, _)| (p as f64 - *q as f64).powi(2) + f[*q])
    };
    (0..f.len()).map(distance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [13, 17];

    /// Three components, the third of single diagonal steps.
    fn mask() -> Vec<f32> {
        let marked = |y: usize, x: usize| (y < 4 && x < 5) || (y > 6 && x > 3 && x < 9) || (x > 11 && x == y + 7);
        (0..SIZE[0] * SIZE[1]).map(|i| f32::from(u8::from(marked(i / SIZE[1], i % SIZE[1])))).collect()
    }

    /// Oracle: every distance by looking at every pixel.
    #[test]
    fn weights_are_those_of_the_definition() {
        let (mask, [h, w]) = (mask(), SIZE);
        let (labels, components) = components(&mask, SIZE);
        assert_eq!(components.len(), 3);
        let found = weights(&mask, SIZE, 10.0, 5.0);
        for (at, found) in found.iter().enumerate() {
            let to = |label: usize| {
                let own = (0..h * w).filter(|i| labels[*i] == Some(label));
                let squared = own.map(|i| (i / w).abs_diff(at / w).pow(2) + (i % w).abs_diff(at % w).pow(2));
                (squared.min().expect("it has a pixel") as f64).sqrt()
            };
            let mut distances: Vec<f64> = (0..3).map(to).collect();
            distances.sort_by(f64::total_cmp);
            let between = 10.0 * (-(distances[0] + distances[1]).powi(2) / 50.0).exp();
            let want = if mask[at] > 0.0 { 1.0 } else { 1.0 + between };
            assert!((found - want).abs() < 1e-12, "pixel {at}: {found}, definition {want}");
        }
    }

    #[test]
    fn one_component_or_none_weighs_every_pixel_alike() {
        let mut mask = vec![0.0; 12];
        assert_eq!(weights(&mask, [3, 4], 10.0, 5.0), [1.0; 12]);
        mask[5] = 1.0;
        assert_eq!(weights(&mask, [3, 4], 10.0, 5.0), [1.0; 12]);
    }
}
