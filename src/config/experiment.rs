//! The shapes of an experiment file. A key of the file equals the name of its field here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a TOML file asks for: one experiment, a sweep of it included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Names the directory below `results/`: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Free text for readers; no influence on anything.
    #[serde(default)]
    pub description: String,
    /// Where images and masks come from.
    #[serde(default)]
    pub dataset: Dataset,
    /// How every image is brought to one size.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// Which samples train, validate and test.
    #[serde(default)]
    pub split: Split,
    /// Random changes of training samples.
    #[serde(default)]
    pub augment: Augment,
    /// The network.
    #[serde(default)]
    pub model: Model,
    /// What is minimised.
    #[serde(default)]
    pub loss: Loss,
    /// How parameters are updated.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The learning rate of each epoch, as a factor on or a course from `lr` of the optimizer.
    #[serde(default)]
    pub lr_schedule: LrSchedule,
    /// Linear warm-up before the schedule.
    #[serde(default)]
    pub lr_warmup: LrWarmup,
    /// Epochs, batches, seeds.
    #[serde(default)]
    pub training: Training,
    /// What is varied; absent in a resolved run.
    #[serde(default, skip_serializing_if = "Sweep::is_empty")]
    pub sweep: Sweep,
}

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
    pub count: usize,
    /// Seed of the drawing.
    pub seed: u64,
    /// Height and width in pixels as drawn, each 32 or more.
    pub size: [usize; 2],
    /// The classes, in the order of the output channels.
    pub targets: Vec<FundusTarget>,
}

/// `root/images/NAME.*` with `root/masks/NAME.*`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// The folder that holds both; relative to the working directory.
    pub root: PathBuf,
    /// Folder of the images below `root`.
    #[serde(default = "images_folder")]
    pub images: PathBuf,
    /// Folder of the masks below `root`.
    #[serde(default = "masks_folder")]
    pub masks: PathBuf,
    /// Names of the classes, in the order of the output channels.
    #[serde(default = "foreground")]
    pub classes: Vec<String>,
    /// What a mask's pixel values mean.
    #[serde(default)]
    pub mask_values: MaskValues,
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
    /// As the first file is.
    #[default]
    Auto,
    /// One channel.
    Grey,
    /// Three channels.
    Rgb,
}

/// The layout of Drishti-GS1: `Training/` and `Test/`, soft maps of four annotators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrishtiGs {
    /// `Drishti-GS1_files` or a folder that holds it; relative to the working directory.
    pub root: PathBuf,
    /// The classes, in the order of the output channels.
    #[serde(default = "disc_and_cup")]
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
    pub images: PathBuf,
    /// TIFF of the labels, page by page.
    pub labels: PathBuf,
    /// Names of the classes, in the order of the output channels.
    #[serde(default = "foreground")]
    pub classes: Vec<String>,
    /// What a label's pixel values mean.
    #[serde(default)]
    pub mask_values: MaskValues,
}

/// How every image is brought to one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocess {
    /// Height and width in pixels that the network sees.
    pub size: [usize; 2],
    /// What happens to the aspect ratio.
    pub fit: Fit,
}

/// What happens to the aspect ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Kept: black is added to the shorter side, centred.
    #[default]
    Pad,
    /// Given up: both sides are resized.
    Stretch,
    /// Kept: the longer side is cut, centred.
    Crop,
}

/// Which samples train, validate and test: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Split {
    /// The data set's own parts.
    Official(OfficialSplit),
    /// Random shares.
    Fractions(FractionSplit),
    /// One part in k validates; a run a fold.
    KFold(KFoldSplit),
    /// Names, part by part.
    Lists(ListSplit),
}

/// The data set's own training and test parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfficialSplit {
    /// Which official part validates.
    pub validate_on: ValidateOn,
    /// With `validate_on = "training"`: the share of it that validates, in (0, 1).
    pub val_fraction: f64,
    /// Seed of that draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Which official part validates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidateOn {
    /// A share of the official training part; the official test part tests.
    #[default]
    Training,
    /// The official test part; nothing is left for a test. What many reports do, and optimistic.
    Test,
}

/// Random shares; they add up to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FractionSplit {
    /// Share that trains, in (0, 1).
    pub train: f64,
    /// Share that validates, in (0, 1).
    pub val: f64,
    /// Share that tests, in [0, 1).
    pub test: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KFoldSplit {
    /// Number of folds, 2 or more.
    pub k: usize,
    /// The folds to run, 1-based; empty means all.
    pub folds: Vec<usize>,
    /// Share that is set aside for the test before folding, in [0, 1).
    pub test: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Names of samples (file stems), part by part; `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSplit {
    /// Samples that train.
    pub train: Vec<String>,
    /// Samples that validate.
    pub val: Vec<String>,
    /// Samples that test.
    #[serde(default)]
    pub test: Vec<String>,
}

/// Random changes of training samples, each with its probability in [0, 1]; 0 switches it off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Left and right change places.
    pub flip_horizontal: f64,
    /// Top and bottom change places.
    pub flip_vertical: f64,
    /// A turn by 90°, 180° or 270°; needs a square `preprocess.size`.
    pub rotate90: f64,
}

/// The network: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// U-Net (Ronneberger et al. 2015) with padded convolutions.
    Unet(Unet),
}

/// U-Net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Unet {
    /// Channels of each level, from the full resolution down; depth (number of downsamplings) is one less than their number.
    pub channels: Vec<usize>,
    /// How the decoder doubles the resolution.
    pub up: Up,
    /// Normalisation after each 3×3 convolution.
    pub norm: Norm,
    /// With `norm = "group"`: groups of channels; divides every level's channels.
    pub groups: usize,
}

/// How the decoder doubles the resolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    /// Nearest neighbour, then convolution 3×3, normalisation, ReLU.
    #[default]
    NearestConv,
    /// Transposed convolution 2×2 of stride 2.
    Transposed,
}

/// Normalisation after each 3×3 convolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Batch normalisation (Ioffe and Szegedy 2015), momentum 0.1, ε 1e-5.
    #[default]
    Batch,
    /// Group normalisation (Wu and He 2018), ε 1e-5.
    Group,
    /// None.
    None,
}

/// What is minimised: a weighted sum of terms. A term of weight 0 is reported and does not train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    /// Weight of binary cross-entropy, 0 or more.
    pub bce: f64,
    /// Weight of the soft Dice loss, 0 or more.
    pub dice: f64,
    /// Weight of each class within every term, 0 or more; empty means 1 for each.
    pub class_weights: Vec<f64>,
}

/// How parameters are updated: exactly one. Rules and defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015), weight decay as L2 in the gradient.
    Adam(Adam),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw(Adamw),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

/// Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Decay of the first and second moment, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the denominator, above 0.
    pub eps: f64,
    /// L2 penalty, 0 or more.
    pub weight_decay: f64,
}

/// AdamW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adamw {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Decay of the first and second moment, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the denominator, above 0.
    pub eps: f64,
    /// Decoupled weight decay, 0 or more.
    pub weight_decay: f64,
}

/// SGD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Momentum, in [0, 1).
    pub momentum: f64,
    /// Nesterov's form; needs momentum above 0.
    pub nesterov: bool,
    /// L2 penalty, 0 or more.
    pub weight_decay: f64,
}

/// The learning rate of each epoch: exactly one. Definitions are PyTorch's, stepped once an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LrSchedule {
    /// `lr` throughout.
    Constant(ConstantLr),
    /// `lr · gamma^⌊(e − 1)/every⌋` in epoch e.
    Step(StepLr),
    /// `lr · gamma^(number of milestones reached)`.
    MultiStep(MultiStepLr),
    /// `lr · gamma^(e − 1)`.
    Exponential(ExponentialLr),
    /// Half a cosine from `lr` to `min_lr`.
    Cosine(CosineLr),
    /// `lr · (1 − (e − 1)/epochs)^power`.
    Polynomial(PolynomialLr),
    /// `lr` falls by `factor` when the metric named has not improved for `patience` epochs.
    Plateau(PlateauLr),
    /// Up to `max_lr` and down again (Smith 2018).
    OneCycle(OneCycleLr),
}

/// `lr` throughout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConstantLr {}

/// Falls by `gamma` every `every` epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepLr {
    /// Epochs between drops, 1 or more.
    pub every: usize,
    /// Factor of a drop, in (0, 1].
    pub gamma: f64,
}

/// Falls by `gamma` after the epochs named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultiStepLr {
    /// Numbers of epochs done when the rate falls, rising.
    pub milestones: Vec<usize>,
    /// Factor of a drop, in (0, 1].
    #[serde(default = "tenth")]
    pub gamma: f64,
}

/// Falls by `gamma` each epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExponentialLr {
    /// Factor an epoch, in (0, 1].
    pub gamma: f64,
}

/// Half a cosine (Loshchilov and Hutter 2017, without restarts).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CosineLr {
    /// Where it would arrive one epoch after the last, 0 or more.
    pub min_lr: f64,
}

/// A power of the share of epochs left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialLr {
    /// The power, above 0.
    pub power: f64,
}

/// Falls when a metric stops improving.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauLr {
    /// The column of metrics.csv to watch, a `val_` one.
    pub metric: String,
    /// Factor of a drop, in (0, 1).
    pub factor: f64,
    /// Epochs without improvement that are tolerated.
    pub patience: usize,
    /// Relative change that counts as an improvement, 0 or more.
    pub threshold: f64,
    /// Epochs to wait after a drop.
    pub cooldown: usize,
    /// Never below this, 0 or more.
    pub min_lr: f64,
}

/// Up and down again (Smith 2018), with cosine annealing, one step an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycleLr {
    /// The peak as a multiple of the optimizer's `lr`, above 0.
    pub peak: f64,
    /// Share of the epochs that rise, in (0, 1).
    pub rise: f64,
    /// Start is peak / this, above 1.
    pub start_divisor: f64,
    /// End is start / this, above 1.
    pub end_divisor: f64,
}

/// Linear warm-up: the first epochs' rate is the schedule's times a factor that rises to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LrWarmup {
    /// Epochs of warm-up; 0 for none.
    pub epochs: usize,
    /// Factor in the first epoch, in (0, 1].
    pub start_factor: f64,
}

/// Epochs, batches, seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Epochs, 1 or more.
    pub epochs: usize,
    /// Samples a batch, 1 or more.
    pub batch_size: usize,
    /// Batches whose gradients are averaged for one update, 1 or more.
    pub accumulate: usize,
    /// Largest L2 norm of all gradients together, above 0; absent for no clipping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The column of metrics.csv that picks the best epoch, a `val_` one.
    pub best: String,
    /// A run for each: weights, order of samples and augmentation follow from it.
    pub seeds: Vec<u64>,
}

/// What is varied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Every combination of the values listed for each dotted key of this file.
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    pub grid: BTreeMap<String, Vec<toml::Value>>,
}

impl Sweep {
    /// Whether nothing is varied.
    pub fn is_empty(&self) -> bool {
        self.grid.is_empty()
    }
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

fn tenth() -> f64 {
    0.1
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

impl Default for Preprocess {
    fn default() -> Self {
        Self { size: [224, 224], fit: Fit::Pad }
    }
}

impl Default for Split {
    fn default() -> Self {
        Self::Fractions(FractionSplit::default())
    }
}

impl Default for OfficialSplit {
    fn default() -> Self {
        Self { validate_on: ValidateOn::Training, val_fraction: 0.2, seed: 1, group: None }
    }
}

impl Default for FractionSplit {
    fn default() -> Self {
        Self { train: 0.7, val: 0.15, test: 0.15, seed: 1, group: None }
    }
}

impl Default for KFoldSplit {
    fn default() -> Self {
        Self { k: 5, folds: Vec::new(), test: 0.0, seed: 1, group: None }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::Unet(Unet::default())
    }
}

impl Default for Unet {
    fn default() -> Self {
        Self { channels: vec![64, 128, 256, 512, 1024], up: Up::NearestConv, norm: Norm::Batch, groups: 8 }
    }
}

impl Default for Loss {
    fn default() -> Self {
        Self { bce: 0.5, dice: 0.5, class_weights: Vec::new() }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Default for Adamw {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 1e-2 }
    }
}

impl Default for Sgd {
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.9, nesterov: false, weight_decay: 0.0 }
    }
}

impl Default for LrSchedule {
    fn default() -> Self {
        Self::Constant(ConstantLr {})
    }
}

impl Default for StepLr {
    fn default() -> Self {
        Self { every: 10, gamma: 0.1 }
    }
}

impl Default for ExponentialLr {
    fn default() -> Self {
        Self { gamma: 0.95 }
    }
}

impl Default for PolynomialLr {
    fn default() -> Self {
        Self { power: 0.9 }
    }
}

impl Default for PlateauLr {
    fn default() -> Self {
        Self { metric: "val_loss".into(), factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, min_lr: 0.0 }
    }
}

impl Default for OneCycleLr {
    fn default() -> Self {
        Self { peak: 10.0, rise: 0.3, start_divisor: 25.0, end_divisor: 1e4 }
    }
}

impl Default for LrWarmup {
    fn default() -> Self {
        Self { epochs: 0, start_factor: 0.1 }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self { epochs: 50, batch_size: 5, accumulate: 1, clip_norm: None, best: "val_loss".into(), seeds: vec![1] }
    }
}
