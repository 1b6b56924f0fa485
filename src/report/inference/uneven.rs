//! Do seeds vary alike in all groups?

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// Chance of taking any group of a table for uneven where seeds vary alike.
const LEVEL: f64 = 0.01;

/// The groups whose seeds vary much more than those of the others together, by their variances and numbers of seeds: one after the other, the
/// one with the least p of the F test, as long as that is below 0.01 divided by the number of groups. One group stays in any case. Variances below `rounding` are none.
pub(super) fn uneven(variances: &[f64], seeds: &[usize], rounding: f64) -> Vec<bool> {
    let mut uneven = vec![false; variances.len()];
    while uneven.iter().filter(|uneven| !**uneven).count() > 1 {
        let p = |group: &usize| {
            let mut without = uneven.clone();
            without[*group] = true;
            let others = pooled(variances, seeds, &without).max(rounding).max(f64::MIN_POSITIVE);
            let f = FisherSnedecor::new((seeds[*group] - 1) as f64, free(seeds, &without)).expect("every group has two seeds");
            if variances[*group] > others { f.sf(variances[*group] / others) } else { 1.0 }
        };
        let candidates = (0..variances.len()).filter(|group| !uneven[*group]);
        match candidates.map(|group| (p(&group), group)).min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((p, group)) if p < LEVEL / variances.len() as f64 => uneven[group] = true,
            _ => break,
        }
    }
    uneven
}

/// The variance of the others.
pub(super) fn pooled(variances: &[f64], seeds: &[usize], uneven: &[bool]) -> f64 {
    let kept = || (0..seeds.len()).filter(|group| !uneven[*group]);
    kept().map(|group| variances[group] * (seeds[group] - 1) as f64).sum::<f64>() / free(seeds, uneven)
}

/// Its degrees of freedom.
pub(super) fn free(seeds: &[usize], uneven: &[bool]) -> f64 {
    seeds.iter().zip(uneven).filter(|(_, uneven)| !**uneven).map(|(seeds, _)| (seeds - 1) as f64).sum()
}
