//! Proposals by a tree-structured Parzen estimator: the candidate that is most likely among good results in proportion to all
//! others (Bergstra et al. 2011; as Optuna 5's `TPESampler(multivariate=True, constant_liar=True)`, but no configuration twice).

use super::draw::Free;
use super::point::Point;
use super::space::Space;
use super::stream::Stream;
use parzen::Parzen;

mod parzen;
#[cfg(test)]
mod tests;

/// Points drawn for one choice.
const CANDIDATES: usize = 24;

/// Redraws while all candidates are taken.
const ATTEMPTS: usize = 8;

/// Most results that are called good.
const MOST_GOOD: usize = 25;

/// The point for a trial: by results, higher being better, in the order of their trials, and by points whose results are not
/// there yet, which count among the others. `None` where no candidate is free.
pub(super) fn propose(
    space: &Space,
    seed: u64,
    trial: usize,
    known: &[(Point, f64)],
    pending: &[Point],
    free: Free,
) -> Option<Point> {
    let (good, mut others) = split(known);
    others.extend(pending);
    let (good, others) = (Parzen::new(space, &good), Parzen::new(space, &others));
    for attempt in 0..ATTEMPTS {
        let mut stream = Stream::new(seed, "tpe", trial, attempt);
        let candidates: Vec<Point> = (0..CANDIDATES).map(|_| good.sample(&mut stream)).collect();
        let score = |point: &Point| good.log_density(point) - others.log_density(point);
        let mut scored: Vec<(f64, &Point)> = candidates.iter().map(|point| (score(point), point)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        if let Some((_, point)) = scored.into_iter().find(|(_, point)| free(point)) {
            return Some(point.clone());
        }
    }
    None
}

/// The best tenth of results, and the others; each in the order of trials.
fn split(known: &[(Point, f64)]) -> (Vec<&Point>, Vec<&Point>) {
    let mut order: Vec<usize> = (0..known.len()).collect();
    order.sort_by(|a, b| known[*b].1.total_cmp(&known[*a].1));
    let good = known.len().div_ceil(10).min(MOST_GOOD);
    let points = |chosen: &[usize]| {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        chosen.into_iter().map(|at| &known[at].0).collect()
    };
    (points(&order[..good]), points(&order[good..]))
}
