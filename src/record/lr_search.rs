//! What a search for a learning rate has seen.

/// One update, with the learning rate that it was made by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrStep {
    /// The learning rate.
    pub lr: f64,
    /// The loss of the batches that led to the update, before it; the last one may be no finite number.
    pub loss: f64,
    /// The exponential moving average of the losses so far, corrected for its start at 0.
    pub smoothed: f64,
}

/// A learning-rate range test: a loss for each of some learning rates that grow by the same factor from update to update.
#[derive(Debug, Clone, PartialEq)]
pub struct LrSearch {
    /// The updates that were made, one at least.
    pub steps: Vec<LrStep>,
    /// For each step a loss that does not trail behind as the moving average does, from a line through the losses around it.
    pub fitted: Vec<f64>,
    /// Where the fitted loss falls fastest over the logarithm of the learning rate, as an index; `None` if it falls nowhere.
    pub steepest: Option<usize>,
    /// Where the fitted loss is least, as an index; `None` if it is nowhere a finite number.
    pub least: Option<usize>,
}

impl LrSearch {
    /// The learning rate where the loss falls fastest.
    pub fn suggestion(&self) -> Option<f64> {
        self.steepest.map(|at| self.steps[at].lr)
    }

    /// A header and a row a step, as text. Numbers are written so that reading them gives the same bits.
    pub fn table(&self) -> Vec<Vec<String>> {
        let header = ["lr", "loss", "smoothed_loss", "fitted_loss"].map(str::to_owned).to_vec();
        let row = |(step, fitted): (&LrStep, &f64)| {
            [step.lr, step.loss, step.smoothed, *fitted].map(|value| value.to_string()).to_vec()
        };
        std::iter::once(header).chain(self.steps.iter().zip(&self.fitted).map(row)).collect()
    }
}

/// A learning rate for readers and for files, with two digits: `1.7e-2`, `1.2`.
pub fn short_lr(lr: f64) -> String {
    let words = format!("{lr:.1e}");
    words.strip_suffix("e0").map(str::to_owned).unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rates_are_short_numbers_of_a_file() {
        assert_eq!([1e-7, 0.017_43, 1.249, 30.0].map(short_lr), ["1.0e-7", "1.7e-2", "1.2", "3.0e1"]);
    }

    #[test]
    fn a_table_has_a_header_and_a_row_a_step() {
        let steps = vec![LrStep { lr: 1e-4, loss: 0.5, smoothed: 0.25 }, LrStep { lr: 1e-3, loss: f64::NAN, smoothed: f64::NAN }];
        let search = LrSearch { steps, fitted: vec![0.75, f64::NAN], steepest: Some(1), least: Some(0) };
        let header = ["lr", "loss", "smoothed_loss", "fitted_loss"];
        assert_eq!(search.table(), [header, ["0.0001", "0.5", "0.25", "0.75"], ["0.001", "NaN", "NaN", "NaN"]]);
        assert_eq!(search.suggestion(), Some(1e-3));
    }
}
