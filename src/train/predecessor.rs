//! More epochs for a finished run, more patience, or other metrics: a new run that differs by nothing else begins with the finished one's
//! epochs.

use super::lr_schedule::LrSchedule;
use super::vouched::{self, Vouched, Weights};
use super::{Error, Optimizer, early_stop, provenance};
use crate::config::Experiment;
use crate::plan::{RunId, defining_values};
use crate::record::Status;
use crate::store::{self, ExperimentDir, RunDir};
use std::collections::{BTreeMap, HashMap};

/// Whether a run of `new` can go on from the first `done` epochs of a run of `old`, on the same data: it asks for as many, differs by nothing
/// that defines the numbers of an epoch (only by how many there are, when to stop early, or what is measured at the end), and the learning rate
/// of every epoch done is the same. A schedule whose course depends on the number of epochs (cosine, polynomial, one cycle) makes
/// a run with more of them another.
pub fn extends(old: &Experiment, done: usize, new: &Experiment) -> bool {
    let (before, now) = (course(old), course(new));
    let (of_old, of_new) = (defining_values(old), defining_values(new));
    done <= new.training.epochs
        && of_old != of_new
        && of_an_epoch(of_old) == of_an_epoch(of_new)
        && (1..=done).all(|epoch| before.rate(epoch) == now.rate(epoch))
}

/// Of the values that define a run those that define the numbers of an epoch, but for its learning rate's course.
fn of_an_epoch(mut values: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let end = |key: &str| ["metrics.", "training.early_stopping."].iter().any(|table| key.starts_with(table));
    values.retain(|key, _| key != "training.epochs" && !end(key));
    values
}

fn course(experiment: &Experiment) -> LrSchedule {
    let lr = Optimizer::base_lr(&experiment.optimizer);
    LrSchedule::new(lr, &experiment.lr_schedule, &experiment.lr_warmup, experiment.training.epochs)
}

/// Copies rows and checkpoints of the longest finished run of the same experiment that this one [extends], notes that in the
/// provenance, and returns where it stood; `None` if there is none. The finished run is only read. `columns` are those of metrics.csv.
///
/// # Errors
/// If the copy cannot be written or read.
pub fn take_over(run: &RunDir, experiment: &Experiment, fingerprint: &str, columns: &[String]) -> Result<Option<Vouched>, Error> {
    let found = find(run, experiment, fingerprint, columns)?;
    // Before the copy, so that no run has another's epochs without saying so.
    provenance::begins(run, found.as_ref().map(|(other, epochs)| (other, *epochs)))?;
    let Some((other, epochs)) = found else { return Ok(None) };
    run.take_over(&other)?;
    let copied = vouched::look(run, Some(columns))?.ok().filter(|copied| copied.resume.state.epoch == epochs);
    if copied.is_none() {
        provenance::begins(run, None)?;
    }
    Ok(copied)
}

/// The run to go on from and its epochs. Its id tells what it was made from: data, numeric version and all values.
fn find(
    run: &RunDir,
    experiment: &Experiment,
    fingerprint: &str,
    columns: &[String],
) -> Result<Option<(RunDir, usize)>, store::Error> {
    let mut best: Option<(RunDir, usize)> = None;
    for other in run.siblings()? {
        let Some((epochs, asked)) = whole_epochs(&other).zip(asked(&other)) else { continue };
        let fits = fits(&other, epochs, &asked, experiment, fingerprint);
        if fits && best.as_ref().is_none_or(|(_, most)| *most < epochs) && goes_together(&other, epochs, columns) {
            best = Some((other, epochs));
        }
    }
    Ok(best)
}

/// Whether a run of `experiment` on these data can begin with the epochs of a finished one that was `asked` for, as far as ids and rows tell.
fn fits(other: &RunDir, epochs: usize, asked: &Experiment, experiment: &Experiment, fingerprint: &str) -> bool {
    let mut old = Experiment { metrics: asked.metrics.clone(), ..experiment.clone() };
    (old.training.epochs, old.training.early_stopping) = (asked.training.epochs, asked.training.early_stopping.clone());
    let same = RunId::new(&old, fingerprint, &[]).hash() == other.id().hash();
    same && extends(&old, epochs, experiment) && gets_there(other, experiment, epochs)
}

/// The finished runs of an experiment, for whoever wants to know beforehand which epochs a new run will begin with. Weights are not looked at.
pub struct Predecessors {
    /// By what defines the numbers of an epoch.
    finished: HashMap<BTreeMap<String, String>, Vec<Finished>>,
}

/// A finished run that others may begin with.
struct Finished {
    run: RunDir,
    epochs: usize,
    asked: Experiment,
    fingerprint: String,
}

impl Predecessors {
    /// Of all runs below the experiment's directory. What cannot be read is nobody's predecessor.
    pub fn of(dir: &ExperimentDir) -> Self {
        let mut finished: HashMap<_, Vec<Finished>> = HashMap::new();
        for run in dir.runs().unwrap_or_default() {
            let fingerprint = || run.provenance().ok()??.dataset_fingerprint;
            let Some(((epochs, asked), fingerprint)) = whole_epochs(&run).zip(asked(&run)).zip(fingerprint()) else { continue };
            let key = of_an_epoch(defining_values(&asked));
            finished.entry(key).or_default().push(Finished { run, epochs, asked, fingerprint });
        }
        Self { finished }
    }

    /// How many epochs of a finished run a new run of this id would begin with; `None` where it begins anew.
    pub fn epochs(&self, id: &RunId, experiment: &Experiment) -> Option<usize> {
        let finished = self.finished.get(&of_an_epoch(defining_values(experiment)))?;
        let fits = |old: &&Finished| {
            let same_data = RunId::new(experiment, &old.fingerprint, &[]).hash() == id.hash();
            same_data && fits(&old.run, old.epochs, &old.asked, experiment, &old.fingerprint)
        };
        finished.iter().filter(fits).map(|old| old.epochs).max()
    }
}

/// What a run was asked for.
fn asked(run: &RunDir) -> Option<Experiment> {
    let text = String::from_utf8(store::read_bytes(&run.run_toml()).ok()?).ok()?;
    toml::from_str(&text).ok()
}

/// Whether early stopping lets a run of `experiment` have as many epochs as `other`, whose epochs are its own.
fn gets_there(other: &RunDir, experiment: &Experiment, epochs: usize) -> bool {
    let training = &experiment.training;
    let values: Vec<f64> =
        other.metrics().unwrap_or_default().iter().map(|row| row.get(&training.best).unwrap_or(f64::NAN)).collect();
    values.len() == epochs && (0..epochs).all(|done| !early_stop::is_over(training, &values[..done]))
}

/// Whether the files of a finished run are all of its end. Of one that is damaged nothing is taken.
fn goes_together(other: &RunDir, epochs: usize, columns: &[String]) -> bool {
    let found = vouched::look(other, Some(columns)).ok().and_then(Result::ok);
    found.is_some_and(|found| found.resume.state.epoch == epochs && found.best != Weights::Later)
}

/// How many epochs a finished run has that are all there and are those of whole batches. A run that is damaged is nobody's
/// predecessor; who looks at it for its own sake gets a warning.
fn whole_epochs(run: &RunDir) -> Option<usize> {
    let outcome = run.outcome().ok()??;
    let whole = outcome.status == Status::Finished && run.resume_state().is_file();
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
        let extends = |kind: &str| extends(&experiment(4, kind), 4, &experiment(8, kind));
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
        assert!(extends(&old, 2, &new) && extends(&new, 2, &old) && !extends(&new, 2, &new));
        assert!(!extends(&experiment(3, "metrics.extra = ['hd95']"), 3, &experiment(2, "")), "fewer epochs are no part");
    }

    #[test]
    fn nothing_but_more_epochs_may_differ_and_names_do_not_count() {
        let old = experiment(2, "");
        assert!(extends(&old, 2, &experiment(3, "description = 'longer'")));
        for other in [
            experiment(2, ""),
            experiment(1, ""),
            experiment(3, "training.seeds = [2]"),
            experiment(3, "training.batch_size = 3"),
        ] {
            assert!(!extends(&old, 2, &other), "{other:?}");
        }
    }

    #[test]
    fn when_to_stop_early_does_not_change_the_epochs_before() {
        let old = experiment(9, "training.early_stopping.patience = 2");
        assert!(extends(&old, 3, &experiment(9, "training.early_stopping.patience = 4")) && extends(&old, 3, &experiment(9, "")));
        assert!(extends(&old, 3, &experiment(5, "")) && !extends(&old, 3, &experiment(2, "")));
        let cosine = "[lr_schedule.cosine]\n[training.early_stopping]\npatience = 2";
        assert!(extends(&experiment(9, cosine), 3, &experiment(9, "[lr_schedule.cosine]")));
        assert!(!extends(&experiment(9, cosine), 3, &experiment(5, "[lr_schedule.cosine]")));
    }
}
