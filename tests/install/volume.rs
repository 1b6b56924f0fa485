//! How much is said, `-q` and `-v`, and in which colours.

use super::{TINY, command, ends_with};
use std::fs;

#[test]
fn quiet_commands_print_where_their_result_lies_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.toml"), TINY).unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    for (arguments, result) in [
        (&["-q", "init", "new.toml"][..], "new.toml"),
        (&["init", "--example", "quickstart", "--quiet"], "quickstart.toml"),
        (&["run", "x.toml", "-q"], "results/tiny"),
        (&["-q", "report", "tiny"], "results/tiny"),
        (&["-q", "data", "export", "x.toml", "--out", "exported"], "exported/dataset.toml"),
        (&["-q", "predict", "tiny", "exported/images", "--out", "predicted"], "predicted"),
        (&["-q", "man", "pages"], "pages"),
    ] {
        let (out, err) = ends_with(&mut command(dir.path(), arguments), 0);
        assert_eq!((out.as_str(), err.as_str()), (format!("{result}\n").as_str(), ""), "{arguments:?}");
        assert!(dir.path().join(result).exists(), "{result}");
    }
}

#[test]
fn quiet_commands_print_what_they_are_asked_for_and_every_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.toml"), TINY).unwrap();
    fs::write(dir.path().join("bad.toml"), "name = 'x'\ntraining.epochs = 0\n").unwrap();
    let (out, _) = ends_with(&mut command(dir.path(), &["-q", "plan", "x.toml", "--csv"]), 0);
    assert!(out.starts_with("run,"), "{out}");
    let (out, err) = ends_with(&mut command(dir.path(), &["-q", "check", "bad.toml"]), 2);
    assert!(out.is_empty() && err.contains("bad.toml:2"), "{out}{err}");
    // A run that fails in its first step.
    let failing = ["run", "x.toml", "-q", "--retries", "0", "--set", "optimizer.adam.lr=1e30"];
    let (_, err) = ends_with(&mut command(dir.path(), &failing), 1);
    assert!(err.contains("failed:") && err.contains("1 run failed"), "{err}");
    let (_, err) = ends_with(&mut command(dir.path(), &["-q", "-v", "info"]), 2);
    assert!(err.contains("cannot be used with"), "{err}");
}

#[test]
fn verbose_commands_say_what_they_go_by() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.toml"), TINY).unwrap();
    let (usual, err) = ends_with(&mut command(dir.path(), &["check", "x.toml"]), 0);
    assert!(err.is_empty(), "{err}");
    let (out, err) = ends_with(command(dir.path(), &["check", "x.toml", "-v"]).env("UMLAUT_CPU", "portable"), 0);
    assert_eq!(out, usual);
    for part in [concat!("umlaut ", env!("CARGO_PKG_VERSION")), "threads, portable", "took "] {
        assert!(err.contains(part), "{part}: {err}");
    }
}

/// As <https://no-color.org> and <https://bixense.com/clicolors> have it; standard error is no terminal here.
#[test]
fn colours_are_as_the_environment_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.toml"), "name = 'x'\ntraining.epochs = 0\n").unwrap();
    let is_coloured = |environment: &[(&str, &str)], arguments: &[&str]| {
        let (out, err) = ends_with(command(dir.path(), arguments).envs(environment.iter().copied()), 2);
        (out + &err).contains('\u{1b}')
    };
    // The parser of command lines takes any value for a yes.
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "0")], &["check", "bad.toml"]));
    // An own message, and one of the parser.
    for arguments in [&["check", "bad.toml"][..], &["check", "--nonsense"]] {
        assert!(!is_coloured(&[], arguments), "{arguments:?}");
        assert!(is_coloured(&[("CLICOLOR_FORCE", "1")], arguments), "{arguments:?}");
        assert!(!is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], arguments), "{arguments:?}");
        assert!(is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], arguments), "{arguments:?}");
    }
}
