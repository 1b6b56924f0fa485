//! Shows on standard error what is found while an experiment is prepared.

use super::progress::Reading;
use std::sync::{Mutex, PoisonError};
use umlaut::prepare::{Listener, Notice};

/// A bar while images are read, a line for everything else.
#[derive(Default)]
pub struct Listening(Mutex<Option<Reading>>);

impl Listener for Listening {
    fn read(&self, done: usize, of: usize) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bar.get_or_insert_with(|| Reading::new("reading images")).at(done, of);
    }

    fn read_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn noted(&self, notice: Notice) {
        match notice {
            Notice::Note(text) => eprintln!("note: {text}"),
            Notice::Warning(text) => eprintln!("warning: {text}"),
            Notice::Data(text) => eprintln!("data: {text}"),
        }
    }
}
