//! Files of different moments in one run's directory: a copy taken while it ran, a disk that writes in another order, a file that was emptied,
//! deleted or changed in one bit. Repeating the command ends in the bytes of the undisturbed run, or says which file it is about and what to do.
//!
//! The oracle is the run that nobody disturbs. The moments are the ends of epochs 2 and 3, and the end of all four: a run of two epochs
//! leaves what the longer one has there at that time, the outcome and the scores of images aside.

use crate::desk::{Desk, TINY, expect_code, words};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const BEST: &str = "checkpoints/best.safetensors";
const LAST: &str = "checkpoints/last.safetensors";
const RESUME: &str = "checkpoints/resume.safetensors";
const FILES: [&str; 7] = [BEST, LAST, RESUME, "metrics.csv", "timing.csv", "outcome.toml", "per_image.csv"];

/// What everything ends in.
const ENDS: [&str; 4] = [BEST, LAST, "metrics.csv", "per_image.csv"];

/// Content by file; what is not there is missing.
type Moment = BTreeMap<&'static str, Vec<u8>>;

/// A state to begin with, and what it is called.
type State = (String, Moment);

fn read(dir: &Path) -> Moment {
    FILES.into_iter().filter_map(|file| Some((file, fs::read(dir.join(file)).ok()?))).collect()
}

/// An experiment whose best epoch is the last one, and one whose best is the second.
fn desk(rate: &str, seed: &str) -> Desk {
    let best = "epochs = 4\nbest = \"val_dice\"";
    Desk::with(&TINY.replace("epochs = 3", best).replace("[1e-2, 1e-3]", rate).replace("[1, 2]", seed))
}

/// The run's directory, with the moments of its files: after two epochs, after three, and at its end.
fn moments(desk: &Desk) -> (PathBuf, [Moment; 3]) {
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let run = desk.path("results/tiny/runs").join(&desk.metrics("results")[0].0);
    let toml = fs::read_to_string(run.join("run.toml")).expect("readable");
    let after = |epochs: usize| {
        let place = desk.path(&format!("after{epochs}"));
        fs::create_dir(&place).expect("writable");
        fs::write(place.join("run.toml"), toml.replace("epochs = 4", &format!("epochs = {epochs}"))).expect("writable");
        expect_code(&desk.umlaut(&["train", place.to_str().expect("plain")]), 0);
        let mut moment = read(&place);
        moment.retain(|file, _| !["outcome.toml", "per_image.csv"].contains(file));
        moment
    };
    let end = read(&run);
    (run, [after(2), after(3), end])
}

fn with(of: &Moment, file: &'static str, content: Option<Vec<u8>>) -> Moment {
    let mut moment = of.clone();
    match content {
        Some(content) => _ = moment.insert(file, content),
        None => _ = moment.remove(file),
    }
    moment
}

/// Every file of each moment missing, emptied, and with a bit changed.
fn damaged(moments: &[Moment]) -> Vec<State> {
    let mut states = Vec::new();
    for (number, moment) in moments.iter().enumerate() {
        for (file, content) in moment {
            let name = |what: &str| format!("moment {number}, {file} {what}");
            states.push((name("missing"), with(moment, file, None)));
            // What an outcome says is no question of moments, and of a finished run nobody reads the last weights.
            if *file == "outcome.toml" || (*file == LAST && number == 2) {
                continue;
            }
            states.push((name("emptied"), with(moment, file, Some(Vec::new()))));
            let (mut changed, place) = (content.clone(), content.len() - 9);
            changed[place] ^= 1;
            states.push((name(&format!("bit changed in byte {place}")), with(moment, file, Some(changed))));
        }
    }
    states
}

/// Every choice of one moment or another for each file of weights, state and rows; the small files go with the rows.
fn mixed(moments: &[Moment]) -> Vec<State> {
    let mut states = Vec::new();
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        // Neither all of one nor all of the other.
        for choice in 1..(1 << FILES.len()) - 1 {
            let of = |index: usize| if choice >> index & 1 == 0 { a } else { b };
            // timing.csv goes with the rows and per_image.csv with the outcome, else it would take too long.
            if of(4) != of(3) || of(6) != of(5) {
                continue;
            }
            let mut moment = Moment::new();
            for (index, file) in FILES.into_iter().enumerate() {
                moment.extend(moments[of(index)].get(file).map(|content| (file, content.clone())));
            }
            states.push((format!("moments {a} and {b}, choice {choice:07b}"), moment));
        }
    }
    states
}

/// Repeats the training from each state, and what goes wrong with it in words.
fn repeat(desk: &Desk, run: &Path, end: &Moment, states: &[State]) -> Vec<String> {
    let (next, wrong) = (Mutex::new(states.iter().enumerate()), Mutex::new(Vec::new()));
    let work = || loop {
        let Some((number, (name, state))) = next.lock().expect("no panic").next() else { break };
        let place = desk.path(&format!("state{number}"));
        fs::create_dir_all(place.join("checkpoints")).expect("writable");
        for file in ["run.toml", "provenance.toml", "place.toml"] {
            fs::copy(run.join(file), place.join(file)).expect("copied");
        }
        state.iter().for_each(|(file, content)| fs::write(place.join(file), content).expect("writable"));
        let output = desk.command(&["train", place.to_str().expect("plain")]).env("RAYON_NUM_THREADS", "1").output();
        let output = output.expect("the program starts");
        let (said, got) = (words(&output), read(&place));
        let differ: Vec<&str> = ENDS.into_iter().filter(|file| got.get(file) != end.get(file)).collect();
        let well = match output.status.code() {
            Some(0) => allowed(&differ, &got, &said),
            Some(1 | 2) => {
                FILES.iter().any(|file| said.contains(file))
                    && ["restore", "delete", "repeat"].iter().any(|remedy| said.contains(remedy))
            }
            _ => false,
        };
        if !well {
            let code = output.status.code();
            wrong.lock().expect("no panic").push(format!("{name}: exit code {code:?}, {differ:?} differ: {said}"));
        }
        fs::remove_dir_all(&place).expect("removed");
    };
    std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(work)));
    wrong.into_inner().expect("no panic")
}

/// Whether a run that ended well is whole. Of a finished one weights may have been deleted; then it is said, where they are those of the best epoch.
fn allowed(differ: &[&str], got: &Moment, said: &str) -> bool {
    differ.iter().all(|file| match *file {
        BEST => !got.contains_key(BEST) && said.contains("its weights are gone"),
        LAST => !got.contains_key(LAST) && !got.contains_key(RESUME),
        _ => false,
    })
}

#[test]
fn files_of_different_moments_never_end_in_other_bytes() {
    for (rate, seed, best_is_last) in [("[1e-2]", "[1]", true), ("[5e-2]", "[3]", false)] {
        let desk = desk(rate, seed);
        let (run, moments) = moments(&desk);
        let outcome = String::from_utf8_lossy(&moments[2]["outcome.toml"]).into_owned();
        assert_eq!(outcome.contains("best_epoch = 4\n"), best_is_last, "the cases are meant to differ: {outcome}");
        let mut seen = Vec::new();
        let mut states: Vec<State> = damaged(&moments).into_iter().chain(mixed(&moments)).collect();
        states.retain(|(_, state)| {
            !seen.contains(state) && {
                seen.push(state.clone());
                true
            }
        });
        let wrong = repeat(&desk, &run, &moments[2], &states);
        assert!(wrong.is_empty(), "{} of {} states: {}", wrong.len(), states.len(), wrong.join("\n"));
    }
}
