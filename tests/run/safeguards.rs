//! What is no result is not passed off as one: losses beyond all bounds, batches that cannot train, scores of classes that are nowhere.

use crate::desk::{Desk, TINY, expect_code, words};
use image::GrayImage;
use std::fs;

/// One run of TINY's.
fn single(rest: &str) -> String {
    let (text, _) = TINY.split_once("[sweep.grid]").expect("it sweeps");
    text.replace("seeds = [1, 2]", "seeds = [1]").replace("epochs = 3", rest)
}

/// A column of a CSV file.
fn column(csv: &str, name: &str) -> Vec<f64> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().expect("a header").iter().position(|column| *column == name).expect(name);
    lines.map(|line| line[at].parse().expect("a number")).collect()
}

/// Oracle: `SequentialLR([LinearLR(0.1, 1, 2), CosineAnnealingLR(4)], [2])` in PyTorch (scripts/optimizer_oracle.py has more).
#[test]
fn the_schedule_begins_after_the_warm_up() {
    let text = single("epochs = 6") + "[optimizer.sgd]\nlr = 0.01\n[lr_schedule.cosine]\n[lr_warmup]\nepochs = 2";
    let desk = Desk::with(&text);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let rates = column(&desk.metrics("results")[0].1, "lr");
    let expected = [0.001, 0.0055, 0.01, 0.008_535_533_905_932_738, 0.005, 0.001_464_466_094_067_262_6];
    assert!(rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 1e-9) && rates.len() == 6, "{rates:?}");
}

#[test]
fn a_finite_loss_beyond_all_bounds_has_diverged() {
    for epochs in ["epochs = 1", "epochs = 4"] {
        let desk = Desk::with(&(single(epochs) + "[optimizer.adam]\nlr = 1e9"));
        let output = desk.umlaut(&["run", "x.toml"]);
        expect_code(&output, 1);
        let outcome = desk.read_all("results", "outcome.toml").remove(0);
        assert!(outcome.contains("failure = \"diverged\""), "{outcome}");
        assert!(outcome.contains("BCE is ") && outcome.contains("lower optimizer.adam.lr, now 1e9"), "{outcome}");
        let report = fs::read_to_string(desk.path("results/tiny/report.md")).expect("a report");
        assert!(report.contains("BCE is ") && report.contains("lower optimizer.adam.lr"), "{report}");
        // As after NaN, the same numbers would come again.
        let again = desk.umlaut(&["run", "x.toml"]);
        expect_code(&again, 1);
        assert_eq!(desk.metrics("results").len(), 1);
    }
}

#[test]
fn a_high_rate_that_comes_down_has_not_diverged() {
    // Validated with running statistics of two steps, the first epoch's BCE is beyond all bounds; the training BCE is not.
    let text = single("epochs = 8").replace("size = [16, 16]", "size = [32, 32]").replace("[4, 8]", "[8, 8, 8, 8, 8]");
    let desk = Desk::with(&(text.replace("batch_size = 4", "batch_size = 2") + "[optimizer.adam]\nlr = 0.5"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let validated = column(&desk.metrics("results")[0].1, "val_bce");
    assert!(validated[0] > 1e6 * validated[7], "the run is no test: {validated:?}");
}

/// Ten training samples in batches of three, and a deepest map of 1 × 1.
fn deep() -> String {
    single("epochs = 1")
        .replace("train = 0.5\nval = 0.25\ntest = 0.25", "train = 0.834\nval = 0.166\ntest = 0")
        .replace("[4, 8]", "[4, 4, 4, 4, 8]")
        .replace("batch_size = 4", "batch_size = 3")
}

#[test]
fn a_last_batch_of_one_is_reported_at_its_line_before_anything_starts() {
    let desk = Desk::with(&deep());
    for verb in ["plan", "run"] {
        let output = desk.command(&[verb, "x.toml"]).env("RUST_BACKTRACE", "1").output().expect("the program starts");
        expect_code(&output, 2);
        let said = words(&output);
        assert!(said.contains("`training.batch_size` = 3 leaves one of 10 samples for the last batch"), "{said}");
        assert!(said.contains("x.toml:16") && said.contains("write `training.batch_size` = 4, drop a level"), "{said}");
    }
    assert!(!desk.path("results/tiny").exists(), "nothing is begun");
    for remedy in ["training.batch_size=4", "preprocess.size=[32, 32]", "model.unet.channels=[4, 4, 4, 8]"] {
        expect_code(&desk.umlaut(&["run", "x.toml", "--set", remedy]), 0);
    }
    let group = ["run", "x.toml", "--set", "model.unet.norm=\"group\"", "--set", "model.unet.groups=4"];
    expect_code(&desk.umlaut(&group), 0);
}

#[test]
fn a_run_directory_with_a_last_batch_of_one_is_the_users_mistake_too() {
    let desk = Desk::with(&deep());
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.batch_size=4"]), 0);
    let run = fs::read_dir(desk.path("results/tiny/runs")).expect("runs").next().expect("a run").expect("listed").path();
    let text = fs::read_to_string(run.join("run.toml")).expect("readable").replace("batch_size = 4", "batch_size = 3");
    fs::create_dir(desk.path("copy")).expect("writable");
    fs::write(desk.path("copy/run.toml"), text).expect("writable");
    let output = desk.umlaut(&["train", "copy"]);
    expect_code(&output, 2);
    assert!(words(&output).contains("for the last batch of an epoch"), "{}", words(&output));
}

/// Indexed masks of which none has the value 2.
fn lacking() -> Desk {
    let text = single("epochs = 3")
        .replace(
            "[dataset.synthetic]\ncount = 12\nsize = [32, 32]",
            "[dataset.folders]\nroot = 'd'\nclasses = ['a', 'b']\nmask_values = 'indexed'",
        )
        .replace("[4, 8]", "[2, 4]");
    let desk = Desk::with(&text);
    for folder in ["images", "masks"] {
        fs::create_dir_all(desk.path("d").join(folder)).expect("writable");
    }
    for i in 0..12_u32 {
        let inside = move |x: u32, y: u32| (x + i) % 16 < 6 && y < 9;
        let draw = |value: fn(bool) -> u8| GrayImage::from_fn(16, 16, |x, y| image::Luma([value(inside(x, y))]));
        draw(|inside| if inside { 200 } else { 40 }).save(desk.path(&format!("d/images/s{i:02}.png"))).expect("writable");
        draw(u8::from).save(desk.path(&format!("d/masks/s{i:02}.png"))).expect("writable");
    }
    desk
}

#[test]
fn a_class_that_no_sample_shows_enters_no_mean() {
    let desk = lacking();
    let output = desk.umlaut(&["run", "x.toml", "--set", "metrics.extra=[\"hd95\"]"]);
    expect_code(&output, 0);
    assert!(words(&output).contains("no sample has a pixel of \"b\""), "{}", words(&output));
    let csv = &desk.metrics("results")[0].1;
    for score in ["dice", "iou", "precision", "recall", "specificity", "accuracy"] {
        assert_eq!(column(csv, &format!("val_{score}")), column(csv, &format!("val_{score}_a")), "{score}");
        assert!(column(csv, &format!("val_{score}_b")).iter().all(|value| value.is_nan()), "{score} of what is not there");
    }
    assert!(column(csv, "train_dice").iter().all(|dice| dice.is_finite()));
    let outcome = desk.read_all("results", "outcome.toml").remove(0);
    let value = |key: &str| {
        let line = outcome
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key} = ")))
            .unwrap_or_else(|| panic!("{key}: {outcome}"));
        line.parse::<f64>().expect("a number")
    };
    assert_eq!(value("test_dice"), value("test_dice_a"));
    assert_eq!(value("test_hd95"), value("test_hd95_a"));

    // Reports and tests of significance read these rows.
    let images = desk.read_all("results", "per_image.csv").remove(0);
    let rows: Vec<Vec<&str>> = images.lines().map(|line| line.split(',').collect()).collect();
    let (dice, bce) = [("dice"), ("bce")].map(|name| rows[0].iter().position(|column| *column == name).expect(name)).into();
    let of = |class: &str| rows.iter().filter(|row| row[0] == "test" && row[2] == class).cloned().collect::<Vec<_>>();
    assert!(of("b").iter().all(|row| row[dice] == "NaN" && row[bce] != "NaN") && !of("b").is_empty());
    let mean = of("a").iter().map(|row| row[dice].parse::<f64>().expect("a number")).sum::<f64>() / of("a").len() as f64;
    assert!((mean - value("test_dice")).abs() < 1e-12);
    let report = fs::read_to_string(desk.path("results/tiny/report.md")).expect("a report");
    assert!(!report.contains("NaN"), "{report}");

    let run = fs::read_dir(desk.path("results/tiny/runs")).expect("runs").next().expect("a run").expect("listed").path();
    let said = desk.said(&["evaluate", run.to_str().expect("text"), "x.toml", "--split", "test"]);
    let line = said.lines().find(|line| line.trim_start().starts_with("Dice ")).unwrap_or_else(|| panic!("{said}"));
    let cells: Vec<&str> = line.split_whitespace().collect();
    let shown = format!("{:.4}", value("test_dice"));
    assert_eq!(cells.iter().filter(|cell| **cell == shown).count(), 2, "{line}: that of a and the mean");
}

#[test]
fn a_score_that_nothing_has_picks_no_epoch() {
    let desk = lacking();
    let output = desk.umlaut(&["run", "x.toml", "--set", "training.best=\"val_dice_b\""]);
    expect_code(&output, 1);
    assert!(words(&output).contains("no validation sample has a pixel of \"b\""), "{}", words(&output));
}
