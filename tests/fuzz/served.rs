//! The door of the web view: whatever a program of this machine may send to its socket.

use super::copied;
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

/// An answer takes no longer, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);

/// A request, byte by byte, to a server without a token and to one with one, which says nothing of the results.
pub fn request(scratch: &Path, bytes: &[u8]) {
    static SERVERS: OnceLock<[u16; 2]> = OnceLock::new();
    let [open, closed] = *SERVERS.get_or_init(|| [false, true].map(|token| started(scratch, token)));
    let answer = answered(open, bytes);
    for line in answer.lines().filter(|line| line.starts_with("HTTP/1.")) {
        assert!(!line.contains(" 500"), "{line}");
    }
    let answer = answered(closed, bytes);
    assert!(!answer.contains(NAME) || String::from_utf8_lossy(bytes).contains(NAME), "an answer without the token: {answer}");
}

/// Serves a copy of the base until the process ends; returns the port.
fn started(scratch: &Path, token: bool) -> u16 {
    copied(&scratch.join("served"), "tiny");
    let drawer = Drawer { program: "/bin/false".into(), data: Vec::new(), sections: Vec::new() };
    let results = Results::new(scratch.join("served"));
    let wanted = Wanted { results, only: None, host: [127, 0, 0, 1].into(), port: 0, token, control: false, poll: false, drawer };
    let (tell, told) = channel();
    let serving = move || serve(wanted, |url| tell.send(url.to_owned()).expect("somebody waits")).expect("it serves");
    thread::spawn(serving);
    let url = told.recv().expect("it serves");
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("{url} has no port"))
}

/// What comes back until the server closes, or has nothing to say any more: a page that waits for news stays open.
fn answered(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
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
            Ok(count) => answer.extend(&some[..count]),
            Err(e) if [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&e.kind()) => {
                assert!(waits, "no answer within {patience:?}");
                break;
            }
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}
