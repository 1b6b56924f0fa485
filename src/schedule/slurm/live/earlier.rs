//! Batches of earlier schedules: which of their runs may still be in the queue.

use super::super::commands::{self, Queue};
use super::super::ending::{self, Stage};
use super::{Live, stage_of};
use crate::store::{self, ExperimentDir};
use std::collections::HashMap;
use std::time::Instant;

/// Where runs are, by their names: the batch, and the position within it.
pub type Places = HashMap<String, (usize, usize)>;

/// The batches of earlier schedules, and where runs of theirs are that may still be in the queue, by their names. What is not there any more is
/// written down if the experiment is `ours`; else whoever has claimed it does that.
pub fn earlier(dir: &ExperimentDir, ours: bool) -> Result<(Vec<Live>, Places), String> {
    let mut batches = Vec::new();
    for at in dir.batches().map_err(|e| e.to_string())? {
        let (batch, listing) = (at.intent().map_err(|e| e.to_string())?, at.listing().map_err(|e| e.to_string())?);
        let all: usize = batch.tasks.iter().map(Vec::len).sum();
        if !listing.void && listing.ends.len() < all {
            let mut live = Live::of(at, batch);
            live.job = live.dir.job().map_err(|e| e.to_string())?.or_else(|| listing.attempts.first().map(|a| a.job.clone()));
            live.take_in(listing);
            batches.push(live);
        }
    }
    let names: Vec<String> = batches.iter().map(|batch| batch.batch.name.clone()).collect();
    let asked = Instant::now();
    let queue = commands::squeue(&names)?;
    let mut found = HashMap::new();
    for (index, batch) in batches.iter_mut().enumerate() {
        let runs = batch.recover(&queue, asked, ours).map_err(|e| e.to_string())?;
        found.extend(runs.into_iter().map(|(run, position)| (run, (index, position))));
    }
    Ok((batches, found))
}

impl Live {
    /// The runs that may still be in the queue, and their positions.
    fn recover(&mut self, queue: &Queue, asked: Instant, ours: bool) -> Result<Vec<(String, usize)>, store::Error> {
        if self.job.is_none() {
            match queue.named.get(&self.batch.name) {
                Some(job) => self.submitted(job.clone())?,
                None if !ours || self.make_void()?.is_some() => return Ok(Vec::new()),
                None => {}
            }
        }
        let job = self.job.clone().unwrap_or_default();
        let mut found = Vec::new();
        for task in 0..self.batch.tasks.len() {
            let seen = queue.task(&(job.clone(), task));
            let stage = stage_of(seen);
            self.seen.insert(task, (stage, seen.map_or(String::new(), |seen| seen.reason.clone()), asked));
            for (position, run) in self.positions(task).zip(self.batch.tasks[task].clone()) {
                if self.ends.contains_key(&position) {
                    continue;
                }
                let Stage::Over(exit) = stage else {
                    found.push((run.run, position));
                    continue;
                };
                let is_over = match ours {
                    true => self.dir.bury((task, position), &run, &self.attempts, &ending::words(exit))?.is_some(),
                    false => self.dir.is_left(task, &run, &self.attempts)?,
                };
                if !is_over {
                    found.push((run.run, position));
                }
            }
        }
        Ok(found)
    }
}
