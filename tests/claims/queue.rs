//! A run in Slurm's queue: submissions that arrive late, tasks that are brought back while their processes go on, schedules, tasks and children that die.
//! The tasks are `schedule::slurm::work`; a schedule submits, takes back and buries by the functions of `store::BatchDir` that the true one uses.

use super::explorer::Model;
use super::holds;
use super::stage::Stage;
use super::sweep::{Children, begin_schedule, experiment, place, run, slot};
use std::collections::BTreeSet;
use std::path::Path;
use umlaut::record::Status;
use umlaut::schedule::slurm::{Task, work};
use umlaut::store::{Batch, BatchDir, BatchRun, Error, TaskAttempt};

/// Submissions at the most.
const BATCHES: usize = 2;

/// What the queue says of a batch; nothing if it does not know it.
fn queue(stage: &Stage, batch: &str) -> Option<String> {
    stage.get(&format!("queue {batch}"))
}

fn is_finished(stage: &Stage) -> bool {
    place(stage).outcome().is_ok_and(|outcome| outcome.is_some_and(|outcome| outcome.status == Status::Finished))
}

/// `umlaut run --on slurm`, once, as far as it goes without waiting for what is not under way.
fn schedule(stage: &Stage, name: &str) -> Result<(), Error> {
    let dir = experiment(stage);
    let Ok(_claim) = dir.claim() else { return Ok(()) };
    place(stage).create(&run(), &run().experiment.to_toml())?;
    while !is_finished(stage) {
        let earlier = dir.batches()?;
        let mut open = None;
        for at in &earlier {
            if is_open(stage, at)? {
                open = Some(at.clone());
            }
        }
        let at = match open {
            Some(at) => at,
            None if earlier.len() == BATCHES => return Ok(()),
            None => submit(stage, &dir.batch(&format!("b{}", earlier.len() + 1)))?,
        };
        if !ends(stage, name, &at)? {
            return Ok(());
        }
    }
    Ok(())
}

fn name_of(at: &BatchDir) -> String {
    at.path().file_name().expect("named").to_string_lossy().into_owned()
}

/// Whether something of an earlier batch may still happen; one that Slurm has never heard of is taken back.
fn is_open(stage: &Stage, at: &BatchDir) -> Result<bool, Error> {
    let listing = at.listing()?;
    if listing.void || !listing.ends.is_empty() {
        return Ok(false);
    }
    if at.job()?.is_none() && listing.attempts.is_empty() {
        stage.pause();
        match queue(stage, &name_of(at)) {
            Some(_) => at.write_job(&name_of(at))?,
            None => return Ok(!at.withdraw()?.attempts.is_empty()),
        }
    }
    Ok(true)
}

/// Submits the run; Slurm may answer at once or never.
fn submit(stage: &Stage, at: &BatchDir) -> Result<BatchDir, Error> {
    let one = BatchRun { run: run().id.to_string(), micro_batches: 1, until: None };
    at.create(&Batch { name: name_of(at), gpu: false, tasks: vec![vec![one]] }, "")?;
    stage.set(&format!("sent {}", name_of(at)), "");
    is_open(stage, at)?;
    Ok(at.clone())
}

/// Waits for the end of a batch's run; `false` if nothing is under way by now.
fn ends(stage: &Stage, name: &str, at: &BatchDir) -> Result<bool, Error> {
    let batch = name_of(at);
    loop {
        let listing = at.listing()?;
        if listing.void || at.ended(0)?.is_some() {
            return Ok(true);
        }
        if !stage.pause() {
            return Ok(false);
        }
        let one = at.intent()?.tasks[0][0].clone();
        let attempts: BTreeSet<TaskAttempt> = listing.attempts.into_iter().collect();
        match queue(stage, &batch).as_deref() {
            Some("over") if at.bury((0, 0), &one, &attempts, "node-failed")?.is_some_and(|words| words == "node-failed") => {
                if let [child, ..] = &stage.training()[..] {
                    stage.violate(format!("{child} is taken for dead"));
                }
            }
            Some("running" | "over") => match stage.alive(&batch).first() {
                Some(task) => _ = stage.wait(name, task),
                None => return Ok(false),
            },
            _ => return Ok(false),
        }
    }
}

struct Queue {
    schedules: usize,
    deaths: usize,
    /// How often the queue may lose sight of a node whose processes go on.
    losses: usize,
}

fn begin(stage: &Stage, name: &str) {
    let me = name.to_owned();
    stage.start(name, false, move |stage| _ = schedule(stage, &me));
}

impl Model for Queue {
    fn begin(&self, stage: &Stage) {
        begin(stage, "schedule 1");
    }

    fn moves(&self, stage: &Stage, alive: &[String]) -> Vec<String> {
        let mut moves = Vec::new();
        for batch in (1..=BATCHES).map(|number| format!("b{number}")) {
            match queue(stage, &batch).as_deref() {
                None if stage.get(&format!("sent {batch}")).is_some() => moves.push(format!("accept {batch}")),
                Some("waiting") => moves.push(format!("start {batch}")),
                Some("running") if stage.number("losses") < self.losses => {
                    moves.extend([format!("requeue {batch}"), format!("lose {batch}")]);
                }
                _ => {}
            }
        }
        let next = stage.number("schedules") + 2;
        if next <= self.schedules && stage.is_over(&format!("schedule {}", next - 1)) {
            moves.push(format!("begin schedule {next}"));
        }
        if stage.deaths() < self.deaths {
            moves.extend(alive.iter().map(|name| format!("kill {name}")));
        }
        moves
    }

    fn make(&self, stage: &Stage, what: &str) {
        let (what, of) = what.split_once(' ').expect("two words");
        let state = match what {
            "begin" => {
                stage.count("schedules");
                return begin(stage, of);
            }
            "accept" => "waiting",
            "start" => {
                start_task(stage, of);
                "running"
            }
            "requeue" => {
                stage.count(&format!("restarts {of}"));
                "waiting"
            }
            _ => "over",
        };
        if matches!(what, "requeue" | "lose") {
            stage.count("losses");
        }
        stage.set(&format!("queue {of}"), state);
    }

    fn last(&self, stage: &Stage) {
        begin_schedule(stage, "last schedule");
    }

    fn wrong(&self, stage: &Stage) -> Option<String> {
        (!is_finished(stage)).then(|| "the run has not finished".to_owned())
    }

    fn is_shared(&self, path: &Path) -> bool {
        let named = |names: &[&str]| path.file_name().is_some_and(|name| names.iter().any(|shared| name == *shared));
        let in_queue = path.components().any(|part| part.as_os_str() == "slurm");
        named(&[".lock", "outcome.toml", "resume.safetensors"]) || (in_queue && !named(&["job.sh"]))
    }
}

/// Slurm starts the task of a batch on a node.
fn start_task(stage: &Stage, batch: &str) {
    let restart = stage.number(&format!("restarts {batch}"));
    let (name, batch) = (format!("{batch}.{restart}"), batch.to_owned());
    let me = name.clone();
    stage.start(&name, true, move |stage| {
        let dir = experiment(stage).batch(&batch);
        let attempt = TaskAttempt { task: 0, job: batch.clone(), restart: restart as u32 };
        let (children, slot) = (Children { stage, name: me }, slot());
        _ = work(&Task { dir: &dir, attempt, local: &children, slot: &slot, asked: &|| None, requeue: None });
        if stage.number(&format!("restarts {batch}")) == restart {
            stage.set(&format!("queue {batch}"), "over");
        }
    });
}

#[test]
fn a_task_that_is_brought_back_and_the_next_schedule_train_one_after_the_other() {
    holds(&Queue { schedules: 1, deaths: 1, losses: 1 }, 1, 300);
}

#[test]
fn a_submission_that_arrives_late_is_void_or_found() {
    holds(&Queue { schedules: 2, deaths: 1, losses: 0 }, 1, 100);
}
