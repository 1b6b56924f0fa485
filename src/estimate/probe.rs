//! How fast this machine trains, by a few steps of a small network, each with all that a step of the run has but augmentation.

use crate::config::{Augment, Experiment};
use crate::data::{Dataset, Sample};
use crate::plan::{Cost, Input};
use crate::train::timed_steps;
use std::time::Duration;

/// Steps are counted for so long; one that began is ended.
const ENOUGH: Duration = Duration::from_millis(400);

/// Operations of the largest step that is tried: within half a second on one slow core.
const LARGEST: u64 = 4_000_000_000;

/// Numbers of the largest network that is built for it.
const PARAMETERS: u64 = 10_000_000;

/// Operations a second of training on so many threads. The channels are halved until the network is small enough, the batch and then
/// the sides of the images until a step is; `None` where none is, or where it fails.
pub(super) fn speed(experiment: &Experiment, input: Input, threads: usize) -> Option<f64> {
    let mut experiment = experiment.clone();
    let (cost, input) = small_enough(&mut experiment, input)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
    // The batch is as it is, without copies that move and without patches: operations are counted of what the network sees.
    (experiment.augment, experiment.patches) = (Augment::default(), None);
    let (steps, time) = pool.install(|| timed_steps(&experiment, &black(input), ENOUGH)).ok()?;
    let operations = cost.flops().saturating_mul(3 * input.batch as u64 * steps) as f64;
    Some(operations / time.as_secs_f64())
}

fn small_enough(experiment: &mut Experiment, mut input: Input) -> Option<(Cost, Input)> {
    while Cost::of(&experiment.model, input).parameters() > PARAMETERS {
        experiment.model.channels_mut().iter_mut().for_each(|channels| *channels = channels.div_ceil(2));
    }
    let levels = experiment.model.channels().len();
    // Sides must be divisible by as many halvings as the network makes.
    let unit = 2usize.checked_pow(u32::try_from(levels.saturating_sub(1)).ok()?)?;
    loop {
        let cost = Cost::of(&experiment.model, input);
        if cost.flops().saturating_mul(3 * input.batch as u64) <= LARGEST {
            return Some((cost, input));
        }
        if input.batch > 1 {
            input.batch = input.batch.div_ceil(2);
        } else {
            let halved = input.size.map(|side| side / 2 / unit * unit);
            if halved.contains(&0) {
                return None;
            }
            input.size = halved;
        }
    }
}

/// Black images of this size, as many as a batch has, with nothing marked.
fn black(input: Input) -> Dataset {
    let pixels = input.size[0] * input.size[1];
    let sample = |i: usize| Sample {
        name: i.to_string(),
        image: vec![0.0; input.in_channels * pixels].into(),
        mask: vec![0; input.classes * pixels],
    };
    Dataset {
        channels: input.in_channels,
        classes: (0..input.classes).map(|class| class.to_string()).collect(),
        size: input.size,
        samples: (0..input.batch).map(sample).collect(),
        official_test: vec![false; input.batch],
        fingerprint: String::new(),
        sources: vec![String::new(); input.batch],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_step_is_made_smaller_and_still_fits_the_network() {
        let input = Input { in_channels: 3, classes: 2, size: [512, 384], batch: 8 };
        for channels in ["[32, 64, 128, 256]", "[64, 128, 256, 512, 1024]"] {
            let mut experiment: Experiment =
                toml::from_str(&format!("name = 'a'\n[model.unet]\nchannels = {channels}")).expect("valid");
            let (cost, small) = small_enough(&mut experiment, input).unwrap();
            assert!(cost.parameters() <= PARAMETERS && 3 * cost.flops() * small.batch as u64 <= LARGEST);
            assert!(small.size.iter().all(|side| side % 16 == 0 && *side > 0), "{small:?}");
        }
    }

    #[test]
    fn what_is_small_stays_as_it_is() {
        let mut experiment: Experiment = toml::from_str("name = 'a'\n[model.unet]\nchannels = [4, 8]").expect("valid");
        let input = Input { in_channels: 3, classes: 2, size: [16, 16], batch: 4 };
        assert_eq!(small_enough(&mut experiment, input).unwrap().1, input);
    }

    /// Networks with several heads, losses, clipping, EMA and patches: the probe makes the run's own step, whatever it consists of.
    #[test]
    fn steps_of_every_kind_are_made() {
        let input = Input { in_channels: 1, classes: 2, size: [16, 16], batch: 2 };
        let terms = ["weighted_bce", "tversky", "focal", "focal_tversky", "jaccard", "boundary", "lovasz", "softmax_ce"];
        for loss in terms.map(|term| format!("[loss.{term}]\nweight = 0.5")) {
            let text = format!(
                "name = 'a'\n[dataset.synthetic]\n[patches]\nsize = [16, 16]\n[model.unet_plus_plus]\nchannels = [4, 8]\ndeep_supervision = true\n\
                 {loss}\n[training]\nclip_norm = 1.0\nema_decay = 0.9\naccumulate = 2"
            );
            let mut experiment: Experiment = toml::from_str(&text).expect("valid");
            (experiment.augment, experiment.patches) = (Augment::default(), None);
            timed_steps(&experiment, &black(input), Duration::ZERO).unwrap_or_else(|e| panic!("{loss}: {e}"));
        }
    }
}
