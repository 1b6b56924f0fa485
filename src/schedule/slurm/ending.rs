//! How a run of a batch ended, as it is written down, and what Slurm's words for states mean.

use crate::schedule::Exit;

/// The words of exits that have no number.
const WORDS: [(Exit, &str); 6] = [
    (Exit::OutOfMemory, "out-of-memory"),
    (Exit::TimeLimit, "time-limit"),
    (Exit::Preempted, "preempted"),
    (Exit::NodeFailed, "node-failed"),
    (Exit::Cancelled, "cancelled"),
    (Exit::Unknown, "unknown"),
];

/// An exit in words.
pub(super) fn words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        other => WORDS.iter().find(|(exit, _)| *exit == other).map_or("unknown", |(_, word)| word).to_owned(),
    }
}

/// The exit of these words; what nobody has written means that it is not known.
pub(super) fn exit(words: &str) -> Exit {
    let number = |text: &str| text.parse().ok();
    match words.split_once(' ') {
        Some(("code", code)) => number(code).map_or(Exit::Unknown, Exit::Code),
        Some(("signal", signal)) => number(signal).map_or(Exit::Unknown, Exit::Signal),
        _ => WORDS.iter().find(|(_, word)| *word == words).map_or(Exit::Unknown, |(exit, _)| *exit),
    }
}

/// What a state of Slurm's means for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// Waiting until somebody releases it.
    Held,
    Running,
    /// Over; what that is for a run whose end nobody has recorded.
    Over(Exit),
}

/// What this state means, with the reason that Slurm gives for it. A state that is not known is none that has ended.
pub(super) fn stage(state: &str, reason: &str) -> Stage {
    match state.split([' ', '+']).next().unwrap_or_default() {
        "PENDING" if reason.starts_with("JobHeld") || reason.contains("requeued held") => Stage::Held,
        "REQUEUE_HOLD" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => Stage::Held,
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_FED" => Stage::Waiting,
        "COMPLETED" | "FAILED" | "REVOKED" => Stage::Over(Exit::Unknown),
        "TIMEOUT" | "DEADLINE" => Stage::Over(Exit::TimeLimit),
        "PREEMPTED" => Stage::Over(Exit::Preempted),
        "NODE_FAIL" | "BOOT_FAIL" => Stage::Over(Exit::NodeFailed),
        "OUT_OF_MEMORY" => Stage::Over(Exit::OutOfMemory),
        "CANCELLED" => Stage::Over(Exit::Cancelled),
        _ => Stage::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_read_as_they_are_written() {
        let plain = [Exit::Code(0), Exit::Code(130), Exit::Signal(9)];
        for exit in WORDS.iter().map(|(exit, _)| *exit).chain(plain) {
            assert_eq!(super::exit(&words(exit)), exit);
        }
        assert_eq!((exit(""), exit("code x"), exit("torn")), (Exit::Unknown, Exit::Unknown, Exit::Unknown));
    }

    #[test]
    fn every_state_means_something_and_strange_ones_no_end() {
        assert_eq!(stage("PENDING", "Priority"), Stage::Waiting);
        assert_eq!(stage("PENDING", "JobHeldUser"), Stage::Held);
        assert_eq!(stage("PENDING", "launch failed requeued held"), Stage::Held);
        assert_eq!((stage("COMPLETING", "None"), stage("SUSPENDED", "None")), (Stage::Running, Stage::Running));
        assert_eq!(stage("CANCELLED by 0", ""), Stage::Over(Exit::Cancelled));
        assert_eq!(stage("NEW_IN_26", ""), Stage::Running);
    }
}
