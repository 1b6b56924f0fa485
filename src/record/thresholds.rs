//! Scores over the threshold: all of thresholds.csv.

/// Scores of the classes of a run's validation and test splits at many thresholds, with the weights of its best epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ThresholdScores {
    /// One split, class and threshold each, thresholds in ascending order.
    pub rows: Vec<ThresholdRow>,
}

/// One split, class and threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdRow {
    /// `val` or `test`.
    pub split: String,
    /// The mask class.
    pub class: String,
    /// A pixel is foreground if its probability is at least this, in [0, 1].
    pub threshold: f64,
    /// Mean over images of the Dice score; NaN for a class that no image shows.
    pub dice: f64,
    /// Precision of the pixels of all images together.
    pub precision: f64,
    /// Recall of the pixels of all images together.
    pub recall: f64,
    /// Pixels: true positives, false positives, false negatives, true negatives.
    pub counts: [u64; 4],
}

const HEADER: [&str; 10] = ["split", "class", "threshold", "dice", "precision", "recall", "tp", "fp", "fn", "tn"];

impl ThresholdScores {
    /// The rows of a split and class.
    pub fn of<'a>(&'a self, split: &'a str, class: &'a str) -> impl Iterator<Item = &'a ThresholdRow> {
        self.rows.iter().filter(move |row| row.split == split && row.class == class)
    }

    /// All rows as text, the header first.
    pub fn table(&self) -> Vec<Vec<String>> {
        let row = |row: &ThresholdRow| {
            let numbers = [row.threshold, row.dice, row.precision, row.recall].map(|value| value.to_string());
            let words = [&row.split, &row.class].map(String::clone);
            words.into_iter().chain(numbers).chain(row.counts.map(|count| count.to_string())).collect()
        };
        std::iter::once(HEADER.map(str::to_owned).to_vec()).chain(self.rows.iter().map(row)).collect()
    }

    /// The other way.
    ///
    /// # Errors
    /// In words, if the header is another, or a line has a field too many, too few, or no number where one belongs.
    pub fn from_table(table: &[Vec<String>]) -> Result<Self, String> {
        let Some((header, lines)) = table.split_first() else { return Ok(Self::default()) };
        if header != &HEADER {
            return Err(format!("line 1 is not {}", HEADER.join(",")));
        }
        let row = |(at, line): (usize, &Vec<String>)| row(line).ok_or_else(|| format!("line {} does not fit the header", at + 2));
        Ok(Self { rows: lines.iter().enumerate().map(row).collect::<Result<_, _>>()? })
    }
}

fn row(line: &[String]) -> Option<ThresholdRow> {
    let [split, class, threshold, dice, precision, recall, counts @ ..] = line else { return None };
    let counts: [u64; 4] = counts.iter().map(|count| count.parse().ok()).collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let number = |text: &String| text.parse().ok();
    Some(ThresholdRow {
        split: split.clone(),
        class: class.clone(),
        threshold: number(threshold).filter(|threshold| (0.0..=1.0).contains(threshold))?,
        dice: number(dice)?,
        precision: number(precision)?,
        recall: number(recall)?,
        counts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let row = |split: &str, threshold: f64| ThresholdRow {
            split: split.into(),
            class: "disc, outer".into(),
            threshold,
            dice: 1.0 / 3.0,
            precision: 1e-300,
            recall: 0.0,
            counts: [1, 2, 3, u64::MAX],
        };
        let scores = ThresholdScores { rows: vec![row("val", 0.02), row("test", 1.0)] };
        assert_eq!(ThresholdScores::from_table(&scores.table()), Ok(scores.clone()));
        assert_eq!(scores.of("val", "disc, outer").count(), 1);
        for (column, bad) in [(2, "1.5"), (2, "NaN"), (3, "x"), (6, "-1"), (9, "")] {
            let mut table = scores.table();
            table[2][column] = bad.into();
            assert_eq!(ThresholdScores::from_table(&table), Err("line 3 does not fit the header".to_owned()), "{column} {bad}");
        }
        let mut table = scores.table();
        table[1].pop();
        assert_eq!(ThresholdScores::from_table(&table), Err("line 2 does not fit the header".to_owned()));
        table[0].pop();
        assert!(ThresholdScores::from_table(&table).unwrap_err().starts_with("line 1 is not split,class,"));
    }
}
