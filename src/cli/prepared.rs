//! An experiment file made a plan, as `umlaut run` and `umlaut plan` begin.

use super::failure::{Failure, in_file, unprepared};
use super::listen::Listening;
use super::options::{Sets, load};
use std::path::Path;
use umlaut::config;
use umlaut::plan::Plan;
use umlaut::prepare::{self, Planner};
use umlaut::store::Results;

/// The runs of an experiment file, each ready to begin.
///
/// # Errors
/// A mistake of the user's, at its line of the file where there is one.
pub fn prepared(file: &Path, sets: &Sets, results: &Results) -> Result<Plan, Failure> {
    let experiment = load(file, sets)?;
    Planner::new(results, &Listening::default()).plan(&experiment).map_err(|error| match error {
        prepare::Error::Batches(batches) => {
            in_file(&config::mistake_at(file, &sets.sets, &batches.keys, &batches.title, &batches.remedy))
        }
        error => unprepared(error),
    })
}
