//! What is kept of single samples: the scores of all, and pictures of a few, from which overlays are drawn later.

use super::Error;
use crate::config::Experiment;
use crate::data::{Dataset, shown_channels};
use crate::metric::{Extras, MaskScores, Split};
use crate::record::ImageRow;
use crate::store::{self, RunDir};
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use std::io;

/// Samples of the validation split that are shown, evenly spaced.
const SPACED: usize = 4;
/// How many of these are followed over the epochs.
const FOLLOWED: usize = 2;
/// Pixels of the longer side of what is kept of them.
const SMALL: u32 = 256;
/// How many of the worst and of the best samples of the split that is judged are shown.
const EXTREME: usize = 2;

/// The extra metrics that an experiment asks for.
pub fn extras(experiment: &Experiment, data: &Dataset) -> Extras {
    Extras::new(&experiment.metrics.extra, data.size, experiment.metrics.spacing_mm, &data.classes)
}

/// The rows of per_image.csv of one split, from those that [`Extras::rows`] gives.
pub fn image_rows(data: &Dataset, split: Split, indices: &[usize], rows: Vec<(usize, String, Vec<f64>)>) -> Vec<ImageRow> {
    let row = |(image, class, values): (usize, String, Vec<f64>)| ImageRow {
        split: split.prefix().to_owned(),
        image: data.samples[indices[image]].name.clone(),
        class,
        values,
    };
    rows.into_iter().map(row).collect()
}

/// Which samples to show: some of the validation split, evenly spaced, and the worst and the best of the split that is judged, by
/// their mean Dice over the classes that have one.
pub fn shown(val: &[usize], judged: &[usize], scores: &[MaskScores]) -> Vec<usize> {
    let classes = scores.len() / judged.len().max(1);
    let dice = |of: &[MaskScores]| of.iter().map(|scores| scores.dice).filter(|dice| !dice.is_nan()).sum::<f64>();
    let mut order: Vec<(f64, usize)> = scores.chunks(classes.max(1)).map(dice).zip(judged.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (worst, best) = (order.iter().take(EXTREME), order.iter().rev().take(EXTREME));
    let mut shown: Vec<usize> = evenly_spaced(val, SPACED).chain(worst.chain(best).map(|(_, index)| *index)).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// Writes `image`, `truth` and `pred` of samples.
///
/// `logits` gives (classes, h, w) of a sample. The image is 8-bit grey or RGB, of other numbers of channels the [first](shown_channels). Truth and prediction are 8-bit grey with bit k set
/// where class k is marked (0-based; a ninth class is not shown).
///
/// # Errors
/// If the network cannot predict or a file cannot be written.
pub fn write(
    run: &RunDir,
    data: &Dataset,
    shown: &[usize],
    logits: &dyn Fn(usize) -> candle_core::Result<Vec<f32>>,
) -> Result<(), Error> {
    for &index in shown {
        let sample = &data.samples[index];
        let logits = logits(index)?;
        save(run, &sample.name, "image", photograph(&sample.image, data))?;
        save(run, &sample.name, "truth", bits(data, |at| sample.mask[at] == 1))?;
        save(run, &sample.name, "pred", bits(data, |at| logits[at] >= 0.0))?;
    }
    Ok(())
}

/// The samples whose masks are kept as they come about, among those that are [shown] at the end.
pub fn followed(val: &[usize]) -> Vec<usize> {
    evenly_spaced(val, SPACED).take(FOLLOWED).collect()
}

/// Whether masks are kept after an epoch: the first, each with twice the number of the one before, and the last.
pub fn is_followed(epoch: usize, last: usize) -> bool {
    epoch.is_power_of_two() || epoch == last
}

/// Writes the mask of a sample after an epoch, as [`write`] does, but smaller where it is large.
///
/// # Errors
/// If the file cannot be written.
pub fn write_epoch(run: &RunDir, data: &Dataset, index: usize, epoch: usize, logits: &[f32]) -> Result<(), Error> {
    let mask = bits(data, |at| logits[at] >= 0.0);
    let mask = if mask.width().max(mask.height()) > SMALL { mask.resize(SMALL, SMALL, FilterType::Nearest) } else { mask };
    let write = |file: &mut std::fs::File| mask.write_to(file, ImageFormat::Png).map_err(io::Error::other);
    Ok(store::replace(&run.epoch_picture(&data.samples[index].name, epoch), write)?)
}

fn evenly_spaced(split: &[usize], count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(split.len());
    (0..count).map(move |i| split[i * split.len() / count])
}

fn photograph(values: &[f32], data: &Dataset) -> DynamicImage {
    let pixels = data.size[0] * data.size[1];
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    if shown_channels(data.channels) == 3 {
        let bytes = (0..pixels * 3).map(|i| byte(values[i % 3 * pixels + i / 3])).collect();
        RgbImage::from_vec(width(data), height(data), bytes).expect("three bytes a pixel").into()
    } else {
        grey(data, values[..pixels].iter().map(|value| byte(*value)).collect())
    }
}

/// `marked` answers for an index into (classes, height, width).
fn bits(data: &Dataset, marked: impl Fn(usize) -> bool) -> DynamicImage {
    let pixels = data.size[0] * data.size[1];
    let classes = data.classes.len().min(8);
    let byte = |pixel: usize| (0..classes).map(|class| u8::from(marked(class * pixels + pixel)) << class).sum();
    grey(data, (0..pixels).map(byte).collect())
}

fn grey(data: &Dataset, bytes: Vec<u8>) -> DynamicImage {
    GrayImage::from_vec(width(data), height(data), bytes).expect("one byte a pixel").into()
}

fn height(data: &Dataset) -> u32 {
    u32::try_from(data.size[0]).expect("images were decoded, so sides fit")
}

fn width(data: &Dataset) -> u32 {
    u32::try_from(data.size[1]).expect("images were decoded, so sides fit")
}

fn save(run: &RunDir, name: &str, kind: &str, picture: DynamicImage) -> Result<(), Error> {
    let write = |file: &mut std::fs::File| picture.write_to(file, ImageFormat::Png).map_err(io::Error::other);
    Ok(store::replace(&run.sample_picture(name, kind), write)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::ExtraMetric;

    #[test]
    fn samples_are_evenly_spaced() {
        let spaced = |split: &[usize]| evenly_spaced(split, 4).collect::<Vec<_>>();
        assert_eq!(spaced(&[10, 11, 12, 13, 14, 15, 16, 17]), [10, 12, 14, 16]);
        assert_eq!(spaced(&[3, 5]), [3, 5]);
        assert!(spaced(&[]).is_empty());
    }

    #[test]
    fn what_can_be_asked_for_can_be_computed() {
        let all = ExtraMetric::ALL.map(ExtraMetric::name);
        let text = format!("name = 'x'\nmetrics.extra = {all:?}\nmetrics.spacing_mm = [0.5, 0.25]");
        let experiment: Experiment = toml::from_str(&text).unwrap();
        assert_eq!(experiment.metrics.extra, ExtraMetric::ALL);
    }

    #[test]
    fn epochs_are_followed_less_and_less_often() {
        let followed: Vec<usize> = (1..=50).filter(|epoch| is_followed(*epoch, 50)).collect();
        assert_eq!(followed, [1, 2, 4, 8, 16, 32, 50]);
        assert_eq!(super::followed(&[3, 4, 5, 6, 7, 8, 9, 10]), [3, 5]);
        assert!(super::followed(&[]).is_empty());
    }

    #[test]
    fn the_worst_and_the_best_are_shown() {
        let of = |dice: f64| MaskScores { dice, ..MaskScores::default() };
        let dice = [0.5, 0.5, 0.9, 0.9, 0.1, 0.2, 0.8, 0.3, 0.9, 0.7, 1.0, 1.0];
        let scores = dice.map(of);
        assert_eq!(shown(&[1], &[20, 21, 22, 23, 24, 25], &scores), [1, 20, 21, 22, 25]);
        assert_eq!(shown(&[3, 4], &[3, 4], &scores[..2]), [3, 4]);
        assert!(shown(&[], &[], &[]).is_empty());
    }
}
