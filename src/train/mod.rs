//! Trains one run: from a resolved experiment and its data to metrics.csv, checkpoints, pictures of samples and outcome.toml.
//!
//! [`train`] is the one way in. It goes on where an earlier, killed or stopped attempt was, and ends with the same bytes as one that
//! was never stopped: order of samples, augmentation and initial weights follow from the seed and the epoch's number alone.
//! Nothing is known here of processes, terminals or charts; whoever wants to watch implements [`Progress`].

mod check;
mod checkpoint;
mod columns;
mod diverged;
mod early_stop;
mod ema;
pub mod engine;
mod error;
mod find_lr;
mod given;
mod gradient;
mod initial_weights;
mod loss;
mod lr_schedule;
mod optimizer;
mod predecessor;
mod progress;
mod provenance;
mod safetensors;
mod samples;
mod session;
mod thresholds;
mod timed;
mod vouched;

pub use check::{LoneSample, lone_sample};
pub use error::Error;
pub use find_lr::{LrRange, find_lr};
pub use initial_weights::{InitialWeights, seen};
pub use loss::{supervised_loss, weighted_loss};
pub use optimizer::Optimizer;
pub use predecessor::{Predecessors, extends};
pub use progress::Progress;
pub use thresholds::rows as threshold_rows;
pub use timed::timed_steps;

use crate::config::Experiment;
use crate::data::{Dataset, Splits};
use crate::model::{self, Network, Weights};
use crate::record::{Outcome, Status};
use crate::store::RunDir;
use candle_core::Device;
use session::Session;

/// Where a run trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingDevice {
    /// What the user calls it: `cpu`, `cuda:1`.
    pub name: String,
    /// The GPU's number among those that this process may see; `None` for the CPU.
    pub gpu: Option<usize>,
}

impl TrainingDevice {
    /// The CPU.
    pub fn cpu() -> Self {
        Self { name: "cpu".into(), gpu: None }
    }
}

/// Trains a run to its end and returns how it ended, which is also in outcome.toml.
///
/// A run that has finished before is not trained again: its outcome is returned, unless files are not as it left them, which are then
/// made again, with a note for whoever watches. One that was stopped goes on with the next step,
/// one that was killed or has failed after the last epoch or stop. One that has not begun and [extends] a finished run of the same
/// experiment begins with that one's epochs, any other with weights as `training.initial` says. Batches are split as the
/// [provenance](RunDir::micro_batches) asks. The caller holds the run's [claim](RunDir::claim). `stop` is asked after every batch: true
/// ends the run as interrupted, its step kept. A loss that is no finite number ends it as failed; so does one beyond all bounds when the
/// epochs are over. All are outcomes, not errors.
///
/// # Errors
/// [`Error::is_mistake`] if the experiment and the data do not fit (nothing was begun), else what failed while running; the
/// outcome then says so too, if it still could be written.
pub fn train(
    run: &RunDir,
    experiment: &Experiment,
    data: &Dataset,
    splits: &Splits,
    place: &TrainingDevice,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    train_until(experiment.training.epochs, run, experiment, data, splits, place, stop, progress)
}

/// The same, but for the time being no further than the end of epoch `until`: a run that has more then ends as paused, and goes on from there
/// as if it never had. One that has finished before is not paused.
///
/// # Errors
/// As [`train`].
#[expect(clippy::too_many_arguments, reason = "what a run is, where it is, how far it goes and who watches")]
pub fn train_until(
    until: usize,
    run: &RunDir,
    experiment: &Experiment,
    data: &Dataset,
    splits: &Splits,
    place: &TrainingDevice,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    let before = run.outcome()?.filter(|outcome| outcome.status == Status::Finished);
    if let Some(outcome) = &before {
        let unfit = run.unfit(outcome)?;
        if unfit.is_empty() {
            return Ok(outcome.clone());
        }
        unfit.iter().for_each(|unfit| progress.note(&unfit.to_string()));
    }
    if place.gpu.is_some() {
        crate::ops::cuda::ready().map_err(|why| Error::Setup(format!("{why}, or say --device cpu")))?;
    }
    let seed = check::seed(experiment)?;
    check::fits(experiment, data, splits)?;
    let splits = &check::limited(experiment, splits, seed)?;
    let network = drawn(experiment, data, seed)?;
    let session = Session::begin(run, experiment, data, splits, network.as_ref(), place, before.as_ref(), progress)?;
    let until = if before.is_some() { experiment.training.epochs } else { until };
    session.until(until).run(stop, progress)
}

/// The network of a run that has not begun, before weights are put into it as `training.initial` says.
fn drawn(experiment: &Experiment, data: &Dataset, seed: u64) -> Result<Box<dyn Network>, Error> {
    Ok(model::build(&experiment.model, data.channels, data.classes.len(), Weights::Seed(seed), &Device::Cpu)?)
}
