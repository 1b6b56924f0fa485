//! Tests of whole charts: words never stand on each other, on the curves or beyond the sheet.

use super::Drawn;
use super::focus::Focus;
use super::text;
use crate::record::EpochRecord;
use crate::report::collect::{Comparison, Group, Run, State};
use crate::report::verdict;
use crate::store::RunDir;
use std::collections::BTreeMap;

fn run(id: &str, differs: &[(&str, &str)], state: State, rows: Vec<EpochRecord>) -> Run {
    let best_epoch = rows.len().checked_sub(1).map(|last| last.max(1));
    Run {
        dir: RunDir::at(id),
        id: id.to_owned(),
        differs: differs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        state,
        cause: None,
        best: rows.last().map(|row| row.values.iter().cloned().collect()).unwrap_or_default(),
        rows,
        seconds: 1.0,
        epoch_seconds: vec![0.9, 1.0, 1.1],
        best_epoch,
        test: BTreeMap::new(),
        images: Default::default(),
    }
}

/// Curves that rise to `top`, with a learning rate that drops every eight epochs.
fn rows(epochs: usize, top: f64, start: f64) -> Vec<EpochRecord> {
    let row = |epoch: usize| {
        let dice = top * (1.0 - (-(epoch as f64) / 4.0).exp());
        let lr = start * 0.1f64.powi((epoch as i32 - 1) / 8);
        let values = [("lr", lr), ("train_dice", dice + 0.01), ("val_dice", dice), ("val_loss", 1.0 - dice)];
        EpochRecord { epoch, values: values.map(|(name, v)| (name.to_owned(), v)).to_vec() }
    };
    (1..=epochs).map(row).collect()
}

/// Groups that end almost at the same value: the hardest case for labels.
fn crowded(groups: usize, name: impl Fn(usize) -> String) -> Comparison {
    let group = |i: usize| {
        let value = name(i);
        let differs = [("model.unet.channels", value.as_str()), ("seed", "1")];
        let top = 0.95 - 0.0005 * i as f64;
        let state = if i == 1 { State::Failed } else { State::Finished };
        let runs = vec![run("a", &differs, State::Finished, rows(30, top, 1e-3)), run("b", &differs, state, rows(9, top, 1e-3))];
        Group { name: format!("channels {value}"), runs }
    };
    let groups = (0..groups).map(group).collect();
    Comparison { name: "crowded".into(), groups, classes: Vec::new(), best_by: "val_loss".into(), of_other_plans: 0 }
}

#[derive(Debug, Clone, PartialEq)]
struct Area {
    words: String,
    x: (i32, i32),
    y: (i32, i32),
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = &tag[tag.find(&format!(" {name}=\""))? + name.len() + 3..];
    Some(rest[..rest.find('"')?].to_owned())
}

/// The rectangles that the words of a chart take: capitals are 0.72 em high, descenders 0.2 em deep.
fn boxes(svg: &str) -> Vec<Area> {
    let mut boxes = Vec::new();
    for element in svg.split("<text").skip(1) {
        let (tag, rest) = element.split_once('>').unwrap();
        let words = rest.split("</text>").next().unwrap().replace("&amp;", "&");
        let size: i32 = attribute(tag, "font-size").map_or(80, |s| s.parse().unwrap());
        let width = text::width(&words, size);
        let before = match attribute(tag, "text-anchor").as_deref() {
            Some("middle") => width / 2,
            Some("end") => width,
            _ => 0,
        };
        let (up, down) = (size * 72 / 100, size / 5);
        let (x, y) = match attribute(tag, "transform") {
            Some(moved) => {
                let numbers: Vec<i32> = moved.split(['(', ' ', ')']).filter_map(|part| part.parse().ok()).collect();
                ((numbers[0] - up, numbers[0] + down), (numbers[1] + before - width, numbers[1] + before))
            }
            None => {
                let at = |name| attribute(tag, name).unwrap().parse::<i32>().unwrap();
                ((at("x") - before, at("x") - before + width), (at("y") - up, at("y") + down))
            }
        };
        boxes.push(Area { words, x, y });
    }
    boxes
}

/// The frame that curves are clipped to.
fn frame(svg: &str) -> Area {
    let (_, path) = svg.split_once("<clipPath").unwrap();
    let d = attribute(&path[path.find("<path").unwrap()..], "d").unwrap();
    let n: Vec<i32> = d.split(['M', ' ', 'H', 'V', 'z']).filter_map(|part| part.parse().ok()).collect();
    Area { words: "curves".into(), x: (n[0], n[2]), y: (n[1], n[3]) }
}

fn overlap(a: &Area, b: &Area) -> bool {
    a.x.0 < b.x.1 && b.x.0 < a.x.1 && a.y.0 < b.y.1 && b.y.0 < a.y.1
}

fn check(svg: &str, with_curves: bool) {
    let size = attribute(svg, "viewBox").unwrap();
    let size: Vec<i32> = size.split(' ').map(|n| n.parse().unwrap()).collect();
    let mut all = boxes(svg);
    for one in &all {
        let inside = one.x.0 >= 0 && one.y.0 >= 0 && one.x.1 <= size[2] && one.y.1 <= size[3];
        assert!(inside, "{one:?} is not on the sheet of {size:?}");
    }
    if with_curves {
        all.push(frame(svg));
    }
    for (i, a) in all.iter().enumerate() {
        for b in &all[i + 1..] {
            assert!(!overlap(a, b), "{a:?} and {b:?} overlap");
        }
    }
}

fn curves(comparison: &Comparison) -> String {
    let verdict = verdict::judge(comparison);
    super::curves::draw(comparison, &Focus::of(comparison, &verdict), "dice", &[]).unwrap()
}

fn lr(comparison: &Comparison) -> String {
    let verdict = verdict::judge(comparison);
    super::lr::draw(comparison, &Focus::of(comparison, &verdict)).unwrap()
}

#[test]
fn words_keep_clear_of_each_other_and_of_the_curves() {
    let short = |i: usize| format!("[{}, {}]", 8 << (i % 4), i);
    let long =
        |i: usize| format!("[64, 128, 256, 512, 1024, 2048, 4096, {i}] with a name that needs more than a line of its own");
    for groups in [1, 2, 3, 7, 12, 13, 20, 100] {
        for comparison in [crowded(groups, short), crowded(groups, long)] {
            check(&curves(&comparison), true);
            check(&lr(&comparison), false);
        }
    }
}

#[test]
fn both_axes_have_words_at_their_ticks() {
    let svg = curves(&crowded(3, |i| i.to_string()));
    let words: Vec<String> = boxes(&svg).into_iter().map(|b| b.words).collect();
    for expected in ["0", "10", "20", "30", "Epoch", "0.9", "1.0", "Dice", "lr ÷10", "failed", "channels"] {
        assert!(words.iter().any(|w| w == expected), "{expected} is missing in {words:?}");
    }
}

#[test]
fn a_group_has_one_color_in_every_chart() {
    let mut comparison = crowded(3, |i| i.to_string());
    let colors = |svg: &str| ["c1", "c2", "c3"].map(|c| svg.contains(&format!("f-{c} "))).to_vec();
    assert_eq!(colors(&curves(&comparison)), [true; 3]);
    // Without a single value the second group leaves no curve, and the third keeps its colour.
    comparison.groups[1].runs.iter_mut().for_each(|r| r.rows.clear());
    assert_eq!(colors(&curves(&comparison)), [true, false, true]);
}

#[test]
fn schedules_that_differ_are_told_apart() {
    let mut comparison = crowded(3, |i| i.to_string());
    assert!(!lr(&comparison).contains("\"s-c1\""), "one schedule belongs to no group");
    comparison.groups[2].runs[0].rows = rows(30, 0.9, 1e-4);
    comparison.groups[2].runs.truncate(1);
    let svg = lr(&comparison);
    assert!(svg.contains("\"s-c1\"") && svg.contains("\"s-c3\""), "{svg}");
}

/// A grid of parameters with runs of several seeds; scores are a smooth function of the levels with a little that looks like chance.
pub(crate) fn grid(parameters: &[(&str, &[&str])], seeds: usize) -> Comparison {
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
        Group { name: crate::plan::group_name(&runs[0].differs), runs }
    };
    let groups = (0..count).map(group).collect();
    Comparison { name: "grid".into(), groups, classes: Vec::new(), best_by: "val_loss".into(), of_other_plans: 0 }
}

fn all(comparison: &Comparison) -> Vec<Drawn> {
    super::all(comparison, &verdict::judge(comparison))
}

const LR: (&str, &[&str]) = ("optimizer.adam.lr", &["1e-4", "3e-4", "0.001", "0.003"]);
const CHANNELS: (&str, &[&str]) = ("model.unet.channels", &["[8, 16]", "[16, 32, 64]", "[32, 64, 128, 256]"]);
const NORM: (&str, &[&str]) = ("model.unet.norm", &["\"batch\"", "\"group\""]);
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

fn check_all(what: &str, charts: &[Drawn]) {
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
    let cases: [(&str, &[(&str, &[&str])], usize); 12] = [
        ("one group", &[], 3),
        ("one group, one run", &[], 1),
        ("two values", &[NORM], 3),
        ("one run a group", &[LR], 1),
        ("two parameters", &[LR, CHANNELS], 3),
        ("three parameters", &[LR, CHANNELS, NORM], 2),
        ("four parameters", &[DECAY, LR, CHANNELS, NORM], 1),
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

/// Writes charts where `UMLAUT_SHOW_CHARTS` says, to be looked at.
fn show(what: &str, charts: &[Drawn]) {
    if let Some(dir) = std::env::var_os("UMLAUT_SHOW_CHARTS") {
        for chart in charts {
            let path = std::path::Path::new(&dir).join(format!("{}_{}.svg", what.replace([' ', ','], "-"), chart.name));
            std::fs::write(path, &chart.svg).unwrap();
        }
    }
}

#[test]
fn values_that_are_missing_equal_or_no_numbers_spoil_no_chart() {
    let spoil: [(&str, fn(usize, &mut Run)); 5] = [
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
