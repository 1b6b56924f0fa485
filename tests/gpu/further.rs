//! What sweeps vary beyond the plain U-Net: losses, parts of images, averages of the weights; and verbs other than `run`.

use super::{Desk, TINY, can_emulate, ends_with};
use std::fs;

/// UNet++ with a head on every block, dropout and averages of the weights, on parts of images that change.
const EVERYTHING: &str = r#"
name = "tiny"
[dataset.synthetic]
count = 12
size = [32, 32]
[preprocess]
size = [24, 24]
normalise = "image"
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[patches]
size = [16, 16]
per_image = 2
[augment]
flip_horizontal = 0.5
[augment.rotate]
[model.unet_plus_plus]
channels = [8, 12, 16]
norm = "group"
groups = 4
dropout = 0.25
deep_supervision = true
[loss.boundary]
weight = 0.5
[training]
epochs = 3
batch_size = 2
accumulate = 2
ema_decay = 0.9
"#;

#[test]
fn supervised_averaged_and_patched_training_is_the_cpus() {
    if !can_emulate() {
        return;
    }
    let far = Desk::with(EVERYTHING).farthest_from_the_cpu(&[]);
    assert!(far < 1e-4, "{far}");
    let unpatched = EVERYTHING.replace("[patches]\nsize = [16, 16]\nper_image = 2\n", "").replace("[augment.rotate]\n", "");
    let far = Desk::with(&unpatched.replace("norm = \"group\"", "norm = \"batch\"")).farthest_from_the_cpu(&[]);
    assert!(far < 1e-4, "{far}");
}

/// All terms but softmax cross-entropy, which is for classes that exclude each other.
#[test]
fn every_term_of_the_loss_is_the_cpus() {
    if !can_emulate() {
        return;
    }
    // The Lovász hinge by itself: pixels whose margins are nearly equal change places by rounding, which may flip a pixel's mark in the end.
    for terms in [&["weighted_bce", "tversky", "focal", "focal_tversky", "jaccard", "boundary"][..], &["lovasz"]] {
        let tables: String = terms.iter().map(|term| format!("[loss.{term}]\nweight = 0.3\n")).collect();
        let far = Desk::with(&format!("{TINY}\n[loss]\nclass_weights = [1.0, 3.0]\n{tables}")).farthest_from_the_cpu(&[]);
        assert!(far < 1e-4, "{terms:?}: {far}");
    }
    let one_class = TINY.replace("size = [32, 32]", "size = [32, 32]\ntargets = ['disc']");
    let far =
        Desk::with(&format!("{one_class}\n[loss]\nbce = 0.0\n[loss.softmax_ce]\nweight = 1.0\n")).farthest_from_the_cpu(&[]);
    assert!(far < 1e-4, "{far}");
}

/// Oracle: an uninterrupted run, byte by byte.
#[test]
fn averages_dropout_and_parts_of_images_survive_a_stop() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(EVERYTHING);
    desk.assert_stops_leave_no_trace();
}

/// Oracles: the same search and the same predictions on the CPU.
#[test]
fn searches_and_predictions_are_the_cpus() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&EVERYTHING.replace("deep_supervision = true\n", ""));
    ends_with(&desk.umlaut(&["run", "x.toml", "--device", "cpu", "--results", "cpu", "--set", "training.epochs=1"]), 0);
    let run = desk.run("cpu");
    let table = |device: &str| {
        let search = ["find-lr", "x.toml", "--steps", "20", "--to", "1e-3", "--device", device, "--out", device];
        // There may be no suggestion: the losses are what is looked at.
        desk.umlaut(&search);
        let scores = format!("{device}.csv");
        let evaluate = ["evaluate", run.to_str().unwrap(), "x.toml", "--device", device, "--out", &scores];
        ends_with(&desk.umlaut(&evaluate), 0);
        let read = |name: &str| fs::read_to_string(desk.path(name)).unwrap();
        (read(&format!("{device}/find-lr.csv")), read(&scores))
    };
    let ((lr, scores), (right_lr, right_scores)) = (table("cuda:0"), table("cpu"));
    let losses =
        |csv: &str| -> Vec<f64> { csv.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect() };
    assert_eq!(losses(&right_lr).len(), 20);
    let far = losses(&lr).iter().zip(losses(&right_lr)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far < 1e-4, "{far}: {lr}{right_lr}");
    let values = |csv: &str| -> Vec<f64> { csv.split([',', '\n']).filter_map(|field| field.parse().ok()).collect() };
    let far = values(&scores).iter().zip(values(&right_scores)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(values(&scores).len() > 50 && far < 1e-4, "{far}: {scores}{right_scores}");
}

/// Oracle: the same search on the CPU. The first range ends at a loss that is no number, the second at one that has grown.
#[test]
fn a_search_that_diverges_ends_where_the_cpus_does() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&format!("{TINY}[optimizer.sgd]\nlr = 0.1\n"));
    let losses = |device: &str, from: &str| -> Vec<f64> {
        let out = format!("{device}-{from}");
        // There is no suggestion: the losses are what is looked at.
        desk.umlaut(&["find-lr", "x.toml", "--from", from, "--to", "1e37", "--steps", "20", "--device", device, "--out", &out]);
        let csv = fs::read_to_string(desk.path(&format!("{out}/find-lr.csv"))).unwrap();
        csv.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect()
    };
    for (from, ends_in_a_number) in [("1e25", false), ("1", true)] {
        let (got, right) = (losses("cuda:0", from), losses("cpu", from));
        assert!(right.len() < 20 && right.last().unwrap().is_finite() == ends_in_a_number, "the search ends early: {right:?}");
        assert_eq!(got.len(), right.len(), "{got:?} {right:?}");
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * b.abs() || a.is_nan() && b.is_nan();
        assert!(got.iter().zip(&right).all(near), "{got:?} {right:?}");
    }
}

/// Images that are calculated anew for each batch wait in memory that is used in turns. A device that reads late must find them there.
#[test]
fn images_wait_until_the_device_has_read_them() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&TINY.replace("[model.unet]", "[augment.gamma]\n[model.unet]"));
    let metrics = |results: &str, lateness: &str| {
        let mut command = desk.command(&["run", "x.toml", "--device", "cuda:0", "--results", results]);
        ends_with(&command.env("SOFTWARE_CUDA_LAZY", lateness).output().unwrap(), 0);
        desk.read(results, "metrics.csv")
    };
    assert_eq!(metrics("late", "1"), metrics("soon", "0"));
}
