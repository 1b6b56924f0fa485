//! Where a session takes a run up.

use super::Session;
use super::save::Saving;
use crate::config::Experiment;
use crate::data::{Dataset, Normaliser, Splits};
use crate::model::{Network, Params};
use crate::record::{Files, Outcome};
use crate::store::RunDir;
use crate::train::checkpoint::{State, write_weights};
use crate::train::columns::header;
use crate::train::ema::Ema;
use crate::train::engine::{Learner, engine};
use crate::train::gradient::Accumulation;
use crate::train::lr_schedule::LrSchedule;
use crate::train::vouched::{self, Vouched, Weights};
use crate::train::{Error, Optimizer, Progress, TrainingDevice, given, initial_weights, predecessor};

impl<'a> Session<'a> {
    /// A session where the run's resume state is, else at the end of the finished run that it extends, else at the start. Of a run that has
    /// finished `before`, whose files are no longer as it left them, and that has no such state, at its end, if what is there suffices
    /// to score its images again. `progress` receives all that does not fit.
    ///
    /// # Errors
    /// If there is such a state and it cannot be read or does not fit.
    #[expect(clippy::too_many_arguments, reason = "what a run is, where it is, and who watches")]
    pub fn begin(
        run: &'a RunDir,
        experiment: &'a Experiment,
        data: &'a Dataset,
        splits: &'a Splits,
        network: &'a dyn Network,
        place: &TrainingDevice,
        before: Option<&Outcome>,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let lr = Optimizer::base_lr(&experiment.optimizer);
        let mut schedule = LrSchedule::new(lr, &experiment.lr_schedule, &experiment.lr_warmup, experiment.training.epochs);
        let plateau = schedule.plateau().clone();
        let mut state = State { epoch: 0, steps: 0, plateau, best: None, within: None, files: Files::default() };
        let normaliser = Normaliser::of(experiment.preprocess.normalise, data, &splits.train);
        let mut learner = Learner { micro_batches: run.micro_batches()?, ..Learner::new(experiment, data, network, normaliser) };
        let decay = Some(experiment.training.ema_decay).filter(|decay| *decay > 0.0);
        let (mut within, mut accumulated, mut scores) = (None, Accumulation::default(), None);
        let columns = header(&experiment.loss, &data.classes);
        let found = match vouched::look(run, Some(&columns))? {
            Ok(own) => Found::State(own),
            Err(reason) => match before.map(|before| vouched::scored(run, before, &state.plateau)).transpose()?.flatten() {
                Some(end) => Found::End(end),
                None => {
                    let gone = || format!("{} is missing", run.resume_state().display());
                    if let Some(reason) = reason.or_else(|| before.map(|_| gone())) {
                        progress.note(&format!("{reason}; the run begins anew"));
                    }
                    let other = predecessor::take_over(run, experiment, &data.fingerprint, &columns)?;
                    other.map_or(Found::Nothing, Found::State)
                }
            },
        };
        learner.ema = match found {
            Found::State(Vouched { resume, best, last }) => {
                resume.restore(network.params(), &mut learner.optimizer)?;
                schedule.resume(resume.state.plateau.clone());
                let mut ema = decay.map(|decay| resume.ema(decay, network.params())).transpose()?;
                if let Some((stopped, gradients)) = resume.within(network.params(), data.classes.len())? {
                    (within, accumulated) = (Some(stopped), gradients);
                }
                state = resume.state;
                make_again(run, network.params(), &mut ema, &state, &learner.normaliser, [best, last], progress)?;
                ema
            }
            Found::End(end) => {
                progress.note(&format!("{}: images are scored again with the weights of the best epoch", run.path().display()));
                (state, scores) = (end, before.map(|before| before.notes.clone()));
                None
            }
            Found::Nothing => {
                initial_weights::begin(run, experiment, network.params())?;
                decay.map(|decay| Ema::new(decay, network.params())).transpose()?
            }
        };
        given::note(run, experiment, data, splits, network.params())?;
        if scores.is_none() && before.is_some_and(|before| state.epoch < before.epochs) {
            // Epochs come anew, so that it has finished is true no longer.
            run.reopen()?;
        }
        Ok(Self {
            run,
            experiment,
            data,
            splits,
            engine: engine(place, learner, accumulated)?,
            schedule,
            state,
            within,
            saving: Saving::new(),
            until: experiment.training.epochs,
            notes: Vec::new(),
            scores,
            place: place.clone(),
            told_memory: false,
        })
    }
}

/// Where a session begins.
enum Found {
    /// With a resume state.
    State(Vouched),
    /// At the end of a run whose images are to be scored again.
    End(State),
    /// With nothing.
    Nothing,
}

/// Writes the files of weights that are missing or of another epoch, from a resume state that was put into the parameters.
fn make_again(
    run: &RunDir,
    params: &Params,
    ema: &mut Option<Ema>,
    state: &State,
    normaliser: &Normaliser,
    [best, last]: [Weights; 2],
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let files = [(best, run.best_checkpoint(), &state.files.best), (last, run.last_checkpoint(), &state.files.last)];
    for (_, path, wanted) in files.into_iter().filter(|(weights, ..)| *weights == Weights::Again) {
        let mut exchange = || ema.as_mut().map_or(Ok(()), |ema| ema.exchange(params));
        exchange()?;
        let hash = write_weights(&path, params, state.epoch, normaliser)?;
        exchange()?;
        if Some(&hash) != wanted.as_ref() {
            let problem = "cannot be made again from resume.safetensors; delete both to train the run from the start";
            return Err(Error::File { path: path.display().to_string(), problem: problem.to_owned() });
        }
        progress.note(&format!("{} did not hold the weights of epoch {}: made again", path.display(), state.epoch));
    }
    Ok(())
}
