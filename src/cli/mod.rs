//! The command line: one file a verb. Exit codes: 0 done, 1 something failed while running, 2 a mistake of the user's, 130 stopped
//! from outside.

mod batches;
mod check;
mod compare;
mod data;
mod device;
mod estimate;
mod evaluate;
mod export;
mod find_lr;
mod info;
mod init;
mod initial;
mod live;
mod plan;
mod predict;
#[cfg(feature = "cuda")]
mod probe;
mod progress;
mod report;
mod rewriting;
mod run;
mod schema;
#[cfg(feature = "cuda")]
mod selftest;
mod settings;
mod slots;
mod status;
mod stop;
mod summary;
mod text;
mod threads;
mod train;
mod why;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use umlaut::record::without_backtrace;
use umlaut::shown;

/// Train and compare U-Nets from TOML files: one file in, trained nets, CSV and charts out.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Train every run of an experiment that is not finished yet, then draw the report
    Run(run::Arguments),
    /// Show the runs of an experiment, what they cost and where they stand, without running anything
    Plan(plan::Arguments),
    /// Show how far experiments are, at any time and from any shell
    Status(status::Arguments),
    /// Train the one run of a run directory (what `run` starts for each)
    Train(train::Arguments),
    /// Look for mistakes in experiment files without running anything
    Check(check::Arguments),
    /// Write a commented experiment file with every key and its default
    Init(init::Arguments),
    /// Print the JSON Schema of experiment files, for completion in editors
    Schema,
    /// Look at a data set, or write what training sees of it
    Data(data::Arguments),
    /// Show a network's layers, shapes, parameters, FLOPs and memory
    Summary(summary::Arguments),
    /// Try growing learning rates on an experiment's first run, and suggest one (CPU)
    FindLr(find_lr::Arguments),
    /// Show this machine and the kernels that serve on it
    Info,
    /// Check that a GPU calculates what the CPU does
    #[cfg(feature = "cuda")]
    Selftest(selftest::Arguments),
    /// Draw the charts and tables of an experiment's results again
    Report(report::Arguments),
    /// Find the classes in new images with a trained run: masks, overlays, measures
    Predict(predict::Arguments),
    /// Score a trained run on another data set
    Evaluate(evaluate::Arguments),
    /// Compare any runs and experiments, with a verdict
    Compare(compare::Arguments),
    /// Give results the form of another program
    Export(export::Arguments),
    /// Show what makes two runs different ones, or a run and the nearest of an experiment file
    Why(why::Arguments),
}

/// Values that replace those of a file.
#[derive(clap::Args)]
struct Sets {
    /// Replace a value of the file: `--set training.epochs=5`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// Where results are kept.
#[derive(clap::Args)]
struct ResultsPlace {
    /// Where results are kept [default: results]
    #[arg(long = "results", value_name = "DIR")]
    results: Option<PathBuf>,
}

impl ResultsPlace {
    /// What was said here, else in the settings, else `results`.
    fn results(&self, settings: &settings::Settings) -> umlaut::store::Results {
        let place = self.results.clone().or_else(|| settings.results.clone());
        umlaut::store::Results::new(place.unwrap_or_else(|| PathBuf::from("results")))
    }
}

/// Why a command did not end well.
enum Failure {
    /// The user's to mend; the text is complete.
    Mistake(String),
    /// Something failed while running.
    Running(anyhow::Error),
    /// Runs failed; what to say was said.
    Runs,
    /// Stopped from outside.
    Stopped,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Running(error.into())
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    // Without it a file that grows too long just ends the process; nothing else depends on it.
    _ = stop::survive_file_limits();
    let verb = Arguments::parse().verb;
    let ready = threads::start().and_then(|()| umlaut::ops::blocked::simd::requested_level().map_err(mistake));
    let result = ready.and_then(|_| match verb {
        Verb::Run(a) => run::run(&a),
        Verb::Plan(a) => plan::run(&a),
        Verb::Status(a) => status::run(&a),
        Verb::Train(a) => train::run(&a),
        Verb::Check(a) => check::run(&a),
        Verb::Init(a) => init::run(&a),
        Verb::Schema => schema::run(),
        Verb::Data(a) => data::run(&a),
        Verb::Summary(a) => summary::run(&a),
        Verb::FindLr(a) => find_lr::run(&a),
        Verb::Info => info::run(),
        #[cfg(feature = "cuda")]
        Verb::Selftest(a) => selftest::run(&a),
        Verb::Report(a) => report::run(&a),
        Verb::Predict(a) => predict::run(&a),
        Verb::Evaluate(a) => evaluate::run(&a),
        Verb::Compare(a) => compare::run(&a),
        Verb::Export(a) => export::run(&a),
        Verb::Why(a) => why::run(&a),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Mistake(text)) => {
            tell_mistakes(&without_backtrace(&text));
            ExitCode::from(2)
        }
        Err(Failure::Running(error)) => {
            eprintln!("{}", without_backtrace(&format!("error: {error:#}")));
            ExitCode::FAILURE
        }
        Err(Failure::Runs) => ExitCode::FAILURE,
        Err(Failure::Stopped) => ExitCode::from(130),
    }
}

/// Whether messages may be coloured.
fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Tells mistakes on standard error, coloured if they may be.
fn tell_mistakes(text: &str) {
    use std::io::Write as _;
    let shown = if coloured() { shown::coloured(text) } else { shown::lines(text) };
    _ = writeln!(std::io::stderr(), "{}", shown.trim_end());
}

/// Loads an experiment, its mistakes shown as the user's.
fn load(file: &std::path::Path, sets: &Sets) -> Result<umlaut::config::Experiment, Failure> {
    umlaut::config::load(file, &sets.sets).map_err(|problems| Failure::Mistake(problems.render(coloured())))
}

/// A mistake of the user's, in one line.
fn mistake(error: impl std::fmt::Display) -> Failure {
    Failure::Mistake(shown::lines(&format!("error: {error}")).into_owned())
}
