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
}

/// One of the values asks for more samples than there are, which shows when the run begins.
#[test]
fn a_trial_that_crashes_stops_the_search_until_it_is_named() {
    let crashing = SEARCH.replace("[search.draw]", "[search.draw]\n\"training.samples\" = { ordered = [4, 9] }");
    let crashing = crashing.replace("\"tpe\"", "\"sobol\"").replace("trials = 12", "trials = 4").replace("eta = 3", "eta = 4");
    let desk = Desk::with(&crashing);
    let said = desk.umlaut(1, &["run", "x.toml"]);
    assert!(said.contains("has no result") && said.contains("training.samples = 9"), "{said}");
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
