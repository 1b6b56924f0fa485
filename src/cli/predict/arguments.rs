//! What `umlaut predict` is asked for.

use super::super::options::{OneDevice, ResultsPlace};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// A trained run: its directory, or the end of its id; or an experiment, by its directory or name, for its best run by validation
    #[arg(value_name = "RUN|EXPERIMENT")]
    pub run: PathBuf,
    /// Image files, and folders of them: PNG, JPEG, TIFF (each page), BMP, GIF, WebP, NumPy arrays; rotated as their orientation says
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
    /// Where to write masks and predictions.csv
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Of an experiment: average the probabilities of all runs of its best group
    #[arg(long)]
    pub ensemble: bool,
    /// A further run whose probabilities are averaged with the first's; may be repeated
    #[arg(long = "with", value_name = "RUN")]
    pub others: Vec<PathBuf>,
    /// Predict in overlapping tiles at each image's own size, instead of resizing as the run's training images were
    #[arg(long)]
    pub tiles: bool,
    /// Height and width of a tile [default: the size that the run was trained on]
    #[arg(long, value_name = "H,W", value_delimiter = ',', num_args = 1, requires = "tiles")]
    pub tile_size: Option<Vec<usize>>,
    /// Part of a tile that overlaps the next at least
    #[arg(long, value_name = "PART", default_value_t = 0.25, requires = "tiles")]
    pub overlap: f64,
    /// Average over mirror images too (four times the work)
    #[arg(long)]
    pub flips: bool,
    /// From which probability on a pixel is foreground [default: what the run keeps by metrics.threshold, else 0.5]
    #[arg(long, value_name = "P")]
    pub threshold: Option<f64>,
    /// Write probabilities as 16-bit PNG too
    #[arg(long)]
    pub probabilities: bool,
    /// Write the images with outlines and a light fill too
    #[arg(long)]
    pub overlays: bool,
    /// Replace files that DIR holds already, such as earlier predictions; an image that is predicted on never
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub device: OneDevice,
    #[command(flatten)]
    pub results: ResultsPlace,
}
