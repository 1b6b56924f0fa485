//! What a GPU does not do.

use crate::config::{Experiment, Model};

/// The setting that only the CPU calculates, as a reader knows it; `None` if a GPU does all that `experiment` asks for.
pub fn only_on_cpu(experiment: &Experiment) -> Option<String> {
    let settings = [
        (matches!(&experiment.model, Model::UnetPlusPlus(net) if net.deep_supervision), "deep_supervision = true"),
        (experiment.model.blocks().dropout > 0.0, "dropout"),
        (experiment.patches.is_some(), "[patches]"),
        (experiment.training.ema_decay > 0.0, "training.ema_decay"),
        (!experiment.loss.terms().is_empty(), "a term of the loss other than bce and dice"),
    ];
    settings.iter().find(|(asked, _)| *asked).map(|(_, setting)| (*setting).to_owned())
}
