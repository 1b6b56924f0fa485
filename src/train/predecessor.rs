//! More epochs for a finished run, or other metrics: a new run that differs by nothing else begins with the finished one's epochs.

use super::checkpoint::Resume;
use super::lr_schedule::LrSchedule;
use super::{Error, Optimizer, provenance};
use crate::config::{Experiment, Metrics};
use crate::plan::{RunId, defining_values};
use crate::record::Status;
use crate::store::{self, RunDir};

/// Whether a run of `new` can go on from the end of a run of `old`, on the same data: it has more epochs or measures something else at
/// its end, differs by nothing else that defines its numbers, and the learning rate of every epoch of `old` is the same. A schedule
/// whose course depends on the number of epochs (cosine, polynomial, one cycle) makes a run with more of them another.
pub fn extends(old: &Experiment, new: &Experiment) -> bool {
    let epochs = old.training.epochs;
    let values = |experiment: &Experiment| {
        let mut values = defining_values(experiment);
        values.retain(|key, _| key != "training.epochs" && !key.starts_with("metrics."));
        values
    };
    let (before, now) = (course(old), course(new));
    let more = epochs < new.training.epochs || (epochs == new.training.epochs && old.metrics != new.metrics);
    more && values(old) == values(new) && (1..=epochs).all(|epoch| before.rate(epoch) == now.rate(epoch))
}

fn course(experiment: &Experiment) -> LrSchedule {
    let lr = Optimizer::base_lr(&experiment.optimizer);
    LrSchedule::new(lr, &experiment.lr_schedule, &experiment.lr_warmup, experiment.training.epochs)
}

/// Copies rows and checkpoints of the longest finished run of the same experiment that this one [extends], notes that in the
/// provenance, and returns where it stood; `None` if there is none. The finished run is only read.
///
/// # Errors
/// If the copy cannot be written or read.
pub fn take_over(run: &RunDir, experiment: &Experiment, fingerprint: &str) -> Result<Option<Resume>, Error> {
    let found = find(run, experiment, fingerprint)?;
    // Before the copy, so that no run has another's epochs without saying so.
    provenance::begins(run, found.as_ref().map(|(other, epochs)| (other, *epochs)))?;
    let Some((other, epochs)) = found else { return Ok(None) };
    run.take_over(&other)?;
    Ok(Resume::read(run.resume_state())?.filter(|resume| resume.state.epoch == epochs))
}

/// The run to go on from and its epochs. Its id tells what it was made from: data, numeric version and all values.
fn find(run: &RunDir, experiment: &Experiment, fingerprint: &str) -> Result<Option<(RunDir, usize)>, store::Error> {
    let shorter = |epochs: usize, metrics: Metrics| {
        let mut old = Experiment { metrics, ..experiment.clone() };
        old.training.epochs = epochs;
        extends(&old, experiment).then(|| RunId::new(&old, fingerprint, &[]))
    };
    let mut best: Option<(RunDir, usize)> = None;
    for other in run.siblings()? {
        let Some(epochs) = whole_epochs(&other) else { continue };
        let Some(metrics) = metrics(&other) else { continue };
        let id = shorter(epochs, metrics);
        let fits = id.as_ref().is_some_and(|id| id.hash() == other.id().hash());
        if fits && best.as_ref().is_none_or(|(_, most)| *most < epochs) {
            best = Some((other, epochs));
        }
    }
    Ok(best)
}

/// What a run measures at its end.
fn metrics(run: &RunDir) -> Option<Metrics> {
    let text = String::from_utf8(store::read_bytes(&run.run_toml()).ok()?).ok()?;
    toml::from_str::<Experiment>(&text).ok().map(|experiment| experiment.metrics)
}

/// How many epochs a finished run has that are all there and are those of whole batches. A run that is damaged is nobody's
/// predecessor; who looks at it for its own sake is told.
fn whole_epochs(run: &RunDir) -> Option<usize> {
    let outcome = run.outcome().ok()??;
    let whole = outcome.status == Status::Finished && run.resume_state().is_file() && run.last_checkpoint().is_file();
    (whole && run.micro_batches().ok()? == 1 && run.metrics().ok()?.len() == outcome.epochs).then_some(outcome.epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(epochs: usize, rest: &str) -> Experiment {
        toml::from_str(&format!("name = 'x'\ntraining.epochs = {epochs}\n{rest}")).unwrap()
    }

    #[test]
    fn a_course_that_depends_on_the_number_of_epochs_cannot_be_extended() {
        let extends = |kind: &str| extends(&experiment(4, kind), &experiment(8, kind));
        for kind in ["constant", "step", "exponential", "plateau", "multi_step.milestones = [2, 6]"] {
            let kind = if kind.contains('=') { format!("lr_schedule.{kind}") } else { format!("[lr_schedule.{kind}]") };
            assert!(extends(&kind), "{kind}");
        }
        for kind in ["cosine", "polynomial", "one_cycle"] {
            assert!(!extends(&format!("[lr_schedule.{kind}]")), "{kind}");
        }
        assert!(extends("[lr_warmup]\nepochs = 6"), "a warm-up has its own length");
    }

    #[test]
    fn what_is_measured_at_the_end_needs_no_other_epochs() {
        let old = experiment(2, "[lr_schedule.cosine]");
        let new = experiment(2, "metrics.extra = ['hd95']\n[lr_schedule.cosine]");
        assert!(extends(&old, &new) && extends(&new, &old) && !extends(&new, &new));
        assert!(!extends(&experiment(3, "metrics.extra = ['hd95']"), &experiment(2, "")), "fewer epochs are no part");
    }

    #[test]
    fn nothing_but_more_epochs_may_differ_and_names_do_not_count() {
        let old = experiment(2, "");
        assert!(extends(&old, &experiment(3, "description = 'longer'")));
        for other in [
            experiment(2, ""),
            experiment(1, ""),
            experiment(3, "training.seeds = [2]"),
            experiment(3, "training.batch_size = 3"),
        ] {
            assert!(!extends(&old, &other), "{other:?}");
        }
    }
}
