//! Scores of single images: all of per_image.csv.

/// The scores of every image and class of a run's validation and test splits, with the weights of its best epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageScores {
    /// What the values of a row are: `dice`, `iou`, `bce`, ….
    pub metrics: Vec<String>,
    /// One image and class each, in the order of the split.
    pub rows: Vec<ImageRow>,
}

/// One image and class.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRow {
    /// `val` or `test`.
    pub split: String,
    /// The sample's name.
    pub image: String,
    /// The mask class.
    pub class: String,
    /// In the order of [`ImageScores::metrics`].
    pub values: Vec<f64>,
}

const KEYS: [&str; 3] = ["part", "image", "class"];

impl ImageScores {
    /// The place of a metric in every row's values.
    pub fn place(&self, metric: &str) -> Option<usize> {
        self.metrics.iter().position(|name| name == metric)
    }

    /// All rows as text, the header first.
    pub fn table(&self) -> Vec<Vec<String>> {
        let header = KEYS.iter().map(|key| (*key).to_owned()).chain(self.metrics.iter().cloned()).collect();
        let row = |row: &ImageRow| {
            let keys = [&row.split, &row.image, &row.class].map(String::clone);
            keys.into_iter().chain(row.values.iter().map(f64::to_string)).collect()
        };
        std::iter::once(header).chain(self.rows.iter().map(row)).collect()
    }

    /// The other way.
    ///
    /// # Errors
    /// In words, if a line does not fit the header or is no number where one belongs.
    pub fn from_table(table: &[Vec<String>]) -> Result<Self, String> {
        let Some((header, lines)) = table.split_first() else { return Ok(Self::default()) };
        if header.len() < KEYS.len() || header[..KEYS.len()] != KEYS {
            return Err(format!("line 1 does not begin with {}", KEYS.join(",")));
        }
        let row = |(at, line): (usize, &Vec<String>)| {
            let values = line.get(KEYS.len()..).map(|values| values.iter().map(|v| v.parse()).collect::<Result<Vec<f64>, _>>());
            match (values, line.as_slice()) {
                (Some(Ok(values)), [split, image, class, ..]) if line.len() == header.len() => {
                    Ok(ImageRow { split: split.clone(), image: image.clone(), class: class.clone(), values })
                }
                _ => Err(format!("line {} does not fit the header", at + 2)),
            }
        };
        let rows = lines.iter().enumerate().map(row).collect::<Result<_, _>>()?;
        Ok(Self { metrics: header[KEYS.len()..].to_vec(), rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let row = |image: &str, value: f64| ImageRow {
            split: "val".into(),
            image: image.into(),
            class: "disc, outer".into(),
            values: vec![value, 1.0 / 3.0],
        };
        let scores = ImageScores { metrics: vec!["dice".into(), "bce".into()], rows: vec![row("a", 0.1), row("b", 1e-300)] };
        assert_eq!(ImageScores::from_table(&scores.table()), Ok(scores.clone()));
        assert_eq!(scores.place("bce"), Some(1));
        let mut table = scores.table();
        table[2][3] = "x".into();
        assert_eq!(ImageScores::from_table(&table), Err("line 3 does not fit the header".to_owned()));
        table[2].truncate(2);
        assert!(ImageScores::from_table(&table).is_err());
        assert!(ImageScores::from_table(&[vec!["image".into()]]).is_err());
    }
}
