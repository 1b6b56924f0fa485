//! Every state that a loss of power may leave of a short sweep, and every call to the system that may fail: repeating the command ends in the bytes of
//! the undisturbed sweep, or says which file it is about.
//!
//! The oracle is the sweep that nobody disturbs. What the program and its children do to files is noted as they do it ([`watched`]); what a disk may
//! hold then is enumerated ([`disk`]). Each state is checked: nothing is missing that the program had taken to be on the disk ([`promises`]). Each of those
//! that differ is shown to the library: no run counts as finished that is not whole. The program goes on from a sample of them; `UMLAUT_CRASH_STATES` asks
//! for more of these, `all` for each, and `UMLAUT_CRASH_SEED` for others.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../run/desk.rs"]
#[expect(dead_code, reason = "the tests of whole runs have more to do with it")]
mod desk;
mod disk;
mod promises;
mod watched;

use desk::{Desk, TINY, words};
use disk::{Course, State, Tree};
use nix::libc;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use umlaut::schedule::{Standing, standing};
use umlaut::store::{self, ExperimentDir, RunDir};
use watched::{Noted, Op};

/// Two runs of two epochs.
fn sweep() -> String {
    TINY.replace("epochs = 3", "epochs = 2").replace("[1e-2, 1e-3]", "[1e-2]")
}

/// Three trials of two epochs at the most, of which the best is confirmed.
fn search() -> String {
    let sweep = TINY.replace("epochs = 3", "epochs = 2").replace("[1, 2]", "[1]");
    let (head, _) = sweep.split_once("[sweep.grid]").expect("it sweeps");
    let search = "[search]\ntrials = 3\nsampler = \"sobol\"\nby = \"val_dice\"\nconfirm.top = 1\nhalving.lowest = 1\n";
    format!("{head}{search}draw.\"optimizer.adam.lr\" = {{ log_uniform = [1e-3, 1e-1] }}\n")
}

/// A command that is begun, and repeated.
type Arguments = [&'static str];

const RUN: &Arguments = &["run", "x.toml", "-q", "--retries", "0"];
const CLEAN: &Arguments = &["clean", "tiny", "-q", "--resume", "--reports", "--yes"];
const SNAPSHOT: &Arguments = &["serve", "tiny", "-q", "--snapshot", "results/tiny/page.html"];
const REPORT: &Arguments = &["report", "tiny", "-q", "--format", "md,html,tex"];

fn command(desk: &Desk, arguments: &Arguments) -> Command {
    let mut command = desk.command(arguments);
    command.stdout(Stdio::null());
    command
}

fn files(run: &RunDir) -> [Option<Vec<u8>>; 3] {
    ["metrics.csv", "checkpoints/best.safetensors", "per_image.csv"].map(|file| fs::read(run.path().join(file)).ok())
}

fn ends(desk: &Desk, arguments: &Arguments) -> Ends {
    let runs = fs::read_dir(desk.path("results/tiny/runs")).into_iter().flatten().map(|run| run.expect("listed").path());
    let of = |run: PathBuf| {
        let run = RunDir::at(run);
        (run.id().to_string(), files(&run))
    };
    let mut ends: Ends = runs.map(of).collect();
    let of_search =
        ["history.csv", "winner.toml", "search.toml"].map(|file| fs::read(desk.path("results/tiny/search").join(file)).ok());
    ends.insert("search".into(), of_search);
    if arguments == CLEAN {
        // A folder that has become empty may stay.
        let files = disk::read(&desk.path("results")).into_iter().filter(|(_, held)| held.is_some());
        let names: Vec<String> = files.map(|(path, _)| path.display().to_string()).collect();
        ends.insert("names".into(), [Some(names.join("\n").into_bytes()), None, None]);
    }
    if arguments == SNAPSHOT {
        ends.insert("page".into(), [fs::read(desk.path("results/tiny/page.html")).ok(), None, None]);
    }
    // After a run it has times in it, which differ.
    if arguments == REPORT {
        let of_report =
            ["report.md", "report.html", "groups.csv"].map(|file| fs::read(desk.path("results/tiny").join(file)).ok());
        ends.insert("report".into(), of_report);
    }
    ends
}

/// Whether nothing depends on a file of this name.
fn is_free(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| [".lock", ".report", "log.txt", "events.jsonl", "timing.csv"].iter().any(|free| name == *free))
}

/// Of files on which nothing depends it matters only what kind of content they have.
fn class(tree: &Tree) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, held) in tree {
        let name = path.file_name().expect("named").to_string_lossy();
        // The rest of their names is drawn by lot.
        let hidden = name.starts_with(".writing-");
        let path = if hidden { &path.with_file_name(".writing-") } else { path };
        hasher.update(path.as_os_str().as_encoded_bytes());
        match held {
            None => hasher.update(b"\0dir"),
            Some(bytes) if hidden || is_free(path) => {
                let kind = [bytes.is_empty(), bytes.contains(&0), bytes.ends_with(b"\n")];
                hasher.update(&kind.map(u8::from))
            }
            Some(bytes) => hasher.update(b"\0file").update(&(bytes.len() as u64).to_le_bytes()).update(bytes),
        };
    }
    hasher.finalize()
}

/// A shell script that makes the state again.
fn script(state: &State) -> String {
    use base64::Engine;
    let mut script = String::from("mkdir results; cd results\n");
    for (path, held) in &state.tree {
        let path = path.display();
        match held {
            None => script += &format!("mkdir '{path}'\n"),
            Some(bytes) => {
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                script += &format!("echo {text} | base64 -d > '{path}'\n");
            }
        }
    }
    script
}

fn number(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) if text == "all" => usize::MAX,
        Ok(text) => text.parse().expect("a number, or `all`"),
        Err(_) => default,
    }
}

#[test]
fn every_state_after_a_loss_of_power_ends_right() {
    power_is_lost(&sweep(), 150);
}

#[test]
fn every_state_of_a_search_after_a_loss_of_power_ends_right() {
    power_is_lost(&search(), 50);
}

/// The syncs of files, and then those of directories, are taken out of what was noted, as if the program had left them out: that must be noticed.
#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let desk = Desk::in_memory(&sweep());
    let Some((root, ops)) = noted(&desk) else { return };
    for (of, is_dir) in [("files", false), ("directories", true)] {
        let mut without = ops.clone();
        without.retain(|noted| !matches!(&noted.op, Op::Sync(path) if path.is_dir() == is_dir));
        let mut broken = None;
        let looked_at = Course::new(&root, &without).states(is_free, class, |state| broken = broken.take().or(state.broken));
        eprintln!("without syncs of {of}, after {looked_at} states: {broken:?}");
        assert!(broken.is_some(), "without syncs of {of} all is well");
    }
}

/// What the command does to an empty directory of results; `None` where that cannot be watched.
fn noted(desk: &Desk) -> Option<(PathBuf, Vec<Noted>)> {
    fs::create_dir(desk.path("results")).expect("writable");
    let root = desk.path("results").canonicalize().expect("there");
    let (status, ops) = watched::watch(command(desk, RUN).stderr(Stdio::null()), &root, |_| None)?;
    assert!(status.success());
    Some((root, ops))
}

/// Checks all states of what the experiment leaves, and goes on from so many of them, if not from more.
fn power_is_lost(toml: &str, sample: usize) {
    let desk = Desk::in_memory(toml);
    let Some((root, ops)) = noted(&desk) else { return };
    let course = Course::new(&root, &ops);
    let (noted, there) = (course.whole(), disk::read(&root));
    let differ: Vec<&Path> =
        noted.keys().chain(there.keys()).filter(|path| noted.get(*path) != there.get(*path)).map(PathBuf::as_path).collect();
    assert!(differ.is_empty(), "what was noted is what is on the disk, but for {differ:?}");
    let calm = ends(&desk, RUN);
    assert!(calm.len() > 2, "two runs at least");

    let mut found = Vec::new();
    let all = course.states(is_free, class, |state| found.push(state));
    let broken: Vec<(String, &State)> = found.iter().filter_map(|state| Some((state.broken.clone()?, state))).collect();
    eprintln!("{} operations, {} promises, {all} states, {} of them different", course.len(), course.promises(), found.len());
    fail_if(&broken, all);
    fail_if(&shown_to_the_library(&found, &calm), found.len());

    let wanted = number("UMLAUT_CRASH_STATES", sample).min(found.len());
    let chosen: Vec<&State> = chosen(&found, wanted, number("UMLAUT_CRASH_SEED", 1));
    eprintln!("the program goes on from {}", chosen.len());
    let wrong = side_by_side(toml, &chosen, |desk, state| {
        _ = fs::remove_dir_all(desk.path("results"));
        disk::write(&desk.path("results"), &state.tree);
        ends_right(desk, RUN, &calm)
    });
    fail_if(&wrong.into_iter().map(|(said, state)| (said, *state)).collect::<Vec<_>>(), chosen.len());
}

/// Fails with the first states, and with a script that makes the very first one again.
fn fail_if(wrong: &[(String, &State)], all: usize) {
    for (said, state) in wrong.iter().take(5) {
        eprintln!("after {} operations, without {:?}: {said}", state.after, state.lost);
    }
    if let Some((said, state)) = wrong.first() {
        panic!("{} of {all} states are wrong; the first, as a script:\n{}\n{said}", wrong.len(), script(state));
    }
}

/// So many of all, each as likely as any other.
fn chosen(all: &[State], wanted: usize, seed: usize) -> Vec<&State> {
    let mut random = StdRng::seed_from_u64(seed as u64);
    let mut numbers: Vec<usize> = rand::seq::index::sample(&mut random, all.len(), wanted).into_vec();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| &all[number]).collect()
}

/// What is wrong where the library looks at each state as `umlaut run` and `umlaut report` do first: where each run stands, and who has won.
fn shown_to_the_library<'a>(states: &'a [State], calm: &Ends) -> Vec<(String, &'a State)> {
    side_by_side("", states, |desk, state| {
        let (results, dir) = (desk.path("results"), ExperimentDir::at(desk.path("results/tiny")));
        _ = fs::remove_dir_all(&results);
        disk::write(&results, &state.tree);
        for run in dir.runs().map_err(|e| e.to_string())? {
            let named = |e: &store::Error| e.is_of_one_file() && e.to_string().contains(&run.id().to_string());
            match standing(&run) {
                Err(error) if !named(&error) => return Err(format!("{}: {error}", run.id())),
                Ok(Standing::Finished(_)) if files(&run) != calm[&run.id().to_string()] => {
                    return Err(format!("{} counts as finished, and its files are others", run.id()));
                }
                _ => {}
            }
        }
        let winner = fs::read(dir.path().join("search/winner.toml")).ok();
        match dir.search().winner() {
            Ok(Some(_)) if winner != calm["search"][1] => Err("another trial has won".to_owned()),
            _ => Ok(()),
        }
    })
}

/// One call fails: in the schedule or in a child, when a file is opened, made, filled, renamed, removed or synced.
#[test]
fn every_call_of_a_sweep_that_fails_is_told_and_costs_nothing() {
    calls_fail(&sweep(), &Tree::new(), RUN, 24);
}

#[test]
fn every_call_of_a_search_that_fails_is_told_and_costs_nothing() {
    calls_fail(&search(), &Tree::new(), RUN, 12);
}

#[test]
fn every_call_of_a_clean_up_that_fails_is_told_and_costs_nothing() {
    calls_fail(&sweep(), &swept(), CLEAN, 24);
}

/// What a server reads it reads here once; it writes nothing else.
#[test]
fn every_call_of_a_served_page_that_fails_is_told_and_costs_nothing() {
    calls_fail(&sweep(), &swept(), SNAPSHOT, 24);
}

/// The results of the sweep.
fn swept() -> Tree {
    let desk = Desk::in_memory(&sweep());
    assert!(command(&desk, RUN).status().expect("the program starts").success());
    disk::read(&desk.path("results"))
}

#[test]
fn every_call_of_a_report_that_fails_is_told_and_costs_nothing() {
    let mut swept = swept();
    swept.retain(|path, _| !path.starts_with("tiny/charts") && !path.starts_with("tiny/report.md"));
    calls_fail(&sweep(), &swept, REPORT, 24);
}

/// So many calls of a command that begins with these results fail, if not more are asked for.
fn calls_fail(toml: &str, before: &Tree, arguments: &Arguments, failures: usize) {
    let begin = |desk: &Desk| {
        _ = fs::remove_dir_all(desk.path("results"));
        disk::write(&desk.path("results"), before);
        desk.path("results").canonicalize().expect("there")
    };
    let calm = Desk::in_memory(toml);
    let root = begin(&calm);
    let Some((status, ops)) = watched::watch(command(&calm, arguments).stderr(Stdio::null()), &root, |_| None) else { return };
    assert!(status.success());
    let calm = ends(&calm, arguments);
    let step = (2 * ops.len()).div_ceil(number("UMLAUT_CRASH_CALLS", failures)).max(1);
    let cases: Vec<(usize, i32)> = [(0, libc::EIO), (step / 2, libc::ENOSPC)]
        .into_iter()
        .flat_map(|(first, error)| (first..ops.len()).step_by(step).map(move |at| (at, error)))
        .collect();
    eprintln!("{}: {} calls, {} failures", arguments[0], ops.len(), cases.len());
    let wrong = side_by_side(toml, &cases, |desk, (at, error)| {
        let root = begin(desk);
        let (said, mut done, mut failed) = (desk.path("said"), 0, String::new());
        let errors = fs::File::create(&said).expect("writable");
        let (status, _) = watched::watch(command(desk, arguments).stderr(errors), &root, |op| {
            done += 1;
            let fails = done == at + 1;
            if fails {
                failed = format!("{op:?}").chars().take(200).collect();
            }
            fails.then_some(*error)
        })
        .expect("it was possible before");
        let said = fs::read_to_string(&said).expect("text");
        let told = match status.code() {
            Some(0) => true,
            Some(1) => said.contains("results"),
            _ => false,
        };
        if !told || said.contains("panicked") {
            return Err(format!("{failed}: {:?}: {said}", status.code()));
        }
        ends_right(desk, arguments, &calm).map_err(|again| format!("{failed}: {said}\nrepeated: {again}"))
    });
    for (said, (at, error)) in &wrong {
        eprintln!("call {at}, error {error}: {said}");
    }
    assert!(wrong.is_empty(), "{} of {} end wrong", wrong.len(), cases.len());
}

/// Does something with each, on every processor, at a desk for each; what went wrong.
fn side_by_side<'a, T: Sync>(
    toml: &str,
    all: &'a [T],
    what: impl Fn(&Desk, &T) -> Result<(), String> + Sync,
) -> Vec<(String, &'a T)> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let desk = Desk::in_memory(toml);
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(said) = what(&desk, one) {
                        wrong.lock().expect("whole").push((said, one));
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("whole")
}

/// What each run must end in.
type Ends = BTreeMap<String, [Option<Vec<u8>>; 3]>;

/// Repeats the command.
fn ends_right(desk: &Desk, arguments: &Arguments, calm: &Ends) -> Result<(), String> {
    let said: Output = command(desk, arguments).output().expect("the program starts");
    if said.status.code() != Some(0) {
        return Err(format!("{:?}: {}", said.status.code(), words(&said)));
    }
    if ends(desk, arguments) == *calm { Ok(()) } else { Err(format!("other bytes: {}", words(&said))) }
}
