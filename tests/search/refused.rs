//! Files and histories that no search goes on with, and what is said of them.

use super::desk::{Desk, SEARCH};
use std::fs;

/// Small and quick: two trials at random.
fn quick() -> String {
    SEARCH
        .replace("\"tpe\"", "\"random\"")
        .replace("trials = 12", "trials = 2")
        .replace("epochs = 3", "epochs = 2")
        .replace("top = 2", "top = 1")
}

#[test]
fn mistakes_in_the_file_end_with_two_before_anything_is_begun() {
    let desk = Desk::with(&(SEARCH.to_owned() + "[sweep.grid]\n'training.seeds' = [[1], [2]]\n"));
    let said = desk.umlaut(2, &["run", "x.toml"]);
    assert!(said.contains("an experiment has either a sweep or a search") && said.contains("[search.draw]"), "{said}");
    let desk = Desk::with(SEARCH);
    for (set, words) in [
        ("search.by='test_dice'", "`search.by` must be a validation column"),
        ("search.sampler='grid'", "search.sampler"),
        ("search.trails=3", "did you mean `trials`?"),
        ("search.halving.lowest=3", "`search.halving.lowest` must be below `training.epochs`, 3, got 3"),
    ] {
        let said = desk.umlaut(2, &["run", "x.toml", "--set", set]);
        assert!(said.contains(words), "{set}: {said}");
    }
    assert!(!desk.path("results").exists(), "nothing is begun");
}

#[test]
fn a_history_of_other_settings_is_not_continued() {
    let desk = Desk::with(&quick());
    desk.umlaut(0, &["run", "x.toml"]);
    let before = desk.found("results");
    for (set, words) in [
        ("search.seed=2", "search.seed was 1 and is 2"),
        ("search.parallel=3", "search.parallel was 2 and is 3"),
        ("training.batch_size=2", "the hash of the other tables and the data was"),
        ("training.epochs=4", "the epochs of the rungs was [1, 2] and is [1, 4]"),
    ] {
        let said = desk.umlaut(2, &["run", "x.toml", "--set", set]);
        assert!(said.contains(words) && said.contains("tiny/search"), "{set}: {said}");
        assert!(desk.umlaut(2, &["plan", "x.toml", "--set", set]).contains(words));
    }
    let path = desk.path("results/tiny/search/history.csv");
    let edited: String = before[0].replacen("\n1,1,0,1,", "\n1,1,0,7,", 1);
    fs::write(&path, &edited).expect("writable");
    let said = desk.umlaut(2, &["run", "x.toml"]);
    assert!(said.contains("history.csv: job 1 is not the one") && said.contains("epochs was 7 and is 1"), "{said}");
    assert_eq!(desk.found("results")[0], edited, "it is left as it is");
    fs::write(&path, &before[0]).expect("writable");
    desk.umlaut(0, &["run", "x.toml"]);
    assert_eq!(desk.found("results"), before);
}

/// A disk that gives back another bit than was written. Each file of a search follows from the others and from its runs.
#[test]
fn a_changed_bit_of_a_search_is_reported_or_made_good() {
    let desk = Desk::with(&quick());
    desk.umlaut(0, &["run", "x.toml"]);
    let before = desk.found("results");
    for file in ["history.csv", "results.csv", "search.toml", "confirm.csv", "winner.toml"] {
        let path = desk.path("results/tiny/search").join(file);
        let whole = fs::read(&path).expect("it is there");
        for place in [0, whole.len() / 2, whole.len() - 3] {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).expect("writable");
            let output = desk.command(&["run", "x.toml"]).output().expect("the program starts");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.status.code() {
                Some(0) => assert_eq!(desk.found("results"), before, "{file}, byte {place}: {said}"),
                Some(2) => {
                    assert!(said.contains(file), "{file}, byte {place}: {said}");
                    assert_eq!(fs::read(&path).expect("it is left"), changed, "{file}, byte {place}");
                }
                code => panic!("{file}, byte {place}: {code:?}: {said}"),
            }
            fs::write(&path, &whole).expect("writable");
        }
    }
    desk.umlaut(0, &["run", "x.toml"]);
    assert_eq!(desk.found("results"), before);
}

/// Without its files a report would take the groups of a search for those of a sweep.
#[test]
fn a_report_says_that_the_search_cannot_be_read() {
    let desk = Desk::with(&quick());
    desk.umlaut(0, &["run", "x.toml"]);
    let path = |file: &str| desk.path("results/tiny/search").join(file);
    let report = || {
        desk.umlaut(0, &["report", "tiny"]);
        fs::read_to_string(desk.path("results/tiny/report.md")).expect("a report")
    };
    let words = "What the search found is not shown";
    assert!(!report().contains(words));
    let settings = fs::read_to_string(path("search.toml")).expect("it is there");
    for (changed, named) in
        [("wersion = 1".to_owned(), "search.toml: "), (settings.replace("rungs = [", "rungs = [] #"), "a result of rung")]
    {
        fs::write(path("search.toml"), changed).expect("writable");
        let said = report();
        assert!(said.contains(words) && said.contains(named) && said.contains("`umlaut run` makes it anew"), "{said}");
    }
}

#[test]
fn a_plan_shows_the_first_trials_and_writes_nothing() {
    let desk = Desk::with(SEARCH);
    let said = desk.umlaut(0, &["plan", "x.toml"]);
    assert!(said.contains("search of 3 keys by val_dice: 12 trials, proposed by tpe"), "{said}");
    assert!(said.contains("trials are compared after 1, 3 of 3") && said.contains("runs with fresh seeds"), "{said}");
    assert!(said.contains("4 runs: 4 new"), "{said}");
    assert!(!desk.path("results/tiny").exists());
}

/// Four training images in batches of 4 are a step an epoch: a hundred steps are a hundred epochs.
#[test]
fn the_lowest_rung_has_a_hundred_steps() {
    let of = |epochs: &str| {
        let toml = SEARCH.replace("lowest = 1\n", "").replace("epochs = 3", epochs);
        Desk::with(&toml).umlaut(0, &["plan", "x.toml"])
    };
    let said = of("epochs = 400");
    assert!(said.contains("trials are compared after 100, 400 of 400"), "{said}");
    let said = of("epochs = 120");
    assert!(said.contains("120 a run, which are too few for halving"), "{said}");
}
