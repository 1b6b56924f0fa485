//! What runs were given and where they were made, by their provenance.toml and scores.

use crate::metric::Split;
use crate::plan;
use crate::record::Provenance;
use crate::report::collect::{Comparison, Run};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The splits, and what is said of each.
const SPLITS: [(&str, &str); 3] = [("train", "training"), ("val", "validation"), ("test", "test")];

/// `84 training, 18 validation and 18 test images`; of folds with different numbers from the least to the most. What is not recorded is
/// counted by the scores of single images, which training has none of.
pub(super) fn images(runs: &[&Run]) -> String {
    let counts = |run: &Run| -> BTreeMap<&str, usize> {
        let recorded = &run.provenance.images;
        let of = |split: &'static str| recorded.get(split).copied().or_else(|| scored(run, split));
        SPLITS.iter().filter_map(|(split, _)| Some((*split, of(split)?))).collect()
    };
    let all: Vec<BTreeMap<&str, usize>> = runs.iter().map(|run| counts(run)).collect();
    phrase(&all, "images")
}

/// Images of a split that have a score; `None` where none has.
fn scored(run: &Run, split: &str) -> Option<usize> {
    let of = |row: &&crate::record::ImageRow| row.split == split;
    let names: HashSet<&str> = run.images.rows.iter().filter(of).map(|row| row.image.as_str()).collect();
    (split != Split::Train.prefix() && !names.is_empty()).then_some(names.len())
}

/// `40 training, 9 validation and 9 test patients`; nothing where the split names none.
pub(super) fn patients(runs: &[&Run]) -> String {
    let of = |run: &&Run| {
        let counts = &run.provenance.patients;
        SPLITS.iter().filter_map(|(split, _)| Some((*split, *counts.get(*split)?))).collect()
    };
    let all: Vec<BTreeMap<&str, usize>> = runs.iter().map(of).collect();
    phrase(&all, "patients")
}

fn phrase(all: &[BTreeMap<&str, usize>], noun: &str) -> String {
    let of = |(split, word): &(&str, &str)| {
        let counts = || all.iter().filter_map(|counts| counts.get(split).copied());
        match (counts().min()?, counts().max()?) {
            (_, 0) => None,
            (least, most) if least == most => Some(format!("{most} {word}")),
            (least, most) => Some(format!("{least} to {most} {word}")),
        }
    };
    let parts: Vec<String> = SPLITS.iter().filter_map(of).collect();
    match &parts[..] {
        [] => String::new(),
        [one] => format!("{one} {noun}"),
        [others @ .., last] => format!("{} and {last} {noun}", others.join(", ")),
    }
}

/// `disc 5.2 %, cup 2.1 %`, in the mean over the runs.
pub(super) fn foreground(runs: &[&Run], classes: &[String]) -> String {
    let of = |class: &String| {
        let shares: Vec<f64> = runs.iter().filter_map(|run| run.provenance.foreground.get(class).copied()).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        (!shares.is_empty()).then(|| format!("{class} {} %", percent(mean)))
    };
    classes.iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

/// Two digits that count, of what is less than ten.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = if percent >= 10.0 || percent == 0.0 { 1 } else { (1 - percent.log10().floor() as i32).clamp(1, 4) as usize };
    format!("{percent:.decimals$}")
}

/// `7,762`, or from the least to the most.
pub(super) fn parameters(comparison: &Comparison) -> String {
    let known: BTreeSet<usize> = comparison.runs().filter_map(|run| run.provenance.parameters).collect();
    match (known.first(), known.last()) {
        (Some(least), Some(most)) if least == most => thousands(*most),
        (Some(least), Some(most)) => format!("{} to {}", thousands(*least), thousands(*most)),
        _ => String::new(),
    }
}

/// `1,234,567`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// Each machine once, with what computes there: `cuda:0 (NVIDIA H200; 8 threads of AMD EPYC)`.
pub(super) fn hardware(comparison: &Comparison) -> String {
    let of = |provenance: &Provenance| {
        let device = provenance.device.as_deref()?;
        // Which of several equal GPUs it was matters to nobody.
        let device = device.split(':').next().unwrap_or(device);
        let threads = provenance.threads.map(|threads| crate::text::counted(threads, "thread"));
        let cpu = match (threads, &provenance.cpu) {
            (Some(threads), Some(cpu)) => Some(format!("{threads} of {cpu}")),
            (threads, cpu) => threads.or(cpu.clone()),
        };
        let parts: Vec<String> = provenance.gpu.iter().cloned().chain(cpu).collect();
        Some(if parts.is_empty() { device.to_owned() } else { format!("{device} ({})", parts.join("; ")) })
    };
    distinct(comparison, of).join(" and on ")
}

/// `umlaut 0.1.0 (numeric version 3, commit abc)`, each once.
pub(super) fn program(comparison: &Comparison) -> String {
    let of = |provenance: &Provenance| {
        let version = provenance.version.as_ref()?;
        let numeric = provenance.numeric_version.map(|numeric| format!("numeric version {numeric}"));
        let commit = provenance.git_commit.as_ref().map(|commit| format!("commit {commit}"));
        let parts: Vec<String> = numeric.into_iter().chain(commit).collect();
        Some(if parts.is_empty() { format!("umlaut {version}") } else { format!("umlaut {version} ({})", parts.join(", ")) })
    };
    distinct(comparison, of).join(" and ")
}

/// The beginning of each fingerprint.
pub(super) fn fingerprints(comparison: &Comparison) -> String {
    let of = |provenance: &Provenance| {
        provenance.dataset_fingerprint.as_deref().map(|fingerprint| plan::short_fingerprint(fingerprint).to_owned())
    };
    distinct(comparison, of).join(", ")
}

/// What runs say, each once, in order.
fn distinct(comparison: &Comparison, of: impl Fn(&Provenance) -> Option<String>) -> Vec<String> {
    let all: BTreeSet<String> =
        comparison.runs().filter_map(|run| of(&run.provenance)).filter(|words| !words.is_empty()).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_their_nouns() {
        let fold = |train, val| BTreeMap::from([("train", train), ("val", val), ("test", 0)]);
        assert_eq!(phrase(&[fold(8, 2), fold(8, 2)], "images"), "8 training and 2 validation images");
        assert_eq!(phrase(&[fold(8, 2), fold(7, 3)], "images"), "7 to 8 training and 2 to 3 validation images");
        assert_eq!(phrase(&[BTreeMap::new()], "images"), "");
        assert_eq!([thousands(7), thousands(1234), thousands(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([percent(0.1234), percent(0.0521), percent(0.000_52), percent(0.0)], ["12.3", "5.2", "0.052", "0.0"]);
    }
}
