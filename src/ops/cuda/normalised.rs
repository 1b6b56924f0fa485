//! A convolution 3×3 and the batch normalisation after it by running statistics as one convolution, which adds a bias and cuts at 0 as it
//! writes: no pass over the result is left. For evaluation, where nothing is recorded.

use super::conv::conv3x3_folded;
use super::folding::Folding;
use super::problem::Pass;
use super::upsampled::conv3x3_of_upsampled_folded;
use crate::config::Activation;
use crate::tape::GpuNetwork;
use crate::{KeptNorm, Map, Node, Tape};
use candle_core::Result;

/// As `ops::conv3x3_normalised`. `None` where it takes two passes: something is recorded, another activation than a ReLU follows, or cuDNN has no
/// engine that adds a bias to this convolution.
pub(crate) fn conv3x3_normalised(
    tape: &Tape,
    device: &GpuNetwork,
    sources: &[&Map],
    upsampled: bool,
    own: (&Node, &Node),
    norm: KeptNorm,
    then: Option<Activation>,
) -> Result<Option<Map>> {
    let relu = match then {
        None => false,
        Some(Activation::Relu) => true,
        Some(_) => return Ok(None),
    };
    if tape.is_recording() {
        return Ok(None);
    }
    let (folding, pass) = (Folding::of(device, own, norm)?, Pass::Biased { relu });
    match sources {
        [x] if upsampled => conv3x3_of_upsampled_folded(tape, device, x, own, &folding, pass),
        _ => conv3x3_folded(tape, device, sources, own, &folding, pass),
    }
}
