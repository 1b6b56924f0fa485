//! Products on every level against sums in f64 of the operands as rounded; `|value − reference| ≤ 2e-6 Σ|a·b|`.

use super::*;

/// A product's sizes, in the order of the fields of [`Product`].
#[derive(Debug, Clone, Copy)]
struct Case {
    rows: usize,
    panels: usize,
    blocks: usize,
    depth: usize,
    transposed: bool,
    accumulate: bool,
}

/// Numbers in [−1, 1), rounded to `E`, that differ with the place.
fn number<E: Element>(place: usize, seed: u32) -> E {
    let bits = (place as u32 ^ seed << 20).wrapping_mul(0x9e37_79b1);
    E::of((bits ^ bits >> 15).wrapping_mul(0x85eb_ca77) as f32 / (1u32 << 31) as f32 - 1.0)
}

/// Where `(k, column)` lies in a matrix whose words hold several `k`.
fn packed<E: Operand>(k: usize, column: usize) -> usize {
    (k / E::PACKED * LANES + column) * E::PACKED + k % E::PACKED
}

fn check<E: Operand>(level: Level, case: Case) {
    let Case { rows, panels, blocks, depth, transposed, accumulate } = case;
    let words = depth.next_multiple_of(E::PACKED) * LANES;
    let (a_block, b_block, c_panel) = (if transposed { words } else { rows * LANES }, words, rows * LANES + 16);
    let (mut a, mut b) = (vec![E::ZERO; blocks * a_block], vec![E::ZERO; panels * blocks * b_block]);
    let a_at = |block, r, k| block * a_block + if transposed { packed::<E>(k, r) } else { r * LANES + k };
    let b_at = |panel, block, k, column| (panel * blocks + block) * b_block + packed::<E>(k, column);
    for (block, k) in (0..blocks).flat_map(|block| (0..depth).map(move |k| (block, k))) {
        (0..rows).for_each(|r| a[a_at(block, r, k)] = number(a_at(block, r, k), 1));
        for (panel, column) in (0..panels).flat_map(|panel| (0..LANES).map(move |column| (panel, column))) {
            b[b_at(panel, block, k, column)] = number(b_at(panel, block, k, column), 2);
        }
    }
    let before: Vec<f32> = (0..panels * c_panel).map(|i| number(i, 3)).collect();
    let mut c = before.clone();
    level.run(&Product {
        a: (a.as_ptr(), a_block),
        b: (b.as_ptr(), blocks * b_block, b_block),
        c: (c.as_mut_ptr(), c_panel),
        rows,
        panels,
        blocks,
        depth,
        transposed,
        accumulate,
    });
    for (i, got) in c.iter().enumerate() {
        let (panel, r, column) = (i / c_panel, i % c_panel / LANES, i % LANES);
        if r == rows {
            assert_eq!(*got, before[i], "written beyond the rows: {case:?} on {}", level.name());
            continue;
        }
        let (mut sum, mut size) = if accumulate { (f64::from(before[i]), f64::from(before[i].abs())) } else { (0.0, 0.0) };
        for (block, k) in (0..blocks).flat_map(|block| (0..depth).map(move |k| (block, k))) {
            let x = f64::from(a[a_at(block, r, k)].wide()) * f64::from(b[b_at(panel, block, k, column)].wide());
            (sum, size) = (sum + x, size + x.abs());
        }
        let error = (f64::from(*got) - sum).abs();
        assert!(error <= 2e-6 * size, "{case:?} on {}: {got} for {sum}", level.name());
    }
}

fn check_all<E: Operand>(rows: std::ops::RangeInclusive<usize>, depths: &[usize], blocks: &[usize], transposed: bool) {
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        for rows in rows.clone() {
            for (i, (&depth, &blocks)) in depths.iter().flat_map(|d| blocks.iter().map(move |b| (d, b))).enumerate() {
                check::<E>(level, Case { rows, panels: 1 + (rows + i) % 5, blocks, depth, transposed, accumulate: i % 2 == 1 });
            }
        }
    }
}

#[test]
fn rows_by_columns() {
    check_all::<f32>(1..=33, &[16], &[1, 2, 5], false);
    check_all::<bf16>(1..=33, &[16, 15, 1], &[1, 2, 5], false);
}

#[test]
fn transposed_rows_of_any_depth() {
    check_all::<f32>(1..=16, &[1, 2, 27, 56], &[1], true);
    check_all::<bf16>(1..=16, &[1, 2, 27, 56], &[1], true);
}
