//! The columns of a plan: what differs between its runs, and how values are shown to readers.

use crate::config::Training;

/// The run's own seed, as its place among the others calls it.
pub const SEED: &str = "seed";
/// The fold that the run validates on.
pub const FOLD: &str = "fold";

/// Whether a key tells repetitions of a group apart, the runs that are alike but for it.
pub fn of_repetition(key: &str) -> bool {
    key == SEED || key == FOLD
}

/// What the keys are called in front of a reader: by their last words, as few as tell each from the others, the run's own seed and the fold.
pub fn names<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let all: Vec<&str> = keys.iter().copied().chain([SEED, FOLD].into_iter().filter(|own| !keys.contains(own))).collect();
    let short = |key: &'a str| -> &'a str {
        let most = key.len() - last_word(key).len();
        let starts = key.rmatch_indices('.').map(|(at, _)| at + 1).chain([0]).filter(|at| *at <= most);
        let is_of = |other: &str, end: &str| other.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let alone = |end: &&str| all.iter().filter(|other| is_of(other, end)).count() == 1;
        starts.map(|at| &key[at..]).find(alone).unwrap_or(key)
    };
    keys.iter().map(|key| short(key)).collect()
}

/// The last word of a dotted key, by which readers know it; two where the last alone would be taken for a key of `[training]`, as in
/// `lr_warmup.epochs`, or for a score, as in `loss.dice`, or has namesakes, as in `augment.rotate.probability`. Of several keys
/// [`names`] tells each from the others.
fn last_word(key: &str) -> &str {
    let mut dots = key.rmatch_indices('.').map(|(at, _)| at);
    let Some(dot) = dots.next() else { return key };
    let (above, word) = (&key[..dot], &key[dot + 1..]);
    let of_training = || toml::Table::try_from(Training::default()).is_ok_and(|training| training.contains_key(word));
    let alone = above == "training"
        || (above != "loss" && !above.starts_with("loss.") && !above.starts_with("augment.") && !of_training());
    if alone { word } else { &key[dots.next().map_or(0, |dot| dot + 1)..] }
}

/// A value, given as TOML, as a reader needs it: `8-16` for a list, `step every 7 gamma 0.3` for a choice, a text without quotation
/// marks, a number of mostly zeros with a power of ten.
pub fn spoken(value: &str) -> String {
    match format!("value = {value}").parse::<toml::Table>() {
        Ok(table) => words(&table["value"]),
        Err(_) => value.to_owned(),
    }
}

fn words(value: &toml::Value) -> String {
    use toml::Value;
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_table()) => {
            items.iter().map(words).collect::<Vec<_>>().join("-")
        }
        Value::Table(table) => {
            let parts: Vec<String> =
                table.iter().map(|(key, value)| format!("{key} {}", words(value)).trim_end().to_owned()).collect();
            parts.join(" ")
        }
        Value::String(text) => text.clone(),
        Value::Float(x) if *x != 0.0 && x.is_finite() && !(1e-3..1e6).contains(&x.abs()) => format!("{x:e}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_by_its_last_word_unless_that_is_one_of_training() {
        for (key, word) in [
            ("optimizer.adam.lr", "lr"),
            ("training.epochs", "epochs"),
            ("lr_warmup.epochs", "lr_warmup.epochs"),
            ("loss.dice", "loss.dice"),
            ("loss.tversky.weight", "tversky.weight"),
            ("some.deep.table.epochs", "table.epochs"),
            ("augment.rotate90", "rotate90"),
            ("augment.rotate.degrees", "rotate.degrees"),
            ("seed", "seed"),
        ] {
            assert_eq!(last_word(key), word);
        }
    }

    #[test]
    fn keys_are_told_apart_by_as_few_words_as_do() {
        let all = ["dataset.synthetic.seed", "split.fractions.seed", SEED, "optimizer.adam.lr", "loss.dice"];
        assert_eq!(names(&all), ["synthetic.seed", "fractions.seed", "seed", "lr", "loss.dice"]);
        assert_eq!(names(&["split.k_fold.seed"]), ["k_fold.seed"], "the run's own seed is there though nobody names it");
        assert_eq!(names(&["a.b.patience", "c.b.patience", "x.patience"]), ["a.b.patience", "c.b.patience", "x.patience"]);
        assert_eq!(names(&["model.unet.dropout", "model.unet"]), ["dropout", "unet"]);
    }

    #[test]
    fn values_are_plain() {
        for (toml, shown) in [
            ("[8, 16]", "8-16"),
            ("\"batch\"", "batch"),
            ("0.001", "0.001"),
            ("[[1], [2]]", "[[1], [2]]"),
            ("0.0001", "1e-4"),
            ("1000000000.0", "1e9"),
            ("12345678", "12345678"),
            ("0.0", "0.0"),
            ("{ constant = {} }", "constant"),
            ("{ step = { every = 7, gamma = 0.3 } }", "step every 7 gamma 0.3"),
            ("no TOML", "no TOML"),
        ] {
            assert_eq!(spoken(toml), shown);
        }
    }
}
