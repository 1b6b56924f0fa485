//! What is on the disk when power is lost: every file was synced before it got its name, and then the directory that holds the name.
//!
//! A library that is loaded before the system's own notes each sync; no process sees what was not synced as long as the system runs, so
//! nothing else shows it.

#![cfg(target_os = "linux")]

use crate::desk::{Desk, TINY, expect_code};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const NOTING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void note(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    int out = open(getenv("SYNCED"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    dprintf(out, "%d %s\n", getpid(), path);
    close(out);
}
int fsync(int fd) {
    note(fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    note(fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"#;

#[test]
fn names_outlive_a_loss_of_power() {
    let desk = Desk::with(&TINY.replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]"));
    fs::write(desk.path("noting.c"), NOTING).expect("writable");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o", "noting.so", "noting.c", "-ldl"]).current_dir(desk.path(".")).output();
    if !built.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no C compiler here ({built:?})");
        return;
    }
    let synced = desk.path("synced");
    let mut command = desk.command(&["run", "x.toml"]);
    command.env("LD_PRELOAD", desk.path("noting.so")).env("SYNCED", &synced);
    expect_code(&command.output().expect("the program starts"), 0);

    let root = fs::canonicalize(desk.path(".")).expect("there");
    // By process, in order.
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(&synced).expect("something was synced").lines() {
        let (process, path) = line.split_once(' ').expect("process and path");
        let below = Path::new(path).strip_prefix(&root).map_or(path.to_owned(), |below| below.display().to_string());
        notes.entry(process.to_owned()).or_default().push(below);
    }
    let run = format!("results/tiny/runs/{}", desk.metrics("results")[0].0);
    let all: Vec<&str> = notes.values().flatten().map(String::as_str).collect();
    for made in ["results", "results/tiny", "results/tiny/runs", &run, &format!("{run}/checkpoints")] {
        assert!(all.contains(&made), "{made} was never synced: {all:?}");
    }
    let mut files = 0;
    for notes in notes.values() {
        for (at, path) in notes.iter().enumerate() {
            let Some((dir, _)) = path.split_once("/.writing-") else { continue };
            files += 1;
            assert!(notes[at + 1..].iter().any(|later| later == dir), "{dir} was not synced after a file in it: {notes:?}");
        }
    }
    // Three epochs of three checkpoints alone.
    assert!(files > 9, "{all:?}");
}
