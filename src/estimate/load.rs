//! What a run has to calculate: the operations of an epoch, by its configuration and a description of its data.

use crate::config::{Dataset, Experiment, SplitRule, ValidateOn};
use crate::data::{self, Description};
use crate::model::Tiling;
use crate::plan::{Cost, Input};

/// What a run has to calculate, by its configuration alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Its network.
    pub cost: Cost,
    /// What goes through it.
    pub input: Input,
    /// Operations of an epoch, validation included.
    pub epoch: f64,
    /// Optimizer steps of an epoch.
    pub steps: usize,
}

impl Load {
    /// Of a run on data of this description.
    pub fn of(experiment: &Experiment, data: &Description) -> Self {
        let (size, batch) = (experiment.input_size(), experiment.training.batch_size);
        let input = Input { in_channels: data.channels, classes: data.classes.len(), size, batch };
        let cost = Cost::of(&experiment.model, input);
        let (all, val) = parts(&experiment.split, data.count as f64);
        let train = experiment.training.samples.map_or(all, |samples| all.min(samples as f64));
        // Patches for each training image, tiles for each validation image.
        let patches = experiment.patches.as_ref();
        let (patches, tiles) =
            patches.map_or((1, 1), |patches| (patches.per_image, Tiling::of(patches).count(experiment.preprocess.size)));
        let steps = (train * patches as f64 / (batch * experiment.training.accumulate) as f64).ceil() as usize;
        Self { epoch: cost.flops() as f64 * (3.0 * train * patches as f64 + val * tiles as f64), cost, input, steps }
    }

    /// Operations of a training step, backward counted as twice forward.
    pub fn step(&self) -> u64 {
        self.cost.flops().saturating_mul(3 * self.input.batch as u64)
    }
}

/// About how many of so many samples train and validate. Without looking at the data it is not known which samples are the official test;
/// of the data sets that have one it is about a half.
fn parts(split: &SplitRule, count: f64) -> (f64, f64) {
    match split {
        SplitRule::Fractions(s) => (s.train * count, s.val * count),
        SplitRule::KFold(s) => {
            let rest = (1.0 - s.test) * count;
            (rest * (1.0 - 1.0 / s.k as f64), rest / s.k as f64)
        }
        SplitRule::Official(s) if s.validate_on == ValidateOn::Test => (count / 2.0, count / 2.0),
        SplitRule::Official(s) => (count / 2.0 * (1.0 - s.val_fraction), count / 2.0 * s.val_fraction),
        SplitRule::Lists(s) => {
            let all = (s.train.len() + s.val.len() + s.test.len()).max(1) as f64;
            // A pattern stands for many: then the lists' lengths say at least their proportion.
            let patterns = [&s.train, &s.val].iter().any(|list| list.iter().any(|name| name.contains('*')));
            let each = if patterns { count / all } else { 1.0 };
            (s.train.len() as f64 * each, s.val.len() as f64 * each)
        }
    }
}

/// Descriptions of data sets, each asked for once.
#[derive(Debug, Clone, Default)]
pub(super) struct Descriptions(Vec<(Dataset, Option<Description>)>);

impl Descriptions {
    pub fn of(&mut self, dataset: &Dataset) -> Option<Description> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == dataset) {
            return known.clone();
        }
        let found = data::describe(dataset).ok();
        self.0.push((dataset.clone(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(toml: &str) -> Experiment {
        toml::from_str(&format!("name = 'a'\n{toml}")).expect("valid")
    }

    fn described(count: usize) -> Description {
        Description { channels: 3, classes: vec!["disc".into()], count }
    }

    #[test]
    fn an_epoch_is_three_forward_passes_for_training_and_one_for_validation() {
        let load = Load::of(&experiment("[split.fractions]\ntrain = 0.6\nval = 0.2\ntest = 0.2"), &described(10));
        assert_eq!(load.epoch, load.cost.flops() as f64 * 20.0);
        assert_eq!(load.step(), 15 * load.cost.flops());
    }

    #[test]
    fn patches_train_and_tiles_validate() {
        let patches = "preprocess.size = [256, 256]\n[patches]\nsize = [128, 128]\nper_image = 4\noverlap = 0.25\n";
        let split = "[split.fractions]\ntrain = 0.6\nval = 0.2\ntest = 0.2";
        let load = Load::of(&experiment(&format!("{patches}{split}")), &described(10));
        // Tiles of 128 begin at 0, 64 and 128: steps of 96 at the most.
        assert_eq!((load.input.size, load.epoch), ([128, 128], load.cost.flops() as f64 * (3.0 * 6.0 * 4.0 + 2.0 * 9.0)));
    }

    #[test]
    fn splits_share_samples_out() {
        let share = |toml: &str| parts(&experiment(toml).split, 100.0);
        assert_eq!(share("[split.k_fold]\nk = 4\ntest = 0.2"), (60.0, 20.0));
        assert_eq!(share("[split.official]\nvalidate_on = 'test'"), (50.0, 50.0));
        assert_eq!(share("[split.lists]\ntrain = ['a', 'b']\nval = ['c']"), (2.0, 1.0));
        assert_eq!(share("[split.lists]\ntrain = ['a*']\nval = ['b*']"), (50.0, 50.0));
    }
}
