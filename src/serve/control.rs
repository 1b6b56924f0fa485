//! What a page may ask for with `--control`: to stop runs, to run what is left, to add a seed.
//!
//! All of it goes the way of the terminal: a signal to the process that has claimed the experiment, or its last command ([`Command`]) once more, as a
//! process of its own that goes on when the server ends. What that says stands in command.log.

use super::Served;
use super::address::Address;
use super::changes::Change;
use crate::record::Command;
use crate::regular::{self, Most};
use crate::status::Seen;
use crate::store::{ExperimentDir, RunDir};
use crate::{machine, system};
use minijinja::{Value, context};
use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use std::thread;

/// The last lines of command.log that are shown.
const LINES: usize = 20;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// To stop: what runs saves first.
    Stop,
    /// To run what has not finished, failed runs too.
    Rest,
    /// To run one seed more of every configuration.
    Seed,
}

impl Ask {
    /// Of a form.
    pub(super) fn of(form: &str) -> Option<Self> {
        match form {
            "do=stop" => Some(Self::Stop),
            "do=rest" => Some(Self::Rest),
            "do=seed" => Some(Self::Seed),
            _ => None,
        }
    }
}

/// Does it; why it cannot be done, in words.
pub(super) fn control(served: &Arc<Served>, dir: &ExperimentDir, ask: Ask) -> Result<(), String> {
    let holder = dir.holder().map_err(|e| e.to_string())?;
    let command = dir.command().map_err(|e| e.to_string())?;
    let known = || command.clone().ok_or("command.toml is missing: an older program has run this; use the terminal once");
    match (ask, holder) {
        (Ask::Stop, _) if command.as_ref().is_some_and(Command::is_for_queue) => start(served, dir, known()?.cancelling()),
        (Ask::Stop, None) => Err("no process runs this experiment any more".to_owned()),
        (Ask::Stop, Some(holder)) if holder.host != machine::host() => {
            Err(format!("{holder} runs this experiment: it can be stopped there alone"))
        }
        (Ask::Stop, Some(holder)) => {
            system::end_process(holder.process, false);
            Ok(())
        }
        (Ask::Rest | Ask::Seed, Some(holder)) => Err(format!("{holder} runs this experiment already")),
        (Ask::Rest, None) => start(served, dir, known()?),
        (Ask::Seed, None) => {
            let mut seeds = seeds(dir)?;
            let next = seeds.last().map_or(1, |last| last.saturating_add(1));
            seeds.insert(next);
            start(served, dir, known()?.with_seeds(&seeds.into_iter().collect::<Vec<_>>()))
        }
    }
}

/// Starts a command as a process of its own, and tells the pages when it has ended.
fn start(served: &Arc<Served>, dir: &ExperimentDir, command: Command) -> Result<(), String> {
    // A line for each epoch of each run would be much.
    let command = command.quiet();
    let name = dir.path().file_name().unwrap_or_default().to_owned();
    let mut started = served.started.lock().unwrap_or_else(PoisonError::into_inner);
    if !started.insert(name.clone()) {
        return Err("a command that was asked for here goes on".to_owned());
    }
    let spawned = (|| {
        let log = File::create(dir.command_log())?;
        let mut process = std::process::Command::new(served.drawings.program());
        process.args(&command.arguments).current_dir(&command.directory).stdin(Stdio::null());
        process.stdout(log.try_clone()?).stderr(log);
        system::own_group(&mut process);
        process.spawn()
    })();
    match spawned {
        Ok(mut child) => {
            let served = Arc::clone(served);
            // It goes on whether or not somebody waits for its end.
            thread::spawn(move || {
                _ = child.wait();
                served.started.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
                served.clients.tell(&Change { experiment: Address::Experiment(name).link(), run: None, log: false });
            });
            Ok(())
        }
        Err(error) => {
            started.remove(&name);
            Err(format!("`umlaut {}` in {}: {error}", command.arguments.join(" "), command.directory.display()))
        }
    }
}

/// The seeds of the runs that are planned.
fn seeds(dir: &ExperimentDir) -> Result<BTreeSet<u64>, String> {
    let planned = dir.planned().map_err(|e| e.to_string())?.unwrap_or_default();
    let of = |run: &RunDir| {
        let table: toml::Table = toml::from_str(&regular::text(&run.run_toml(), Most::SMALL).ok()?).ok()?;
        let seeds = table.get("training")?.get("seeds")?.as_array()?;
        Some(seeds.iter().filter_map(|seed| u64::try_from(seed.as_integer()?).ok()).collect::<Vec<_>>())
    };
    let places = dir.places(&planned).map_err(|e| e.to_string())?;
    Ok(places.iter().filter_map(of).flatten().collect())
}

/// What of it a page offers, and what was said last.
pub(super) fn offered(served: &Served, dir: &ExperimentDir, seen: &Seen) -> Value {
    let name = dir.path().file_name().unwrap_or_default().to_owned();
    let goes_on = served.started.lock().unwrap_or_else(PoisonError::into_inner).contains(&name);
    let command = dir.command().ok().flatten();
    let is_queued = command.as_ref().is_some_and(Command::is_for_queue) && !seen.queued.is_empty();
    let left = seen.runs.iter().filter(|run| !run.is_finished()).count();
    let idle = seen.holder.is_none() && !goes_on && command.is_some();
    let log = regular::text(&dir.command_log(), Most::SMALL).unwrap_or_default();
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    context! {
        link => Address::Control(name).link(),
        command => command.as_ref().map(|command| format!("umlaut {}", command.arguments.join(" "))),
        directory => command.as_ref().map(|command| command.directory.display().to_string()),
        stop => seen.holder.is_some() || is_queued,
        left => if idle { left } else { 0 },
        seed => idle && seen.standing.is_none(),
        said => lines[lines.len().saturating_sub(LINES)..].join("\n"),
    }
}
