//! Groups and pairs of them in words.

use super::{Pair, Verdict};
use crate::plan;
use crate::report::describe::shown;
use crate::text::counted;

/// Groups that a sentence names.
const NAMED: usize = 3;

pub(super) fn find(verdict: &Verdict, a: usize, b: usize) -> Option<&Pair> {
    verdict.pairs.iter().find(|pair| [(a, b), (b, a)].contains(&(pair.better, pair.worse)))
}

/// `“a”, “b” and “c”`, or the first of many and how many others.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() && names.len() <= NAMED => format!("{} and {last}", all.join(", ")),
        [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} others", rest.len()),
        names => names.concat(),
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("“{}”", shown(name))
}

/// `3 seeds, 20 images`; `2 and 5 seeds, 12 patients`.
pub(crate) fn basis(pair: &Pair) -> String {
    let seeds = match pair.seeds {
        [a, b] if a == b => counted(a, "seed"),
        [a, b] => format!("{a} and {b} seeds"),
    };
    format!("{seeds}, {}", counted(pair.units, pair.unit.noun()))
}

/// `data set 1, fingerprint 3f9a2c1b07`, counted from 0.
pub(in crate::report) fn data_set(number: usize, fingerprint: &str) -> String {
    match plan::short_fingerprint(fingerprint) {
        "" => format!("data set {}, not recorded which", number + 1),
        short => format!("data set {}, fingerprint {short}", number + 1),
    }
}
