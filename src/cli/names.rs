//! What the runs of a plan are called in front of a reader: by what differs between them.

use umlaut::plan::{RunSpec, keys, names, of_repetition, spoken};

/// The keys whose values really differ between the runs of a plan.
#[derive(Debug, Clone)]
pub struct Names {
    /// Dotted keys and what they are called: their last word, or as many as tell them apart.
    keys: Vec<(String, String)>,
}

impl Names {
    /// Of all runs of a plan.
    pub fn of(runs: &[RunSpec]) -> Self {
        let differs = |key: &&str| runs.iter().any(|run| run.value(key) != runs[0].value(key));
        let keys: Vec<&str> = keys(runs).into_iter().filter(differs).collect();
        Self { keys: keys.iter().zip(names(&keys)).map(|(key, name)| ((*key).to_owned(), name.to_owned())).collect() }
    }

    /// Dotted keys and what they are called.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|(key, name)| (key.as_str(), name.as_str()))
    }

    /// `channels 8-16, lr 0.001, seed 2`; the run's id where nothing differs.
    pub fn title(&self, run: &RunSpec) -> String {
        let words = self.words(run, |_| true);
        if words.is_empty() { run.id.to_string() } else { words }
    }

    /// What the run shares with its repetitions, `channels 8-16, lr 0.001`; a dash where that is nothing.
    pub fn group(&self, run: &RunSpec) -> String {
        let words = self.words(run, |key| !of_repetition(key));
        if words.is_empty() { "–".to_owned() } else { words }
    }

    fn words(&self, run: &RunSpec, of: impl Fn(&str) -> bool) -> String {
        let keys = self.keys().filter(|(key, _)| of(key));
        keys.filter_map(|(key, name)| Some(format!("{name} {}", spoken(run.value(key)?)))).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umlaut::config::Experiment;
    use umlaut::plan::Plan;

    fn plan(toml: &str) -> Plan {
        let experiment: Experiment = toml::from_str(toml).expect("valid");
        umlaut::plan::expand(&experiment, |_| Ok("f".into())).expect("possible")
    }

    #[test]
    fn only_what_differs_is_named() {
        let plan = plan("name = 'a'\n[sweep.grid]\n'model.unet.channels' = [[4, 8], [8, 16]]\n'optimizer.adam.lr' = [1e-3]");
        let names = Names::of(&plan.runs);
        let titles: Vec<String> = plan.runs.iter().map(|run| names.title(run)).collect();
        assert_eq!(titles, ["channels 4-8", "channels 8-16"]);
    }

    #[test]
    fn a_lone_run_goes_by_its_id() {
        let plan = plan("name = 'a'");
        assert_eq!(Names::of(&plan.runs).title(&plan.runs[0]), plan.runs[0].id.to_string());
    }
}
