//! What a run has come to: its score at a rung, by metrics.csv and outcome.toml alone.

use crate::metric::{self, Direction};
use crate::record::{Failure, Outcome, Status};
use crate::search::{Score, rung_score};
use crate::store::{self, RunDir};

/// What is asked of runs.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    column: String,
    /// 1 if higher values are better, else −1.
    sign: f64,
}

impl Measure {
    /// By a column of metrics.csv.
    pub fn of(column: &str) -> Self {
        let higher = metric::describe(column).is_some_and(|metric| metric.direction == Direction::Higher);
        Self { column: column.to_owned(), sign: if higher { 1.0 } else { -1.0 } }
    }

    /// A score as the column has it.
    pub fn shown(&self, score: f64) -> f64 {
        self.sign * score
    }

    /// The score of a run at the end of a rung of so many epochs, the last one if `whole`. `None` while it is not there, or if the run crashed
    /// before.
    ///
    /// Rows count only once the run has paused there, has gone on from there, or has ended: what was written before that may come again.
    ///
    /// # Errors
    /// If a file of the run cannot be read.
    pub fn score(&self, run: &RunDir, epochs: usize, whole: bool) -> Result<Option<Score>, store::Error> {
        let rows = match run.metrics() {
            Ok(rows) => rows,
            // Whoever trains it puts it aside.
            Err(error) if error.is_of_one_file() => return Ok(None),
            Err(error) => return Err(error),
        };
        let outcome = match run.outcome() {
            Err(error) if error.is_of_one_file() => None,
            outcome => outcome?,
        };
        let ended = |status: Status| outcome.as_ref().is_some_and(|outcome| outcome.status == status);
        let finished = ended(Status::Finished) && run.finished()?.is_some();
        let kept =
            rows.len() > epochs || outcome.as_ref().is_some_and(|outcome| outcome.epochs >= epochs && !ended(Status::Failed));
        let there = if whole { finished } else { finished || (kept && rows.len() >= epochs) };
        if there {
            let of_column = rows.iter().take(epochs).map(|row| self.sign * row.get(&self.column).unwrap_or(f64::NAN));
            return Ok(rung_score(&of_column.collect::<Vec<_>>()));
        }
        Ok(outcome.filter(diverged).map(|_| Score::Diverged))
    }
}

/// Whether a run failed so that the same would come again.
fn diverged(outcome: &Outcome) -> bool {
    outcome.status == Status::Failed && outcome.failure == Some(Failure::Diverged)
}

/// The mean of scores, in their order; diverged if one is, `None` while one is missing.
pub(super) fn mean(scores: impl IntoIterator<Item = Option<Score>>) -> Option<Score> {
    let scores: Vec<Score> = scores.into_iter().collect::<Option<_>>()?;
    let values: Option<Vec<f64>> = scores.iter().map(|score| score.value()).collect();
    let Some(values) = values else { return Some(Score::Diverged) };
    Some(Score::of(values.iter().fold(0.0, |sum, value| sum + value) / values.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EpochRecord;

    /// By hand: with so many rows and so ended, the scores at two epochs and at the end of four.
    #[test]
    fn rows_count_once_they_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let loss = Measure::of("val_loss");
        let scores = || [(2, false), (4, true)].map(|(epochs, whole)| loss.score(&run, epochs, whole).unwrap());
        assert_eq!(scores(), [None, None]);
        let mut rows = run.metrics_after(0).unwrap();
        let mut epoch = |epoch: usize| {
            rows.append(&EpochRecord { epoch, values: vec![("val_loss".into(), 0.5 * epoch as f64)] }, 1.0).unwrap();
        };
        epoch(1);
        epoch(2);
        assert_eq!(scores(), [None, None], "written, but perhaps not kept");
        let ended =
            |status, failure, epochs| run.write_outcome(&Outcome { status, failure, epochs, ..Outcome::default() }).unwrap();
        ended(Status::Paused, None, 2);
        assert_eq!(scores(), [Some(Score::of(-1.0)), None]);
        run.reopen().unwrap();
        epoch(3);
        assert_eq!(scores(), [Some(Score::of(-1.0)), None], "it has gone on");
        ended(Status::Failed, Some(Failure::Crashed), 3);
        assert_eq!(scores(), [Some(Score::of(-1.0)), None]);
        ended(Status::Failed, Some(Failure::Diverged), 3);
        assert_eq!(scores(), [Some(Score::of(-1.0)), Some(Score::Diverged)]);
    }

    #[test]
    fn a_mean_is_of_all_or_none() {
        let [a, b] = [Some(Score::of(0.25)), Some(Score::of(0.75))];
        assert_eq!(mean([a, b]), Some(Score::of(0.5)));
        assert_eq!(mean([a, Some(Score::Diverged)]), Some(Score::Diverged));
        assert_eq!(mean([a, None, Some(Score::Diverged)]), None);
    }
}
