//! Every level, variant, type of maps and order of work against sums in f64.
//!
//! Errors are the larger of `‖value − reference‖ / ‖reference‖` and `max |value − reference| / max |reference|` over a whole
//! result: F(2×2) and direct sums ≤ 2e-6, F(4×4) ≤ 4e-6, both ≤ 5e-3 where the result is stored as bf16, one rounding by up to
//! 2⁻⁸. Where the products' factors are bf16 it is the norm's alone, ≤ 5e-3, or ≤ 1e-2 over fewer than 100 numbers, too few for
//! the errors to average out. The reference knows the very numbers that the kernels read.

mod problem;

use super::*;
use problem::{Case, Problem};

fn methods() -> impl Iterator<Item = Method> {
    let levels = Level::ALL.into_iter().filter(|level| level.is_supported());
    levels.flat_map(|level| [Variant::F2, Variant::F4, Variant::F2Bf16].map(|v| Method { level, forward: v, gradients: v }))
}

fn check(n: usize, sources: &'static [usize], out: usize, (h, w): (usize, usize), upsampled: bool) {
    let case = Case { n, sources, out, h, w, upsampled };
    let (wide, narrow) = (Problem::<f32>::new(case), Problem::<bf16>::new(case));
    methods().for_each(|method| {
        wide.check(method);
        narrow.check(method);
    });
}

#[test]
fn one_pixel() {
    for sources in [&[1][..], &[3], &[17], &[64]] {
        check(1, sources, 17, (1, 1), false);
        check(3, sources, 3, (1, 1), true);
    }
}

#[test]
fn small_odd_maps() {
    check(1, &[1], 1, (2, 3), false);
    check(3, &[17], 64, (2, 3), false);
    check(3, &[1], 17, (5, 7), false);
    check(1, &[3], 3, (5, 7), true);
    check(3, &[17], 1, (5, 7), true);
    check(1, &[64], 3, (33, 17), false);
}

#[test]
fn odd_sides_few_channels() {
    check(1, &[1], 3, (65, 63), false);
    check(3, &[3], 17, (9, 31), false);
    check(1, &[3], 64, (33, 5), false);
}

#[test]
fn odd_sides_many_tiles() {
    check(1, &[17], 17, (65, 63), false);
    check(3, &[64], 17, (19, 13), false);
    check(1, &[17], 3, (17, 23), true);
}

#[test]
fn few_tiles_many_channels() {
    check(1, &[64], 64, (7, 5), false);
    check(3, &[64], 64, (2, 3), true);
    check(1, &[272], 33, (5, 6), false);
}

#[test]
fn several_sources_in_place() {
    check(1, &[17, 3], 20, (13, 10), false);
    check(3, &[64, 1, 32], 17, (4, 7), false);
    check(1, &[5, 17], 1, (9, 6), true);
    check(3, &[1, 3], 3, (1, 1), false);
    check(1, &[3, 17], 3, (33, 17), false);
    check(1, &[1, 1], 17, (65, 63), true);
}

#[test]
fn results_do_not_depend_on_threads() {
    let cases = [
        Case { n: 3, sources: &[17, 3], out: 20, h: 21, w: 18, upsampled: false },
        Case { n: 1, sources: &[64], out: 80, h: 6, w: 5, upsampled: true },
        Case { n: 1, sources: &[3], out: 17, h: 30, w: 9, upsampled: false },
    ];
    for case in cases {
        assert_alike_on_any_threads::<f32>(case);
        assert_alike_on_any_threads::<bf16>(case);
    }
}

fn assert_alike_on_any_threads<E: Element>(case: Case) {
    let problem = Problem::<E>::new(case);
    for method in methods() {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| problem.compute(method))
        };
        let one = with(1);
        assert!(one == with(2) && one == with(3), "{case:?} by {method:?}");
    }
}
