//! A run's directory before an attempt: created, what cannot be read put aside, what an earlier attempt left removed.

use super::{At, Standing, Watch, standing};
use crate::record::{Outcome, Status};
use crate::store::{self, RunDir};

/// Makes a run's directory as it must be before an attempt, and says where the run stands. What cannot be read is put aside and reported.
/// `again` asks for the weights of a finished run where they are gone.
pub(super) fn ready(place: &RunDir, at: At<'_>, again: bool, watch: &mut dyn Watch) -> Result<Standing, store::Error> {
    let run = at.run;
    if place.is_damaged() {
        match place.claim() {
            Ok(_claim) => place.put_damaged_aside()?.iter().for_each(|words| watch.noted(at, words)),
            // Whoever is at it writes them anew.
            Err(store::Error::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if again {
        restore(place, at, watch)?;
    }
    place.create(run, &run.experiment.to_toml())?;
    standing(place)
}

/// Lets a finished run go on whose best weights are not there to be used.
fn restore(place: &RunDir, at: At<'_>, watch: &mut dyn Watch) -> Result<(), store::Error> {
    let outcome = place.outcome()?.filter(|outcome| outcome.status == Status::Finished && outcome.best_epoch.is_some());
    if outcome.is_none() {
        return Ok(());
    }
    match place.best_weights() {
        Ok(_) => Ok(()),
        Err(store::Error::Content { path, .. }) => match place.claim() {
            Ok(_claim) => {
                watch.noted(at, &format!("{path} is missing or damaged: the run goes on until it is there again"));
                place.reopen()
            }
            Err(store::Error::InUse { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Removes what an earlier attempt left as its outcome and its events, unless the child or the task of an earlier schedule is still at it. The outcome of
/// a run that one of these has finished since this schedule looked stays, and is returned.
pub(super) fn clear(place: &RunDir, aside: &mut dyn FnMut(&str)) -> Result<Option<Outcome>, store::Error> {
    match place.claim() {
        Ok(_claim) => {
            place.put_damaged_aside()?.iter().for_each(|words| aside(words));
            match place.finished()? {
                Some(outcome) => Ok(Some(outcome)),
                None => place.forget_outcome().map(|()| None),
            }
        }
        Err(store::Error::InUse { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
