//! `umlaut slurm-task BATCH_DIR`: what Slurm starts for each task of an array; nobody types it.

use super::failure::{Failure, mistake};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use umlaut::schedule::slurm::{self, Ask, Ending, Task};
use umlaut::schedule::{Local, Slot};
use umlaut::store::{BatchDir, TaskAttempt};

#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of the batch
    dir: PathBuf,
    /// Leave it to the schedule to submit again what has no time left
    #[arg(long)]
    no_requeue: bool,
    /// Arguments that are added to each `umlaut train`
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let asks = Asks::on_signals()?;
    let dir = BatchDir::at(&arguments.dir);
    let attempt = TaskAttempt {
        task: number(&variable("SLURM_ARRAY_TASK_ID")?)?,
        job: variable("SLURM_ARRAY_JOB_ID")?,
        // Not there before the first restart.
        restart: variable("SLURM_RESTART_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0),
    };
    let gpu = dir.intent().map_err(mistake)?.gpu;
    let slot = slot(gpu)?;
    let local = Local::new(std::env::current_exe()?, arguments.arguments.clone());
    let (asked, requeue) = (|| asks.first(), slurm::requeue);
    let again: Option<slurm::Requeue<'_>> = if arguments.no_requeue { None } else { Some(&requeue) };
    let ending = slurm::work(&Task { dir: &dir, attempt, local: &local, slot: &slot, asked: &asked, requeue: again })?;
    match ending {
        Ending::Done | Ending::Requeued | Ending::NotOurs => Ok(()),
        Ending::Asked => Err(Failure::Stopped),
    }
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name)
        .map_err(|_| mistake(format!("slurm-task: {name} is not set; Slurm starts this, `umlaut run --on slurm` submits it")))
}

fn number(text: &str) -> Result<usize, Failure> {
    text.parse().map_err(|_| mistake(format!("slurm-task: SLURM_ARRAY_TASK_ID={text} is no number")))
}

/// What Slurm has given to this task.
fn slot(gpu: bool) -> Result<Slot, Failure> {
    let threads = variable("SLURM_CPUS_PER_TASK").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    if !gpu {
        return Ok(Slot { device: "cpu".into(), threads, gpu: None, measured: false });
    }
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let first = visible.split(',').next().filter(|word| !word.is_empty()).map(str::to_owned);
    let none =
        || mistake("slurm-task: a GPU was asked for, but Slurm has set no CUDA_VISIBLE_DEVICES; check the site's gres.conf");
    Ok(Slot { device: "cuda:0".into(), threads, gpu: Some(first.ok_or_else(none)?), measured: false })
}

/// What signals have asked for.
struct Asks([(Ask, Arc<AtomicBool>); 3]);

impl Asks {
    fn on_signals() -> std::io::Result<Self> {
        let asks = Self([Ask::Stop, Ask::Leave, Ask::TimeLimit].map(|ask| (ask, Arc::default())));
        #[cfg(unix)]
        for (ask, flag) in &asks.0 {
            use signal_hook::consts::{SIGTERM, SIGUSR1, SIGUSR2};
            let signal = match ask {
                Ask::Stop => SIGUSR2,
                Ask::Leave => SIGTERM,
                Ask::TimeLimit => SIGUSR1,
            };
            signal_hook::flag::register(signal, Arc::clone(flag))?;
        }
        Ok(asks)
    }

    /// The most binding one.
    fn first(&self) -> Option<Ask> {
        self.0.iter().find(|(_, flag)| flag.load(Ordering::Relaxed)).map(|(ask, _)| *ask)
    }
}
