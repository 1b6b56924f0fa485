//! Where a session takes a run up.

use super::{Optimizer, Session};
#[cfg(feature = "cuda")]
use super::{Trainer, on_gpu};
use crate::config::Experiment;
use crate::data::{Dataset, Normaliser, Parts};
use crate::model::Network;
use crate::store::RunDir;
use crate::train::checkpoint::{Resume, State};
use crate::train::columns::header;
use crate::train::ema::Ema;
#[cfg(feature = "cuda")]
use crate::train::gradient::Accumulation;
use crate::train::lr_schedule::LrSchedule;
use crate::train::{Error, Place, initial_weights, predecessor};

impl<'a> Session<'a> {
    /// A session where the run's resume state is, else at the end of the finished run that it extends, else at the start.
    ///
    /// # Errors
    /// If there is such a state and it cannot be read or does not fit.
    pub fn begin(
        run: &'a RunDir,
        experiment: &'a Experiment,
        data: &'a Dataset,
        parts: &'a Parts,
        network: &'a dyn Network,
        place: &Place,
    ) -> Result<Self, Error> {
        let lr = Optimizer::base_lr(&experiment.optimizer);
        let mut optimizer = Optimizer::new(&experiment.optimizer, &network.params().trained);
        let mut schedule = LrSchedule::new(lr, &experiment.lr_schedule, &experiment.lr_warmup, experiment.training.epochs);
        let mut state = State { epoch: 0, steps: 0, plateau: schedule.plateau().clone(), best: None, within: None };
        let decay = Some(experiment.training.ema_decay).filter(|decay| *decay > 0.0);
        let mut within = None;
        // Without the rows of the epochs done there is nothing to append to, so the run starts over.
        let rows = run.metrics()?;
        let own = Resume::read(run.resume_state())?.filter(|resume| resume.state.epoch <= rows.len());
        if own.is_some() && rows.first().is_some_and(|row| row.header() != header(&experiment.loss, &data.classes)) {
            return Err(Error::Setup(format!(
                "{}: it was begun by a version of umlaut that wrote other columns to metrics.csv; finish it with that version, or \
                 move the directory away to train it again",
                run.path().display()
            )));
        }
        let resume = match own {
            Some(own) => Some(own),
            None => predecessor::take_over(run, experiment, &data.fingerprint)?,
        };
        #[cfg_attr(not(feature = "cuda"), expect(unused_mut, reason = "it goes to a GPU where there is one"))]
        let mut ema = match resume {
            Some(resume) => {
                resume.restore(network.params(), &mut optimizer)?;
                schedule.resume(resume.state.plateau.clone());
                let ema = decay.map(|decay| resume.ema(decay, network.params())).transpose()?;
                within = resume.within(network.params(), data.classes.len())?;
                state = resume.state;
                ema
            }
            None => {
                initial_weights::begin(run, experiment, network.params())?;
                decay.map(|decay| Ema::new(decay, network.params())).transpose()?
            }
        };
        let normaliser = Normaliser::of(experiment.preprocess.normalise, data, &parts.train);
        #[cfg(feature = "cuda")]
        let gpu = match place.gpu {
            Some(ordinal) => {
                let trainer = Trainer::new(ordinal, experiment, data, network, &normaliser)?;
                let waiting = within.as_ref().map(|(_, waiting)| waiting).filter(|waiting| waiting.batches() > 0);
                trainer.send(&optimizer, waiting.map(Accumulation::sum))?;
                if let Some(ema) = &mut ema {
                    Self::send_averages(&trainer, ema, network.params())?;
                }
                Some(on_gpu::OnGpu::new(trainer, waiting.map_or(0, Accumulation::batches)))
            }
            None => None,
        };
        Ok(Self {
            run,
            experiment,
            data,
            parts,
            network,
            normaliser,
            optimizer,
            schedule,
            ema,
            state,
            within,
            micro_batches: run.micro_batches()?,
            notes: Vec::new(),
            place: place.clone(),
            #[cfg(feature = "cuda")]
            gpu,
        })
    }
}
