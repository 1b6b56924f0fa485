//! Which samples train, validate and test. Seeded, by groups where there are such, and independent of the order in which a file
//! system lists: samples are sorted by name first.

use super::Dataset;
use super::error::{Error, listed};
use super::lists::lists;
use super::random::{generator, shuffle};
use super::splits::{Fold, Splits, refuse_same_pictures};
use crate::config::{FractionSplit, KFoldSplit, OfficialSplit, SplitRule, ValidateOn};
use regex::Regex;
use std::collections::BTreeMap;

/// Splits a data set. Shares are shares of the groups (of the samples, where `group` is not set), rounded by largest remainders
/// with at least one for each part asked for. Of `k_fold`, `folds` holds the one fold to use.
///
/// # Errors
/// If there is too little, a name or group is amiss, or the same picture (pixel by pixel) is in two splits.
pub fn split(dataset: &Dataset, split: &SplitRule) -> Result<Splits, Error> {
    let splits = dealt(dataset, split)?;
    let fold = Fold { number: None, splits };
    refuse_same_pictures(dataset, std::slice::from_ref(&fold))?;
    Ok(fold.splits)
}

pub(super) fn dealt(dataset: &Dataset, split: &SplitRule) -> Result<Splits, Error> {
    let mut splits = match split {
        SplitRule::Official(config) => official(dataset, config),
        SplitRule::Fractions(config) => fractions(dataset, config),
        SplitRule::KFold(config) => k_fold(dataset, config),
        SplitRule::Lists(config) => lists(dataset, config),
    }?;
    [&mut splits.train, &mut splits.val, &mut splits.test].into_iter().for_each(|part| part.sort_unstable());
    for (part, members) in [("train", &splits.train), ("val", &splits.val)] {
        if members.is_empty() {
            return Err(Error::EmptyPart { part });
        }
    }
    Ok(splits)
}

type Group = Vec<usize>;

fn official(dataset: &Dataset, config: &OfficialSplit) -> Result<Splits, Error> {
    let is_test = |i: &usize| dataset.official_test.get(*i).copied().unwrap_or(false);
    let (test, training): (Group, Group) = (0..dataset.samples.len()).partition(is_test);
    for (part, members) in [("test", &test), ("training", &training)] {
        if members.is_empty() {
            return Err(Error::NoOfficialPart { part });
        }
    }
    refuse_torn_groups(dataset, &test, &training, config.group.as_deref())?;
    if config.validate_on == ValidateOn::Test {
        return Ok(Splits { train: training, val: test, test: Group::new() });
    }
    let groups = shuffled_groups(dataset, training, config.group.as_deref(), config.seed)?;
    let counts = counts("split.official", groups.len(), [1.0 - config.val_fraction, config.val_fraction])?;
    let [train, val] = deal(groups, counts);
    Ok(Splits { train, val, test })
}

fn fractions(dataset: &Dataset, config: &FractionSplit) -> Result<Splits, Error> {
    let groups = shuffled_groups(dataset, (0..dataset.samples.len()).collect(), config.group.as_deref(), config.seed)?;
    let counts = counts("split.fractions", groups.len(), [config.train, config.val, config.test])?;
    let [train, val, test] = deal(groups, counts);
    Ok(Splits { train, val, test })
}

fn k_fold(dataset: &Dataset, config: &KFoldSplit) -> Result<Splits, Error> {
    let k = config.k;
    let fold = match config.folds[..] {
        [fold] if (1..=k).contains(&fold) => fold,
        _ => return Err(Error::Fold { k, folds: config.folds.clone() }),
    };
    let mut rest = shuffled_groups(dataset, (0..dataset.samples.len()).collect(), config.group.as_deref(), config.seed)?;
    let set_aside = counts("split.k_fold", rest.len(), [1.0 - config.test, config.test])?[1];
    let test = rest.split_off(rest.len() - set_aside).concat();
    if rest.len() < k {
        let there = rest.len() + set_aside;
        return Err(Error::TooFew { split: "split.k_fold", needed: k + set_aside, there });
    }
    let (val, train): (Vec<_>, Vec<_>) = rest.into_iter().enumerate().partition(|(i, _)| i % k == fold - 1);
    let members = |groups: Vec<(usize, Group)>| groups.into_iter().flat_map(|(_, group)| group).collect();
    Ok(Splits { train: members(train), val: members(val), test })
}

fn shuffled_groups(dataset: &Dataset, members: Group, pattern: Option<&str>, seed: u64) -> Result<Vec<Group>, Error> {
    // Sorted by key, so that the seed alone decides.
    let mut groups: Vec<Group> = groups(dataset, members, pattern)?.into_values().collect();
    shuffle(&mut groups, &mut generator("umlaut split", &[seed]));
    Ok(groups)
}

fn groups(dataset: &Dataset, members: Group, pattern: Option<&str>) -> Result<BTreeMap<String, Group>, Error> {
    let message = |problem: String| Error::Group { pattern: pattern.unwrap_or_default().to_owned(), problem };
    let regex = pattern.map(Regex::new).transpose().map_err(|e| message(format!("is no regular expression: {e}")))?;
    let (mut groups, mut strangers) = (BTreeMap::<String, Group>::new(), Vec::new());
    for i in members {
        let name = &dataset.samples[i].name;
        match &regex {
            None => groups.entry(name.clone()).or_default().push(i),
            Some(regex) => match regex.captures(name) {
                // The first group, or the whole match if there is none or it took no part.
                Some(found) => {
                    let key = found.get(1).or(found.get(0)).map_or("", |m| m.as_str());
                    groups.entry(key.to_owned()).or_default().push(i);
                }
                None => strangers.push(name),
            },
        }
    }
    if !strangers.is_empty() {
        let count = strangers.len();
        return Err(message(format!(
            "does not match {count} name(s): {}; widen it so that it matches all",
            listed(&strangers, 5, ", ")
        )));
    }
    Ok(groups)
}

/// For each sample what it has in common with those that must stay in one part with it: its group, or its own name.
///
/// # Errors
/// If `group` is no regular expression or matches not all names.
pub fn group_keys(dataset: &Dataset, split: &SplitRule) -> Result<Vec<String>, Error> {
    let pattern = match split {
        SplitRule::Official(config) => config.group.as_deref(),
        SplitRule::Fractions(config) => config.group.as_deref(),
        SplitRule::KFold(config) => config.group.as_deref(),
        SplitRule::Lists(_) => None,
    };
    let mut keys = vec![String::new(); dataset.samples.len()];
    for (key, members) in groups(dataset, (0..dataset.samples.len()).collect(), pattern)? {
        members.into_iter().for_each(|i| keys[i].clone_from(&key));
    }
    Ok(keys)
}

/// A group that the official splits tear apart cannot stay together.
fn refuse_torn_groups(dataset: &Dataset, test: &Group, training: &Group, pattern: Option<&str>) -> Result<(), Error> {
    let Some(pattern) = pattern else { return Ok(()) };
    let (test, training) = (groups(dataset, test.clone(), Some(pattern))?, groups(dataset, training.clone(), Some(pattern))?);
    let torn: Vec<&String> = test.keys().filter(|key| training.contains_key(*key)).collect();
    if torn.is_empty() {
        return Ok(());
    }
    let (pattern, torn) = (pattern.to_owned(), listed(&torn, 5, ", "));
    Err(Error::Group {
        pattern,
        problem: format!("has groups in both official splits: {torn}; use split.fractions, or no group"),
    })
}

/// Largest remainders (ties to the earlier part), then one from the fullest for each part that got none and should have one.
fn counts<const N: usize>(split: &'static str, there: usize, shares: [f64; N]) -> Result<[usize; N], Error> {
    let needed = shares.iter().filter(|share| **share > 0.0).count();
    if there < needed {
        return Err(Error::TooFew { split, needed, there });
    }
    let sum: f64 = shares.iter().sum();
    let exact = shares.map(|share| share / sum * there as f64);
    let mut counts = exact.map(|value| value.floor() as usize);
    let mut by_remainder: Vec<usize> = (0..N).collect();
    by_remainder.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let left = there.saturating_sub(counts.iter().sum());
    by_remainder.into_iter().cycle().take(left).for_each(|part| counts[part] += 1);
    for part in 0..N {
        if shares[part] > 0.0 && counts[part] == 0 {
            let fullest = (0..N).max_by_key(|i| (counts[*i], N - i)).expect("there are splits");
            counts[fullest] -= 1;
            counts[part] = 1;
        }
    }
    Ok(counts)
}

fn deal<const N: usize>(groups: Vec<Group>, counts: [usize; N]) -> [Group; N] {
    let mut groups = groups.into_iter();
    counts.map(|count| groups.by_ref().take(count).flatten().collect())
}
