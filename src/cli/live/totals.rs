//! The line below the runs that are under way.

use super::super::text::{clock_or_dash, counted, fit, width};

/// All runs together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Runs of the plan.
    pub of: usize,
    /// Finished, now or before.
    pub finished: usize,
    /// Failed, now or for good before.
    pub failed: usize,
    /// Under way.
    pub running: usize,
    /// Seconds until the last ends, as far as is known.
    pub left: Option<f64>,
    /// Whether somebody asked to stop.
    pub stopping: bool,
}

impl Totals {
    /// In as many words as there is room for, never wider than `columns`.
    pub fn line(&self, columns: usize) -> String {
        let left = self.left.map_or(String::new(), |left| format!(", about {} left", clock_or_dash(Some(left))));
        let waiting = self.of.saturating_sub(self.finished + self.failed + self.running);
        let counts = [(self.finished, "finished"), (self.failed, "failed"), (self.running, "running"), (waiting, "waiting")];
        let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let done = self.finished + self.failed;
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let choices = match self.stopping {
            true => vec![
                "stopping: every run finishes its step and saves; Ctrl-C again ends them at once".to_owned(),
                "stopping; Ctrl-C again: at once".to_owned(),
            ],
            false => vec![
                format!("{} of {}: {}{left}", done, counted(self.of, "run"), counts.join(", ")),
                format!("{done}/{} done{failed}{left}", self.of),
                format!("{done}/{}{failed}", self.of),
            ],
        };
        let last = choices.last().expect("there are some").clone();
        fit(&choices.into_iter().find(|line| width(line) <= columns).unwrap_or(last), columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_said_as_there_is_room_for() {
        let totals = Totals { of: 12, finished: 3, failed: 1, running: 2, left: Some(42.0), stopping: false };
        let lines = [80, 40, 20, 8].map(|columns| totals.line(columns));
        let expected = [
            "4 of 12 runs: 3 finished, 1 failed, 2 running, 6 waiting, about 0:42 left",
            "4/12 done, 1 failed, about 0:42 left",
            "4/12, 1 failed",
            "4/12, 1…",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_stop_is_said() {
        let totals = Totals { of: 12, stopping: true, ..Totals::default() };
        assert_eq!(totals.line(40), "stopping; Ctrl-C again: at once");
    }
}
