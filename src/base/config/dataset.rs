//! Where images and masks come from.

use super::name::NAME;
use super::volumes::{Axis, Windowing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where images and masks come from: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dataset {
    /// Drawn fundus photographs with exact masks; needs no files.
    Synthetic(Synthetic),
    /// A folder of images and a folder of masks, paired by file stem.
    Folders(Folders),
    /// The layout of Drishti-GS1.
    DrishtiGs(DrishtiGs),
    /// A multi-page TIFF of images and one of labels.
    Stack(Stack),
    /// The layout of REFUGE.
    Refuge(Refuge),
    /// The layout of RIM-ONE DL.
    RimOne(RimOne),
    /// The layout of the 2018 Data Science Bowl.
    Dsb2018(Dsb2018),
    /// A folder of images and a JSON file of COCO with the outlines of their objects.
    Coco(Coco),
    /// Images, and beside each a file of LabelMe.
    Labelme(Labelme),
    /// A folder of images and one of GeoJSON, as QuPath exports it.
    Geojson(Geojson),
    /// Volumes of NIfTI, DICOM or TIFF, cut into slices.
    Volumes(Volumes),
}

/// Optic disc or optic cup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FundusTarget {
    /// The optic disc, cup included.
    Disc,
    /// The optic cup.
    Cup,
}

/// Seeded drawings of fundus photographs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Synthetic {
    /// Number of images, 3 or more.
    #[schemars(range(min = 3, max = 1_000_000))]
    pub count: usize,
    /// Seed of the drawing.
    pub seed: u64,
    /// Height and width in pixels as drawn, each 32 or more.
    #[schemars(inner(range(min = 32, max = 8192)))]
    pub size: [usize; 2],
    /// The classes, in the order of the output channels.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub targets: Vec<FundusTarget>,
}

/// `root/images/NAME.*` with `root/masks/NAME.*`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// The folder that holds both; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Folder of the images below `root`, or a pattern of their paths as `{name}.png`: what is in braces names the sample, `*` is any text.
    #[serde(default = "images_folder")]
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// Folder of the masks below `root`, or a pattern as `{name}_mask.*`.
    #[serde(default = "masks_folder")]
    #[schemars(length(min = 1))]
    pub masks: PathBuf,
    /// CSV file with the columns `image` and `mask`, paths below `root`, in place of `images` and `masks`; relative to the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub pairs: Option<PathBuf>,
    /// Names of the classes, in the order of the output channels.
    #[serde(default = "foreground")]
    #[schemars(length(min = 1, max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// What a mask's pixel values mean.
    #[serde(default)]
    pub mask_values: MaskValues,
    /// Values of a mask that count nowhere: in no loss, no metric and no sampling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub ignore: Vec<u16>,
    /// With `class_masks`: an image may lack the mask of a class, which then counts nowhere in that image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Whether images are read as grey or as colour.
    #[serde(default)]
    pub colour: Colour,
    /// Which axis of an array of NumPy with three of them are channels.
    #[serde(default, skip_serializing_if = "ChannelAxis::is_auto")]
    pub channel_axis: ChannelAxis,
    /// For each class the pixel values that it has in a mask, in place of `mask_values`; a value may belong to several classes.
    /// `background` lists the values of none; absent, it is 0 alone. Values that are nowhere are mistakes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, Vec<u16>>,
    /// For each class the colour that it has in a mask, as "#rrggbb", in place of `mask_values`. `background` is that of none; absent, it is black.
    /// `ignore` is that of pixels that count nowhere.
    /// Colours that are nowhere are mistakes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub colours: BTreeMap<String, String>,
    /// For each class a folder of its own masks below `root`, or a pattern, in place of `masks`; each as `mask_values = "binary"` has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub class_masks: BTreeMap<String, PathBuf>,
}

/// REFUGE: photographs and masks with 0 in the cup, 128 in the rest of the disc, 255 elsewhere, paired by file stem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refuge {
    /// The folder that holds both; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Folder of the images below `root`; images may lie in folders below.
    #[serde(default = "refuge_images")]
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// Folder of the masks below `root`; likewise.
    #[serde(default = "refuge_masks")]
    #[schemars(length(min = 1))]
    pub masks: PathBuf,
    /// The classes, in the order of the output channels.
    #[serde(default = "disc_and_cup")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub targets: Vec<FundusTarget>,
}

/// RIM-ONE DL: for an image `NAME.png` the masks `NAME-1-Disc-T.png` and `NAME-1-Cup-T.png`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RimOne {
    /// The folder that holds both; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Folder of the images below `root`; in folders called `test_set` lies the data set's own test split.
    #[serde(default = "rim_one_images")]
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// Folder of the masks below `root`.
    #[serde(default = "rim_one_masks")]
    #[schemars(length(min = 1))]
    pub masks: PathBuf,
    /// The classes, in the order of the output channels.
    #[serde(default = "disc_and_cup")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub targets: Vec<FundusTarget>,
}

/// The 2018 Data Science Bowl: one folder per sample, `ID/images/ID.png` and one mask per nucleus in `ID/masks/`; the masks are merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dsb2018 {
    /// The folder that holds the samples' folders, `stage1_train`; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Name of the one class.
    #[serde(default = "nucleus")]
    #[schemars(regex(pattern = NAME))]
    pub class: String,
    /// Whether images are read as grey or as colour.
    #[serde(default)]
    pub colour: Colour,
}

/// COCO ("instances"): polygons and run lengths of objects, drawn as pycocotools draws them. Pictures that the JSON does not list are no samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coco {
    /// The folder that each image's `file_name` is relative to; relative to the working directory.
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// The JSON file.
    #[schemars(length(min = 1))]
    pub annotations: PathBuf,
    /// Names of the classes, in the order of the output channels: categories, with `_` for each character but letters, digits, `-`, `_` and `.`.
    /// Empty means all categories in the order of their ids.
    #[serde(default)]
    #[schemars(length(max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// Whether images are read as grey or as colour.
    #[serde(default)]
    pub colour: Colour,
}

/// LabelMe: `NAME.json` beside the image `NAME.*`, with polygons, rectangles and circles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labelme {
    /// The folder that holds both; they may lie in folders below. Relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Names of the classes, in the order of the output channels: labels, with `_` for each character but letters, digits, `-`, `_` and `.`.
    #[schemars(length(min = 1, max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// Whether images are read as grey or as colour.
    #[serde(default)]
    pub colour: Colour,
}

/// GeoJSON of QuPath: `NAME.geojson` or `NAME.json` for the image `NAME.*`, polygons in pixels of the full image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Geojson {
    /// The folder of the images; relative to the working directory.
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// The folder of the annotations.
    #[schemars(length(min = 1))]
    pub annotations: PathBuf,
    /// Names of the classes, in the order of the output channels: classifications as QuPath shows them, with `_` for each character but letters,
    /// digits, `-`, `_` and `.`.
    #[schemars(length(min = 1, max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// Whether images are read as grey or as colour.
    #[serde(default)]
    pub colour: Colour,
}

/// What a mask's pixel values mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskValues {
    /// Dark is background, bright is the one class; values between (JPEG noise) are tolerated near both ends.
    #[default]
    Binary,
    /// 0 is background, k is the k-th class (1-based).
    Indexed,
}

/// Whether images are read as grey or as colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// As the first file is, with as many channels as it has.
    #[default]
    Auto,
    /// One channel.
    Grey,
    /// Three channels.
    Rgb,
}

/// Which axis of an array of NumPy with three of them are channels. Masks may have two axes alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelAxis {
    /// The first or the last, whichever is 16 at most and shorter than both others.
    #[default]
    Auto,
    /// Channels × height × width.
    First,
    /// Height × width × channels.
    Last,
}

impl ChannelAxis {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The layout of Drishti-GS1: `Training/` and `Test/`, soft maps of four annotators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrishtiGs {
    /// `Drishti-GS1_files` or a folder that holds it; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// The classes, in the order of the output channels.
    #[serde(default = "disc_and_cup")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub targets: Vec<FundusTarget>,
    /// When a pixel counts as marked.
    #[serde(default)]
    pub mask_policy: MaskPolicy,
}

/// When a pixel counts as marked by the four annotators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskPolicy {
    /// Marked by at least one.
    #[default]
    Any,
    /// Marked by at least three.
    Majority,
    /// Marked by all four.
    All,
}

/// Multi-page TIFF volumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// TIFF of the images, a page a sample; relative to the working directory.
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// TIFF of the labels, page by page.
    #[schemars(length(min = 1))]
    pub labels: PathBuf,
    /// Names of the classes, in the order of the output channels.
    #[serde(default = "foreground")]
    #[schemars(length(min = 1, max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// What a label's pixel values mean.
    #[serde(default)]
    pub mask_values: MaskValues,
    /// Values of a label that count nowhere: in no loss, no metric and no sampling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub ignore: Vec<u16>,
}

/// A folder of volumes and a folder of their masks, paired by file stem; every slice is a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volumes {
    /// The folder that holds both; relative to the working directory.
    #[schemars(length(min = 1))]
    pub root: PathBuf,
    /// Folder of the images below `root`: `NAME.nii`, `NAME.nii.gz`, `NAME.dcm`, or a folder `NAME` of the DICOM files of one series.
    #[serde(default = "images_folder")]
    #[schemars(length(min = 1))]
    pub images: PathBuf,
    /// Folder of the masks below `root`; likewise.
    #[serde(default = "masks_folder")]
    #[schemars(length(min = 1))]
    pub masks: PathBuf,
    /// Names of the classes, in the order of the output channels.
    #[serde(default = "foreground")]
    #[schemars(length(min = 1, max = 255), inner(regex(pattern = NAME)), extend("uniqueItems" = true))]
    pub classes: Vec<String>,
    /// What a mask's values mean.
    #[serde(default = "indexed")]
    pub mask_values: MaskValues,
    /// The voxel axis that volumes are cut along; DICOM along the third only.
    #[serde(default)]
    pub axis: Axis,
    /// Which window of a DICOM file its values are shown with; absent, they are those of its rescale slope and intercept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Windowing>,
}

fn indexed() -> MaskValues {
    MaskValues::Indexed
}

fn refuge_images() -> PathBuf {
    "Training400".into()
}

fn refuge_masks() -> PathBuf {
    "Annotation-Training400/Disc_Cup_Masks".into()
}

fn rim_one_images() -> PathBuf {
    "RIM-ONE_DL_images/partitioned_randomly".into()
}

fn rim_one_masks() -> PathBuf {
    "RIM-ONE_DL_reference_segmentations".into()
}

fn nucleus() -> String {
    "nucleus".into()
}

fn images_folder() -> PathBuf {
    "images".into()
}

fn masks_folder() -> PathBuf {
    "masks".into()
}

fn foreground() -> Vec<String> {
    vec!["foreground".into()]
}

fn disc_and_cup() -> Vec<FundusTarget> {
    vec![FundusTarget::Disc, FundusTarget::Cup]
}

impl Refuge {
    /// With the usual folders below this root.
    pub fn at(root: PathBuf) -> Self {
        Self { root, images: refuge_images(), masks: refuge_masks(), targets: disc_and_cup() }
    }
}

impl RimOne {
    /// With the usual folders below this root.
    pub fn at(root: PathBuf) -> Self {
        Self { root, images: rim_one_images(), masks: rim_one_masks(), targets: disc_and_cup() }
    }
}

impl Default for Dataset {
    fn default() -> Self {
        Self::Synthetic(Synthetic::default())
    }
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { count: 120, seed: 1, size: [128, 128], targets: disc_and_cup() }
    }
}

impl Dataset {
    /// Names of the classes, in the order of the output channels; empty where the data says them, as it may of `coco`.
    pub fn classes(&self) -> Vec<String> {
        match self {
            Self::Synthetic(Synthetic { targets, .. })
            | Self::DrishtiGs(DrishtiGs { targets, .. })
            | Self::Refuge(Refuge { targets, .. })
            | Self::RimOne(RimOne { targets, .. }) => targets.iter().map(|t| t.name().to_owned()).collect(),
            Self::Dsb2018(Dsb2018 { class, .. }) => vec![class.clone()],
            Self::Folders(Folders { classes, .. })
            | Self::Stack(Stack { classes, .. })
            | Self::Coco(Coco { classes, .. })
            | Self::Labelme(Labelme { classes, .. })
            | Self::Geojson(Geojson { classes, .. })
            | Self::Volumes(Volumes { classes, .. }) => classes.clone(),
        }
    }

    /// Channels of its images, as far as the file alone says: 3 where the images decide.
    pub fn channels(&self) -> usize {
        match self {
            Self::Stack(_) | Self::Volumes(_) => 1,
            Self::Folders(Folders { colour, .. })
            | Self::Dsb2018(Dsb2018 { colour, .. })
            | Self::Coco(Coco { colour, .. })
            | Self::Labelme(Labelme { colour, .. })
            | Self::Geojson(Geojson { colour, .. })
                if *colour == Colour::Grey =>
            {
                1
            }
            Self::Synthetic(_)
            | Self::Folders(_)
            | Self::DrishtiGs(_)
            | Self::Refuge(_)
            | Self::RimOne(_)
            | Self::Dsb2018(_)
            | Self::Coco(_)
            | Self::Labelme(_)
            | Self::Geojson(_) => 3,
        }
    }

    /// The paths that say where its files lie; they have no part in what a run computes. Folders below a root are none of them.
    pub fn locations_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Synthetic(_) => Vec::new(),
            Self::Folders(Folders { root, pairs, .. }) => [root].into_iter().chain(pairs).collect(),
            Self::DrishtiGs(DrishtiGs { root, .. })
            | Self::Refuge(Refuge { root, .. })
            | Self::RimOne(RimOne { root, .. })
            | Self::Dsb2018(Dsb2018 { root, .. })
            | Self::Labelme(Labelme { root, .. })
            | Self::Volumes(Volumes { root, .. }) => vec![root],
            Self::Stack(Stack { images, labels, .. }) => vec![images, labels],
            Self::Coco(Coco { images, annotations, .. }) | Self::Geojson(Geojson { images, annotations, .. }) => {
                vec![images, annotations]
            }
        }
    }

    /// Whether its classes lie in one another by definition, as the optic cup in the disc.
    pub(super) fn is_nested(&self) -> bool {
        match self {
            Self::Synthetic(_) | Self::DrishtiGs(_) | Self::Refuge(_) | Self::RimOne(_) => self.classes().len() > 1,
            Self::Folders(_)
            | Self::Stack(_)
            | Self::Dsb2018(_)
            | Self::Coco(_)
            | Self::Labelme(_)
            | Self::Geojson(_)
            | Self::Volumes(_) => false,
        }
    }

    /// Whether it comes with a division into training and test images of its own.
    pub(super) fn has_official_split(&self) -> bool {
        match self {
            Self::DrishtiGs(_) | Self::RimOne(_) => true,
            Self::Synthetic(_)
            | Self::Folders(_)
            | Self::Stack(_)
            | Self::Refuge(_)
            | Self::Dsb2018(_)
            | Self::Coco(_)
            | Self::Labelme(_)
            | Self::Geojson(_)
            | Self::Volumes(_) => false,
        }
    }

    /// Which axis of its arrays are channels.
    pub fn channel_axis(&self) -> ChannelAxis {
        match self {
            Self::Folders(Folders { channel_axis, .. }) => *channel_axis,
            _ => ChannelAxis::Auto,
        }
    }

    /// The dotted key of the chosen variant.
    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::Synthetic(_) => "dataset.synthetic",
            Self::Folders(_) => "dataset.folders",
            Self::DrishtiGs(_) => "dataset.drishti_gs",
            Self::Stack(_) => "dataset.stack",
            Self::Refuge(_) => "dataset.refuge",
            Self::RimOne(_) => "dataset.rim_one",
            Self::Dsb2018(_) => "dataset.dsb2018",
            Self::Coco(_) => "dataset.coco",
            Self::Labelme(_) => "dataset.labelme",
            Self::Geojson(_) => "dataset.geojson",
            Self::Volumes(_) => "dataset.volumes",
        }
    }

    /// The dotted key that names the classes.
    pub(super) fn classes_path(&self) -> &'static str {
        match self {
            Self::Synthetic(_) => "dataset.synthetic.targets",
            Self::Folders(_) => "dataset.folders.classes",
            Self::DrishtiGs(_) => "dataset.drishti_gs.targets",
            Self::Stack(_) => "dataset.stack.classes",
            Self::Refuge(_) => "dataset.refuge.targets",
            Self::RimOne(_) => "dataset.rim_one.targets",
            Self::Dsb2018(_) => "dataset.dsb2018.class",
            Self::Coco(_) => "dataset.coco.classes",
            Self::Labelme(_) => "dataset.labelme.classes",
            Self::Geojson(_) => "dataset.geojson.classes",
            Self::Volumes(_) => "dataset.volumes.classes",
        }
    }

    /// What keeps samples in one part of a split where the split does not say: of volumes their slices, by their names.
    pub(super) fn group(&self) -> Option<&'static str> {
        matches!(self, Self::Volumes(_)).then_some(r"^(.+)_s\d+$")
    }
}

/// Red, green and blue of `#rrggbb`, in hexadecimal; `None` if it is not of this form.
pub fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|c| c.is_ascii_hexdigit()))?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

impl FundusTarget {
    /// Its name as a class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disc => "disc",
            Self::Cup => "cup",
        }
    }
}
