//! What a page may ask for with `--control`, and who may ask.

use super::browser::Browser;
use super::desk::{Desk, TINY, expect_code};
use super::server::{Answer, Server};
use super::until;
use std::fs;
use std::process::Stdio;
use umlaut::store::ExperimentDir;

/// A server that is asked with its token, by its own pages.
struct Controlled {
    server: Server,
    cookie: String,
}

impl Controlled {
    fn of(desk: &Desk) -> Self {
        let server = Server::with(&desk.path("results"), &["--control"]);
        let token = server.url.split("token=").nth(1).expect("a token is asked for");
        let welcome = server.ask("GET", &format!("/?token={token}"), &[]);
        let cookie = welcome.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { server, cookie }
    }

    fn post(&self, form: &str, origin: Option<&str>, cookie: Option<&str>) -> Answer {
        let (host, length) = (format!("127.0.0.1:{}", self.server.port), form.len().to_string());
        let mut headers = vec![("Host", &*host), ("Content-Length", &*length)];
        headers.extend(origin.map(|origin| ("Origin", origin)).into_iter().chain(cookie.map(|cookie| ("Cookie", cookie))));
        self.server.send("POST", "/x/tiny/control", &headers, form)
    }

    fn asked(&self, form: &str) -> Answer {
        self.post(form, Some(&format!("http://127.0.0.1:{}", self.server.port)), Some(&self.cookie))
    }
}

fn is_held(desk: &Desk) -> bool {
    ExperimentDir::at(desk.path("results/tiny")).holder().expect("readable").is_some()
}

#[test]
fn nobody_asks_without_the_token_or_from_another_page() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.seeds=1", "-q"]), 0);
    let controlled = Controlled::of(&desk);
    let own = format!("http://127.0.0.1:{}", controlled.server.port);
    for (origin, cookie) in [
        (Some(&*own), None),
        (Some(&*own), Some("umlaut-1=0")),
        (None, Some(&*controlled.cookie)),
        (Some("null"), Some(&*controlled.cookie)),
        (Some("http://evil.example"), Some(&*controlled.cookie)),
    ] {
        let answer = controlled.post("do=seed", origin, cookie);
        assert_eq!(answer.status, 403, "{origin:?} {cookie:?}: {}", answer.body);
    }
    for (form, words) in [("do=everything", "nothing that a page may ask for"), ("do=stop", "no process runs this experiment")] {
        let answer = controlled.asked(form);
        assert!(answer.status == 409 && answer.body.contains(words), "{form}: {} {}", answer.status, answer.body);
    }
    assert_eq!(desk.metrics("results").len(), 2, "nothing was added");
    // Results of somebody else start nothing but `umlaut run`.
    let command = desk.path("results/tiny/command.toml");
    fs::write(&command, fs::read_to_string(&command).unwrap().replace("\"run\"", "\"clean\"")).unwrap();
    let answer = controlled.asked("do=rest");
    assert!(answer.status == 409 && answer.body.contains("is no `umlaut run`"), "{}", answer.body);
    // Without --control there is nobody to ask.
    let token = Server::with(&desk.path("results"), &["--token"]);
    let host = format!("127.0.0.1:{}", token.port);
    let welcome = token.ask("GET", &format!("/?token={}", token.url.split("token=").nth(1).unwrap()), &[]);
    let cookie = welcome.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let headers = [("Host", &*host), ("Origin", &*format!("http://{host}")), ("Cookie", &*cookie), ("Content-Length", "7")];
    assert_eq!(token.send("POST", "/x/tiny/control", &headers, "do=seed").status, 405);
    let page = token.ask("GET", "/x/tiny", &[("Host", &host), ("Cookie", &cookie)]);
    assert!(page.status == 200 && !page.body.contains("Add a seed"), "{}", page.body);
}

#[test]
fn what_runs_is_stopped_and_goes_on() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 300").replace("seeds = [1, 2]", "seeds = [1]"));
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm", "-q"]), 0);
    let mut typed = desk.command(&["run", "x.toml"]);
    let typed = typed.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let rows = || desk.metrics("results").iter().map(|(_, csv)| csv.lines().count()).sum::<usize>();
    until("some epochs", || (desk.path("results/tiny/runs").exists() && rows() > 5).then_some(()));
    let controlled = Controlled::of(&desk);
    let answer = controlled.asked("do=rest");
    assert!(answer.status == 409 && answer.body.contains("runs this experiment already"), "{}", answer.body);
    assert_eq!(controlled.asked("do=stop").status, 303);
    expect_code(&typed.wait_with_output().expect("it ends"), 130);
    let stopped = rows();
    // What was started here is stopped the same way.
    assert_eq!(controlled.asked("do=rest").status, 303);
    until("it goes on", || (rows() > stopped + 3).then_some(()));
    assert_eq!(controlled.asked("do=stop").status, 303);
    until("it has saved", || (!is_held(&desk)).then_some(()));
    assert!(rows() < 600, "it had not ended by itself");
    // It is no child of a server that has gone.
    until("the command has ended", || (controlled.asked("do=rest").status == 303).then_some(()));
    until("it is at it again", || is_held(&desk).then_some(()));
    drop(controlled);
    until("it has ended", || (!is_held(&desk) && rows() == 2 * 301).then_some(()));
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}

#[test]
fn a_seed_is_added_by_a_button() {
    let Some(mut browser) = Browser::start("1280,900") else { return };
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm", "--set", "training.seeds=3", "-q"]), 0);
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.seeds=1", "-q"]), 0);
    let server = Server::with(&desk.path("results"), &["--control"]);
    let page = browser.open(&server.url.replace("/?", "/x/tiny?"));
    for seeds in [2, 3] {
        browser.wait(&page, "!document.querySelector('button[value=seed]').disabled");
        browser.value(&page, "document.querySelector('button[value=seed]').click()");
        let finished = "document.querySelectorAll('#now .state.finished').length";
        browser.wait(&page, &format!("{finished} === {}", 2 * seeds));
    }
    browser.wait(&page, "document.querySelector('#control code').textContent.includes('training.seeds=[1, 2, 3]')");
    assert_eq!(browser.errors, Vec::<String>::new());
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    // What a command says that fails is shown.
    browser.wait(&page, "!document.querySelector('button[value=seed]').disabled");
    fs::write(desk.path("x.toml"), TINY.replace("batch_size", "batch_sise")).unwrap();
    browser.value(&page, "document.querySelector('button[value=seed]').click()");
    browser.wait(&page, "document.querySelector('#said')?.textContent.includes('batch_sise')");
}
