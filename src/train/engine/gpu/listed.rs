//! Which convolutions a run asks a GPU for, by its configuration alone.

use crate::config::Experiment;
use crate::model::{Error, Mode, Params, blank};
use crate::ops::cuda::{Convolution, convolutions};
use candle_core::Device;

/// All passes of all convolutions of a run: of training and of evaluation, of whole batches and of what may be left of them, one image. The
/// network's own code asks for them, on a device that does nothing. A convolution comes as often as it is asked for.
///
/// # Errors
/// If the configuration makes no network.
pub fn convolutions_of(experiment: &Experiment) -> Result<Vec<Convolution>, Error> {
    let Experiment { model, dataset, training, .. } = experiment;
    let channels = dataset.channels();
    let network = blank(model, channels, dataset.classes().len(), &Device::Cpu)?;
    let Params { trained, buffers } = network.params();
    let [h, w] = experiment.input_size();
    let mut all = Vec::new();
    let mut sizes = vec![training.batch_size, 1];
    sizes.dedup();
    for n in sizes {
        let shape = (n, channels, h, w);
        all.extend(convolutions(trained, buffers, shape, training.precision, true, |tape, images| {
            network.forward_supervised(tape, images)
        })?);
        all.extend(convolutions(trained, buffers, shape, training.precision, false, |tape, images| {
            Ok(vec![network.forward_map(tape, images, Mode::Eval)?])
        })?);
    }
    Ok(all)
}
