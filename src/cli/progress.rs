//! Shows how long things take: one bar per run on a terminal, one line per epoch elsewhere, and the same lines in the run's log.txt. What
//! others may want to know goes into the run's events.

use super::text::{clock, counted, drawn};
use super::volume;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};
use umlaut::config::Experiment;
use umlaut::machine;
use umlaut::record::{EpochRecord, Event, Outcome, Status};
use umlaut::shown;
use umlaut::store::{self, EventLog, RunDir};
use umlaut::train::Progress;

/// Columns of a drawn bar: so few that the widest line still fits 80.
const BAR: usize = 10;

/// How often a GPU is asked how busy it is, while it has anything to do.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How busy a GPU is.
struct Usage {
    uuid: String,
    looked: Instant,
    /// What it said during this epoch.
    shares: Vec<f64>,
}

impl Usage {
    /// Of the GPU with this number; `None` where nobody tells.
    fn of(gpu: Option<usize>) -> Option<Self> {
        let found = machine::gpus().ok()?.into_iter().find(|found| Some(found.index) == gpu)?;
        machine::gpu_use(&found.uuid)?;
        Some(Self { uuid: found.uuid, looked: Instant::now(), shares: Vec::new() })
    }

    fn look(&mut self) {
        if self.looked.elapsed() >= BETWEEN_LOOKS {
            self.looked = Instant::now();
            self.shares.extend(machine::gpu_use(&self.uuid));
        }
    }

    /// The mean over an epoch that ends; of a short one what NVML says at its end.
    fn of_epoch(&mut self) -> Option<f64> {
        let mut shares = std::mem::take(&mut self.shares);
        if shares.is_empty() {
            shares.extend(machine::gpu_use(&self.uuid));
        }
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    }
}

/// Watches the training of one run.
pub struct Bar {
    title: String,
    log: File,
    events: EventLog,
    /// `None` where stderr is no terminal.
    bar: Option<ProgressBar>,
    /// Whether another process watches; standard error is the log then.
    child: bool,
    course: Course,
    began: Instant,
    /// `None` on the CPU, and where NVML does not say.
    usage: Option<Usage>,
}

impl Bar {
    /// Watches this run, from its beginning or its resume, on this GPU if it is one.
    ///
    /// # Errors
    /// If the run's log or its events cannot be opened.
    pub fn new(run: &RunDir, experiment: &Experiment, gpu: Option<usize>, child: bool) -> Result<Self, store::Error> {
        let title = format!("{} {}", experiment.name, run.id());
        let bar = (!child && volume::may_draw()).then(line_on_terminal);
        let (log, events) = (run.log()?, run.event_log()?);
        let usage = gpu.and_then(|_| Usage::of(gpu));
        Ok(Self { title, log, events, bar, child, course: Course::default(), began: Instant::now(), usage })
    }

    /// A line for the log, and for stderr if that is no terminal.
    fn line(&mut self, text: &str) {
        // A log that cannot be written is no reason to stop training.
        _ = writeln!(self.log, "{}", shown::line(text));
        if self.bar.is_none() && !self.child {
            eprintln!("{text}");
        }
    }

    fn left(&self) -> String {
        clock(self.course.left(self.began.elapsed()))
    }
}

impl Progress for Bar {
    fn started(&mut self, first: usize, epochs: usize, steps: usize) {
        self.course = Course { first, epochs, steps, ..Course::default() };
        self.began = Instant::now();
        self.events.report(&Event::Started { first, epochs, steps });
        let text = match epochs {
            _ if first > epochs => format!("{}: all {epochs} epochs are done already", self.title),
            _ => format!("{}: epochs {first} to {epochs}, {} each", self.title, counted(steps, "step")),
        };
        self.line(&text);
    }

    fn note(&mut self, text: &str) {
        self.events.report(&Event::Note { text: text.to_owned() });
        self.line(text);
        if let Some(bar) = &self.bar {
            bar.println(text);
        }
    }

    fn step(&mut self, epoch: usize, step: usize, loss: f64) {
        self.course.step(epoch, step, loss);
        self.events.report(&Event::Step { epoch, step, loss: self.course.loss() });
        if let Some(usage) = &mut self.usage {
            usage.look();
        }
        if let Some(bar) = &self.bar {
            // All in one message: several calls would show mixtures of old and new.
            bar.set_message(self.course.message(&self.left()));
        }
    }

    fn epoch_ended(&mut self, record: &EpochRecord) {
        self.course.val_dice = record.get("val_dice");
        let text = self.course.line(record, &self.left());
        self.line(&text);
        let value = |column: &str| record.get(column).unwrap_or(f64::NAN);
        let (train_loss, val_loss, val_dice) = (value("train_loss"), value("val_loss"), value("val_dice"));
        self.events.report(&Event::Epoch { epoch: record.epoch, train_loss, val_loss, val_dice });
        if let Some(share) = self.usage.as_mut().and_then(Usage::of_epoch) {
            self.events.report(&Event::GpuUse { share });
        }
    }

    fn device_memory(&mut self, bytes: usize) {
        self.events.report(&Event::Memory { device_bytes: bytes as u64 });
    }

    fn device_note(&mut self, text: &str) {
        self.events.report(&Event::Note { text: format!("note: {text}") });
        if !self.child {
            // Standard error has it, which is the log of a child alone.
            _ = writeln!(self.log, "note: {text}");
        }
    }

    fn ended(&mut self, outcome: &Outcome) {
        let ending = ending(outcome, self.course.epochs);
        self.line(&format!("{}: {ending}", self.title));
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            eprintln!("  {ending}");
        }
    }
}

/// Watches something that is counted, on a terminal only; gone when dropped.
pub struct Reading(Option<ProgressBar>);

impl Reading {
    /// Watches what `label` says.
    pub fn new(label: &'static str) -> Self {
        Self(volume::may_draw().then(|| line_on_terminal().with_prefix(label)))
    }

    /// So many are done.
    pub fn at(&self, done: usize, of: usize) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("{} {} {done}/{of}", bar.prefix(), drawn(done, of, BAR)));
        }
    }

    /// A line that stays: above the bar, or alone where there is none.
    pub fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.println(shown::lines(line)),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// One line, cut off at the terminal's width.
fn line_on_terminal() -> ProgressBar {
    ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{wide_msg}").expect("a constant template"))
}

/// How far a run is, in numbers.
#[derive(Debug, Default)]
struct Course {
    first: usize,
    epochs: usize,
    steps: usize,
    epoch: usize,
    step: usize,
    /// Sum of the losses of the epoch's steps that were seen here: a resume may begin in its midst.
    losses: f64,
    /// How many these are.
    seen: usize,
    val_dice: Option<f64>,
}

impl Course {
    fn step(&mut self, epoch: usize, step: usize, loss: f64) {
        (self.losses, self.seen) = if step == 1 { (loss, 1) } else { (self.losses + loss, self.seen + 1) };
        (self.epoch, self.step) = (epoch, step);
    }

    /// Mean over the epoch so far.
    fn loss(&self) -> f64 {
        self.losses / self.seen as f64
    }

    /// `epoch 2/12 ▕█▌   ▏ step 3/10  loss 0.231  val dice 0.871  eta 0:42`; the loss is the mean over the epoch so far.
    fn message(&self, left: &str) -> String {
        let Self { epochs, steps, epoch, step, .. } = self;
        let bar = drawn((epoch - 1) * steps + step, epochs * steps, BAR);
        let loss = short(self.loss());
        let dice = self.val_dice.map_or(String::new(), |dice| format!("  val dice {dice:.3}"));
        format!("epoch {epoch}/{epochs} {bar} step {step}/{steps}  loss {loss}{dice}  eta {left}")
    }

    fn line(&self, record: &EpochRecord, left: &str) -> String {
        let value = |column: &str| short(record.get(column).unwrap_or(f64::NAN));
        let (epoch, epochs, loss) = (record.epoch, self.epochs, value("train_loss"));
        let (val_loss, dice) = (value("val_loss"), value("val_dice"));
        format!("epoch {epoch}/{epochs}  loss {loss}  val loss {val_loss}  val dice {dice}  eta {left}")
    }

    /// The time that is left if every step, with its share of the validation, goes on taking as long.
    fn left(&self, elapsed: Duration) -> Duration {
        let step_of = |epoch: usize, step: usize| (epoch.saturating_sub(self.first) * self.steps + step) as f64;
        let (done, all) = (step_of(self.epoch, self.step), step_of(self.epochs + 1, 0));
        if done == 0.0 { Duration::ZERO } else { elapsed.mul_f64((all - done).max(0.0) / done) }
    }
}

/// Three decimals, or two digits and a power of ten where these would not say much.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (0.01..1000.0).contains(&value.abs()) {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    }
}

/// How a run ended that was to have so many epochs, in a line.
pub fn ending(outcome: &Outcome, epochs: usize) -> String {
    let best = match (outcome.best_epoch, outcome.best.get("val_dice")) {
        (Some(epoch), Some(dice)) => format!("; best epoch {epoch} by {}, val dice {dice:.3}", outcome.best_by),
        _ => String::new(),
    };
    let cause = outcome.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
    match outcome.status {
        Status::Finished if outcome.epochs < epochs => {
            format!("finished early, after epoch {} of {epochs}{best}", outcome.epochs)
        }
        Status::Finished => format!("finished{best}"),
        Status::Failed => format!("failed{cause}{best}"),
        Status::Paused => format!("paused after epoch {} of {epochs}", outcome.epochs),
        Status::Interrupted => format!("stopped after epoch {}; the same command goes on from there", outcome.epochs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_widest_line_of_a_long_run_fits_80_columns() {
        let course =
            Course { first: 1, epochs: 999, steps: 999, epoch: 999, step: 999, losses: 9.99e7, seen: 999, val_dice: Some(0.5) };
        let line = course.message(&clock(Duration::from_secs(9 * 3600)));
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }

    #[test]
    fn a_message_shows_the_mean_loss_of_the_epoch_and_the_dice_of_the_last() {
        let mut course = Course { first: 1, epochs: 2, steps: 10, ..Course::default() };
        course.step(1, 1, 0.5);
        course.step(1, 2, 0.25);
        assert_eq!(course.message("0:42"), "epoch 1/2 ▕█         ▏ step 2/10  loss 0.375  eta 0:42");
        let mut resumed = Course { first: 1, epochs: 2, steps: 10, ..Course::default() };
        resumed.step(1, 7, 0.5);
        assert_eq!(resumed.loss(), 0.5);
        course.val_dice = Some(0.871);
        course.step(2, 1, 0.125);
        assert_eq!(course.message("0:42"), "epoch 2/2 ▕█████▌    ▏ step 1/10  loss 0.125  val dice 0.871  eta 0:42");
    }

    #[test]
    fn time_left_counts_this_sessions_steps_only() {
        let course = Course { first: 11, epochs: 20, steps: 4, epoch: 12, step: 1, ..Course::default() };
        assert_eq!(course.left(Duration::from_secs(5)), Duration::from_secs(35));
    }

    #[test]
    fn a_line_an_epoch() {
        let values = [("train_loss", 0.5), ("val_loss", 1e-5), ("val_dice", 0.9)];
        let record = EpochRecord { epoch: 3, values: values.map(|(name, value)| (name.to_owned(), value)).to_vec() };
        let course = Course { epochs: 4, ..Course::default() };
        assert_eq!(course.line(&record, "0:01"), "epoch 3/4  loss 0.500  val loss 1.0e-5  val dice 0.900  eta 0:01");
    }

    #[test]
    fn an_ending_says_how_and_why() {
        let mut outcome = Outcome {
            status: Status::Failed,
            cause: Some("the training loss is NaN in epoch 2, step 3".into()),
            epochs: 1,
            best_epoch: Some(1),
            best_by: "val_loss".into(),
            best: BTreeMap::from([("val_dice".to_owned(), 0.75)]),
            ..Outcome::default()
        };
        let expected = "failed: the training loss is NaN in epoch 2, step 3; best epoch 1 by val_loss, val dice 0.750";
        assert_eq!(ending(&outcome, 4), expected);
        (outcome.status, outcome.cause) = (Status::Finished, None);
        assert_eq!(ending(&outcome, 1), "finished; best epoch 1 by val_loss, val dice 0.750");
        assert_eq!(ending(&outcome, 4), "finished early, after epoch 1 of 4; best epoch 1 by val_loss, val dice 0.750");
    }
}
