//! What `umlaut run` does, by the library alone: planning, checking, estimating, executing, reporting.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use umlaut::devices::{self, Jobs};
use umlaut::estimate::Estimate;
use umlaut::find::{self, Found, find};
use umlaut::plan::{Plan, RunSpec};
use umlaut::prepare::{self, Listener, Notice, Planner};
use umlaut::record::{Event, Outcome, Status};
use umlaut::schedule::{
    self, At, Launcher, Listed, Local, Next, Policy, RunCounts, Slot, Standing, Watch, Work, execute, standing,
};
use umlaut::store::Results;
use umlaut::{config, report};

const TINY: &str = "
    name = 'tiny'
    dataset.synthetic = { count = 12, size = [32, 32] }
    preprocess.size = [16, 16]
    split.fractions = { train = 0.5, val = 0.25, test = 0.25 }
    model.unet.channels = [4, 8]
    training = { epochs = 2, batch_size = 4, seeds = [1, 2] }";

/// Keeps every notice.
#[derive(Default)]
struct Notices(Mutex<Vec<Notice>>);

impl Listener for Notices {
    fn noted(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

/// Keeps the kinds of events of each run.
#[derive(Default)]
struct Seen(Vec<(usize, &'static str)>);

impl Watch for Seen {
    fn planned(&mut self, runs: &[RunSpec]) {
        self.0.push((runs.len(), "planned"));
    }
    fn before(&mut self, at: At<'_>, _: &Outcome) {
        self.0.push((at.position, "before"));
    }
    fn noted(&mut self, at: At<'_>, _: &str) {
        self.0.push((at.position, "noted"));
    }
    fn started(&mut self, at: At<'_>, _: &Slot) {
        self.0.push((at.position, "started"));
    }
    fn reported(&mut self, at: At<'_>, event: &Event) {
        if let Event::Epoch { .. } = event {
            self.0.push((at.position, "epoch"));
        }
    }
    fn ended(&mut self, at: At<'_>, _: &Outcome, _: &Next) {
        self.0.push((at.position, "ended"));
    }
}

/// One process at a time on the CPU, with one thread.
fn slots() -> Vec<Slot> {
    devices::slots(&devices::chosen(Some("cpu")).unwrap(), Jobs::default(), 1)
}

/// Executes a plan with processes of the program, or others, and returns what was seen.
fn run(plan: &Plan, results: &Results, launcher: &dyn Launcher) -> (RunCounts, Vec<(usize, &'static str)>) {
    let (dir, slots, mut seen) = (results.experiment(&plan.experiment), slots(), Seen::default());
    let _claim = dir.claim().unwrap();
    let estimate = RefCell::new(Estimate::by_records(results, &slots[0]));
    let work = Work {
        source: &mut Listed::new(plan.runs.clone()),
        dir: &dir,
        duration: &|run, epochs| estimate.borrow_mut().size_of(run, epochs),
    };
    let policy = Policy { retries: 0, fail_fast: false, restore: false };
    let counts = execute(work, &slots, policy, launcher, &|| None, &mut seen).unwrap();
    (counts, seen.0)
}

fn local(results: &Results) -> Local {
    let cache = vec!["--cache".into(), results.cache().display().to_string()];
    Local::new(assert_cmd::cargo::cargo_bin!("umlaut").to_owned(), cache)
}

#[test]
fn an_experiment_is_planned_run_and_reported_without_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let results = Results::new(dir.path().join("results"));
    let experiment = config::load_str("tiny.toml", TINY).unwrap_or_else(|problems| panic!("{problems}"));
    let notices = Notices::default();
    let plan = Planner::new(&results, &notices).plan(&experiment).unwrap();
    prepare::check_data(&plan, &results.cache(), &notices).unwrap();
    let said = notices.0.into_inner().unwrap();
    assert_eq!(said, [Notice::Data("12 images, 6 train, 3 val, 3 test; 16 × 16, classes: disc, cup".into())]);

    let mut estimate = Estimate::by_records(&results, &slots()[0]);
    estimate.learn(&plan.runs);
    assert!(!estimate.timed() && estimate.size(1, 2) == 2.0 * estimate.size_of(&plan.runs[0], 1), "by operations alone");

    let (counts, seen) = run(&plan, &results, &local(&results));
    assert_eq!(counts, RunCounts { finished: 2, ..RunCounts::default() });
    let of = |position| ["started", "epoch", "epoch", "ended"].map(|what| (position, what));
    assert_eq!(seen, [vec![(2, "planned")], of(1).to_vec(), of(2).to_vec()].concat());
    let places = results.experiment("tiny").places(plan.runs.iter().map(|run| &run.id)).unwrap();
    for (run, place) in plan.runs.iter().zip(&places) {
        let standing = standing(place).unwrap();
        assert!(matches!(&standing, Standing::Finished(outcome) if outcome.epochs == 2));
        assert_eq!((standing.is_to_train(), standing.epochs(run, place).left), (false, 0));
    }
    assert!(Estimate::by_records(&results, &slots()[0]).timed(), "the runs were timed");

    // What has finished is found, and not run again, by whatever launcher.
    let (counts, seen) = run(&plan, &results, &Local::new("no such program".into(), Vec::new()));
    assert_eq!((counts.skipped, seen), (2, vec![(2, "planned"), (1, "before"), (2, "before")]));
    let found = [find(Path::new("tiny"), &results).unwrap(), find(Path::new(plan.runs[1].id.hash()), &results).unwrap()];
    assert!(matches!(&found, [Found::Experiment(_), Found::Run(run)] if run.id() == plan.runs[1].id));
    let table = report::write(&results.experiment("tiny"), &report::Wanted::default()).unwrap().table;
    assert!(table.contains("unet") || !table.is_empty());
    assert!(results.experiment("tiny").path().join("report.html").is_file());
}

#[test]
fn mistakes_are_errors_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let results = Results::new(dir.path().join("results"));
    let experiment = |text: &str| config::load_str("x.toml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let missing = experiment("name = 'x'\ndataset.folders.root = 'nowhere'");
    let error = Planner::new(&results, &()).plan(&missing).unwrap_err();
    assert!(error.is_mistake() && error.to_string().contains("nowhere"), "{error}");
    let error = find::find_run(Path::new("nothing"), &results).unwrap_err();
    assert!(matches!(&error, find::Error::Nothing { word, .. } if word == "nothing"), "{error}");
    assert!(devices::chosen(Some("gpu")).unwrap_err().to_string().contains("no such device"));
    // A batch of one that batch norm cannot train on is reported with its keys, for whoever has the file.
    let lone = experiment(&TINY.replace("batch_size = 4", "batch_size = 5").replace("[16, 16]", "[2, 2]"));
    match Planner::new(&results, &()).plan(&lone) {
        Err(error @ prepare::Error::Batches(_)) => assert!(error.is_mistake()),
        other => panic!("{other:?}"),
    }
}

/// A launcher that starts nothing: the job ends at once, its run as finished.
struct Pretended;

impl Launcher for Pretended {
    fn submit(&self, order: schedule::Order<'_>) -> std::io::Result<schedule::JobId> {
        order.run.write_outcome(&Outcome { status: Status::Finished, ..Outcome::default() }).unwrap();
        Ok(schedule::JobId::new("42"))
    }
    fn poll(&self, jobs: &[schedule::JobId]) -> Vec<schedule::JobState> {
        jobs.iter().map(|_| schedule::JobState::Ended(schedule::Exit::Unknown)).collect()
    }
    fn cancel(&self, _: &schedule::JobId, _: schedule::Stop) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn any_launcher_does_and_the_run_directory_alone_says_how_a_run_went() {
    let dir = tempfile::tempdir().unwrap();
    let results = Results::new(dir.path().join("results"));
    let experiment = config::load_str("tiny.toml", TINY).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = Planner::new(&results, &()).plan(&experiment).unwrap();
    let (counts, _) = run(&plan, &results, &Pretended);
    assert_eq!(counts, RunCounts { finished: 2, ..RunCounts::default() });
    let csv = fs::read_to_string(results.experiment("tiny").path().join("plan.csv")).unwrap();
    assert_eq!(csv.matches(",finished\n").count(), 2, "{csv}");
}
