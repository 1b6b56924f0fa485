//! One row of metrics.csv.

/// One epoch of a run: `epoch`, then named numbers in the order of the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRecord {
    /// 1-based.
    pub epoch: usize,
    /// Column name and value: `lr`, `train_loss`, …, `val_dice_disc`.
    pub values: Vec<(String, f64)>,
}

/// The column of timing.csv.
const ELAPSED: &str = "elapsed_s";

impl EpochRecord {
    /// A row of timing.csv: the seconds of an epoch, to the millisecond.
    pub fn timed(epoch: usize, seconds: f64) -> Self {
        Self { epoch, values: vec![(ELAPSED.to_owned(), (seconds * 1000.0).round() / 1000.0)] }
    }

    /// The seconds of the epoch, in a row of timing.csv.
    pub fn seconds(&self) -> Option<f64> {
        self.get(ELAPSED)
    }

    /// The value of a column, if there is such a column.
    pub fn get(&self, column: &str) -> Option<f64> {
        self.values.iter().find(|(name, _)| name == column).map(|(_, value)| *value)
    }

    /// The column names, `epoch` first.
    pub fn header(&self) -> Vec<String> {
        std::iter::once("epoch".to_owned()).chain(self.values.iter().map(|(name, _)| name.clone())).collect()
    }

    /// The fields as text. Numbers are written so that reading them gives the same bits.
    pub fn fields(&self) -> Vec<String> {
        std::iter::once(self.epoch.to_string()).chain(self.values.iter().map(|(_, v)| v.to_string())).collect()
    }

    /// Reads a row under its header. `None` if it is torn: too few fields, or one that is no number.
    pub fn from_fields(header: &csv::StringRecord, fields: &csv::StringRecord) -> Option<Self> {
        if header.len() != fields.len() || header.get(0) != Some("epoch") {
            return None;
        }
        let epoch = fields.get(0)?.parse().ok()?;
        let values = header.iter().zip(fields).skip(1).map(|(name, v)| Some((name.to_owned(), v.parse().ok()?)));
        Some(Self { epoch, values: values.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_csv() {
        let record = EpochRecord { epoch: 3, values: vec![("lr".into(), 1e-4), ("val_dice".into(), 0.1 + 0.2)] };
        let header = csv::StringRecord::from(record.header());
        let fields = csv::StringRecord::from(record.fields());
        assert_eq!(EpochRecord::from_fields(&header, &fields), Some(record));
    }

    #[test]
    fn a_torn_row_is_no_row() {
        let header = csv::StringRecord::from(vec!["epoch", "lr", "val_dice"]);
        assert_eq!(EpochRecord::from_fields(&header, &csv::StringRecord::from(vec!["3", "0.1"])), None);
        assert_eq!(EpochRecord::from_fields(&header, &csv::StringRecord::from(vec!["3", "0.1", "0.8x"])), None);
    }
}
