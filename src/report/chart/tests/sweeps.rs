//! Tests of the charts of sweeps, with grids of made-up runs.

use super::{Area, all, attribute, boxes, check, overlap, rows, run, show};
use crate::report::chart::Drawn;
use crate::report::collect::{Comparison, Group, Run, State};

/// A key and its values.
type Parameter<'a> = (&'a str, &'a [&'a str]);
/// Does harm to a run of the group of a number.
type Spoil = fn(usize, &mut Run);

/// A grid of parameters with runs of several seeds; scores are a smooth function of the levels with a little that looks like chance.
fn grid(parameters: &[Parameter], seeds: usize) -> Comparison {
    let count: usize = parameters.iter().map(|p| p.1.len()).product();
    let group = |number: usize| {
        let mut rest = number;
        let mut differs: Vec<(String, String)> = Vec::new();
        let mut top = 0.93;
        for (k, (key, values)) in parameters.iter().enumerate().rev() {
            let level = rest % values.len();
            rest /= values.len();
            differs.insert(0, ((*key).to_owned(), values[level].to_owned()));
            let part = level as f64 / values.len().max(2) as f64;
            top -= (0.1 / (k + 1) as f64) * (part - 0.55).powi(2);
        }
        let run_of = |seed: usize| {
            let noise = ((number * 7 + seed * 13) % 11) as f64 * 0.0011;
            let mut all: Vec<(&str, &str)> = differs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let text = seed.to_string();
            all.push(("seed", &text));
            let failed = number % 7 == 3 && seed == 1;
            let mut run = run("r", &all, if failed { State::Failed } else { State::Finished }, rows(30, top - noise, 1e-3));
            run.id = format!("{number}-{seed}");
            run.epoch_seconds = (0..30).map(|e| 2.0 + (number % 5) as f64 * 0.7 + ((e * 5 + seed) % 7) as f64 * 0.03).collect();
            run
        };
        let runs: Vec<Run> = (1..=seeds).map(run_of).collect();
        Group { name: crate::plan::group_name(&runs[0].differs), runs, own: Vec::new() }
    };
    let groups = (0..count).map(group).collect();
    Comparison {
        name: "grid".into(),
        groups,
        classes: Vec::new(),
        best_by: "val_loss".into(),
        of_other_plans: 0,
        remarks: Vec::new(),
        search: None,
        metrics: None,
    }
}

const LR: (&str, &[&str]) = ("optimizer.adam.lr", &["1e-4", "3e-4", "0.001", "0.003"]);
const CHANNELS: (&str, &[&str]) = ("model.unet.channels", &["[8, 16]", "[16, 32, 64]", "[32, 64, 128, 256]"]);
const NORM: (&str, &[&str]) = ("model.unet.norm", &["\"batch\"", "\"group\""]);
const DIGITS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
const DECAY: (&str, &[&str]) = ("optimizer.adam.weight_decay", &["0.0", "1e-5", "1e-4", "1e-3"]);
const LONG: (&str, &[&str]) = (
    "lr_schedule.a_key_with_a_name_that_is_really_much_too_long_for_any_axis",
    &[
        "{ constant = {} }",
        "{ step = { every = 7, gamma = 0.3 } }",
        "\"a_single_word_that_is_wider_than_a_column_of_the_paper_can_ever_be\"",
    ],
);

/// The rectangles of markers: they are what has a rim.
fn marks(svg: &str) -> Vec<Area> {
    let paths = svg.split("<path ").skip(1).filter(|p| p.split("/>").next().unwrap().contains("paint-order"));
    let mark = |p: &str| {
        let d = attribute(&format!(" {p}"), "d").unwrap();
        let n: Vec<i32> = d[1..].split(|c: char| !c.is_ascii_digit() && c != '-').filter_map(|part| part.parse().ok()).collect();
        let radius = 12; // A little less than markers have: corners are empty.
        let x = if d.contains('a') { n[0] + n[2] } else { n[0] + radius };
        Area { words: "mark".into(), x: (x - radius, x + radius), y: (n[1] - radius, n[1] + radius) }
    };
    paths.map(mark).collect()
}

pub(super) fn check_all(what: &str, charts: &[Drawn]) {
    for chart in charts {
        let result = std::panic::catch_unwind(|| {
            check(&chart.svg, false);
            for mark in marks(&chart.svg) {
                let hit = boxes(&chart.svg).into_iter().find(|words| overlap(words, &mark));
                assert!(hit.is_none(), "{hit:?} stands on {mark:?}");
            }
        });
        assert!(result.is_ok(), "{what}: {}", chart.name);
        assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{what}: {}", chart.name);
        assert!(chart.svg.contains("<title") && chart.svg.contains("<desc"), "{what}: {}", chart.name);
    }
}

#[test]
fn every_chart_keeps_its_words_apart() {
    let many: Vec<String> = (1..=30).map(|n| format!("{}", 1e-5 * 1.3f64.powi(n))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let names: Vec<String> = (1..=30).map(|n| format!("\"encoder number {n}\"")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let cases: [(&str, &[Parameter], usize); 13] = [
        ("one group", &[], 3),
        ("one group, one run", &[], 1),
        ("two values", &[NORM], 3),
        ("one run a group", &[LR], 1),
        ("two parameters", &[LR, CHANNELS], 3),
        ("three parameters", &[LR, CHANNELS, NORM], 2),
        ("four parameters", &[DECAY, LR, CHANNELS, NORM], 1),
        ("hundreds of groups", &[("a", &DIGITS), ("b", &DIGITS), ("c", &["1", "2", "3", "4", "5"])], 1),
        ("long names", &[LONG], 2),
        ("long names and more", &[LONG, LR, CHANNELS], 2),
        ("thirty numbers", &[("optimizer.adam.lr", &many)], 1),
        ("thirty names", &[("model.unet.encoder", &names), NORM], 2),
        ("many seeds", &[NORM, ("training.batch_size", &["1", "2", "16"])], 40),
    ];
    for (what, parameters, seeds) in cases {
        let comparison = grid(parameters, seeds);
        let charts = all(&comparison);
        check_all(what, &charts);
        show(what, &charts);
    }
}

#[test]
fn values_that_are_missing_equal_or_no_numbers_spoil_no_chart() {
    let spoil: [(&str, Spoil); 5] = [
        ("NaN", |i, run| run.rows.iter_mut().flat_map(|row| &mut row.values).filter(|_| i % 3 == 0).for_each(|v| v.1 = f64::NAN)),
        ("none", |i, run| {
            if i % 2 == 0 {
                (run.rows, run.best, run.best_epoch, run.epoch_seconds) = Default::default();
            }
        }),
        ("equal", |_, run| run.rows.iter_mut().flat_map(|row| &mut row.values).for_each(|v| v.1 = 0.5)),
        ("huge", |i, run| {
            run.rows
                .iter_mut()
                .flat_map(|row| &mut row.values)
                .filter(|v| v.0.contains("loss"))
                .for_each(|v| v.1 *= 1e6f64.powi(i as i32 % 4))
        }),
        ("failed", |_, run| run.state = State::Failed),
    ];
    for (what, spoil) in spoil {
        for parameters in [&[LR][..], &[LR, CHANNELS], &[LR, CHANNELS, NORM]] {
            let mut comparison = grid(parameters, 2);
            for (i, group) in comparison.groups.iter_mut().enumerate() {
                for run in &mut group.runs {
                    spoil(i, run);
                    run.best = run.rows.last().map(|row| row.values.iter().cloned().collect()).unwrap_or_default();
                }
            }
            check_all(what, &all(&comparison));
            comparison.groups.iter_mut().flat_map(|g| &mut g.runs).for_each(|run| {
                run.best.remove("val_dice");
            });
            check_all(what, &all(&comparison));
        }
    }
}

#[test]
fn charts_come_in_the_order_of_the_report() {
    let mut comparison = grid(&[LR, CHANNELS, NORM], 2);
    comparison.classes = vec!["disc".into(), "optic cup".into()];
    for (k, class) in ["disc", "optic cup"].iter().enumerate() {
        for row in comparison.groups.iter_mut().flat_map(|g| &mut g.runs).flat_map(|r| &mut r.rows) {
            row.values.push((format!("val_dice_{class}"), row.get("val_dice").unwrap() * (1.0 - 0.4 * k as f64)));
        }
    }
    let charts = all(&comparison);
    let names: Vec<&str> = charts.iter().map(|c| c.name.as_str()).collect();
    let expected = [
        "loss",
        "dice",
        "dice_disc",
        "dice_optic-cup",
        "scores",
        "parameter-lr",
        "parameter-channels",
        "parameter-norm",
        "heat-lr-channels",
        "parallel",
        "importance",
        "lr",
        "time",
    ];
    assert_eq!(names, expected);
    check_all("classes", &charts);
    show("classes", &charts);
    let ticks = |name: &str| {
        let svg = &charts.iter().find(|c| c.name == name).unwrap().svg;
        boxes(svg).into_iter().map(|b| b.words).filter(|w| w.starts_with("0.")).collect::<Vec<_>>()
    };
    assert_eq!(ticks("dice_disc"), ticks("dice_optic-cup"), "charts of classes have one axis");
}

#[test]
fn the_best_group_is_on_top_of_the_strip() {
    let charts = all(&grid(&[LR], 2));
    let scores = &charts.iter().find(|c| c.name == "scores").unwrap().svg;
    let mut names: Vec<Area> = boxes(scores).into_iter().filter(|b| b.words.starts_with("lr ")).collect();
    names.sort_by_key(|b| b.y.0);
    assert_eq!(names.iter().map(|b| b.words.as_str()).collect::<Vec<_>>(), ["lr 0.001", "lr 0.003", "lr 3e-4", "lr 1e-4"]);
}
