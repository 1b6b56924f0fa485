//! What is seen, in words for a terminal.

use super::super::text::{counted, size, wrap};
use std::sync::Arc;
use umlaut::schedule::Standing;
use umlaut::status::{Run, Seen};

/// One line for the experiment, and one per run that is under way or in trouble.
pub fn text(seen: &Seen, columns: usize) -> String {
    let mut lines = if seen.alone { Vec::new() } else { wrap(&headline(seen), columns, 4) };
    let held = seen.holder.is_some();
    let of_run = |run: &Arc<Run>| if seen.alone { Some(whole_line(run, held)) } else { line(run, held) };
    let trouble = seen.search.iter().chain(&seen.problem).cloned().chain(seen.runs.iter().filter_map(of_run));
    let indent = if seen.alone { "" } else { "  " };
    let trouble = trouble.flat_map(|line| wrap(&line, columns.saturating_sub(indent.len()), 4));
    lines.extend(trouble.map(|line| format!("{indent}{line}")));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn headline(seen: &Seen) -> String {
    let others = if seen.others > 0 { format!("; {} not in the plan", counted(seen.others, "other run")) } else { String::new() };
    let holder = seen.holder.as_ref().map_or(String::new(), |holder| format!("; held by {holder}"));
    let (runs, size) = (counted(seen.runs.len(), "run"), with_size(seen.bytes));
    format!("{}: {} of {runs}{others}{size}{holder}", seen.name, seen.counts())
}

/// What there is to say of a run; `held` is whether somebody is there who started it.
fn line(run: &Run, held: bool) -> Option<String> {
    let (word, id) = (run.word(), &run.id);
    if let Ok(Standing::Running(holder)) = &run.standing {
        let alone = if held { String::new() } else { format!("; {holder} is at it, whoever started it is gone") };
        return Some(format!("{word} {id}{}: {}{alone}", on(run), progress(run)));
    }
    run.cause().map(|cause| format!("{word} {id}: {cause}"))
}

/// The same, and of every other run too how far it is; then its best epoch and its size.
fn whole_line(run: &Run, held: bool) -> String {
    let line = line(run, held).unwrap_or_else(|| format!("{} {}{}: {}", run.word(), run.id, on(run), progress(run)));
    let best = run.best.as_ref();
    let best = best.map_or(String::new(), |best| format!("; best {} {:.3} after epoch {}", best.column, best.value, best.epoch));
    format!("{line}{best}{}", with_size(run.bytes))
}

fn with_size(bytes: Option<u64>) -> String {
    bytes.map_or(String::new(), |bytes| format!("; {}", size(bytes)))
}

/// The GPU, where it is on one.
fn on(run: &Run) -> String {
    let gpu = run.device.as_ref().filter(|device| *device != "cpu");
    gpu.map_or(String::new(), |gpu| format!(" on {gpu}"))
}

/// `epoch 7/50, val dice 0.871, last epoch 12 s ago`.
fn progress(run: &Run) -> String {
    let of = run.epochs.map_or(String::new(), |epochs| format!("/{epochs}"));
    let dice = run.dice.map_or(String::new(), |dice| format!(", val dice {dice:.3}"));
    let since = run.since().map_or(String::new(), |since| format!(", last epoch {} s ago", since.as_secs()));
    format!("epoch {}{of}{dice}{since}", run.epochs_done)
}

#[cfg(test)]
mod tests {
    use super::super::super::text::width;
    use super::*;
    use std::time::{Duration, SystemTime};
    use umlaut::record::{Failure, Outcome, Status};
    use umlaut::status::Best;
    use umlaut::store::Holder;

    fn seen() -> Seen {
        let run = |id: &str, standing| Run {
            id: id.into(),
            path: id.into(),
            bytes: Some(1_200_000),
            standing,
            device: Some(if id.starts_with("lr-1") { "cuda:1" } else { "cpu" }.into()),
            epochs_done: 7,
            without_weights: false,
            epochs: Some(50),
            dice: Some(0.8714),
            best: Some(Best { epoch: 5, column: "val_loss".into(), value: 0.1234 }),
            last_epoch: Some(SystemTime::now() - Duration::from_millis(12_300)),
            epoch_seconds: None,
            times: (None, None),
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
            bytes: Some(2_600_000),
            holder: Some(holder),
            runs: runs.into_iter().map(Arc::new).collect(),
            queued: Default::default(),
            alone: false,
            others: 1,
            search: Vec::new(),
            standing: None,
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
        assert_eq!(text(&seen(), 130), expected);
    }

    #[test]
    fn no_line_is_too_wide() {
        for columns in [100, 80, 40] {
            assert!(text(&seen(), columns).lines().all(|line| width(line) <= columns), "{}", text(&seen(), columns));
        }
    }

    #[test]
    fn a_run_whose_schedule_is_gone_says_so() {
        let seen = Seen { holder: None, ..seen() };
        let text = text(&seen, 200);
        assert!(text.contains("process 12 on here is at it, whoever started it is gone"), "{text}");
    }

    #[test]
    fn a_run_that_was_asked_for_has_a_line_however_it_stands() {
        let mut seen = Seen { alone: true, ..seen() };
        seen.runs.drain(..2);
        seen.runs.truncate(1);
        let expected = "new lr-3-cc: epoch 7/50, val dice 0.871, last epoch 12 s ago; best val_loss 0.123 after epoch 5; 1 MB\n";
        assert_eq!(text(&seen, 130), expected);
    }
}
