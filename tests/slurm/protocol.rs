//! A schedule at points of its protocol with Slurm: false programs before the true ones kill whoever calls them, refuse, or say something else.

use crate::cluster::{Cluster, Schedule};
use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

/// Puts a script before one of Slurm's programs, whose true path is `$SBATCH`, `$SQUEUE` or `$SCONTROL`.
fn falsify(desk: &Desk, program: &str, script: &str) {
    let file = desk.path("bin").join(program);
    fs::create_dir_all(desk.path("bin")).expect("writable");
    fs::write(&file, format!("#!/bin/bash\n{script}\n")).expect("writable");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("ours");
}

/// Runs the sweep with them.
fn run(cluster: &Cluster, desk: &Desk, options: &[&str]) -> Output {
    let path = std::env::var("PATH").expect("set");
    let mut command = cluster.command(desk, &[&["run", "x.toml", "--on", "slurm", "--retries", "0"], options].concat());
    command.env("PATH", format!("{}:{path}", desk.path("bin").display())).env("DESK", desk.path(""));
    for program in ["sbatch", "squeue", "scontrol"] {
        let file = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file()).expect("installed");
        command.env(program.to_uppercase(), file);
    }
    let mut schedule = Schedule::of(desk, command);
    // One that waits for what never comes would not end by itself.
    cluster.until("the schedule ends", || schedule.is_over().then_some(()));
    schedule.ended()
}

fn files_named(desk: &Desk, end: &str) -> usize {
    let all = walkdir::WalkDir::new(desk.path("results/tiny/slurm")).into_iter().filter_map(Result::ok);
    all.filter(|entry| entry.path().to_string_lossy().ends_with(end)).count()
}

/// The sweep is undisturbed but for what `script` does once; returns what the repeated command says.
fn killed_once(script: &str, then: impl Fn(&Cluster, &Desk)) -> Option<(Cluster, Desk, String)> {
    let desk = Desk::with(TINY);
    let cluster = Cluster::start()?;
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    falsify(&desk, "sbatch", script);
    assert_eq!(run(&cluster, &desk, &[]).status.code(), None, "it is killed");
    falsify(&desk, "sbatch", "exec $SBATCH \"$@\"");
    then(&cluster, &desk);
    let again = run(&cluster, &desk, &[]);
    expect_code(&again, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    Some((cluster, desk, words(&again)))
}

#[test]
fn killed_before_slurm_hears_of_a_batch_it_submits_another() {
    let Some((cluster, desk, said)) = killed_once("kill -9 $PPID", |_, _| ()) else { return };
    assert!(!said.contains("from before"), "{said}");
    assert_eq!((cluster.submissions(&desk), files_named(&desk, "/void"), files_named(&desk, ".attempt")), (1, 1, 4));
}

#[test]
fn killed_before_it_knows_the_number_it_finds_the_jobs_by_their_name() {
    let script = "$SBATCH --hold \"$@\" > /dev/null; kill -9 $PPID";
    let release = |cluster: &Cluster, _: &Desk| {
        let jobs = cluster.slurm("squeue", &["-h", "-o", "%F"]);
        cluster.slurm("scontrol", &["release", jobs.lines().next().expect("submitted").trim()]);
    };
    let Some((cluster, desk, said)) = killed_once(script, release) else { return };
    let counted = (cluster.submissions(&desk), files_named(&desk, "/void"), files_named(&desk, ".attempt"));
    assert_eq!(counted, (1, 0, 4), "{said}");
}

/// The submission is under way when its schedule dies, and arrives after the next one has given it up.
#[test]
fn a_batch_that_arrives_late_does_nothing() {
    let script = "kill -9 $PPID; until [ -e $DESK/go ]; do sleep 0.05; done; $SBATCH \"$@\" > $DESK/late";
    let Some((cluster, desk, _)) = killed_once(script, |_, _| ()) else { return };
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    fs::write(desk.path("go"), "").expect("writable");
    let late = cluster.until("it arrives", || Some(read(&desk.path("late"))).filter(|number| !number.trim().is_empty()));
    cluster.until("its tasks end", || {
        let states = cluster.slurm("squeue", &["-r", "-h", "-t", "all", "-o", "%T", "-j", late.trim()]);
        states.lines().all(|state| state.trim() == "COMPLETED").then_some(())
    });
    assert_eq!((files_named(&desk, "/void"), files_named(&desk, ".end")), (1, 4), "nothing was done twice");
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}

#[test]
fn what_slurm_has_no_room_for_is_submitted_later_and_in_smaller_arrays() {
    let desk = Desk::with(TINY);
    let Some(cluster) = Cluster::start() else { return };
    // As a site that takes two tasks of one user: an array of more is refused, and one beside others.
    let script = "
        tasks=$(sed -n 's/^#SBATCH --array=0-//p' \"$2\")
        if [ $tasks -ge 2 ] || [ $(squeue -r -h | wc -l) -ge 1 ]; then
            echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user)' >&2
            exit 1
        fi
        exec $SBATCH \"$@\"";
    falsify(&desk, "sbatch", script);
    let swept = run(&cluster, &desk, &[]);
    expect_code(&swept, 0);
    assert!(words(&swept).contains("job submit limit") && words(&swept).contains("it is tried again"), "{}", words(&swept));
    assert_eq!(desk.metrics("results").len(), 4);
    assert!(cluster.submissions(&desk) >= 2);
}

/// Slurm holds a task that a node could not begin. What it refuses meanwhile is asked for again later.
#[test]
fn tasks_that_a_node_could_not_begin_are_released() {
    let desk = Desk::with(TINY);
    let Some(cluster) = Cluster::start() else { return };
    falsify(&desk, "squeue", "$SQUEUE \"$@\" | sed 's/JobHeldUser/launch failed requeued held/'");
    let script = "
        [ $1 = release ] || exec $SCONTROL \"$@\"
        echo \"$@\" >> $DESK/asked
        if [ $(wc -l < $DESK/asked) -le 4 ]; then echo 'Requested operation is presently disabled' >&2; exit 1; fi
        exec $SCONTROL \"$@\"";
    falsify(&desk, "scontrol", script);
    expect_code(&run(&cluster, &desk, &["--slurm", "sbatch=--hold"]), 0);
    assert_eq!(desk.metrics("results").len(), 4);
    let mut asked: Vec<String> = fs::read_to_string(desk.path("asked")).expect("it asks").lines().map(str::to_owned).collect();
    asked.sort();
    asked.dedup();
    let each: Vec<String> = (0..4).map(|task| format!("release 1_{task}")).collect();
    assert_eq!(asked, each, "each task by itself");
}
