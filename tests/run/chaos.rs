//! Processes killed at random moments: whatever dies, repeating the command ends with the files of an undisturbed sweep.
//!
//! The oracle is a sweep that nobody disturbs. `UMLAUT_CHAOS_SEED` repeats the choices of a failed test, though not the moments at
//! which the system lets things happen.

#![cfg(target_os = "linux")]

use crate::desk::{Desk, TINY, expect_code, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Kills at least, over as many sweeps as that takes; `UMLAUT_CHAOS_KILLS` asks for more.
const KILLS: usize = 36;

/// Files that say when and how long, which no two sweeps have in common.
const OF_THE_CLOCK: [&str; 4] = ["timing.csv", "provenance.toml", "log.txt", "outcome.toml"];

/// Files that repeat such figures, and those that keep the name of a process: of one that was killed, of the last report.
const OF_THE_DAY: [&str; 6] = ["summary.csv", "report.md", "report.html", "charts/time.svg", ".lock", ".report"];

/// Eight runs of three epochs, on pictures that are kept decoded.
fn sweep() -> Desk {
    let tiny = TINY.replace("[1e-2, 1e-3]", "[1e-2, 3e-3, 1e-3, 3e-4]");
    let (head, tail) = (tiny.find("[dataset").expect("it is there"), tiny.find("[preprocess").expect("it is there"));
    let desk = Desk::with(&format!("{}[dataset.folders]\nroot = \"pictures\"\n{}", &tiny[..head], &tiny[tail..]));
    for folder in ["images", "masks"] {
        let folder = desk.path("pictures").join(folder);
        fs::create_dir_all(&folder).expect("writable");
        for number in 0..12 {
            let bright = |x: u32, y: u32| if x + y > 12 + number { 255 } else { 0 };
            let picture = image::GrayImage::from_fn(24, 24, |x, y| image::Luma([bright(x, y)]));
            picture.save(folder.join(format!("{number}.png"))).expect("writable");
        }
    }
    desk
}

#[derive(Debug, Clone, Copy)]
enum Victim {
    Child,
    Scheduler,
    Both,
}

#[test]
fn a_sweep_survives_any_kill_and_repeats_nothing() {
    let asked = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let (seed, least) = (asked("UMLAUT_CHAOS_SEED").unwrap_or_else(rand::random::<u64>), asked("UMLAUT_CHAOS_KILLS"));
    let least = least.map_or(KILLS, |least| usize::try_from(least).expect("a count"));
    println!("UMLAUT_CHAOS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let desk = sweep();
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let calm = tree(&desk.path("calm"));
    let mut kills = 0;
    for sweep in 0.. {
        if kills >= least {
            break;
        }
        let results = format!("wild{sweep}");
        kills += disturb(&desk, &results, &mut random, least);
        println!("{kills} kills after sweep {sweep}");
        same_files(&calm, &tree(&desk.path(&results)));
    }
}

/// Repeats the command, with kills, until the sweep is finished; returns how many kills there were. A machine with much else to do comes to nothing
/// between two of them: after `most` nobody disturbs it any more.
fn disturb(desk: &Desk, results: &str, random: &mut StdRng, most: usize) -> usize {
    let mut kills = 0;
    let mut finished = BTreeMap::new();
    loop {
        let arguments = ["run", "x.toml", "--jobs", "2", "--results", results];
        let mut scheduler = desk.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let ended = loop {
            if kills >= most {
                break scheduler.wait().expect("it ends").code();
            }
            // Any moment will do: at the start of things as well as in their midst.
            let most = [3_000, 20_000, 100_000][random.random_range(0..3)];
            std::thread::sleep(Duration::from_micros(random.random_range(0..most)));
            if let Some(status) = scheduler.try_wait().expect("it can be asked") {
                break status.code();
            }
            if random.random_range(0..8) == 0 {
                // Asked instead of killed: it stops in the midst of an epoch. It may have ended just now.
                _ = kill(Pid::from_raw(scheduler.id().cast_signed()), Signal::SIGTERM);
                break scheduler.wait().expect("it ends").code();
            }
            let victim = [Victim::Child, Victim::Scheduler, Victim::Both][random.random_range(0..3)];
            kills += strike(&mut scheduler, victim, random);
            if !matches!(victim, Victim::Child) {
                scheduler.wait().expect("it is dead");
                break None;
            }
        };
        nothing_twice(&desk.path(results), &mut finished);
        match ended {
            Some(0) => return kills,
            // A run whose process was killed twice counts as failed until the command is repeated.
            Some(1) | None => {}
            // Stopped when asked to; before it listens, by the signal itself.
            Some(130) => {}
            Some(code) => panic!("ended with exit code {code}: {}", words(&desk.umlaut(&arguments))),
        }
    }
}

/// Kills; returns how many processes were hit.
fn strike(scheduler: &mut Child, victim: Victim, random: &mut StdRng) -> usize {
    let mut children = children_of(scheduler.id());
    if matches!(victim, Victim::Child) {
        let keep = random.random_range(0..=children.len());
        children.truncate(keep);
    }
    let scheduler = Pid::from_raw(scheduler.id().cast_signed());
    let victims = match victim {
        Victim::Child => children,
        Victim::Scheduler => vec![scheduler],
        Victim::Both if random.random() => [vec![scheduler], children].concat(),
        Victim::Both => [children, vec![scheduler]].concat(),
    };
    // One that has just ended cannot be hit.
    victims.into_iter().filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count()
}

/// The processes that this one started and that are alive.
pub fn children_of(parent: u32) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let mut all: Vec<String> = listed.split_whitespace().map(str::to_owned).collect();
    for task in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let more = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(more.split_whitespace().map(str::to_owned));
    }
    all.sort();
    all.dedup();
    all.iter().filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect()
}

/// What a run wrote when it finished stays as it is, its times too.
fn nothing_twice(results: &Path, finished: &mut BTreeMap<String, Vec<u8>>) {
    let now = tree(results);
    for (outcome, bytes) in now.iter().filter(|(name, _)| name.ends_with("outcome.toml")) {
        if !String::from_utf8_lossy(bytes).contains("status = \"finished\"") {
            continue;
        }
        for name in OF_THE_CLOCK.map(|name| outcome.replace("outcome.toml", name)) {
            // Its last lines may follow the outcome.
            if name.ends_with("log.txt") {
                continue;
            }
            let before = finished.entry(name.clone()).or_insert_with(|| now[&name].clone());
            assert!(*before == now[&name], "{name} was written again after the run had finished");
        }
    }
    for (name, bytes) in finished {
        assert_eq!(Some(&*bytes), now.get(name), "{name} was lost");
    }
}

/// Every file below, by its path there, but for the hashes of the pictures, of which those are written down that are old enough, and the events of the
/// last attempt at a run, which begin anew with it and end where it was killed; and but for the command, which has the results' own place.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    let files = files.filter(|entry| !entry.path().ends_with(".cache/hashes") && !entry.path().ends_with("events.jsonl"));
    files
        .filter(|entry| !entry.path().ends_with("command.toml"))
        .filter_map(|entry| {
            let name = entry.path().strip_prefix(root).expect("it is below").display().to_string();
            // Orphans may still be at work, so what was listed may be gone.
            Some((name, fs::read(entry.path()).ok()?))
        })
        .collect()
}

/// The same files, none more, and the same bytes but for those of the clock.
fn same_files(calm: &BTreeMap<String, Vec<u8>>, wild: &BTreeMap<String, Vec<u8>>) {
    let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(calm), names(wild));
    for (name, bytes) in calm {
        let of_the_clock = OF_THE_CLOCK.iter().chain(&OF_THE_DAY).any(|file| name.ends_with(file));
        assert!(of_the_clock || *bytes == wild[name], "{name} differs from that of the undisturbed sweep");
    }
    assert_eq!(wild.keys().filter(|name| name.ends_with("metrics.csv")).count(), 8);
}
