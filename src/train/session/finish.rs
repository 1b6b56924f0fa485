//! What a session does once the last epoch is over.

use super::{Columns, Evaluated, Halt, Session};
use crate::metric::Split;
use crate::record::ImageScores;
use crate::train::columns::columns;
use crate::train::{checkpoint, samples};

impl Session<'_> {
    /// Scores every image of the validation and test splits and shows some, with the best weights. Returns what is new of the
    /// validation split and all of the test split, by column.
    pub(super) fn finish(&mut self, stop: &dyn Fn() -> bool) -> Result<(Columns, Columns), Halt> {
        if self.state.best.is_some() {
            let hash = self.state.files.best.as_deref();
            checkpoint::read_weights(&self.run.best_checkpoint(), self.engine.learner().params(), hash)?;
            self.engine.take_weights()?;
        }
        let (splits, extras) = (self.splits, samples::extras(self.experiment, self.data));
        let validated = self.evaluate(&splits.val, Some(&extras), stop)?;
        let tested = if splits.test.is_empty() { None } else { Some(self.evaluate(&splits.test, Some(&extras), stop)?) };
        let of = |split: Split, indices: &[usize], seen: &Evaluated| {
            samples::image_rows(self.data, split, indices, extras.rows(&seen.images, &seen.extras))
        };
        let mut rows = of(Split::Val, &splits.val, &validated);
        rows.extend(tested.iter().flat_map(|tested| of(Split::Test, &splits.test, tested)));
        let scores = ImageScores { metrics: extras.columns(), rows };
        self.state.files.per_image = Some(self.run.write_image_scores(&scores)?);
        let (judged, seen) = tested.as_ref().map_or((&splits.val, &validated), |tested| (&splits.test, tested));
        let shown = samples::shown(&splits.val, judged, &seen.images);
        samples::write(self.run, self.data, &shown, &|index| self.logits(index))?;
        let more = |split: Split, seen: &Evaluated| -> Columns {
            extras.means(&seen.extras).into_iter().map(|(name, mean)| (split.column(&name), mean)).collect()
        };
        let mut test = Columns::new();
        if let Some(tested) = &tested {
            test.extend(columns(Split::Test, &tested.scores, &tested.terms, &self.experiment.loss, &self.data.classes));
            test.extend(more(Split::Test, tested));
        }
        Ok((more(Split::Val, &validated), test))
    }
}
