//! The command line: one file per verb. A verb parses its arguments, calls the library and prints. Exit codes: 0 done, 1 something failed while running, 2 a mistake of the user's, 130 stopped
//! from outside.

mod allocator;
mod check;
mod clean;
mod cluster;
mod compare;
mod completions;
mod confusion;
mod data;
#[cfg(feature = "cudnn")]
mod engines;
mod evaluate;
mod example;
mod export;
mod failure;
mod find_lr;
mod help;
mod hint;
mod info;
mod init;
mod listen;
mod live;
mod man;
mod names;
mod options;
mod pdf;
mod plan;
mod predict;
mod prepared;
#[cfg(feature = "cuda")]
mod probe;
mod progress;
mod report;
mod rewriting;
mod run;
mod schema;
#[cfg(feature = "cuda")]
mod selftest;
#[cfg(feature = "serve")]
mod serve;
mod slurm_task;
mod status;
mod stop;
mod summary;
mod text;
mod train;
mod usage;
mod volume;
mod why;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::{Failure, failed, mistake, show_mistakes};
use std::process::ExitCode;
use umlaut::machine::threads;
use umlaut::record::without_backtrace;
pub use volume::is_quiet;

/// Train and compare U-Nets from TOML files: one file in, trained nets, CSV and charts out.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    volume: volume::Choice,
}

#[derive(Subcommand)]
enum Verb {
    /// Train every run of an experiment that is not finished yet, then draw the report
    Run(run::Arguments),
    /// Show the runs of an experiment, what they cost and where they stand, without running anything
    Plan(plan::Arguments),
    /// Show how far experiments are, at any time and from any shell
    Status(status::Arguments),
    /// Show what may be deleted of results and how large it is, and delete it
    Clean(clean::Arguments),
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
    /// Try growing learning rates on an experiment's first run, and suggest one
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
    /// Show results in a browser while they grow
    #[cfg(feature = "serve")]
    Serve(serve::Arguments),
    /// Compare any runs and experiments, with a verdict
    Compare(compare::Arguments),
    /// Give results the form of another program
    Export(export::Arguments),
    /// Show what makes two runs different ones, or a run and the nearest of an experiment file
    Why(why::Arguments),
    /// Print a script that completes commands and options in a shell
    Completions(completions::Arguments),
    /// Write a man page of every command to a directory
    Man(man::Arguments),
    /// Show the commands and the pages of the guide, or one of them
    Help(help::Arguments),
    /// Train the runs of a task of Slurm's (what `run --on slurm` submits)
    #[command(hide = true)]
    SlurmTask(slurm_task::Arguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    // Without it a file that grows too long just ends the process; nothing else depends on it.
    _ = stop::survive_file_limits();
    let Arguments { verb, volume } = parsed().unwrap_or_else(|e| e.exit());
    volume.take_effect();
    if matches!(verb, Verb::Train(_) | Verb::FindLr(_) | Verb::Predict(_) | Verb::Evaluate(_)) {
        allocator::keep_freed();
    }
    let result = ready().map(|()| volume::Told::new()).and_then(|_told| match verb {
        Verb::Run(a) => run::run(&a),
        Verb::Plan(a) => plan::run(&a),
        Verb::Status(a) => status::run(&a),
        Verb::Clean(a) => clean::run(&a),
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
        #[cfg(feature = "serve")]
        Verb::Serve(a) => serve::run(&a),
        Verb::Compare(a) => compare::run(&a),
        Verb::Export(a) => export::run(&a),
        Verb::Why(a) => why::run(&a),
        Verb::Completions(a) => completions::run(&a, command()),
        Verb::Man(a) => man::run(&a, command()),
        Verb::Help(a) => help::run(&a, command()),
        Verb::SlurmTask(a) => slurm_task::run(&a),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Mistake(text)) => {
            show_mistakes(&without_backtrace(&text));
            ExitCode::from(2)
        }
        Err(Failure::Running(error)) => {
            errorln!("{}", without_backtrace(&format!("error: {error:#}")));
            ExitCode::FAILURE
        }
        Err(Failure::Runs) => ExitCode::FAILURE,
        Err(Failure::Stopped) => ExitCode::from(130),
    }
}

/// What the command line says.
fn parsed() -> Result<Arguments, clap::Error> {
    let message = |error| {
        let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        hint::with_tip(error, &command(), &words)
    };
    Arguments::from_arg_matches(&command().try_get_matches().map_err(message)?)
}

/// The program's commands, with help that has them in groups.
fn command() -> clap::Command {
    let command = usage::with_examples(Arguments::command());
    let commands = help::commands(&command);
    let template =
        format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{commands}Options:\n{{options}}\n{{after-help}}");
    command
        .help_template(template)
        .after_help("`umlaut help` lists the pages of the guide too, `umlaut help tutorial` begins it.")
}

/// Starts what computes, as the environment asks for it.
fn ready() -> Result<(), Failure> {
    threads::start().map_err(|error| {
        let is_mistake = error.is_mistake();
        failed(error, is_mistake)
    })?;
    umlaut::ops::blocked::simd::requested_level().map(drop).map_err(mistake)
}
