//! Pages follow files that change.

use super::browser::Browser;
use super::desk::{Desk, TINY};
use super::results::{HOSTILE, create, epochs, experiment, failed, finished, row};
use super::server::Server;
use super::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use umlaut::store::ExperimentDir;

#[test]
fn an_epoch_a_log_line_and_a_run_appear_by_themselves() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    for arguments in [&[][..], &["--poll"]] {
        let temp = tempfile::tempdir().unwrap();
        let dir = experiment(temp.path(), "a");
        let run = create(&dir, "1e-3", 1);
        let mut writer = epochs(&run, 2, 0.9);
        let server = Server::with(temp.path(), arguments);
        let (list, page) = (browser.open(&server.url), browser.open(&format!("{}x/a", server.url)));
        let of_run = browser.open(&format!("{}x/a/runs/{}", server.url, run.id()));
        browser.wait(&page, "document.querySelectorAll('#chart-dice svg path').length > 3");
        browser.wait(&of_run, "document.querySelector('#live').textContent === 'live'");
        browser.wait(&list, "document.querySelector('#list').textContent.includes('2/5 epochs')");

        writer.append(&row(3, 0.9), 0.5).unwrap();
        browser.wait(&list, "document.querySelector('#list').textContent.includes('3/5 epochs')");
        browser.wait(&page, "document.querySelector('#now').textContent.includes('3/5')");
        browser.wait(&page, "JSON.parse(document.querySelector('#chart-dice').dataset.curves)[0].val.length === 3");
        browser.wait(&of_run, "document.querySelector('#state').textContent.includes('epoch 3 of 5')");

        if arguments.is_empty() {
            run.log().unwrap().write_all(b"warming up <b>\n").unwrap();
            browser.wait(&of_run, "document.querySelector('#log pre')?.textContent.includes('warming up <b>')");
        }
        finished(&dir, "1e-2", 1, 0.8);
        browser.wait(&page, "document.querySelectorAll('#now tbody tr').length === 2");
        browser.wait(&page, "document.querySelectorAll('.keys button').length === 2");
        assert_eq!(browser.errors, Vec::<String>::new());
    }
}

#[test]
fn what_a_reader_has_done_stays_when_files_change() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), "a");
    finished(&dir, "1e-3", 1, 0.7);
    finished(&dir, "1e-2", 1, 0.9);
    let run = create(&dir, "5", 1);
    let mut writer = epochs(&run, 1, 0.8);
    let server = Server::of(temp.path());
    let page = browser.open(&format!("{}x/a", server.url));
    browser.wait(&page, "document.querySelectorAll('.keys button').length === 3");
    let done = "(() => {
        const now = document.getElementById('now');
        [...now.querySelectorAll('th button')].find((b) => b.textContent === 'best').click();
        const filter = document.querySelector('[data-filter=now]');
        filter.focus();
        filter.value = 'finished';
        filter.dispatchEvent(new Event('input'));
        now.querySelector('tbody tr:not([hidden]) input').click();
        document.querySelectorAll('.keys button')[0].click();
        document.querySelector('#timeline details').open = false;
        return true;
    })()";
    assert_eq!(browser.value(&page, done), json!(true));
    writer.append(&row(2, 0.8), 0.5).unwrap();
    browser.wait(&page, "document.querySelector('#now').textContent.includes('2/5')");
    browser.wait(&page, "JSON.parse(document.querySelector('#chart-dice').dataset.curves).some((c) => c.val.length === 2)");
    let kept = "(() => {
        const shown = [...document.querySelectorAll('#now tbody tr')].filter((row) => row.offsetParent);
        const gone = document.querySelector('#chart-dice [data-group=\"0\"]');
        return {
            rows: shown.map((row) => row.cells[1].textContent.slice(0, 7)),
            sorted: [...document.querySelectorAll('#now th')].find((th) => th.textContent === 'best').ariaSort,
            focused: document.activeElement.dataset.filter ?? null,
            chosen: document.querySelectorAll('#now input:checked').length,
            pressed: [...document.querySelectorAll('.keys button')].map((b) => b.ariaPressed),
            hidden: getComputedStyle(gone).display,
            open: document.querySelector('#timeline details').open,
        };
    })()";
    let expected = json!({
        "rows": ["lr-1e2_", "lr-1e3_"], "sorted": "ascending", "focused": "now", "chosen": 1,
        "pressed": ["false", "true", "true"], "hidden": "none", "open": false,
    });
    assert_eq!(browser.value(&page, kept), expected);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn a_page_finds_its_server_again() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), "a");
    let run = create(&dir, "1e-3", 1);
    let mut writer = epochs(&run, 1, 0.9);
    let mut server = Server::of(temp.path());
    let page = browser.open(&format!("{}x/a", server.url));
    browser.wait(&page, "document.querySelector('#live').textContent === 'live'");
    server.kill();
    browser.wait(&page, "document.querySelector('#live').textContent.includes('server gone')");
    writer.append(&row(2, 0.9), 0.5).unwrap();
    let _again = Server::with(temp.path(), &["--port", &server.port.to_string()]);
    browser.wait(&page, "document.querySelector('#live').textContent === 'live'");
    browser.wait(&page, "document.querySelector('#now').textContent.includes('2/5')");
}

#[test]
fn experiments_come_and_go() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let server = Server::of(temp.path());
    let page = browser.open(&server.url);
    browser.wait(&page, "document.body.textContent.includes('No experiments in')");
    let names = "[...document.querySelectorAll('#list tbody a')].map((a) => a.textContent).join()";
    let dir = experiment(temp.path(), "first");
    finished(&dir, "1e-3", 1, 0.9);
    browser.wait(&page, &format!("{names} === 'first'"));
    failed(&experiment(temp.path(), HOSTILE), "9", "<b>NaN</b>");
    browser.wait(&page, &format!("{names} === {}", json!(format!("{HOSTILE},first"))));
    let gone = browser.open(&format!("{}x/first", server.url));
    browser.wait(&gone, "document.querySelectorAll('#now tbody tr').length === 1");
    fs::remove_dir_all(dir.path()).unwrap();
    browser.wait(&page, &format!("{names} === {}", json!(HOSTILE)));
    browser.wait(&gone, "document.querySelector('#live').textContent === 'no longer there'");
    // One that was deleted and made again is seen again.
    let dir = experiment(temp.path(), "first");
    let run = create(&dir, "1e-3", 1);
    let mut writer = epochs(&run, 1, 0.9);
    browser.wait(&page, "document.querySelector('#list')?.textContent.includes('1/5')");
    writer.append(&row(2, 0.9), 0.5).unwrap();
    browser.wait(&page, "document.querySelector('#list').textContent.includes('2/5')");
    assert_eq!(browser.errors, Vec::<String>::new());
}

/// The system reports nothing of a directory that takes the place of one that is gone.
#[test]
fn results_that_are_deleted_and_made_again_are_seen() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let results = temp.path().join("results");
    finished(&experiment(&results, "first"), "1e-3", 1, 0.9);
    let server = Server::of(&results);
    let page = browser.open(&server.url);
    let names = "[...document.querySelectorAll('#list tbody a')].map((a) => a.textContent).join()";
    browser.wait(&page, &format!("{names} === 'first' && document.querySelector('#live').textContent === 'live'"));
    fs::remove_dir_all(&results).unwrap();
    browser.wait(&page, "document.body.textContent.includes('No experiments in')");
    let run = create(&experiment(&results, "second"), "1e-3", 1);
    let mut writer = epochs(&run, 1, 0.9);
    browser.wait(&page, "document.querySelector('#list')?.textContent.includes('1/5')");
    writer.append(&row(2, 0.9), 0.5).unwrap();
    browser.wait(&page, "document.querySelector('#list').textContent.includes('2/5')");
}

/// It writes nothing any more; the system closes its claim.
#[test]
fn a_process_that_dies_is_no_longer_at_its_run() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1000000"));
    let mut schedule = desk.command(&["run", "x.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let dir = ExperimentDir::at(desk.path("results/tiny"));
    let at_work = || dir.runs().ok()?.iter().find_map(|run| Some((run.id(), run.holder().ok()??.process)));
    let (run, process) = until("a run goes on", at_work);
    let server = Server::of(&desk.path("results"));
    let page = browser.open(&format!("{}x/tiny", server.url));
    let of_run = browser.open(&format!("{}x/tiny/runs/{run}", server.url));
    browser.wait(&page, "document.querySelector('#now .state.running') !== null");
    browser.wait(&of_run, "document.querySelector('#state .running') !== null");
    schedule.kill().unwrap();
    schedule.wait().unwrap();
    // It may have ended by itself, since whoever started it is gone.
    _ = kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
    browser.wait(&page, "document.querySelector('#now .state.running') === null");
    browser.wait(&of_run, "document.querySelector('#state .running') === null");
}

/// A browser that is answered by an error gives up by itself.
#[test]
fn a_page_asks_again_after_an_error() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let temp = tempfile::tempdir().unwrap();
    let run = create(&experiment(temp.path(), "a"), "1e-3", 1);
    let mut writer = epochs(&run, 1, 0.9);
    let mut server = Server::of(temp.path());
    let page = browser.open(&format!("{}x/a", server.url));
    browser.wait(&page, "document.querySelector('#live').textContent === 'live'");
    server.kill();
    let other = until("the port is free", || TcpListener::bind(("127.0.0.1", server.port)).ok());
    for mut asked in other.incoming().map(Result::unwrap) {
        let mut request = [0; 4096];
        let length = asked.read(&mut request).unwrap();
        asked.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        if request[..length].starts_with(b"GET /events ") {
            break;
        }
    }
    drop(other);
    writer.append(&row(2, 0.9), 0.5).unwrap();
    let port = server.port.to_string();
    let _again = until("the port is free again", || {
        TcpListener::bind(("127.0.0.1", server.port)).ok().map(drop)?;
        Some(Server::with(temp.path(), &["--port", &port]))
    });
    browser.wait(&page, "document.querySelector('#live').textContent === 'live'");
    browser.wait(&page, "document.querySelector('#now').textContent.includes('2/5')");
}
