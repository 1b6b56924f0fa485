//! What recorded runs took.

use super::load::{Descriptions, Load};
use crate::config::{Experiment, Precision};
use crate::regular::{self, Most};
use crate::store::{Results, RunDir};

/// A run of which epochs were timed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// Operations of an epoch.
    pub epoch: f64,
    /// Operations of a step: how large what is calculated at a time is.
    pub step: f64,
    /// Median of the seconds of its epochs: the first one, and those beside which other things ran, are exceptions.
    pub seconds: f64,
    /// Threads that it had.
    pub threads: usize,
    /// How exactly it calculated.
    pub precision: Precision,
}

/// All runs of these results that this processor made on such a device, or any processor where none is named. What cannot be read is left out: an estimate is no
/// reason to fail.
pub(super) fn read(results: &Results, device: &str, processor: Option<&str>, descriptions: &mut Descriptions) -> Vec<Record> {
    let experiments = results.experiments().unwrap_or_default();
    let runs = experiments.iter().flat_map(|experiment| experiment.runs().unwrap_or_default());
    runs.filter_map(|run| record(&run, device, processor, descriptions)).collect()
}

fn record(run: &RunDir, device: &str, processor: Option<&str>, descriptions: &mut Descriptions) -> Option<Record> {
    let provenance = run.provenance().ok()??;
    if provenance.device? != device || processor.is_some_and(|processor| provenance.cpu.as_deref() != Some(processor)) {
        return None;
    }
    let threads = provenance.threads?;
    let seconds = median(run.timing().iter().filter_map(|row| row.seconds()).collect())?;
    let experiment: Experiment = toml::from_str(&regular::text(&run.run_toml(), Most::SMALL).ok()?).ok()?;
    let load = Load::of(&experiment, &descriptions.of(&experiment.dataset)?);
    let (epoch, step) = (load.epoch, load.step() as f64);
    let sound = threads > 0 && seconds > 0.0 && epoch > 0.0;
    sound.then_some(Record { epoch, step, seconds, threads, precision: experiment.training.precision })
}

/// Seconds of an epoch by the nearest records: those with as many threads before others, those as exact before others, then those whose
/// steps are most alike.
pub(super) fn expected(records: &[Record], load: &Load, threads: usize, precision: Precision) -> Option<f64> {
    let step = load.step() as f64;
    let far = |r: &Record| (r.threads != threads, r.precision != precision, (r.step / step).ln().abs());
    let order = |a: &(bool, bool, f64), b: &(bool, bool, f64)| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2));
    let nearest = records.iter().map(far).min_by(order)?;
    let scaled = |r: &Record| r.seconds * load.epoch / r.epoch * r.threads as f64 / threads.max(1) as f64;
    median(records.iter().filter(|r| order(&far(r), &nearest).is_eq()).map(scaled).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Description;

    fn load(channels: &str, count: usize) -> Load {
        let experiment = toml::from_str(&format!("name = 'a'\n[model.unet]\nchannels = {channels}")).expect("valid");
        Load::of(&experiment, &Description { channels: 3, classes: vec!["disc".into()], count })
    }

    fn record(load: &Load, seconds: f64, threads: usize) -> Record {
        Record { epoch: load.epoch, step: load.step() as f64, seconds, threads, precision: Precision::F32 }
    }

    #[test]
    fn the_same_work_takes_as_long_and_twice_the_images_twice() {
        let (one, two) = (load("[8, 16]", 100), load("[8, 16]", 200));
        let records = [record(&one, 3.0, 2), record(&one, 1.0, 2), record(&one, 2.0, 2)];
        assert_eq!(expected(&records, &one, 2, Precision::F32), Some(2.0));
        let twice = expected(&records, &two, 2, Precision::F32).unwrap();
        assert!((twice - 4.0).abs() < 1e-9, "{twice}");
        assert_eq!(expected(&[], &one, 2, Precision::F32), None);
    }

    #[test]
    fn the_nearest_record_speaks() {
        let (small, middle, large) = (load("[4, 8]", 100), load("[8, 16]", 100), load("[64, 128]", 100));
        let records = [record(&small, 1.0, 2), record(&large, 70.0, 2), record(&middle, 9.0, 1)];
        let scaled = expected(&records, &middle, 2, Precision::F32).unwrap();
        assert!((scaled - middle.epoch / small.epoch).abs() < 1e-9, "as many threads come first, then the size: {scaled}");
        let halved = expected(&records[2..], &middle, 2, Precision::F32).unwrap();
        assert!((halved - 4.5).abs() < 1e-9, "twice the threads, half the time: {halved}");
    }
}
