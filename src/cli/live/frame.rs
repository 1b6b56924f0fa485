//! What a live view shows, as lines of text: one per run that is under way, totals below. Pure: state and width in, lines out.

use super::super::text::{clock_or_dash, drawn, fit, padded, width};
use super::totals::Totals;

/// Columns of a drawn bar between its ends.
const BAR: usize = 10;

/// A title is not made shorter than this while columns can be left out instead.
const TITLE: usize = 26;

/// A run that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its position in the plan, 1-based.
    pub position: usize,
    /// The GPU that it is on; empty on the processor.
    pub device: String,
    /// What it is called.
    pub title: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Not in numbers yet: it starts, it waits. In words.
    Before(String),
    /// It trains.
    Training(Training),
}

/// How far a run is that trains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Training {
    /// The epoch it is in, 1-based.
    pub epoch: usize,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Steps done in the epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Validation Dice after the last epoch.
    pub dice: Option<f64>,
    /// The best one so far.
    pub best: Option<f64>,
    /// Seconds until it ends, as far as is known.
    pub left: Option<f64>,
}

/// Parts of a line that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Epoch,
    EpochBare,
    Bar,
    Step,
    Dice,
    DiceBare,
    Best,
    Left,
}

/// From much to little: what stands beside a title, and how many columns a title must keep for it.
const CHOICES: [(&[Field], usize); 7] = [
    (&[Field::Epoch, Field::Bar, Field::Step, Field::Dice, Field::Best, Field::Left], TITLE),
    (&[Field::Epoch, Field::Step, Field::Dice, Field::Best, Field::Left], TITLE),
    (&[Field::Epoch, Field::Dice, Field::Best, Field::Left], TITLE),
    (&[Field::Epoch, Field::Dice, Field::Left], TITLE / 2),
    (&[Field::EpochBare, Field::DiceBare, Field::Left], TITLE / 4),
    (&[Field::EpochBare, Field::Left], 1),
    (&[], 0),
];

/// All lines, none wider than `columns`, and no more than `rows` of them.
pub fn lines(running: &[Row], totals: &Totals, columns: usize, rows: usize) -> Vec<String> {
    let room = rows.max(2) - 1;
    let shown = if running.len() > room { room - 1 } else { running.len() };
    let mut lines = runs(&running[..shown], totals.of, columns);
    if shown < running.len() {
        lines.push(fit(&format!("… and {} more", running.len() - shown), columns));
    }
    lines.push(totals.line(columns));
    lines
}

fn runs(rows: &[Row], of: usize, columns: usize) -> Vec<String> {
    let devices = rows.iter().map(|row| width(&row.device)).max().unwrap_or(0);
    let number = |row: &Row| {
        let place = if of > 1 { padded(&format!("[{}/{of}] ", row.position), 2 * digits(of) + 4, true) } else { String::new() };
        let device = if devices > 0 { padded(&row.device, devices + 1, false) } else { String::new() };
        place + &device
    };
    let numbered = rows.first().map_or(0, |row| width(&number(row)));
    let longest = rows.iter().map(|row| width(&row.title)).max().unwrap_or(0);
    let sizes = Sizes::of(rows);
    let rest = |parts: &[Field]| numbered + parts.iter().map(|part| 2 + sizes.of_part(*part)).sum::<usize>();
    let enough = |(parts, title): &&(&[Field], usize)| rest(parts) + longest.min(*title) <= columns;
    let trains = rows.iter().any(|row| matches!(row.stage, Stage::Training(_)));
    let parts = CHOICES.iter().find(enough).filter(|_| trains).map_or(&[] as &[Field], |(parts, _)| parts);
    let beside = if trains { rest(parts) } else { numbered + width("  starting") };
    let title = longest.min(columns.saturating_sub(beside));
    let line = |row: &Row| match &row.stage {
        Stage::Before(words) => format!("{}{}  {words}", number(row), padded(&row.title, title, false)),
        Stage::Training(t) => {
            let cells: Vec<String> = parts.iter().map(|part| format!("  {}", sizes.cell(*part, t))).collect();
            format!("{}{}{}", number(row), padded(&row.title, title, false), cells.concat())
        }
    };
    rows.iter().map(|row| fit(&line(row), columns)).collect()
}

/// What the columns of all rows must hold, so that they stand below each other.
struct Sizes {
    epochs: usize,
    steps: usize,
    left: usize,
}

impl Sizes {
    fn of(rows: &[Row]) -> Self {
        let training = || rows.iter().filter_map(|row| if let Stage::Training(t) = &row.stage { Some(t) } else { None });
        Self {
            epochs: training().map(|t| digits(t.epochs)).max().unwrap_or(1),
            steps: training().map(|t| digits(t.steps)).max().unwrap_or(1),
            // Room for `12:05`, so that columns do not move all the time.
            left: training().map(|t| width(&clock_or_dash(t.left))).max().unwrap_or(0).max(5),
        }
    }

    fn of_part(&self, part: Field) -> usize {
        match part {
            Field::Epoch => 6 + self.of_part(Field::EpochBare),
            Field::EpochBare => 2 * self.epochs + 1,
            Field::Bar => BAR + 2,
            Field::Step => 6 + 2 * self.steps,
            Field::Dice | Field::Best => 10,
            Field::DiceBare => 5,
            Field::Left => self.left,
        }
    }

    fn cell(&self, part: Field, t: &Training) -> String {
        let text = match part {
            Field::Epoch => format!("epoch {:>w$}/{:<w$}", t.epoch, t.epochs, w = self.epochs),
            Field::EpochBare => format!("{:>w$}/{:<w$}", t.epoch, t.epochs, w = self.epochs),
            Field::Bar => drawn((t.epoch.saturating_sub(1)) * t.steps + t.step, t.epochs * t.steps, BAR),
            Field::Step => format!("step {:>w$}/{:<w$}", t.step, t.steps, w = self.steps),
            Field::Dice => format!("dice {}", score(t.dice)),
            Field::DiceBare => score(t.dice),
            Field::Best => format!("best {}", score(t.best)),
            Field::Left => clock_or_dash(t.left),
        };
        padded(&text, self.of_part(part), part == Field::Left)
    }
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

fn score(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> Training {
        let (dice, best) = (Some(0.8714), Some(0.8803));
        Training { epoch: 7, epochs: 50, step: 12, steps: 30, dice, best, left: Some(754.0) }
    }

    fn rows() -> Vec<Row> {
        let row = |position, title: &str, stage| Row { position, device: String::new(), title: title.into(), stage };
        vec![
            row(3, "channels 16-32, lr 1e-2", Stage::Training(training())),
            row(
                12,
                "channels 8-16, lr 1e-3",
                Stage::Training(Training { epoch: 50, dice: None, best: None, left: None, ..training() }),
            ),
            row(
                11,
                "again: channels 8-16, lr 1e-2, seed 2",
                Stage::Before("waits for process 123 on a-host-with-a-long-name".into()),
            ),
        ]
    }

    fn totals() -> Totals {
        Totals { of: 12, finished: 3, failed: 1, running: 3, left: Some(3725.0), stopping: false }
    }

    #[test]
    fn about_a_hundred_columns_show_everything() {
        let expected = [
            " [3/12] channels 16-32, lr 1e-2  epoch  7/50  ▕█▎        ▏  step 12/30  dice 0.871  best 0.880  12:34",
            "[12/12] channels 8-16, lr 1e-3   epoch 50/50  ▕█████████▉▏  step 12/30  dice –      best –          –",
        ];
        assert_eq!(&lines(&rows()[..2], &totals(), 105, 24)[..2], expected);
    }

    #[test]
    fn no_line_is_too_wide_anywhere() {
        for columns in 0..130 {
            for line in lines(&rows(), &totals(), columns, 24) {
                assert!(width(&line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn eighty_columns_keep_titles_scores_and_time() {
        let expected = [
            " [3/12] channels 16-32, lr 1e-2       epoch  7/50  dice 0.871  best 0.880  12:34",
            "[12/12] channels 8-16, lr 1e-3        epoch 50/50  dice –      best –          –",
            "[11/12] again: channels 8-16, lr 1e…  waits for process 123 on a-host-with-a-lo…",
            "4 of 12 runs: 3 finished, 1 failed, 3 running, 5 waiting, about 1:02:05 left",
        ];
        assert_eq!(lines(&rows(), &totals(), 80, 24), expected);
    }

    #[test]
    fn forty_columns_keep_epoch_score_and_time() {
        let expected = [
            " [3/12] channels 1…   7/50  0.871  12:34",
            "[12/12] channels 8…  50/50  –          –",
            "[11/12] again: cha…  waits for process …",
            "4/12 done, 1 failed, about 1:02:05 left",
        ];
        assert_eq!(lines(&rows(), &totals(), 40, 24), expected);
    }

    #[test]
    fn gpus_are_named_before_the_titles() {
        let mut rows = rows();
        rows[0].device = "cuda:11".into();
        rows[1].device = "cuda:3".into();
        let lines = lines(&rows[..2], &totals(), 80, 24);
        assert!(
            lines[0].starts_with(" [3/12] cuda:11 channels") && lines[1].starts_with("[12/12] cuda:3  channels"),
            "{lines:?}"
        );
        assert!(lines.iter().all(|line| width(line) <= 80), "{lines:?}");
    }

    #[test]
    fn before_anything_trains_titles_have_the_room() {
        let starting = Row { stage: Stage::Before("starting".into()), ..rows().remove(2) };
        assert_eq!(lines(&[starting], &totals(), 60, 24)[0], "[11/12] again: channels 8-16, lr 1e-2, seed 2  starting");
    }

    #[test]
    fn more_runs_than_lines_are_counted() {
        let lines = lines(&rows(), &totals(), 80, 3);
        assert_eq!((lines.len(), lines[1].as_str()), (3, "… and 2 more"));
    }
}
