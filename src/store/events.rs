//! events.jsonl: what a run reports while it goes, one line of JSON per event, for everybody who watches it.
//!
//! The process at the run appends ([`EventLog`]); a schedule, or whoever else looks, reads what was added ([`Events`]). Nothing depends on the
//! file but what is shown and how many runs a GPU takes, so it is not synced, and whoever begins an attempt removes it. Its size is bounded: one
//! that has grown is replaced by a new one, which begins with what a newcomer must know.

use super::error::Result;
use super::file::{WRITING, open_in_place, remove};
use super::names::EVENTS;
use super::run_dir::RunDir;
use crate::record::Event;
use crate::regular::{self, Most};
use crate::system;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two reported steps lies at least this: more often nobody looks.
const BETWEEN_STEPS: Duration = Duration::from_millis(200);

/// Bytes that a file grows by before a new one takes its place.
const GROWS_BY: u64 = 256 * 1024;

/// Notes that a new file repeats.
const NOTES: usize = 20;

impl RunDir {
    /// Opens events.jsonl for appending.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn event_log(&self) -> Result<EventLog> {
        let path = self.path().join(EVENTS);
        let file = open_in_place(&path, OpenOptions::new().create(true).append(true))?;
        let length = file.metadata().map_or(0, |found| found.len());
        Ok(EventLog { path, file, length, most: length + GROWS_BY, lasting: Lasting::default(), step: None })
    }

    /// The events that are reported from now on.
    pub fn events(&self) -> Events {
        let mut events = Events { path: self.path().join(EVENTS), file: None, torn: Vec::new(), lasting: Lasting::default() };
        events.file = regular::open(&events.path).ok().filter(|mut file| file.seek(SeekFrom::End(0)).is_ok());
        events
    }

    /// The events that are in the file now, the last ones of a long attempt.
    pub fn reported(&self) -> Vec<Event> {
        let text = regular::bytes(&self.path().join(EVENTS), Most::SMALL).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(Event::from_line).collect()
    }

    /// Removes events.jsonl because another attempt begins. Only for who holds the claim.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(super) fn forget_events(&self) -> Result<()> {
        let path = self.path().join(EVENTS);
        if fs::symlink_metadata(&path).is_ok() { remove(&path) } else { Ok(()) }
    }
}

/// Appends to a run's events.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
    length: u64,
    /// Length from which a new file takes the place of this one.
    most: u64,
    lasting: Lasting,
    /// When a step was last reported.
    step: Option<Instant>,
}

impl EventLog {
    /// Reports an event. A step that follows another at once is passed over. What cannot be written is lost: that is no reason to stop training.
    pub fn report(&mut self, event: &Event) {
        if matches!(event, Event::Step { .. }) {
            if self.step.is_some_and(|before| before.elapsed() < BETWEEN_STEPS) {
                return;
            }
            self.step = Some(Instant::now());
        }
        let line = event.to_line();
        if self.length >= self.most {
            _ = self.renew();
        }
        self.lasting.learn(event, &line);
        // In one piece, so that nobody reads half a line of two writers.
        _ = self.file.write_all(format!("{line}\n").as_bytes());
        self.length += line.len() as u64 + 1;
    }

    /// Begins a new file. Who has the old one open reads it to its end.
    fn renew(&mut self) -> io::Result<()> {
        let text: String = self.lasting.lines().map(|line| format!("{line}\n")).collect();
        // Tried again only after as much more, should it fail.
        self.most = self.length + GROWS_BY;
        let mut builder = tempfile::Builder::new();
        system::with_umask(&mut builder);
        let dir = self.path.parent().unwrap_or(std::path::Path::new("."));
        let mut new = builder.append(true).prefix(WRITING).tempfile_in(dir)?;
        new.write_all(text.as_bytes())?;
        self.file = new.persist(&self.path)?;
        self.length = text.len() as u64;
        self.most = self.length + GROWS_BY;
        Ok(())
    }
}

/// Reads a run's events as they are added.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is still to be written.
    torn: Vec<u8>,
    lasting: Lasting,
}

impl Events {
    /// What was added since it was asked last, in order, each event once. What cannot be read, or is no event, is passed over.
    pub fn added(&mut self) -> Vec<Event> {
        let mut added = Vec::new();
        // A new file took the place of the old one while that was read, at most a few times.
        for _ in 0..4 {
            let mut repeated = Vec::new();
            if self.file.is_none() {
                self.file = regular::open(&self.path).ok();
                repeated = self.lasting.lines().map(str::to_owned).collect();
            }
            let Some(file) = &self.file else { break };
            let replaced = match (file.metadata(), fs::symlink_metadata(&self.path)) {
                (Ok(open), Ok(named)) => !system::is_same(&open, &named),
                _ => false,
            };
            // Its place was taken before this, so nothing is added to it any more.
            for line in self.lines() {
                if let Some(at) = repeated.iter().position(|known| *known == line) {
                    repeated.remove(at);
                } else if let Some(event) = Event::from_line(&line) {
                    self.lasting.learn(&event, &line);
                    added.push(event);
                }
            }
            if !replaced {
                break;
            }
            self.file = None;
            self.torn.clear();
        }
        added
    }

    /// The whole lines that were added to the open file.
    fn lines(&mut self) -> Vec<String> {
        let Some(file) = &mut self.file else { return Vec::new() };
        let mut bytes = std::mem::take(&mut self.torn);
        // The system may refuse for a moment; what was read until then counts.
        _ = file.take(16 * GROWS_BY).read_to_end(&mut bytes);
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.torn = bytes.split_off(whole);
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

/// The events, as lines, that hold until another of their kind comes; and the last notes.
#[derive(Debug, Default)]
struct Lasting {
    started: Option<String>,
    epoch: Option<String>,
    memory: Option<String>,
    gpu_use: Option<String>,
    notes: Vec<String>,
}

impl Lasting {
    fn learn(&mut self, event: &Event, line: &str) {
        let line = line.to_owned();
        match event {
            Event::Started { .. } => self.started = Some(line),
            Event::Epoch { .. } => self.epoch = Some(line),
            Event::Memory { .. } => self.memory = Some(line),
            Event::GpuUse { .. } => self.gpu_use = Some(line),
            Event::Note { .. } if !self.notes.contains(&line) => {
                self.notes.push(line);
                self.notes.drain(..self.notes.len().saturating_sub(NOTES));
            }
            Event::Note { .. } | Event::Step { .. } | Event::Waiting { .. } => {}
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let held = [&self.started, &self.epoch, &self.memory, &self.gpu_use];
        held.into_iter().flatten().chain(&self.notes).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: usize) -> Event {
        Event::Note { text: format!("{number} {}", "x".repeat(1000)) }
    }

    fn epoch(epoch: usize) -> Event {
        Event::Epoch { epoch, train_loss: 0.5, val_loss: 0.5, val_dice: 0.25 }
    }

    fn run() -> (tempfile::TempDir, RunDir) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        (dir, run)
    }

    #[test]
    fn what_is_added_is_read_once_and_only_from_when_it_is_asked_for() {
        let (_dir, run) = run();
        let mut early = run.events();
        assert_eq!(early.added(), []);
        let mut log = run.event_log().unwrap();
        log.report(&epoch(1));
        let mut late = run.events();
        log.report(&epoch(2));
        assert_eq!((early.added(), early.added()), (vec![epoch(1), epoch(2)], vec![]));
        assert_eq!((late.added(), late.added()), (vec![epoch(2)], vec![]));
    }

    #[test]
    fn half_a_line_waits_for_its_end_and_strangers_are_passed_over() {
        let (_dir, run) = run();
        let (mut events, line) = (run.events(), epoch(1).to_line());
        let mut file = OpenOptions::new().create(true).append(true).open(run.path().join(EVENTS)).unwrap();
        file.write_all(format!("hello\n\u{0}\n{}", &line[..9]).as_bytes()).unwrap();
        assert_eq!(events.added(), []);
        file.write_all(format!("{}\n", &line[9..]).as_bytes()).unwrap();
        assert_eq!(events.added(), [epoch(1)]);
    }

    /// 5 MB of events, of which whoever looks now and then gets each once, and whoever comes late what holds.
    #[test]
    fn a_file_stays_small_and_nothing_is_lost_or_said_twice() {
        let (_dir, run) = run();
        let (mut events, mut log, mut seen) = (run.events(), run.event_log().unwrap(), Vec::new());
        log.report(&Event::Memory { device_bytes: 7 });
        for number in 0..5000 {
            log.report(&note(number));
            if number % 100 == 0 {
                seen.extend(events.added());
                assert!(fs::metadata(run.path().join(EVENTS)).unwrap().len() < 2 * GROWS_BY);
            }
        }
        seen.extend(events.added());
        let expected: Vec<Event> = [Event::Memory { device_bytes: 7 }].into_iter().chain((0..5000).map(note)).collect();
        assert!(seen == expected, "{} of {}", seen.len(), expected.len());
        let text = fs::read_to_string(run.path().join(EVENTS)).unwrap();
        assert!(text.starts_with("{\"event\":\"memory\""), "{}", &text[..60]);
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 1, "no other file is left");
    }

    #[test]
    fn steps_in_quick_succession_are_passed_over() {
        let (_dir, run) = run();
        let (mut events, mut log) = (run.events(), run.event_log().unwrap());
        (1..1000).for_each(|step| log.report(&Event::Step { epoch: 1, step, loss: 0.5 }));
        log.report(&epoch(1));
        let added = events.added();
        assert!(added.len() < 500 && added.last() == Some(&epoch(1)), "{}", added.len());
        assert!(matches!(added[0], Event::Step { step: 1, .. }));
    }

    #[test]
    fn a_new_attempt_begins_an_empty_file() {
        let (_dir, run) = run();
        run.forget_events().unwrap();
        run.event_log().unwrap().report(&epoch(1));
        run.forget_events().unwrap();
        let mut events = run.events();
        run.event_log().unwrap().report(&epoch(2));
        assert_eq!(events.added(), [epoch(2)]);
    }
}
