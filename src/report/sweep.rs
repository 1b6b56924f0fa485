//! What was swept: the parameters, their values, and which group has which.

use super::collect::{Comparison, Group, Run};
use super::own::NOT_SET;
use crate::metric::Split;
use crate::plan::spoken;

/// A parameter with two values or more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factor {
    /// The dotted key.
    pub key: String,
    /// Its values: numbers by size, others as they come in the order of groups.
    pub levels: Vec<Level>,
    /// For each group the place of its value in `levels`; `None` where the group has none.
    pub of_group: Vec<Option<usize>>,
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    /// As readers are shown it.
    pub words: String,
    /// If it is a finite number.
    pub number: Option<f64>,
}

/// How the values of a parameter lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
    /// One beside the other.
    Places,
}

/// What was swept, in the order of the keys in the groups; a group that does not name a key has the file's own value of it.
pub(super) fn all(comparison: &Comparison) -> Vec<Factor> {
    let swept = comparison.swept();
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in swept.iter().flat_map(|(_, named)| named) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |named: &[(String, String)], group: &Group, key: &String| {
        named.iter().chain(&group.own).find(|(k, _)| k == key).map(|(_, v)| v.clone())
    };
    let groups = || swept.iter().map(|(_, named)| named).zip(&comparison.groups);
    let values = |key: &String| groups().map(|(named, group)| value(named, group, key)).collect::<Vec<_>>();
    keys.into_iter().map(|key| Factor::of(key, &values(key))).collect()
}

/// A run's value of the column by which groups are compared, if it is finite.
pub(super) fn score(run: &Run, column: &str) -> Option<f64> {
    let value = match Split::of(column) {
        Some((Split::Test, stem)) => run.test.get(column).or_else(|| run.test.get(stem)),
        _ => run.best.get(column),
    };
    value.copied().filter(|v| v.is_finite())
}

/// The values of a group's runs that count.
pub(super) fn scores(group: &Group, column: &str) -> Vec<f64> {
    group.settled().into_iter().filter_map(|run| score(run, column)).collect()
}

impl Factor {
    /// A parameter by the value of each group, as TOML.
    pub(super) fn of(key: &str, values: &[Option<String>]) -> Self {
        let mut levels: Vec<Level> = Vec::new();
        for value in values.iter().flatten() {
            let level = Level::of(value);
            if !levels.iter().any(|known| known.is(&level)) {
                levels.push(level);
            }
        }
        if levels.iter().all(|level| level.number.is_some() || level.words == NOT_SET) {
            let size = |level: &Level| level.number.unwrap_or(f64::NEG_INFINITY);
            levels.sort_by(|a, b| size(a).total_cmp(&size(b)));
        }
        let place = |value: &Option<String>| {
            let own = Level::of(value.as_ref()?);
            levels.iter().position(|level| level.is(&own))
        };
        Self { key: key.to_owned(), of_group: values.iter().map(place).collect(), levels }
    }

    /// The same with lists of numbers by size, as widths are, if all values are such lists: a search comes to them in any order.
    pub(super) fn by_size(self) -> Self {
        let list = |level: &Level| level.words.split('-').map(str::parse).collect::<Result<Vec<u64>, _>>().ok();
        let Some(lists) = self.levels.iter().map(list).collect::<Option<Vec<_>>>() else { return self };
        let mut order: Vec<usize> = (0..lists.len()).collect();
        order.sort_by(|a, b| lists[*a].cmp(&lists[*b]));
        let place = |level: usize| order.iter().position(|own| *own == level);
        Self {
            key: self.key,
            of_group: self.of_group.into_iter().map(|own| own.and_then(place)).collect(),
            levels: order.iter().map(|level| self.levels[*level].clone()).collect(),
        }
    }

    /// The same without the values of other groups than these.
    pub(super) fn only(&self, groups: &[bool]) -> Self {
        let kept = || self.of_group.iter().zip(groups).map(|(level, kept)| level.filter(|_| *kept));
        let levels: Vec<usize> = (0..self.levels.len()).filter(|level| kept().any(|own| own == Some(*level))).collect();
        let place = |own: Option<usize>| own.and_then(|own| levels.iter().position(|level| *level == own));
        Self {
            key: self.key.clone(),
            of_group: kept().map(place).collect(),
            levels: levels.iter().map(|level| self.levels[*level].clone()).collect(),
        }
    }

    /// The numbers, if all values are.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        self.levels.iter().map(|level| level.number).collect()
    }

    /// A logarithmic axis if three or more values lie more evenly there, or they span two decades; one value beside the other if they
    /// are no numbers, or would want a logarithmic axis but for a 0.
    pub(super) fn scale(&self) -> Scale {
        let Some(numbers) = self.numbers() else { return Scale::Places };
        if numbers[0] > 0.0 {
            return if is_log(&numbers) { Scale::Log } else { Scale::Linear };
        }
        let above: Vec<f64> = numbers.iter().copied().filter(|n| *n > 0.0).collect();
        if numbers[0] == 0.0 && above.len() > 1 && is_log(&above) { Scale::Places } else { Scale::Linear }
    }

    /// The same with the numbers in quarters of about as many groups each, if there are more than `most` of them.
    pub(super) fn binned(&self, most: usize) -> Self {
        let Some(numbers) = self.numbers().filter(|numbers| numbers.len() > most) else { return self.clone() };
        let count = self.of_group.iter().flatten().count();
        let below = |level: usize| self.of_group.iter().flatten().filter(|l| **l < level).count();
        let quarters: Vec<usize> = (0..numbers.len()).map(|level| 4 * below(level) / count.max(1)).collect();
        let mut bins: Vec<usize> = quarters.clone();
        bins.dedup();
        let level = |bin: &usize| {
            let own: Vec<usize> = (0..numbers.len()).filter(|l| quarters[*l] == *bin).collect();
            let (first, last) = (own[0], own[own.len() - 1]);
            let ends = [numbers[first], numbers[last]].map(short);
            let words = if first == last { ends[0].clone() } else { ends.join(" to ") };
            Level { words, number: None }
        };
        let place = |level: &Option<usize>| level.and_then(|l| bins.iter().position(|bin| *bin == quarters[l]));
        Self {
            key: self.key.clone(),
            levels: bins.iter().map(level).collect(),
            of_group: self.of_group.iter().map(place).collect(),
        }
    }
}

impl Level {
    fn of(value: &str) -> Self {
        Self { words: spoken(value), number: number(value) }
    }

    /// Whether it is the same value, as 1 and 1.0 are.
    fn is(&self, other: &Level) -> bool {
        self.words == other.words || (self.number.is_some() && self.number == other.number)
    }
}

fn number(value: &str) -> Option<f64> {
    value.replace('_', "").parse::<f64>().ok().filter(|n| n.is_finite())
}

/// A number with three digits that count.
pub(super) fn short(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    if x != 0.0 && !(1e-3..1e6).contains(&x.abs()) { format!("{rounded:e}") } else { format!("{rounded}") }
}

/// Whether positive numbers, in order, lie more evenly on a logarithmic axis or span two decades.
fn is_log(numbers: &[f64]) -> bool {
    let uneven = |values: &[f64]| {
        let steps: Vec<f64> = values.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        steps.iter().map(|s| (s / mean - 1.0).powi(2)).sum::<f64>()
    };
    let logs: Vec<f64> = numbers.iter().map(|n| n.ln()).collect();
    numbers[numbers.len() - 1] / numbers[0] >= 100.0 || (numbers.len() > 2 && uneven(&logs) < uneven(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(values: &[&str]) -> Factor {
        Factor::of("key", &values.iter().map(|v| Some((*v).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_stand_by_size_and_others_as_they_come() {
        let numbers = factor(&["0.01", "1e-4", "1e-3", "1e-4"]);
        assert_eq!(numbers.levels.iter().map(|l| l.words.as_str()).collect::<Vec<_>>(), ["1e-4", "0.001", "0.01"]);
        assert_eq!(numbers.of_group, [2, 0, 1, 0].map(Some));
        let texts = factor(&["\"b\"", "\"a\"", "[8, 16]"]);
        assert_eq!(texts.levels.iter().map(|l| l.words.as_str()).collect::<Vec<_>>(), ["b", "a", "8-16"]);
        assert_eq!((texts.scale(), texts.numbers()), (Scale::Places, None));
    }

    #[test]
    fn lists_of_numbers_stand_by_size_where_that_is_asked_for() {
        let lists = factor(&["[16, 32]", "[4, 8]", "[8, 16, 32]", "[4, 8]"]).by_size();
        assert_eq!(lists.levels.iter().map(|l| l.words.as_str()).collect::<Vec<_>>(), ["4-8", "8-16-32", "16-32"]);
        assert_eq!(lists.of_group, [2, 0, 1, 0].map(Some));
        let names = factor(&["\"b\"", "\"a\""]);
        assert_eq!(names.clone().by_size(), names);
    }

    #[test]
    fn even_ratios_want_a_logarithmic_axis() {
        for (values, scale) in [
            (&["8", "16", "32"][..], Scale::Log),
            (&["1e-4", "1e-2"], Scale::Log),
            (&["1", "3"], Scale::Linear),
            (&["1", "2", "3"], Scale::Linear),
            (&["0.1", "0.2", "0.3", "0.4"], Scale::Linear),
            (&["-1", "1", "100"], Scale::Linear),
            (&["0.0", "0.1", "0.2", "0.3"], Scale::Linear),
            (&["0", "1e-5", "1e-4", "1e-3"], Scale::Places),
            (&["true", "false"], Scale::Places),
            (&["nan", "inf", "1"], Scale::Places),
        ] {
            assert_eq!(factor(values).scale(), scale, "{values:?}");
        }
    }

    #[test]
    fn many_numbers_are_taken_in_quarters() {
        let values: Vec<String> = (1..=12).map(|n| format!("{}", f64::from(n) / 3.0)).collect();
        let many = factor(&values.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(many.binned(12), many);
        let quarters = many.binned(8);
        assert_eq!(
            quarters.levels.iter().map(|l| l.words.as_str()).collect::<Vec<_>>(),
            ["0.333 to 1", "1.33 to 2", "2.33 to 3", "3.33 to 4"]
        );
        assert_eq!(quarters.of_group, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3].map(Some));
    }
}
