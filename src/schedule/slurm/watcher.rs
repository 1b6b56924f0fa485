//! Asks the queue in a thread of its own: a controller that is down lets every command wait for seconds.

use super::commands::{self, Queue, Seen};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// What was asked, and what came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// When it was asked: later jobs are not in it.
    pub asked: Instant,
    pub queue: Queue,
    /// What the accounts say of tasks that the queue has forgotten.
    pub accounts: HashMap<(String, usize), Seen>,
}

/// The one question that may be under way.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    asked: Option<Instant>,
    coming: Option<Receiver<Result<Answer, String>>>,
    /// Why the last question had no answer.
    trouble: Option<String>,
}

impl Watcher {
    /// Whether it is time to ask again.
    pub fn is_due(&self, pause: Duration) -> bool {
        self.coming.is_none() && self.asked.is_none_or(|asked| asked.elapsed() >= pause)
    }

    /// Asks for the jobs of these names, and the accounts for those of their tasks that the queue does not know, by job number and index.
    pub fn ask(&mut self, jobs: Vec<(String, Vec<(String, usize)>)>) {
        let asked = Instant::now();
        let (sender, receiver) = sync_channel(1);
        let (names, tasks): (Vec<String>, Vec<Vec<(String, usize)>>) = jobs.into_iter().unzip();
        let question = move || {
            let answer = commands::squeue(&names).map(|queue| {
                let forgotten = tasks.iter().flatten().filter(|task| queue.task(task).is_none());
                let mut jobs: Vec<String> = forgotten.map(|(job, _)| job.clone()).collect();
                jobs.dedup();
                let accounts = if jobs.is_empty() { HashMap::new() } else { commands::sacct(&jobs) };
                Answer { asked, queue, accounts }
            });
            // Nobody waits for it if the schedule has ended.
            _ = sender.send(answer);
        };
        self.asked = Some(asked);
        match std::thread::Builder::new().spawn(question) {
            Ok(_) => self.coming = Some(receiver),
            Err(cause) => self.trouble = Some(cause.to_string()),
        }
    }

    /// The answer, once, when it has come.
    pub fn answer(&mut self) -> Option<Answer> {
        let answer = match self.coming.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("squeue gave no answer".to_owned()),
            Ok(answer) => answer,
        };
        self.coming = None;
        self.trouble = answer.as_ref().err().cloned();
        answer.ok()
    }

    /// Why the last question had no answer, if it had none.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}
