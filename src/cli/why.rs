//! `umlaut why A B`: what makes two runs different ones. A side is a run's directory or an experiment file, of whose plan the run
//! nearest to the other side is meant. `umlaut why EXPERIMENT TRIAL`: what the proposal of a search's trial saw.

mod trial;

use super::failure::{Failure, in_file, mistake, unprepared};
use super::listen::Listening;
use super::options::{ResultsPlace, Sets, load};
use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use std::path::{Path, PathBuf};
use umlaut::config;
use umlaut::find::{Found, find, find_run};
use umlaut::plan::{Difference, FINGERPRINT, Identity, NUMERIC_VERSION, VERSION, defining_values};
use umlaut::prepare::Planner;
use umlaut::store::{Results, RunDir};

/// Characters of a fingerprint that are shown; so many differ in any two.
const SHOWN: usize = 16;

/// Characters at the end of an id that say it all.
const HASH: usize = 10;

#[derive(clap::Args)]
pub struct Arguments {
    /// A run, by its directory or the end of its id, or an experiment file; or an experiment with a search
    a: PathBuf,
    /// The same, one of both being a run; or the number of a trial of the search
    b: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    results: ResultsPlace,
}

/// A run, that was or would be.
struct Side {
    title: String,
    /// The end of its id; not known of a directory that has another name.
    hash: Option<String>,
    identity: Identity,
}

/// One side's runs: one, or those of a plan.
type Choice = Vec<Side>;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (a, b) = (&arguments.a, &arguments.b);
    if a.is_file() && b.is_file() {
        return Err(mistake("both are files; one of the two must be a run"));
    }
    if !a.is_file() && !b.is_file() && !arguments.sets.sets.is_empty() {
        return Err(mistake("--set replaces values of an experiment file, and none is named"));
    }
    let results = arguments.results.results()?;
    if let (Ok(Found::Experiment(dir)), Some(trial)) = (find(a, &results), b.to_str().and_then(|word| word.parse().ok())) {
        print!("{}", trial::explain(&dir, trial)?);
        return Ok(());
    }
    let choices = [choice(a, &arguments.sets, &results)?, choice(b, &arguments.sets, &results)?];
    let (a, b, differences) = nearest(&choices).ok_or_else(|| mistake("the experiment file plans no run"))?;
    print!("{}", text(a, b, &differences));
    Ok(())
}

fn choice(word: &Path, sets: &Sets, results: &Results) -> Result<Choice, Failure> {
    if word.is_file() { of_plan(word, sets, results) } else { Ok(vec![of_run(find_run(word, results).map_err(mistake)?)?]) }
}

fn of_run(run: RunDir) -> Result<Side, Failure> {
    let run = RunDir::at(std::path::absolute(run.path())?);
    let experiment = config::load_run(&run.run_toml()).map_err(|problems| in_file(&problems))?;
    let provenance = run.provenance().map_err(mistake)?.unwrap_or_default();
    let identity = Identity {
        values: defining_values(&experiment),
        fingerprint: provenance.dataset_fingerprint,
        numeric_version: provenance.numeric_version,
    };
    Ok(Side { title: run.path().display().to_string(), hash: hash(&run), identity })
}

fn of_plan(path: &Path, sets: &Sets, results: &Results) -> Result<Choice, Failure> {
    let experiment = load(path, sets)?;
    let listening = Listening::default();
    let mut planner = Planner::new(results, &listening);
    let plan = planner.plan_with_data(&experiment).map_err(unprepared)?;
    let side = |run: umlaut::plan::RunSpec| Side {
        title: format!("{}, run {}", path.display(), run.id),
        hash: Some(run.id.hash().to_owned()),
        identity: Identity {
            values: defining_values(&run.experiment),
            fingerprint: planner.fingerprint(&run.experiment.dataset).map(str::to_owned),
            numeric_version: Some(NUMERIC_VERSION),
        },
    };
    Ok(plan.runs.into_iter().map(side).collect())
}

/// The two sides that differ least, the first of equals.
fn nearest([a, b]: &[Choice; 2]) -> Option<(&Side, &Side, Vec<Difference>)> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b, differences(a, b))));
    pairs.min_by_key(|(_, _, differences)| differences.len())
}

/// What differs. Of equal ids what one side has not recorded is known from the other.
fn differences(a: &Side, b: &Side) -> Vec<Difference> {
    let (mut of_a, mut of_b) = (a.identity.clone(), b.identity.clone());
    if a.hash.is_some() && a.hash == b.hash {
        of_a.learn(&b.identity);
        of_b.learn(&a.identity);
    }
    of_a.differences(&of_b)
}

/// The end of a run's id, if the directory has kept its name.
fn hash(run: &RunDir) -> Option<String> {
    let id = run.id();
    let hash = id.hash();
    (hash.len() == HASH && hash.len() < id.as_str().len() && hash.bytes().all(|c| c.is_ascii_hexdigit())).then(|| hash.to_owned())
}

fn text(a: &Side, b: &Side, differences: &[Difference]) -> String {
    let titles = format!("A  {}\nB  {}\n\n", a.title, b.title);
    let what = if differences.is_empty() { sameness(a, b) } else { table(differences).trim_fmt() };
    format!("{titles}{what}\n")
}

/// What it means that nothing differs.
fn sameness(a: &Side, b: &Side) -> String {
    let recorded = a.identity.fingerprint.is_some() && a.identity.numeric_version.is_some();
    match (&a.hash, &b.hash) {
        (Some(a), Some(b)) if a == b => format!("same run: same id {a}"),
        _ if !recorded => "the configurations are the same; data and program are recorded on neither side".to_owned(),
        (Some(_), Some(_)) => {
            "nothing that this version knows of; the ids differ, so another version made one of them".to_owned()
        }
        (hash, other) => {
            format!("same run: same id {}", hash.as_ref().or(other.as_ref()).map_or("", String::as_str)).trim_end().to_owned()
        }
    }
}

fn table(differences: &[Difference]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─').set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["key", "A", "B"]);
    for (key, [a, b]) in differences {
        table.add_row([key.clone(), shown(key, a.as_ref()), shown(key, b.as_ref())]);
    }
    table
}

fn shown(key: &str, value: Option<&String>) -> String {
    let recorded = [FINGERPRINT, VERSION].contains(&key);
    match value {
        Some(value) if key == FINGERPRINT => value.chars().take(SHOWN).collect(),
        Some(value) => value.clone(),
        None if recorded => "not recorded".to_owned(),
        None => "–".to_owned(),
    }
}
