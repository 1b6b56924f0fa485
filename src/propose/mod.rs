//! Which experiment fits a folder that nobody has described yet, on this machine and within a time?
//!
//! [`propose`] makes of a [`Survey`] the text of an experiment of some 30 lines, each choice with its reason. The rules are those
//! of the guide's page `init`, which has their sources; `rules` holds the numbers. Nothing is written here.

mod rules;
mod text;

use crate::config::{self, Experiment};
use crate::data::Survey;
use crate::estimate::Estimate;
use crate::plan::{Cost, Input, expand};
use rules::{Choice, Frame};

/// An experiment that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The experiment's file.
    pub toml: String,
    /// What it says.
    pub experiment: Experiment,
    /// Seconds that its run takes about, where the speed of the machine is known.
    pub seconds: Option<f64>,
}

impl Proposal {
    /// The same with another learning rate.
    pub fn with_lr(self, lr: f64) -> Self {
        let toml = self.toml.replacen(&text::lr(), &text::measured_lr(lr), 1);
        let experiment = config::load_str("init", &toml).expect("another number does no harm");
        Self { toml, experiment, ..self }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish<'a> {
    /// The experiment's name.
    pub name: &'a str,
    /// The folder that was surveyed, as the user called it.
    pub folder: &'a str,
    /// Minutes that the run may take.
    pub minutes: f64,
}

/// The experiment for a folder; `estimate` knows nothing yet but the machine's recorded runs.
///
/// # Errors
/// In words, if there are fewer samples than an experiment needs, or a value of the survey makes none.
pub fn propose(survey: &Survey, wish: Wish, estimate: Estimate) -> Result<Proposal, String> {
    if survey.names.len() < rules::LEAST {
        return Err(format!(
            "{} holds {} sample(s); a first experiment needs {} at the least, to train and to validate",
            wish.folder,
            survey.names.len(),
            rules::LEAST
        ));
    }
    let frame = Frame::of(survey);
    let load = |choice: &Choice| {
        let toml = text::experiment(survey, wish, &frame, choice, None);
        config::load_str(wish.name, &toml).map_err(|problems| format!("the proposal is no experiment: {problems}\n{toml}"))
    };
    let candidates = rules::WIDTHS.map(|width| Choice::of(survey, &frame, width, 1));
    let experiments: Vec<Experiment> = candidates.iter().map(load).collect::<Result<_, _>>()?;
    let runs: Vec<_> = experiments
        .iter()
        .map(|e| expand(e, |_| Ok(String::new())).map_err(|e| e.to_string()).map(|mut plan| plan.runs.remove(0)))
        .collect::<Result<_, String>>()?;
    let estimate = estimate.or_probe(&runs);
    let epoch = |index: usize| if estimate.timed() { estimate.seconds(index, 1) } else { None };
    let seconds: Vec<Option<f64>> = (0..runs.len()).map(epoch).collect();
    let chosen = rules::width(&candidates, &seconds, wish.minutes);
    let epochs = rules::epochs(&candidates[chosen], seconds[chosen], wish.minutes);
    let choice = Choice::of(survey, &frame, rules::WIDTHS[chosen], epochs);
    let seconds = seconds[chosen].map(|s| s * epochs as f64);
    let experiment = load(&choice)?;
    let input = Input { in_channels: survey.channels, classes: survey.classes.len(), size: experiment.input_size(), batch: 1 };
    let parameters = Cost::of(&experiment.model, input).parameters();
    let toml = text::experiment(survey, wish, &frame, &choice, Some((parameters, seconds)));
    Ok(Proposal { toml, experiment, seconds })
}
