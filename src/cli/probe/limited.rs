//! A process that has so long and no longer, whatever it does with its time.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// A process that was killed ends within this; one that a driver holds may not.
const GRACE: Duration = Duration::from_secs(5);

/// How a process ended, and what it said.
pub struct Ended {
    /// `ok`, `failed rc 1`, `failed signal 6`, `failed limit 60 s`.
    pub how: String,
    /// Whether it ended well, within the limit.
    pub ok: bool,
    /// How long it took.
    pub took: Duration,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

/// Runs a command for `limit` at the most, then kills it.
///
/// # Errors
/// If it cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    // Files and not pipes: a process of its own that it leaves behind would hold a pipe open.
    let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?).spawn()?;
    let status = match wait(&mut child, limit)? {
        Some(status) => Ok(status),
        None => Err(kill(&mut child, limit)?),
    };
    let took = began.elapsed();
    let how = match &status {
        Ok(status) => how_it_ended(*status),
        Err(killed) => killed.clone(),
    };
    let ok = status.is_ok_and(|status| status.success());
    Ok(Ended { how, ok, took, output: read(&mut output)?, errors: read(&mut errors)? })
}

/// How it ended; `None` if it has not, after so long.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        match child.try_wait()? {
            None if began.elapsed() < limit => std::thread::sleep(LOOK),
            status => return Ok(status),
        }
    }
}

fn kill(child: &mut Child, limit: Duration) -> io::Result<String> {
    let limit = limit.as_secs();
    child.kill()?;
    Ok(match wait(child, GRACE)? {
        Some(_) => format!("failed limit {limit} s"),
        None => format!("failed limit {limit} s (process {} cannot be killed: the driver holds it)", child.id()),
    })
}

fn how_it_ended(status: ExitStatus) -> String {
    if let Some(signal) = umlaut::system::signal_of(status) {
        return format!("failed signal {signal}");
    }
    match status.code() {
        Some(0) => "ok".to_owned(),
        code => format!("failed rc {}", code.unwrap_or(1)),
    }
}

fn read(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
