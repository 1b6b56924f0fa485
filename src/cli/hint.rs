//! Options that there are not, but keys of the experiment file are meant by them: what to write instead.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Options, the keys that they mean, and values for examples.
const KEYS: [(&str, &str, &str); 9] = [
    ("--epochs", "training.epochs", "5"),
    ("--lr", LR, "0.001"),
    ("--learning-rate", LR, "0.001"),
    ("--learning_rate", LR, "0.001"),
    ("--batch-size", "training.batch_size", "4"),
    ("--batch_size", "training.batch_size", "4"),
    ("--seed", "training.seeds", "1"),
    ("--seeds", "training.seeds", "1"),
    ("--samples", "training.samples", "100"),
];

/// Of the optimizer that a file has if it names none.
const LR: &str = "optimizer.adam.lr";

/// The error, with a tip if an option was meant for `--set`, which the command that was called must have. `words` are those of the command line.
pub fn with_tip(mut error: Error, command: &Command, words: &[String]) -> Error {
    let option = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => option.clone(),
        _ => return error,
    };
    if let Some(tip) = tip(&option, words).filter(|_| takes_sets(command, words)) {
        // An option that is merely spelled alike is not what is meant.
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn tip(option: &str, words: &[String]) -> Option<String> {
    let (_, key, example) = KEYS.into_iter().find(|(known, ..)| *known == option)?;
    let value = given(option, words).filter(|value| !value.is_empty() && !value.starts_with('-')).unwrap_or(example);
    let value = if key == "training.seeds" && !value.starts_with('[') { format!("[{value}]") } else { value.to_owned() };
    let other = if key == LR { "; with another optimizer its name stands for adam" } else { "" };
    Some(format!("the experiment file has this, and --set replaces what it says: --set {key}={value}{other}"))
}

/// What follows an option on the command line.
fn given<'a>(option: &str, words: &'a [String]) -> Option<&'a str> {
    let joined = |word: &'a String| word.strip_prefix(option)?.strip_prefix('=');
    let next = || words.iter().skip_while(|word| *word != option).nth(1).map(String::as_str);
    words.iter().find_map(joined).or_else(next)
}

/// Whether the command that was called replaces values of a file.
fn takes_sets(command: &Command, words: &[String]) -> bool {
    let called = words
        .iter()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .try_fold(command, |command, word| command.find_subcommand(word).ok_or(command));
    let called = called.unwrap_or_else(|last| last);
    called.get_arguments().any(|argument| argument.get_long() == Some("set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip_of(words: &[&str]) -> Option<String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let option = words.iter().find(|word| word.starts_with("--"))?;
        tip(option.split('=').next()?, &words).map(|tip| tip.rsplit(": ").next().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_value_is_the_one_that_was_given() {
        assert_eq!(tip_of(&["umlaut", "run", "x.toml", "--epochs", "7"]).as_deref(), Some("--set training.epochs=7"));
        assert_eq!(tip_of(&["umlaut", "run", "--epochs=9", "x.toml"]).as_deref(), Some("--set training.epochs=9"));
        assert_eq!(tip_of(&["umlaut", "run", "x.toml", "--seed", "3"]).as_deref(), Some("--set training.seeds=[3]"));
        assert_eq!(tip_of(&["umlaut", "run", "x.toml", "--batch-size"]).as_deref(), Some("--set training.batch_size=4"));
        assert!(
            tip_of(&["umlaut", "run", "--lr", "0.1"]).is_some_and(|tip| tip.starts_with("--set optimizer.adam.lr=0.1; with"))
        );
        assert_eq!(tip_of(&["umlaut", "run", "--gpu"]), None);
    }
}
