//! Where voxels lie in the patient, to tell a mask that is mirrored or moved against its image.

/// From voxel indices to millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Rows of x (larger to the patient's right), y (to the front) and z (to the head): the step along each voxel
    /// axis (columns, rows, slices as they are stored), then the middle of the first voxel, in mm.
    pub affine: [[f64; 4]; 3],
    /// Voxels along each axis.
    pub extent: [usize; 3],
}

impl Placement {
    /// Whether all corners of both lie in the same places, to half the shortest edge of a voxel.
    pub fn agrees(&self, other: &Self) -> bool {
        let edge = |axis: usize| (0..3).map(|row| self.affine[row][axis].powi(2)).sum::<f64>().sqrt();
        let axes = (0..3).filter(|axis| self.extent[*axis] > 1);
        let shortest = axes.map(edge).fold(f64::INFINITY, f64::min);
        self.extent == other.extent && (0..8).all(|corner| distance(self.corner(corner), other.corner(corner)) <= shortest / 2.0)
    }

    fn corner(&self, number: usize) -> [f64; 3] {
        let index = |axis: usize| if number >> axis & 1 == 1 { (self.extent[axis] - 1) as f64 } else { 0.0 };
        self.affine.map(|row| (0..3).map(|axis| row[axis] * index(axis)).sum::<f64>() + row[3])
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrored_moved_and_turned_voxels_do_not_agree() {
        let of = |affine| Placement { affine, extent: [4, 5, 6] };
        let image = of([[1.0, 0.0, 0.0, 10.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
        assert!(image.agrees(&image));
        let nearly = of([[1.001, 0.0, 0.0, 10.1], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.3]]);
        assert!(image.agrees(&nearly));
        // The same box with the first axis mirrored, the box one voxel further, and another spacing.
        let mirrored = of([[-1.0, 0.0, 0.0, 13.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
        let moved = of([[1.0, 0.0, 0.0, 11.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
        let longer = of([[1.0, 0.0, 0.0, 10.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]);
        for other in [mirrored, moved, longer, Placement { extent: [4, 5, 7], ..image }] {
            assert!(!image.agrees(&other), "{other:?}");
        }
    }
}
