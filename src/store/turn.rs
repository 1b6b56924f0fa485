//! What a process may do with a run: the claim first, then, under it, the look whether there is anything left to do. Whoever trains goes through here, so that
//! no order of events lets two processes train a run, or one that has finished be trained again.

use super::claim::Claim;
use super::error::{Error, Result};
use super::run_dir::RunDir;
use crate::record::Outcome;

/// What is left to do for who has claimed a run.
#[derive(Debug)]
pub enum Turn {
    /// Nothing: it had finished before.
    Over(Outcome),
    /// It is to be trained; with its outcome where it had finished and only weights are to be made again.
    Train(Option<Outcome>),
}

impl RunDir {
    /// Claims the run as soon as nobody else holds it: the child of a killed schedule may still be finishing its step. `None` if an end is `wanted`
    /// before; `waits` hears of each try whose claim another process held.
    ///
    /// # Errors
    /// If it cannot be claimed for another reason, or `waits` fails.
    pub fn claim_when_free(
        &self,
        wanted: &dyn Fn() -> bool,
        waits: &mut dyn FnMut(String) -> Result<()>,
    ) -> Result<Option<Claim>> {
        loop {
            match self.claim() {
                Err(Error::InUse { .. }) if wanted() => return Ok(None),
                // The claim itself has waited a little.
                Err(Error::InUse { holder, .. }) => waits(holder)?,
                claimed => return claimed.map(Some),
            }
        }
    }

    /// What is left to do, by what is on the disk now; an earlier attempt's outcome is removed where the run is to be trained. `restore` asks for the
    /// best weights of a finished run where they are not there to be used; `aside` hears of files that could not be read. Only for who holds the
    /// claim.
    ///
    /// # Errors
    /// If a file cannot be read, moved or removed.
    pub fn turn(&self, restore: bool, aside: &mut dyn FnMut(&str)) -> Result<Turn> {
        self.put_damaged_aside()?.iter().for_each(|words| aside(words));
        let finished = self.finished()?;
        match finished {
            Some(outcome) if !restore || outcome.best_epoch.is_none() || self.best_weights().is_ok() => Ok(Turn::Over(outcome)),
            finished => self.forget_outcome().map(|()| Turn::Train(finished)),
        }
    }
}
