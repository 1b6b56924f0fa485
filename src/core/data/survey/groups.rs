//! Which samples look like several of one patient or volume, by their names alone.

use regex::Regex;
use std::collections::BTreeMap;

/// Samples that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// A regular expression on the name whose first capture group is the group.
    pub pattern: String,
    /// How many groups there are.
    pub count: usize,
    /// One group's name, and how many samples it has.
    pub example: (String, usize),
}

/// Candidates, the plainest first: a folder for each group; a name that ends in a number of its own, behind the group's.
const PATTERNS: [&str; 2] = [r"^(.+)/[^/]+$", r"^(.*\d.*?)[-_ .][A-Za-z]*\d+$"];

impl Groups {
    /// The groups that names suggest: 3 or more, of 2 samples or more on the average.
    pub fn of(names: &[String]) -> Option<Self> {
        PATTERNS.iter().find_map(|pattern| {
            let regex = Regex::new(pattern).expect("a regular expression");
            let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
            for name in names {
                *groups.entry(regex.captures(name)?.get(1)?.as_str()).or_default() += 1;
            }
            let (name, samples) = groups.iter().max_by_key(|(_, samples)| **samples)?;
            let example = ((*name).to_owned(), *samples);
            (groups.len() >= 3 && names.len() >= 2 * groups.len()).then(|| Self {
                pattern: (*pattern).to_owned(),
                count: groups.len(),
                example,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: impl Iterator<Item = String>) -> Option<(usize, (String, usize))> {
        Groups::of(&names.collect::<Vec<_>>()).map(|groups| (groups.count, groups.example))
    }

    #[test]
    fn patients_with_several_slices_are_groups_and_numbered_images_are_none() {
        let slices = (1..=4).flat_map(|p| (1..=p + 1).map(move |s| format!("patient{p:02}_slice{s}")));
        assert_eq!(groups(slices), Some((4, ("patient04".into(), 5))));
        assert_eq!(groups((0..25).map(|i| format!("scan_{i:02}"))), None);
        assert_eq!(groups((0..25).map(|i| i.to_string())), None);
        let folders = (1..=3).flat_map(|p| (1..=3).map(move |s| format!("p{p}/{s}")));
        assert_eq!(groups(folders), Some((3, ("p3".into(), 3))));
        // One image of each patient.
        assert_eq!(groups((0..9).map(|i| format!("patient{i}_1"))), None);
    }
}
