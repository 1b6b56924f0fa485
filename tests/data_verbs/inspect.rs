//! The numbers of `umlaut data inspect`, and what it warns of.

use crate::{Desk, flat, row, scene};

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
    assert!(!out.contains("WARNING") && out.contains("No two samples of different parts look alike"), "{out}");
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
    assert!(out.contains("WARNING: 2 pair(s) of samples in different parts look alike"), "{out}");
    assert!(out.contains("1 (train) and 6 (val); 2 (train) and 6 (val). If they"), "{out}");
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
    assert!(out.contains("WARNING: no sample has a pixel of \"wall\"") && !out.contains("a pixel of \"cell\""), "{out}");
    assert!(out.contains("WARNING: 1 image(s) are of one value throughout: 4 "), "{out}");
    assert!(!out.contains("of full brightness"), "{out}");
    for i in 0..8u32 {
        let size = if i == 3 { [40, 60] } else { [80, 120] };
        desk.grey(&format!("images/{i}.png"), size, scene(f64::from(i), size, 0.25));
    }
    let out = flat(&desk.good(&["inspect", "x.toml"]));
    assert!(out.contains("WARNING: no value is above 0.20 of full brightness: set preprocess.normalise"), "{out}");
}

/// The first fold stands for all.
#[test]
fn of_several_folds_the_first_is_shown() {
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
    // 31² of 64 · 80 pixels are 18.8 %, 7² are 1.0 %; the official test part validates.
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
