//! `umlaut serve [RESULTS]`: results in a browser, while they grow.

use super::failure::{Failure, mistake};
use super::options::settings;
use super::report::failure;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use umlaut::find::{Found, find_experiment};
use umlaut::report::{self, RankBy};
use umlaut::serve::{Drawer, Wanted, serve};
use umlaut::store::{ExperimentDir, Results, RunDir, write_atomic};
use umlaut::{machine, shown};

#[derive(clap::Args)]
pub struct Arguments {
    /// Where results are kept, or one experiment of them, by its name or directory [default: results]
    #[arg(value_name = "RESULTS")]
    word: Option<PathBuf>,
    /// Open the page in the browser of this machine
    #[arg(long)]
    open: bool,
    /// The port [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// The address to listen at; any other than this machine's own asks for the token of the printed address
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Ask for a token at this machine's own address too, because others work on it
    #[arg(long)]
    token: bool,
    /// Let pages stop runs, run what is left and add a seed, as the command line does; always asks for the token of the printed address
    #[arg(long)]
    control: bool,
    /// Look at the files every second, where the system does not report changes; network disks are found by themselves
    #[arg(long)]
    poll: bool,
    /// Serve nothing: write the report of one experiment to a file, which is its report.html
    #[arg(long, value_name = "FILE", conflicts_with_all = ["open", "port", "host", "token", "control", "poll"])]
    snapshot: Option<PathBuf>,
    /// Started by a server: write the sections of a report of these directories
    #[arg(long, hide = true, num_args = 1..)]
    draw: Vec<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.draw.is_empty() {
        return draw(&arguments.draw);
    }
    let (results, only) = place(arguments.word.as_deref())?;
    if let Some(file) = &arguments.snapshot {
        return snapshot(&results, only, file);
    }
    let root = results.root().to_owned();
    let drawer = Drawer {
        program: std::env::current_exe()?,
        sections: ["serve", "--draw"].map(OsString::from).to_vec(),
        data: ["data".into(), "inspect".into(), "--results".into(), root.clone().into()].to_vec(),
    };
    let Arguments { host, port, token, control, poll, .. } = *arguments;
    let wanted = Wanted { results, only, host, port, token, control, poll, drawer };
    let ready = |url: &str| {
        println!("{} at {url}", root.display());
        if host.is_loopback() {
            let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
            eprintln!("from another machine: ssh -L {port}:{host}:{port} {}", machine::host());
        } else {
            eprintln!("note: whoever has this address can look, and others on the network can read along");
        }
        eprintln!("Ctrl-C ends it");
        if arguments.open {
            open(url);
        }
    };
    serve(wanted, ready).map_err(|error| match error {
        umlaut::serve::Error::Listen { .. } => mistake(error),
        error => error.into(),
    })
}

/// Where results lie, and the experiment that is meant alone.
fn place(word: Option<&Path>) -> Result<(Results, Option<OsString>), Failure> {
    let results = settings()?.results(None);
    let word = word.unwrap_or(results.root());
    if word.is_dir() && !word.join("runs").is_dir() {
        return Ok((Results::new(word.canonicalize()?), None));
    }
    if !word.exists() && !results.root().is_dir() {
        let place = word.display();
        return Err(mistake(format!("{place}: no such directory; name the one that `umlaut run` was given with --results")));
    }
    let path = find_experiment(word, &results).map_err(mistake)?.path().canonicalize()?;
    let (root, name) = (path.parent().unwrap_or(&path), path.file_name().unwrap_or_default());
    Ok((Results::new(root), Some(name.to_owned())))
}

fn snapshot(results: &Results, only: Option<OsString>, file: &Path) -> Result<(), Failure> {
    let dir = match (only, &results.experiments()?[..]) {
        (Some(name), _) => ExperimentDir::at(results.root().join(name)),
        (None, [one]) => one.clone(),
        (None, all) => {
            let names: Vec<_> = all.iter().filter_map(|dir| dir.path().file_name()).map(shown::name).collect();
            let (place, names) = (results.root().display(), names.join(", "));
            return Err(mistake(format!("--snapshot: {place} has {} experiments; name one of them: {names}", all.len())));
        }
    };
    let page = report::page(&dir, None, RankBy::Validation).map_err(failure)?;
    write_atomic(file, page.as_bytes())?;
    println!("{}", file.display());
    Ok(())
}

/// What the server asks a process of its own for.
fn draw(places: &[PathBuf]) -> Result<(), Failure> {
    super::stop::exit_at_end_of_input();
    let found = |path: &PathBuf| match RunDir::at(path) {
        run if run.run_toml().is_file() => Found::Run(run),
        _ => Found::Experiment(ExperimentDir::at(path)),
    };
    let found: Vec<Found> = places.iter().map(found).collect();
    let sections = report::sections(&found, None, RankBy::Validation).map_err(failure)?;
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(sections.as_bytes())?)
}

/// Opens a browser, if there is one.
fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        eprintln!("note: no browser can be opened ({opener}: {error}); open the address in one");
    }
}
