//! What good files mean: defaults, `extends`, `--set`, points of a sweep; and files that cannot be read.

use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use umlaut::config::{Adam, Dataset, Experiment, Optimizer, Sgd, load, load_str};

/// A temporary folder with these files.
fn folder(files: &[(&str, &str)]) -> (TempDir, impl Fn(&str) -> PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    for (name, text) in files {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }
    (dir, move |name: &str| root.join(name))
}

fn parse(text: &str) -> Experiment {
    load_str("x.toml", text).unwrap()
}

fn value(text: &str) -> toml::Value {
    format!("v = {text}").parse::<toml::Table>().unwrap().remove("v").unwrap()
}

#[test]
fn tables_merge_and_choices_replace() {
    let (_dir, at) = folder(&[
        ("base/deep.toml", "extends = '../root.toml'\n[training]\nepochs = 20\n[optimizer.sgd]\nlr = 0.1\nmomentum = 0.5"),
        ("root.toml", "name = 'root'\ndescription = 'r'\n[training]\nepochs = 10\nbatch_size = 2\n[optimizer.adam]\nlr = 0.5"),
        ("x.toml", "name = 'x'\nextends = 'base/deep.toml'\n[optimizer.sgd]\nlr = 0.2\n[dataset.folders]\nroot = 'data'"),
    ]);
    let x = load(&at("x.toml"), &[]).unwrap();
    assert_eq!((x.name.as_str(), x.description.as_str()), ("x", ""));
    assert_eq!((x.training.epochs, x.training.batch_size), (20, 2));
    assert_eq!(x.optimizer, Optimizer::Sgd(Sgd { lr: 0.2, momentum: 0.5, ..Sgd::default() }));
    assert!(matches!(&x.dataset, Dataset::Folders(f) if f.root.as_os_str() == "data"));
}

#[test]
fn the_command_line_is_over_the_file_and_the_last_word_counts() {
    let (_dir, at) = folder(&[("x.toml", "name = 'x'\n[optimizer.adam]\nlr = 0.5\n[training]\nepochs = 3")]);
    let sets = ["training.epochs=4", "training.epochs = 5", "training.best=val_dice", "optimizer.sgd.nesterov=true", "name='y'"];
    let x = load(&at("x.toml"), &sets.map(str::to_owned)).unwrap();
    assert_eq!((x.training.epochs, x.training.best.as_str(), x.name.as_str()), (5, "val_dice", "y"));
    assert_eq!(x.optimizer, Optimizer::Sgd(Sgd { nesterov: true, ..Sgd::default() }));
}

#[test]
fn a_bare_word_is_a_text() {
    let (_dir, at) = folder(&[("x.toml", "name = 'x'")]);
    let sets = ["dataset.folders.root=/data/some place", "description=a = b"];
    let x = load(&at("x.toml"), &sets.map(str::to_owned)).unwrap();
    assert_eq!(x.description, "a = b");
    assert!(matches!(&x.dataset, Dataset::Folders(f) if f.root.as_os_str() == "/data/some place"));
}

#[test]
fn a_point_replaces_as_a_file_that_extends_would() {
    let base = parse("name = 'x'\n[optimizer.adam]\nlr = 0.5\nweight_decay = 0.1\n[sweep.grid]\n'training.epochs' = [1, 2]");
    let at = |key: &str, text: &str| base.at(&[(key.to_owned(), value(text))]).unwrap();
    assert_eq!(at("training.epochs", "2").training.epochs, 2);
    assert!(at("training.epochs", "2").sweep.is_empty());
    let adam = Adam { lr: 1.0, weight_decay: 0.1, ..Adam::default() };
    assert_eq!(at("optimizer.adam.lr", "1").optimizer, Optimizer::Adam(adam));
    assert_eq!(at("optimizer.sgd.lr", "0.2").optimizer, Optimizer::Sgd(Sgd { lr: 0.2, ..Sgd::default() }));
    assert_eq!(at("optimizer", "{ sgd = {} }").optimizer, Optimizer::Sgd(Sgd::default()));
    assert_eq!(base.at(&[]).unwrap().optimizer, base.optimizer);
}

#[test]
fn an_impossible_point_says_all_that_is_wrong() {
    let base = parse("name = 'x'");
    let point = [("training.epochs".to_owned(), value("0")), ("model.unet.upp".to_owned(), value("1"))];
    let message = base.at(&point).unwrap_err();
    assert!(message.contains("`training.epochs` must be a whole number from 1 to 1000000, got 0"), "{message}");
    assert!(message.contains("did you mean `up`?"), "{message}");
    let message = base.at(&[("preprocess.size".to_owned(), value("[100, 100]"))]).unwrap_err();
    assert!(message.contains("must be divisible by 16, got [100, 100]"), "{message}");
}

#[test]
fn a_sweep_of_good_combinations_is_good() {
    let text = "name = 'x'\n[preprocess]\nsize = [100, 100]\n[sweep.grid]\n'preprocess.size' = [[64, 64], [96, 96]]\n\
                'lr_schedule.step.gamma' = [0.5]\n'split.fractions.group' = ['^a', '^b']\n'optimizer' = [{ adam = {} }, { sgd = {} }]";
    assert_eq!(parse(text).sweep.grid.len(), 4);
}

#[test]
fn a_file_that_is_not_there_or_no_text() {
    let (dir, at) = folder(&[("x.toml", "")]);
    let missing = load(&at("no.toml"), &[]).unwrap_err();
    assert_eq!(missing.len(), 1);
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
    assert!(missing.to_string().contains("umlaut init"), "{missing}");
    assert!(load(dir.path(), &[]).unwrap_err().to_string().contains("is a folder; name an experiment file"));
    fs::write(at("x.toml"), b"name = 'x'\ndescription = '\xff'").unwrap();
    let broken = load(&at("x.toml"), &[]).unwrap_err().to_string();
    assert!(broken.contains("is not UTF-8 text: line 2 has the byte 0xff"), "{broken}");
}

#[test]
fn a_loose_text_extends_nothing() {
    let problems = load_str("run.toml", "name = 'x'\nextends = 'y.toml'").unwrap_err().to_string();
    assert!(problems.contains("run.toml:2:1"), "{problems}");
    assert!(problems.ends_with("run.toml: 1 mistake\n"), "{problems}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let problems = load_str("x.toml", "name = 'x'\ntraining.epohcs = 1").unwrap_err();
    let coloured = problems.render(true);
    assert!(coloured.contains('\u{1b}'));
    let plain = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
    assert_eq!(plain.split_whitespace().collect::<Vec<_>>(), problems.render(false).split_whitespace().collect::<Vec<_>>());
}
