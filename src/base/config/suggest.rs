//! Guesses what a misspelt word was meant to be.

/// The known word that is close enough to be meant, or else the only one that goes on where this one ends.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let word = word.to_lowercase();
    let far = |other: &str| strsim::damerau_levenshtein(&word, other);
    let close = |other: &str, distance: usize| distance <= 1.max(word.chars().count().max(other.len()) / 3);
    let near = known.iter().map(|other| (far(other), *other)).filter(|(d, other)| close(other, *d)).min();
    near.map(|(_, other)| other).or_else(|| {
        let mut longer = known.iter().copied().filter(|other| word.len() >= 3 && other.starts_with(&word));
        longer.next().filter(|_| longer.next().is_none())
    })
}

/// `a`, `b` and `c`, each in back quotes.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    joined(words, "and")
}

/// `a`, `b` or `c`, each in back quotes.
pub(super) fn either<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    joined(words, "or")
}

fn joined<'a>(words: impl IntoIterator<Item = &'a str>, last_by: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {last_by} {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let known = ["epochs", "batch_size", "seeds"];
        assert_eq!(closest("epohcs", known), Some("epochs"));
        assert_eq!(closest("batchsize", known), Some("batch_size"));
        assert_eq!(closest("Seeds", known), Some("seeds"));
        assert_eq!(closest("batch", known), Some("batch_size"));
        assert_eq!(closest("workers", known), None);
    }
}
