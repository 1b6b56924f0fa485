//! Where the runs of an experiment come from: a sweep has all at once, a search adds some when others have ended.

use crate::plan::{RunId, RunSpec};
use crate::record::Outcome;

/// Gives a schedule its runs. A search's choice should follow from its file and from how runs ended alone, so that the same command goes on
/// where a killed one was.
pub trait Source {
    /// The runs that there are by now. Asked at the beginning, and whenever a run has ended for good; runs that the schedule knows by their ids
    /// already are passed over. With no new ones it is over as soon as all others have ended.
    ///
    /// `ended` are the runs that have ended so far, in this order, those that had before the schedule began among them.
    ///
    /// # Errors
    /// If there is no way to go on; what runs is then asked to stop.
    fn runs(&mut self, ended: &[Ended]) -> Result<Vec<RunSpec>, Box<dyn std::error::Error + Send + Sync>>;
}

/// A run that will not be tried again.
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
    fn runs(&mut self, _: &[Ended]) -> Result<Vec<RunSpec>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(std::mem::take(&mut self.0))
    }
}
