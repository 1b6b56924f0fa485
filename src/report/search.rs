//! What a report says of a hyperparameter search: how far it is, which trial it names, and how flattered its own scores were.
//!
//! The groups of a search were chosen by their scores, so the ordinary verdict on groups, which takes them as given, does not hold for them: these
//! sentences stand in its place.

use super::column;
use super::rows::{Grid, Row};
use crate::record::{SearchSettings, TrialJob, TrialResult, Winner};
use crate::store::{self, ExperimentDir};

/// A search as its files have it.
pub(super) struct Search {
    settings: SearchSettings,
    keys: Vec<String>,
    jobs: Vec<TrialJob>,
    /// In the order of the jobs.
    results: Vec<TrialResult>,
    winner: Option<Winner>,
}

impl Search {
    /// Of an experiment; `None` if it has none, or none that can be read.
    pub fn of(dir: &ExperimentDir) -> Option<Self> {
        let read = || -> Result<Option<Self>, store::Error> {
            let files = dir.search();
            let Some((settings, (keys, jobs))) = files.settings()?.zip(files.jobs()?) else { return Ok(None) };
            Ok(Some(Self { settings, keys, jobs, results: files.results()?, winner: files.winner()? }))
        };
        read().ok().flatten()
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

    /// The answer in sentences.
    pub fn words(&self) -> Vec<String> {
        let by = self.score();
        let Some(winner) = &self.winner else {
            let best = self
                .best()
                .map(|(trial, score)| format!(" The best so far is trial {trial}, {by} {score:.4}, which is flattered."));
            let trials = self.jobs.iter().filter(|job| job.rung == 0).count();
            return vec![format!("The search is under way: {trials} trials so far.{}", best.unwrap_or_default())];
        };
        let values: Vec<String> = winner.values.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let (n, trial) = (winner.scores.len(), winner.trial);
        let first = format!(
            "Named by the search: trial {trial} ({}), {by} {:.4}, the mean over {n} fresh seeds that chose nothing.",
            values.join(", "),
            winner.confirmed
        );
        let too_good = if column::higher_is_better(&winner.by) {
            winner.searched - winner.confirmed
        } else {
            winner.confirmed - winner.searched
        };
        let judged = match too_good {
            x if !x.is_finite() => "the difference cannot be told".to_owned(),
            x if x > 0.0 => format!("{x:.4} too good, as the best of {} trials is apt to be", winner.trials),
            x => format!("{:.4} worse than with fresh seeds", -x),
        };
        let second = format!("In the search it had {:.4}: {judged}.", winner.searched);
        let third =
            "Groups of a search were chosen by their scores: neither their order nor the differences between them are tested."
                .to_owned();
        vec![first, second, third]
    }

    /// The best result at the highest rung that was reached.
    fn best(&self) -> Option<(usize, f64)> {
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
        let header = ["epochs", "trials", "went on", "stopped there", "diverged"].map(str::to_owned).to_vec();
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
