//! How long the report of a large experiment takes, and how much memory: a made-up one, since only files are read.
//!
//!     cargo run --release --example bench_report -- [RUNS [EPOCHS [SEEDS [DIR]]]]
//!
//! RUNS (500) runs of EPOCHS (50) epochs, SEEDS (5) a group, with scores of 30 validation and 30 test images of two classes, some
//! runs failed, in the new directory DIR, or in a temporary one: `TMPDIR=/dev/shm` spares the minutes that a disk takes to sync
//! every row. The report is made by a process of its own, so that its memory is its own. Prints seconds, peak resident memory
//! (`VmHWM` of Linux), and the size of what was written.

#[path = "../tests/made_up/mod.rs"]
mod made_up;

use made_up::MadeUp;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;
use umlaut::report;
use umlaut::store::{ExperimentDir, Results};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error>;

/// Says that this process is the one that makes the report.
const CHILD: &str = "--report";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [child, dir] if child == CHILD => report_of(Path::new(dir)),
        arguments => bench(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &[String]) -> Result<(), Error> {
    let (numbers, kept) = arguments.split_at(arguments.len().min(3));
    let numbers: Vec<usize> = numbers.iter().map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [runs, epochs, seeds] = [(0, 500), (1, 50), (2, 5)].map(|(at, default)| numbers.get(at).copied().unwrap_or(default));
    let made_up = MadeUp { runs, epochs, seeds: seeds.max(1), images: 30, fails: 97 };
    let temp = tempfile::tempdir()?;
    let began = Instant::now();
    let dir = made_up.write(&Results::new(kept.first().map_or(temp.path(), Path::new)))?;
    println!("{runs} runs of {epochs} epochs, {seeds} seeds a group, made up in {:.1} s", began.elapsed().as_secs_f64());
    let status = Command::new(std::env::current_exe()?).arg(CHILD).arg(dir.path()).status()?;
    if !status.success() {
        return Err("the report failed".into());
    }
    let mut files: Vec<(u64, String)> = Vec::new();
    for entry in walkdir::WalkDir::new(dir.path()).into_iter().filter_entry(|entry| entry.file_name() != "runs") {
        let entry = entry?;
        if entry.file_type().is_file() && entry.file_name() != "plan.csv" {
            files.push((entry.metadata()?.len(), entry.file_name().to_string_lossy().into_owned()));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let largest: Vec<String> = files.iter().take(8).map(|(bytes, name)| format!("{name} {:.2}", *bytes as f64 / 1e6)).collect();
    println!("{} files; in MB: {}", files.len(), largest.join(", "));
    Ok(())
}

/// What `umlaut report` does.
fn report_of(dir: &Path) -> Result<(), Error> {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let began = Instant::now();
    report::write(&ExperimentDir::at(dir), &report::Wanted::default())?;
    println!("report: {:.2} s, {}", began.elapsed().as_secs_f64(), peak());
    Ok(())
}

/// The most memory that this process had.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or("peak memory unknown here".to_owned(), |kib| format!("{:.0} MB at the peak", kib * 1024.0 / 1e6))
}
