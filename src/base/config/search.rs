//! A hyperparameter search: which keys are searched, how configurations are proposed, and how the best is confirmed.

use super::model::is_default;
use super::sweep::{Draw, Random, Sweep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Value;

/// Samplers are chosen by themselves up to so many trials as `gp`, beyond as `tpe`: the time of a Gaussian process grows with their cube.
const MOST_GP: usize = 200;

/// Points at which the rules between values are checked before a search begins.
const CHECKED: usize = 256;

/// Keys to search, by configurations that are proposed from the results of earlier ones. What is proposed follows from this table and the
/// results alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// How configurations are proposed.
    pub sampler: SearchSampler,
    /// Configurations that are tried; each is trained with every seed and fold. More of them extend a search.
    #[schemars(range(min = 1, max = 10_000))]
    pub trials: usize,
    /// Seed of the proposals.
    pub seed: u64,
    /// Trials that may be under way at once as far as proposals are concerned: fewer see more results. How many really are changes nothing.
    #[schemars(range(min = 1, max = 256))]
    pub parallel: usize,
    /// The column of metrics.csv that is made better, a `val_` one.
    pub by: String,
    /// From what the value of each dotted key is proposed.
    pub draw: BTreeMap<String, SearchDraw>,
    /// For a searched key, which values other keys must have for it to be searched; elsewhere it has the file's own value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub when: BTreeMap<String, BTreeMap<String, Value>>,
    /// Never proposes what agrees with every key of one of these tables; a list stands for any of its values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub exclude: Vec<BTreeMap<String, Value>>,
    /// Few epochs for every trial, more for the better ones; absent: all epochs for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halving: Option<Halving>,
    /// Which of the best are trained again with fresh seeds.
    #[serde(skip_serializing_if = "is_default")]
    pub confirm: Confirm,
    /// Jobs of `search/history.csv` that crash again and again: they count as diverged, and the search goes on without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub lost: Vec<usize>,
}

/// How configurations are proposed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchSampler {
    /// `gp` up to 200 trials, else `tpe`.
    #[default]
    Auto,
    /// By a Gaussian process.
    Gp,
    /// By a tree-structured Parzen estimator.
    Tpe,
    /// Evenly over the space, by the Sobol sequence.
    Sobol,
    /// At random.
    Random,
}

/// From what a value is proposed: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SearchDraw {
    /// A number between the two; four significant digits.
    Uniform([f64; 2]),
    /// A number between the two, above 0, on a logarithmic scale; four significant digits.
    LogUniform([f64; 2]),
    /// A whole number from the first to the second, both possible.
    Int([i64; 2]),
    /// The same on a logarithmic scale, from 1 or more.
    LogInt([i64; 2]),
    /// One of these values. Numbers have an order, so that neighbours are expected to be alike; other values have none.
    Choice(#[schemars(with = "Vec<serde_json::Value>", length(min = 1), extend("uniqueItems" = true))] Vec<Value>),
    /// One of these values, each between its neighbours, such as lists of channels from narrow to wide.
    Ordered(#[schemars(with = "Vec<serde_json::Value>", length(min = 1), extend("uniqueItems" = true))] Vec<Value>),
}

/// Successive halving: trials pause after few epochs, and the best of each rung go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Halving {
    /// Of so many trials at a rung one goes on to the next, which has so many times as many epochs.
    #[schemars(range(min = 2, max = 100))]
    pub eta: usize,
    /// Epochs of the lowest rung; absent: a 27th of all, but 2 and a hundred steps at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub lowest: Option<usize>,
}

impl Default for Halving {
    fn default() -> Self {
        Self { eta: 3, lowest: None }
    }
}

/// Which of the best are trained again with fresh seeds, by which alone the winner is named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Confirm {
    /// So many of the best; absent: 4 below 40 trials, 8 below 120, else 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub top: Option<usize>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            sampler: SearchSampler::Auto,
            trials: 60,
            seed: 1,
            parallel: 4,
            by: "val_dice".into(),
            draw: BTreeMap::new(),
            when: BTreeMap::new(),
            exclude: Vec::new(),
            halving: None,
            confirm: Confirm::default(),
            lost: Vec::new(),
        }
    }
}

impl SearchSampler {
    /// The sampler that is meant for so many trials.
    pub fn chosen(self, trials: usize) -> Self {
        match self {
            Self::Auto if trials <= MOST_GP => Self::Gp,
            Self::Auto => Self::Tpe,
            other => other,
        }
    }

    /// As the file has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Gp => "gp",
            Self::Tpe => "tpe",
            Self::Sobol => "sobol",
            Self::Random => "random",
        }
    }
}

impl SearchDraw {
    /// The values of a choice, and whether each lies between its neighbours: numbers do, from the smallest to the largest.
    pub fn choices(&self) -> Option<(Vec<Value>, bool)> {
        match self {
            Self::Ordered(values) => Some((values.clone(), true)),
            Self::Choice(values) => {
                let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                let numbers: Option<Vec<f64>> = values.iter().map(number).collect();
                let Some(numbers) = numbers else { return Some((values.clone(), false)) };
                let mut order: Vec<usize> = (0..values.len()).collect();
                order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
                Some((order.into_iter().map(|at| values[at].clone()).collect(), true))
            }
            _ => None,
        }
    }

    /// The same as a sweep draws it.
    fn of_sweep(&self) -> Draw {
        match self {
            Self::Uniform(bounds) => Draw::Uniform(*bounds),
            Self::LogUniform(bounds) => Draw::LogUniform(*bounds),
            Self::Int(bounds) | Self::LogInt(bounds) => Draw::Int(*bounds),
            Self::Choice(values) | Self::Ordered(values) => Draw::Choice(values.clone()),
        }
    }

    /// Those of its values that a condition asks for: whole numbers themselves, [choices](Self::choices) by their indices. `None` of other numbers.
    fn agreeing(&self, wanted: &Value) -> Option<Vec<f64>> {
        let alternatives = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
        match self {
            Self::Uniform(_) | Self::LogUniform(_) => None,
            Self::Int([low, high]) | Self::LogInt([low, high]) => {
                let whole = alternatives.iter().filter_map(Value::as_integer).filter(|value| (low..=high).contains(&value));
                Some(whole.map(|value| value as f64).collect())
            }
            Self::Choice(_) | Self::Ordered(_) => {
                let (values, _) = self.choices()?;
                let agree = values.iter().enumerate().filter(|(_, value)| super::sweep::agrees(value, wanted));
                Some(agree.map(|(index, _)| index as f64).collect())
            }
        }
    }
}

impl Search {
    /// Some of its points as a sweep, for what checks a sweep.
    pub(super) fn samples(&self) -> Sweep {
        let draw = self.draw.iter().map(|(key, draw)| (key.clone(), draw.of_sweep())).collect();
        let random = Random { trials: CHECKED, seed: self.seed, draw };
        Sweep { random, exclude: self.exclude.clone(), when: self.when.clone(), ..Sweep::default() }
    }

    /// What the condition of a key asks of other searched keys: their names, each with those of its values at which the key is searched
    /// (whole numbers themselves, choices by their indices from 0). What it asks of keys that are not searched is looked up in `base`, the
    /// experiment without the search.
    ///
    /// # Errors
    /// If the condition can never hold, or asks for a number that is not whole; in words, with the remedy.
    pub fn parents(&self, key: &str, base: &Value) -> Result<Vec<(String, Vec<f64>)>, String> {
        let mut parents = Vec::new();
        for (asked, wanted) in self.when.get(key).into_iter().flatten() {
            if let Some(draw) = self.draw.get(asked) {
                let values = draw.agreeing(wanted).ok_or_else(|| {
                    format!("`{key}` is searched where `{asked}` is {wanted}, but that is a number between bounds; ask for a choice or a whole number")
                })?;
                if values.is_empty() {
                    return Err(format!(
                        "`{key}` is searched where `{asked}` is {wanted}, which is none of its values in `search.draw`"
                    ));
                }
                parents.push((asked.clone(), values));
                continue;
            }
            let related = |other: &&String| below(other, asked) || below(asked, other);
            if let Some(other) = self.draw.keys().find(related) {
                return Err(format!(
                    "`{key}` is searched by `{asked}`, of which `{other}` is searched; ask for `{other}` itself"
                ));
            }
            if !super::sweep::all_match(&BTreeMap::from([(asked.clone(), wanted.clone())]), base) {
                return Err(format!(
                    "`{key}` is searched where `{asked}` is {wanted}, which it never is; search `{asked}` too, or set it"
                ));
            }
        }
        Ok(parents)
    }
}

/// Whether a dotted key lies below another.
fn below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &str) -> Search {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_sampler_depends_on_the_trials_where_none_is_asked_for() {
        let chosen = |sampler: SearchSampler| [1, 200, 201].map(|trials| sampler.chosen(trials).name());
        assert_eq!(chosen(SearchSampler::Auto), ["gp", "gp", "tpe"]);
        assert_eq!(chosen(SearchSampler::Sobol), ["sobol"; 3]);
    }

    #[test]
    fn choices_of_numbers_are_sorted_and_others_stay() {
        let choices = |text: &str| search(&format!("draw.a = {text}")).draw["a"].choices();
        let of = |values: &[Value], ordered| Some((values.to_vec(), ordered));
        assert_eq!(choices("{ choice = [8, 2.5, 4] }"), of(&[2.5.into(), 4.into(), 8.into()], true));
        assert_eq!(choices("{ choice = ['b', 'a'] }"), of(&["b".into(), "a".into()], false));
        assert_eq!(choices("{ ordered = ['b', 'a'] }"), of(&["b".into(), "a".into()], true));
        assert_eq!(choices("{ int = [1, 2] }"), None);
    }

    #[test]
    fn conditions_are_values_of_searched_keys() {
        let search = search(
            "draw.norm = { choice = ['batch', 'group'] }\ndraw.depth = { int = [2, 4] }\ndraw.lr = { uniform = [0.0, 1.0] }\n\
             [when.groups]\nnorm = ['group', 'layer']\ndepth = [3, 4, 9]\nfixed = 1\n[when.a]\nnorm = 'layer'\n[when.b]\nlr = 0.5\n[when.c]\nfixed = 2",
        );
        let base: Value = toml::Value::Table("fixed = 1".parse().unwrap());
        let parents = search.parents("groups", &base).unwrap();
        assert_eq!(parents, [("depth".to_owned(), vec![3.0, 4.0]), ("norm".to_owned(), vec![1.0])]);
        for (key, words) in [("a", "none of its values"), ("b", "whole number"), ("c", "never is")] {
            assert!(search.parents(key, &base).unwrap_err().contains(words), "{key}");
        }
    }
}
