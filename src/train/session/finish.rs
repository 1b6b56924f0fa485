//! What a session does once the last epoch is over.

use super::{Columns, Evaluated, Halt, Session};
use crate::metric::{Split, THRESHOLDS_METADATA, ThresholdCurves};
use crate::model;
use crate::record::ImageScores;
use crate::train::columns::columns;
use crate::train::engine::AtEnd;
use crate::train::{Error, checkpoint, samples, thresholds};

/// What a run knows once it has ended.
pub(super) struct Ended {
    /// What is new of the validation split, by column.
    pub val: Columns,
    /// All of the test split, by column.
    pub test: Columns,
    /// The threshold of each class, where the experiment asks for one.
    pub thresholds: Columns,
}

impl Session<'_> {
    /// Scores every image of the validation and test splits and shows some, with the best weights.
    pub(super) fn finish(&mut self, stop: &dyn Fn() -> bool) -> Result<Ended, Halt> {
        if self.state.best.is_some() {
            let hash = self.state.files.best.as_deref();
            checkpoint::read_weights(&self.run.best_checkpoint(), self.engine.learner().params(), hash)?;
            self.engine.take_weights()?;
        }
        let (splits, extras) = (self.splits, samples::extras(self.experiment, self.data));
        let further = thresholds::further(self.experiment.metrics.threshold);
        let more = Some(AtEnd { extras: &extras, thresholds: &further });
        let validated = self.evaluate(&splits.val, more, stop)?;
        let tested = if splits.test.is_empty() { None } else { Some(self.evaluate(&splits.test, more, stop)?) };
        let chosen = self.keep_thresholds(&validated, tested.as_ref())?;
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
            let at = chosen.as_ref().map(|chosen| thresholds::columns(&self.data.classes, curves(tested), chosen));
            test.extend(at.into_iter().flatten());
        }
        let thresholds = self.data.classes.iter().cloned().zip(chosen.into_iter().flatten()).collect();
        Ok(Ended { val: more(Split::Val, &validated), test, thresholds })
    }

    /// Writes thresholds.csv and, where the experiment asks for a threshold, keeps it with the weights; returns that of each class.
    fn keep_thresholds(&mut self, validated: &Evaluated, tested: Option<&Evaluated>) -> Result<Option<Vec<f64>>, Error> {
        let classes = &self.data.classes;
        let splits = std::iter::once((Split::Val, curves(validated))).chain(tested.map(|tested| (Split::Test, curves(tested))));
        let table = thresholds::table(classes, &splits.collect::<Vec<_>>());
        self.state.files.thresholds = Some(self.run.write_threshold_scores(&table)?);
        let chosen = thresholds::chosen(self.experiment.metrics.threshold, curves(validated), classes.len());
        let (path, learner) = (self.run.best_checkpoint(), self.engine.learner());
        // Weights of another run's end may come with its thresholds.
        if let Some(best) = &self.state.best
            && (chosen.is_some() || model::metadata(&path, THRESHOLDS_METADATA)?.is_some())
        {
            let (params, normaliser) = (learner.params(), &learner.normaliser);
            let hash = checkpoint::note_thresholds(&path, params, best.epoch, normaliser, chosen.as_deref())?;
            self.state.files.best = Some(hash);
        }
        Ok(chosen)
    }
}

/// The curves of what was evaluated at the end.
fn curves(seen: &Evaluated) -> &ThresholdCurves {
    seen.curves.as_ref().expect("they are asked for at the end")
}
