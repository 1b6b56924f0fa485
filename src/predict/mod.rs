//! A trained run on new pictures: probabilities at their own size, masks and what can be measured in them.
//!
//! [`Predictor`] is one run, or several as an ensemble. Nothing is known here of files to be written or of how it looks.

mod measure;
pub mod onnx;

pub use measure::{Measure, cup_to_disc, measure};

use crate::config::{ChannelAxis, Experiment, Normalise, Precision, Preprocess, Training};
use crate::data::{self, Cut, Dataset, Normaliser, Photo};
use crate::metric::{
    self, Absent, ConfusionMatrix, Extras, ImageExtras, MaskScores, Split, THRESHOLDS_METADATA, Tally, ThresholdCurves,
    USUAL_THRESHOLD,
};
use crate::model::{self, Network, Tiling, Weights};
use crate::ops::{self, Tape};
use crate::store::RunDir;
use candle_core::{Device, Tensor};
use std::path::Path;

/// How a picture is brought to a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// As the run's training images were; probabilities are brought back to the picture's size.
    Resize,
    /// In overlapping tiles at the picture's own size.
    Tiles(Tiling),
}

/// How a picture is predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    /// How it is brought to the network.
    pub scale: Scale,
    /// Whether the probabilities are means over the picture, its two mirror images and its half turn.
    pub flips: bool,
}

/// Why nothing can be predicted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runs named cannot do it; the user's to mend.
    #[error("{0}")]
    Mistake(String),
    /// A picture is of a kind that the runs cannot take; others may be.
    #[error("{0}")]
    Photo(String),
    /// The weights do not make the network.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// A step of the computation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A trained run, or several of which probabilities are averaged.
pub struct Predictor {
    /// Names of the classes, in the order of the masks.
    pub classes: Vec<String>,
    /// Channels that pictures are read as: 1 (grey), 3 (RGB), or what else the runs were trained on.
    pub channels: usize,
    /// What should be known of the weights, a sentence for each run that has not finished.
    pub notes: Vec<String>,
    axis: ChannelAxis,
    cut: Cut,
    /// From which probability on a pixel of each class is foreground, as the run keeps it with its weights (`metrics.threshold`); `None`
    /// where it keeps nothing, or the runs differ, so that it is 0.5.
    pub kept_thresholds: Option<Vec<f64>>,
    members: Vec<Member>,
}

/// What samples of a data set give.
pub struct Evaluated {
    /// Of every image and class, the classes of an image side by side.
    pub scores: Vec<MaskScores>,
    /// Of every image, what is asked for beside them.
    pub extras: Vec<ImageExtras>,
    /// Scores over the threshold.
    pub curves: ThresholdCurves,
    /// Which class is taken for which.
    pub confusion: ConfusionMatrix,
}

struct Member {
    network: Box<dyn Network>,
    /// Where it calculates, if that is a GPU.
    device: Option<ops::GpuNetwork>,
    training: Training,
    preprocess: Preprocess,
    /// How it sees whole images, if it was trained on patches.
    tiling: Option<Tiling>,
    /// What its images go through before the network.
    normaliser: Normaliser,
    /// What the sides of its input must be divisible by.
    step: usize,
    /// Whether its classes exclude each other.
    exclusive: bool,
}

impl Predictor {
    /// The weights of the best epoch of these runs, with the experiments that their run.toml hold, on the GPU of this number or on the CPU.
    ///
    /// # Errors
    /// If a run has no such weights, the runs differ in classes or channels, or the GPU cannot be used.
    pub fn open(runs: &[(RunDir, Experiment)], gpu: Option<usize>) -> Result<Self, Error> {
        let (mut opened, mut differ): (Option<Self>, bool) = (None, false);
        for (run, experiment) in runs {
            let next = Self::of(run, experiment, gpu)?;
            let Some(all) = &mut opened else {
                opened = Some(next);
                continue;
            };
            if (&next.classes, next.channels) != (&all.classes, all.channels) {
                let of = |p: &Self| format!("{} from {} channels", p.classes.join(", "), p.channels);
                let (one, other) = (of(all), of(&next));
                return Err(Error::Mistake(format!(
                    "{}: predicts {other}, the run before {one}; name runs of one task",
                    run.path().display()
                )));
            }
            differ |= all.kept_thresholds != next.kept_thresholds;
            all.notes.extend(next.notes);
            all.members.extend(next.members);
        }
        if let Some(all) = opened.as_mut().filter(|_| differ) {
            all.kept_thresholds = None;
            all.notes.push("the runs keep different thresholds, so 0.5 counts for all".to_owned());
        }
        opened.ok_or_else(|| Error::Mistake("no run is named".to_owned()))
    }

    fn of(run: &RunDir, experiment: &Experiment, gpu: Option<usize>) -> Result<Self, Error> {
        let best = run.best_weights().map_err(|e| Error::Mistake(format!("{e}{}", not_finite(run, experiment))))?;
        let file = best.path;
        let (channels, classes) = model::ends(&file)?;
        let network = model::build(&experiment.model, channels, classes, Weights::File(&file), &Device::Cpu)?;
        let passing = (!best.settled).then_some(best.epoch).flatten();
        let device = gpu.map(|ordinal| device(ordinal, &*network, experiment.training.precision)).transpose()?;
        let normaliser = normaliser(&file, experiment.preprocess.normalise, channels)?;
        let names = class_names(run, classes);
        let (training, preprocess, step) =
            (experiment.training.clone(), experiment.preprocess.clone(), model::step(&experiment.model));
        let tiling = experiment.patches.as_ref().map(Tiling::of);
        let exclusive = experiment.loss.is_exclusive();
        let member = Member { network, device, training, preprocess, tiling, normaliser, step, exclusive };
        let note =
            |epoch| format!("{} has not finished: these are the weights of its best epoch so far, {epoch}", run.path().display());
        let (notes, axis) = (passing.map(note).into_iter().collect(), experiment.dataset.channel_axis());
        let cut = Cut::of(&experiment.dataset);
        Ok(Self {
            classes: names,
            channels,
            notes,
            axis,
            cut,
            kept_thresholds: thresholds(&file, classes)?,
            members: vec![member],
        })
    }

    /// From which probability on a pixel of each class is foreground: what the run keeps, else 0.5.
    pub fn thresholds(&self) -> Vec<f64> {
        self.kept_thresholds.clone().unwrap_or_else(|| vec![USUAL_THRESHOLD; self.classes.len()])
    }

    /// The size that the (first) run's network was trained on, height and width.
    pub fn size(&self) -> [usize; 2] {
        let member = &self.members[0];
        member.tiling.as_ref().map_or(member.preprocess.size, |tiling| tiling.size)
    }

    /// How the (first) run cuts volumes into slices.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Which axis of arrays the (first) run takes for channels.
    pub fn channel_axis(&self) -> ChannelAxis {
        self.axis
    }

    /// How the (first) run brings pictures to its network.
    pub fn preprocess(&self) -> &Preprocess {
        &self.members[0].preprocess
    }

    /// Checks tiles against the networks.
    ///
    /// # Errors
    /// If their sides do not suit a network's depth.
    pub fn check(&self, tiling: &Tiling) -> Result<(), Error> {
        let step = self.members.iter().map(|member| member.step).max().unwrap_or(1);
        match tiling.size.iter().all(|side| *side > 0 && side.is_multiple_of(step)) {
            true => Ok(()),
            false => Err(Error::Mistake(format!(
                "tiles of {} × {} do not suit the network: sides must be multiples of {step}",
                tiling.size[0], tiling.size[1]
            ))),
        }
    }

    /// Bytes that predicting takes for each pixel of a picture, beside the picture itself.
    pub fn bytes_beside(&self, how: &How) -> usize {
        let (sum, value) = (4 * self.classes.len(), 4);
        match how.scale {
            Scale::Resize => sum,
            // The picture's planes, and sums and weights of its tiles.
            Scale::Tiles(_) => sum + self.channels * value + sum + value,
        }
    }

    /// Probabilities of every class.
    ///
    /// # Shapes
    /// classes · height · width of the picture, in [0, 1]. What a run's `fit = "crop"` cuts off is 0.
    ///
    /// # Errors
    /// If the picture has other channels or values than the runs can take, or the computation fails, for want of memory say.
    pub fn probs(&self, photo: &Photo, how: &How) -> Result<Vec<f32>, Error> {
        let mut sum = vec![0.0; self.classes.len() * photo.size[0] * photo.size[1]];
        for member in &self.members {
            match &how.scale {
                Scale::Resize => {
                    let [h, w] = member.preprocess.size;
                    let mut fitted = photo.fitted(&member.preprocess, self.channels).map_err(Error::Photo)?;
                    member.normaliser.apply(&mut fitted, h * w);
                    let probs = member.flipped(&fitted, self.channels, [h, w], member.tiling.as_ref(), how.flips)?;
                    let [h, w] = photo.size;
                    photo.restore(&member.preprocess, &probs, |class, y, row| {
                        add(&mut sum[(class * h + y) * w..][..w], row);
                    });
                }
                Scale::Tiles(tiling) => {
                    // The whole picture's own numbers, so that a tile's place in it makes no difference.
                    let mut planes = photo.planes(&member.preprocess, self.channels).map_err(Error::Photo)?;
                    member.normaliser.apply(&mut planes, photo.size[0] * photo.size[1]);
                    let probs = tiling.blend(&planes, self.channels, photo.size, 1, |tile| {
                        member.flipped(&tile, self.channels, tiling.size, None, how.flips)
                    })?;
                    add(&mut sum, &probs);
                }
            }
        }
        let count = self.members.len() as f32;
        if self.members.len() > 1 {
            sum.iter_mut().for_each(|sum| *sum /= count);
        }
        Ok(sum)
    }

    /// Scores of samples of a data set at the run's size, the classes of an image side by side, and what is asked for beside them:
    /// those of the first run named, at the threshold of each class. A class that none of the samples shows has NaN for its scores.
    ///
    /// # Errors
    /// If the computation fails.
    ///
    /// # Panics
    /// If there is not a threshold for each class.
    pub fn evaluate(
        &self,
        data: &Dataset,
        indices: &[usize],
        extras: &Extras,
        thresholds: &[f64],
        progress: &dyn Fn(usize),
    ) -> Result<Evaluated, Error> {
        let (member, classes) = (&self.members[0], self.classes.len());
        let cuts: Vec<f64> = thresholds.iter().map(|threshold| metric::cut(*threshold)).collect();
        let extras = extras.clone().at(cuts.clone());
        let (mut tally, mut scores, mut more) = (Tally::new(classes), Vec::new(), Vec::new());
        let (mut curves, mut confusion) = (ThresholdCurves::new(classes, thresholds), ConfusionMatrix::new(classes));
        // In batches of training's size, so that numbers are the very same as those at the end of training.
        let at_once = member.training.batch_size;
        for part in indices.chunks(if member.tiling.is_some() { 1 } else { at_once }) {
            let batch = data::batch(data, part, None, &Device::Cpu)?.normalised(&member.normaliser, data)?;
            let logits = member.logits(&batch.images, member.tiling.as_ref())?;
            let targets = batch.targets.flatten_all()?.to_vec1::<f32>()?;
            scores.extend(tally.add_at(part.len(), &logits, &targets, &cuts));
            more.extend(extras.of(&logits, &targets));
            curves.add(part.len(), &logits, &targets);
            confusion.add(part.len(), &logits, &targets, &cuts);
            progress(scores.len() / classes);
        }
        let absent = Absent::of(&data::shown(data, indices));
        absent.clear_masks(&mut scores);
        absent.clear_extras(&mut more);
        Ok(Evaluated { scores, extras: more, curves: curves.without(absent), confusion })
    }
}

/// Adds values to sums.
fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

impl Member {
    /// Probabilities (classes · h · w) of planes (channels · h · w), the mean over mirror images if wanted.
    fn flipped(
        &self,
        planes: &[f32],
        channels: usize,
        size: [usize; 2],
        tiling: Option<&Tiling>,
        flips: bool,
    ) -> Result<Vec<f32>, Error> {
        if !flips {
            return self.probs(planes.to_vec(), channels, size, tiling);
        }
        let mut sum: Vec<f32> = Vec::new();
        for (down, right) in [(false, false), (false, true), (true, false), (true, true)] {
            let probs = self.probs(mirrored(planes, size, down, right), channels, size, tiling)?;
            let probs = mirrored(&probs, size, down, right);
            match sum.is_empty() {
                true => sum = probs,
                false => sum.iter_mut().zip(probs).for_each(|(sum, prob)| *sum += prob),
            }
        }
        sum.iter_mut().for_each(|sum| *sum /= 4.0);
        Ok(sum)
    }

    fn probs(&self, planes: Vec<f32>, channels: usize, [h, w]: [usize; 2], tiling: Option<&Tiling>) -> Result<Vec<f32>, Error> {
        let images = Tensor::from_vec(planes, (1, channels, h, w), &Device::Cpu)?;
        let logits = self.logits(&images, tiling)?;
        Ok(logits.into_iter().map(|x| (1.0 / (1.0 + f64::from(-x).exp())) as f32).collect())
    }

    /// Logits of images, all in one: those whose logistic function is the probability.
    fn logits(&self, images: &Tensor, tiling: Option<&Tiling>) -> Result<Vec<f32>, Error> {
        let training = &self.training;
        let logits =
            model::logits(&*self.network, self.device.as_ref(), images, training.precision, tiling, training.batch_size)?;
        if !self.exclusive {
            return Ok(logits.flatten_all()?.to_vec1()?);
        }
        let tape = Tape::inference();
        Ok(ops::one_vs_rest(&tape, &tape.constant(&logits))?.value().flatten_all()?.to_vec1()?)
    }
}

/// What more there is to say of weights that are not as the run left them.
fn not_finite(run: &RunDir, experiment: &Experiment) -> String {
    let file = run.best_checkpoint();
    let built = model::ends(&file)
        .and_then(|(channels, classes)| model::build(&experiment.model, channels, classes, Weights::File(&file), &Device::Cpu));
    match built {
        Err(model::Error::NotFinite { name, .. }) => format!("; its tensor `{name}` holds what is no finite number"),
        _ => String::new(),
    }
}

/// The GPU of this number with the network's weights.
fn device(ordinal: usize, network: &dyn Network, precision: Precision) -> Result<ops::GpuNetwork, Error> {
    ops::cuda::ready().map_err(Error::Mistake)?;
    let params = network.params();
    Ok(ops::GpuNetwork::open(ordinal, precision, &params.trained, &params.buffers)?)
}

/// What images went through in training: as the weights' file says, or as its run asked for if that needs no numbers.
fn normaliser(file: &Path, wanted: Normalise, channels: usize) -> Result<Normaliser, Error> {
    let message = |problem: String| Error::Mistake(format!("{}: {problem}", file.display()));
    let text = model::metadata(file, Normaliser::METADATA)?;
    match (Normaliser::from_metadata(text.as_deref()).map_err(message)?, wanted) {
        (Normaliser::None, Normalise::Image) => Ok(Normaliser::Image),
        (Normaliser::None, Normalise::Dataset) => Err(message(
            "its metadata lacks the mean and sd that images are normalised by; restore the file as training wrote it".into(),
        )),
        (normaliser, _) if !normaliser.fits(channels) => Err(message(format!(
            "its metadata has no mean and sd for each of {channels} channels; restore the file as training wrote it"
        ))),
        (normaliser, _) => Ok(normaliser),
    }
}

/// The thresholds that a file of weights keeps.
fn thresholds(file: &Path, classes: usize) -> Result<Option<Vec<f64>>, Error> {
    let text = model::metadata(file, THRESHOLDS_METADATA)?;
    let read = text.map(|text| metric::thresholds_from_metadata(&text, classes)).transpose();
    read.map_err(|problem| Error::Mistake(format!("{}: {problem}; restore the file as training wrote it", file.display())))
}

/// Planes upside down, left to right, or both.
fn mirrored(planes: &[f32], [h, w]: [usize; 2], down: bool, right: bool) -> Vec<f32> {
    let row = |plane: &[f32], y: usize| {
        let row = &plane[if down { h - 1 - y } else { y } * w..][..w];
        if right { row.iter().rev().copied().collect() } else { row.to_vec() }
    };
    planes.chunks_exact(h * w).flat_map(|plane| (0..h).flat_map(move |y| row(plane, y))).collect()
}

/// As the columns of metrics.csv name them; numbers where there is none.
fn class_names(run: &RunDir, classes: usize) -> Vec<String> {
    let rows = run.metrics().unwrap_or_default();
    let columns = rows.first().into_iter().flat_map(|row| row.values.iter().map(|(name, _)| name));
    let dice = |column: &String| metric::describe(column).filter(|m| m.name == "dice" && m.split == Some(Split::Val));
    let names: Vec<String> = columns.filter_map(|column| dice(column)?.class).collect();
    if names.len() == classes { names } else { (1..=classes).map(|k| format!("class{k}")).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_images_by_hand() {
        let plane = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(mirrored(&plane, [2, 3], false, true), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(mirrored(&plane, [2, 3], true, false), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        assert_eq!(mirrored(&plane, [2, 3], true, true), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    }
}
