//! Which layout a configuration means.

use super::drawings::Drawings;
use super::drishti_gs::DrishtiGs;
use super::dsb2018::Dsb2018;
use super::error::Error;
use super::folders::Folders;
use super::layout::Layout;
use super::refuge;
use super::rim_one::RimOne;
use super::stack::Stack;
use super::volumes::Volumes;
use crate::config;

/// Lists the samples that a configuration means.
///
/// # Errors
/// If something is missing, empty, ambiguous or unpaired.
pub(super) fn find(config: &config::Dataset) -> Result<Box<dyn Layout>, Error> {
    Ok(match config {
        config::Dataset::Synthetic(config) => Box::new(Drawings::new(config)),
        config::Dataset::Folders(config) => Box::new(Folders::new(config)?),
        config::Dataset::DrishtiGs(config) => Box::new(DrishtiGs::new(config)?),
        config::Dataset::Stack(config) => Box::new(Stack::new(config)?),
        config::Dataset::Refuge(config) => Box::new(refuge::open(config)?),
        config::Dataset::RimOne(config) => Box::new(RimOne::new(config)?),
        config::Dataset::Dsb2018(config) => Box::new(Dsb2018::new(config)?),
        config::Dataset::Volumes(config) => Box::new(Volumes::new(config)?),
    })
}
