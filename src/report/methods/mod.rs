//! What the Methods section of a paper needs: drafted sentences, and the same as a table.
//!
//! All of it is read from run.toml, provenance.toml and the scores of the runs. What they do not say is not said here.

mod given;
mod settings;

use super::collect::{Comparison, Run};
use super::rows::{Grid, Row};
use super::sweep::short;
use super::verdict::{Verdict, basis};
use super::{column, data_sets, describe};
use crate::metric::{self, Direction, Split};
use crate::plan;
use crate::regular::{self, Most};
use crate::text::{clock, counted};
use settings::Settings;
use std::collections::BTreeSet;
use std::time::Duration;

/// Values of a swept key that are named.
const VALUES: usize = 12;

/// The methods of an experiment.
pub(super) struct Methods {
    /// The draft, sentence by sentence.
    pub sentences: Vec<String>,
    /// What is asked, and what is known of it.
    pub facts: Vec<(String, String)>,
}

impl Methods {
    /// The draft as one paragraph.
    pub(super) fn paragraph(&self) -> String {
        self.sentences.join(" ")
    }

    /// The facts as a table.
    pub(super) fn table(&self) -> Grid {
        let row = |(key, value): &(String, String)| Row { cells: vec![key.clone(), value.clone()], strong: None };
        let header = ["what", "value"].map(str::to_owned).to_vec();
        Grid { header, rows: self.facts.iter().map(row).collect(), words: vec![0, 1], note: String::new() }
    }

    fn say(&mut self, what: &str, fact: String, sentence: Option<String>) {
        if !fact.is_empty() {
            self.facts.push((what.to_owned(), fact));
            self.sentences.extend(sentence);
        }
    }
}

/// Of the runs that are compared; `None` where no run.toml can be read.
pub(super) fn of(comparison: &Comparison, verdict: &Verdict) -> Option<Methods> {
    let group = verdict.order(comparison).into_iter().next()?;
    let run = *comparison.groups[group].settled().first().or(comparison.groups[group].runs.first().as_ref())?;
    let text = regular::text(&run.dir.run_toml(), Most::SMALL).ok()?;
    let swept: Vec<(String, Vec<String>)> = swept(comparison);
    let settings = Settings::of(&text, &swept.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())?;
    let mut methods = Methods { sentences: Vec::new(), facts: Vec::new() };
    let question = settings.description();
    methods.say("question", question.clone(), Some(sentence(&question)));
    data(&mut methods, comparison, verdict, &settings);
    trained(&mut methods, comparison, &settings, &swept);
    selected(&mut methods, verdict, &settings);
    made(&mut methods, comparison);
    (!methods.facts.is_empty()).then_some(methods)
}

/// Every swept key of which there are several values, with them, in the order of the groups.
fn swept(comparison: &Comparison) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in comparison.swept().into_iter().flat_map(|(_, own)| own) {
        let value = plan::spoken(&value);
        match all.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => all.push((key, vec![value])),
        }
    }
    // Among the runs of one group nothing was varied.
    all.retain(|(_, values)| values.len() > 1);
    all
}

/// Where the images come from, how many each split has, and how they are brought to one size.
fn data(methods: &mut Methods, comparison: &Comparison, verdict: &Verdict, settings: &Settings) {
    methods.say("data", settings.data(), Some(format!("Images are {}.", settings.data())));
    let lists = data_sets::lists(comparison, verdict);
    for list in &lists {
        let runs: Vec<&Run> = list.groups.iter().flat_map(|group| comparison.groups[*group].settled()).collect();
        let (of, on) = match &list.title {
            Some(title) => (format!(", {title}"), format!("On {title}, ")),
            None => Default::default(),
        };
        let images = given::images(&runs);
        let begun = if on.is_empty() { "The splits hold " } else { "the splits hold " };
        methods.say(&format!("images{of}"), images.clone(), Some(format!("{on}{begun}{images}.")));
        let patients = given::patients(&runs);
        let told = format!("{on}{} belong to {patients}.", if on.is_empty() { "These" } else { "these" });
        methods.say(&format!("patients{of}"), patients.clone(), Some(told));
        let foreground = given::foreground(&runs, &comparison.classes);
        let told = format!("Foreground makes up this share of the training pixels{of}: {foreground}.");
        methods.say(&format!("foreground of training pixels{of}"), foreground.clone(), Some(told));
    }
    methods.say("split", settings.split(), Some(format!("The split is {}.", settings.split())));
    let group = settings.grouping();
    let told = "Images whose names have the same match of the group's pattern stay in one split.".to_owned();
    methods.say("kept together", group, Some(told));
    methods.say("size", settings.size(), Some(format!("Images are brought to {}.", settings.size())));
    methods.say("classes", comparison.classes.join(", "), None);
}

/// Network, loss, optimizer, epochs, augmentation, and what was varied.
fn trained(methods: &mut Methods, comparison: &Comparison, settings: &Settings, swept: &[(String, Vec<String>)]) {
    let parameters = given::parameters(comparison);
    let learns = if parameters.is_empty() { String::new() } else { format!(" with {parameters} learned parameters") };
    methods.say("network", settings.network(), Some(format!("The network is {}{learns}.", settings.network())));
    methods.say("learned parameters", parameters, None);
    methods.say("loss", settings.loss(), Some(format!("It minimises {}.", settings.loss())));
    methods.say("optimizer", settings.optimizer(), Some(format!("The optimizer is {}.", settings.optimizer())));
    methods.say("learning rate", settings.lr_schedule(), Some(format!("The learning rate is {}.", settings.lr_schedule())));
    methods.say("training", settings.training(), Some(format!("Each run trains for {}.", settings.training())));
    let augmentation = settings.augmentation();
    let told = if augmentation == settings::NONE {
        "Training images are not augmented.".to_owned()
    } else {
        format!("Training images are augmented: {augmentation}.")
    };
    methods.say("augmentation", augmentation, Some(told));
    for (key, values) in swept {
        let more = values.len().saturating_sub(VALUES);
        let named = values.iter().take(VALUES).cloned().collect::<Vec<_>>().join(", ");
        let values = if more > 0 { format!("{named} and {more} more") } else { named };
        methods.say(&format!("varied: {key}"), values.clone(), Some(format!("Varied was {key}: {values}.")));
    }
    let seeds: BTreeSet<&str> = places(comparison, plan::SEED);
    let folds: BTreeSet<&str> = places(comparison, plan::FOLD);
    let of_folds = if folds.is_empty() { String::new() } else { format!(", {}", counted(folds.len(), "fold")) };
    let (runs, groups) = (comparison.runs().count(), comparison.groups.len());
    let counts =
        format!("{} of {}, {}{of_folds}", counted(runs, "run"), counted(groups, "configuration"), counted(seeds.len(), "seed"));
    methods.say("runs", counts, Some(format!("{}.", describe::ended(comparison))));
}

/// Different values of a key of repetitions.
fn places<'a>(comparison: &'a Comparison, key: &str) -> BTreeSet<&'a str> {
    let of = |run: &'a Run| run.differs.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    comparison.runs().filter_map(of).collect()
}

/// How epochs and groups were chosen, and what was compared.
fn selected(methods: &mut Methods, verdict: &Verdict, settings: &Settings) {
    let best = settings.best();
    let which = |column: &str| match metric::describe(column).map(|metric| metric.direction) {
        Some(Direction::Higher) => "highest",
        _ => "lowest",
    };
    if !best.is_empty() {
        let rule = format!("{} {}", which(&best), column::phrase_of_split(&best));
        let told = format!("Of each run the weights of the epoch with the {rule} are kept.");
        methods.say("epoch that is kept", rule, Some(told));
    }
    let (ranked, judged) = (column::phrase_of_split(&verdict.ranked_by), column::phrase_of_split(&verdict.column));
    if verdict.standings.len() > 1 {
        let test = if Split::Test.has(&verdict.column) { ", on images that chose neither epoch nor group" } else { "" };
        let test = if verdict.ranked_by == verdict.column { "" } else { test };
        let told = format!("Groups are ordered by {ranked} and compared by {judged}{test}.");
        methods.say("groups in order by", ranked, Some(told));
    }
    methods.say("compared by", judged, None);
    if let Some(pair) = verdict.pairs.first() {
        let rule = format!(
            "random-effects model of seeds and {}s ({}), Holm's correction for {}, level 0.05",
            pair.unit.noun(),
            basis(pair),
            counted(verdict.pairs.len(), "pair")
        );
        methods.say("test", rule.clone(), Some(format!("Differences are tested by a {rule}.")));
    }
}

/// Hardware, time and program.
fn made(methods: &mut Methods, comparison: &Comparison) {
    let hardware = given::hardware(comparison);
    methods.say("hardware", hardware.clone(), Some(format!("Runs were made on {hardware}.")));
    let seconds: Vec<f64> = comparison.runs().map(|run| run.seconds).filter(|seconds| *seconds > 0.0).collect();
    if !seconds.is_empty() {
        let (all, count) = (seconds.iter().sum::<f64>(), seconds.len());
        let time = format!("{} in all, {} per run in the mean", spoken(all), spoken(all / count as f64));
        methods.say("time of epochs", time.clone(), Some(format!("Their epochs took {time}.")));
    }
    let program = given::program(comparison);
    methods.say("program", program.clone(), Some(format!("All was trained and evaluated with {program}.")));
    methods.say("data set fingerprint", given::fingerprints(comparison), None);
}

/// `12.3 s`, `4:05`.
fn spoken(seconds: f64) -> String {
    if seconds < 60.0 { format!("{} s", short(seconds)) } else { clock(Duration::from_secs_f64(seconds.round())) }
}

/// Words with the end of a sentence.
fn sentence(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() || words.ends_with(['.', '!', '?']) { words.to_owned() } else { format!("{words}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sentences_read_well() {
        assert_eq!([spoken(12.34), spoken(245.2), spoken(7200.0)], ["12.3 s", "4:05", "2:00:00"]);
        assert_eq!([sentence(" Which width? "), sentence("Width")], ["Which width?", "Width."]);
    }
}
