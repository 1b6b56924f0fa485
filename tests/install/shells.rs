//! Completions loaded by the shells themselves, and man pages read by `man`'s own formatter. What is not installed is skipped, saying so.

use super::{command, ends_with};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Whether there is such a program.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no {program} here");
    }
    found
}

/// The completions of a shell, in a file of the directory.
fn completions(dir: &Path, shell: &str, file: &str) {
    let (script, _) = ends_with(&mut command(dir, &["completions", shell]), 0);
    fs::write(dir.join(file), script).unwrap();
}

fn says(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let (out, err) = ends_with(Command::new(program).args(arguments).current_dir(dir).env("HOME", dir), 0);
    assert!(err.is_empty(), "{program}: {err}");
    out
}

#[test]
fn bash_completes_commands_and_options() {
    if !has("bash") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    completions(dir.path(), "bash", "umlaut.bash");
    let completed = |words: &str, word: &str| {
        let script = format!(
            "source umlaut.bash; COMP_WORDS=({words} {word}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _umlaut umlaut {word} x; echo ${{COMPREPLY[@]}}"
        );
        says(dir.path(), "bash", &["--norc", "-c", &script]).trim().to_owned()
    };
    assert_eq!(completed("umlaut", "sta"), "status");
    assert_eq!(completed("umlaut run", "--dry"), "--dry-run");
    assert_eq!(completed("umlaut data", "ins"), "inspect");
    let registered = says(dir.path(), "bash", &["--norc", "-c", "source umlaut.bash; complete -p umlaut"]);
    assert!(registered.contains("-F _umlaut"), "{registered}");
}

#[test]
fn fish_completes_commands_and_options() {
    if !has("fish") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    completions(dir.path(), "fish", "umlaut.fish");
    for (line, word) in [("umlaut sta", "status"), ("umlaut run --dry", "--dry-run"), ("umlaut data ins", "inspect")] {
        let out = says(dir.path(), "fish", &["--no-config", "-c", &format!("source umlaut.fish; complete -C '{line}'")]);
        assert!(out.lines().any(|line| line.split('\t').next() == Some(word)), "{line}: {out}");
    }
}

/// From a directory of `fpath`, as it would be installed.
#[test]
fn zsh_loads_the_function() {
    if !has("zsh") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    completions(dir.path(), "zsh", "_umlaut");
    let script = "fpath=($PWD $fpath); autoload -U compinit; compinit -D -u; print $_comps[umlaut]; \
                  autoload +X _umlaut; source ./_umlaut; print $+functions[_umlaut] $+functions[_umlaut_commands]";
    assert_eq!(says(dir.path(), "zsh", &["-f", "-c", script]), "_umlaut\n1 1\n");
}

#[test]
fn man_pages_are_written_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    ends_with(&mut command(dir.path(), &["man", "pages"]), 0);
    let page = |name: &str| fs::read_to_string(dir.path().join("pages").join(name)).unwrap();
    assert!(page("umlaut.1").contains("umlaut\\-run(1)"), "{}", page("umlaut.1"));
    for (name, option) in [("umlaut-run.1", "dry\\-run"), ("umlaut-data-inspect.1", "sheet"), ("umlaut-predict.1", "overlays")] {
        assert!(page(name).contains(option) && page(name).contains("Examples:"), "{name}");
    }
    if has("mandoc") {
        let read = says(dir.path(), "mandoc", &["-T", "utf8", "-W", "error", "pages/umlaut-run.1"]);
        assert!(read.contains("train what is not finished"), "{read}");
    }
}
