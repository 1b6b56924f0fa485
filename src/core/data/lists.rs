//! The split `lists`: names of samples, part by part, `*` standing for any run of characters.

use super::Dataset;
use super::error::{Error, listed};
use super::files::EXTENSIONS;
use super::splits::Splits;
use crate::config::ListSplit;
use std::collections::BTreeSet;

/// The samples named. Those in no list are left out.
///
/// # Errors
/// If a name or pattern means no sample, or a sample is in two splits.
pub(super) fn lists(dataset: &Dataset, config: &ListSplit) -> Result<Splits, Error> {
    let [train, val, test] = [("train", &config.train), ("val", &config.val), ("test", &config.test)]
        .map(|(part, names)| members(dataset, part, names).map(|members| (part, members)));
    let splits = [train?, val?, test?];
    for (i, (first, members)) in splits.iter().enumerate() {
        for (second, others) in &splits[i + 1..] {
            let both: Vec<&str> = members.intersection(others).map(|i| dataset.samples[*i].name.as_str()).collect();
            if !both.is_empty() {
                return Err(Error::InTwoParts { count: both.len(), first, second, names: listed(&both, 5, ", ") });
            }
        }
    }
    let [train, val, test] = splits.map(|(_, members)| members.into_iter().collect());
    Ok(Splits { train, val, test })
}

fn members(dataset: &Dataset, part: &'static str, patterns: &[String]) -> Result<BTreeSet<usize>, Error> {
    let mut members = BTreeSet::new();
    for pattern in patterns {
        let hits: Vec<usize> =
            dataset.samples.iter().enumerate().filter(|(_, sample)| matches(pattern, &sample.name)).map(|(i, _)| i).collect();
        if hits.is_empty() {
            return Err(Error::UnknownSample { part, name: pattern.clone(), hint: hint(dataset, pattern) });
        }
        members.extend(hits);
    }
    Ok(members)
}

/// Whether `name` is `pattern`, in which `*` stands for any run of characters, an empty one too.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let (between, last) = tail.rsplit_once('*').unwrap_or(("", tail));
    // The first place of each part leaves most to those behind it: no other needs to be tried, however many stars there are.
    for part in between.split('*') {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn hint(dataset: &Dataset, name: &str) -> String {
    let names = || dataset.samples.iter().map(|sample| sample.name.as_str());
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let stem = if EXTENSIONS.contains(&extension.to_lowercase().as_str()) { stem } else { name };
    let nearest = names().map(|known| (strsim::jaro_winkler(stem, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, known)) if likeness > 0.8 && !name.contains('*') => format!("did you mean {known:?}?"),
        _ => format!(
            "there are {}; names are those of the files, without extension",
            listed(&names().collect::<Vec<_>>(), 5, ", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, name) in [
            ("a", "a"),
            ("*", ""),
            ("a*", "a"),
            ("*1", "d/11"),
            ("a*c*e", "abcde"),
            ("ä*", "äöü"),
            ("a**b", "ab"),
            ("*ab*b", "abab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("a*", "ba"), ("a*c*e", "acbd"), ("", "a"), ("*1", "10"), ("a*a", "a"), ("*ab*b", "ab")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        // Trying every place of every star would take for ever.
        assert!(!matches(&"a*".repeat(60).replace("a*a*a", "a*a*b"), &"a".repeat(200)));
    }
}
