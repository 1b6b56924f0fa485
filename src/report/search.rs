//! What a report says of a hyperparameter search: how far it is, which trial it names, and how flattered its own scores were.
//!
//! The groups of a search were chosen by their scores, so the ordinary verdict on groups, which takes them as given, does not hold for them: these
//! sentences of [`super::searched`] stand in its place.

use super::column;
use super::rows::{Grid, Row};
use crate::record::{Confirmation, KeyShare, SearchSettings, TrialJob, TrialResult, Winner};
use crate::store::{self, ExperimentDir};

/// A search as its files have it.
pub(super) struct Search {
    pub(super) settings: SearchSettings,
    pub(super) keys: Vec<String>,
    pub(super) jobs: Vec<TrialJob>,
    /// In the order of the jobs.
    pub(super) results: Vec<TrialResult>,
    /// The fresh runs that were wanted, in the order of their use.
    pub(super) fresh: Vec<Confirmation>,
    pub(super) winner: Option<Winner>,
    pub(super) importance: Vec<KeyShare>,
}

impl Search {
    /// Of an experiment; `None` if it has none.
    ///
    /// # Errors
    /// If a file cannot be read, or they do not belong together.
    pub fn of(dir: &ExperimentDir) -> Result<Option<Self>, store::Error> {
        let files = dir.search();
        let Some((settings, (keys, jobs))) = files.settings()?.zip(files.jobs()?) else { return Ok(None) };
        let (importance, results) = (files.importance()?, files.results()?);
        // Files that somebody has changed or mixed may name rungs that there are not.
        let rungs = jobs.iter().map(|job| job.rung).chain(results.iter().map(|result| result.rung));
        if let Some(rung) = rungs.max().filter(|rung| *rung >= settings.rungs.len()) {
            return Err(store::Error::Content {
                path: dir.path().join("search").display().to_string(),
                problem: format!("a result of rung {}, of which there are {}", rung + 1, settings.rungs.len()),
                remedy: "restore the folder from a copy, or remove it, and `umlaut run` makes it anew".to_owned(),
            });
        }
        Ok(Some(Self { importance, settings, keys, jobs, results, fresh: files.confirmations()?, winner: files.winner()? }))
    }

    /// Whether a run is one of its trials'.
    pub fn has(&self, run: &str) -> bool {
        let hash = |id: &str| id.rsplit('-').next().unwrap_or_default().to_owned();
        self.jobs.iter().flat_map(|job| &job.runs).any(|of_trial| hash(of_trial) == hash(run))
    }

    /// The column that is made better.
    pub fn by(&self) -> &str {
        &self.settings.by
    }

    /// What it is called: `validation Dice`.
    pub fn score(&self) -> String {
        format!("validation {}", column::phrase(&self.settings.by))
    }

    /// What the winner's score is with fresh seeds.
    pub fn confirmed(&self) -> Option<f64> {
        self.winner.as_ref().map(|winner| winner.confirmed).filter(|score| score.is_finite())
    }

    /// Results with a value: the job, counted from 1, its score, and whether its runs were trained to the end.
    pub fn scores(&self) -> Vec<(usize, f64, bool)> {
        let last = self.settings.rungs.len().saturating_sub(1);
        let of =
            |result: &TrialResult| Some((result.job + 1, result.score.filter(|score| score.is_finite())?, result.rung == last));
        self.results.iter().filter_map(of).collect()
    }

    /// How much each key matters, the most important first; nothing before the search is over.
    pub fn importance(&self) -> Vec<&KeyShare> {
        let mut shares: Vec<&KeyShare> = self.importance.iter().filter(|share| self.keys.contains(&share.key)).collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share));
        shares
    }

    /// The trials with a score, by their jobs to the highest rung that gave them one: the place of the rung, and the score there.
    pub fn reached(&self) -> Vec<(&TrialJob, usize, f64)> {
        let trials = self.jobs.iter().filter(|job| job.rung == 0);
        let last = |first: &'_ TrialJob| {
            let finite = |result: &&TrialResult| result.trial == first.trial && result.score.is_some_and(f64::is_finite);
            let best = self.results.iter().filter(finite).max_by_key(|result| result.rung)?;
            Some((best.rung, best.score?))
        };
        trials.filter_map(|job| last(job).map(|(rung, score)| (job, rung, score))).collect()
    }

    /// The epochs of the rungs.
    pub fn epochs(&self) -> &[usize] {
        &self.settings.rungs
    }

    /// The winner's trial.
    pub fn winner(&self) -> Option<usize> {
        self.winner.as_ref().map(|winner| winner.trial)
    }

    /// The best result at the highest rung that was reached.
    pub fn best(&self) -> Option<(usize, f64)> {
        let better = |a: &f64, b: &f64| if column::higher_is_better(&self.settings.by) { a.total_cmp(b) } else { b.total_cmp(a) };
        let finite = |result: &&TrialResult| result.score.is_some_and(f64::is_finite);
        let best = self.results.iter().filter(finite).max_by(|a, b| {
            let scores = [a, b].map(|result| result.score.unwrap_or(f64::NAN));
            a.rung.cmp(&b.rung).then(better(&scores[0], &scores[1])).then(b.job.cmp(&a.job))
        })?;
        Some((best.trial, best.score?))
    }

    /// A row for each rung: how many trials reached it, went on from it, stopped there or diverged.
    pub fn rungs(&self) -> Grid {
        let header = ["epochs", "trials", "went on", "not gone on", "diverged"].map(str::to_owned).to_vec();
        let count = |rung: usize| self.jobs.iter().filter(|job| job.rung == rung).count();
        let row = |(rung, epochs): (usize, &usize)| {
            let at = |result: &&TrialResult| result.rung == rung && result.score.is_some_and(|score| !score.is_finite());
            let (begun, on, diverged) = (count(rung), count(rung + 1), self.results.iter().filter(at).count());
            let stopped = if rung + 1 == self.settings.rungs.len() { 0 } else { begun.saturating_sub(on + diverged) };
            Row { cells: [*epochs, begun, on, stopped, diverged].map(|number| number.to_string()).to_vec(), strong: None }
        };
        let rows = self.settings.rungs.iter().enumerate().map(row).collect();
        let keys = self.keys.join(", ");
        let note = format!("Searched: {keys}; proposed by {}. search/history.csv has every job.", self.settings.sampler);
        Grid { header, rows, words: Vec::new(), note }
    }
}
