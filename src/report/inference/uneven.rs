//! Do seeds vary alike in all groups?

use super::pooled::Pooled;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// Chance of warning of any group of a table where seeds vary alike.
const LEVEL: f64 = 0.01;

impl Pooled {
    /// The group whose seeds vary much more than those of the others together, if there is one: by the F test of its variance
    /// between seeds, p below 0.01 divided by the number of groups. The model takes them to vary alike; the differences of this
    /// group then look surer than they are.
    pub fn uneven(&self) -> Option<usize> {
        let free = |group: usize| (self.seeds[group] - 1) as f64;
        let all: f64 = (0..self.groups()).map(free).sum();
        let p = |group: usize| {
            let others = (self.between_seeds * all - self.own_seed_deviation(group).powi(2) * free(group)) / (all - free(group));
            let ratio = self.own_seed_deviation(group).powi(2) / others.max(f64::MIN_POSITIVE);
            let f = FisherSnedecor::new(free(group), all - free(group)).expect("every group has two seeds");
            if self.own_seed_deviation(group) > 0.0 { f.sf(ratio) } else { 1.0 }
        };
        let least = (0..self.groups()).map(|group| (p(group), group)).min_by(|a, b| a.0.total_cmp(&b.0))?;
        (least.0 < LEVEL / self.groups() as f64).then_some(least.1)
    }
}
