//! Training on parts of images.

use super::place::{Place, experiment};
use umlaut::config::Experiment;
use umlaut::metric::Extras;
use umlaut::predict::Predictor;

fn patched(patches: &str) -> Experiment {
    experiment("", &format!("[patches]\n{patches}\n[augment]\nflip_horizontal = 0.5\nrotate90 = 0.5"))
}

/// Oracle: the run without patches, of which every one is the whole image.
#[test]
fn patches_of_the_images_size_change_nothing() {
    let place = Place::new();
    place.train("whole", &experiment("", "[augment]\nflip_horizontal = 0.5\nrotate90 = 0.5"));
    place.train("patches", &patched("size = [16, 16]"));
    let (whole, patches) = (place.run("whole").metrics().unwrap(), place.run("patches").metrics().unwrap());
    for (whole, patches) in whole.iter().zip(&patches) {
        for (column, value) in &whole.values {
            let other = patches.get(column).unwrap();
            // Weights of tiles are divided by themselves, so that validation is the same but for rounding.
            let same = if column.starts_with("val_") { (value - other).abs() < 1e-6 } else { *value == other };
            assert!(same, "{column}: {value} and {other}");
        }
    }
    assert_eq!(place.bytes("whole", "checkpoints/last.safetensors"), place.bytes("patches", "checkpoints/last.safetensors"));
}

/// 5 images, 3 patches each, in batches of 2: 8 steps.
#[test]
fn every_image_gives_several_patches_an_epoch_and_a_stop_loses_none() {
    let place = Place::new();
    let experiment = patched("size = [8, 8]\nper_image = 3");
    place.train("whole", &experiment);
    for (name, steps, epochs) in [("within", 5, 0), ("in the third epoch", 17, 2)] {
        assert_eq!(place.train_until(name, &experiment, steps).epochs, epochs, "{name}");
        let left = place.train_until_asked(name, &experiment, usize::MAX);
        assert_eq!(left, 4 * 8 - steps, "{name}");
        place.assert_same("whole", name);
    }
}

/// What a run says of its validation split is what its best weights give there.
#[test]
fn whole_images_are_scored_in_tiles_and_so_again_later() {
    let place = Place::new();
    let experiment = patched("size = [8, 8]\noverlap = 0.5");
    let run = place.planned(&experiment);
    let (parts, nobody) = (super::place::parts(), &mut ());
    let outcome =
        umlaut::train::train(&run, &experiment, &place.data, &parts, &umlaut::train::TrainingDevice::cpu(), &|| false, nobody)
            .unwrap();
    let predictor = Predictor::open(&[(run, experiment)], None).unwrap();
    assert_eq!(predictor.size(), [8, 8]);
    let seen = predictor
        .evaluate(
            &place.data,
            &parts.val,
            &Extras::new(&[], [16, 16], None, &place.data.classes),
            &predictor.thresholds(),
            &|_| (),
        )
        .unwrap();
    let dice: Vec<f64> = seen.scores.iter().step_by(2).map(|disc| disc.dice).collect();
    let mean = dice.iter().sum::<f64>() / dice.len() as f64;
    assert!((mean - outcome.best["val_dice_disc"]).abs() < 1e-12, "{mean} and {}", outcome.best["val_dice_disc"]);
}
