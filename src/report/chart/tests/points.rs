//! Tests of charts of sweeps by points, where parameters change together.

use super::sweeps::check_all;
use super::{all, boxes, rows, run, show};
use crate::report::collect::{Comparison, Group, State};
use crate::report::importance::Share;
use crate::report::own::NOT_SET;
use crate::report::{chart::Source, verdict};

/// A key with its value.
type Value = (&'static str, &'static str);

/// Groups that name some values and have others from the file, each with two runs around a score.
fn points(groups: &[(&[Value], f64)], file: &[Value]) -> Comparison {
    let swept = |key: &str| groups.iter().any(|(named, _)| named.iter().any(|(k, _)| *k == key));
    let group = |(named, top): &(&[Value], f64)| {
        let run_of = |seed: &'static str, off: f64| {
            let mut run = run("r", &[*named, &[("seed", seed)]].concat(), State::Finished, rows(30, top + off, 1e-3));
            run.id = format!("{named:?}-{seed}");
            run
        };
        let runs = vec![run_of("1", 0.01), run_of("2", -0.01)];
        let unnamed = file.iter().filter(|(key, _)| swept(key) && named.iter().all(|(k, _)| k != key));
        let own = unnamed.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Group { name: crate::plan::group_name(&runs[0].differs), runs, own }
    };
    let groups = groups.iter().map(group).collect();
    Comparison {
        name: "points".into(),
        groups,
        classes: Vec::new(),
        best_by: "val_loss".into(),
        of_other_plans: 0,
        remarks: Vec::new(),
        search: None,
        metrics: None,
    }
}

/// The names of the charts of parameters, and the others that may mislead.
fn of_parameters(comparison: &Comparison) -> Vec<String> {
    let of = |name: &String| ["parameter-", "heat-", "importance", "parallel"].iter().any(|start| name.starts_with(start));
    all(comparison).into_iter().map(|chart| chart.name).filter(of).collect()
}

const LOSSES: &[(&[Value], f64)] = &[
    (&[("loss.bce", "1.0")], 0.7),
    (&[("loss.dice", "1.0")], 0.8),
    (&[("loss.jaccard.weight", "1.0")], 0.6),
    (&[("loss.bce", "0.5"), ("loss.dice", "0.5")], 0.9),
];
const NO_LOSS: &[Value] = &[("loss.bce", "0.0"), ("loss.dice", "0.0"), ("loss.jaccard.weight", NOT_SET)];

#[test]
fn values_that_change_only_together_have_no_chart() {
    assert_eq!(of_parameters(&points(LOSSES, NO_LOSS)), Vec::<String>::new());
}

const FLIP: &str = "augment.flip_horizontal";
const ROTATE: &str = "augment.rotate.probability";
const SCALE: &str = "augment.scale.probability";
const AUGMENTATION: &[(&[Value], f64)] =
    &[(&[(FLIP, "0.0")], 0.5), (&[(FLIP, "0.5")], 0.6), (&[(FLIP, "0.5"), (ROTATE, "0.5"), (SCALE, "0.5")], 0.9)];

#[test]
fn only_groups_that_differ_in_nothing_else_are_averaged() {
    let comparison = points(AUGMENTATION, &[(ROTATE, NOT_SET), (SCALE, NOT_SET)]);
    assert_eq!(of_parameters(&comparison), ["parameter-flip_horizontal"]);
    let charts = all(&comparison);
    check_all("augmentation", &charts);
    show("augmentation", &charts);
    let chart = charts.into_iter().find(|chart| chart.name == "parameter-flip_horizontal").unwrap();
    assert!(chart.svg.contains("0.0: 0.4997; 0.5: 0.5997"), "the third group is none of flips: {}", chart.svg);
    let words: Vec<String> = boxes(&chart.svg).into_iter().map(|area| area.words).collect();
    assert!(words.contains(&"mean".to_owned()) && !words.iter().any(|w| w.contains("rotate")), "{words:?}");
}

#[test]
fn a_value_that_is_not_named_is_the_files() {
    let groups: &[(&[Value], f64)] = &[(&[("loss.dice", "0.5")], 0.7), (&[("loss.dice", "1.0")], 0.8), (&[], 0.6)];
    let comparison = points(groups, &[("loss.dice", "0.0")]);
    let chart = all(&comparison).into_iter().find(|chart| chart.name == "parameter-loss.dice").unwrap();
    assert!(chart.svg.contains("0.0: 0.5997; 0.5: 0.6996; 1.0: 0.7996"), "{}", chart.svg);
    let other = points(groups, &[("loss.dice", "1")]);
    assert!(crate::report::sweep::all(&other)[0].of_group == [Some(0), Some(1), Some(1)], "1 and 1.0 are one value");
}

#[test]
fn a_map_needs_half_of_its_combinations_and_importance_a_chart() {
    const A: [Value; 3] = [("m.a", "1"), ("m.a", "2"), ("m.a", "3")];
    const B: [Value; 3] = [("m.b", "1"), ("m.b", "2"), ("m.b", "3")];
    // One at a time around (1, 1): five of nine; with one value more of each, seven of sixteen.
    let five: &[(&[Value], f64)] =
        &[(&[A[0], B[0]], 0.5), (&[A[1], B[0]], 0.6), (&[A[2], B[0]], 0.7), (&[A[0], B[1]], 0.8), (&[A[0], B[2]], 0.9)];
    // Of groups that each have a value of their own nobody can tell a share.
    assert_eq!(of_parameters(&points(five, &[])), ["parameter-a", "parameter-b", "heat-a-b"]);
    let seven = [five, &[(&[("m.a", "4"), B[0]], 0.4), (&[A[0], ("m.b", "4")], 0.3)]].concat();
    assert_eq!(of_parameters(&points(&seven, &[])), ["parameter-a", "parameter-b"]);
    // A third that changes only together with a fourth: it has no share.
    let third: &[(&[Value], f64)] = &[(&[A[0], B[0], ("m.c", "2"), ("m.d", "2")], 0.1)];
    let comparison = points(&[five, third].concat(), &[("m.c", "1"), ("m.d", "1")]);
    assert_eq!(of_parameters(&comparison)[..2], ["parameter-a", "parameter-b"]);
    let verdict = verdict::judge(&comparison, None, verdict::RankBy::Validation);
    let shares: Vec<Share> = Source::of(&comparison, &verdict).shares.unwrap();
    let mut keys: Vec<&str> = shares.iter().map(|share| share.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["m.a", "m.b"]);
}
