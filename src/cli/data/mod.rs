//! `umlaut data`: looks at a data set, and writes what training sees of it.

mod export;
mod exported;
mod inspect;
mod samples;
mod sheet;

use super::failure::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Count, measure and check the samples of every split; draw some of them
    Inspect(inspect::Arguments),
    /// Write images and masks at the size of training, with the augmentation of an epoch if wanted, and a file to train on them
    Export(export::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Inspect(arguments) => inspect::run(arguments),
        Verb::Export(arguments) => export::run(arguments),
    }
}
