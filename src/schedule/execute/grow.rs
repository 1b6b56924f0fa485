//! How the plan of a schedule grows: runs are added as their source gives them, and plan.csv says so.

use super::super::ready::ready;
use super::super::{Ended, Epochs, Error, Standing, Wanted};
use super::{PAUSED, Planned, Schedule, at, unreadable};
use crate::plan::{RunSpec, keys};
use crate::record::{Outcome, Status};
use crate::schedule::queue::Job;
use crate::store::RunDir;
use crate::text::counted;
use std::collections::BTreeMap;

impl Schedule<'_> {
    /// Takes in what runs the source has by now, in plan.csv too.
    pub fn grow(&mut self) -> Result<(), Error> {
        // Runs that turn out to have ended before may be what others wait for.
        loop {
            let ended = self.ended.len();
            let wanted = self.work.source.runs(&self.ended).map_err(Error::Source)?;
            let mut new: Vec<Wanted> = Vec::new();
            for wanted in wanted {
                let next = self.runs.len() + new.len();
                match *self.known.entry(wanted.run.id.hash().to_owned()).or_insert(next) {
                    index if index == next => new.push(wanted),
                    index if index < self.runs.len() => self.further(index, &wanted)?,
                    index => {
                        let before = &mut new[index - self.runs.len()];
                        before.until = if wanted.last() > before.last() { wanted.until } else { before.until };
                    }
                }
            }
            self.add(new)?;
            if self.ended.len() == ended {
                return Ok(());
            }
        }
    }

    /// Takes in runs for slots that would wait, if something is under way to wait for.
    pub fn grow_spare(&mut self) -> Result<(), Error> {
        if self.busy.is_empty() || std::mem::replace(&mut self.none_spare, true) {
            return Ok(());
        }
        let mut new = self.work.source.spare().map_err(Error::Source)?;
        new.retain(|wanted| !self.known.contains_key(wanted.run.id.hash()));
        for (wanted, index) in new.iter().zip(self.runs.len()..) {
            self.known.insert(wanted.run.id.hash().to_owned(), index);
        }
        self.none_spare = new.is_empty();
        self.add(new)
    }

    /// Adds runs to the plan: creates their directories and sees what is to be done.
    fn add(&mut self, new: Vec<Wanted>) -> Result<(), Error> {
        if new.is_empty() {
            return Ok(());
        }
        let first = self.runs.len();
        let places = self.work.dir.places(new.iter().map(|wanted| &wanted.run.id))?;
        let (new, untils): (Vec<RunSpec>, Vec<Option<usize>>) = new.into_iter().map(|wanted| (wanted.run, wanted.until)).unzip();
        self.runs.extend(new);
        self.watch.planned(&self.runs);
        self.take_over(first, &places)?;
        let mut jobs = Vec::new();
        for ((index, place), until) in (first..).zip(places).zip(untils) {
            let run = &self.runs[index];
            let at = at(&self.runs, index);
            let kind = self.kinds.number(run);
            let standing = match ready(&place, at, self.policy.restore, self.watch) {
                Ok(standing) => standing,
                // It costs this run alone.
                Err(error) if error.is_of_one_file() => {
                    let outcome = unreadable(&error);
                    self.counts.failed += 1;
                    self.watch.before(at, &outcome);
                    self.ended.push(Ended { run: run.id.clone(), outcome });
                    self.planned.push(Planned { place, word: "damaged", kind, until });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match &standing {
                Standing::Finished(outcome) | Standing::Failed(outcome) if !standing.is_to_train() => {
                    self.before(index, &place, outcome);
                }
                Standing::Paused(outcome) if standing.has(until) => {
                    self.counts.paused += 1;
                    self.watch.before(at, outcome);
                    self.ended.push(Ended { run: run.id.clone(), outcome: outcome.clone() });
                }
                standing => {
                    if let Standing::Incomplete(problem) = standing {
                        self.watch.noted(at, &format!("finished before, but {problem}"));
                    }
                    let Epochs { done, left } = standing.epochs(run, &place);
                    let left = until.map_or(left, |until| left.min(until.saturating_sub(done)));
                    let job = Job { run: index, failed: 0, micro_batches: place.micro_batches()?, alone: false };
                    jobs.push((job, (self.work.duration)(run, left)));
                }
            }
            self.planned.push(Planned { place, word: standing.word(), kind, until });
        }
        self.queue.add(jobs, self.slots.len());
        self.write_plan()
    }

    /// Notes a run that had ended before this schedule could start it.
    pub fn before(&mut self, index: usize, place: &RunDir, outcome: &Outcome) {
        let finished = outcome.status == Status::Finished;
        *(if finished { &mut self.counts.skipped } else { &mut self.counts.failed }) += 1;
        self.counts.diverged += usize::from(!finished);
        self.counts.without_weights += usize::from(finished && place.lacks_weights(outcome));
        self.watch.before(at(&self.runs, index), outcome);
        self.ended.push(Ended { run: self.runs[index].id.clone(), outcome: outcome.clone() });
    }

    /// Lets a run go on to a later epoch than it was wanted for before. One that is under way, or waits, sees that when it pauses or starts.
    fn further(&mut self, index: usize, wanted: &Wanted) -> Result<(), Error> {
        let planned = &mut self.planned[index];
        let before = Wanted { run: wanted.run.clone(), until: planned.until };
        if wanted.last() <= before.last() {
            return Ok(());
        }
        planned.until = wanted.until;
        if planned.word == PAUSED {
            planned.word = "resumable";
            self.counts.paused -= 1;
            let job = Job { run: index, failed: 0, micro_batches: planned.place.micro_batches()?, alone: false };
            let left = wanted.last().saturating_sub(before.last());
            self.queue.add(vec![(job, (self.work.duration)(&self.runs[index], left))], self.slots.len());
        }
        Ok(())
    }

    /// Takes over what has finished in other experiments of the same results, for the runs from `first` on that are not there yet.
    fn take_over(&mut self, first: usize, places: &[RunDir]) -> Result<(), Error> {
        let missing = || self.runs[first..].iter().zip(places).filter(|(_, place)| !place.path().exists());
        if missing().next().is_none() {
            return Ok(());
        }
        let (elsewhere, mut taken) = (self.work.dir.elsewhere(), BTreeMap::<String, usize>::new());
        for (run, place) in missing() {
            let Some(other) = elsewhere.finished(&run.id) else { continue };
            match place.adopt(other, run, &run.experiment.to_toml()) {
                Ok(true) => *taken.entry(other.experiment_name()).or_default() += 1,
                Ok(false) => {}
                // It is trained.
                Err(error) if error.is_of_one_file() => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (experiment, count) in taken {
            let runs = counted(count, "run");
            self.watch
                .said(&format!("{runs} taken over from {experiment}, finished there under the same ids: not trained again"));
        }
        Ok(())
    }

    /// Replaces plan.csv by what the plan is now.
    pub fn write_plan(&self) -> Result<(), Error> {
        let keys = keys(&self.runs);
        let header = ["run"].into_iter().chain(keys.iter().copied()).chain(["status"]);
        let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
        for (run, Planned { place, word, .. }) in self.runs.iter().zip(&self.planned) {
            let values = keys.iter().map(|key| run.value(key).unwrap_or_default().to_owned());
            rows.push([place.id().to_string()].into_iter().chain(values).chain([(*word).to_owned()]).collect());
        }
        Ok(self.work.dir.write_plan(&rows)?)
    }
}
