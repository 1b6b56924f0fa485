//! How long runs will take: by what recorded runs took on the same machine, scaled by operations; else by a short probe; else unknown.
//!
//! The work of an epoch is counted in floating-point operations: thrice a forward pass for each image that trains, once for each that
//! validates. An epoch of another run then takes as much longer as it has more of them, which holds within a factor of about two:
//! small maps go slower per operation. The nearest record is taken for that reason.

mod probe;
mod records;

use std::time::Instant;
use umlaut::config::{self, Dataset, Experiment, Split, ValidateOn};
use umlaut::data::{self, Description};
use umlaut::model::Tiling;
use umlaut::plan::{Cost, Input, Plan};
use umlaut::schedule::Slot;
use umlaut::store::Results;

/// What a run has to calculate, by its configuration alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Its network.
    pub cost: Cost,
    /// What goes through it.
    pub input: Input,
    /// Operations of an epoch, validation included.
    pub epoch: f64,
}

impl Load {
    /// Of a run on data of this description.
    fn of(experiment: &Experiment, data: &Description) -> Self {
        let (size, batch) = (experiment.input_size(), experiment.training.batch_size);
        let input = Input { in_channels: data.channels, classes: data.classes.len(), size, batch };
        let cost = Cost::of(&experiment.model, input);
        let (all, val) = parts(&experiment.split, data.count as f64);
        let train = experiment.training.samples.map_or(all, |samples| all.min(samples as f64));
        // Patches for each training image, tiles for each validation image.
        let patches = experiment.patches.as_ref();
        let (patches, tiles) =
            patches.map_or((1, 1), |patches| (patches.per_image, Tiling::of(patches).count(experiment.preprocess.size)));
        Self { epoch: cost.flops() as f64 * (3.0 * train * patches as f64 + val * tiles as f64), cost, input }
    }

    /// Operations of a training step, backward counted as twice forward.
    pub fn step(&self) -> u64 {
        self.cost.flops().saturating_mul(3 * self.input.batch as u64)
    }
}

/// About how many of so many samples train and validate. Without looking at the data it is not known which part is the official test;
/// of the data sets that have one it is about a half.
fn parts(split: &Split, count: f64) -> (f64, f64) {
    match split {
        Split::Fractions(s) => (s.train * count, s.val * count),
        Split::KFold(s) => {
            let rest = (1.0 - s.test) * count;
            (rest * (1.0 - 1.0 / s.k as f64), rest / s.k as f64)
        }
        Split::Official(s) if s.validate_on == ValidateOn::Test => (count / 2.0, count / 2.0),
        Split::Official(s) => (count / 2.0 * (1.0 - s.val_fraction), count / 2.0 * s.val_fraction),
        Split::Lists(s) => {
            let all = (s.train.len() + s.val.len() + s.test.len()).max(1) as f64;
            // A pattern stands for many: then the lists' lengths say at least their proportion.
            let patterns = [&s.train, &s.val].iter().any(|list| list.iter().any(|name| name.contains('*')));
            let each = if patterns { count / all } else { 1.0 };
            (s.train.len() as f64 * each, s.val.len() as f64 * each)
        }
    }
}

/// Descriptions of data sets, each asked for once.
#[derive(Default)]
struct Descriptions(Vec<(Dataset, Option<Description>)>);

impl Descriptions {
    fn of(&mut self, dataset: &config::Dataset) -> Option<Description> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == dataset) {
            return known.clone();
        }
        let found = data::describe(dataset).ok();
        self.0.push((dataset.clone(), found.clone()));
        found
    }
}

/// Where times come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// So many recorded runs.
    Records(usize),
    /// A probe of so many seconds.
    Probe(f64),
    /// Nowhere: no time is known.
    Nowhere,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Records(1) => write!(f, "by 1 recorded run of this machine, scaled by FLOP"),
            Self::Records(n) => write!(f, "by {n} recorded runs of this machine, scaled by FLOP"),
            Self::Probe(seconds) => write!(f, "by a probe of {seconds:.1} s, scaled by FLOP; a recorded run will tell better"),
            Self::Nowhere => write!(f, "not known: nothing is recorded here yet"),
        }
    }
}

/// How long the runs of a plan will take.
pub struct Estimate {
    /// What each run has to calculate, by its index in the plan; `None` if its data cannot be described.
    pub loads: Vec<Option<Load>>,
    /// Seconds of an epoch of each run.
    seconds: Vec<Option<f64>>,
    /// Where these come from.
    pub source: Source,
}

impl Estimate {
    /// By the records of these results, for runs on such a slot.
    pub fn by_records(plan: &Plan, results: &Results, slot: &Slot) -> Self {
        let mut descriptions = Descriptions::default();
        let load = |run: &umlaut::plan::RunSpec| Some(Load::of(&run.experiment, &descriptions.of(&run.experiment.dataset)?));
        let loads: Vec<Option<Load>> = plan.runs.iter().map(load).collect();
        let records = records::read(results, &slot.device, &mut descriptions);
        let expected = |(run, load): (&umlaut::plan::RunSpec, &Option<Load>)| {
            records::expected(&records, load.as_ref()?, slot.threads, run.experiment.training.precision)
        };
        let seconds = plan.runs.iter().zip(&loads).map(expected).collect();
        let source = if records.is_empty() { Source::Nowhere } else { Source::Records(records.len()) };
        Self { loads, seconds, source }
    }

    /// By a probe where there are no records: a few steps of the smallest and of the largest network of the plan, about a second in all.
    pub fn or_probe(mut self, plan: &Plan, slot: &Slot) -> Self {
        if self.source != Source::Nowhere || slot.device != "cpu" {
            return self;
        }
        let began = Instant::now();
        let known = || self.loads.iter().enumerate().filter_map(|(run, load)| Some((run, load.as_ref()?)));
        let smallest = known().min_by_key(|(_, load)| load.step());
        let largest =
            known().max_by_key(|(_, load)| load.step()).filter(|(_, l)| smallest.is_some_and(|(_, s)| s.step() < l.step()));
        let probe = |(run, load): (usize, &Load)| {
            Some((load.step(), probe::speed(&plan.runs[run].experiment, load.input, slot.threads)?))
        };
        let speeds: Vec<(u64, f64)> = [smallest, largest].into_iter().flatten().filter_map(probe).collect();
        if !speeds.is_empty() {
            self.seconds =
                self.loads.iter().map(|load| load.as_ref().and_then(|load| Some(load.epoch / speed(&speeds, load)?))).collect();
            self.source = Source::Probe(began.elapsed().as_secs_f64());
        }
        self
    }

    /// Seconds that a run takes for so many epochs.
    pub fn seconds(&self, run: usize, epochs: usize) -> Option<f64> {
        self.seconds[run].map(|seconds| seconds * epochs as f64)
    }

    /// What each run takes for the epochs that it has left, in a unit common to all: seconds, or operations where these are not known.
    pub fn sizes(&self, epochs_left: &[usize]) -> Vec<f64> {
        let timed = self.source != Source::Nowhere;
        let operations = |run: usize| self.loads[run].as_ref().map(|load| load.epoch);
        let epoch = |run: usize| if timed { self.seconds[run] } else { operations(run) }.unwrap_or(0.0);
        epochs_left.iter().enumerate().map(|(run, left)| epoch(run) * *left as f64).collect()
    }

    /// Whether [`sizes`](Self::sizes) are seconds.
    pub fn timed(&self) -> bool {
        self.source != Source::Nowhere
    }
}

/// Operations a second of a run, by those of the steps that are most alike.
fn speed(speeds: &[(u64, f64)], load: &Load) -> Option<f64> {
    let far = |step: u64| (step as f64 / load.step() as f64).ln().abs();
    speeds.iter().min_by(|a, b| far(a.0).total_cmp(&far(b.0))).map(|(_, speed)| *speed)
}

/// When the last of these jobs ends, each given to the slot that is free first; `busy` is what the slots still have to do. With the
/// longest jobs first, as the queue has them, this is what the schedule does.
pub fn makespan(busy: &[f64], jobs: &[f64], slots: usize) -> f64 {
    let mut free: Vec<f64> = busy.to_vec();
    free.resize(slots.max(busy.len()).max(1), 0.0);
    for job in jobs {
        let first = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there is a slot");
        *first += job;
    }
    free.into_iter().fold(0.0, f64::max)
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

    #[test]
    fn slots_share_the_jobs() {
        assert_eq!(makespan(&[], &[4.0, 3.0, 2.0, 1.0], 1), 10.0);
        assert_eq!(makespan(&[], &[4.0, 3.0, 2.0, 1.0], 2), 5.0);
        assert_eq!(makespan(&[5.0], &[1.0, 1.0], 2), 5.0);
        assert_eq!(makespan(&[], &[], 2), 0.0);
    }
}
