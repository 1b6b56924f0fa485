//! Keeps an experiment's report up to date while its runs go on.
//!
//! The report is written by a process of its own, `umlaut report DIR`, on one thread: whatever befalls it, the schedule goes on, and it ends
//! with the schedule.

use super::report::Ranking;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use umlaut::plan::RunSpec;
use umlaut::record::{Event, Outcome};
use umlaut::schedule::{At, Next, Slot, Watch};
use umlaut::store::ExperimentDir;

/// Shortest time between two reports.
const CALM: Duration = Duration::from_secs(20);
/// A report that takes long is written less often: this many times what it takes lies between two.
const PATIENCE: u32 = 20;
/// Sets the seconds between two reports, however long a report takes.
const SECONDS: &str = "UMLAUT_REPORT_SECONDS";

/// Passes everything on to another watch, and writes the report when something has changed.
pub struct Rewriting<'a> {
    inner: Box<dyn Watch + 'a>,
    program: PathBuf,
    dir: PathBuf,
    ranking: Ranking,
    /// The time between two reports, where it was set.
    pause: Option<Duration>,
    /// Whether an epoch has ended since the last report began.
    changed: bool,
    writing: Option<(Child, Instant)>,
    /// When the last report ended, and how long it took.
    last: (Instant, Duration),
}

impl<'a> Rewriting<'a> {
    /// Watches with `inner` and reports on `dir`, with groups in order by the scores of `ranking`.
    ///
    /// # Errors
    /// If the program's own file cannot be found.
    pub fn new(inner: Box<dyn Watch + 'a>, dir: &ExperimentDir, ranking: Ranking) -> std::io::Result<Self> {
        let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse::<f64>().ok());
        let pause = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let (program, dir) = (std::env::current_exe()?, dir.path().to_owned());
        Ok(Self { inner, program, dir, ranking, pause, changed: false, writing: None, last: (Instant::now(), Duration::ZERO) })
    }

    fn write_if_due(&mut self) {
        if let Some((child, began)) = &mut self.writing {
            if matches!(child.try_wait(), Ok(None)) {
                return;
            }
            self.last = (Instant::now(), began.elapsed());
            self.writing = None;
        }
        let (ended, took) = self.last;
        let pause = self.pause.unwrap_or_else(|| CALM.max(PATIENCE * took));
        if self.changed && ended.elapsed() >= pause {
            self.changed = false;
            let mut command = Command::new(&self.program);
            command.arg("report").arg(&self.dir).arg("--child").args(self.ranking.arguments()).env("RAYON_NUM_THREADS", "1");
            // A pipe that ends when this process does, however it dies: the report of a dead schedule would be of no use.
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            // The report at the end says what is wrong, if something is.
            self.writing = command.spawn().ok().map(|child| (child, Instant::now()));
        }
    }
}

impl Watch for Rewriting<'_> {
    fn planned(&mut self, runs: &[RunSpec]) {
        self.inner.planned(runs);
    }

    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        self.inner.before(at, outcome);
    }

    fn said(&mut self, text: &str) {
        self.inner.said(text);
    }

    fn noted(&mut self, at: At<'_>, text: &str) {
        self.inner.noted(at, text);
    }

    fn started(&mut self, at: At<'_>, slot: &Slot) {
        self.inner.started(at, slot);
    }

    fn reported(&mut self, at: At<'_>, event: &Event) {
        self.changed |= matches!(event, Event::Epoch { .. });
        self.inner.reported(at, event);
    }

    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next) {
        self.changed = true;
        self.inner.ended(at, outcome, next);
    }

    fn tick(&mut self) {
        self.write_if_due();
        self.inner.tick();
    }
}

impl Drop for Rewriting<'_> {
    /// A report of what was must not overwrite the one at the end.
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.writing.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}
