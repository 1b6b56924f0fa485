//! A history follows from the file and the results alone.

use super::desk::{Desk, SEARCH};
use std::fs;
use std::path::Path;
use std::process::Child;

/// Numbers that are the same in every run of the test (a linear congruential generator, Knuth's MMIX).
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let step = |x: &u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), step).skip(1).map(|x| (x >> 33) as usize)
}

/// Kills a program as soon as its runs have so many epochs; whether it was still there.
fn killed(desk: &Desk, mut child: Child, results: &str, epochs: usize) -> bool {
    loop {
        if child.try_wait().expect("it can be asked").is_some() {
            return false;
        }
        if desk.epochs(results) >= epochs {
            child.kill().expect("it can be killed");
            child.wait().expect("it can be waited for");
            return true;
        }
        std::thread::yield_now();
    }
}

#[test]
fn no_number_of_slots_and_no_kill_changes_it() {
    let desk = Desk::with(SEARCH);
    desk.umlaut(0, &["run", "x.toml", "--results", "one"]);
    let found = desk.found("one");
    let jobs = found[0].lines().count() - 1;
    assert!(jobs > 12 && found[1].lines().count() > 3 && found[2].contains("confirmed = "), "{found:#?}");
    assert!(found[0].lines().any(|row| row.split(',').nth(2) == Some("1")), "no trial reached the last rung: {}", found[0]);
    rows_of_whole_runs(&desk, &found[0]);
    for slots in ["2", "4"] {
        desk.umlaut(0, &["run", "x.toml", "--results", slots, "--jobs", slots]);
        assert_eq!(desk.found(slots), found, "on {slots} slots");
    }
    let (mut kills, mut epochs) = (0, 0);
    for number in numbers(7).take(6) {
        epochs += 1 + number % 4;
        let child = desk.command(&["run", "x.toml", "--results", "killed", "--jobs", "2"]).spawn().expect("the program starts");
        kills += usize::from(killed(&desk, child, "killed", epochs));
        assert!(
            found[0].starts_with(&desk.of_search("killed", "history.csv")),
            "rows are written before they are known to be right"
        );
    }
    assert!(kills > 2, "it was over before it was killed");
    desk.umlaut(0, &["run", "x.toml", "--results", "killed"]);
    assert_eq!(desk.found("killed"), found);
    let status = desk.umlaut(0, &["status", "tiny", "--results", "one"]);
    for words in [
        "paused of",
        "search by val_dice: 12 trials so far, proposed by tpe",
        "after epoch 1/3: 12 of 12 trials with a result",
        "named: trial",
        "slots wait for results ",
    ] {
        assert!(status.contains(words), "{status}");
    }
    programs_see_the_same(&desk, &found);
    let why = desk.umlaut(0, &["why", "tiny", "3", "--results", "one"]);
    assert!(
        why.contains("trial 3: ") && why.contains("too little was known for tpe") && why.contains("its result: val_dice"),
        "{why}"
    );
    assert!(desk.umlaut(0, &["why", "tiny", "11", "--results", "one"]).contains("proposed by tpe, by "));
    assert!(desk.umlaut(2, &["why", "tiny", "12", "--results", "one"]).contains("the last one is 11"));
    let report = fs::read_to_string(desk.path("one/tiny/report.md")).expect("a report");
    for words in [
        "Named by the search: trial ",
        "In the search it had ",
        "neither their order nor the differences between them are tested",
        "## Rungs of the search",
        "(charts/search.svg)",
        "paused after a part",
    ] {
        assert!(report.contains(words), "{report}");
    }
    // A row that is cut off by a loss of power.
    let path = desk.path("killed/tiny/search/history.csv");
    fs::write(&path, &found[0][..found[0].len() - 9]).expect("writable");
    desk.umlaut(0, &["run", "x.toml", "--results", "killed"]);
    assert_eq!(desk.found("killed"), found);
}

#[test]
fn more_trials_extend_it() {
    let desk = Desk::with(SEARCH);
    desk.umlaut(0, &["run", "x.toml", "--results", "all"]);
    let all = desk.found("all");
    desk.umlaut(0, &["run", "x.toml", "--results", "longer", "--set", "search.trials=6"]);
    let first = desk.found("longer");
    assert!(all[0].starts_with(&first[0]) && first[0].lines().count() > 6, "{}{}", first[0], all[0]);
    // In another place, where it was copied to.
    copy(&desk.path("longer"), &desk.path("elsewhere/moved"));
    fs::remove_dir_all(desk.path("longer")).expect("removable");
    desk.umlaut(0, &["run", "x.toml", "--results", "elsewhere/moved"]);
    assert_eq!(desk.found("elsewhere/moved"), all);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("listed") {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("listed");
        if from.is_dir() { copy(&from, &to) } else { _ = fs::copy(&from, &to).expect("copied") }
    }
}

/// What `status --json` says of a search that is over.
fn programs_see_the_same(desk: &Desk, found: &[String; 3]) {
    let json: serde_json::Value =
        serde_json::from_str(&desk.umlaut(0, &["status", "tiny", "--results", "one", "--json"])).expect("JSON");
    let search = &json["experiments"][0]["search"];
    let winner: toml::Table = toml::from_str(&found[2]).expect("TOML");
    let same = [("trial", "trial"), ("score", "confirmed"), ("score_in_search", "searched")];
    assert!(same.iter().all(|(key, of)| search["winner"][key].as_f64() == number(&winner[*of])), "{search}\n{winner}");
    assert_eq!(search["winner"]["seeds"].as_array().map(Vec::len), Some(3));
    assert!(search["winner"]["values"]["optimizer.adam.lr"].is_f64() && search["best"]["values"]["model.unet.norm"].is_string());
    assert_eq!((&search["by"], &search["trials"], &search["parallel"]), (&"val_dice".into(), &12.into(), &2.into()));
    let rungs: Vec<(u64, u64)> = search["rungs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rung| (rung["epochs"].as_u64().unwrap(), rung["results"].as_u64().unwrap()))
        .collect();
    assert!(
        rungs.len() == 2
            && rungs[0] == (1, 12)
            && rungs[1].0 == 3
            && search["rungs"][1]["best"]["score"] == search["best"]["score"],
        "{search}"
    );
    assert!(search["waits"].is_null() && search["idle"].as_f64().is_some_and(|share| (0.0..1.0).contains(&share)), "{search}");
    assert_eq!(search["confirmation"]["runs"], search["confirmation"]["results"]);
}

fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|whole| whole as f64))
}

/// A trial that paused and went on has the files of a run that is trained in one go.
fn rows_of_whole_runs(desk: &Desk, history: &str) {
    let last = history.lines().rfind(|row| row.split(',').nth(2) == Some("1")).expect("a job to the last rung");
    let run = desk.path("one/tiny/runs").join(last.split(',').nth(4).expect("an id"));
    let copy = desk.path("copy");
    fs::create_dir(&copy).expect("writable");
    fs::copy(run.join("run.toml"), copy.join("run.toml")).expect("copied");
    desk.umlaut(0, &["train", "copy"]);
    for file in ["metrics.csv", "per_image.csv", "outcome.toml"] {
        assert_eq!(fs::read(copy.join(file)).expect("written"), fs::read(run.join(file)).expect("written"), "{file}");
    }
}
