//! All that can be asked for, of the masks of scripts/metric_oracle.py.

use super::*;
use crate::metric::examples::{SIZE, cells, drawn, logits};
use crate::metric::{Tally, describe};

fn floats(mask: &[bool], on: f32, off: f32) -> Vec<f32> {
    mask.iter().map(|marked| if *marked { on } else { off }).collect()
}

/// Two images of two classes: `disc` is of cells, `cup` drawn.
fn images() -> (Vec<f32>, Vec<f32>) {
    let ((pred, truth), (_, drawn)) = (cells(), drawn());
    let image = [floats(&pred, 3.0, -3.0), logits()].concat();
    let none = vec![-1.0; image.len()];
    let target = [floats(&truth, 1.0, 0.0), floats(&drawn, 1.0, 0.0)].concat();
    ([image, none].concat(), [target.clone(), target].concat())
}

fn extras(asked: &[ExtraMetric], spacing: Option<[f64; 2]>) -> Extras {
    Extras::new(asked, SIZE, spacing, &["disc".into(), "cup".into()])
}

#[test]
fn every_name_is_a_metric_and_comes_back() {
    let extras = extras(&ExtraMetric::ALL, Some([1.0; 2]));
    assert_eq!(extras.names().len(), ExtraMetric::ALL.len() + 2);
    assert!(extras.columns().iter().all(|name| describe(name).is_some_and(|metric| metric.name == name)));
    assert!(ExtraMetric::ALL.iter().all(|extra| ExtraMetric::from_name(extra.name()) == Some(*extra)));
    assert_eq!(ExtraMetric::from_name("hd"), None);
}

/// Values of scripts/metric_oracle.py; an empty prediction by the rules.
#[test]
fn means_are_over_images_and_then_classes() {
    let (extras, (logits, targets)) = (extras(&ExtraMetric::ALL, Some([0.5, 0.25])), images());
    let seen = extras.of(&logits, &targets);
    let means = extras.means(&seen);
    assert!(means.iter().all(|(name, _)| describe(name).is_some()), "{means:?}");
    let close = |name: &str, expected: f64| {
        let value = means.iter().find(|(column, _)| column == name).unwrap_or_else(|| panic!("{name}")).1;
        assert!((value - expected).abs() < 1e-12, "{name}: {value}, not {expected}");
    };
    let diagonal = 24_f64.hypot(30.0);
    close("hd95_cup", (9.871_529_131_526_689 + diagonal) / 2.0);
    close("hd95_mm_cup", (3.379_861_759_607_530_7 + 12_f64.hypot(7.5)) / 2.0);
    close("vcdr_error", (0.244_565_217_391_304_32 + 1.0) / 2.0);
    close("pixel_error_disc", (0.072_222_222_222_222_22 + 567.0 / 720.0) / 2.0);
    let of = |name: &str| means.iter().find(|(column, _)| column == name).unwrap().1;
    close("assd", (of("assd_disc") + of("assd_cup")) / 2.0);
}

#[test]
fn an_image_has_a_row_of_its_own_for_what_is_of_no_class() {
    let ((logits, targets), classes) = (images(), ["disc", "cup", ""]);
    let scores = Tally::new(2).add(2, &logits, &targets);
    let with = extras(&[ExtraMetric::VcdrError, ExtraMetric::Ece], None);
    let rows = with.rows(&scores, &with.of(&logits, &targets));
    let keys: Vec<(usize, &str)> = rows.iter().map(|(image, class, _)| (*image, class.as_str())).collect();
    assert_eq!(keys, [0, 1].map(|image| classes.map(|class| (image, class))).concat());
    assert!(rows.iter().all(|(.., values)| values.len() == with.columns().len()));
    assert!(rows[0].2[8].is_nan() && rows[0].2[9] > 0.0 && rows[2].2[..8].iter().all(|v| v.is_nan()) && rows[2].2[8] > 0.2);
    let without = extras(&[], None);
    let rows = without.rows(&scores, &without.of(&logits, &targets));
    assert_eq!((rows.len(), rows[3].2.as_slice()), (4, scores[3].values().as_slice()));
}

#[test]
fn neither_batches_nor_threads_change_a_bit() {
    let (extras, (logits, targets)) = (extras(&ExtraMetric::ALL, None), images());
    let half = logits.len() / 2;
    let bits = |images: &[ImageExtras]| images.iter().flatten().flatten().map(|v| v.to_bits()).collect::<Vec<u64>>();
    let whole = bits(&extras.of(&logits, &targets));
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let parts = [0..half, half..2 * half];
        let parts = parts.map(|part| pool.install(|| extras.of(&logits[part.clone()], &targets[part])));
        assert_eq!(bits(&parts.concat()), whole);
    }
}
