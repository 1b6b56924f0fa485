//! `umlaut train RUN_DIR`: trains the one run of a run directory, or goes on with it.

use super::stop::Stop;
use super::{Failure, coloured, mistake};
use std::path::PathBuf;
use umlaut::record::Status;
use umlaut::store::RunDir;
use umlaut::{config, data};

#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of the run; it holds run.toml
    dir: PathBuf,
    /// Where decoded data sets are kept between runs
    #[arg(long, value_name = "DIR", default_value = "results/.cache")]
    cache: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stop = Stop::on_signals()?;
    let place = RunDir::at(std::path::absolute(&arguments.dir)?);
    let experiment = config::load(&place.run_toml(), &[]).map_err(|p| Failure::Mistake(p.render(coloured())))?;
    let _claim = place.claim().map_err(mistake)?;
    let reading = super::progress::Reading::new("reading images");
    let opened = data::open(&experiment.dataset, &experiment.preprocess, &arguments.cache, &|done, of| reading.at(done, of))
        .map_err(mistake)?;
    let parts = data::split(&opened, &experiment.split).map_err(mistake)?;
    drop(reading);
    let mut provenance = place.provenance()?.unwrap_or_default();
    provenance.insert("dataset_fingerprint".into(), opened.fingerprint.clone().into());
    place.write_provenance(&provenance)?;
    let mut progress = super::progress::Bar::new(&place, &experiment)?;
    let outcome = umlaut::train::train(&place, &experiment, &opened, &parts, &|| stop.asked(), &mut progress)
        .map_err(|error| if error.is_mistake() { mistake(error) } else { error.into() })?;
    match outcome.status {
        Status::Finished => Ok(()),
        Status::Failed => Err(Failure::Runs),
        Status::Interrupted => Err(Failure::Stopped),
    }
}
