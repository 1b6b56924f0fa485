//! Elastic deformation as in the U-Net paper (Ronneberger, Fischer and Brox 2015, section 3.1): displacements at the nodes of a
//! coarse 3×3 grid over the image are drawn from a Gaussian, and those of the pixels between follow by bicubic interpolation.
//!
//! The grid's corners are the image's corner pixels. With u = 2 y / (h − 1) a pixel's place on the grid, its displacement is
//! Σᵢ Σⱼ k(u − i) k(v − j) dᵢⱼ, with Keys' cubic kernel k for a = −3/4 and nodes beyond the grid equal to the nearest ones: what
//! PyTorch's `interpolate(mode="bicubic", align_corners=True)` calculates.

use super::stream::Stream;

/// Nodes along a side.
const NODES: usize = 3;

/// Displacements of the grid's nodes in pixels, down and to the right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    nodes: [[[f32; 2]; NODES]; NODES],
}

impl Grid {
    /// Draws displacements of this standard deviation in pixels.
    pub fn draw(stream: &mut Stream, sigma: f64) -> Self {
        let mut nodes = [[[0.0; 2]; NODES]; NODES];
        nodes.iter_mut().flatten().for_each(|node| *node = stream.normals().map(|normal| normal * sigma as f32));
        Self { nodes }
    }

    /// Displacements of the pixels of row `y`, down and to the right; `columns` are [`weights`] of the image's width.
    pub fn row<'a>(&self, y: usize, height: usize, columns: &'a [[f32; NODES]]) -> impl Iterator<Item = [f32; 2]> + use<'a> {
        let down = weight(y, height);
        let line: [[f32; 2]; NODES] =
            std::array::from_fn(|j| [0, 1].map(|axis| (0..NODES).map(|i| down[i] * self.nodes[i][j][axis]).sum()));
        columns.iter().map(move |across| [0, 1].map(|axis| (0..NODES).map(|j| across[j] * line[j][axis]).sum()))
    }
}

/// The weights of the nodes for every pixel of a side.
pub(super) fn weights(length: usize) -> Vec<[f32; NODES]> {
    (0..length).map(|at| weight(at, length)).collect()
}

fn weight(at: usize, length: usize) -> [f32; NODES] {
    let place = (NODES - 1) as f64 * at as f64 / (length.max(2) - 1) as f64;
    let mut weights = [0.0; NODES];
    for node in -1..=NODES as isize {
        weights[node.clamp(0, NODES as isize - 1) as usize] += keys(place - node as f64) as f32;
    }
    weights
}

/// Keys (1981), equation 4, generalised to a = −3/4.
fn keys(distance: f64) -> f64 {
    const A: f64 = -0.75;
    let x = distance.abs();
    match x {
        ..=1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        ..2.0 => ((x - 5.0) * x + 8.0) * x * A - 4.0 * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_are_those_of_pytorch() {
        // scripts/augment_oracle.py, PyTorch 2: the node in row i and column j has ((5 i + 3 j + 1) mod 7) − 3.
        let nodes = std::array::from_fn(|i| std::array::from_fn(|j| [((5 * i + 3 * j + 1) % 7) as f32 - 3.0, (i * j) as f32]));
        let columns = weights(7);
        let rows: Vec<f32> = (0..5).flat_map(|y| Grid { nodes }.row(y, 5, &columns)).map(|[down, _]| down).collect();
        assert_eq!(rows.len(), EXPECTED.len());
        for (value, expected) in rows.iter().zip(EXPECTED) {
            assert!((value - expected).abs() < 1e-5, "{rows:?}");
        }
    }

    #[test]
    fn equal_displacements_are_a_shift() {
        let grid = Grid { nodes: [[[2.0, -1.0]; NODES]; NODES] };
        for [down, right] in (0..9).flat_map(|y| grid.row(y, 9, &weights(4)).collect::<Vec<_>>()) {
            assert!((down - 2.0).abs() < 1e-5 && (right + 1.0).abs() < 1e-5);
        }
    }

    const EXPECTED: [f32; 35] = [
        -2.0, -0.833_332, 0.5, 1.0, 0.074_075, -1.574_075, -3.0, 0.687_5, 0.557_871, 0.400_463, 0.187_5, -0.025_463, -0.182_87,
        -0.312_5, 3.0, 1.574_073, -0.074_073, -1.0, -0.5, 0.833_334, 2.0, 2.468_75, 0.799_768, -1.127_893, -2.187_5, -1.553_82,
        0.059_029, 1.468_75, 1.0, -0.425_926, -2.074_074, -3.0, -2.5, -1.166_666, 0.0,
    ];
}
