//! What the design could have found, in words: how much seeds and images vary, and which difference is likely to be missed.

use super::phrases::{basis, find, listed, quoted};
use super::{Tested, Unit, Verdict};
use crate::metric;
use crate::report::collect::Comparison;
use crate::report::column;
use crate::report::inference::LEVEL;
use crate::text::counted;

/// Seeds that are added in thought.
const MORE: usize = 2;
/// More seeds are worth their time if they lower what is found to this part.
const WORTH: f64 = 0.9;

/// Of the first two groups of a table; `None` where nothing varies.
pub(super) fn found(comparison: &Comparison, verdict: &Verdict, tested: &Tested) -> Option<String> {
    let table = &tested.table;
    let level = LEVEL / verdict.pairs.len() as f64;
    let least = table.detectable(0, 1, level);
    if least <= 0.0 {
        return None;
    }
    let pair = find(verdict, tested.groups[0], tested.groups[1])?;
    let names = [0, 1].map(|at| quoted(&comparison.groups[tested.groups[at]].name));
    let longer = table.with_more_seeds(0, 1, MORE).detectable(0, 1, level);
    let what = column::title(&verdict.column);
    let widest = metric::describe(&verdict.column).map_or(f64::INFINITY, |metric| metric.range.1 - metric.range.0);
    let missed = if least < widest {
        format!("differences below {} {what}", rough(least))
    } else {
        format!("differences of any size in {what}")
    };
    let more = if longer < WORTH * least && longer < widest {
        format!("{MORE} more seeds of each would lower that to about {}", rough(longer))
    } else if longer < WORTH * least {
        "many more seeds of each would be needed".to_owned()
    } else {
        format!("{MORE} more seeds would hardly lower that, more {}s would", unit(tested.unit))
    };
    let of = if tested.images < tested.of_images { format!(" of {}", tested.of_images) } else { String::new() };
    Some(format!(
        "With {}{of}, {missed} between {} are likely to be missed; {more}. Standard deviation of a mean from seed to seed {}, of \
         a score from {noun} to {noun} {}.",
        basis(pair).replace(", ", " and "),
        listed(&names),
        rough(table.seed_deviation()),
        rough(table.unit_deviation()),
        noun = tested.unit.noun(),
    ))
}

/// Most seeds that are added in thought to settle a difference.
const MOST: usize = 20;

/// What would settle whether the first group of a table is better than the second, where that is open.
pub(crate) fn settle(comparison: &Comparison, verdict: &Verdict, tested: &Tested) -> Option<String> {
    let pair = find(verdict, tested.groups[0], tested.groups[1]).filter(|pair| !pair.significant)?;
    let level = LEVEL / verdict.pairs.len() as f64;
    let names = listed(&[0, 1].map(|at| quoted(&comparison.groups[tested.groups[at]].name)));
    let difference = format!("{} {}", rough(pair.difference), column::title(&verdict.column));
    let enough = |more: &usize| tested.table.with_more_seeds(0, 1, *more).detectable(0, 1, level) <= pair.difference;
    Some(match (1..=MOST).find(enough) {
        Some(more) => format!(
            "What would settle it: {} of {names}. If the difference really is {difference}, as now, it would then be found in about 80 % \
             of repetitions.",
            counted(more, "more seed")
        ),
        None => format!(
            "More seeds would not settle it: {difference} between {names} is less than even {MOST} more seeds of each would be likely \
             to find. Take the cheaper one, or judge on more {}s.",
            unit(tested.unit)
        ),
    })
}

fn unit(unit: Unit) -> &'static str {
    // Nobody chooses the number of folds for the sake of a test.
    if unit == Unit::Fold { "image" } else { unit.noun() }
}

/// Two digits that count.
pub(super) fn rough(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let decimals = (1 - value.log10().floor() as i32).clamp(0, 8) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_count() {
        assert_eq!([0.0203, 0.00414, 12.34, 0.1, 0.0, 123.4].map(rough), ["0.020", "0.0041", "12", "0.10", "0", "123"]);
    }
}
