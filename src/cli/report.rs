//! `umlaut report results/EXPERIMENT`: charts and tables again, from what lies on disk.

use super::failure::{Failure, mistake};
use super::options::ResultsPlace;
use super::pdf;
use super::text::report_columns;
use super::volume;
use clap::ValueEnum;
use std::path::PathBuf;
use umlaut::find::{Found, find_experiment};
use umlaut::report::{self, Error, Format, RankBy, Wanted};
use umlaut::store::{self, ExperimentDir};

#[derive(clap::Args)]
pub struct Arguments {
    /// An experiment: its name, or the directory of its results, such as results/quickstart
    #[arg(value_name = "EXPERIMENT")]
    dir: PathBuf,
    #[command(flatten)]
    results: ResultsPlace,
    /// The metric that groups are compared by: dice, recall, hd95 if asked for, dice_CLASS, … [default: dice]
    #[arg(long, value_name = "METRIC")]
    by: Option<String>,
    /// Which scores put groups in order and choose the best
    #[arg(long, value_name = "SPLIT", default_value = "val")]
    rank_by: Ranking,
    /// What to write, with commas, beside the charts and CSV tables
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "html,md")]
    format: Vec<Form>,
    /// The metrics that tables show beside that of --by, with commas, such as dice,iou,dice_cup
    #[arg(long, value_name = "METRICS", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Started by a schedule: end as soon as standard input does
    #[arg(long, hide = true)]
    child: bool,
    /// Every chart as PNG too, at 300 dots an inch
    #[arg(long)]
    png: bool,
}

/// Which scores put groups in order.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Ranking {
    /// Validation scores, so that the test score of the best is not chosen for being high
    #[default]
    Val,
    /// Test scores; that of the best is then optimistic
    Test,
}

impl Ranking {
    /// As a command line has it.
    pub fn arguments(self) -> [&'static str; 2] {
        ["--rank-by", if self == Ranking::Val { "val" } else { "test" }]
    }
}

impl From<Ranking> for RankBy {
    fn from(ranking: Ranking) -> Self {
        match ranking {
            Ranking::Val => RankBy::Validation,
            Ranking::Test => RankBy::Test,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Form {
    /// report.html, one file with everything
    Html,
    /// report.md
    Md,
    /// report.pdf, by Chromium or Chrome on this machine, and report.html, of which it is printed
    Pdf,
    /// tables.tex for a paper with the package booktabs, supplement.tex with all groups and pairs, methods.tex with a draft of the Methods
    Tex,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.child {
        super::stop::exit_at_end_of_input();
    }
    let dir = find_experiment(&arguments.dir, &arguments.results.results()?).map_err(mistake)?;
    let browser = arguments.format.contains(&Form::Pdf).then(pdf::browser).transpose()?;
    let formats = arguments.format.iter().map(|form| match form {
        Form::Html | Form::Pdf => Format::Html,
        Form::Md => Format::Markdown,
        Form::Tex => Format::Latex,
    });
    let (by, metrics) = (arguments.by.clone(), arguments.columns.clone());
    let (rank_by, png, formats) = (arguments.rank_by.into(), arguments.png, formats.collect());
    let goes_on = arguments.child || dir.holder().is_ok_and(|holder| holder.is_some());
    write_report(&dir, &Wanted { by, rank_by, formats, metrics, png, goes_on, columns: report_columns() })?;
    if let Some(browser) = browser {
        // Signs in first: what is printed is what lies there from then on.
        let files = dir.begin_report()?;
        files.write_pdf(&pdf::print(&browser, &dir.path().join("report.html"))?)?;
    }
    Ok(())
}

/// A metric that there is not is the user's mistake; a directory without runs too.
pub fn failure(error: Error) -> Failure {
    match error {
        Error::NoMetric { .. } | Error::NoRuns { .. } => mistake(error),
        error => error.into(),
    }
}

/// Draws the report and shows its table.
///
/// # Errors
/// If files cannot be read or written.
pub fn write_report(dir: &ExperimentDir, wanted: &Wanted) -> Result<(), Failure> {
    let table = match report::write(dir, wanted) {
        Ok(written) => written.table,
        Err(superseded @ Error::Store(store::Error::Superseded { .. })) => {
            eprintln!("note: {superseded}; the files are those of the newer one");
            report::compare(&[Found::Experiment(dir.clone())], wanted.by.as_deref(), wanted.rank_by, wanted.columns)
                .map_err(failure)?
        }
        Err(error) => return Err(failure(error)),
    };
    let words = format!("{table}\ncharts and report: {}", dir.path().display());
    volume::wrote(dir.path(), &words);
    Ok(())
}
