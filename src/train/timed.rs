//! How long training steps take here, without a run.

use super::ema::Ema;
use super::engine::{Learner, Scored, Steps, engine};
use super::gradient::Accumulation;
use super::{Error, TrainingDevice};
use crate::config::Experiment;
use crate::data::{Dataset, Draw, Normaliser};
use crate::model::{self, Weights};
use candle_core::Device;
use std::time::{Duration, Instant};

/// More steps are not made, however fast they are.
const MOST: u64 = 10_000;

/// The learning rate of these steps: no experiment's own can make weights leave all bounds within them.
const LR: f64 = 1e-4;

/// Makes the steps of a run of this experiment on the CPU, each on all samples of `data` at once with an update, until `enough` time has passed; the one that
/// began then is ended. Returns how many there were and what they took. The first, which is slower, is not counted.
///
/// # Errors
/// What candle reports, or if a loss is no finite number, after which a step does less.
pub fn timed_steps(experiment: &Experiment, data: &Dataset, enough: Duration) -> Result<(u64, Duration), Error> {
    let network = model::build(&experiment.model, data.channels, data.classes.len(), Weights::Seed(1), &Device::Cpu)?;
    let decay = Some(experiment.training.ema_decay).filter(|decay| *decay > 0.0);
    let ema = decay.map(|decay| Ema::new(decay, network.params())).transpose()?;
    let learner = Learner { ema, ..Learner::new(experiment, data, network.as_ref(), Normaliser::None) };
    let mut engine = engine(&TrainingDevice::cpu(), learner, Accumulation::default())?;
    let all: Vec<usize> = (0..data.samples.len()).collect();
    let batches = vec![&all[..]; MOST as usize + 1];
    let mut timed = Ok((0, Duration::ZERO));
    engine.pass(&batches, Draw::of(experiment, 1), &mut |steps| {
        timed = time(steps, enough, Scored::new(data.classes.len()));
    });
    timed
}

fn time(steps: &mut dyn Steps, enough: Duration, mut scored: Scored) -> Result<(u64, Duration), Error> {
    let mut step = || -> Result<(), Error> {
        let mut losses = steps.submit(Some(LR), &mut scored)?;
        losses.extend(steps.drain(&mut scored)?);
        match losses.iter().find(|loss| !loss.is_finite()) {
            Some(loss) => Err(Error::Setup(format!("a step that is timed has a loss of {loss}"))),
            None => Ok(()),
        }
    };
    step()?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < enough && count < MOST {
        step()?;
        count += 1;
    }
    Ok((count, began.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps whose loss leaves all bounds after so many.
    struct Good(u64);

    impl Steps for Good {
        fn submit(&mut self, update: Option<f64>, _: &mut Scored) -> Result<Vec<f64>, Error> {
            assert!(update.is_some(), "a step without an update takes less time");
            self.0 = self.0.saturating_sub(1);
            Ok(vec![if self.0 > 0 { 0.5 } else { f64::NAN }])
        }

        fn drain(&mut self, _: &mut Scored) -> Result<Vec<f64>, Error> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn the_first_step_is_not_counted_and_none_whose_loss_is_no_number() {
        let timed = |good, enough| time(&mut Good(good), enough, Scored::new(1)).map(|(steps, _)| steps);
        assert_eq!(timed(u64::MAX, Duration::MAX).unwrap(), MOST);
        assert_eq!(timed(u64::MAX, Duration::ZERO).unwrap(), 0);
        assert!(timed(5, Duration::MAX).is_err() && timed(1, Duration::ZERO).is_err());
    }
}
