//! Tests of whole charts: words never stand on each other, on the curves or beyond the sheet.

mod points;
mod sweeps;

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
        data: String::new(),
        design: Default::default(),
        state,
        cause: None,
        best: rows.last().map(|row| row.values.iter().cloned().collect()).unwrap_or_default(),
        rows,
        seconds: 1.0,
        notes: Vec::new(),
        epoch_seconds: vec![0.9, 1.0, 1.1],
        best_epoch,
        test: BTreeMap::new(),
        images: Default::default(),
        thresholds: Default::default(),
        used: Default::default(),
        provenance: Default::default(),
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
        Group { name: format!("channels {value}"), runs, own: Vec::new() }
    };
    let groups = (0..groups).map(group).collect();
    Comparison {
        name: "crowded".into(),
        groups,
        classes: Vec::new(),
        best_by: "val_loss".into(),
        of_other_plans: 0,
        remarks: Vec::new(),
        search: None,
        metrics: None,
    }
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
        let words = rest.split("</text>").next().unwrap().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
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

pub(crate) fn check(svg: &str, with_curves: bool) {
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
    let verdict = verdict::judge(comparison, None, verdict::RankBy::Validation);
    super::curves::draw(comparison, &Focus::of(comparison, &verdict), "dice", &[]).unwrap()
}

fn lr(comparison: &Comparison) -> String {
    let verdict = verdict::judge(comparison, None, verdict::RankBy::Validation);
    super::lr::draw(comparison, &Focus::of(comparison, &verdict)).unwrap()
}

#[test]
fn words_keep_clear_of_each_other_and_of_the_curves() {
    let short = |i: usize| format!("[{}, {}]", 8 << (i % 4), i);
    let long =
        |i: usize| format!("[64, 128, 256, 512, 1024, 2048, 4096, {i}] with a name that needs more than a line of its own");
    for groups in [1, 2, 3, 7, 12, 13, 20, 100] {
        for comparison in [crowded(groups, short), crowded(groups, long)] {
            show(&format!("crowded {groups}"), &all(&comparison));
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

fn all(comparison: &Comparison) -> Vec<Drawn> {
    super::all(comparison, &verdict::judge(comparison, None, verdict::RankBy::Validation))
}

fn show(what: &str, charts: &[Drawn]) {
    charts.iter().for_each(|chart| show_svg(&format!("{}_{}", what.replace([' ', ','], "-"), chart.name), &chart.svg));
}

/// Writes a chart where `UMLAUT_SHOW_CHARTS` says, to be looked at.
pub(crate) fn show_svg(name: &str, svg: &str) {
    if let Some(dir) = std::env::var_os("UMLAUT_SHOW_CHARTS") {
        std::fs::write(std::path::Path::new(&dir).join(format!("{name}.svg")), svg).unwrap();
    }
}

/// The lines of words of a chart.
pub(crate) fn words(svg: &str) -> Vec<String> {
    boxes(svg).into_iter().map(|area| area.words).collect()
}

#[test]
fn of_many_groups_the_ten_best_are_named() {
    let svg = curves(&crowded(100, |i| i.to_string()));
    let words: Vec<String> = boxes(&svg).into_iter().map(|b| b.words).collect();
    assert!(words.iter().any(|w| w == "90 others"), "{words:?}");
    // The lower the number, the better the group.
    let named: Vec<&String> = words.iter().filter(|w| w.parse::<usize>().is_ok_and(|n| n < 100)).collect();
    for best in 0..10 {
        assert!(named.iter().any(|n| **n == best.to_string()), "{best} is not named in {named:?}");
    }
    assert!(!named.iter().any(|n| **n == "11"), "{named:?}");
    assert_eq!(svg.matches("class=\"s-faint\"").count(), 90 + 1, "a line each, and one in the key");
}
