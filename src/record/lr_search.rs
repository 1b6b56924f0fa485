//! What a search for a learning rate has seen.

use std::ops::Range;

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
    /// The steps with losses on both sides as far as a line reaches, where the suggestion and the least are looked for; the lines of the others
    /// lean on one side. Empty if there are too few steps.
    pub whole: Range<usize>,
    /// Where the fitted loss falls fastest over the logarithm of the learning rate, as an index; `None` if it falls nowhere.
    pub steepest: Option<usize>,
    /// Where the fitted loss is least, as an index; `None` if it is nowhere a finite number.
    pub least: Option<usize>,
}

impl LrSearch {
    /// The step whose learning rate is suggested, as an index: where the loss falls fastest, or the one nearest to a tenth of where it is
    /// least if that is less. `None` if the loss falls nowhere.
    pub fn suggested(&self) -> Option<usize> {
        let tenth = self.steps[self.least?].lr / 10.0;
        let far = |at: &usize| (self.steps[*at].lr / tenth).ln().abs();
        let tenth = (0..self.steps.len()).min_by(|a, b| far(a).total_cmp(&far(b)))?;
        self.steepest.map(|steepest| steepest.min(tenth))
    }

    /// A header and one row per step, as text. Numbers are written so that reading them gives the same bits.
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
    fn the_safer_of_two_rules_is_suggested() {
        let step = |at: i32| LrStep { lr: 10f64.powf(-6.0 + f64::from(at) / 4.0), loss: 0.5, smoothed: 0.5 };
        let search = |steepest, least| LrSearch {
            steps: (0..20).map(step).collect(),
            fitted: vec![0.5; 20],
            whole: 2..18,
            steepest,
            least,
        };
        // Four steps are a decade.
        assert_eq!(search(Some(8), Some(18)).suggested(), Some(8));
        assert_eq!(search(Some(16), Some(18)).suggested(), Some(14));
        assert_eq!(search(Some(2), Some(3)).suggested(), Some(0), "the first, where there is nothing below");
        assert_eq!((search(None, Some(18)).suggested(), search(None, None).suggested()), (None, None));
    }

    #[test]
    fn a_table_has_a_header_and_a_row_a_step() {
        let steps = vec![LrStep { lr: 1e-4, loss: 0.5, smoothed: 0.25 }, LrStep { lr: 1e-3, loss: f64::NAN, smoothed: f64::NAN }];
        let search = LrSearch { steps, fitted: vec![0.75, f64::NAN], whole: 0..0, steepest: Some(1), least: Some(0) };
        let header = ["lr", "loss", "smoothed_loss", "fitted_loss"];
        assert_eq!(search.table(), [header, ["0.0001", "0.5", "0.25", "0.75"], ["0.001", "NaN", "NaN", "NaN"]]);
    }
}
