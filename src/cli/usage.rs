//! Examples at the end of every command's `--help`.

use clap::Command;

/// A command line and what it is for.
type Usage = (&'static str, &'static str);

/// The examples of every command, by its words.
const USAGES: &[(&str, &[Usage])] = &[
    (
        "run",
        &[
            ("umlaut run mine.toml", "train what is not finished, then draw the report"),
            ("umlaut run --example quickstart", "try it, in about one minute, without a file"),
            ("umlaut run mine.toml --set training.epochs=5 --device cuda:0", "another value, the first GPU"),
        ],
    ),
    ("plan", &[("umlaut plan mine.toml", "runs, costs, status"), ("umlaut plan mine.toml --csv", "the same for a program")]),
    ("status", &[("umlaut status", "all experiments in results/"), ("umlaut status mine --watch", "one, again every 2 seconds")]),
    (
        "clean",
        &[
            ("umlaut clean", "sizes of what may be deleted"),
            ("umlaut clean mine --resume --yes", "delete the last weights of finished runs"),
        ],
    ),
    (
        "train",
        &[
            ("umlaut train results/mine/runs/seed-1-0123456789", "one run, in this process"),
            ("umlaut train results/mine/runs/seed-1-0123456789 --restore", "again, if its best weights are gone"),
        ],
    ),
    (
        "check",
        &[
            ("umlaut check mine.toml", "report every mistake with its line"),
            ("umlaut check experiments/*.toml", "of several files"),
        ],
    ),
    (
        "init",
        &[
            ("umlaut init data/mine", "write mine.toml for a folder of images and masks"),
            ("umlaut init new.toml --minimal", "write the keys of a first experiment"),
            ("umlaut init --example", "list the experiments that come along"),
            ("umlaut init --example quickstart", "write one of them"),
        ],
    ),
    (
        "schema",
        &[
            ("umlaut schema > umlaut.schema.json", "for completion in editors"),
            ("umlaut schema | less", "every key and what it may be"),
        ],
    ),
    (
        "data inspect",
        &[
            ("umlaut data inspect mine.toml", "count and check the samples"),
            ("umlaut data inspect mine.toml --sheet sheet.png --epoch 1", "draw them as the first epoch sees them"),
        ],
    ),
    (
        "data export",
        &[
            ("umlaut data export mine.toml --out exported", "the training split at the size of training"),
            ("umlaut data export mine.toml --out exported --split val", "the validation split"),
        ],
    ),
    (
        "summary",
        &[
            ("umlaut summary mine.toml", "layers, parameters, memory"),
            ("umlaut summary mine.toml --set model.unet.channels=[32,64,128]", "of a wider network"),
        ],
    ),
    (
        "find-lr",
        &[
            ("umlaut find-lr mine.toml", "try learning rates from 1e-7 to 1"),
            ("umlaut find-lr mine.toml --from 1e-5 --to 0.1 --steps 200", "a smaller range, more steps"),
        ],
    ),
    ("info", &[("umlaut info", "this machine and its kernels"), ("UMLAUT_CPU=portable umlaut info", "other instructions")]),
    (
        "selftest",
        &[
            ("umlaut selftest", "compare the first GPU with the CPU"),
            ("umlaut selftest --probe", "which of NVIDIA's libraries works"),
            ("umlaut selftest --engines baseline.toml", "what cuDNN has for it on other GPUs"),
        ],
    ),
    (
        "report",
        &[
            ("umlaut report mine", "draw it again"),
            ("umlaut report mine --by iou --format html,md,tex --png", "by another metric, for a paper"),
            ("umlaut report mine --format tex --columns iou,dice_cup", "with these metrics in the tables"),
        ],
    ),
    (
        "predict",
        &[
            ("umlaut predict mine new/ --out predictions", "with the best run of an experiment"),
            ("umlaut predict mine new/ --out predictions --ensemble --overlays", "with all of its best group"),
        ],
    ),
    (
        "evaluate",
        &[
            ("umlaut evaluate mine other.toml", "the best run on another data set"),
            ("umlaut evaluate mine other.toml --split test --out scores.csv", "every image of its test split"),
        ],
    ),
    (
        "serve",
        &[
            ("umlaut serve", "all experiments in results/, at an address that is printed"),
            ("umlaut serve mine --open", "one experiment, in the browser"),
            ("umlaut serve mine --snapshot mine.html", "its report as one file"),
        ],
    ),
    (
        "compare",
        &[
            ("umlaut compare mine other", "two experiments"),
            ("umlaut compare mine other --by iou --rank-by test", "by IoU on the test split"),
        ],
    ),
    (
        "export tensorboard",
        &[
            ("umlaut export tensorboard mine", "event files in results/mine/tensorboard"),
            ("umlaut export tensorboard mine other --out events", "of two experiments"),
        ],
    ),
    (
        "export onnx",
        &[
            ("umlaut export onnx mine --out mine.onnx", "its best run, for 8-bit images"),
            ("umlaut export onnx 0123456789 --input uint16", "a run by the end of its id, for 16-bit images"),
        ],
    ),
    (
        "why",
        &[
            ("umlaut why 0123456789 abcdef0123", "two runs by the ends of their ids"),
            ("umlaut why 0123456789 mine.toml", "a run and the nearest of a file"),
        ],
    ),
    (
        "completions",
        &[
            ("umlaut completions bash > ~/.local/share/bash-completion/completions/umlaut", "bash"),
            ("umlaut completions fish > ~/.config/fish/completions/umlaut.fish", "fish"),
        ],
    ),
    (
        "man",
        &[
            ("umlaut man ~/.local/share/man/man1", "then `man umlaut`, `man umlaut-run`"),
            ("umlaut man pages", "then `man -l pages/umlaut.1`"),
        ],
    ),
    ("help", &[("umlaut help", "all commands and pages of the guide"), ("umlaut help tutorial", "a page")]),
];

/// The command with examples at the end of every help.
pub fn with_examples(mut command: Command) -> Command {
    for (words, usages) in USAGES {
        command = with_usages(command, &words.split(' ').collect::<Vec<_>>(), usages);
    }
    command
}

fn with_usages(command: Command, words: &[&'static str], usages: &[Usage]) -> Command {
    let Some((first, rest)) = words.split_first() else { return command.after_help(text(usages)) };
    // The program may be built without a command.
    if command.find_subcommand(first).is_none() {
        return command;
    }
    command.mut_subcommand(first, |inner| with_usages(inner, rest, usages))
}

/// As a help has them: a comment, and the command below it.
fn text(usages: &[Usage]) -> String {
    let lines = usages.iter().map(|(line, about)| format!("  # {about}\n  {line}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that do something themselves, by their words, with their help.
    fn leaves(command: &Command, before: &str) -> Vec<(String, String)> {
        // What nobody types has no examples.
        let inner = command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
            .flat_map(|inner| leaves(inner, &format!("{before}{} ", inner.get_name())));
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if command.has_subcommands() { inner.collect() } else { vec![(before.trim_end().to_owned(), help)] }
    }

    /// What the program gets of a command line in a shell.
    fn words(line: &str) -> Vec<&str> {
        let own = line.split(['>', '|']).next().unwrap_or_default();
        own.split_whitespace().skip_while(|word| word.contains('=')).collect()
    }

    #[test]
    fn every_command_has_two_examples_that_parse() {
        let command = super::super::command();
        for (name, help) in leaves(&command, "") {
            let lines: Vec<&str> = help.lines().filter(|line| line.starts_with("  ") && !line.starts_with("  #")).collect();
            assert!(lines.len() >= 2, "{name} has {} examples", lines.len());
            for line in lines {
                let words = words(line);
                assert!(words[1..].join(" ").starts_with(&name), "{line}: not an example of {name}");
                let parsed = command.clone().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err("it is none"));
            }
        }
    }

    #[test]
    fn no_examples_are_of_a_command_that_there_is_not() {
        let known: Vec<String> = leaves(&super::super::command(), "").into_iter().map(|(name, _)| name).collect();
        let unknown = USAGES.iter().map(|(words, _)| *words).filter(|words| !known.iter().any(|name| name == words));
        let unknown: Vec<&str> = unknown.filter(|words| cfg!(feature = "cuda") || *words != "selftest").collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
