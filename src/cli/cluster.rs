//! Options of the commands that may give runs to a cluster, and what these make of a plan.

use super::failure::{Failure, mistake};
use super::text::counted;
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{BufRead, IsTerminal};
use umlaut::estimate::{Estimate, Source};
use umlaut::plan::{Plan, RunId};
use umlaut::schedule::slurm::{self, Needs, Options, Setup};
use umlaut::schedule::{Epochs, Slot, Stop};
use umlaut::settings::Settings;
use umlaut::store::{Error, Results, RunDir};

/// Who starts processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Cluster {
    /// Tasks of job arrays of Slurm
    Slurm,
}

/// Where runs are started.
#[derive(clap::Args)]
pub struct ClusterChoice {
    /// Give runs to the queue of a cluster [default: start them on this machine]
    #[arg(long, value_name = "CLUSTER")]
    on: Option<Cluster>,
    /// Replace a setting of `[slurm]` in umlaut.toml: `--slurm time=2:00:00`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "on")]
    slurm: Vec<String>,
}

impl ClusterChoice {
    /// What is asked of Slurm; nothing where runs stay on this machine.
    ///
    /// # Errors
    /// If an option cannot be.
    pub fn slurm(&self, settings: &Settings) -> Result<Option<Options>, Failure> {
        match self.on {
            Some(Cluster::Slurm) => Ok(Some(settings.slurm.with(&self.slurm).map_err(mistake)?)),
            None => Ok(None),
        }
    }
}

/// A slot of a node. As many of them stand for a queue as it takes runs at a time.
pub fn slot(options: &Options) -> Slot {
    let device = if options.gpu().is_some() { "cuda:0" } else { "cpu" };
    Slot { device: device.into(), threads: options.threads(), gpu: None, measured: false }
}

/// How tasks of this plan are made.
///
/// # Errors
/// If the results cannot be listed, or this program's own file is not known.
pub fn setup(options: Options, plan: &Plan, results: &Results) -> Result<Setup, Failure> {
    let dir = results.experiment(&plan.experiment);
    let cache = std::path::absolute(results.cache())?;
    let needs = needs(&options, plan, results)?;
    Ok(Setup {
        dir,
        options,
        program: std::env::current_exe()?,
        arguments: vec!["--cache".into(), cache.display().to_string()],
        needs: Box::new(move |id: &RunId| needs.get(id.hash()).copied().unwrap_or_default()),
    })
}

/// What runs are expected to need, by the hashes of their ids: the time as recorded runs took, memory where the processor computes.
fn needs(options: &Options, plan: &Plan, results: &Results) -> Result<HashMap<String, Needs>, Error> {
    let mut estimate = Estimate::by_records_of_any_machine(results, &slot(options));
    estimate.learn(&plan.runs);
    let recorded = matches!(estimate.source(), Source::RecordsOfAny(_));
    let places = results.experiment(&plan.experiment).places(plan.runs.iter().map(|run| &run.id))?;
    let of = |(index, place): (usize, &RunDir)| {
        let run = &plan.runs[index];
        let seconds = if recorded { estimate.seconds(index, Epochs::of(run, place).left) } else { None };
        let memory = estimate.load(index).filter(|_| options.gpu().is_none()).map(|load| load.cost.memory.total());
        (run.id.hash().to_owned(), Needs { seconds, memory })
    };
    Ok((0..).zip(&places).map(of).collect())
}

/// What would be submitted, in words.
pub fn shown(setup: &Setup, runs: &[RunId]) -> String {
    // Where Slurm is not there to be asked, an array may be as long as most sites have it.
    let most = slurm::max_array_size().unwrap_or(1001);
    let scripts = slurm::Slurm::scripts(setup, runs, most);
    if scripts.is_empty() {
        return "nothing would be submitted to Slurm\n".to_owned();
    }
    let at_a_time = setup.options.submitted();
    let limit = if runs.len() > at_a_time { format!(", at most {} at a time", counted(at_a_time, "run")) } else { String::new() };
    let mut text =
        format!("{} would be submitted to Slurm in {}{limit}\n", counted(runs.len(), "run"), counted(scripts.len(), "array"));
    for (script, tasks, runs) in scripts {
        let tasks = if tasks == runs {
            counted(tasks, "task")
        } else {
            format!("{} with {}", counted(tasks, "task"), counted(runs, "run"))
        };
        text += &format!("\n{tasks}:\n\n{script}");
    }
    text
}

/// When a schedule of a queue is to end: at once if it only submits, and as somebody at the terminal decides who has pressed Ctrl-C.
pub struct Leaving {
    detach: bool,
    asked: Cell<bool>,
    decided: Cell<Option<Stop>>,
}

impl Leaving {
    /// With `detach` as soon as everything was submitted.
    pub fn new(detach: bool) -> Self {
        Self { detach, asked: Cell::new(false), decided: Cell::new(None) }
    }

    /// What follows from what signals ask for.
    pub fn how(&self, signals: Option<Stop>) -> Option<Stop> {
        match signals {
            // The first time nothing has been submitted yet.
            None => (self.asked.replace(true) && self.detach).then_some(Stop::Leave),
            Some(Stop::Now) => Some(Stop::Now),
            Some(_) => {
                let decided = self.decided.get().unwrap_or_else(decide);
                self.decided.set(Some(decided));
                Some(decided)
            }
        }
    }
}

/// Asks whether jobs stay in the queue; where nobody can be asked they do.
fn decide() -> Stop {
    let mut line = String::new();
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        eprintln!("leave the jobs in Slurm's queue (Enter), or cancel them (c Enter)?");
        _ = std::io::stdin().lock().read_line(&mut line);
    }
    if line.trim().eq_ignore_ascii_case("c") { Stop::Gently } else { Stop::Leave }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_submits_leaves_after_the_first_round() {
        let leaving = Leaving::new(true);
        assert_eq!((leaving.how(None), leaving.how(None)), (None, Some(Stop::Leave)));
        let staying = Leaving::new(false);
        assert_eq!((staying.how(None), staying.how(None)), (None, None));
        assert_eq!(staying.how(Some(Stop::Now)), Some(Stop::Now));
    }
}
