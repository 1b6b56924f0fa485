//! `umlaut predict RUN IMAGES… --out DIR`: masks, overlays and measures of new images.

mod write;

use super::compare::find_run;
use super::device::OneDevice;
use super::settings::Settings;
use super::stop::Latch;
use super::{Failure, ResultsPlace, coloured, mistake, progress, text};
use std::path::PathBuf;
use umlaut::config;
use umlaut::data::{Photo, PhotoPlace, photos, unreadable};
use umlaut::model::{self, Tiling};
use umlaut::predict::{Error, How, Predictor, Scale};
use umlaut::store::{Results, RunDir};
use write::Writer;

#[derive(clap::Args)]
pub struct Arguments {
    /// The trained run: its directory, or the end of its id
    run: PathBuf,
    /// Image files, and folders of them: PNG, JPEG, TIFF (each page), BMP; turned as their orientation says
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Where to write masks and predictions.csv
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A further run whose probabilities are averaged with the first's; may be repeated
    #[arg(long = "with", value_name = "RUN")]
    others: Vec<PathBuf>,
    /// Predict in overlapping tiles at each image's own size, instead of resizing as the run's training images were
    #[arg(long)]
    tiles: bool,
    /// Height and width of a tile [default: the size that the run was trained on]
    #[arg(long, value_name = "H,W", value_delimiter = ',', num_args = 1, requires = "tiles")]
    tile_size: Option<Vec<usize>>,
    /// Part of a tile that overlaps the next at least
    #[arg(long, value_name = "PART", default_value_t = 0.25, requires = "tiles")]
    overlap: f64,
    /// Average over mirror images too (four times the work)
    #[arg(long)]
    flips: bool,
    /// From which probability on a pixel is marked
    #[arg(long, value_name = "P", default_value_t = 0.5)]
    threshold: f32,
    /// Write probabilities as 16-bit PNG too
    #[arg(long)]
    probabilities: bool,
    /// Write the images with outlines and a light fill too
    #[arg(long)]
    overlays: bool,
    /// Replace files that DIR holds already, such as earlier predictions; an image that is predicted on never
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    device: OneDevice,
    #[command(flatten)]
    results: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let latch = Latch::on_signals()?;
    let results = arguments.results.results(&Settings::load()?);
    let words = std::iter::once(&arguments.run).chain(&arguments.others);
    let runs = words.map(|word| open(word, &results)).collect::<Result<Vec<_>, _>>()?;
    let predictor = Predictor::open(&runs, arguments.device.place()?.gpu).map_err(failure)?;
    predictor.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let how = how(arguments, &predictor)?;
    let places = photos(&arguments.images).map_err(mistake)?;
    let others = unreadable(&arguments.images).map_err(mistake)?;
    let mut writer = Writer::new(arguments, &predictor.classes, &places)?;
    for path in &others {
        eprintln!("left out: {}: is no PNG, JPEG, TIFF or BMP; convert it", path.display());
    }
    let failed = predict_all(&predictor, &how, &places, &mut writer, &latch)?;
    let all = places.len() + others.len();
    println!("{} of {}: {}", places.len() - failed, text::counted(all, "image"), arguments.out.display());
    if failed > 0 || !others.is_empty() { Err(Failure::Runs) } else { Ok(()) }
}

/// A run with the experiment that it is.
pub fn open(word: &std::path::Path, results: &Results) -> Result<(RunDir, config::Experiment), Failure> {
    let run = find_run(word, results)?;
    let experiment = config::load_run(&run.run_toml()).map_err(|p| Failure::Mistake(p.render(coloured())))?;
    Ok((run, experiment))
}

/// A mistake is the user's, anything else failed while running.
pub fn failure(error: Error) -> Failure {
    match error {
        Error::Mistake(_) | Error::Model(model::Error::NotFinite { .. }) => mistake(error),
        error => error.into(),
    }
}

fn how(arguments: &Arguments, predictor: &Predictor) -> Result<How, Failure> {
    if !(0.0..=1.0).contains(&arguments.threshold) {
        return Err(mistake(format!("--threshold {}: a probability is between 0 and 1", arguments.threshold)));
    }
    if !(0.0..=0.9).contains(&arguments.overlap) {
        return Err(mistake(format!("--overlap {}: between 0 and 0.9 of a tile can overlap the next", arguments.overlap)));
    }
    if !arguments.tiles {
        return Ok(How { scale: Scale::Resize, flips: arguments.flips });
    }
    let size = match arguments.tile_size.as_deref() {
        None => predictor.size(),
        Some([height, width]) => [*height, *width],
        Some([side]) => [*side, *side],
        Some(_) => return Err(mistake("--tile-size takes height and width, such as 256,256")),
    };
    let tiling = Tiling { size, overlap: arguments.overlap };
    predictor.check(&tiling).map_err(failure)?;
    Ok(How { scale: Scale::Tiles(tiling), flips: arguments.flips })
}

/// One image after the other; one that cannot be read is told and the others go on. Returns how many failed.
fn predict_all(
    predictor: &Predictor,
    how: &How,
    places: &[PhotoPlace],
    writer: &mut Writer,
    latch: &Latch,
) -> Result<usize, Failure> {
    let (bar, mut failed) = (progress::Reading::new("predicting"), 0);
    let beside = predictor.bytes_beside(how) + writer.bytes_beside();
    for (done, place) in places.iter().enumerate() {
        match Photo::read(place, beside) {
            Ok(photo) => {
                let probs = predictor.probs(&photo, how).map_err(failure)?;
                let _whole = latch.held();
                bar.say(&writer.write(place, &photo, &probs)?);
            }
            Err(problem) => {
                failed += 1;
                bar.say(&format!("left out: {problem}"));
            }
        }
        bar.at(done + 1, places.len());
    }
    Ok(failed)
}
