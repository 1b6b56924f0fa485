//! The numbers of a proposal: sizes, channels, batches, epochs. nnU-Net's plan (Isensee et al. 2021) is the anchor where one is named.

use crate::data::Survey;

/// Fewer samples make no experiment.
pub(super) const LEAST: usize = 4;

/// Sides that whole images are brought to where objects stay thick enough, in pixels: nnU-Net's 2D patches of small data sets are of that order.
const WHOLE: usize = 256;
/// Sides of patches.
const PATCH: usize = 256;
/// Objects may become as thin as this, in pixels, before images are cut into patches instead.
const THIN: f64 = 3.0;
/// Feature maps are halved as long as a side keeps so many pixels: nnU-Net's limit is 4, with levels that cost next to nothing here.
const DEEPEST: usize = 8;
/// Levels at the most.
const LEVELS: usize = 5;
/// Channels of the first level, the widest first; nnU-Net begins with 32.
pub(super) const WIDTHS: [usize; 3] = [32, 16, 8];
/// Channels at the most, as nnU-Net's 2D plans of its first version have them, rounded down to a power of 2.
const CHANNELS: usize = 256;
/// Updates of a run: fewer than the first have not learnt much, more than the second change little for a first net.
const UPDATES: [usize; 2] = [400, 2000];
/// Epochs at the least and at the most.
const EPOCHS: [usize; 2] = [10, 300];
/// The share of the wished time that training may take: reading, scoring and charts take some.
const TRAINING: f64 = 0.85;
/// Patches of an image in an epoch, at the most.
const PATCHES: usize = 8;

/// What goes through the network.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Height and width that images are brought to.
    pub size: [usize; 2],
    /// The side of square patches and how many an image has in an epoch; `None` where whole images train.
    pub patches: Option<(usize, usize)>,
    /// Levels of the network.
    pub levels: usize,
    /// Median height and width of the images.
    pub median: [usize; 2],
    /// Whether images differ in size.
    pub mixed: bool,
    /// How thick the thinnest class is at `size`, in pixels; `None` where nothing is foreground.
    pub thickness: Option<f64>,
}

impl Frame {
    pub fn of(survey: &Survey) -> Self {
        let median = [0, 1].map(|axis| {
            let mut sides: Vec<usize> = survey.sizes.iter().map(|size| size[axis]).collect();
            sides.sort_unstable();
            sides.get(sides.len() / 2).copied().unwrap_or(WHOLE)
        });
        let mixed = survey.sizes.iter().any(|size| *size != survey.sizes[0]);
        let largest = median[0].max(median[1]);
        let scale = (WHOLE as f64 / largest as f64).min(1.0);
        let thin = survey.classes.iter().map(|class| class.thickness).filter(|t| *t > 0.0).min_by(f64::total_cmp);
        let whole = thin.is_none_or(|t| t * scale >= THIN) || largest <= PATCH;
        let wanted = if whole { median.map(|side| side as f64 * scale) } else { median.map(|side| side as f64) };
        let network = if whole { wanted.map(|side| side.round() as usize) } else { [PATCH; 2] };
        let least = network[0].min(network[1]);
        let levels = (1..LEVELS).take_while(|halvings| least >> halvings >= DEEPEST).last().unwrap_or(1) + 1;
        let step = 1 << (levels - 1);
        let size = wanted.map(|side| (side.round() as usize).next_multiple_of(if whole { step } else { 1 }).max(step));
        let side = if whole { 0 } else { PATCH.min(size[0] / step * step).min(size[1] / step * step) };
        let per_image = (size[0] * size[1]).div_ceil(side.max(1).pow(2)).clamp(1, PATCHES);
        let patches = (!whole).then_some((side, per_image));
        let thickness = thin.map(|t| if whole { t * scale } else { t });
        Self { size, patches, levels, median, mixed, thickness }
    }
}

/// What trains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// Channels of each level.
    pub channels: Vec<usize>,
    pub batch: usize,
    pub epochs: usize,
    /// How many samples train, validate and test, about.
    pub split: [usize; 3],
    /// Shares of them.
    pub shares: [f64; 3],
    /// Updates of an epoch.
    pub updates: usize,
}

impl Choice {
    pub fn of(survey: &Survey, frame: &Frame, width: usize, epochs: usize) -> Self {
        let channels = (0..frame.levels).map(|level| (width << level).min(CHANNELS)).collect();
        let count = survey.names.len();
        // Of few samples a test split of one or two says nothing; all that do not train validate.
        let shares = if count < 15 { [0.7, 0.3, 0.0] } else { [0.6, 0.2, 0.2] };
        let [_, val, test] = shares.map(|share| (share * count as f64).round() as usize);
        let train = count - val - test;
        // nnU-Net's batches are 2 or more; batch norm is better with 4.
        let batch = if train >= 8 { 4 } else { 2 };
        let updates = (train * frame.patches.map_or(1, |(_, per_image)| per_image)).div_ceil(batch);
        Self { channels, batch, epochs, split: [train, val, test], shares, updates }
    }
}

/// Which of the candidates, the widest first, makes enough updates in the time; the narrowest if none does, the middle one if no time is known.
pub(super) fn width(candidates: &[Choice], seconds: &[Option<f64>], minutes: f64) -> usize {
    let enough = |at: usize| match seconds[at] {
        Some(epoch) => TRAINING * 60.0 * minutes / epoch * candidates[at].updates as f64 >= UPDATES[1] as f64,
        None => at == candidates.len() / 2,
    };
    (0..candidates.len()).find(|at| enough(*at)).unwrap_or(candidates.len() - 1)
}

/// As many epochs as the time allows and the updates are worth.
pub(super) fn epochs(choice: &Choice, seconds: Option<f64>, minutes: f64) -> usize {
    let worth = UPDATES[1].div_ceil(choice.updates.max(1)).clamp(EPOCHS[0], EPOCHS[1]);
    let possible = seconds.map_or(worth, |epoch| (TRAINING * 60.0 * minutes / epoch) as usize);
    let least = UPDATES[0].div_ceil(choice.updates.max(1)).clamp(1, EPOCHS[0]);
    possible.clamp(least, worth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dataset;
    use crate::data::ClassLook;

    fn survey(count: usize, size: [usize; 2], thickness: f64) -> Survey {
        let class = ClassLook { name: "foreground".into(), fraction: 0.2, empty: 0, thickness, constant: 0.3 };
        Survey {
            dataset: Dataset::default(),
            layout: String::new(),
            names: (0..count).map(|i| i.to_string()).collect(),
            sizes: vec![size; count],
            channels: 1,
            looked: count,
            classes: vec![class],
            range: (0.0, 1.0),
            spread: None,
            groups: None,
            in_order: false,
            odd: Vec::new(),
            pairs: None,
        }
    }

    #[test]
    fn thick_objects_are_shrunk_and_thin_ones_cut_into_patches() {
        let frame = Frame::of(&survey(20, [1000, 1500], 60.0));
        assert_eq!((frame.size, frame.patches, frame.levels), ([176, 256], None, 5));
        let frame = Frame::of(&survey(20, [512, 512], 5.0));
        assert_eq!((frame.size, frame.patches, frame.levels), ([512, 512], Some((256, 4)), 5));
        let frame = Frame::of(&survey(20, [130, 200], 2.0));
        assert_eq!((frame.size, frame.patches), ([144, 208], None), "small images are whole however thin their objects are");
        let frame = Frame::of(&survey(20, [30, 40], 4.0));
        assert_eq!((frame.size, frame.levels), ([30, 40], 2));
        // A strip that is lower than a patch.
        let frame = Frame::of(&survey(20, [100, 2000], 4.0));
        assert_eq!((frame.size, frame.patches.map(|p| p.0)), ([100, 2000], Some(96)));
    }

    #[test]
    fn epochs_follow_from_the_time_and_have_bounds() {
        let survey = survey(25, [256, 256], 20.0);
        let frame = Frame::of(&survey);
        let choices = WIDTHS.map(|width| Choice::of(&survey, &frame, width, 1));
        assert_eq!((choices[0].split, choices[0].batch, choices[0].updates), ([15, 5, 5], 4, 4));
        let seconds = [Some(4.0), Some(1.0), Some(0.4)];
        // 2000 updates are 500 epochs; 300 at the most. In 10 minutes the middle one makes 510.
        assert_eq!((width(&choices, &seconds, 10.0), epochs(&choices[1], seconds[1], 10.0)), (1, 300));
        assert_eq!((width(&choices, &seconds, 1.0), epochs(&choices[2], seconds[2], 1.0)), (2, 127));
        assert_eq!((width(&choices, &[None; 3], 1.0), epochs(&choices[1], None, 1.0)), (1, 300));
        assert_eq!(epochs(&choices[1], Some(1000.0), 1.0), 10);
    }
}
