//! Every level against plain code on arrays.

use super::*;

/// Small integers and halves: every operation but `√` and `/` is exact on them, whatever the rounding of `fma`.
const A: [f32; 16] = [0.0, 1.0, -2.0, 3.5, -4.5, 5.0, 6.0, -7.0, 8.0, 9.5, -10.0, 11.0, 12.0, -13.5, 14.0, 15.0];
const B: [f32; 16] = [2.0, 1.0, -1.0, 3.5, 4.5, -5.0, 6.5, -8.0, 8.0, -9.5, 10.0, 11.0, 0.5, 0.25, -0.5, 16.0];

struct Arithmetic;
impl Kernel for Arithmetic {
    type Output = Vec<[f32; 16]>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let (a, b) = (s.from_array(A), s.from_array(B));
        let (gt, eq) = (s.gt(a, b), s.eq(a, b));
        let bit = |m| s.select(m, s.splat(1.0), s.zero());
        let vectors = [
            s.add(a, b),
            s.sub(a, b),
            s.mul(a, b),
            s.div(a, b),
            s.fma(a, b, a),
            s.sqrt(s.mul(a, a)),
            s.max(a, b),
            s.select(gt, a, b),
            bit(eq),
            bit(s.and(s.all(), gt)),
            bit(s.and_not(s.all(), gt)),
            s.splat(s.sum(a)),
        ];
        vectors.into_iter().map(|v| s.to_array(v)).collect()
    }
}

#[test]
fn arithmetic_is_that_of_f32() {
    let zip = |f: fn(f32, f32) -> f32| std::array::from_fn(|i| f(A[i], B[i]));
    let expected: [[f32; 16]; 12] = [
        zip(|a, b| a + b),
        zip(|a, b| a - b),
        zip(|a, b| a * b),
        zip(|a, b| a / b),
        zip(|a, b| a * b + a),
        zip(|a, _| a.abs()),
        zip(f32::max),
        zip(f32::max),
        zip(|a, b| f32::from(a == b)),
        zip(|a, b| f32::from(a > b)),
        zip(|a, b| f32::from(a <= b)),
        [A.iter().sum(); 16],
    ];
    for level in Level::ALL.into_iter().filter(|l| l.is_supported()) {
        assert_eq!(level.run(Arithmetic), expected, "{}", level.name());
    }
}

struct Transpose<'a>(&'a mut [f32; 256]);
impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let p = self.0.as_mut_ptr();
        // SAFETY: sixteen rows of sixteen lie in the array.
        unsafe {
            let rows = s.transpose(std::array::from_fn(|i| s.load(p.add(16 * i))));
            for (i, row) in rows.into_iter().enumerate() {
                s.store(p.add(16 * i), row);
            }
        }
    }
}

#[test]
fn transpose_swaps_rows_and_columns() {
    for level in Level::ALL.into_iter().filter(|l| l.is_supported()) {
        let mut matrix = std::array::from_fn(|i| i as f32);
        level.run(Transpose(&mut matrix));
        assert_eq!(matrix, std::array::from_fn(|i| ((i % 16) * 16 + i / 16) as f32), "{}", level.name());
    }
}

/// Writes 16 bf16, then 16 pairs, with AVX512-BF16 if `NATIVE` and the level has it.
struct Narrow<const NATIVE: bool>([f32; 16], [f32; 16]);
impl<const NATIVE: bool> Kernel for Narrow<NATIVE> {
    type Output = ([bf16; 16], [[bf16; 2]; 16]);
    const BF16: bool = NATIVE;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let (mut singles, mut pairs) = ([bf16::ZERO; 16], [[bf16::ZERO; 2]; 16]);
        let (a, b) = (s.from_array(self.0), s.from_array(self.1));
        // SAFETY: the arrays have room for 16 and for 32.
        unsafe {
            s.store_bf16(singles.as_mut_ptr(), a);
            s.store_pairs(pairs.as_mut_ptr().cast(), a, b);
        }
        (singles, pairs)
    }
}

/// Oracle: the crate `half`. Native conversion makes subnormal numbers zero.
#[test]
fn bf16_is_rounded_to_the_nearest_even() {
    let ties = [0x3f80_8000, 0x3f81_8000, 0x7f7f_ffff];
    let patterns: Vec<u32> = ties.into_iter().chain((3..1 << 16).map(|i: u32| i.wrapping_mul(0x9e37_79b9))).collect();
    for bits in patterns.chunks_exact(32) {
        let [a, b]: [[f32; 16]; 2] = std::array::from_fn(|half| std::array::from_fn(|i| f32::from_bits(bits[16 * half + i])));
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            for (native, (singles, pairs)) in [(false, level.run(Narrow::<false>(a, b))), (true, level.run(Narrow::<true>(a, b)))]
            {
                let flushes = native && level == Level::Avx512Bf16;
                let check = |got: bf16, x: f32| {
                    let want = bf16::from_f32(if flushes && x.is_subnormal() { 0.0f32.copysign(x) } else { x });
                    let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                    assert!(same, "{}, native {native}: {x:e} became {got:e}", level.name());
                };
                for i in 0..16 {
                    check(singles[i], a[i]);
                    check(pairs[i][0], a[i]);
                    check(pairs[i][1], b[i]);
                }
            }
        }
    }
}

/// `(first, second)` of pairs, and their scalar products plus `A`.
struct Pairs<'a>(&'a [[bf16; 2]; 16]);
impl Kernel for Pairs<'_> {
    type Output = [[f32; 16]; 3];
    const BF16: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        // SAFETY: 16 pairs of bf16 are as long as 16 f32.
        let v = unsafe { s.load(self.0.as_ptr().cast()) };
        let (first, second) = s.widen_pairs(v);
        [s.to_array(first), s.to_array(second), s.to_array(s.dot_pairs(v, v, s.from_array(A)))]
    }
}

#[test]
fn pairs_are_widened_and_multiplied() {
    let pairs: [[bf16; 2]; 16] = std::array::from_fn(|i| [bf16::from_f32(A[i]), bf16::from_f32(B[i])]);
    // The numbers are such that every product and sum is exact.
    let expected = [A, B, std::array::from_fn(|i| A[i] * A[i] + B[i] * B[i] + A[i])];
    for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
        assert_eq!(level.run(Pairs(&pairs)), expected, "{}", level.name());
    }
}
