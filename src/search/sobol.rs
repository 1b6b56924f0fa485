//! Points that fill the unit cube evenly, however many are taken: the Sobol sequence with scrambled digits. Point i needs no
//! point before it.

use super::stream::Stream;
use table::DIRECTIONS;

mod table;

/// Point `index`, counted from 0, of the sequence of a seed: as many numbers in (0, 1) as asked for, at most
/// [`super::space::MOST_PARAMETERS`].
///
/// Direction numbers: Joe and Kuo 2008, in the order of Gray codes. Scrambling: Owen's, by a hash (Burley 2020, JCGT 9(4), with
/// Laine and Karras's permutation and Vegdahl's constants). The order of points is kept: the first 2^k are a net.
pub fn sobol(seed: u64, index: usize, dimensions: usize) -> Vec<f64> {
    let number = |dimension| {
        let scramble = Stream::new(seed, "owen", dimension, 0).bits() as u32;
        (f64::from(owen(digits(index as u32, dimension), scramble)) + 0.5) / 4_294_967_296.0
    };
    (0..dimensions).map(number).collect()
}

/// The binary digits of a coordinate, before scrambling.
fn digits(index: u32, dimension: usize) -> u32 {
    let gray = index ^ (index >> 1);
    let directions = directions(dimension);
    (0..32).filter(|bit| gray >> bit & 1 == 1).fold(0, |digits, bit| digits ^ directions[bit])
}

/// The 32 direction numbers of a dimension, by the recurrence of its polynomial.
fn directions(dimension: usize) -> [u32; 32] {
    let mut v: [u32; 32] = std::array::from_fn(|k| 1 << (31 - k));
    let Some(&(a, initial)) = dimension.checked_sub(1).map(|at| &DIRECTIONS[at]) else {
        return v;
    };
    let degree = initial.len();
    for k in 0..32 {
        v[k] = if k < degree {
            initial[k] << (31 - k)
        } else {
            let terms = (1..degree).filter(|t| a >> (degree - 1 - t) & 1 == 1);
            terms.fold(v[k - degree] ^ (v[k - degree] >> degree), |x, t| x ^ v[k - t])
        };
    }
    v
}

/// Nested uniform scrambling of 32 digits.
fn owen(x: u32, seed: u32) -> u32 {
    let mut x = x.reverse_bits();
    x ^= x.wrapping_mul(0x3D20_ADEA);
    x = x.wrapping_add(seed);
    x = x.wrapping_mul((seed >> 16) | 1);
    x ^= x.wrapping_mul(0x0552_6C56);
    x ^= x.wrapping_mul(0x53A2_2864);
    x.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: scipy.stats.qmc.Sobol without scrambling (scripts/search_oracle.py, "sobol").
    #[test]
    fn digits_are_joe_and_kuos() {
        let expected: [(u32, [u32; 6]); 4] = [
            (1, [2147483648, 2147483648, 2147483648, 2147483648, 2147483648, 2147483648]),
            (2, [3221225472, 1073741824, 1073741824, 3221225472, 1073741824, 3221225472]),
            (77, [3590324224, 3590324224, 33554432, 2785017856, 3523215360, 3791650816]),
            (511, [8388608, 2155872256, 1753219072, 1988100096, 2659188736, 2155872256]),
        ];
        for (index, row) in expected {
            assert_eq!([0, 1, 2, 7, 40, 63].map(|dimension| digits(index, dimension)), row, "point {index}");
        }
        let sum = (0..512)
            .flat_map(|index| (0..64).map(move |at| u64::from(digits(index, at)) * (u64::from(index) + 1) % 1009))
            .sum::<u64>();
        assert_eq!(sum, 16547703);
    }

    /// Oracle: the same hash in plain Python (scripts/search_oracle.py, "sobol").
    #[test]
    fn scrambled_points_are_the_references() {
        let expected = [
            (0, [0.445834978367202, 0.6815253143431619, 0.6986674008658156, 0.2863221176667139]),
            (1, [0.8708236183738336, 0.4390327021246776, 0.15505697659682482, 0.6816714027663693]),
            (9, [0.905941145378165, 0.16534519230481237, 0.8237555007217452, 0.8924382795812562]),
            (300, [0.018833654816262424, 0.6286170476814732, 0.9908420020947233, 0.030128450482152402]),
        ];
        for (index, row) in expected {
            assert_eq!(sobol(5, index, 4), row, "point {index}");
        }
    }

    /// By definition of a net: of the first 16 points, each sixteenth of every axis has one.
    #[test]
    fn the_first_points_of_every_seed_are_a_net() {
        for seed in 0..20 {
            for dimension in 0..8 {
                let mut cells: Vec<usize> = (0..16).map(|index| (sobol(seed, index, 8)[dimension] * 16.0) as usize).collect();
                cells.sort_unstable();
                assert_eq!(cells, (0..16).collect::<Vec<_>>(), "seed {seed}, dimension {dimension}");
            }
        }
    }
}
