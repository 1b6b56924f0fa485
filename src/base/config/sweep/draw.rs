//! Random values of a sweep, the same on every machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From what a value is drawn: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Draw {
    /// A number between the two, all alike probable; four significant digits.
    Uniform([f64; 2]),
    /// A number between the two, above 0, its logarithm evenly distributed; four significant digits.
    LogUniform([f64; 2]),
    /// A whole number from the first to the second, both possible.
    Int([i64; 2]),
    /// One of these values.
    Choice(#[schemars(with = "Vec<serde_json::Value>", length(min = 1), extend("uniqueItems" = true))] Vec<toml::Value>),
}

impl Draw {
    /// The value of a key in a trial, which is counted from 0.
    pub(super) fn value(&self, seed: u64, key: &str, trial: usize) -> toml::Value {
        let bits = bits(seed, key, trial);
        // 53 bits, as many as the numbers from 0 to 1 have.
        let share = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        match self {
            Self::Uniform([low, high]) => rounded(low * (1.0 - share) + high * share, *low, *high),
            Self::LogUniform([low, high]) => {
                let [from, to] = [low, high].map(|x| libm::log(*x));
                rounded(libm::exp(from + share * (to - from)), *low, *high)
            }
            Self::Int([low, high]) => {
                let count = high.abs_diff(*low).saturating_add(1);
                toml::Value::Integer(low.saturating_add_unsigned(scaled(bits, count)))
            }
            Self::Choice(values) => values[usize::try_from(scaled(bits, values.len() as u64)).expect("below a length")].clone(),
        }
    }
}

fn bits(seed: u64, key: &str, trial: usize) -> u64 {
    let hash = blake3::hash(format!("{seed}\n{key}\n{trial}").as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash is longer"))
}

/// A whole number below `count`, by the upper half of the product (Lemire 2019, without rejection: the bias is below 2⁻⁴⁰ here).
fn scaled(bits: u64, count: u64) -> u64 {
    u64::try_from((u128::from(bits) * u128::from(count)) >> 64).expect("below the count")
}

/// To four significant digits, but not beyond the bounds.
fn rounded(x: f64, low: f64, high: f64) -> toml::Value {
    let short: f64 = format!("{x:.3e}").parse().expect("a number was written");
    toml::Value::Float(short.clamp(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIALS: std::ops::Range<usize> = 0..2000;

    fn numbers(draw: &Draw) -> Vec<f64> {
        TRIALS.map(|trial| draw.value(7, "a.b", trial).as_float().unwrap()).collect()
    }

    #[test]
    fn numbers_lie_within_and_are_spread_as_said() {
        let share_below = |numbers: &[f64], x: f64| numbers.iter().filter(|n| **n < x).count() as f64 / numbers.len() as f64;
        let even = numbers(&Draw::Uniform([-1.0, 3.0]));
        assert!(even.iter().all(|x| (-1.0..=3.0).contains(x)));
        // Half the values below the middle; the standard error of 2000 is 0.011.
        assert!((share_below(&even, 1.0) - 0.5).abs() < 0.05);
        let decades = numbers(&Draw::LogUniform([1e-4, 1e-2]));
        assert!(decades.iter().all(|x| (1e-4..=1e-2).contains(x)));
        assert!((share_below(&decades, 1e-3) - 0.5).abs() < 0.05);
        assert!(decades.iter().all(|x| format!("{x:.3e}").parse::<f64>().unwrap() == *x), "four digits");
    }

    #[test]
    fn every_whole_number_and_every_choice_comes() {
        let ints: std::collections::BTreeSet<i64> =
            TRIALS.map(|trial| Draw::Int([2, 5]).value(1, "a", trial).as_integer().unwrap()).collect();
        assert_eq!(ints.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        let choice = Draw::Choice(vec!["x".into(), "y".into()]);
        let chosen = TRIALS.filter(|trial| choice.value(1, "a", *trial).as_str() == Some("x")).count();
        assert!((900..1100).contains(&chosen), "{chosen}");
        assert_eq!(Draw::Int([i64::MIN, i64::MAX]).value(1, "a", 0), Draw::Int([i64::MIN, i64::MAX]).value(1, "a", 0));
    }

    #[test]
    fn seed_key_and_trial_each_matter() {
        let draw = Draw::Uniform([0.0, 1.0]);
        let value = draw.value(1, "a", 0);
        assert!([draw.value(2, "a", 0), draw.value(1, "b", 0), draw.value(1, "a", 1)].iter().all(|other| *other != value));
    }
}
