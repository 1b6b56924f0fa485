//! Metrics that cost more than counting, computed when a run ends, for those who ask for them.

use super::boundary::boundary_iou;
use super::calibration::expected_calibration_error;
use super::components::rand_score;
use super::distance::Apart;
use super::extent::cup_to_disc_error;
use super::mask::{MaskScores, is_ignored};
use crate::config::ExtraMetric;
use rayon::prelude::*;

/// What is asked for, and of which images.
#[derive(Debug, Clone, PartialEq)]
pub struct Extras {
    asked: Vec<ExtraMetric>,
    size: [usize; 2],
    spacing_mm: Option<[f64; 2]>,
    classes: Vec<String>,
    /// The logit from which each class is foreground.
    cuts: Vec<f64>,
}

/// The extra metrics of an image: a row for each class, and one for the image itself if some metric is of the whole image; values in
/// the order of [`Extras::names`], NaN where a metric is not of the row's kind.
pub type ImageExtras = Vec<Vec<f64>>;

impl Extras {
    /// Of images of a size (height, width), of which a pixel may be known to be so many mm high and wide.
    pub fn new(asked: &[ExtraMetric], size: [usize; 2], spacing_mm: Option<[f64; 2]>, classes: &[String]) -> Self {
        let cuts = vec![0.0; classes.len()];
        Self { asked: asked.to_vec(), size, spacing_mm, classes: classes.to_vec(), cuts }
    }

    /// The same with other thresholds: `cuts` are the logits from which each class is foreground ([`cut`](super::cut)). Calibration keeps to
    /// the more probable answer.
    ///
    /// # Panics
    /// If there is not a cut for each class.
    pub fn at(self, cuts: Vec<f64>) -> Self {
        assert_eq!(cuts.len(), self.classes.len(), "a threshold for each class");
        Self { cuts, ..self }
    }

    /// The names of the values, lengths in mm after those in pixels.
    pub fn names(&self) -> Vec<&'static str> {
        let mm = |extra: &ExtraMetric| self.spacing_mm.and(extra.in_mm());
        self.asked.iter().flat_map(|extra| std::iter::once(extra.name()).chain(mm(extra))).collect()
    }

    /// The metrics of images, with the logits that their scores are of.
    ///
    /// # Shapes
    /// `logits` and `targets`: (images, classes, h, w), flat; targets in {0, 1}.
    ///
    /// # Panics
    /// If they are not whole images.
    pub fn of(&self, logits: &[f32], targets: &[f32]) -> Vec<ImageExtras> {
        if self.asked.is_empty() {
            return Vec::new();
        }
        let image = self.classes.len() * self.size[0] * self.size[1];
        assert!(logits.len() == targets.len() && logits.len().is_multiple_of(image), "whole images");
        logits.par_chunks(image).zip(targets.par_chunks(image)).map(|(logits, targets)| self.of_image(logits, targets)).collect()
    }

    fn of_image(&self, logits: &[f32], targets: &[f32]) -> ImageExtras {
        let pixels = self.size[0] * self.size[1];
        // Pixels that do not count are background on both sides.
        let reached = |(at, logit): (usize, &f32)| f64::from(*logit) >= self.cuts[at / pixels] && !is_ignored(targets[at]);
        let pred: Vec<bool> = logits.iter().enumerate().map(reached).collect();
        let truth: Vec<bool> = targets.iter().map(|target| *target >= 0.5).collect();
        let class = |class: usize| {
            let range = class * pixels..(class + 1) * pixels;
            let shown: Vec<bool> = targets[range.clone()].iter().map(|target| !is_ignored(*target)).collect();
            self.of_class(&logits[range.clone()], &pred[range.clone()], &truth[range], &shown)
        };
        let mut rows: ImageExtras = (0..self.classes.len()).map(class).collect();
        if self.asked.contains(&ExtraMetric::VcdrError) {
            let value = self.cup_to_disc_error(&pred, &truth);
            rows.push(
                self.names().iter().map(|name| if *name == ExtraMetric::VcdrError.name() { value } else { f64::NAN }).collect(),
            );
        }
        rows
    }

    fn of_class(&self, logits: &[f32], pred: &[bool], truth: &[bool], shown: &[bool]) -> Vec<f64> {
        if !shown.contains(&true) {
            return vec![f64::NAN; self.names().len()];
        }
        let lengths = self.asked.iter().any(|extra| extra.in_mm().is_some());
        let apart = |spacing: [f64; 2]| lengths.then(|| Apart::of(pred, truth, self.size, spacing));
        let (in_pixels, in_mm) = (apart([1.0; 2]), self.spacing_mm.and_then(apart));
        let length = |of: fn(&Apart) -> f64| -> Vec<f64> { in_pixels.iter().chain(&in_mm).map(of).collect() };
        let values = |extra: &ExtraMetric| match extra {
            ExtraMetric::Hd95 => length(Apart::hd95),
            ExtraMetric::Assd => length(Apart::assd),
            ExtraMetric::BoundaryIou => vec![boundary_iou(pred, truth, self.size)],
            ExtraMetric::Ece => vec![expected_calibration_error(&of(logits, shown), &of(truth, shown))],
            ExtraMetric::VcdrError => vec![f64::NAN],
            ExtraMetric::RandScore => vec![rand_score(pred, truth, self.size[1])],
            ExtraMetric::PixelError => vec![pixel_error(&of(pred, shown), &of(truth, shown))],
        };
        self.asked.iter().flat_map(values).collect()
    }

    /// NaN without the classes `disc` and `cup`.
    fn cup_to_disc_error(&self, pred: &[bool], truth: &[bool]) -> f64 {
        let pixels = self.size[0] * self.size[1];
        let place = |name: &str| self.classes.iter().position(|class| class == name);
        let (Some(disc), Some(cup)) = (place("disc"), place("cup")) else { return f64::NAN };
        let both = |of: &[bool]| [disc, cup].map(|class| of[class * pixels..(class + 1) * pixels].to_vec());
        let (pred, truth) = (both(pred), both(truth));
        cup_to_disc_error([&pred[0], &pred[1]], [&truth[0], &truth[1]], self.size[1])
    }

    /// The names of all values of an image and class: [`MaskScores::NAMES`], then those asked for.
    pub fn columns(&self) -> Vec<String> {
        MaskScores::NAMES.into_iter().chain(self.names()).map(str::to_owned).collect()
    }

    /// The rows of a table of images with these [columns](Self::columns): the image's place, the class's name (empty in a row of the
    /// image itself) and the values.
    ///
    /// `scores` has the classes of an image side by side.
    pub fn rows(&self, scores: &[MaskScores], extras: &[ImageExtras]) -> Vec<(usize, String, Vec<f64>)> {
        let mut rows = Vec::new();
        for (image, scores) in scores.chunks(self.classes.len()).enumerate() {
            let own = extras.get(image).map_or(&[][..], Vec::as_slice);
            for at in 0..scores.len().max(own.len()) {
                let counted = scores.get(at).map_or([f64::NAN; MaskScores::NAMES.len()], MaskScores::values);
                let values = counted.into_iter().chain(own.get(at).into_iter().flatten().copied()).collect();
                rows.push((image, self.classes.get(at).cloned().unwrap_or_default(), values));
            }
        }
        rows
    }

    /// Means of the extra metrics by column name without part: over the images for each class, `hd95_disc`, over the classes of
    /// these, `hd95`; of metrics of the image itself over the images. What is nowhere defined is left out.
    pub fn means(&self, images: &[ImageExtras]) -> Vec<(String, f64)> {
        let mut means = Vec::new();
        for (place, name) in self.names().into_iter().enumerate() {
            let of_row = |row: usize| mean(images.iter().filter_map(|image| image.get(row)).map(|values| values[place]));
            let classes: Vec<Option<f64>> = (0..self.classes.len()).map(of_row).collect();
            let all = of_row(self.classes.len()).or_else(|| mean(classes.iter().flatten().copied()));
            means.extend(all.map(|mean| (name.to_owned(), mean)));
            let named = self.classes.iter().zip(classes).filter_map(|(class, mean)| Some((format!("{name}_{class}"), mean?)));
            means.extend(named);
        }
        means
    }
}

/// The pixel error of ISBI 2012 between two binary masks: their squared distance a pixel, which is the share that differs.
fn pixel_error(pred: &[bool], truth: &[bool]) -> f64 {
    pred.iter().zip(truth).filter(|(p, t)| p != t).count() as f64 / truth.len() as f64
}

/// Of the values that are not NaN; `None` without any.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The values where pixels count.
fn of<T: Copy>(values: &[T], shown: &[bool]) -> Vec<T> {
    values.iter().zip(shown).filter(|(_, shown)| **shown).map(|(value, _)| *value).collect()
}

#[cfg(test)]
mod tests;
