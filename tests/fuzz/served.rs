//! The doors of the web view: whatever a program of this machine may send to its socket.

use super::{copied, with_words};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use umlaut::serve::{Drawer, Wanted, serve};
use umlaut::store::Results;

/// A name that only the pages of the experiment have.
const NAME: &str = "seed-2-be8ab0f704";

/// What a page that waits for news is sent at first, and all that it is sent while nothing happens.
const HELLO: &[u8] = b"hello\n\n\r\n";

/// An answer takes no longer, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);

/// A request, byte by byte, to a server without a token and to one with one, which says nothing of the results.
pub fn request(scratch: &Path, bytes: &[u8]) {
    static SERVERS: OnceLock<[Served; 2]> = OnceLock::new();
    let [open, closed] = SERVERS.get_or_init(|| [started(scratch, false, false), started(scratch, true, false)]);
    succeeds(&answered(open, bytes));
    let answer = answered(closed, bytes);
    assert!(!answer.contains(NAME) || String::from_utf8_lossy(bytes).contains(NAME), "an answer without the token: {answer}");
}

/// A request to a server whose pages may stop runs, run what is left and add seeds. `TOKEN` in it becomes the server's token, `PORT` its port.
/// Without them nothing is answered and nothing is started.
pub fn control(scratch: &Path, bytes: &[u8]) {
    static SERVER: OnceLock<Served> = OnceLock::new();
    let server = SERVER.get_or_init(|| started(scratch, true, true));
    let request = with_words(bytes, &[("TOKEN", &server.token), ("PORT", &server.port.to_string())]);
    let answer = answered(server, &request);
    succeeds(&answer);
    if request == bytes {
        assert!(!answer.contains(NAME) || String::from_utf8_lossy(bytes).contains(NAME), "an answer without the token: {answer}");
        assert!(!answer.contains("location: /x/"), "something was done without the token: {answer}");
    }
}

/// No answer is a failure of the server.
fn succeeds(answer: &str) {
    for line in answer.lines().filter(|line| line.starts_with("HTTP/1.")) {
        assert!(!line.contains(" 500"), "{line}");
    }
}

/// A server of this process.
struct Served {
    port: u16,
    /// Empty where none is asked for.
    token: String,
}

/// Serves a copy of the base until the process ends.
fn started(scratch: &Path, token: bool, control: bool) -> Served {
    copied(&scratch.join("served"), "tiny");
    let drawer = Drawer { program: "/bin/false".into(), data: Vec::new(), sections: Vec::new() };
    let results = Results::new(scratch.join("served"));
    let wanted = Wanted { results, only: None, host: [127, 0, 0, 1].into(), port: 0, token, control, poll: false, drawer };
    let (tell, told) = channel();
    let serving = move || serve(wanted, |url| tell.send(url.to_owned()).expect("somebody waits")).expect("it serves");
    thread::spawn(serving);
    let url = told.recv().expect("it serves");
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok());
    let token = url.split_once("token=").map(|(_, token)| token.to_owned()).unwrap_or_default();
    Served { port: port.unwrap_or_else(|| panic!("{url} has no port")), token }
}

/// What comes back until the server closes, or has nothing to say any more: a page that waits for news stays open.
fn answered(server: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    let waits = bytes.windows(7).any(|window| window.eq_ignore_ascii_case(b"/events"));
    let patience = if waits { Duration::from_millis(20) } else { PATIENCE };
    stream.set_read_timeout(Some(patience)).expect("a time");
    // It may have heard enough before the end.
    _ = stream.write_all(bytes);
    _ = stream.shutdown(Shutdown::Write);
    let (mut answer, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(count) => {
                answer.extend(&some[..count]);
                if waits && answer.ends_with(HELLO) {
                    break;
                }
            }
            Err(e) if [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&e.kind()) => {
                assert!(waits, "no answer within {patience:?}");
                break;
            }
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}
