//! The numbers of `umlaut data inspect`, and what it warns of.

use crate::{Desk, flat, row, scene};
use umlaut::config;
use umlaut::data::{self, Dataset, Sample};

/// Eight samples: one mask is empty, the others are marked in their upper quarter; one picture is half as large.
const LISTS: &str = "name = 'x'\n[dataset.folders]\nroot = '.'\nclasses = ['cell']\n[preprocess]\nsize = [16, 16]\n[split.lists]\n\
    train = ['0', '1', '2', '3', '4']\nval = ['5', '6']\ntest = ['7']\n";

fn eight(desk: &Desk) {
    for i in 0..8u32 {
        let size = if i == 3 { [40, 60] } else { [80, 120] };
        desk.grey(&format!("images/{i}.png"), size, scene(f64::from(i), size, 1.0));
        desk.grey(&format!("masks/{i}.png"), size, |y, _| if i > 0 && y < size[0] / 4 { 255 } else { 0 });
    }
}

#[test]
fn parts_are_counted_and_measured_at_their_own_size() {
    let desk = Desk::with(LISTS);
    eight(&desk);
    let out = desk.good(&["inspect", "x.toml"]);
    assert!(
        out.starts_with("8 samples, grey, values 0.20 to 0.80, trained at 16 × 16 (height × width)\nclasses: cell\n"),
        "{out}"
    );
    assert_eq!(row(&out, "part"), ["part", "samples", "height", "width", "cell", "empty"]);
    // Four quarters and nothing are a fifth on the average.
    assert_eq!(row(&out, "train"), ["train", "5", "40–80", "60–120", "20.0", "%", "1"]);
    assert_eq!(row(&out, "val"), ["val", "2", "80", "120", "25.0", "%", "0"]);
    assert_eq!(row(&out, "test"), ["test", "1", "80", "120", "25.0", "%", "0"]);
    assert!(!out.contains("WARNING") && out.contains("No two samples of different splits look alike"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    assert_eq!(desk.good(&["inspect", "x.toml"]), out, "from the cache");
}

/// The same picture, darker and half as large, in another part; in the same part it is no matter.
#[test]
fn a_picture_that_is_in_two_parts_is_found() {
    let desk = Desk::with(LISTS);
    eight(&desk);
    let again = |name: &str, gain: f64| {
        desk.grey(&format!("images/{name}.png"), [40, 60], scene(1.0, [40, 60], gain));
        desk.grey(&format!("masks/{name}.png"), [40, 60], |_, _| 255);
    };
    again("2", 0.7);
    assert!(!desk.good(&["inspect", "x.toml"]).contains("WARNING"), "1 and 2 both train");
    again("6", 0.8);
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(out.contains("WARNING: 2 pairs of samples in different splits look alike"), "{out}");
    assert!(out.contains("1 (train) and 6 (val): copy; 2 (train) and 6 (val): copy. Scores"), "{out}");
    again("6", 0.7);
    assert!(
        desk.mistake(&["inspect", "x.toml"]).contains("./images/2.png in train and ./images/6.png in val"),
        "the same pixels"
    );
}

#[test]
fn what_cannot_be_learnt_from_is_warned_of() {
    let classes = LISTS.replace("classes = ['cell']", "classes = ['cell', 'wall']\nmask_values = 'indexed'");
    let desk = Desk::with(&classes);
    eight(&desk);
    for i in 0..8u32 {
        desk.grey(&format!("masks/{i}.png"), if i == 3 { [40, 60] } else { [80, 120] }, |y, _| u8::from(y < 5));
    }
    desk.grey("images/4.png", [80, 120], |_, _| 77);
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(
        out.contains("WARNING: no sample has a pixel of \"wall\" at 16 × 16: check the masks")
            && !out.contains("a pixel of \"cell\""),
        "{out}"
    );
    assert!(out.contains("WARNING: 1 image(s) are of one value throughout: 4 "), "{out}");
    assert!(!out.contains("of full brightness"), "{out}");
    for i in 0..8u32 {
        let size = if i == 3 { [40, 60] } else { [80, 120] };
        desk.grey(&format!("images/{i}.png"), size, scene(f64::from(i), size, 0.25));
    }
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(out.contains("WARNING: no value is above 0.20 of full brightness: set preprocess.normalise"), "{out}");
}

/// A class that only samples which do not train show.
#[test]
fn a_class_that_the_training_part_lacks_is_warned_of() {
    let desk = Desk::with(&LISTS.replace("classes = ['cell']", "classes = ['cell', 'wall']\nmask_values = 'indexed'"));
    eight(&desk);
    for i in 0..8u32 {
        desk.grey(&format!("masks/{i}.png"), if i == 3 { [40, 60] } else { [80, 120] }, |y, _| {
            if y > 20 { 0 } else { 1 + u8::from(i > 4 && y < 10) }
        });
    }
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    let message =
        "no training sample has a pixel of \"wall\", 2 of val and 1 of test have: change the split, so that it can be learnt";
    assert!(out.contains(&format!("WARNING: {message}")) && out.matches("WARNING").count() == 1, "{out}");
    let quick = ["run", "x.toml", "--device", "cpu", "--set", "training.epochs=1", "--set", "model={unet={channels=[2, 4]}}"];
    let (code, _, err) = desk.umlaut(&quick);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.lines().any(|line| line == format!("warning: {message}")) && err.matches("warning").count() == 1, "{err}");
    let folds = ["--set", "split={k_fold={k=2,seed=1,folds=[2]}}"];
    let out = flat(&desk.good(&[&["inspect", "x.toml"][..], &folds].concat()));
    assert!(!out.contains("no training sample"), "both folds train on some: {out}");
}

/// The first of the folds that run is shown, all are checked: samples in one part of it are apart in another.
#[test]
fn of_several_folds_the_first_is_shown_and_all_are_checked() {
    let (data, _) = LISTS.split_once("[split.lists]").unwrap();
    let desk = Desk::with(&format!("{data}[split.k_fold]\nk = 4\n"));
    eight(&desk);
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(out.contains(" parts shown: fold 1 of 4 part samples"), "{out}");
    assert!(out.contains("No two samples of different splits look alike, in all 4 folds"), "{out}");
    let third = flat(&desk.good(&["inspect", "x.toml", "--set", "split.k_fold.folds=[3, 1]"]));
    assert!(third.contains(" parts shown: fold 3 of 4 part samples") && third.contains("in all 2 folds"), "{third}");
    // Two that both train in the first fold look alike; whichever fold validates one of them has them apart.
    let (training, _) = in_fold(&desk, 1);
    let [one, two] = [&training[0], training.iter().find(|name| in_fold(&desk, 2).1.contains(*name)).unwrap()];
    assert!(one != two && !in_fold(&desk, 2).1.contains(one), "{training:?}");
    let again = |gain: f64| {
        desk.grey(&format!("images/{two}.png"), [40, 60], scene(one.parse().unwrap(), [40, 60], gain));
        desk.grey(&format!("masks/{two}.png"), [40, 60], |_, _| 255);
    };
    desk.grey(&format!("images/{one}.png"), [40, 60], scene(one.parse().unwrap(), [40, 60], 1.0));
    desk.grey(&format!("masks/{one}.png"), [40, 60], |_, _| 255);
    again(0.8);
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(out.contains("WARNING: 1 pair of samples in different splits looks alike"), "{out}");
    assert!(out.contains(&format!("{one} (train) and {two} (val) in fold 2: copy. Scores")), "{out}");
    again(1.0);
    let refusal = desk.mistake(&["inspect", "x.toml"]);
    assert!(refusal.contains(&format!("./images/{one}.png in train and ./images/{two}.png in val in fold 2;")), "{refusal}");
    desk.good(&["inspect", "x.toml", "--set", "split.k_fold.folds=[1]"]);
}

/// Names of the samples that train and that validate in a fold, as training splits them.
fn in_fold(desk: &Desk, fold: usize) -> (Vec<String>, Vec<String>) {
    let sample = |i: u8| Sample { name: i.to_string(), image: vec![i.into()].into(), mask: vec![0] };
    let data = Dataset {
        channels: 1,
        classes: vec!["cell".into()],
        size: [1, 1],
        samples: (0..8).map(sample).collect(),
        official_test: vec![false; 8],
        sources: vec![String::new(); 8],
        fingerprint: String::new(),
    };
    let set = format!("split.k_fold.folds=[{fold}]");
    let parts = data::split(&data, &config::load(&desk.path("x.toml"), &[set]).unwrap().split).unwrap();
    let names = |samples: Vec<usize>| samples.into_iter().map(|i| i.to_string()).collect();
    (names(parts.train), names(parts.val))
}

/// The first fold stands for all.
#[test]
fn of_several_folds_the_first_is_counted() {
    let (data, _) = LISTS.split_once("[split.lists]").unwrap();
    let desk = Desk::with(&format!("{data}[split.k_fold]\nk = 4\n"));
    eight(&desk);
    let out = desk.good(&["inspect", "x.toml"]);
    assert_eq!((row(&out, "train")[1].as_str(), row(&out, "val")[1].as_str()), ("6", "2"));
    assert!(!out.lines().any(|line| line.starts_with("test")), "{out}");
}

/// Soft maps of Drishti-GS1: a disc that one annotator sees larger than the others, and a cup that all see; the experiment file is the one that is
/// handed out.
#[test]
fn a_tree_of_drishti_gs_is_read_by_the_file_that_is_handed_out() {
    let desk = Desk::with("");
    let size = [64u32, 80u32];
    let within = |y: u32, x: u32, reach: u32| y.abs_diff(32) < reach && x.abs_diff(40) < reach;
    for (part, truth, numbers) in [("Training", "GT", 1..=4), ("Test", "Test_GT", 5..=7)] {
        for n in numbers {
            let name = format!("drishtiGS_{n:03}");
            desk.rgb(&format!("data/{part}/Images/{name}.png"), size, |y, x| [scene(f64::from(n), size, 1.0)(y, x), 90, 30]);
            let map = |what: &str| format!("data/{part}/{truth}/{name}/SoftMap/{name}_{what}segSoftmap.png");
            desk.grey(&map("OD"), size, |y, x| if within(y, x, 8) { 255 } else { 64 * u8::from(within(y, x, 16)) });
            desk.grey(&map("cup"), size, |y, x| if n != 6 && within(y, x, 4) { 255 } else { 0 });
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/baseline.toml");
    let sets = ["--set", "dataset.drishti_gs.root='data'", "--set", "preprocess.size=[32, 32]"];
    let inspect = |more: &[&str]| desk.good(&[&["inspect", file][..], &sets, more].concat());
    let out = inspect(&[]);
    assert!(
        out.starts_with("7 samples, RGB, values 0.12 to 0.80, trained at 32 × 32") && out.contains("classes: disc, cup"),
        "{out}"
    );
    // 31² of 64 · 80 pixels are 18.8 %, 7² are 1.0 %; the official test split validates.
    assert_eq!(row(&out, "train"), ["train", "4", "64", "80", "18.8", "%", "0", "1.0", "%", "0"]);
    assert_eq!(row(&out, "val"), ["val", "3", "64", "80", "18.8", "%", "0", "0.6", "%", "1"]);
    // Where three must agree only the inner 15² are marked.
    let out = inspect(&["--set", "dataset.drishti_gs.mask_policy='majority'"]);
    assert_eq!(row(&out, "train")[4..7], ["4.4", "%", "0"]);
    let err = desk.mistake(&["inspect", file]);
    assert!(err.contains("Drishti-GS1_files"), "{err}");
}

#[test]
fn what_is_missing_or_misspelt_is_a_mistake() {
    let desk = Desk::with(LISTS);
    assert!(desk.mistake(&["inspect", "x.toml"]).contains("images"));
    eight(&desk);
    assert!(desk.mistake(&["inspect", "x.toml", "--set", "split.lists.train=['9']"]).contains("no sample \"9\""));
    std::fs::remove_file(desk.path("masks/3.png")).unwrap();
    assert!(desk.mistake(&["inspect", "x.toml"]).contains("images/3.png"));
    desk.grey("masks/3.png", [5, 5], |_, _| 0);
    assert!(desk.mistake(&["inspect", "x.toml"]).contains("is 40 × 60"));
    assert!(desk.mistake(&["inspect", "y.toml"]).contains("y.toml"));
    assert!(desk.mistake(&["inspect", "x.toml", "--set", "splitt=1"]).contains("splitt"));
}
