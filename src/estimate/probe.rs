//! How fast this machine trains, by a few steps of a small network.

use crate::config::{Experiment, Loss};
use crate::model::{Mode, Network, Weights, build};
use crate::ops::Tape;
use crate::plan::{Cost, Input};
use crate::train::{Optimizer, weighted_loss};
use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use std::time::{Duration, Instant};

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
    let (steps, time) = pool.install(|| steps(&experiment, input)).ok()?;
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

/// So many steps took so long; the first, which is slower, is not counted.
fn steps(experiment: &Experiment, input: Input) -> Result<(u64, Duration)> {
    let network = build(&experiment.model, input.in_channels, input.classes, Weights::Seed(1), &Device::Cpu)?;
    let [height, width] = input.size;
    let images = Tensor::zeros((input.batch, input.in_channels, height, width), DType::F32, &Device::Cpu)?;
    let targets = Tensor::zeros((input.batch, input.classes, height, width), DType::F32, &Device::Cpu)?;
    let mut optimizer = Optimizer::new(&experiment.optimizer, &network.params().trained);
    let mut step = || step(experiment, &*network, &mut optimizer, &images, &targets);
    step()?;
    let began = Instant::now();
    let mut steps = 0;
    while began.elapsed() < ENOUGH {
        step()?;
        steps += 1;
    }
    Ok((steps, began.elapsed()))
}

fn step(
    experiment: &Experiment,
    network: &dyn Network,
    optimizer: &mut Optimizer,
    images: &Tensor,
    targets: &Tensor,
) -> Result<()> {
    let tape = Tape::training().with_precision(experiment.training.precision);
    let logits = network.forward(&tape, images, Mode::Train)?;
    let loss = weighted_loss(&tape, &logits, targets, &Loss::default())?;
    Ok(optimizer.step(&network.params().trained, &tape.backward(&loss.sum)?, 1e-4)?)
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
}
