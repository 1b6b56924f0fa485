//! What is seen, in words for a terminal.

use super::super::text::{counted, size, wrap};
use super::search;
use super::seen::{Run, Seen};
use umlaut::schedule::Standing;

impl Seen {
    /// One line for the experiment, and one per run that is under way or in trouble.
    pub fn text(&self, columns: usize) -> String {
        let mut lines = if self.alone { Vec::new() } else { wrap(&self.headline(), columns, 4) };
        let held = self.holder.is_some();
        let of_run = |run: &Run| if self.alone { Some(run.whole_line(held)) } else { run.line(held) };
        let search = self.search.as_ref().map(search::lines).unwrap_or_default();
        let trouble = search.into_iter().chain(self.problem.clone()).chain(self.runs.iter().filter_map(of_run));
        let indent = if self.alone { "" } else { "  " };
        let trouble = trouble.flat_map(|line| wrap(&line, columns.saturating_sub(indent.len()), 4));
        lines.extend(trouble.map(|line| format!("{indent}{line}")));
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn headline(&self) -> String {
        let count = |word: &str| self.runs.iter().filter(|run| run.word() == word).count();
        let words = ["finished", "running", "paused", "resumable", "incomplete", "failed", "damaged", "new"];
        let counts = words.iter().map(|word| (count(word), word)).filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let without = self.runs.iter().filter(|run| run.without_weights).count();
        let counts = if without > 0 { format!("{counts} ({without} without weights)") } else { counts };
        let others =
            if self.others > 0 { format!("; {} not in the plan", counted(self.others, "other run")) } else { String::new() };
        let holder = self.holder.as_ref().map_or(String::new(), |holder| format!("; held by {holder}"));
        let (runs, size) = (counted(self.runs.len(), "run"), size(self.bytes));
        format!("{}: {counts} of {runs}{others}; {size}{holder}", self.name)
    }
}

impl Run {
    /// What there is to say of it; `held` is whether somebody is there who started it.
    fn line(&self, held: bool) -> Option<String> {
        let (word, id) = (self.word(), &self.id);
        if let Ok(Standing::Running(holder)) = &self.standing {
            let alone = if held { String::new() } else { format!("; {holder} is at it, whoever started it is gone") };
            return Some(format!("{word} {id}{}: {}{alone}", self.on(), self.progress()));
        }
        self.cause().map(|cause| format!("{word} {id}: {cause}"))
    }

    /// The same, and of every other run too how far it is; then its best epoch and its size.
    fn whole_line(&self, held: bool) -> String {
        let line = self.line(held).unwrap_or_else(|| format!("{} {}{}: {}", self.word(), self.id, self.on(), self.progress()));
        let best = self.best.as_ref();
        let best =
            best.map_or(String::new(), |best| format!("; best {} {:.3} after epoch {}", best.column, best.value, best.epoch));
        format!("{line}{best}; {}", size(self.bytes))
    }

    /// The GPU, where it is on one.
    fn on(&self) -> String {
        let gpu = self.device.as_ref().filter(|device| *device != "cpu");
        gpu.map_or(String::new(), |gpu| format!(" on {gpu}"))
    }

    /// `epoch 7/50, val dice 0.871, last epoch 12 s ago`.
    fn progress(&self) -> String {
        let of = self.epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
        let dice = self.dice.map_or(String::new(), |dice| format!(", val dice {dice:.3}"));
        let since = self.since.map_or(String::new(), |since| format!(", last epoch {} s ago", since.as_secs()));
        format!("epoch {}{of}{dice}{since}", self.epochs_done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::text::width;
    use super::super::seen::Best;
    use super::*;
    use std::time::Duration;
    use umlaut::record::{Failure, Outcome, Status};
    use umlaut::store::Holder;

    fn seen() -> Seen {
        let run = |id: &str, standing| Run {
            id: id.into(),
            path: id.into(),
            bytes: 1_200_000,
            standing,
            device: Some(if id.starts_with("lr-1") { "cuda:1" } else { "cpu" }.into()),
            epochs_done: 7,
            without_weights: false,
            epochs: Some(50),
            dice: Some(0.8714),
            best: Some(Best { epoch: 5, column: "val_loss".into(), value: 0.1234 }),
            since: Some(Duration::from_millis(12_900)),
        };
        let cause = Some("the training loss is NaN in epoch 1, step 3".to_owned());
        let failed = Outcome { status: Status::Failed, failure: Some(Failure::Diverged), cause, ..Outcome::default() };
        let holder = Holder { process: 12, host: "here".into() };
        let runs = vec![
            run("lr-1-aa", Ok(Standing::Running(holder.clone()))),
            run("lr-2-bb", Ok(Standing::Failed(failed))),
            run("lr-3-cc", Ok(Standing::New)),
            run("lr-4-dd", Err("outcome.toml: expected an equals sign".into())),
        ];
        Seen {
            name: "tiny".into(),
            path: "tiny".into(),
            bytes: 2_600_000,
            holder: Some(holder),
            runs,
            alone: false,
            others: 1,
            search: None,
            problem: None,
        }
    }

    #[test]
    fn what_runs_and_what_is_in_trouble_is_told() {
        let expected = "\
tiny: 1 running, 1 failed, 1 damaged, 1 new of 4 runs; 1 other run not in the plan; 3 MB; held by process 12 on here
  running lr-1-aa on cuda:1: epoch 7/50, val dice 0.871, last epoch 12 s ago
  failed lr-2-bb: the training loss is NaN in epoch 1, step 3
  damaged lr-4-dd: outcome.toml: expected an equals sign
";
        assert_eq!(seen().text(130), expected);
    }

    #[test]
    fn no_line_is_too_wide() {
        for columns in [100, 80, 40] {
            assert!(seen().text(columns).lines().all(|line| width(line) <= columns), "{}", seen().text(columns));
        }
    }

    #[test]
    fn a_run_whose_schedule_is_gone_says_so() {
        let seen = Seen { holder: None, ..seen() };
        let text = seen.text(200);
        assert!(text.contains("process 12 on here is at it, whoever started it is gone"), "{text}");
    }

    #[test]
    fn a_run_that_was_asked_for_has_a_line_however_it_stands() {
        let mut seen = Seen { alone: true, ..seen() };
        seen.runs.drain(..2);
        seen.runs.truncate(1);
        let expected = "new lr-3-cc: epoch 7/50, val dice 0.871, last epoch 12 s ago; best val_loss 0.123 after epoch 5; 1 MB\n";
        assert_eq!(seen.text(130), expected);
    }
}
