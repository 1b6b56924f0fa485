//! A page on paper: report.html printed by a browser of this machine, without a window and without a network.

use super::failure::{Failure, mistake};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Names the browser where it is not found by itself.
const NAMED: &str = "UMLAUT_CHROMIUM";
/// Programs that print as Chromium does.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
/// A page of a thousand runs takes some seconds.
const LONGEST: Duration = Duration::from_secs(180);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The browser that prints.
///
/// # Errors
/// If there is none; what to install.
pub fn browser() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os(NAMED).filter(|named| !named.is_empty()).map(PathBuf::from) {
        let missing = || mistake(format!("{NAMED}: {} is no file; name the program of Chromium or Chrome", named.display()));
        return if named.is_file() { Ok(named) } else { Err(missing()) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|dir| BROWSERS.map(|name| dir.join(name))).find(|file| file.is_file());
    found.ok_or_else(|| {
        mistake(format!(
            "--format pdf needs Chromium or Chrome, and none is on PATH; install one (Debian and Ubuntu: apt install chromium), name it by \
             {NAMED}, or print report.html from any browser"
        ))
    })
}

/// The page as PDF.
///
/// # Errors
/// If the browser cannot be started or prints nothing; its last words.
pub fn print(browser: &Path, page: &Path) -> Result<Vec<u8>, Failure> {
    let place = tempfile::tempdir()?;
    let pdf = place.path().join("report.pdf");
    let mut said = String::new();
    // As root it asks for this; the page is our own, and all that others wrote is escaped in it.
    for further in [&[][..], &["--no-sandbox"]] {
        let output = browse(browser, page, &pdf, place.path(), further)?;
        if let Ok(printed) = std::fs::read(&pdf)
            && printed.starts_with(b"%PDF")
        {
            return Ok(printed);
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !said.contains("no-sandbox") {
            break;
        }
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    let words = umlaut::shown::lines(last).into_owned();
    Err(Failure::Running(anyhow::anyhow!("{} printed no PDF of {}: {words}", browser.display(), page.display())))
}

fn browse(browser: &Path, page: &Path, pdf: &Path, profile: &Path, further: &[&str]) -> Result<Output, Failure> {
    let mut command = Command::new(browser);
    command.args([
        "--headless=new",
        "--disable-gpu",
        "--no-first-run",
        "--no-pdf-header-footer",
        "--disable-background-networking",
    ]);
    // Nothing is fetched; this says so to whatever the browser does by itself.
    command.arg("--host-resolver-rules=MAP * ~NOTFOUND").args(further);
    let mut profile_of = std::ffi::OsString::from("--user-data-dir=");
    profile_of.push(profile.join("profile"));
    let mut print_to = std::ffi::OsString::from("--print-to-pdf=");
    print_to.push(pdf);
    command.arg(profile_of).arg(print_to).arg(address(&std::path::absolute(page)?));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|e| anyhow::anyhow!("{} cannot be started: {e}", browser.display()))?;
    Ok(ended(child)?)
}

/// Waits for the end, or ends it after a time.
fn ended(mut child: Child) -> std::io::Result<Output> {
    let mut said = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(said) = &mut said {
            _ = std::io::Read::read_to_end(said, &mut text);
        }
        text
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if began.elapsed() > LONGEST => {
                child.kill()?;
                break child.wait()?;
            }
            None => std::thread::sleep(BETWEEN_LOOKS),
        }
    };
    Ok(Output { status, stdout: Vec::new(), stderr: reader.join().unwrap_or_default() })
}

/// A file's address, with everything written out that means something else there.
fn address(file: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let bytes = file.as_os_str().as_encoded_bytes();
    let word = |byte: &u8| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    format!("file://{}", bytes.iter().map(word).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_any_name() {
        assert_eq!(address(Path::new("/a b/50%#?ü.html")), "file:///a%20b/50%25%23%3F%C3%BC.html");
    }
}
