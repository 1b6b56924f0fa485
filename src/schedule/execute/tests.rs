//! With a launcher that does what a script says.

use super::*;
use crate::config::Experiment;
use crate::plan::{RunSpec, expand};
use std::cell::Cell;
use std::sync::Mutex;

/// What a launch does: writes an outcome and exits, or only dies.
#[derive(Clone, Copy)]
enum Act {
    Ends(Status, Option<Failure>),
    Dies(Exit),
}

const FINISHES: Act = Act::Ends(Status::Finished, None);

/// Follows the script, launch by launch; notes run, parts and how many ran at once. Tells its memory before it waits for company,
/// if it has any to tell.
struct Fake {
    script: Mutex<Vec<Act>>,
    launches: Mutex<Vec<(String, usize)>>,
    asked: Mutex<bool>,
    together: Option<std::sync::Barrier>,
    /// Launches from this one on wait for no other.
    unmet: usize,
    /// Bytes that a launch tells, and bytes that are free on its GPU.
    memory: Option<(u64, u64)>,
}

impl Fake {
    fn of(script: &[Act]) -> Self {
        let script = Mutex::new(script.iter().rev().copied().collect());
        Self { script, launches: Mutex::default(), asked: Mutex::default(), together: None, unmet: usize::MAX, memory: None }
    }

    fn launches(&self) -> Vec<(String, usize)> {
        self.launches.lock().unwrap().clone()
    }
}

impl Launcher for Fake {
    fn launch(&self, order: Order<'_>, tell: &mut dyn FnMut(Event)) -> std::io::Result<Exit> {
        let act = self.script.lock().unwrap().pop().expect("the script says how each launch ends");
        let mut launches = self.launches.lock().unwrap();
        launches.push((order.run.id().to_string(), order.micro_batches));
        let waits = launches.len() < self.unmet;
        drop(launches);
        tell(Event::Step { epoch: 1, step: 1, loss: 0.5 });
        if let Some((device_bytes, _)) = self.memory {
            tell(Event::Memory { device_bytes });
        }
        if let Some(barrier) = self.together.as_ref().filter(|_| waits) {
            barrier.wait();
        }
        let Act::Ends(status, failure) = act else {
            let Act::Dies(exit) = act else { unreachable!() };
            return Ok(exit);
        };
        order.run.write_outcome(&Outcome { status, failure, ..Outcome::default() }).expect("the directory is there");
        Ok(Exit::Code(i32::from(status != Status::Finished)))
    }

    fn stop(&self, _: bool) {
        *self.asked.lock().unwrap() = true;
    }

    fn free_memory(&self, _: &Slot) -> Option<u64> {
        self.memory.map(|(_, free)| free)
    }
}

/// What was told, in words.
#[derive(Default)]
struct Notes(Vec<String>);

impl Watch for Notes {
    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        self.0.push(format!("{} before {:?}", at.position, outcome.status));
    }
    fn noted(&mut self, at: At<'_>, text: &str) {
        self.0.push(format!("{} noted: {text}", at.position));
    }
    fn started(&mut self, at: At<'_>, _: &Slot) {
        self.0.push(format!("{} started", at.position));
    }
    fn told(&mut self, at: At<'_>, event: &Event) {
        let what = if matches!(event, Event::Memory { .. }) { "told its memory" } else { "told" };
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
        Self { dir: ExperimentDir::at(_dir.path()), _dir, plan }
    }

    fn execute(&self, fake: &Fake, slots: usize, policy: Policy) -> (Tally, Vec<String>) {
        self.execute_on(&vec![cpu(); slots], fake, policy)
    }

    fn execute_on(&self, slots: &[Slot], fake: &Fake, policy: Policy) -> (Tally, Vec<String>) {
        let mut notes = Notes::default();
        let sizes: Vec<f64> = (1..=self.plan.runs.len()).map(|n| n as f64).collect();
        let work = Work { plan: &self.plan, dir: &self.dir, sizes: &sizes };
        let tally = execute(work, slots, policy, fake, &|| false, &mut notes).unwrap();
        (tally, notes.0)
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
    let (tally, notes) = desk.execute(&Fake::of(&[FINISHES, Act::Dies(Exit::Signal(9)), FINISHES]), 1, ONCE);
    assert_eq!(tally, Tally { finished: 2, failed: 1, ..Tally::default() });
    assert_eq!(notes[..3], ["1 started", "1 told", "1 ended Finished Over"]);
    let cause = desk.outcome(&desk.plan.runs[1]).cause.unwrap();
    assert!(cause.contains("signal 9"), "{cause}");
    assert_eq!(desk.plan_csv().matches(",finished\n").count(), 2);
    assert_eq!(desk.plan_csv().matches(",failed\n").count(), 1);

    let fake = Fake::of(&[FINISHES]);
    let (tally, notes) = desk.execute(&fake, 1, ONCE);
    assert_eq!(tally, Tally { finished: 1, skipped: 2, ..Tally::default() });
    assert_eq!(fake.launches(), [(desk.plan.runs[1].id.to_string(), 1)]);
    assert_eq!(notes[..2], ["1 before Finished", "3 before Finished"]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    let desk = Desk::with(1);
    let (tally, notes) = desk.execute(&Fake::of(&[Act::Dies(Exit::Signal(11)), FINISHES]), 1, TWICE);
    assert_eq!(tally, Tally { finished: 1, ..Tally::default() });
    assert!(notes[2].contains("attempt 2 of 2"), "{notes:?}");

    let desk = Desk::with(1);
    let diverges = Act::Ends(Status::Failed, Some(Failure::Diverged));
    assert_eq!(desk.execute(&Fake::of(&[diverges]), 1, TWICE).0, Tally { failed: 1, ..Tally::default() });
    // The same numbers would come again, so neither does a repeated command.
    let (tally, notes) = desk.execute(&Fake::of(&[]), 1, TWICE);
    assert_eq!((tally.failed, notes), (1, vec!["1 before Failed".to_owned()]));
}

#[test]
fn want_of_memory_is_answered_with_parts_of_batches() {
    let desk = Desk::with(1);
    let fake = Fake::of(&[Act::Dies(Exit::OutOfMemory), Act::Dies(Exit::OutOfMemory), FINISHES]);
    assert_eq!(desk.execute(&fake, 1, ONCE).0.finished, 1);
    assert_eq!(fake.launches().iter().map(|(_, parts)| *parts).collect::<Vec<_>>(), [1, 2, 4]);
}

/// The barrier opens only if both are started before either has ended.
#[test]
fn as_many_run_at_a_time_as_there_are_slots_the_longest_first() {
    let desk = Desk::with(4);
    let fake = Fake { together: Some(std::sync::Barrier::new(2)), ..Fake::of(&[FINISHES; 4]) };
    let (tally, notes) = desk.execute(&fake, 2, ONCE);
    assert_eq!(tally.finished, 4);
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
    let (tally, _) = desk.execute(&Fake::of(&[]), 1, ONCE);
    assert_eq!(tally.skipped, 1);
    let places = desk.dir.runs().unwrap();
    assert_eq!((places.len(), places[0].differs().unwrap().len()), (1, 2));
}

#[test]
fn fail_fast_stops_the_rest() {
    let desk = Desk::with(3);
    let fake = Fake::of(&[Act::Ends(Status::Failed, Some(Failure::Mistake))]);
    let (tally, _) = desk.execute(&fake, 1, Policy { retries: 1, fail_fast: true, restore: false });
    assert_eq!(tally, Tally { failed: 1, interrupted: 2, ..Tally::default() });
    assert!(*fake.asked.lock().unwrap());
}

#[test]
fn nothing_starts_after_a_stop() {
    let desk = Desk::with(3);
    let asked = Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) >= 1;
    let fake = Fake::of(&[Act::Ends(Status::Interrupted, None)]);
    let slots = [cpu()];
    let tally = execute(Work { plan: &desk.plan, dir: &desk.dir, sizes: &[] }, &slots, ONCE, &fake, &stop, &mut Notes::default())
        .unwrap();
    assert_eq!((fake.launches().len(), tally.interrupted), (1, 3));
}

/// The barrier opens only if a second run starts while the first is there. All are of one kind.
#[test]
fn a_gpu_takes_a_second_run_when_the_first_has_told_its_memory() {
    let desk = Desk::with(2);
    let together = Some(std::sync::Barrier::new(2));
    let fake = Fake { together, memory: Some((1_000_000_000, 1_700_000_000)), ..Fake::of(&[FINISHES; 2]) };
    let (tally, notes) = desk.execute_on(&vec![gpu(true); 2], &fake, ONCE);
    assert_eq!(tally.finished, 2);
    assert_eq!(notes[..4], ["2 started", "2 told", "2 told its memory", "1 started"]);
}

#[test]
fn a_gpu_without_room_takes_runs_one_by_one() {
    let desk = Desk::with(3);
    let fake = Fake { memory: Some((1_000_000_000, 1_699_999_999)), ..Fake::of(&[FINISHES; 3]) };
    let (tally, notes) = desk.execute_on(&vec![gpu(true); 3], &fake, ONCE);
    assert_eq!(tally.finished, 3);
    let course: Vec<&str> = notes.iter().filter(|note| !note.contains("told")).map(String::as_str).collect();
    let one_by_one =
        ["3 started", "3 ended Finished Over", "2 started", "2 ended Finished Over", "1 started", "1 ended Finished Over"];
    assert_eq!(course, one_by_one);
}

#[test]
fn want_of_memory_beside_others_is_first_answered_by_a_gpu_alone() {
    let desk = Desk::with(2);
    let no_memory = Act::Dies(Exit::OutOfMemory);
    let together = Some(std::sync::Barrier::new(2));
    let fake = Fake { together, unmet: 3, ..Fake::of(&[no_memory, FINISHES, no_memory, FINISHES]) };
    let (tally, notes) = desk.execute_on(&vec![gpu(false); 2], &fake, ONCE);
    assert_eq!(tally.finished, 2);
    assert_eq!(fake.launches().iter().map(|(_, parts)| *parts).collect::<Vec<_>>(), [1, 1, 1, 2]);
    let again: Vec<&String> = notes.iter().filter(|note| note.contains("Again")).collect();
    assert!(again.len() == 2 && again[0].contains("alone on its GPU") && again[1].contains("in 2 parts"), "{again:?}");
}
