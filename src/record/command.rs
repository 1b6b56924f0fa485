//! The command that runs of an experiment were started with: command.toml.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A command as it was typed last for an experiment, so that it can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The working directory, which relative paths among the arguments are below.
    pub directory: PathBuf,
    /// The arguments after the program's name: `run`, the file, options.
    pub arguments: Vec<String>,
}

/// The option that replaces a value of the file, and the beginning of one that replaces the seeds.
const SET: &str = "--set";
const SEEDS: &str = "training.seeds=";

/// The options of how much is said; one of them at the most.
const VOLUMES: [&str; 4] = ["-q", QUIET, "-v", "--verbose"];
const QUIET: &str = "--quiet";

impl Command {
    /// Whether it is `umlaut run`, the only one that is ever repeated.
    pub fn is_run(&self) -> bool {
        self.arguments.iter().find(|word| !word.starts_with('-')).is_some_and(|word| word == "run")
    }

    /// Whether it gives runs to a queue.
    pub fn is_for_queue(&self) -> bool {
        self.arguments.iter().any(|word| word == "--on" || word.starts_with("--on="))
    }

    /// The same command that cancels what is in the queue.
    #[must_use]
    pub fn cancelling(mut self) -> Self {
        self.arguments.retain(|word| word != "--detach");
        self.arguments.push("--cancel".to_owned());
        self
    }

    /// The same command that says only what is wrong.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.arguments.retain(|word| !VOLUMES.contains(&&**word));
        self.arguments.push(QUIET.to_owned());
        self
    }

    /// The same command with these seeds.
    #[must_use]
    pub fn with_seeds(mut self, seeds: &[u64]) -> Self {
        let mut kept = Vec::new();
        let mut words = self.arguments.into_iter().peekable();
        while let Some(word) = words.next() {
            if word == SET && words.next_if(|value| value.starts_with(SEEDS)).is_some() {
                continue;
            }
            if word.strip_prefix(SET).and_then(|rest| rest.strip_prefix('=')).is_none_or(|value| !value.starts_with(SEEDS)) {
                kept.push(word);
            }
        }
        kept.extend([SET.to_owned(), format!("{SEEDS}{seeds:?}")]);
        self.arguments = kept;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_replaced_and_nothing_else() {
        let words = ["run", "x.toml", "--set", "training.seeds=2", "--set", "training.epochs=5", "--set=training.seeds=[1]"];
        let command = Command { directory: "/".into(), arguments: words.map(str::to_owned).to_vec() };
        let expected = ["run", "x.toml", "--set", "training.epochs=5", "--set", "training.seeds=[1, 2, 3]"];
        assert_eq!(command.with_seeds(&[1, 2, 3]).arguments, expected);
    }

    #[test]
    fn however_much_it_said_it_is_quiet() {
        let command = Command { directory: "/".into(), arguments: ["-v", "run", "x.toml"].map(str::to_owned).to_vec() };
        let quiet = command.quiet();
        assert_eq!(quiet.arguments, ["run", "x.toml", "--quiet"]);
        assert_eq!(quiet.clone().quiet(), quiet);
    }

    #[test]
    fn of_a_queue_it_is_cancelled() {
        let of =
            |words: &[&str]| Command { directory: "/".into(), arguments: words.iter().map(|word| (*word).to_owned()).collect() };
        assert!(of(&["run", "x.toml", "--on", "slurm"]).is_for_queue() && !of(&["run", "on.toml"]).is_for_queue());
        assert_eq!(of(&["run", "--on=slurm", "--detach"]).cancelling().arguments, ["run", "--on=slurm", "--cancel"]);
    }
}
