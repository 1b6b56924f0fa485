//! The live view of `umlaut run`: on a terminal one line per run that is under way, elsewhere one per thing that happens.

mod course;
mod frame;
mod lines;
pub mod screen;
mod totals;

use super::names::Names;
use super::progress::ending;
use super::text::{clock, counted, fit, wrap};
use super::volume;
use course::Course;
use frame::{Row, Stage};
use screen::Screen;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};
use totals::Totals;
use umlaut::estimate::{Estimate, makespan};
use umlaut::plan::RunSpec;
use umlaut::record::{Event, Outcome, Status};
use umlaut::schedule::{At, Epochs, Next, Slot, Watch};
use umlaut::store::{ExperimentDir, RunDir};

/// Between two drawings lies at least this.
const CALM: Duration = Duration::from_millis(200);

/// Lines of a failed run's log that are shown.
const LOG_LINES: usize = 3;

/// Watches a schedule of an experiment's runs: on a terminal that can move its cursor by a [`Live`] view, elsewhere and where more is wanted by
/// plain lines.
pub fn watch<'a>(dir: &'a ExperimentDir, estimate: Estimate, slots: usize, asked: &'a dyn Fn() -> bool) -> Box<dyn Watch + 'a> {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb") || std::env::var_os("CI").is_some();
    if dumb || !volume::may_draw() || volume::is_verbose() {
        return Box::new(lines::Lines::default());
    }
    Box::new(Live::new(dir, estimate, slots, asked))
}

/// A run that is under way.
struct Running {
    /// The GPU that it is on; empty on the processor.
    device: String,
    course: Course,
    /// What is said before it trains.
    words: String,
    /// Length of its log when it began.
    log_before: u64,
    began: Instant,
}

/// Draws lines at the bottom of the terminal and lets what has ended scroll above.
struct Live<'a> {
    screen: Screen,
    drawn: Option<Instant>,
    dir: &'a ExperimentDir,
    /// Of the runs by index in the plan, as all lists here.
    titles: Vec<String>,
    places: Vec<RunDir>,
    estimate: Estimate,
    slots: usize,
    /// Epochs that each run has left, by index in the plan.
    epochs_left: Vec<usize>,
    running: BTreeMap<usize, Running>,
    /// Runs that failed before and are tried again, by index in the plan.
    again: HashSet<usize>,
    finished: usize,
    failed: usize,
    /// Runs that finished before and of which nothing was said yet.
    before: usize,
    /// Runs that will not be started any more, by index in the plan.
    over: Vec<bool>,
    asked: &'a dyn Fn() -> bool,
    /// Notes that were shown.
    noted: HashSet<String>,
}

impl<'a> Live<'a> {
    fn new(dir: &'a ExperimentDir, estimate: Estimate, slots: usize, asked: &'a dyn Fn() -> bool) -> Self {
        Self {
            screen: Screen::on(console::Term::stderr()),
            drawn: None,
            dir,
            titles: Vec::new(),
            places: Vec::new(),
            estimate,
            slots,
            epochs_left: Vec::new(),
            running: BTreeMap::new(),
            again: HashSet::new(),
            finished: 0,
            failed: 0,
            before: 0,
            over: Vec::new(),
            asked,
            noted: HashSet::new(),
        }
    }

    /// `[3/12] lr 0.01`.
    fn title(&self, at: At<'_>) -> String {
        let title = &self.titles[at.position - 1];
        if at.of > 1 { format!("[{}/{}] {title}", at.position, at.of) } else { title.clone() }
    }

    /// Draws, unless it was drawn just now.
    fn draw(&mut self) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= CALM) {
            self.drawn = Some(Instant::now());
            let (columns, rows) = self.screen.size();
            let running: Vec<Row> = self.running.iter().map(|(index, running)| self.row(*index, running)).collect();
            self.screen.draw(frame::lines(&running, &self.totals(), columns, rows));
        }
    }

    fn row(&self, index: usize, running: &Running) -> Row {
        // How it differs was said above when it was decided.
        let again = if self.again.contains(&index) { "again: " } else { "" };
        let title = format!("{again}{}", self.titles[index]);
        let stage = match running.course.shown() {
            Some(training) => Stage::Training(training),
            None => Stage::Before(running.words.clone()),
        };
        Row { position: index + 1, device: running.device.clone(), title, stage }
    }

    fn totals(&self) -> Totals {
        Totals {
            of: self.titles.len(),
            finished: self.finished,
            failed: self.failed,
            running: self.running.len(),
            left: self.left(),
            stopping: (self.asked)(),
        }
    }

    /// Seconds until the last run ends: those that wait are as slow, measured by the estimate, as those that run.
    fn left(&self) -> Option<f64> {
        let size = |index: usize| self.estimate.size(index, self.epochs_left[index]);
        // Seconds for a unit of the estimate.
        let pace = |(index, running): (&usize, &Running)| Some(running.course.epoch_seconds()? / self.estimate.size(*index, 1));
        let paces: Vec<f64> = self.running.iter().filter_map(pace).filter(|pace| pace.is_finite()).collect();
        let mean = match paces.len() {
            0 if self.estimate.timed() => 1.0,
            0 => return None,
            count => paces.iter().sum::<f64>() / count as f64,
        };
        let left = |(index, running): (&usize, &Running)| running.course.left().unwrap_or(size(*index) * mean);
        let busy: Vec<f64> = self.running.iter().map(left).collect();
        let waits = |index: &usize| !self.over[*index] && !self.running.contains_key(index);
        let mut jobs: Vec<f64> = (0..self.titles.len()).filter(waits).map(|index| size(index) * mean).collect();
        jobs.sort_by(|a, b| b.total_cmp(a));
        Some(makespan(&busy, &jobs, self.slots))
    }

    /// Lets text scroll above the lines, as wide as the terminal and then broken.
    fn say(&mut self, text: &str) {
        let (columns, _) = self.screen.size();
        self.screen.above(&wrap(text, columns, 4));
    }

    /// The last lines of a failed run's log that say more than its cause, and where the rest is.
    fn show_log(&mut self, index: usize, since: u64, cause: &str) {
        let place = &self.places[index];
        let (columns, _) = self.screen.size();
        let words = place.last_log_lines(since, LOG_LINES).unwrap_or_default();
        let new = words.iter().filter(|line| !cause.contains(line.trim()) && !line.contains(cause));
        let mut lines: Vec<String> = new.map(|line| fit(&format!("    {line}"), columns)).collect();
        // Whole, though it may be broken: it is to be copied.
        lines.push(format!("    {}", place.log_path().display()));
        self.screen.above(&lines);
    }
}

impl Watch for Live<'_> {
    fn planned(&mut self, runs: &[RunSpec]) {
        let names = Names::of(runs);
        self.titles = runs.iter().map(|run| names.title(run)).collect();
        let new = &runs[self.places.len()..];
        // Where nothing can be listed the schedule stops by itself.
        let places = self.dir.places(new.iter().map(|run| &run.id));
        let places = places.unwrap_or_else(|_| new.iter().map(|run| self.dir.run(&run.id)).collect());
        self.epochs_left.extend(new.iter().zip(&places).map(|(run, place)| Epochs::of(run, place).left));
        self.places.extend(places);
        self.over.resize(runs.len(), false);
        self.estimate.learn(runs);
    }

    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        self.over[at.position - 1] = true;
        if outcome.status == Status::Finished {
            (self.finished, self.before) = (self.finished + 1, self.before + 1);
        } else if outcome.status == Status::Failed {
            self.failed += 1;
            let cause = outcome.cause.as_deref().unwrap_or("no cause recorded");
            self.say(&format!("{}: failed before: {cause}", self.title(at)));
        }
    }

    fn said(&mut self, text: &str) {
        self.say(text);
    }

    fn noted(&mut self, at: At<'_>, text: &str) {
        self.say(&format!("{}: {text}", self.title(at)));
    }

    fn started(&mut self, at: At<'_>, slot: &Slot) {
        // One line for all: of a long sweep there may be hundreds.
        let before = std::mem::take(&mut self.before);
        if before > 0 {
            self.say(&format!("{} finished before, not run again", counted(before, "run")));
        }
        let log_before = self.places[at.position - 1].log_length();
        let device = if slot.gpu.is_some() { slot.device.clone() } else { String::new() };
        let (course, words) = (Course::default(), "starting".into());
        let running = Running { device, course, words, log_before, began: Instant::now() };
        self.running.insert(at.position - 1, running);
        self.draw();
    }

    fn reported(&mut self, at: At<'_>, event: &Event) {
        let index = at.position - 1;
        // Of a sweep every run may have the same to say.
        if let Event::Note { text } = event
            && self.noted.insert(text.clone())
        {
            self.noted(at, text);
        }
        if let Some(running) = self.running.get_mut(&index) {
            if let Event::Waiting { holder } = event {
                running.words = format!("waits for {holder}");
            }
            if let Event::Epoch { epoch, .. } = event {
                self.epochs_left[index] = at.run.experiment.training.epochs.saturating_sub(*epoch);
            }
            running.course.hear(event, Instant::now());
        }
        self.draw();
    }

    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next) {
        let index = at.position - 1;
        let Some(running) = self.running.remove(&index) else { return };
        self.again.remove(&index);
        let took = clock(running.began.elapsed());
        match next {
            Next::Again(how) => {
                self.say(&format!(
                    "{}: {}; once more, {how}",
                    self.title(at),
                    ending(outcome, at.run.experiment.training.epochs)
                ));
                self.again.insert(index);
            }
            Next::Over => {
                self.say(&format!("{}: {} ({took})", self.title(at), ending(outcome, at.run.experiment.training.epochs)));
                self.over[index] = true;
            }
        }
        if outcome.status == Status::Failed {
            self.show_log(index, running.log_before, outcome.cause.as_deref().unwrap_or_default());
        }
        match (next, outcome.status) {
            (Next::Over, Status::Finished) => self.finished += 1,
            (Next::Over, Status::Failed) => self.failed += 1,
            _ => {}
        }
        self.drawn = None;
        self.draw();
    }

    fn tick(&mut self) {
        self.draw();
    }
}
