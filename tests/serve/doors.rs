//! Who is let in, and what there is.

use super::results::{HOSTILE, HOSTILE_LR, create, experiment, failed, finished};
use super::server::Server;
use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::process::{Command, Stdio};

#[test]
fn another_host_is_refused_and_every_answer_is_strict() {
    let temp = tempfile::tempdir().unwrap();
    finished(&experiment(temp.path(), "a"), "1e-3", 1, 0.9);
    let server = Server::of(temp.path());
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    for host in ["evil.example", "127.0.0.1.evil.example:80", ""] {
        for path in ["/", "/x/a", "/events", "/files/umlaut.js"] {
            let answer = server.ask("GET", path, &[("Host", host)]);
            assert!(answer.status == 403 && !answer.body.contains("lr-"), "{host} {path}: {}", answer.status);
        }
    }
    // Through a tunnel the port is another one.
    assert_eq!(server.ask("GET", "/", &[("Host", "localhost:1")]).status, 200);
    for path in ["/", "/x/a", "/nothing", "/files/umlaut.js"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let host = format!("127.0.0.1:{}", server.port);
    for method in ["POST", "DELETE", "PUT"] {
        assert_eq!(server.ask(method, "/x/a", &[("Host", &host), ("Content-Length", "0")]).status, 405, "{method}");
    }
}

#[test]
fn a_token_is_asked_for_and_leaves_the_address() {
    let temp = tempfile::tempdir().unwrap();
    finished(&experiment(temp.path(), "a"), "1e-3", 1, 0.9);
    for arguments in [&["--token"][..], &["--host", "0.0.0.0"]] {
        let server = Server::with(temp.path(), arguments);
        let token = server.url.split("token=").nth(1).unwrap().to_owned();
        assert_eq!(token.len(), 32);
        assert_eq!(server.get("/").status, 403);
        assert_eq!(server.get("/?token=0").status, 403);
        let welcome = server.get(&format!("/x/a?token={token}"));
        assert_eq!((welcome.status, welcome.header("location")), (303, Some("/x/a")));
        let cookie = welcome.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(server.ask("GET", "/x/a", &[("Host", "any.name"), ("Cookie", pair)]).status, 200);
        let away = server.get(&format!("//evil.example/?token={token}"));
        assert!(away.header("location").is_none_or(|to| !to.starts_with("//")), "{}", away.head);
    }
}

#[test]
fn nothing_but_results_is_served() {
    let temp = tempfile::tempdir().unwrap();
    let results = temp.path().join("results");
    let dir = experiment(&results, "a");
    finished(&dir, "1e-3", 1, 0.9);
    fs::write(temp.path().join("secret"), "secret words").unwrap();
    finished(&experiment(temp.path(), "outside"), "1e-3", 1, 0.9);
    finished(&experiment(&results, ".cache"), "1e-3", 1, 0.9);
    let server = Server::of(&results);
    for path in [
        "/../secret",
        "/x/..",
        "/x/%2e%2e",
        "/x/..%2foutside",
        "/x/../outside",
        "/x/.cache",
        "/x/a/../../../secret",
        "/x/a/runs/..",
        "/x/a/runs/..%2f..%2f..%2fsecret",
        "/x/a/runs/lr-1e3_seed-1-0123456789/run.toml",
        "/x/a/runs/nothing",
        "/x/nothing",
        "/files/..%2f..%2fsecret",
        "/x/a%00",
        "/compare",
        "/compare?run=a/lr-1e3_seed-1-0123456789&run=..%2Foutside/x",
        "/drawn",
    ] {
        let answer = server.get(path);
        assert!(answer.status == 404 && !answer.body.contains("secret words"), "{path}: {}", answer.status);
    }
    for path in ["/x/a", "/x/a/runs/lr-1e3_seed-1-0123456789", "/x/a/drawn", "/x/a/data"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert!(!server.get("/").body.contains("/x/.cache"));
    drop(server);
    let alone = Server::of(&results.join("a"));
    finished(&experiment(&results, "b"), "1e-3", 1, 0.9);
    assert_eq!(["/x/a", "/x/b"].map(|path| alone.get(path).status), [200, 404], "the others are not shown");
}

#[test]
fn names_are_words_on_every_page() {
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), HOSTILE);
    finished(&dir, HOSTILE_LR, 1, 0.9);
    finished(&dir, "1e-3", 1, 0.8);
    failed(&dir, "9", "</pre><script>alert(2)</script>");
    let server = Server::of(temp.path());
    let list = server.get("/").body.replace("&#x2f;", "/");
    let link = list.split("href=\"/x/").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._~".contains(&byte)), "{link}");
    let page = server.get(&format!("/x/{link}"));
    let body = page.body.replace("&#x2f;", "/");
    let run = body.split(&format!("href=\"/x/{link}/runs/")).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let choose: Vec<&str> = body.split("name=\"run\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let pair: Vec<String> = choose.iter().take(2).map(|value| format!("run={}", value.replace('%', "%25"))).collect();
    let compare = pair.join("&");
    for path in [
        format!("/x/{link}"),
        format!("/x/{link}/drawn"),
        format!("/x/{link}/runs/{run}"),
        format!("/x/{link}/runs/{run}/drawn"),
        format!("/compare?{compare}"),
        format!("/compare/drawn?{compare}"),
        format!("/x/{link}%3Cscript%3E"),
    ] {
        let answer = server.get(&path);
        let own = answer.body.matches("<script src=\"/files/").count();
        assert_eq!(answer.body.matches("<script").count(), own, "{path}");
        assert!(!answer.body.contains("<style") && !answer.body.contains(" style="), "{path}: the policy forbids them");
        assert!(answer.status == if path.ends_with("%3E") { 404 } else { 200 }, "{path}: {}", answer.status);
    }
}

#[test]
fn a_server_reads_and_writes_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), "a");
    finished(&dir, "1e-3", 1, 0.9);
    finished(&dir, "1e-2", 1, 0.8);
    create(&dir, "5", 1);
    let files = || {
        let entries = walkdir::WalkDir::new(temp.path()).sort_by_file_name().into_iter().map(Result::unwrap);
        entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().modified().unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    let (one, other) = (Server::of(temp.path()), Server::of(temp.path()));
    assert_ne!(one.port, other.port, "two at a time");
    for server in [&one, &other] {
        for path in ["/", "/x/a", "/x/a/drawn"] {
            assert_eq!(server.get(path).status, 200);
        }
    }
    assert_eq!(files(), before);
}

/// Runs the program to its end; its exit code and what it said.
fn ends(arguments: &[&std::ffi::OsStr]) -> (Option<i32>, String) {
    let output = Command::new(cargo_bin!("umlaut")).arg("serve").args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn a_snapshot_is_the_report() {
    let temp = tempfile::tempdir().unwrap();
    let dir = experiment(temp.path(), "a");
    finished(&dir, "1e-3", 1, 0.9);
    let file = temp.path().join("a.html");
    let (code, said) = ends(&[dir.path().as_ref(), "--snapshot".as_ref(), file.as_ref()]);
    assert_eq!(code, Some(0), "{said}");
    let wanted = umlaut::report::write(&dir, &Default::default()).unwrap().html.unwrap();
    assert!(fs::read(&file).unwrap() == fs::read(wanted).unwrap());
    finished(&experiment(temp.path(), "b"), "1e-3", 1, 0.9);
    let (code, said) = ends(&[temp.path().as_ref(), "--snapshot".as_ref(), file.as_ref()]);
    assert!(code == Some(2) && said.contains("has 2 experiments") && said.contains("a, b"), "{said}");
}

#[test]
fn mistakes_say_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let nowhere = temp.path().join("nowhere");
    let (code, said) = ends(&[nowhere.as_ref()]);
    assert!(code == Some(2) && said.contains("nowhere"), "{said}");
    fs::create_dir(&nowhere).unwrap();
    let server = Server::of(&nowhere);
    assert!(server.get("/").body.contains("No experiments in"));
    let (code, said) = ends(&[nowhere.as_ref(), "--port".as_ref(), server.port.to_string().as_ref()]);
    assert!(code == Some(2) && said.contains("choose another with --host and --port"), "{said}");
}
