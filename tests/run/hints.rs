//! Options that there are not, memory that there is not, and what shells complete.

use crate::desk::{Desk, TINY, expect_code, words};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn an_option_that_is_a_key_of_the_file_is_answered_with_set() {
    // What is swept cannot be replaced.
    let desk = Desk::with(TINY.split("[sweep.grid]").next().expect("a beginning"));
    let cases = [
        (&["run", "x.toml", "--epochs", "5"] as &[&str], "--set training.epochs=5"),
        (&["plan", "--lr=0.1", "x.toml"], "--set optimizer.adam.lr=0.1"),
        (&["check", "x.toml", "--batch-size", "8"], "--set training.batch_size=8"),
        (&["run", "x.toml", "--seed", "3"], "--set training.seeds=[3]"),
    ];
    for (arguments, tip) in cases {
        let output = desk.umlaut(arguments);
        expect_code(&output, 2);
        let said = words(&output);
        assert!(said.contains(tip) && said.contains("unexpected argument") && !said.contains("similar"), "{said}");
        // What is said to be the remedy is one.
        let mut instead: Vec<&str> =
            arguments.iter().filter(|word| ["plan", "check", "x.toml"].contains(word)).copied().collect();
        if instead.len() == 2 {
            instead.extend(tip.split(' '));
            desk.said(&instead);
        }
    }
    // Commands that replace nothing, and options that are nothing.
    for arguments in [&["status", "--epochs", "5"] as &[&str], &["run", "x.toml", "--gpu"]] {
        let said = words(&desk.umlaut(arguments));
        assert!(said.contains("unexpected argument") && !said.contains("--set training"), "{said}");
    }
}

/// A batch of terabytes is more than any machine has.
#[test]
fn a_plan_warns_of_runs_that_memory_does_not_suffice_for() {
    let toml = TINY.replace("count = 12", "count = 40000").replace("size = [16, 16]", "size = [4096, 4096]");
    let desk = Desk::with(&toml.replace("batch_size = 4", "batch_size = 10000"));
    let plan = desk.said(&["plan", "x.toml"]);
    let warned =
        plan.split("warning: ").nth(1).unwrap_or_else(|| panic!("{plan}")).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(warned.starts_with("4 runs need more memory than cpu has (") && warned.contains("training.batch_size"), "{warned}");
    assert!(!Desk::with(TINY).said(&["plan", "x.toml"]).contains("warning"));
}

#[test]
fn shells_get_every_command() {
    let desk = Desk::with(TINY);
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef umlaut"), ("fish", "complete -c umlaut")] {
        let script = desk.said(&["completions", shell]);
        for word in [mark, "find-lr", "other-plans", "jobs-per-device"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let Ok(mut child) = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() else { continue };
        child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{shell} does not understand it");
    }
    expect_code(&desk.umlaut(&["completions", "cmd"]), 2);
}
