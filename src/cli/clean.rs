//! `umlaut clean [EXPERIMENT]`: what may be deleted of results and how large it is; deletes it if that is asked for.

use super::failure::{Failure, mistake, of_results};
use super::options::ResultsPlace;
use super::text::{print, size};
use clap::ArgGroup;
use std::path::{Path, PathBuf};
use umlaut::find::{Found, find};
use umlaut::store::{Deletable, ExperimentDir, Results, Spare};

#[derive(clap::Args)]
#[command(group = ArgGroup::new("kinds").multiple(true).args(["other_plans", "resume", "reports", "cache"]))]
pub struct Arguments {
    /// An experiment, by its name or directory [default: all in the results]
    experiment: Option<PathBuf>,
    #[command(flatten)]
    place: ResultsPlace,
    /// Runs that the present plan does not have
    #[arg(long)]
    other_plans: bool,
    /// Last weights and resume states of finished runs; best weights stay, but more epochs of such a run begin anew
    #[arg(long)]
    resume: bool,
    /// Pages, tables and charts of reports; `umlaut report` makes them again
    #[arg(long)]
    reports: bool,
    /// Decoded images that are kept between runs, of all experiments
    #[arg(long, conflicts_with = "experiment")]
    cache: bool,
    /// Delete; without it what would go is only listed
    #[arg(long, requires = "kinds")]
    yes: bool,
}

/// Kinds with their options and titles.
const KINDS: [(Spare, &str, &str); 3] = [
    (Spare::OtherPlans, "--other-plans", "runs that the present plan does not have"),
    (Spare::Resume, "--resume", "last weights and resume states of finished runs"),
    (Spare::Reports, "--reports", "reports; `umlaut report` makes them again"),
];

/// The same of what all experiments share.
const CACHE: (&str, &str) = ("--cache", "decoded images; made again when they are needed");

/// What a clean-up is about.
struct Scope {
    results: Results,
    experiments: Vec<ExperimentDir>,
    /// Whether these are all experiments of the results.
    all: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let scope = Scope::of(arguments)?;
    if !arguments.has_kinds() {
        return Ok(print(&scope.overview()?)?);
    }
    scope.refuse_held()?;
    if arguments.yes {
        return scope.delete(arguments);
    }
    let Wanted { text, bytes, .. } = scope.wanted(arguments)?;
    Ok(print(&format!("{text}{} in all\nnothing deleted; --yes deletes\n", size(bytes)))?)
}

impl Arguments {
    fn has_kinds(&self) -> bool {
        self.cache || KINDS.iter().any(|(kind, ..)| self.wants(*kind))
    }

    fn wants(&self, kind: Spare) -> bool {
        match kind {
            Spare::OtherPlans => self.other_plans,
            Spare::Resume => self.resume,
            Spare::Reports => self.reports,
        }
    }
}

impl Scope {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let results = arguments.place.results()?;
        let Some(word) = &arguments.experiment else {
            let root = results.root();
            if !root.is_dir() {
                return Err(mistake(format!("{}: no such directory; name it with --results", root.display())));
            }
            return Ok(Self { experiments: results.experiments()?, results, all: true });
        };
        match find(word, &results).map_err(mistake)? {
            Found::Experiment(dir) => Ok(Self { results, experiments: vec![dir], all: false }),
            Found::Run(_) => Err(mistake(format!("{} is a run; name its experiment", word.display()))),
        }
    }

    /// Nothing is deleted beside a living process, not even of other runs.
    fn refuse_held(&self) -> Result<(), Failure> {
        for dir in &self.experiments {
            let refused = |path: &Path, holder| {
                let path = path.display();
                mistake(format!(
                    "{path} is in use by {holder}, so nothing is deleted; wait until it ends, or name another experiment"
                ))
            };
            if let Some(holder) = dir.holder()? {
                return Err(refused(dir.path(), holder));
            }
            for run in dir.runs()? {
                if let Some(holder) = run.holder()? {
                    return Err(refused(run.path(), holder));
                }
            }
        }
        Ok(())
    }

    /// The size of every kind.
    fn overview(&self) -> Result<String, Failure> {
        let mut text = String::new();
        for dir in &self.experiments {
            let held = dir.holder()?.map_or(String::new(), |holder| format!("; in use by {holder}"));
            text += &format!("{}: {}{held}\n", dir.path().display(), size(dir.bytes()));
            for (kind, option, title) in KINDS {
                let bytes = dir.deletable(kind)?.iter().map(|found| found.bytes).sum();
                text += &format!("{:>9}  {option:<13}  {title}\n", size(bytes));
            }
        }
        if self.all {
            let (option, title) = CACHE;
            text +=
                &format!("{}\n{:>9}  {option:<13}  {title}\n", self.results.cache().display(), size(self.results.cached_bytes()));
        }
        let options: Vec<&str> = KINDS.iter().map(|(_, option, _)| *option).chain(self.all.then_some(CACHE.0)).collect();
        Ok(format!("{text}nothing deleted; {} choose, --yes deletes\n", options.join(", ")))
    }

    /// What is wanted.
    fn wanted(&self, arguments: &Arguments) -> Result<Wanted<'_>, Failure> {
        let mut wanted = Wanted::default();
        for (kind, _, title) in KINDS.into_iter().filter(|(kind, ..)| arguments.wants(*kind)) {
            wanted.text += &format!("{title}\n");
            for dir in &self.experiments {
                let mut found = dir.deletable(kind)?;
                // A run that goes takes its resume state with it.
                found.retain(|found| !wanted.found.iter().any(|(_, before)| before.path == found.path && kind == Spare::Resume));
                wanted.text.extend(found.iter().map(|found| line(found.bytes, &found.path)));
                wanted.bytes += found.iter().map(|found| found.bytes).sum::<u64>();
                wanted.found.extend(found.into_iter().map(|found| (dir, found)));
            }
        }
        if arguments.cache {
            let cached = self.results.cached_bytes();
            wanted.text += &format!("{}\n{}", CACHE.1, line(cached, &self.results.cache()));
            wanted.bytes += cached;
        }
        Ok(wanted)
    }

    /// Holds every experiment while it deletes.
    fn delete(&self, arguments: &Arguments) -> Result<(), Failure> {
        let _claims = self.experiments.iter().map(ExperimentDir::claim).collect::<Result<Vec<_>, _>>().map_err(of_results)?;
        let Wanted { text, bytes, found } = self.wanted(arguments)?;
        for (dir, found) in &found {
            dir.delete(found)?;
        }
        if arguments.cache {
            self.results.delete_cached()?;
        }
        Ok(print(&format!("{text}{} deleted\n", size(bytes)))?)
    }
}

/// What a clean-up is to delete.
#[derive(Default)]
struct Wanted<'a> {
    /// All of it, a line each.
    text: String,
    bytes: u64,
    /// But for what all experiments share.
    found: Vec<(&'a ExperimentDir, Deletable)>,
}

fn line(bytes: u64, path: &Path) -> String {
    format!("{:>9}  {}\n", size(bytes), path.display())
}
