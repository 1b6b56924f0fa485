//! Sums of many f32 that lose no accuracy and come out the same on any number of threads.

/// Running sums side by side, so that the compiler vectorises.
const LANES: usize = 16;
/// Elements that are summed in f32 before the sum goes on in f64.
const BLOCK: usize = 16 * LANES;

/// Σ f(xᵢ).
pub(super) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    x.chunks(BLOCK).map(|block| lanes(block.chunks_exact(LANES), |x, i| f(x[i])) + tail(block, &f)).sum()
}

/// Σ f(xᵢ, yᵢ).
pub(super) fn sum_of_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f64 {
    let block = |(x, y): (&[f32], &[f32])| {
        let whole = x.len() / LANES * LANES;
        let pairs = x.chunks_exact(LANES).zip(y.chunks_exact(LANES));
        let rest: f64 = x[whole..].iter().zip(&y[whole..]).map(|(x, y)| f64::from(f(*x, *y))).sum();
        lanes(pairs, |(x, y), i| f(x[i], y[i])) + rest
    };
    x.chunks(BLOCK).zip(y.chunks(BLOCK)).map(block).sum()
}

/// Σ xᵢ.
pub(super) fn sum(x: &[f32]) -> f64 {
    sum_of(x, |x| x)
}

#[inline(always)]
fn lanes<T: Copy>(rows: impl Iterator<Item = T>, f: impl Fn(T, usize) -> f32) -> f64 {
    let mut sums = [0f32; LANES];
    for row in rows {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += f(row, i);
        }
    }
    sums.iter().map(|s| f64::from(*s)).sum()
}

fn tail(block: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    block.chunks_exact(LANES).remainder().iter().map(|x| f64::from(f(*x))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane adds 16 numbers in f32, each addition wrong by half a unit in the last place (6e-8) at most: 1e-6 in all.
    #[test]
    fn sums_stay_exact_where_plain_f32_drifts() {
        let x = vec![0.1f32; 1_000_003];
        let want = f64::from(0.1f32) * 1_000_003.0;
        let error = |sum: f64| (sum / want - 1.0).abs();
        assert!(error(f64::from(x.iter().sum::<f32>())) > 1e-3);
        assert!(error(sum(&x)) < 1e-6, "{}", error(sum(&x)));
        assert!(error(sum_of_pairs(&x, &x, |a, b| 0.5 * (a + b))) < 1e-6);
    }
}
