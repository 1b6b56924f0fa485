//! What comes after the runs: scores of every image, the report while runs go on, comparisons in the terminal.

use crate::chaos::children_of;
use crate::desk::{Desk, TINY, expect_code, words};
use std::process::{Command, Stdio};

/// A column of a CSV as numbers, of the rows that begin with `part`.
fn column(csv: &str, part: &str, name: &str) -> Vec<f64> {
    let at =
        csv.lines().next().and_then(|header| header.split(',').position(|column| column == name)).expect("the column is there");
    let rows = csv.lines().filter(|line| line.starts_with(part));
    rows.map(|line| line.split(',').nth(at).and_then(|text| text.parse().ok()).expect("a number")).collect()
}

#[test]
fn images_add_up_to_the_outcome() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let scores = desk.read_all("results", "per_image.csv");
    let outcomes = desk.read_all("results", "outcome.toml");
    assert_eq!((scores.len(), outcomes.len()), (4, 4));
    for (scores, outcome) in scores.iter().zip(&outcomes) {
        let outcome: toml::Table = outcome.parse().expect("TOML");
        for (part, table) in [("val", "best"), ("test", "test")] {
            for metric in ["dice", "iou", "bce", "dice_loss"] {
                let of_images = column(scores, part, metric);
                // Three images and two classes, all of equal weight.
                assert_eq!(of_images.len(), 6, "{scores}");
                let mean = of_images.iter().sum::<f64>() / 6.0;
                let message = outcome[table][&format!("{part}_{metric}")].as_float().expect("a number");
                assert!((mean - message).abs() < 1e-12, "{part} {metric}: {mean} {message}");
            }
        }
    }
}

/// The second run goes on for minutes: the report that lists the first as finished is there long before it ends.
#[test]
fn the_report_is_there_while_runs_go_on() {
    let long =
        TINY.replace("[1, 2]", "[1]").replace(r#""optimizer.adam.lr" = [1e-2, 1e-3]"#, r#""training.epochs" = [1, 100000]"#);
    let desk = Desk::with(&long);
    let mut command = desk.command(&["run", "x.toml", "--jobs", "2"]);
    command.env("UMLAUT_REPORT_SECONDS", "0").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let report = desk.path("results/tiny/report.md");
    let there = loop {
        let message = std::fs::read_to_string(&report).is_ok_and(|text| text.contains("1 finished, 1 unfinished"));
        if message || child.try_wait().expect("it is ours").is_some() {
            break message;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(stopped.is_ok_and(|status| status.success()) && there, "{:?}", child.wait());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

/// The report that a schedule has started is held by the lock that it takes before each file, when the schedule is killed: it ends, though
/// nobody lets it go on, long before it would give up.
#[cfg(target_os = "linux")]
#[test]
fn the_report_of_a_killed_schedule_ends_with_it() {
    use std::io::{BufRead, BufReader};
    use std::time::{Duration, Instant};
    let desk =
        Desk::with(&TINY.replace("epochs = 3", "epochs = 100000").replace("[1, 2]", "[1]").replace("[1e-2, 1e-3]", "[1e-2]"));
    let mut command = desk.command(&["run", "x.toml"]);
    command.env("UMLAUT_REPORT_SECONDS", "0").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut schedule = command.spawn().expect("it starts");
    let mut lines = BufReader::new(schedule.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("epoch 1/")), "{:?}", schedule.wait());
    let run = std::fs::read_dir(desk.path("results/tiny/runs")).expect("listed").next().expect("a run").expect("listed").path();
    let words_of = |pid: &nix::unistd::Pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let lock = desk.path("results/tiny/.report");
    let held = loop {
        match std::fs::File::open(&lock) {
            Ok(file) => break file,
            Err(_) => std::thread::yield_now(),
        }
    };
    held.lock().expect("locks work here");
    let report = loop {
        match children_of(schedule.id()).into_iter().find(|pid| words_of(pid).contains("\0report\0")) {
            Some(pid) => break pid,
            None => std::thread::yield_now(),
        }
    };
    schedule.kill().expect("it is alive");
    schedule.wait().expect("it ends");
    let began = Instant::now();
    // One that nobody waits for yet has no words any more.
    while words_of(&report).contains("\0report\0") {
        assert!(began.elapsed() < Duration::from_secs(8), "the report of a killed schedule goes on");
        std::thread::yield_now();
    }
    drop(held);
    // Held until the run's own process ends, which sees too that it is alone.
    std::fs::File::open(run.join(".lock")).expect("it was claimed").lock().expect("locks work here");
}

/// The older report is stopped between its signature and its first file, the newer one is written meanwhile, then the older one may go on: it
/// writes nothing.
#[cfg(target_os = "linux")]
#[test]
fn an_older_report_does_not_overwrite_a_newer_one() {
    use nix::sys::signal::{Signal, kill};
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let lock = desk.path("results/tiny/.report");
    let older = loop {
        let before = files(&desk.path("results/tiny"));
        let mut older = desk.command(&["report", "results/tiny", "--by", "iou"]);
        let mut older = older.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let signed = format!("{} ", older.id());
        while !std::fs::read_to_string(&lock).is_ok_and(|text| text.starts_with(&signed)) {
            assert!(older.try_wait().expect("known").is_none(), "it signs before it ends");
        }
        let pid = nix::unistd::Pid::from_raw(older.id().cast_signed());
        kill(pid, Signal::SIGSTOP).expect("it is not waited for yet");
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is not waited for yet");
        while ![") T", ") Z"].iter().any(|stopped| state().contains(stopped)) {
            std::thread::yield_now();
        }
        let unwritten = |now: Vec<(std::path::PathBuf, u64, Vec<u8>)>| {
            now.iter().filter(|(path, ..)| *path != lock).eq(before.iter().filter(|(path, ..)| *path != lock))
        };
        // Stopped too late, or while it holds the lock, it is let go, and another one is tried.
        if std::fs::File::open(&lock).expect("it is there").try_lock().is_ok() && unwritten(files(&desk.path("results/tiny"))) {
            break older;
        }
        kill(pid, Signal::SIGCONT).expect("it is not waited for yet");
        expect_code(&older.wait_with_output().expect("it ends"), 0);
    };
    // What a killed report has left.
    let half = desk.path("results/tiny/charts/.writing-abc");
    std::fs::write(&half, "").expect("writable");
    expect_code(&desk.umlaut(&["report", "results/tiny", "--format", "html,md,tex"]), 0);
    assert!(!half.exists(), "half-written charts are cleared away");
    let newer = files(&desk.path("results/tiny"));
    kill(nix::unistd::Pid::from_raw(older.id().cast_signed()), Signal::SIGCONT).expect("it is stopped");
    let output = older.wait_with_output().expect("it ends");
    expect_code(&output, 0);
    assert!(words(&output).contains("a newer report has begun"), "{}", words(&output));
    assert_eq!(files(&desk.path("results/tiny")), newer);
}

/// Every file of a report with its content and its number on the disk, which a replacement changes.
#[cfg(target_os = "linux")]
fn files(dir: &std::path::Path) -> Vec<(std::path::PathBuf, u64, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt;
    let all = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().map(|entry| entry.expect("listed").into_path());
    let of_report = all.filter(|path| path.is_file() && !path.starts_with(dir.join("runs")));
    of_report.map(|path| (path.clone(), path.metadata().expect("there").ino(), std::fs::read(&path).expect("readable"))).collect()
}

#[test]
fn anything_can_be_compared() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    std::fs::write(desk.path("y.toml"), TINY.replace("\"tiny\"", "\"other\"").replace("epochs = 3", "epochs = 2"))
        .expect("writable");
    expect_code(&desk.umlaut(&["run", "y.toml"]), 0);
    let both = desk.said(&["compare", "tiny", "results/other"]);
    assert!(both.contains("tiny: lr 0.01") && both.contains("other: lr 0.001"), "{both}");
    let message = both.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(message.contains("With 2 seeds and 3 images, differences below"), "{both}");
    assert!(both.lines().all(|line| line.chars().count() <= 80), "{both}");
    let runs: Vec<String> = desk.metrics("results").into_iter().map(|(name, _)| name).collect();
    let hash = |id: &str| id.rsplit(['_', '-']).next().unwrap_or_default().to_owned();
    let pair = desk.said(&["compare", &format!("results/tiny/runs/{}", runs[0]), &hash(&runs[1]), "--by", "iou"]);
    assert!(pair.contains("No test is shown: with one seed") && pair.contains("test IoU"), "{pair}");
}

#[test]
fn what_cannot_be_compared_is_the_users_mistake() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    for (arguments, part) in [
        (vec!["compare", "nowhere", "tiny"], "nowhere is no directory of runs, no experiment in results"),
        (
            vec!["compare", "tiny", "--by", "hd95"],
            "no run has a metric \"hd95\"; there are loss, bce, dice_loss, dice, iou, dice_disc",
        ),
        (vec!["report", "results/tiny", "--by", "hd95"], "no run has a metric \"hd95\""),
        (vec!["report", "results/tiny", "--format", "docx"], "invalid value 'docx'"),
        (vec!["report", "."], ". is no directory of runs"),
    ] {
        let output = desk.umlaut(&arguments);
        expect_code(&output, 2);
        assert!(words(&output).contains(part), "{arguments:?}: {}", words(&output));
    }
}

/// A line's words, whatever breaks it.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rewrites a file of every run whose directory's name contains a word.
fn rewrite(desk: &Desk, word: &str, file: &str, change: impl Fn(&str) -> String) {
    let runs = std::fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there");
    let paths = runs.map(|run| run.expect("listed").path()).filter(|path| path.to_string_lossy().contains(word));
    for path in paths.map(|path| path.join(file)) {
        let text = std::fs::read_to_string(&path).expect("the file is there");
        std::fs::write(&path, change(&text)).expect("writable");
    }
}

#[test]
fn validation_ranks_unless_the_test_part_is_asked_for() {
    let desk = Desk::with(TINY);
    let ran = desk.said(&["run", "x.toml", "--rank-by", "test"]);
    assert!(flat(&ran).contains("Ranked by test scores, as asked: the score of the best is optimistic"), "{ran}");
    let report = || std::fs::read_to_string(desk.path("results/tiny/report.md")).expect("written");
    assert!(report().contains("optimistic"), "{}", report());
    for verb in [&["compare", "tiny"][..], &["report", "results/tiny"]] {
        let plain = flat(&desk.said(verb));
        assert!(plain.contains("chosen by its validation Dice of") && !plain.contains("optimistic"), "{plain}");
        let asked = flat(&desk.said(&[verb, &["--rank-by", "test"]].concat()));
        assert!(asked.contains("optimistic") && !asked.contains("chosen by its validation"), "{asked}");
    }
}

/// The scores of one group are raised, by as much for every image of the test split: a difference in all seeds and images.
#[test]
fn a_difference_is_significant_at_one_size_of_one_data_set_and_runs_that_failed_are_said() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let scores = |dice: &'static str| {
        move |text: &str| -> String {
            let row = |(at, line): (usize, &str)| match line.split(',').collect::<Vec<_>>()[..] {
                [part @ ("val" | "test"), image, class, _, ref rest @ ..] => {
                    format!("{part},{image},{class},{dice}{},{}\n", at % 3, rest.join(","))
                }
                _ => format!("{line}\n"),
            };
            text.lines().enumerate().map(row).collect()
        }
    };
    rewrite(&desk, "lr-0.01", "per_image.csv", scores("0.9"));
    rewrite(&desk, "lr-0.001", "per_image.csv", scores("0.5"));
    // Else the runs count as damaged: the hash of the scores is no longer theirs.
    rewrite(&desk, "lr", "outcome.toml", |text| {
        text.lines().filter(|l| !l.starts_with("per_image")).map(|l| format!("{l}\n")).collect()
    });
    let message = || flat(&desk.said(&["compare", "tiny"]));
    assert!(message().contains("“lr 0.01” is better than “lr 0.001” by 0.4"), "{}", message());
    rewrite(&desk, "lr-0.001", "run.toml", |text| text.replace("[16, 16]", "[32, 32]"));
    assert!(message().contains("judged at different sizes") && !message().contains("is better than"), "{}", message());
    rewrite(&desk, "lr-0.001", "run.toml", |text| text.replace("[32, 32]", "[16, 16]"));
    rewrite(&desk, "lr-0.001", "provenance.toml", |text| text.replace("dataset_fingerprint = \"", "dataset_fingerprint = \"0"));
    assert!(message().contains("The groups are of 2 data sets") && !message().contains("is better than"), "{}", message());
    rewrite(&desk, "lr-0.001_seed-1", "outcome.toml", |text| text.replace("\"finished\"", "\"failed\""));
    assert!(
        message().contains("Failed runs have no part in the scores, which may flatter: “lr 0.001” (1 of 2 runs)."),
        "{}",
        message()
    );
}

/// The last digit of a name is the patient: three of ten patients test, with four images each.
#[test]
fn patients_of_the_split_are_the_units() {
    let input = TINY.replace("count = 12", "count = 40").replace("epochs = 3", "epochs = 1");
    let input = input.replace("val = 0.25", "val = 0.2").replace("test = 0.25", "test = 0.3\ngroup = '(\\d)$'");
    let desk = Desk::with(&input);
    let message = flat(&desk.said(&["run", "x.toml"]));
    assert!(message.contains("With 2 seeds and 3 patients, differences below"), "{message}");
}
