//! Trials that diverge, and trials that crash.

use super::desk::{Desk, SEARCH};

#[test]
fn a_trial_that_diverges_is_a_result() {
    let diverging =
        SEARCH.replace("{ log_uniform = [1e-4, 1e-1] }", "{ choice = [1e-3, 1e-2, 1e30] }").replace("trials = 12", "trials = 6");
    let desk = Desk::with(&diverging.replace("\"tpe\"", "\"sobol\""));
    desk.umlaut(0, &["run", "x.toml"]);
    let found = desk.found("results");
    assert!(found[0].contains(",1000000000000000000000000000000.0\n"), "no trial diverges: {}", found[0]);
    assert!(found[2].contains("confirmed = ") && !found[2].contains("1000000000"), "{}", found[2]);
    desk.umlaut(0, &["run", "x.toml"]);
    assert_eq!(desk.found("results"), found);
    // A result, and not what ends a schedule at the first failure.
    desk.umlaut(0, &["run", "x.toml", "--fail-fast", "--results", "fast"]);
    assert_eq!(desk.found("fast"), found);
}

#[test]
fn where_all_trials_diverge_nothing_is_named() {
    let diverging =
        SEARCH.replace("{ log_uniform = [1e-4, 1e-1] }", "{ choice = [1e30, 1e31] }").replace("trials = 12", "trials = 4");
    let desk = Desk::with(&diverging.replace("\"tpe\"", "\"sobol\""));
    let said = desk.umlaut(1, &["run", "x.toml"]);
    assert!(said.contains("no trial of the search has a score: all of them diverged"), "{said}");
    assert!(desk.found("results")[2].is_empty(), "no winner");
    for file in ["report.md", "report.html"] {
        let report = std::fs::read_to_string(desk.path("results/tiny").join(file)).expect("a report");
        assert!(
            report.contains("4 trials so far, all of them diverged. So there is nothing to confirm and no winner is named."),
            "{report}"
        );
        assert!(!report.contains("Named by the search") && !report.contains("the best so far is"), "{report}");
    }
    let status = desk.umlaut(0, &["status", "tiny"]);
    assert!(status.contains("4 diverged") && !status.contains("best") && !status.contains("named"), "{status}");
    let json: serde_json::Value = serde_json::from_str(&desk.umlaut(0, &["status", "tiny", "--json"])).expect("JSON");
    let search = &json["experiments"][0]["search"];
    assert!(search["best"].is_null() && search["winner"].is_null() && search["rungs"][0]["diverged"] == 4, "{search}");
}

/// One of the values asks for more samples than there are, which shows when the run begins.
#[test]
fn a_trial_that_crashes_stops_the_search_until_it_is_named() {
    let crashing = SEARCH.replace("[search.draw]", "[search.draw]\n\"training.samples\" = { ordered = [4, 9] }");
    let crashing = crashing.replace("\"tpe\"", "\"sobol\"").replace("trials = 12", "trials = 4").replace("eta = 3", "eta = 4");
    let desk = Desk::with(&crashing);
    let said = desk.umlaut(1, &["run", "x.toml"]);
    assert!(said.contains("has no result") && said.contains("training.samples = 9"), "{said}");
    let status: serde_json::Value = serde_json::from_str(&desk.umlaut(0, &["status", "tiny", "--json"])).expect("JSON");
    let waits = &status["experiments"][0]["search"]["waits"];
    assert!(waits["for"][0]["runs"][0].is_string() && waits["job"].as_u64() > waits["for"][0]["job"].as_u64(), "{status}");
    let early = desk.command(&["run", "x.toml", "--fail-fast", "--results", "fast"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&early.stderr);
    assert!(
        !early.status.success() && said.contains("training.samples = 9") && said.contains("stopped with 3 runs left"),
        "{said}"
    );
    let again = desk.umlaut(1, &["run", "x.toml", "--jobs", "2"]);
    let mut lost: Vec<String> = Vec::new();
    let mut said = again;
    while let Some((_, rest)) = said.split_once("with lost = [") {
        lost.push(rest.split(']').next().expect("a number").to_owned());
        assert!(lost.len() < 5, "{said}");
        let set = format!("search.lost=[{}]", lost.join(","));
        said = String::from_utf8_lossy(&{
            let output = desk.command(&["run", "x.toml", "--set", &set]).output().expect("the program starts");
            [output.stdout, output.stderr].concat()
        })
        .into_owned();
    }
    let found = desk.found("results");
    assert!(!lost.is_empty() && found[2].contains("confirmed = "), "{lost:?}: {said}");
    let set = format!("search.lost=[{}]", lost.join(","));
    desk.umlaut(0, &["run", "x.toml", "--set", &set]);
    assert_eq!(desk.found("results"), found);
}
