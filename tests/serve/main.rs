//! `umlaut serve`: who is let in, what is served, and how pages follow files that change, in a real browser.
#![cfg(feature = "serve")]

mod browser;
mod control;
#[path = "../run/desk.rs"]
#[expect(dead_code, reason = "the tests of whole runs have more to do with it")]
mod desk;
mod doors;
mod live;
mod results;
mod server;
mod shown;

use std::time::{Duration, Instant};

/// Waits until something holds, for as long as a busy machine may take.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never: {what}");
}
