//! What lies in a folder that nobody has described yet: which layout, which classes, how large, how many, and what is odd.
//!
//! [`survey`] gives a [`Survey`] with a data set's configuration that reads it. Files are listed and headers read of all samples; pixels are looked at
//! up to a limit, evenly spaced over the samples. Nothing is known here of networks.

mod annotated;
mod groups;
mod looked;
mod masks;
mod pairs;
mod values;

pub use groups::Groups;
pub use looked::ClassLook;

use super::error::{Error, listed};
use super::layout::Layout;
use super::{files, layouts};
use crate::config;
use crate::config::FundusTarget;
use looked::Looked;
use std::path::{Path, PathBuf};

/// What a folder holds.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Reads it.
    pub dataset: config::Dataset,
    /// How images and masks belong together, for readers.
    pub layout: String,
    /// Names of all samples, sorted.
    pub names: Vec<String>,
    /// Height and width of each sample, as far as headers could be read.
    pub sizes: Vec<[usize; 2]>,
    /// Channels of the images.
    pub channels: usize,
    /// Samples of which the pixels were looked at.
    pub looked: usize,
    /// What was seen of each class.
    pub classes: Vec<ClassLook>,
    /// Least and greatest value of the images looked at, as files have them.
    pub range: (f32, f32),
    /// Why the full range of the values' type would be a poor measure of them; `None` where it is a good one.
    pub spread: Option<String>,
    /// Samples that look like several of one patient or volume, by their names.
    pub groups: Option<Groups>,
    /// Whether samples are slices in order, so that neighbours look alike.
    pub in_order: bool,
    /// What someone who is to trust the data should know.
    pub odd: Vec<String>,
    /// Pairs of image and mask that fit no pattern, for a CSV file that the data set is to name: paths below the root.
    pub pairs: Option<Vec<(String, String)>>,
}

/// A layout that fits, before samples are looked at.
struct Fit {
    dataset: config::Dataset,
    layout: String,
    odd: Vec<String>,
    pairs: Option<Vec<(String, String)>>,
}

impl Fit {
    fn of(dataset: config::Dataset, layout: impl Into<String>) -> Self {
        Self { dataset, layout: layout.into(), odd: Vec::new(), pairs: None }
    }
}

/// Looks at a folder. `progress` hears how many of how many samples have been looked at.
///
/// # Errors
/// If nothing in it can be paired, or no layout fits: with what was found and what would help.
pub fn survey(root: &Path, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Survey, Error> {
    if !root.is_dir() {
        return Err(files::missing(root, "a folder of images and masks"));
    }
    let fit = match known(root).or_else(|| stack(root)).or_else(|| annotated::fit(root)) {
        Some(fit) => fit,
        None => pairs::fit(root)?,
    };
    let layout: Box<dyn Layout> = match &fit.pairs {
        Some(pairs) => pairs::listed(root, &fit.dataset, pairs)?,
        None => layouts::find(&fit.dataset)?,
    };
    let Looked { sizes, looked, classes, range, spread, mut odd } = looked::look(&*layout, progress)?;
    let names: Vec<String> = layout.entries().iter().map(|entry| entry.name.clone()).collect();
    let in_order = matches!(fit.dataset, config::Dataset::Stack(_));
    // Slices of a volume stay together anyway.
    let grouped = in_order || matches!(fit.dataset, config::Dataset::Volumes(_));
    let groups = if grouped { None } else { Groups::of(&names) };
    let channels = layout.channels()?;
    odd.splice(0..0, fit.odd);
    Ok(Survey {
        dataset: fit.dataset,
        layout: fit.layout,
        names,
        sizes,
        channels,
        looked,
        classes,
        range,
        spread,
        groups,
        in_order,
        odd,
        pairs: fit.pairs,
    })
}

/// One of the layouts with names of their own, by trying.
fn known(root: &Path) -> Option<Fit> {
    let targets = || vec![FundusTarget::Disc, FundusTarget::Cup];
    let path = || root.to_owned();
    let tried = [
        (
            config::Dataset::DrishtiGs(config::DrishtiGs {
                root: path(),
                targets: targets(),
                mask_policy: config::MaskPolicy::Any,
            }),
            "Drishti-GS1",
        ),
        (config::Dataset::Refuge(config::Refuge::at(path())), "REFUGE"),
        (config::Dataset::RimOne(config::RimOne::at(path())), "RIM-ONE DL"),
        (
            config::Dataset::Dsb2018(config::Dsb2018 { root: path(), class: "nucleus".into(), colour: config::Colour::Auto }),
            "the 2018 Data Science Bowl, masks of single nuclei joined",
        ),
    ];
    let fits = |dataset: &config::Dataset| layouts::find(dataset).is_ok_and(|layout| !layout.entries().is_empty());
    let (dataset, name) = tried.into_iter().find(|(dataset, _)| fits(dataset))?;
    Some(Fit::of(dataset, format!("the layout of {name}")))
}

/// A multi-page TIFF of images beside one of labels.
fn stack(root: &Path) -> Option<Fit> {
    let files = files::readable(root).ok()?;
    let [a, b]: &[PathBuf; 2] = files.as_slice().try_into().ok()?;
    let is_mask = |path: &Path| {
        super::pairing::words(&super::pattern::relative(root, path)).iter().any(|w| super::pairing::is_mask_word(w))
    };
    let (images, labels) = match (is_mask(a), is_mask(b)) {
        (false, true) => (a, b),
        (true, false) => (b, a),
        _ => return None,
    };
    let values = values::of_first_page(labels)?;
    let meaning = values.meaning(&[])?;
    let config = config::Stack {
        images: images.clone(),
        labels: labels.clone(),
        classes: meaning.classes,
        mask_values: meaning.mask_values.filter(|_| meaning.levels.is_empty() && meaning.colours.is_empty())?,
        ignore: Vec::new(),
    };
    let dataset = config::Dataset::Stack(config);
    layouts::find(&dataset).ok().filter(|layout| layout.entries().len() > 2)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Some(Fit::of(dataset, format!("two multi-page TIFF files, images in {} and labels in {}", name(images), name(labels))))
}

/// The first few of a list, for a sentence.
fn first(names: &[String]) -> String {
    listed(names, 4, ", ")
}
