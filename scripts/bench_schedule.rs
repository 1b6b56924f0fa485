//! What one process per run costs: a sweep of short runs by `umlaut run`, and the same runs one after the other in this process.
//!
//!     cargo build --release && cargo run --release --example bench_schedule -- [RUNS [ROUNDS]]
//!
//! RUNS (50) runs of one epoch on tiny synthetic data, ROUNDS (5) times, both ways in turns, all files in a temporary directory below
//! the working directory. Prints the median seconds of each way, and their difference for a run. Then eight small runs of two sizes, one at
//! a time and two at a time, and by how much that is faster.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use umlaut::plan::{Plan, expand};
use umlaut::record::Status;
use umlaut::store::Results;
use umlaut::train::train;
use umlaut::{config, data};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_schedule: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [runs, rounds] = [(0, 50), (1, 5)].map(|(at, default)| numbers.get(at).copied().unwrap_or(default));

    let short = Sweep { runs, images: 12, size: 16, channels: "[4, 8]", epochs: 1 }.toml();
    let [processes, here] = in_turns(rounds, [&|dir| scheduled(dir, &short, 1), &|dir| in_this_process(dir, &short)])?;
    println!("{runs} runs of one epoch: by umlaut run {processes:.3} s, in one process {here:.3} s");
    println!("overhead of scheduler and process: {:.1} ms a run", 1e3 * (processes - here) / runs as f64);

    for (size, channels, epochs) in [(32, "[4, 8, 16]", 20), (64, "[8, 16, 32]", 8)] {
        let small = Sweep { runs: 8, images: 24, size, channels, epochs }.toml();
        let [one, two] = in_turns(rounds, [&|dir| scheduled(dir, &small, 1), &|dir| scheduled(dir, &small, 2)])?;
        println!("8 runs of {size} × {size}: one at a time {one:.3} s, two at a time {two:.3} s: {:.2} times faster", one / two);
    }
    Ok(())
}

/// Runs that differ in their seed alone.
struct Sweep {
    runs: usize,
    images: usize,
    size: usize,
    channels: &'static str,
    epochs: usize,
}

impl Sweep {
    fn toml(&self) -> String {
        let Self { runs, images, size, channels, epochs } = self;
        let seeds: Vec<usize> = (1..=*runs).collect();
        format!(
            "name = 'bench'
             dataset.synthetic = {{ count = {images}, size = [64, 64] }}
             preprocess.size = [{size}, {size}]
             split.fractions = {{ train = 0.5, val = 0.25, test = 0.25 }}
             model.unet.channels = {channels}
             training = {{ epochs = {epochs}, batch_size = 4, seeds = {seeds:?} }}"
        )
    }
}

/// A way to run a sweep whose file is `x.toml` in the directory.
type Way<'a> = &'a dyn Fn(&Path) -> Result<(), Error>;

/// Median seconds of each way.
fn in_turns(rounds: usize, ways: [Way; 2]) -> Result<[f64; 2], Error> {
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (way, seconds) in ways.iter().zip(&mut seconds) {
            let dir = tempfile::tempdir_in(".")?;
            let began = Instant::now();
            way(dir.path())?;
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    Ok(seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }))
}

fn scheduled(dir: &Path, toml: &str, jobs: usize) -> Result<(), Error> {
    std::fs::write(dir.join("x.toml"), toml)?;
    let beside = std::env::current_exe()?;
    let program = beside.ancestors().nth(2).ok_or("no directory above the examples")?.join("umlaut");
    let mut command = Command::new(program);
    command.args(["run", "x.toml", "--results", "results", "--jobs", &jobs.to_string()]).current_dir(dir);
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
}

/// What `umlaut train` does for each run, and the report.
fn in_this_process(dir: &Path, toml: &str) -> Result<(), Error> {
    let file = dir.join("x.toml");
    std::fs::write(&file, toml)?;
    let experiment = config::load(&file, &[]).map_err(|problems| problems.render(false))?;
    let plan: Plan = expand(&experiment, |dataset| data::fingerprint(dataset).map_err(|e| e.to_string()))?;
    let results = Results::new(dir.join("results"));
    let place = results.experiment(&plan.experiment);
    for run in &plan.runs {
        let (dir, e) = (place.run(&run.id), &run.experiment);
        dir.create(run, &e.to_toml())?;
        let _claim = dir.claim()?;
        let opened = data::open(&e.dataset, &e.preprocess, &results.cache(), &|_, _| ())?;
        let parts = data::split(&opened, &e.split)?;
        let outcome = train(&dir, e, &opened, &parts, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())?;
        if outcome.status != Status::Finished {
            return Err(format!("{}: {:?}", run.id, outcome.cause).into());
        }
    }
    umlaut::report::write(&place, &umlaut::report::Wanted::default())?;
    Ok(())
}
