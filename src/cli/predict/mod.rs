//! `umlaut predict RUN IMAGES… --out DIR`: masks, overlays and measures of new images.

mod arguments;
mod write;

pub use arguments::Arguments;

use super::failure::{Failure, in_file, mistake};
use super::stop::Latch;
use super::{progress, text, volume};
use umlaut::config;
use umlaut::data::{Photo, PhotoPlace, photos, unreadable};
use umlaut::find::{Found, find};
use umlaut::model::{self, Tiling};
use umlaut::predict::{Error, How, Predictor, Scale};
use umlaut::report;
use umlaut::store::{Results, RunDir};
use write::Writer;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let latch = Latch::on_signals()?;
    let results = arguments.results.results()?;
    let mut runs = chosen(&arguments.run, &results, arguments.ensemble)?;
    for word in &arguments.others {
        runs.extend(chosen(word, &results, false)?);
    }
    let predictor = Predictor::open(&runs, arguments.device.chosen()?.gpu).map_err(failure)?;
    predictor.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let thresholds = thresholds(&predictor, arguments.threshold)?;
    let how = how(arguments, &predictor)?;
    let places = photos(&arguments.images, predictor.cut()).map_err(mistake)?;
    let others = unreadable(&arguments.images).map_err(mistake)?;
    let mut writer = Writer::new(arguments, &predictor, &thresholds, &places)?;
    for path in &others {
        errorln!("skipped: {}: is no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy array; convert it", path.display());
    }
    let failed = predict_all(&predictor, &how, &places, &mut writer, &latch)?;
    let all = places.len() + others.len();
    let words = format!("{} of {}: {}", places.len() - failed, text::counted(all, "image"), arguments.out.display());
    volume::wrote(&arguments.out, &words);
    if failed > 0 || !others.is_empty() { Err(Failure::Runs) } else { Ok(()) }
}

/// The run that a word means with the experiment that it is: of an experiment the best run by validation, or with `ensemble` all of the best group's.
/// Says which, where the word does not.
///
/// # Errors
/// If it means nothing, or nothing has finished.
pub fn chosen(word: &std::path::Path, results: &Results, ensemble: bool) -> Result<Vec<(RunDir, config::Experiment)>, Failure> {
    let runs = match find(word, results).map_err(mistake)? {
        Found::Run(_) if ensemble => {
            return Err(mistake(format!(
                "--ensemble is of an experiment, and {} is a run; name further runs by --with",
                word.display()
            )));
        }
        Found::Run(run) => vec![run],
        Found::Experiment(dir) => {
            let best = report::best(&dir).map_err(super::report::failure)?;
            let of =
                if best.groups > 1 { format!(" of the best of {} groups, {}", best.groups, best.name) } else { String::new() };
            if ensemble {
                eprintln!("ensemble: the mean of {}{of}", text::counted(best.group.len(), "run"));
                best.group
            } else {
                eprintln!("run: {}, {} {:.3}, the best{of}", best.run.id(), best.by, best.value);
                vec![best.run]
            }
        }
    };
    let open = |run: RunDir| {
        let experiment = config::load_run(&run.run_toml()).map_err(|problems| in_file(&problems))?;
        Ok((run, experiment))
    };
    runs.into_iter().map(open).collect()
}

/// A mistake is the user's, anything else failed while running.
pub fn failure(error: Error) -> Failure {
    match error {
        Error::Mistake(_) | Error::Model(model::Error::NotFinite { .. }) => mistake(error),
        error => error.into(),
    }
}

/// The threshold of each class: the one that the user names, else what the run keeps, which a note tells, else 0.5.
pub fn thresholds(predictor: &Predictor, asked: Option<f64>) -> Result<Vec<f64>, Failure> {
    if let Some(asked) = asked {
        return match (0.0..=1.0).contains(&asked) {
            true => Ok(vec![asked; predictor.classes.len()]),
            false => Err(mistake(format!("--threshold {asked}: a probability is between 0 and 1"))),
        };
    }
    if let Some(kept) = &predictor.kept_thresholds {
        let kept = at_thresholds(&predictor.classes, kept);
        eprintln!("note: foreground is what reaches the run's own threshold, {kept}; --threshold P sets another");
    }
    Ok(predictor.thresholds())
}

/// `0.42`, or where classes differ `0.42 (disc), 0.5 (cup)`.
pub fn at_thresholds(classes: &[String], thresholds: &[f64]) -> String {
    match thresholds {
        [first, others @ ..] if others.iter().all(|other| other == first) => first.to_string(),
        _ => {
            let named = classes.iter().zip(thresholds).map(|(class, threshold)| format!("{threshold} ({class})"));
            named.collect::<Vec<_>>().join(", ")
        }
    }
}

fn how(arguments: &Arguments, predictor: &Predictor) -> Result<How, Failure> {
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

/// One image after the other; one that cannot be read is reported and the others go on. Returns how many failed.
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
        match Photo::read_by(place, predictor.channel_axis(), beside) {
            Ok(photo) => match predictor.probs(&photo, how) {
                Ok(probs) => {
                    let _whole = latch.held();
                    bar.say(&writer.write(place, &photo, &probs)?);
                }
                Err(Error::Photo(problem)) => {
                    failed += 1;
                    bar.say(&format!("skipped: {}: {problem}", place.path.display()));
                }
                Err(error) => return Err(failure(error)),
            },
            Err(problem) => {
                failed += 1;
                bar.say(&format!("skipped: {problem}"));
            }
        }
        bar.at(done + 1, places.len());
    }
    Ok(failed)
}
