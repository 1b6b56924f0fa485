//! What a GPU does not do.

use crate::config::Experiment;

/// The setting that only the CPU calculates, as a reader knows it; `None` if a GPU does all that `experiment` asks for.
pub fn only_on_cpu(experiment: &Experiment) -> Option<String> {
    let settings: [(bool, &str); 0] = [];
    let _ = experiment;
    settings.iter().find(|(asked, _)| *asked).map(|(_, setting)| (*setting).to_owned())
}
