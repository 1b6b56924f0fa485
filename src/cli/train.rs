//! `umlaut train RUN_DIR`: trains the one run of a run directory, or goes on with it.

use super::failure::{Failure, failed, in_file, mistake, of_results};
use super::options::one_device;
use super::progress;
use super::stop::Stop;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use umlaut::ops::cuda::begin_compiling;
use umlaut::record::{Event, Outcome, Status};
use umlaut::store::{Claim, RunDir, Turn};
use umlaut::train::{TrainingDevice, train_until};
use umlaut::{config, config::Experiment, data, devices};

#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of the run; it holds run.toml
    dir: PathBuf,
    /// Where decoded data sets are kept between runs
    #[arg(long, value_name = "DIR", default_value = "results/.cache")]
    cache: PathBuf,
    /// Where to train: `cpu`, `cuda:0` [default: the first GPU, else cpu]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// What the device is called by whoever started this process and lets it see no other
    #[arg(long, hide = true, value_name = "NAME", requires = "device")]
    device_name: Option<String>,
    /// Started by another umlaut: stop when standard input ends, wait for the run to be free
    #[arg(long, hide = true)]
    child: bool,
    /// Train a finished run again if its best weights are gone or damaged
    #[arg(long)]
    restore: bool,
    /// Split every batch into so many micro-batches for want of memory, from now on; without it as many as before
    #[arg(long, hide = true, value_name = "N")]
    micro_batches: Option<NonZeroU16>,
    /// Pause after this epoch; the run goes on from there when it is trained again
    #[arg(long, value_name = "EPOCH")]
    until: Option<NonZeroU32>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stop = Stop::on_signals()?;
    let target = target(arguments)?;
    if arguments.child {
        stop.at_end_of_input()?;
    }
    let place = RunDir::at(std::path::absolute(&arguments.dir)?);
    let experiment = config::load_run(&place.run_toml()).map_err(|problems| in_file(&problems))?;
    let until = until(arguments, &experiment)?;
    let _claim = if arguments.child { wait_for(&place, &stop)? } else { place.claim().map_err(of_results)? };
    let finished = match place.turn(arguments.restore, &mut |words| eprintln!("{words}"))? {
        Turn::Over(outcome) => return finished_before(&place, &outcome),
        Turn::Train(finished) => finished,
    };
    // A GPU's kernels are compiled while images are decoded.
    let compiling = target.gpu.map(|gpu| begin_compiling(gpu, experiment.training.precision));
    let reading = progress::Reading::new("reading images");
    let opened = data::open(&experiment.dataset, &experiment.preprocess, &arguments.cache, &|done, of| reading.at(done, of))
        .map_err(mistake)?;
    let parts = data::split(&opened, &experiment.split).map_err(mistake)?;
    drop(reading);
    data::absent(&opened, &parts).iter().for_each(|text| eprintln!("warning: {text}"));
    let mut provenance = place.provenance()?.unwrap_or_default();
    provenance.dataset_fingerprint = Some(opened.fingerprint.clone());
    if let Some(number) = arguments.micro_batches {
        provenance.micro_batches = Some(usize::from(number.get()));
    }
    place.write_provenance(&provenance)?;
    let mut progress = progress::Bar::new(&place, &experiment, target.gpu, arguments.child)?;
    if finished.is_some() {
        place.reopen()?;
    }
    let stopped = || stop.asked();
    let trained = train_until(until, &place, &experiment, &opened, &parts, &target, &stopped, &mut progress);
    if let (Err(error), Some(outcome)) = (&trained, &finished)
        && error.is_mistake()
    {
        // Nothing was begun, so what the run had stays true.
        place.write_outcome(outcome)?;
    }
    drop(compiling);
    let outcome = trained.map_err(|error| {
        let is_mistake = error.is_mistake();
        failed(error, is_mistake)
    })?;
    match outcome.status {
        Status::Finished | Status::Paused => Ok(()),
        Status::Failed => Err(Failure::Runs),
        Status::Interrupted => Err(Failure::Stopped),
    }
}

/// Says that there is nothing to do.
fn finished_before(place: &RunDir, outcome: &Outcome) -> Result<(), Failure> {
    if outcome.best_epoch.is_some() && !place.lacks_weights(outcome) {
        // Here every bit counts: it is one run, and whoever names it may want its weights.
        place.best_weights().map_err(mistake)?;
    }
    let lacks = if place.lacks_weights(outcome) { "; its weights are gone, --restore makes them again" } else { "" };
    eprintln!("{}: finished before, not run again{lacks}", place.path().display());
    Ok(())
}

/// The last epoch that is asked for.
fn until(arguments: &Arguments, experiment: &Experiment) -> Result<usize, Failure> {
    let epochs = experiment.training.epochs;
    match arguments.until.map(|until| until.get() as usize) {
        Some(until) if until > epochs => {
            let place = arguments.dir.display();
            Err(mistake(format!(
                "--until {until}: the run of {place} has {epochs} epochs; name one of them, or leave --until out"
            )))
        }
        until => Ok(until.unwrap_or(epochs)),
    }
}

/// Where to train. Whoever lets this process see one device has made sure that it is there.
fn target(arguments: &Arguments) -> Result<TrainingDevice, Failure> {
    let device = arguments.device.as_deref();
    match (&arguments.device_name, device.and_then(devices::number)) {
        (Some(name), Some(number)) => Ok(TrainingDevice { name: name.clone(), gpu: Some(number) }),
        _ => one_device(device),
    }
}

/// Claims the run as soon as it is free: the child of a killed scheduler may still be finishing its step.
fn wait_for(place: &RunDir, stop: &Stop) -> Result<Claim, Failure> {
    let mut reported = false;
    let claimed = place.claim_when_free(&|| stop.asked(), &mut |holder| {
        if !std::mem::replace(&mut reported, true) {
            place.event_log()?.report(&Event::Waiting { holder });
        }
        Ok(())
    });
    claimed.map_err(of_results)?.ok_or(Failure::Stopped)
}
