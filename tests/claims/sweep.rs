//! Two schedules of one run on one machine, which may die as their children may: `ExperimentDir::claim`, `schedule::execute`, and what `umlaut train` does
//! before and after training.

use super::explorer::{Model, explore};
use super::holds;
use super::stage::Stage;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;
use umlaut::plan::{RunSpec, expand};
use umlaut::record::{Event, Outcome, Status};
use umlaut::schedule::{
    self, At, Exit, JobId, JobState, Launcher, Listed, Next, Order, Policy, Slot, Stop, Watch, Work, execute,
};
use umlaut::store::{ExperimentDir, RunDir, Turn, replace};

/// One run.
pub fn run() -> RunSpec {
    static RUN: LazyLock<RunSpec> = LazyLock::new(planned);
    RUN.clone()
}

fn planned() -> RunSpec {
    let text = "name = \"x\"\n[dataset.synthetic]\ncount = 12\n[preprocess]\nsize = [16, 16]\n[split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25\n\
                [model.unet]\nchannels = [4, 8]\n[training]\nepochs = 1\nbatch_size = 4\nseeds = [1]\n";
    let experiment = umlaut::config::load_str("x.toml", text).expect("as it should be");
    expand(&experiment, |_| Ok(String::new())).expect("one run").runs.remove(0)
}

/// What a child does, with as little training as may be.
pub fn child(stage: &Stage, name: &str, place: &RunDir) -> Result<i32, umlaut::store::Error> {
    let Some(_claim) = place.claim_when_free(&|| false, &mut |_| Ok(()))? else { return Ok(130) };
    match place.turn(false, &mut |_| ())? {
        Turn::Over(_) => Ok(0),
        Turn::Train(_) => train(stage, name, place),
    }
}

/// Whoever gets here trains.
fn train(stage: &Stage, name: &str, place: &RunDir) -> Result<i32, umlaut::store::Error> {
    if stage.get("finished").is_some() {
        stage.violate(format!("{name} trains what has finished"));
    }
    if let [other, ..] = &stage.trains(name)[..] {
        stage.violate(format!("{name} trains while {other} does"));
    }
    replace(&place.resume_state(), |file| io::Write::write_all(file, b"state"))?;
    place.write_outcome(&Outcome { status: Status::Finished, ..Outcome::default() })?;
    stage.set("finished", "");
    stage.leaves(name);
    Ok(0)
}

/// Starts children as actors.
pub struct Children<'a> {
    pub stage: &'a Stage,
    /// Whose they are.
    pub name: String,
}

impl Children<'_> {
    fn last(&self) -> String {
        format!("{}.{}", self.name, self.stage.number(&self.name))
    }
}

impl Launcher for Children<'_> {
    fn submit(&self, order: Order<'_>) -> io::Result<JobId> {
        self.stage.count(&self.name);
        let (name, place) = (self.last(), order.run.clone());
        let child_name = name.clone();
        self.stage.start(&name, true, move |stage| {
            let code = child(stage, &child_name, &place).unwrap_or(1);
            stage.set(&format!("exit {child_name}"), code);
        });
        Ok(JobId::new(name))
    }

    fn poll(&self, jobs: &[JobId]) -> Vec<JobState> {
        let exit = |job: &JobId| match self.stage.get(&format!("exit {job}")) {
            Some(code) => JobState::Ended(Exit::Code(code.parse().expect("a number"))),
            None if self.stage.is_killed(job.as_str()) => JobState::Ended(Exit::Signal(9)),
            // Whoever asks is dead and shall end.
            None if self.stage.is_killed(&self.name) => JobState::Ended(Exit::Unknown),
            None => JobState::Running,
        };
        jobs.iter().map(exit).collect()
    }

    fn cancel(&self, _: &JobId, _: Stop) -> io::Result<()> {
        Ok(())
    }

    fn wait(&self, _: Duration) {
        self.stage.wait(&self.name, &self.last());
    }
}

/// Nobody watches.
struct Nobody;

impl Watch for Nobody {
    fn before(&mut self, _: At<'_>, _: &Outcome) {}
    fn noted(&mut self, _: At<'_>, _: &str) {}
    fn started(&mut self, _: At<'_>, _: &Slot) {}
    fn reported(&mut self, _: At<'_>, _: &Event) {}
    fn ended(&mut self, _: At<'_>, _: &Outcome, _: &Next) {}
}

pub fn slot() -> Slot {
    Slot { device: "cpu".into(), threads: 1, gpu: None, measured: false }
}

/// `umlaut run`.
pub fn begin_schedule(stage: &Stage, name: &str) {
    let me = name.to_owned();
    stage.start(name, false, move |stage| {
        let dir = experiment(stage);
        let Ok(_claim) = dir.claim() else { return };
        let (mut source, children) = (Listed::new(vec![run()]), Children { stage, name: me });
        let work = Work { source: &mut source, dir: &dir, duration: &|_, _| 0.0 };
        let policy = Policy { retries: 1, fail_fast: false, restore: false };
        let _: Result<_, schedule::Error> = execute(work, &[slot()], policy, &children, &|| None, &mut Nobody);
    });
}

struct Sweep {
    schedules: usize,
    /// Whether the child of a schedule that was killed before goes on.
    orphan: bool,
    /// Whether that has never claimed the run.
    careless: bool,
    deaths: usize,
}

/// The experiment's directory.
pub fn experiment(stage: &Stage) -> ExperimentDir {
    ExperimentDir::at(stage.root().join("x"))
}

/// The run's directory.
pub fn place(stage: &Stage) -> RunDir {
    experiment(stage).run(&run().id)
}

impl Sweep {
    fn begin_carelessly(&self, stage: &Stage, place: RunDir) {
        stage.start("careless", true, move |stage| _ = train(stage, "careless", &place));
        begin_schedule(stage, "schedule 1");
    }
}

impl Model for Sweep {
    fn begin(&self, stage: &Stage) {
        if self.orphan {
            let (place, run) = (place(stage), run());
            place.create(&run, &run.experiment.to_toml()).expect("writable");
            if self.careless {
                return self.begin_carelessly(stage, place);
            }
            let orphan = Children { stage, name: "orphan".into() };
            orphan.submit(Order { run: &place, slot: &slot(), micro_batches: 1, until: None }).expect("it never fails");
        }
        (1..=self.schedules).for_each(|number| begin_schedule(stage, &format!("schedule {number}")));
    }

    fn moves(&self, stage: &Stage, alive: &[String]) -> Vec<String> {
        if stage.deaths() >= self.deaths {
            return Vec::new();
        }
        alive.iter().map(|name| format!("kill {name}")).collect()
    }

    fn make(&self, _: &Stage, what: &str) {
        unreachable!("{what}");
    }

    fn last(&self, stage: &Stage) {
        begin_schedule(stage, "last schedule");
    }

    fn wrong(&self, stage: &Stage) -> Option<String> {
        match place(stage).outcome() {
            Ok(Some(outcome)) if outcome.status == Status::Finished => None,
            other => Some(format!("the run has not finished, but has {other:?}")),
        }
    }

    fn is_shared(&self, path: &Path) -> bool {
        let named = |names: &[&str]| path.file_name().is_some_and(|name| names.iter().any(|shared| name == *shared));
        named(&[".lock", "outcome.toml", "resume.safetensors"])
    }
}

#[test]
fn the_child_of_a_dead_schedule_and_the_next_schedule_train_one_after_the_other() {
    holds(&Sweep { schedules: 1, orphan: true, careless: false, deaths: 2 }, 2, 500);
}

#[test]
fn a_child_that_claims_nothing_is_found_out() {
    let Some(found) = explore(&Sweep { schedules: 1, orphan: true, careless: true, deaths: 0 }, 2) else { return };
    let way = found.violation.expect("two train at a time");
    eprintln!("after {} states:\n{}", found.states, way.join("\n"));
    assert!(way.last().is_some_and(|what| what.contains("trains")), "{way:?}");
}

#[test]
fn two_schedules_at_once_are_one_and_a_refusal() {
    holds(&Sweep { schedules: 2, orphan: false, careless: false, deaths: 1 }, 1, 200);
}
