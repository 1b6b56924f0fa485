//! Sums over logits and targets that losses are made of, and their gradients.
//!
//! With `e = exp(−|x|)` nothing overflows and nothing cancels: `σ(|x|) = 1/(1 + e)`, `σ(−|x|) = e/(1 + e)`.

use super::simd::{Kernel, LANES, Level, Simd};

/// Vectors summed in f32 before the sum goes on in f64.
const GROUP: usize = 16 * LANES;

/// `Σ max(x, 0) − x·t + ln(1 + exp(−|x|))`: binary cross-entropy.
///
/// # Panics
/// If the lengths differ.
pub fn cross_entropy(level: Level, x: &[f32], t: &[f32]) -> f64 {
    level.run(Sums { x, t, term: CrossEntropy })[0]
}

/// `[Σ σ(x)·t, Σ σ(x) + t]`.
///
/// # Panics
/// If the lengths differ.
pub fn overlap(level: Level, x: &[f32], t: &[f32]) -> [f64; 2] {
    level.run(Sums { x, t, term: Overlap })
}

/// `out = (σ(x) − t) · factor`: the gradient of [`cross_entropy`].
///
/// # Panics
/// If the lengths differ.
pub fn cross_entropy_gradient(level: Level, x: &[f32], t: &[f32], factor: f32, out: &mut [f32]) {
    level.run(Gradients { x, t, term: CrossEntropyGradient { factor }, out });
}

/// `out = (level − t · tilt) · σ(x) · σ(−x)`: the gradient of a quotient of [`overlap`]'s sums.
///
/// # Panics
/// If the lengths differ.
pub fn overlap_gradient(level: Level, x: &[f32], t: &[f32], (constant, tilt): (f32, f32), out: &mut [f32]) {
    level.run(Gradients { x, t, term: OverlapGradient { constant, tilt }, out });
}

/// Something of one logit and target.
trait Term: Copy {
    /// Up to two values.
    fn of<S: Simd>(self, s: S, x: S::V, t: S::V) -> [S::V; 2];
}

#[derive(Clone, Copy)]
struct CrossEntropy;

impl Term for CrossEntropy {
    #[inline(always)]
    fn of<S: Simd>(self, s: S, x: S::V, t: S::V) -> [S::V; 2] {
        let e = exp_of_minus(s, magnitude(s, x));
        // The second operand is what a NaN leaves: NaN stays NaN.
        let linear = s.sub(s.max(s.zero(), x), s.mul(x, t));
        [s.add(linear, ln_1p(s, e)), s.zero()]
    }
}

#[derive(Clone, Copy)]
struct Overlap;

impl Term for Overlap {
    #[inline(always)]
    fn of<S: Simd>(self, s: S, x: S::V, t: S::V) -> [S::V; 2] {
        let [p, _] = probabilities(s, x);
        [s.mul(p, t), s.add(p, t)]
    }
}

#[derive(Clone, Copy)]
struct CrossEntropyGradient {
    factor: f32,
}

impl Term for CrossEntropyGradient {
    #[inline(always)]
    fn of<S: Simd>(self, s: S, x: S::V, t: S::V) -> [S::V; 2] {
        let [p, q] = probabilities(s, x);
        // σ(x) − t without the cancellation where both are near 1.
        let difference = s.sub(s.mul(p, s.sub(s.splat(1.0), t)), s.mul(q, t));
        [s.mul(difference, s.splat(self.factor)), s.zero()]
    }
}

#[derive(Clone, Copy)]
struct OverlapGradient {
    constant: f32,
    tilt: f32,
}

impl Term for OverlapGradient {
    #[inline(always)]
    fn of<S: Simd>(self, s: S, x: S::V, t: S::V) -> [S::V; 2] {
        let [p, q] = probabilities(s, x);
        let slope = s.sub(s.splat(self.constant), s.mul(t, s.splat(self.tilt)));
        [s.mul(slope, s.mul(p, q)), s.zero()]
    }
}

#[inline(always)]
fn magnitude<S: Simd>(s: S, x: S::V) -> S::V {
    s.max(s.sub(s.zero(), x), x)
}

/// `[σ(x), σ(−x)]`.
#[inline(always)]
fn probabilities<S: Simd>(s: S, x: S::V) -> [S::V; 2] {
    let e = exp_of_minus(s, magnitude(s, x));
    let large = s.div(s.splat(1.0), s.add(s.splat(1.0), e));
    let small = s.mul(e, large);
    let positive = s.gt(x, s.zero());
    [s.select(positive, large, small), s.select(positive, small, large)]
}

/// `exp(−x)` for x ≥ 0, within 2e-7 of it; 0 from 87 on. As in Cephes' `expf`: `2ⁿ · exp(r)` with |r| ≤ ln 2 / 2.
#[inline(always)]
fn exp_of_minus<S: Simd>(s: S, x: S::V) -> S::V {
    // Adding and taking off 1.5 · 2²³ leaves the nearest whole number.
    let magic = s.splat(12_582_912.0);
    let n = s.sub(s.fma(x, s.splat(std::f32::consts::LOG2_E), magic), magic);
    // r = n ln 2 − x, ln 2 in two parts, of which the first times n is exact.
    let r = s.fma(n, s.splat(-2.121_944_4e-4), s.sub(s.mul(n, s.splat(0.693_359_4)), x));
    let mut sum = s.splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        sum = s.fma(sum, r, s.splat(c));
    }
    let value = s.add(s.fma(s.mul(r, r), sum, r), s.splat(1.0));
    s.select(s.gt(x, s.splat(87.0)), s.zero(), s.scale(value, s.sub(s.zero(), n)))
}

/// `ln(1 + u)` for u in [0, 1]: `2 artanh(u / (2 + u))`, eight terms of its series.
#[inline(always)]
fn ln_1p<S: Simd>(s: S, u: S::V) -> S::V {
    let z = s.div(u, s.add(s.splat(2.0), u));
    let square = s.mul(z, z);
    let mut sum = s.splat(2.0 / 15.0);
    for denominator in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = s.fma(sum, square, s.splat(2.0 / denominator));
    }
    s.mul(z, sum)
}

struct Sums<'a, T> {
    x: &'a [f32],
    t: &'a [f32],
    term: T,
}

/// Sixteen numbers, zeros after the last.
#[inline(always)]
fn padded(values: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all[..values.len()].copy_from_slice(values);
    all
}

impl<T: Term> Kernel for Sums<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f64; 2] {
        assert_eq!(self.x.len(), self.t.len(), "a target for each logit");
        let mut totals = [0.0; 2];
        for (x, t) in self.x.chunks(GROUP).zip(self.t.chunks(GROUP)) {
            let mut sums = [s.zero(); 2];
            for (x, t) in x.chunks_exact(LANES).zip(t.chunks_exact(LANES)) {
                // SAFETY: both chunks have 16 elements.
                let terms = unsafe { self.term.of(s, s.load(x.as_ptr()), s.load(t.as_ptr())) };
                for k in 0..2 {
                    sums[k] = s.add(sums[k], terms[k]);
                }
            }
            let rest = x.len() % LANES;
            let (x, t) = (padded(&x[x.len() - rest..]), padded(&t[t.len() - rest..]));
            let terms = self.term.of(s, s.from_array(x), s.from_array(t));
            for k in 0..2 {
                let (sum, term) = (s.to_array(sums[k]), s.to_array(terms[k]));
                for lane in 0..LANES {
                    totals[k] += f64::from(sum[lane]) + if lane < rest { f64::from(term[lane]) } else { 0.0 };
                }
            }
        }
        totals
    }
}

struct Gradients<'a, T> {
    x: &'a [f32],
    t: &'a [f32],
    term: T,
    out: &'a mut [f32],
}

impl<T: Term> Kernel for Gradients<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        assert!(self.x.len() == self.t.len() && self.x.len() == self.out.len(), "a target and a gradient for each logit");
        let chunks = self.x.chunks(LANES).zip(self.t.chunks(LANES)).zip(self.out.chunks_mut(LANES));
        for ((x, t), out) in chunks {
            let terms = self.term.of(s, s.from_array(padded(x)), s.from_array(padded(t)));
            out.copy_from_slice(&s.to_array(terms[0])[..out.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the formulas in f64.
    #[test]
    fn sums_and_gradients_at_every_level() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 - 500.0) * 0.0573).chain([0.0, -0.0, 90.0, -90.0, 1e4, -1e4]).collect();
        let t: Vec<f32> = (0..x.len()).map(|i| if i % 3 == 0 { 1.0 } else { 0.25 * (i % 2) as f32 }).collect();
        let pairs = || x.iter().zip(&t).map(|(x, t)| (f64::from(*x), f64::from(*t)));
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let entropy: f64 = pairs().map(|(x, t)| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p()).sum();
        let both: f64 = pairs().map(|(x, t)| sigmoid(x) * t).sum();
        let sum: f64 = pairs().map(|(x, t)| sigmoid(x) + t).sum();
        let close = |got: f64, want: f64| assert!((got - want).abs() <= 3e-7 * want.abs() + 1e-37, "{got}, formula {want}");
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            close(cross_entropy(level, &x, &t), entropy);
            let got = overlap(level, &x, &t);
            close(got[0], both);
            close(got[1], sum);
            let mut out = vec![0.0; x.len()];
            cross_entropy_gradient(level, &x, &t, 0.5, &mut out);
            for ((x, t), got) in pairs().zip(&out) {
                // σ(x) − t in f64 loses its digits as well: σ(x)(1 − t) − σ(−x)t.
                let want = 0.5 * (sigmoid(x) * (1.0 - t) - sigmoid(-x) * t);
                assert!(
                    (f64::from(*got) - want).abs() <= 3e-7 * (sigmoid(x) * (1.0 - t) + sigmoid(-x) * t) + 1e-37,
                    "{x} {t} {got}"
                );
            }
            overlap_gradient(level, &x, &t, (2.0, 3.0), &mut out);
            for ((x, t), got) in pairs().zip(&out) {
                close(f64::from(*got), (2.0 - 3.0 * t) * sigmoid(x) * sigmoid(-x));
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for x in [[f32::NAN; 16], [f32::NAN; 16]] {
            assert!(cross_entropy(Level::best(), &x, &[0.0; 16]).is_nan());
            assert!(overlap(Level::best(), &x, &[1.0; 16])[0].is_nan());
        }
    }
}
