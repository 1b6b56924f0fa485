//! A line or two per run, on standard error: what is shown where no terminal is.

use super::super::progress::ending;
use std::collections::HashSet;
use umlaut::record::{Event, Outcome, Status};
use umlaut::schedule::{At, Next, Slot, Watch};

/// Writes a line when something happens.
#[derive(Default)]
pub struct Lines {
    /// Notes that were shown.
    noted: HashSet<String>,
}

impl Lines {
    fn title(&self, at: At<'_>) -> String {
        if at.of > 1 { format!("[{}/{}] {}", at.position, at.of, at.run.id) } else { at.run.id.to_string() }
    }
}

impl Watch for Lines {
    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        match outcome.status {
            Status::Finished => eprintln!("{}: finished before, not run again", self.title(at)),
            // It has what is wanted by now.
            Status::Paused => {}
            _ => eprintln!("{}: failed before: {}", self.title(at), outcome.cause.as_deref().unwrap_or("no cause recorded")),
        }
    }

    fn said(&mut self, text: &str) {
        eprintln!("{text}");
    }

    fn noted(&mut self, at: At<'_>, text: &str) {
        eprintln!("{}: {text}", self.title(at));
    }

    fn started(&mut self, at: At<'_>, slot: &Slot) {
        let device = if slot.gpu.is_some() { format!(" on {}", slot.device) } else { String::new() };
        eprintln!("{}{device}", self.title(at));
    }

    fn reported(&mut self, at: At<'_>, event: &Event) {
        match event {
            Event::Epoch { epoch, train_loss, val_loss, val_dice } => eprintln!(
                "{}: epoch {epoch}/{}  loss {train_loss:.3}  val loss {val_loss:.3}  val dice {val_dice:.3}",
                self.title(at),
                at.run.experiment.training.epochs
            ),
            Event::Waiting { holder } => eprintln!("{}: waits for {holder}", self.title(at)),
            Event::Started { first, epochs, .. } if (2..=*epochs).contains(first) => {
                eprintln!("{}: goes on after epoch {} of {epochs}", self.title(at), first - 1);
            }
            // Of a sweep every run may have the same to say.
            Event::Note { text } if self.noted.insert(text.clone()) => eprintln!("{}: {text}", self.title(at)),
            Event::Started { .. } | Event::Step { .. } | Event::Memory { .. } | Event::GpuUse { .. } | Event::Note { .. } => {}
        }
    }

    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next) {
        let text = format!("{}: {}", self.title(at), ending(outcome, at.run.experiment.training.epochs));
        match (outcome.status, next) {
            (Status::Failed, Next::Over) => errorln!("{text}"),
            _ => eprintln!("{text}"),
        }
        if let Next::Again(how) = next {
            eprintln!("{}: once more, {how}", self.title(at));
        }
    }
}
