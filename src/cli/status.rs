//! `umlaut status [RESULTS]`: how far the experiments are, by what is on disk at the moment. Files may change beneath it.

use super::failure::{Failure, mistake};
use super::options::settings;
use super::text::{columns, counted, print, wrap};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use umlaut::config::Experiment;
use umlaut::regular::{self, Most};
use umlaut::schedule::{Standing, standing};
use umlaut::store::{self, ExperimentDir, Holder, Results, RunDir};

#[derive(clap::Args)]
pub struct Arguments {
    /// Where results are kept, or the directory of one experiment [default: results]
    results: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = match &arguments.results {
        Some(place) => place.clone(),
        // What was named needs no settings, and these may be broken.
        None => settings()?.results(None).root().to_owned(),
    };
    if !place.is_dir() {
        let place = place.display();
        return Err(mistake(format!("{place}: no such directory; name the one that `umlaut run` was given with --results")));
    }
    let found = if place.join("runs").is_dir() { vec![ExperimentDir::at(&place)] } else { Results::new(&place).experiments()? };
    if found.is_empty() {
        return Ok(print(&format!("{}: no runs yet\n", place.display()))?);
    }
    let texts: Vec<String> = found.iter().map(|dir| Seen::of(dir).text(columns())).collect();
    Ok(print(&texts.join("\n"))?)
}

/// What is seen of an experiment at the moment.
struct Seen {
    name: String,
    holder: Option<Holder>,
    runs: Vec<Run>,
    /// Runs that are there but not in the plan.
    others: usize,
    /// What could not be read of the experiment itself.
    problem: Option<String>,
}

/// What is seen of a run.
struct Run {
    id: String,
    standing: Result<Standing, String>,
    /// The GPU that it was last on, if it was on one.
    gpu: Option<String>,
    epochs_done: usize,
    /// Whether it has finished and its best weights are gone.
    without_weights: bool,
    /// Epochs of the whole run, if run.toml says.
    epochs: Option<usize>,
    /// Validation Dice after the last epoch.
    dice: Option<f64>,
    /// Time since the last epoch ended.
    since: Option<Duration>,
}

impl Seen {
    fn of(dir: &ExperimentDir) -> Self {
        let name = std::path::absolute(dir.path()).unwrap_or_default();
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let holder = dir.holder().unwrap_or_default();
        match runs(dir) {
            Ok((runs, others, problem)) => Self { name, holder, runs, others, problem },
            Err(error) => Self { name, holder, runs: Vec::new(), others: 0, problem: Some(error.to_string()) },
        }
    }

    /// One line for the experiment, and one per run that is under way or in trouble.
    fn text(&self, columns: usize) -> String {
        let mut lines = wrap(&self.headline(), columns, 4);
        let trouble = self.problem.iter().cloned().chain(self.runs.iter().filter_map(|run| run.line(self.holder.is_some())));
        lines.extend(trouble.flat_map(|line| wrap(&line, columns.saturating_sub(2), 4)).map(|line| format!("  {line}")));
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn headline(&self) -> String {
        let count = |word: &str| self.runs.iter().filter(|run| run.word() == word).count();
        let words = ["finished", "running", "resumable", "incomplete", "failed", "damaged", "new"];
        let counts = words.iter().map(|word| (count(word), word)).filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let without = self.runs.iter().filter(|run| run.without_weights).count();
        let counts = if without > 0 { format!("{counts} ({without} without weights)") } else { counts };
        let others =
            if self.others > 0 { format!("; {} not in the plan", counted(self.others, "other run")) } else { String::new() };
        let holder = self.holder.as_ref().map_or(String::new(), |holder| format!("; held by {holder}"));
        format!("{}: {counts} of {}{others}{holder}", self.name, counted(self.runs.len(), "run"))
    }
}

/// The planned runs, and how many there are beside them; where there is no plan, all that are there; and what is wrong with the plan, if it
/// cannot be read.
fn runs(dir: &ExperimentDir) -> Result<(Vec<Run>, usize, Option<String>), store::Error> {
    let there = dir.runs()?;
    let (planned, problem) = match dir.planned() {
        Ok(planned) => (planned, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let Some(planned) = planned else { return Ok((there.iter().map(Run::of).collect(), 0, problem)) };
    let places = dir.places(&planned)?;
    let hashes: HashSet<&str> = planned.iter().map(|id| id.hash()).collect();
    let others = there.iter().filter(|run| !hashes.contains(run.id().hash())).count();
    Ok((places.iter().map(Run::of).collect(), others, None))
}

impl Run {
    fn of(place: &RunDir) -> Self {
        let standing = standing(place).map_err(|error| error.to_string());
        let rows = place.metrics().unwrap_or_default();
        let toml = regular::text(&place.run_toml(), Most::SMALL).ok();
        let experiment: Option<Experiment> = toml.and_then(|text| toml::from_str(&text).ok());
        let device = place.provenance().ok().flatten().and_then(|told| told.device);
        // A clock that was set back makes the past the future.
        let since = place.last_epoch_at().map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        Self {
            id: place.id().to_string(),
            without_weights: matches!(&standing, Ok(Standing::Finished(outcome)) if place.lacks_weights(outcome)),
            standing,
            gpu: device.filter(|device| device != "cpu"),
            epochs_done: rows.len(),
            epochs: experiment.map(|experiment| experiment.training.epochs),
            dice: rows.last().and_then(|row| row.get("val_dice")),
            since: since.filter(|_| !rows.is_empty()),
        }
    }

    fn word(&self) -> &'static str {
        match &self.standing {
            Ok(Standing::Running(_)) => "running",
            Ok(standing) => standing.word(),
            Err(_) => "damaged",
        }
    }

    /// What there is to say of it; `held` is whether somebody is there who started it.
    fn line(&self, held: bool) -> Option<String> {
        let (word, id) = (self.word(), &self.id);
        match &self.standing {
            Ok(Standing::Running(holder)) => {
                let alone = if held { String::new() } else { format!("; {holder} is at it, whoever started it is gone") };
                let on = self.gpu.as_ref().map_or(String::new(), |gpu| format!(" on {gpu}"));
                Some(format!("{word} {id}{on}: {}{alone}", self.progress()))
            }
            Ok(Standing::Failed(outcome)) => {
                Some(format!("{word} {id}: {}", outcome.cause.as_deref().unwrap_or("no cause recorded")))
            }
            Ok(Standing::Incomplete(problem)) | Err(problem) => Some(format!("{word} {id}: {problem}")),
            Ok(Standing::New | Standing::Resumable(_) | Standing::Finished(_)) => None,
        }
    }

    /// `epoch 7/50, val dice 0.871, last epoch 12 s ago`.
    fn progress(&self) -> String {
        let of = self.epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
        let dice = self.dice.map_or(String::new(), |dice| format!(", val dice {dice:.3}"));
        let since = self.since.map_or(String::new(), |since| format!(", last epoch {} s ago", since.as_secs()));
        format!("epoch {}{of}{dice}{since}", self.epochs_done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::width;
    use super::*;
    use umlaut::record::{Failure, Outcome, Status};

    fn seen() -> Seen {
        let run = |id: &str, standing| Run {
            id: id.into(),
            standing,
            gpu: id.starts_with("lr-1").then(|| "cuda:1".into()),
            epochs_done: 7,
            without_weights: false,
            epochs: Some(50),
            dice: Some(0.8714),
            since: Some(Duration::from_millis(12_900)),
        };
        let cause = Some("the training loss is NaN in epoch 1, step 3".to_owned());
        let failed = Outcome { status: Status::Failed, failure: Some(Failure::Diverged), cause, ..Outcome::default() };
        let holder = Holder { process: 12, host: "here".into() };
        let runs = vec![
            run("lr-1-aa", Ok(Standing::Running(holder.clone()))),
            run("lr-2-bb", Ok(Standing::Failed(failed))),
            run("lr-3-cc", Ok(Standing::New)),
            run("lr-4-dd", Err("outcome.toml: expected an equals sign".into())),
        ];
        Seen { name: "tiny".into(), holder: Some(holder), runs, others: 1, problem: None }
    }

    #[test]
    fn what_runs_and_what_is_in_trouble_is_told() {
        let expected = "\
tiny: 1 running, 1 failed, 1 damaged, 1 new of 4 runs; 1 other run not in the plan; held by process 12 on here
  running lr-1-aa on cuda:1: epoch 7/50, val dice 0.871, last epoch 12 s ago
  failed lr-2-bb: the training loss is NaN in epoch 1, step 3
  damaged lr-4-dd: outcome.toml: expected an equals sign
";
        assert_eq!(seen().text(120), expected);
    }

    #[test]
    fn no_line_is_too_wide() {
        for columns in [100, 80, 40] {
            assert!(seen().text(columns).lines().all(|line| width(line) <= columns), "{}", seen().text(columns));
        }
    }

    #[test]
    fn a_run_whose_schedule_is_gone_says_so() {
        let seen = Seen { holder: None, ..seen() };
        let text = seen.text(200);
        assert!(text.contains("process 12 on here is at it, whoever started it is gone"), "{text}");
    }
}
