//! How much each swept parameter matters: the share of the variance of the groups' means that its values account for.
//!
//! For a parameter with k values among N groups with means y, ε² = (SS_between − (k − 1) · SS_within / (N − k)) / SS_total, the
//! correlation ratio of a one-way analysis of variance without the bias that many values bring (T. L. Kelley, "An unbiased
//! correlation ratio measure", PNAS 21, 1935, pp. 554–559). What is negative counts as 0. Shares are of main effects: what parameters
//! do only together, and chance, is in none of them, so that they need not add up to 1. Numbers with more than eight values are
//! taken in quarters.

use super::sweep::Factor;
use super::verdict::Verdict;

/// A parameter's share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// The dotted key.
    pub key: String,
    /// 0 to 1; `None` where it is unknown: every group has a value of its own, or all means are equal.
    pub share: Option<f64>,
}

/// More numbers than these are taken in quarters.
pub(super) const MOST_LEVELS: usize = 8;
const FEWEST_GROUPS: usize = 4;

/// The shares, the largest first; `None` of fewer than two parameters or four groups with a value.
pub(super) fn shares(factors: &[Factor], verdict: &Verdict) -> Option<Vec<Share>> {
    if factors.len() < 2 || verdict.standings.len() < FEWEST_GROUPS {
        return None;
    }
    let share = |factor: &Factor| {
        let factor = factor.binned(MOST_LEVELS);
        let point = |s: &super::verdict::Standing| Some((factor.of_group[s.group]?, s.mean));
        let points: Vec<(usize, f64)> = verdict.standings.iter().filter_map(point).collect();
        Share { key: factor.key, share: epsilon_squared(&points) }
    };
    let mut shares: Vec<Share> = factors.iter().map(share).collect();
    shares.sort_by(|a, b| b.share.unwrap_or(-1.0).total_cmp(&a.share.unwrap_or(-1.0)));
    Some(shares)
}

/// ε² of values with their levels, at least 0; `None` if there are as many levels as values, one level, or no variance.
fn epsilon_squared(points: &[(usize, f64)]) -> Option<f64> {
    let mut levels: Vec<usize> = points.iter().map(|p| p.0).collect();
    levels.sort_unstable();
    levels.dedup();
    let (n, k) = (points.len(), levels.len());
    if k < 2 || n <= k {
        return None;
    }
    let squares = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    let of = |level: usize| points.iter().filter(|p| p.0 == level).map(|p| p.1).collect::<Vec<f64>>();
    let total = squares(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    let within: f64 = levels.iter().map(|level| squares(&of(*level))).sum();
    let between = total - within;
    // Means that are equal but for rounding have no variance to be explained.
    let scale = points.iter().map(|p| p.1.powi(2)).sum::<f64>();
    (total > 1e-20 * scale).then(|| ((between - (k - 1) as f64 * within / (n - k) as f64) / total).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::Level;
    use crate::report::verdict::Standing;

    fn factor(key: &str, of_group: &[usize]) -> Factor {
        let levels = (0..=*of_group.iter().max().unwrap()).map(|l| Level { words: l.to_string(), number: Some(l as f64) });
        Factor { key: key.to_owned(), levels: levels.collect(), of_group: of_group.iter().map(|l| Some(*l)).collect() }
    }

    fn verdict(means: &[f64]) -> Verdict {
        let standing = |(group, mean): (usize, &f64)| Standing {
            group,
            data: 0,
            rank: 1,
            n: 1,
            mean: *mean,
            deviation: None,
            interval: None,
        };
        let standings = means.iter().enumerate().map(standing).collect();
        Verdict {
            column: "val_dice".into(),
            ranked_by: "val_dice".into(),
            standings,
            pairs: Vec::new(),
            tested: Vec::new(),
            words: Vec::new(),
        }
    }

    /// By hand: y = 1, 2, 5, 6 with levels 0, 0, 1, 1: SS_total = 17, SS_within = 1, SS_between = 16; ε² = (16 − 1/2) / 17.
    #[test]
    fn a_share_is_what_one_finds_by_hand() {
        let points = [(0, 1.0), (0, 2.0), (1, 5.0), (1, 6.0)];
        assert!((epsilon_squared(&points).unwrap() - 15.5 / 17.0).abs() < 1e-12);
    }

    /// Oracle: numpy 2, with y and the levels below (sums of squares by `((y - y.mean())**2).sum()`).
    #[test]
    fn shares_agree_with_numpy() {
        let y = [0.81, 0.83, 0.88, 0.90, 0.84, 0.87, 0.91, 0.95, 0.80, 0.84, 0.86, 0.92];
        let lr = factor("lr", &[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
        let width = factor("width", &[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        let found = shares(&[width, lr], &verdict(&y)).unwrap();
        assert_eq!(found.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(), ["lr", "width"]);
        let expected = [0.749555318392, 0.000000000000];
        for (share, expected) in found.iter().zip(expected) {
            assert!((share.share.unwrap() - expected).abs() < 1e-9, "{share:?}, numpy says {expected}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        let two = factor("a", &[0, 0, 1, 1]);
        let own = factor("b", &[0, 1, 2, 3]);
        let found = shares(&[own.clone(), two.clone()], &verdict(&[1.0, 2.0, 5.0, 6.0])).unwrap();
        assert_eq!((found[0].key.as_str(), &found[1]), ("a", &Share { key: "b".into(), share: None }));
        let equal = shares(&[own.clone(), two.clone()], &verdict(&[0.1 + 0.2, 0.3, 0.3, 0.3])).unwrap();
        assert!(equal.iter().all(|s| s.share.is_none()), "{equal:?}");
        assert_eq!(shares(std::slice::from_ref(&two), &verdict(&[1.0, 2.0, 5.0, 6.0])), None);
        assert_eq!(shares(&[own, two], &verdict(&[1.0, 2.0, 5.0])), None);
    }
}
