//! Guesses what a misspelt word was meant to be.

/// The known word that is close enough to be meant, if there is one.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let far = |other: &str| strsim::damerau_levenshtein(&word, other);
    let close = |other: &str, distance: usize| distance <= 1.max(word.chars().count().max(other.len()) / 3);
    known.into_iter().map(|other| (far(other), other)).filter(|(d, other)| close(other, *d)).min().map(|(_, other)| other)
}

/// `a`, `b` and `c`, each in back quotes; `none` if there is none.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "none".to_owned(),
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
        assert_eq!(closest("workers", known), None);
    }
}
