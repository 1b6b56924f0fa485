//! Threads: how many may be asked for, and what is said where the system has none to give.

use super::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::process::{Command, Output};

fn with_threads(desk: &Desk, threads: &str) -> Output {
    desk.command(&["check", "x.toml"]).env("RAYON_NUM_THREADS", threads).output().expect("the program starts")
}

#[test]
fn a_number_of_threads_that_cannot_be_is_a_mistake() {
    let desk = Desk::with(TINY);
    for (threads, why) in [
        ("999999", "threads are the most"),
        ("99999999999999999999999", "threads are the most"),
        ("-1", "this is no number of threads"),
        ("many", "this is no number of threads"),
    ] {
        let output = with_threads(&desk, threads);
        expect_code(&output, 2);
        let said = words(&output);
        assert!(said.contains(&format!("RAYON_NUM_THREADS={threads}: ")) && said.contains(why), "{said}");
        assert!(said.contains("leave it unset"), "{said}");
    }
    for threads in ["0", "", "1", "7"] {
        expect_code(&with_threads(&desk, threads), 0);
    }
}

/// 63 threads with a stack of 1 GiB each do not fit in 4 GiB.
#[test]
fn threads_that_the_system_does_not_start_are_an_error() {
    let desk = Desk::with(TINY);
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -v 4194304; exec \"$0\" check x.toml",
        assert_cmd::cargo::cargo_bin!("umlaut").to_str().unwrap(),
    ]);
    command.current_dir(desk.path("")).env("RAYON_NUM_THREADS", "64").env("RUST_MIN_STACK", (1u64 << 30).to_string());
    let output = command.output().expect("a shell");
    expect_code(&output, 1);
    let said = words(&output);
    assert!(said.contains("error: 64 threads to compute with could not be started: "), "{said}");
    assert!(said.contains("ulimit") && said.contains("RAYON_NUM_THREADS=1") && !said.contains("panicked"), "{said}");
}

/// The program under a limit of processes, which for Linux are threads. Root has no such limit, so it becomes somebody who runs nothing else.
#[cfg(target_os = "linux")]
fn limited(desk: &Desk, program: &std::path::Path, processes: u32) -> Output {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("bash");
    let script = format!("ulimit -u {processes}; exec \"$0\" run x.toml --device cpu --set training.epochs=1 --retries 0");
    command.args(["-c", &script, program.to_str().expect("text")]).current_dir(desk.path(""));
    command.env("RAYON_NUM_THREADS", "1").env("XDG_CONFIG_HOME", desk.path("settings")).env("HOME", desk.path(""));
    if fs::metadata("/proc/self").expect("Linux has it").uid() == 0 {
        command.uid(61_234).gid(61_234);
    }
    command.output().expect("bash")
}

/// Augmentation that calculates pixels anew makes batches on a thread of its own.
#[cfg(target_os = "linux")]
#[test]
fn wherever_the_threads_end_it_is_an_error_and_no_panic() {
    use std::os::unix::fs::PermissionsExt;
    let augmented = TINY.replace("[model.unet]", "[augment.rotate]\n[model.unet]").replace("seeds = [1, 2]", "seeds = [1]");
    let mut ends = Vec::new();
    // Its own desk for each: what is half done would change what the next has to do.
    for processes in 1..=7 {
        let desk = Desk::with(&augmented.replace("[1e-2, 1e-3]", "[1e-2]"));
        fs::set_permissions(desk.path(""), fs::Permissions::from_mode(0o777)).expect("ours");
        // Where everybody can read it.
        let program = desk.path("umlaut");
        let built = assert_cmd::cargo::cargo_bin!("umlaut");
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(|_| ())).expect("room for a copy");
        let output = limited(&desk, &program, processes);
        let said = words(&output);
        let logs: String = fs::read_dir(desk.path("results/tiny/runs"))
            .into_iter()
            .flatten()
            .filter_map(|run| fs::read_to_string(run.ok()?.path().join("log.txt")).ok())
            .collect();
        assert!(!said.contains("panicked") && !logs.contains("panicked"), "{processes} processes: {said}{logs}");
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(1), "{processes} processes: {code:?} {said}{logs}");
        let limits = said.contains("limits") || logs.contains("limits");
        assert!(code == Some(0) || limits, "{processes} processes: {said}{logs}");
        ends.push(code);
    }
    assert_eq!(ends[0], Some(1), "one process has no room for what waits for signals");
}
