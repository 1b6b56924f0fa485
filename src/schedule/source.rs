//! Where the runs of an experiment come from: a sweep has all at once, a search adds some when others have ended.

use crate::plan::{RunId, RunSpec};
use crate::record::Outcome;

/// Gives a schedule its runs. A search's choice should follow from its file and from how runs ended alone, so that the same command goes on
/// where a killed one was.
pub trait Source {
    /// The runs that there are by now. Asked at the beginning, and whenever a run has ended for good or paused. Of runs that the schedule knows
    /// by their ids already only those count that are to go on to a later epoch than before. With nothing new it is over as soon as all others
    /// have ended.
    ///
    /// `ended` are the runs that have ended or paused so far, in this order, those that had before the schedule began among them; one that has
    /// paused several times is there as often.
    ///
    /// # Errors
    /// If there is no way to go on; what runs is then asked to stop.
    fn runs(&mut self, ended: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>>;

    /// Runs for a slot that would otherwise wait, since nothing is wanted before other runs have ended: what will probably be wanted later.
    ///
    /// # Errors
    /// As [`runs`](Self::runs).
    fn spare(&mut self) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Vec::new())
    }

    /// Whether a failed run is a result that the source goes on from, as a trial of a search that diverged is: then it stops no schedule that ends
    /// at the first failure.
    fn is_result(&self, _: &Outcome) -> bool {
        false
    }
}

/// A run that is to be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The run.
    pub run: RunSpec,
    /// The epoch after which it pauses until more is wanted; `None` for a whole run.
    pub until: Option<usize>,
}

impl Wanted {
    /// A whole run.
    pub fn whole(run: RunSpec) -> Self {
        Self { run, until: None }
    }

    /// The last epoch that is wanted.
    pub(super) fn last(&self) -> usize {
        let epochs = self.run.experiment.training.epochs;
        self.until.map_or(epochs, |until| until.min(epochs))
    }
}

/// A run that will not be tried again, or has paused.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
}

/// All runs at once.
#[derive(Debug, Clone)]
pub struct Listed(Vec<RunSpec>);

impl Listed {
    /// These, in their order.
    pub fn new(runs: Vec<RunSpec>) -> Self {
        Self(runs)
    }
}

impl Source for Listed {
    fn runs(&mut self, _: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(std::mem::take(&mut self.0).into_iter().map(Wanted::whole).collect())
    }
}
