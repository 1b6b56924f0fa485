//! With a launcher that does what a script says.

use super::*;
use crate::config::Experiment;
use crate::plan::{Plan, RunId, RunSpec, expand};
use crate::schedule::{Listed, Source, Wanted};
use crate::store::ExperimentDir;
use std::cell::{Cell, RefCell};

/// What a launch does: writes an outcome and exits, or only dies.
#[derive(Clone, Copy)]
enum Act {
    Ends(Status, Option<Failure>),
    /// Pauses after so many epochs.
    Pauses(usize),
    Dies(Exit),
}

const FINISHES: Act = Act::Ends(Status::Finished, None);

/// Follows the script, launch by launch, and ends a job when it is asked for it; notes runs and micro-batches. A job reports its memory, if it has any
/// to report.
struct Fake {
    script: RefCell<Vec<Act>>,
    launches: RefCell<Vec<(String, usize)>>,
    jobs: RefCell<Vec<(RunDir, Act, Option<Exit>)>>,
    cancelled: RefCell<Vec<(String, Stop)>>,
    /// States that come before all others, the last first.
    before: RefCell<Vec<JobState>>,
    /// Jobs that are started before any of them ends.
    together: usize,
    /// Launches from this one on wait for no other.
    unmet: usize,
    /// Bytes that a launch reports, and bytes that are free on its GPU.
    memory: Option<(u64, u64)>,
    /// Runs that somebody else finishes when the first job ends.
    others: RefCell<Vec<RunDir>>,
    /// How often jobs were asked for.
    polls: Cell<usize>,
}

impl Fake {
    fn of(script: &[Act]) -> Self {
        Self {
            script: RefCell::new(script.iter().rev().copied().collect()),
            launches: RefCell::default(),
            jobs: RefCell::default(),
            cancelled: RefCell::default(),
            before: RefCell::default(),
            together: 1,
            unmet: usize::MAX,
            memory: None,
            others: RefCell::default(),
            polls: Cell::default(),
        }
    }

    fn launches(&self) -> Vec<(String, usize)> {
        self.launches.borrow().clone()
    }
}

impl Launcher for Fake {
    fn submit(&self, order: Order<'_>) -> std::io::Result<JobId> {
        let act = self.script.borrow_mut().pop().expect("the script says how each launch ends");
        self.launches.borrow_mut().push((order.run.id().to_string(), order.micro_batches));
        let mut log = order.run.event_log().expect("the directory is there");
        log.report(&Event::Step { epoch: 1, step: 1, loss: 0.5 });
        if let Some((device_bytes, _)) = self.memory {
            log.report(&Event::Memory { device_bytes });
        }
        self.jobs.borrow_mut().push((order.run.clone(), act, None));
        Ok(JobId::new((self.jobs.borrow().len() - 1).to_string()))
    }

    fn poll(&self, jobs: &[JobId]) -> Vec<JobState> {
        self.polls.set(self.polls.get() + 1);
        assert!(self.polls.get() < 1000, "a job waits for others that do not come");
        let started = self.jobs.borrow().len();
        let state = |job: &JobId| {
            if let Some(state) = self.before.borrow_mut().pop() {
                return state;
            }
            let number: usize = job.as_str().parse().expect("ours");
            let met = (number / self.together + 1) * self.together;
            if number + 1 < self.unmet && started < met {
                return JobState::Running;
            }
            let (run, act, exit) = &mut self.jobs.borrow_mut()[number];
            JobState::Ended(*exit.get_or_insert_with(|| match *act {
                Act::Dies(exit) => exit,
                Act::Pauses(epochs) => {
                    let outcome = Outcome { status: Status::Paused, epochs, ..Outcome::default() };
                    run.write_outcome(&outcome).expect("the directory is there");
                    std::fs::write(run.resume_state(), "").expect("its directory is there");
                    Exit::Code(0)
                }
                Act::Ends(status, failure) => {
                    for other in self.others.borrow_mut().drain(..) {
                        let finished = Outcome { status: Status::Finished, ..Outcome::default() };
                        other.write_outcome(&finished).expect("the directory is there");
                    }
                    run.write_outcome(&Outcome { status, failure, ..Outcome::default() }).expect("the directory is there");
                    Exit::Code(i32::from(status != Status::Finished))
                }
            }))
        };
        jobs.iter().map(state).collect()
    }

    fn cancel(&self, job: &JobId, how: Stop) -> std::io::Result<()> {
        self.cancelled.borrow_mut().push((job.to_string(), how));
        Ok(())
    }

    fn wait(&self, _: Duration) {}

    fn free_memory(&self, _: &Slot) -> Option<u64> {
        self.memory.map(|(_, free)| free)
    }
}

/// What was heard, in words.
#[derive(Default)]
struct Notes(Vec<String>);

impl Watch for Notes {
    fn planned(&mut self, runs: &[RunSpec]) {
        self.0.push(format!("{} planned", runs.len()));
    }
    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        self.0.push(format!("{} before {:?}", at.position, outcome.status));
    }
    fn noted(&mut self, at: At<'_>, text: &str) {
        self.0.push(format!("{} noted: {text}", at.position));
    }
    fn started(&mut self, at: At<'_>, _: &Slot) {
        self.0.push(format!("{} started", at.position));
    }
    fn reported(&mut self, at: At<'_>, event: &Event) {
        let what = if matches!(event, Event::Memory { .. }) { "reported its memory" } else { "reported" };
        self.0.push(format!("{} {what}", at.position));
    }
    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next) {
        self.0.push(format!("{} ended {:?} {next:?}", at.position, outcome.status));
    }
}

fn cpu() -> Slot {
    Slot { device: "cpu".into(), threads: 1, gpu: None, measured: false }
}

fn gpu(measured: bool) -> Slot {
    Slot { device: "cuda:0".into(), threads: 1, gpu: Some("GPU-1".into()), measured }
}

struct Desk {
    _dir: tempfile::TempDir,
    dir: ExperimentDir,
    plan: Plan,
}

impl Desk {
    fn with(runs: usize) -> Self {
        let _dir = tempfile::tempdir().unwrap();
        let mut experiment: Experiment = toml::from_str("name = 'a'").unwrap();
        experiment.training.seeds = (1..=runs as u64).collect();
        let plan = expand(&experiment, |_| Ok(String::new())).unwrap();
        // Results of its own: what other experiments there have finished is not trained again.
        Self { dir: ExperimentDir::at(_dir.path().join("results/a")), _dir, plan }
    }

    fn execute(&self, fake: &Fake, slots: usize, policy: Policy) -> (RunCounts, Vec<String>) {
        self.execute_on(&vec![cpu(); slots], fake, policy)
    }

    fn execute_on(&self, slots: &[Slot], fake: &Fake, policy: Policy) -> (RunCounts, Vec<String>) {
        let mut source = Listed::new(self.plan.runs.clone());
        let (result, mut notes) = self.execute_all_of(&mut source, slots, fake, policy, &|| None);
        // That all are there from the beginning is said once.
        assert_eq!(notes.remove(0), format!("{} planned", self.plan.runs.len()));
        (result.unwrap(), notes)
    }

    /// Runs of later seeds take longer.
    fn execute_all_of(
        &self,
        source: &mut dyn Source,
        slots: &[Slot],
        fake: &Fake,
        policy: Policy,
        stop: &dyn Fn() -> Option<Stop>,
    ) -> (Result<RunCounts, Error>, Vec<String>) {
        let mut notes = Notes::default();
        let work = Work { source, dir: &self.dir, duration: &|run, epochs| run.seed() as f64 * epochs as f64 };
        let result = execute(work, slots, policy, fake, stop, &mut notes);
        (result, notes.0)
    }

    fn outcome(&self, run: &RunSpec) -> Outcome {
        self.dir.run(&run.id).outcome().unwrap().unwrap()
    }

    fn plan_csv(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("plan.csv")).unwrap()
    }
}

const ONCE: Policy = Policy { retries: 0, fail_fast: false, restore: false };
const TWICE: Policy = Policy { retries: 1, fail_fast: false, restore: false };

#[test]
fn a_failure_does_not_stop_the_others_and_finished_runs_are_not_repeated() {
    let desk = Desk::with(3);
    let (counts, notes) = desk.execute(&Fake::of(&[FINISHES, Act::Dies(Exit::Signal(9)), FINISHES]), 1, ONCE);
    assert_eq!(counts, RunCounts { finished: 2, failed: 1, ..RunCounts::default() });
    assert_eq!(notes[..3], ["1 started", "1 reported", "1 ended Finished Over"]);
    let cause = desk.outcome(&desk.plan.runs[1]).cause.unwrap();
    assert!(cause.contains("signal 9"), "{cause}");
    assert_eq!(desk.plan_csv().matches(",finished\n").count(), 2);
    assert_eq!(desk.plan_csv().matches(",failed\n").count(), 1);

    let fake = Fake::of(&[FINISHES]);
    let (counts, notes) = desk.execute(&fake, 1, ONCE);
    assert_eq!(counts, RunCounts { finished: 1, skipped: 2, ..RunCounts::default() });
    assert_eq!(fake.launches(), [(desk.plan.runs[1].id.to_string(), 1)]);
    assert_eq!(notes[..2], ["1 before Finished", "3 before Finished"]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    let desk = Desk::with(1);
    let (counts, notes) = desk.execute(&Fake::of(&[Act::Dies(Exit::Signal(11)), FINISHES]), 1, TWICE);
    assert_eq!(counts, RunCounts { finished: 1, ..RunCounts::default() });
    assert!(notes[2].contains("attempt 2 of 2"), "{notes:?}");

    let desk = Desk::with(1);
    let diverges = Act::Ends(Status::Failed, Some(Failure::Diverged));
    assert_eq!(desk.execute(&Fake::of(&[diverges]), 1, TWICE).0, RunCounts { failed: 1, diverged: 1, ..RunCounts::default() });
    // The same numbers would come again, so neither does a repeated command.
    let (counts, notes) = desk.execute(&Fake::of(&[]), 1, TWICE);
    assert_eq!((counts.failed, notes), (1, vec!["1 before Failed".to_owned()]));
}

#[test]
fn want_of_memory_is_answered_with_micro_batches() {
    let desk = Desk::with(1);
    let fake = Fake::of(&[Act::Dies(Exit::OutOfMemory), Act::Dies(Exit::OutOfMemory), FINISHES]);
    assert_eq!(desk.execute(&fake, 1, ONCE).0.finished, 1);
    assert_eq!(fake.launches().iter().map(|(_, micro_batches)| *micro_batches).collect::<Vec<_>>(), [1, 2, 4]);
}

/// No job ends before another is started beside it.
#[test]
fn as_many_run_at_a_time_as_there_are_slots_the_longest_first() {
    let desk = Desk::with(4);
    let fake = Fake { together: 2, ..Fake::of(&[FINISHES; 4]) };
    let (counts, notes) = desk.execute(&fake, 2, ONCE);
    assert_eq!(counts.finished, 4);
    let started: Vec<&String> = notes.iter().filter(|note| note.ends_with("started")).collect();
    assert_eq!(started, ["4 started", "3 started", "2 started", "1 started"]);
}

#[test]
fn a_run_is_known_by_its_hash_whatever_stands_before_it() {
    let mut desk = Desk::with(1);
    desk.execute(&Fake::of(&[FINISHES]), 1, ONCE);
    let run = &mut desk.plan.runs[0];
    run.id = crate::plan::RunId::from_name(&format!("another-sweep_seed-1-{}", run.id.hash()));
    run.differs.insert(0, ("optimizer.adam.lr".into(), "0.001".into()));
    let (counts, _) = desk.execute(&Fake::of(&[]), 1, ONCE);
    assert_eq!(counts.skipped, 1);
    let places = desk.dir.runs().unwrap();
    assert_eq!((places.len(), places[0].differs().unwrap().len()), (1, 2));
}

#[test]
fn fail_fast_stops_the_rest() {
    let desk = Desk::with(3);
    let fake = Fake::of(&[Act::Ends(Status::Failed, Some(Failure::Mistake))]);
    let (counts, _) = desk.execute(&fake, 1, Policy { retries: 1, fail_fast: true, restore: false });
    assert_eq!(counts, RunCounts { failed: 1, interrupted: 2, ..RunCounts::default() });
    assert!(fake.cancelled.borrow().is_empty(), "nothing else runs");
}

#[test]
fn fail_fast_asks_what_runs_beside_to_end() {
    let desk = Desk::with(3);
    let fake = Fake {
        together: 2,
        ..Fake::of(&[Act::Ends(Status::Failed, Some(Failure::Mistake)), Act::Ends(Status::Interrupted, None)])
    };
    let (counts, _) = desk.execute(&fake, 2, Policy { retries: 0, fail_fast: true, restore: false });
    assert_eq!(counts, RunCounts { failed: 1, interrupted: 2, ..RunCounts::default() });
    assert_eq!(*fake.cancelled.borrow(), [("1".to_owned(), Stop::Gently)]);
}

#[test]
fn nothing_starts_after_a_stop() {
    let desk = Desk::with(3);
    let asked = Cell::new(0);
    let stop = || (asked.replace(asked.get() + 1) >= 1).then_some(Stop::Gently);
    let before = RefCell::new(vec![JobState::Running]);
    let fake = Fake { before, ..Fake::of(&[Act::Ends(Status::Interrupted, None)]) };
    let (counts, _) = desk.execute_all_of(&mut Listed::new(desk.plan.runs.clone()), &[cpu()], &fake, ONCE, &stop);
    assert_eq!((fake.launches().len(), counts.unwrap().interrupted), (1, 3));
}

/// The job goes on for some looks.
#[test]
fn a_stop_is_passed_on_once_and_a_more_urgent_one_again() {
    let desk = Desk::with(1);
    let asked = Cell::new(0);
    let stop = || {
        [None, None, Some(Stop::Gently), Some(Stop::Gently)]
            .get(asked.replace(asked.get() + 1))
            .copied()
            .unwrap_or(Some(Stop::Now))
    };
    let fake = Fake { before: RefCell::new(vec![JobState::Running; 8]), ..Fake::of(&[Act::Dies(Exit::Signal(9))]) };
    let (counts, notes) = desk.execute_all_of(&mut Listed::new(desk.plan.runs.clone()), &[cpu()], &fake, TWICE, &stop);
    assert_eq!(counts.unwrap(), RunCounts { interrupted: 1, ..RunCounts::default() });
    let expected = [Stop::Gently, Stop::Now].map(|how| ("0".to_owned(), how));
    assert_eq!(*fake.cancelled.borrow(), expected);
    assert_eq!(notes.last().map(String::as_str), Some("1 ended Interrupted Over"));
}

#[test]
fn a_job_that_waits_or_of_which_nobody_can_say_how_it_stands_has_not_ended() {
    let desk = Desk::with(1);
    let unknown = || JobState::Unknown("no answer".into());
    let before = vec![unknown(), JobState::Running, unknown(), JobState::Waiting];
    let (counts, notes) = desk.execute(&Fake { before: RefCell::new(before), ..Fake::of(&[FINISHES]) }, 1, ONCE);
    assert_eq!(counts.finished, 1);
    let expected = ["1 started", "1 reported", "1 noted: nobody can say how job 0 stands: no answer", "1 ended Finished Over"];
    assert_eq!(notes, expected);
}

/// Chooses runs of a plan by how many have ended: the first, then two more, one of which is the first again.
struct Search<'a> {
    plan: &'a Plan,
    asked: Vec<Vec<(RunId, Status)>>,
}

fn whole(runs: &[RunSpec]) -> Vec<Wanted> {
    runs.iter().cloned().map(Wanted::whole).collect()
}

impl Source for Search<'_> {
    fn runs(&mut self, ended: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        self.asked.push(ended.iter().map(|ended| (ended.run.clone(), ended.outcome.status)).collect());
        match ended.len() {
            0 => Ok(whole(&self.plan.runs[..1])),
            1 => Ok(whole(&self.plan.runs[..3])),
            2 => Ok(Vec::new()),
            _ => Err("enough".into()),
        }
    }
}

#[test]
fn a_plan_grows_when_its_source_has_more_and_goes_on_from_what_has_ended() {
    let desk = Desk::with(3);
    let [a, b, c] = [0, 1, 2].map(|run| desk.plan.runs[run].id.clone());
    let mut search = Search { plan: &desk.plan, asked: Vec::new() };
    let fake = Fake::of(&[FINISHES, Act::Dies(Exit::Signal(9)), FINISHES]);
    let (result, notes) = desk.execute_all_of(&mut search, &[cpu()], &fake, ONCE, &|| None);
    // Without any new run the source was asked once more when the last had ended.
    assert_eq!(result.unwrap_err().to_string(), "no further runs can be chosen: enough");
    let at = |run: &RunId, status| (run.clone(), status);
    let (first, second) = (at(&a, Status::Finished), at(&b, Status::Failed));
    assert_eq!(search.asked[..3], [vec![], vec![first.clone()], vec![first.clone(), second.clone()]]);
    assert_eq!(search.asked[3], [first, second, at(&c, Status::Finished)]);
    let kept: Vec<&str> = notes.iter().map(String::as_str).filter(|note| !note.contains("reported")).collect();
    let expected = [
        "1 planned",
        "1 started",
        "1 ended Finished Over",
        "3 planned",
        "2 started",
        "2 ended Failed Over",
        "3 started",
        "3 ended Finished Over",
    ];
    assert_eq!(kept, expected);
    let rows: Vec<String> = desk.plan_csv().lines().skip(1).map(str::to_owned).collect();
    let row = |run: &RunId, seed, status| format!("{run},{seed},{status}");
    assert_eq!(rows, [row(&a, 1, "finished"), row(&b, 2, "failed"), row(&c, 3, "finished")]);

    // The same command: what has finished is where the search goes on from.
    let mut search = Search { plan: &desk.plan, asked: Vec::new() };
    let (_, notes) = desk.execute_all_of(&mut search, &[cpu()], &Fake::of(&[FINISHES]), ONCE, &|| None);
    assert_eq!(notes[..4], ["1 planned", "1 before Finished", "3 planned", "3 before Finished"]);
    assert_eq!(notes[4], "2 started");
}

/// Wants a run until these epochs, one after the other.
struct Rungs {
    run: RunSpec,
    untils: Vec<Option<usize>>,
}

impl Source for Rungs {
    fn runs(&mut self, ended: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        let until = self.untils.get(ended.len()).or(self.untils.last()).copied().flatten();
        Ok(vec![Wanted { run: self.run.clone(), until }])
    }
}

#[test]
fn a_run_pauses_and_goes_on_when_it_is_wanted_until_a_later_epoch() {
    let desk = Desk::with(1);
    let rungs = |untils: &[Option<usize>]| Rungs { run: desk.plan.runs[0].clone(), untils: untils.to_vec() };
    // At the second rung it has paused too early, as when a child was killed and another one had begun before.
    let fake = Fake::of(&[Act::Pauses(1), Act::Pauses(1), Act::Pauses(3)]);
    let (counts, notes) = desk.execute_all_of(&mut rungs(&[Some(1), Some(3)]), &[cpu()], &fake, ONCE, &|| None);
    assert_eq!(counts.unwrap(), RunCounts { paused: 1, ..RunCounts::default() });
    let again = notes.iter().filter(|note| note.contains("to a later epoch")).count();
    assert_eq!((fake.launches().len(), again), (3, 1), "{notes:?}");
    assert_eq!(desk.plan_csv().matches(",paused\n").count(), 1);

    let (counts, notes) = desk.execute_all_of(&mut rungs(&[Some(2)]), &[cpu()], &Fake::of(&[]), ONCE, &|| None);
    assert_eq!((counts.unwrap().paused, notes), (1, vec!["1 planned".to_owned(), "1 before Paused".to_owned()]));
    let (counts, _) = desk.execute_all_of(&mut rungs(&[Some(2), None]), &[cpu()], &Fake::of(&[FINISHES]), ONCE, &|| None);
    assert_eq!(counts.unwrap(), RunCounts { finished: 1, ..RunCounts::default() });
    assert_eq!(desk.plan_csv().matches(",finished\n").count(), 1);
}

/// A source that has something for slots that wait.
struct Spare<'a> {
    plan: &'a Plan,
    spare: usize,
}

impl Source for Spare<'_> {
    fn runs(&mut self, _: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(whole(&self.plan.runs[..1]))
    }

    fn spare(&mut self) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        self.spare += 1;
        Ok(whole(&self.plan.runs[self.spare.min(2)..3]))
    }
}

/// No job ends before another is started beside it.
#[test]
fn a_slot_that_would_wait_takes_what_the_source_can_spare() {
    let desk = Desk::with(3);
    let mut source = Spare { plan: &desk.plan, spare: 0 };
    let fake = Fake { together: 2, unmet: 2, ..Fake::of(&[FINISHES; 3]) };
    let (counts, _) = desk.execute_all_of(&mut source, &vec![cpu(); 2], &fake, ONCE, &|| None);
    assert_eq!(counts.unwrap().finished, 3);
    assert_eq!(fake.launches()[0].0, desk.plan.runs[0].id.to_string(), "what is wanted comes first");
}

/// No job ends before another is started beside it. All are of one kind.
#[test]
fn a_gpu_takes_a_second_run_when_the_first_has_reported_its_memory() {
    let desk = Desk::with(2);
    let fake = Fake { together: 2, memory: Some((1_000_000_000, 1_700_000_000)), ..Fake::of(&[FINISHES; 2]) };
    let (counts, notes) = desk.execute_on(&vec![gpu(true); 2], &fake, ONCE);
    assert_eq!(counts.finished, 2);
    assert_eq!(notes[..4], ["2 started", "2 reported", "2 reported its memory", "1 started"]);
}

#[test]
fn a_gpu_without_room_takes_runs_one_by_one() {
    let desk = Desk::with(3);
    let fake = Fake { memory: Some((1_000_000_000, 1_699_999_999)), ..Fake::of(&[FINISHES; 3]) };
    let (counts, notes) = desk.execute_on(&vec![gpu(true); 3], &fake, ONCE);
    assert_eq!(counts.finished, 3);
    let course: Vec<&str> = notes.iter().filter(|note| !note.contains("reported")).map(String::as_str).collect();
    let one_by_one =
        ["3 started", "3 ended Finished Over", "2 started", "2 ended Finished Over", "1 started", "1 ended Finished Over"];
    assert_eq!(course, one_by_one);
}

#[test]
fn want_of_memory_beside_others_is_first_answered_by_a_gpu_alone() {
    let desk = Desk::with(2);
    let no_memory = Act::Dies(Exit::OutOfMemory);
    let fake = Fake { together: 2, unmet: 3, ..Fake::of(&[no_memory, FINISHES, no_memory, FINISHES]) };
    let (counts, notes) = desk.execute_on(&vec![gpu(false); 2], &fake, ONCE);
    assert_eq!(counts.finished, 2);
    assert_eq!(fake.launches().iter().map(|(_, micro_batches)| *micro_batches).collect::<Vec<_>>(), [1, 1, 1, 2]);
    let again: Vec<&String> = notes.iter().filter(|note| note.contains("Again")).collect();
    assert!(again.len() == 2 && again[0].contains("alone on its GPU") && again[1].contains("in 2 micro-batches"), "{again:?}");
}

/// As the child or the task of an earlier schedule may.
#[test]
fn what_somebody_else_has_finished_meanwhile_is_not_started() {
    let desk = Desk::with(3);
    let fake = Fake::of(&[FINISHES, FINISHES]);
    *fake.others.borrow_mut() = desk.dir.places([&desk.plan.runs[1].id]).unwrap();
    let (counts, notes) = desk.execute(&fake, 1, ONCE);
    assert_eq!((counts.finished, counts.skipped, fake.launches().len()), (2, 1, 2));
    assert!(notes.contains(&"2 before Finished".to_owned()), "{notes:?}");
}
