//! One run after the other.

use super::{Exit, Launcher};
use crate::plan::{Plan, RunSpec};
use crate::record::{Outcome, Status};
use crate::store::{self, ExperimentDir, RunDir};

/// What stops the whole schedule; a run that fails does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the results could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No process could be started.
    #[error("cannot start a process for run {run}: {cause}; check memory and process limits")]
    Launch {
        /// The run.
        run: String,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// How many runs ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Finished now.
    pub finished: usize,
    /// Finished before, not run again.
    pub skipped: usize,
    /// Failed.
    pub failed: usize,
    /// Stopped from outside, or not begun because of that.
    pub interrupted: usize,
}

/// Is told what happens.
pub trait Watch {
    /// A run is about to start; `position` is 1-based.
    fn started(&mut self, position: usize, of: usize, run: &RunSpec);
    /// A run is over.
    fn ended(&mut self, position: usize, of: usize, run: &RunSpec, outcome: &Outcome, how: Ending);
}

/// How a run came to its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was finished before and not run again.
    Before,
    /// It ended by itself and has said so.
    Itself,
    /// Its process died; the outcome was written here.
    Died,
}

/// Executes every run of the plan that is not finished, in order. `stopped` is asked between runs.
///
/// # Errors
/// If results cannot be written or processes not be started. A failed run is no error: it is recorded and the next one starts.
pub fn execute(
    plan: &Plan,
    dir: &ExperimentDir,
    launcher: &mut dyn Launcher,
    stopped: &dyn Fn() -> bool,
    watch: &mut dyn Watch,
) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    for run in &plan.runs {
        dir.run(&run.id).create(run, &run.experiment.to_toml())?;
    }
    write_plan(plan, dir)?;
    for (at, run) in plan.runs.iter().enumerate() {
        let place = dir.run(&run.id);
        let before = place.outcome()?;
        if let Some(outcome) = before.as_ref().filter(|o| o.status == Status::Finished) {
            tally.skipped += 1;
            watch.ended(at + 1, plan.runs.len(), run, outcome, Ending::Before);
            continue;
        }
        if stopped() {
            tally.interrupted += 1;
            continue;
        }
        watch.started(at + 1, plan.runs.len(), run);
        let exit = launcher.launch(&place).map_err(|cause| Error::Launch { run: run.id.to_string(), cause })?;
        let (outcome, ending) = outcome_after(&place, before, run, &exit)?;
        match outcome.status {
            Status::Finished => tally.finished += 1,
            Status::Failed => tally.failed += 1,
            Status::Interrupted => tally.interrupted += 1,
        }
        watch.ended(at + 1, plan.runs.len(), run, &outcome, ending);
        write_plan(plan, dir)?;
    }
    Ok(tally)
}

/// What the run left, or a record of its death where it left nothing new.
fn outcome_after(place: &RunDir, before: Option<Outcome>, run: &RunSpec, exit: &Exit) -> Result<(Outcome, Ending), Error> {
    let after = place.outcome()?;
    match after {
        Some(outcome) if *exit == Exit::Code(0) || Some(&outcome) != before.as_ref() => Ok((outcome, Ending::Itself)),
        _ => {
            let outcome = death(place, run, exit)?;
            place.write_outcome(&outcome)?;
            Ok((outcome, Ending::Died))
        }
    }
}

fn death(place: &RunDir, run: &RunSpec, exit: &Exit) -> Result<Outcome, Error> {
    let cause = match exit {
        Exit::Signal(9) => {
            "the process was killed (signal 9), by hand or for want of memory; log.txt has its last words".to_owned()
        }
        Exit::Signal(n) => format!("the process was ended by signal {n}; log.txt has its last words"),
        Exit::Code(n) => format!("the process ended with exit code {n} and recorded no outcome; log.txt has its last words"),
    };
    Ok(Outcome {
        status: Status::Failed,
        cause: Some(cause),
        epochs: place.metrics()?.len(),
        best_by: run.experiment.training.best.clone(),
        ..Outcome::default()
    })
}

fn write_plan(plan: &Plan, dir: &ExperimentDir) -> Result<(), Error> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in plan.runs.iter().flat_map(|run| &run.differs) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let header = ["run"].into_iter().chain(keys.iter().copied()).chain(["status"]);
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
    for run in &plan.runs {
        let value = |key: &&str| run.differs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()).unwrap_or_default();
        let status = match dir.run(&run.id).outcome()?.map(|o| o.status) {
            None => "new",
            Some(Status::Finished) => "finished",
            Some(Status::Failed) => "failed",
            Some(Status::Interrupted) => "interrupted",
        };
        rows.push([run.id.to_string()].into_iter().chain(keys.iter().map(value)).chain([status.to_owned()]).collect());
    }
    Ok(dir.write_plan(&rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Experiment;
    use crate::plan::expand;
    use std::cell::Cell;

    /// Writes an outcome, or dies, as it was told for each run in turn.
    struct Fake {
        script: Vec<Option<Status>>,
        launched: usize,
    }

    impl Launcher for Fake {
        fn launch(&mut self, run: &RunDir) -> std::io::Result<Exit> {
            let status = self.script[self.launched];
            self.launched += 1;
            let Some(status) = status else { return Ok(Exit::Signal(9)) };
            let outcome = Outcome { status, best_by: "val_loss".into(), ..Outcome::default() };
            run.write_outcome(&outcome).expect("the directory is there");
            Ok(Exit::Code(if status == Status::Finished { 0 } else { 1 }))
        }
    }

    struct Deaf;
    impl Watch for Deaf {
        fn started(&mut self, _: usize, _: usize, _: &RunSpec) {}
        fn ended(&mut self, _: usize, _: usize, _: &RunSpec, _: &Outcome, _: Ending) {}
    }

    fn plan(seeds: usize) -> Plan {
        let mut experiment: Experiment = toml::from_str("name = 'a'").expect("valid");
        experiment.training.seeds = (1..=seeds as u64).collect();
        expand(&experiment, |_| Ok(String::new())).expect("possible")
    }

    #[test]
    fn a_failure_does_not_stop_the_others_and_finished_runs_are_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let dir = ExperimentDir::at(dir.path());
        let plan = plan(3);
        let mut fake = Fake { script: vec![Some(Status::Finished), None, Some(Status::Finished)], launched: 0 };
        let tally = execute(&plan, &dir, &mut fake, &|| false, &mut Deaf).unwrap();
        assert_eq!(tally, Tally { finished: 2, failed: 1, ..Tally::default() });
        let cause = dir.run(&plan.runs[1].id).outcome().unwrap().unwrap().cause.unwrap();
        assert!(cause.contains("signal 9"), "{cause}");

        let mut fake = Fake { script: vec![Some(Status::Finished)], launched: 0 };
        let tally = execute(&plan, &dir, &mut fake, &|| false, &mut Deaf).unwrap();
        assert_eq!(tally, Tally { finished: 1, skipped: 2, ..Tally::default() });
    }

    #[test]
    fn nothing_starts_after_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let dir = ExperimentDir::at(dir.path());
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) >= 1;
        let mut fake = Fake { script: vec![Some(Status::Interrupted)], launched: 0 };
        let tally = execute(&plan(3), &dir, &mut fake, &stop, &mut Deaf).unwrap();
        assert_eq!((fake.launched, tally.interrupted), (1, 3));
    }
}
