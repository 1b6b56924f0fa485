//! Numbers of a group of runs: mean, spread, curves over epochs, drops of the learning rate.

use super::collect::Run;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// One epoch of several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub epoch: usize,
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// Arithmetic mean; `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (divisor n − 1); `None` of fewer than two values.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

/// The 95 % confidence interval of the mean by Student's t with n − 1 degrees of freedom; `None` of fewer than two values.
pub(super) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    let (mean, deviation) = (mean(values)?, deviation(values)?);
    let t = StudentsT::new(0.0, 1.0, (values.len() - 1) as f64).expect("one degree of freedom at least").inverse_cdf(0.975);
    let half = t * deviation / (values.len() as f64).sqrt();
    Some((mean - half, mean + half))
}

/// `0.951 ± 0.004`, or without spread where there is one value, or a dash where there is none.
pub(super) fn spread(values: &[f64], decimals: usize) -> String {
    match (mean(values), deviation(values)) {
        (Some(mean), Some(deviation)) => format!("{mean:.decimals$} ± {deviation:.decimals$}"),
        _ => plain(values, decimals),
    }
}

/// The mean as text, a dash where there is none.
pub(super) fn plain(values: &[f64], decimals: usize) -> String {
    mean(values).map(|mean| format!("{mean:.decimals$}")).unwrap_or_else(|| "–".to_owned())
}

/// Mean, smallest and largest value of a column at each epoch, over the runs that have a finite one there.
pub(super) fn curve(runs: &[&Run], column: &str) -> Vec<Point> {
    let mut epochs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (epoch, value) in runs.iter().flat_map(|run| run.points(column)) {
        epochs.entry(epoch).or_default().push(value);
    }
    let point = |(epoch, values): (usize, Vec<f64>)| Point {
        epoch,
        mean: mean(&values).expect("an epoch is there because it has a value"),
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    epochs.into_iter().map(point).collect()
}

/// Cuts a curve where epochs are missing, so that no line is drawn through values that do not exist.
pub(super) fn unbroken(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| b.epoch == a.epoch + 1)
}

/// Epochs whose learning rate is lower than the one before by a factor of 1.5 or more, with that factor.
pub(super) fn drops(lr: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let pairs = lr.windows(2).filter(|w| w[1].1 > 0.0 && w[0].1 >= 1.5 * w[1].1);
    pairs.map(|w| (w[1].0, w[0].1 / w[1].1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: Python's statistics.mean and statistics.stdev of the same values.
    #[test]
    fn mean_and_deviation_are_those_of_a_sample() {
        let values = [0.9, 0.95, 0.94];
        assert!((mean(&values).unwrap() - 0.93).abs() < 1e-12);
        assert!((deviation(&values).unwrap() - 0.026457513110645883).abs() < 1e-12);
        assert_eq!((mean(&[]), deviation(&[1.0])), (None, None));
        assert_eq!(spread(&values, 3), "0.930 ± 0.026");
    }

    /// Oracle: scipy.stats.t.interval(0.95, 2, mean, sem) (scripts/statistics_oracle.py).
    #[test]
    fn the_interval_is_students() {
        let (low, high) = interval(&[0.9, 0.95, 0.94]).unwrap();
        assert!((low - 0.864_275_893_922_715_9).abs() < 1e-9 && (high - 0.995_724_106_077_284_2).abs() < 1e-9, "{low} {high}");
        assert_eq!((interval(&[0.9]), interval(&[])), (None, None));
    }

    #[test]
    fn only_drops_count() {
        let lr = [(1, 1e-4), (2, 1e-3), (3, 1e-3), (4, 1e-4), (5, 9e-5), (6, 4.5e-5), (7, 0.0)];
        let found: Vec<(usize, i64)> = drops(&lr).iter().map(|(e, f)| (*e, f.round() as i64)).collect();
        assert_eq!(found, [(4, 10), (6, 2)]);
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let at = |epoch| Point { epoch, mean: 0.0, low: 0.0, high: 0.0 };
        let points = [at(1), at(2), at(4)];
        assert_eq!(unbroken(&points).map(<[_]>::len).collect::<Vec<_>>(), [2, 1]);
    }
}
