//! Who may write a run: two schedules, children whose schedule has died, tasks that Slurm brings back. All orders in which their calls to the system may
//! come, and deaths at every moment, are tried on the program's own functions ([`explorer`]):
//!
//! - no two processes train a run at a time, and none writes how a run ended while another trains it;
//! - what has finished is never trained again, and no other outcome takes its place;
//! - whoever is left, or comes later, brings every run to its end: no claim of a dead process stays;
//! - no clock decides: files may be of any time.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod explorer;
mod queue;
mod stage;
mod sweep;
#[path = "../crash/watched.rs"]
#[expect(dead_code, reason = "the tests of crashes watch whole programs with it")]
mod watched;

use explorer::{Model, explore};

/// Explores a model, which must have so many states at least; prints the way to what is wrong. `UMLAUT_CLAIMS_MORE` asks for more interruptions than
/// that, which takes minutes.
fn holds(model: &dyn Model, interruptions: usize, states: usize) {
    let more = std::env::var("UMLAUT_CLAIMS_MORE").map_or(0, |text| text.parse().expect("a number"));
    let began = std::time::Instant::now();
    let Some(found) = explore(model, interruptions + more) else { return };
    eprintln!("{} states, {} ways, {} ends, {:.1?}", found.states, found.ways, found.ends, began.elapsed());
    if let Some(way) = &found.violation {
        panic!("the way with the fewest interruptions:\n{}", way.join("\n"));
    }
    assert!(found.states >= states, "the model has become too small to show anything");
}
