//! When runs went on where: a bar for each, in lanes of their devices.

use super::address::Address;
use crate::status::Run;
use jiff::Timestamp;
use serde::Serialize;
use std::ffi::OsStr;
use std::sync::Arc;

/// Width of the lanes, in units of the drawing.
pub(super) const WIDTH: i64 = 1000;
/// The narrowest bar.
const NARROW: i64 = 3;

/// All lanes.
#[derive(Debug, Serialize, PartialEq)]
pub(super) struct Timeline {
    lanes: Vec<Lane>,
    /// When it begins and ends, UTC.
    ends: [String; 2],
}

/// What one device does after the other.
#[derive(Debug, Serialize, PartialEq)]
struct Lane {
    name: String,
    bars: Vec<Bar>,
    #[serde(skip)]
    free: i64,
}

/// A run from its beginning to its end.
#[derive(Debug, Serialize, PartialEq)]
struct Bar {
    x: i64,
    width: i64,
    id: String,
    link: String,
    state: &'static str,
}

/// Of the runs of an experiment, as far as they say when they began; `now` is where those end that processes are at. `None` if none does.
pub(super) fn timeline(experiment: &OsStr, runs: &[Arc<Run>], now: Timestamp) -> Option<Timeline> {
    let mut spans: Vec<(i64, i64, &Arc<Run>)> = runs.iter().filter_map(|run| Some((begin(run)?, end(run, now)?, run))).collect();
    spans.sort_by_key(|(begin, ..)| *begin);
    let first = spans.first()?.0;
    let last = spans.iter().map(|(_, end, _)| *end).max()?.max(first + 1);
    let at = |second: i64| (second - first) * WIDTH / (last - first);
    let mut lanes: Vec<Lane> = Vec::new();
    for (begin, end, run) in spans {
        let device = run.device.clone().unwrap_or_else(|| "unknown".to_owned());
        let of_device = lanes.iter().filter(|lane| lane.name.split(' ').next() == Some(&*device)).count();
        let free = lanes.iter().position(|lane| lane.name.split(' ').next() == Some(&*device) && lane.free <= begin);
        let lane = free.unwrap_or_else(|| {
            let name = if of_device == 0 { device.clone() } else { format!("{device} {}", of_device + 1) };
            lanes.push(Lane { name, bars: Vec::new(), free: 0 });
            lanes.len() - 1
        });
        let link = Address::Run(experiment.to_owned(), run.path.file_name().unwrap_or_default().to_owned()).link();
        let (x, width) = (at(begin), (at(end) - at(begin)).max(NARROW));
        lanes[lane].bars.push(Bar { x: x.min(WIDTH - width), width, id: run.id.clone(), link, state: run.word() });
        lanes[lane].free = end;
    }
    let shown =
        |second| Timestamp::from_second(second).map_or(String::new(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
    Some(Timeline { lanes, ends: [shown(first), shown(last)] })
}

fn begin(run: &Run) -> Option<i64> {
    seconds(run.times.0.as_deref()?)
}

/// What was killed ended with its last epoch, as far as is known.
fn end(run: &Run, now: Timestamp) -> Option<i64> {
    if run.is_running() {
        return Some(now.as_second().max(begin(run)?));
    }
    let last_epoch = || run.last_epoch.and_then(|at| Timestamp::try_from(at).ok()).map(Timestamp::as_second);
    let ended = run.times.1.as_deref().and_then(seconds).or_else(last_epoch);
    Some(ended.unwrap_or(0).max(begin(run)?))
}

fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Standing;

    fn run(id: &str, device: &str, begin: u32, end: u32) -> Arc<Run> {
        let time = |second: u32| Some(format!("2026-03-01T12:00:{second:02}Z"));
        Arc::new(Run {
            id: id.into(),
            path: id.into(),
            bytes: None,
            standing: Ok(Standing::Finished(Default::default())),
            device: Some(device.into()),
            epochs_done: 1,
            without_weights: false,
            epochs: None,
            dice: None,
            best: None,
            last_epoch: None,
            epoch_seconds: None,
            times: (time(begin), time(end)),
        })
    }

    #[test]
    fn runs_that_overlap_on_a_device_have_lanes_of_their_own() {
        let runs = [run("a", "cpu", 0, 20), run("b", "cpu", 10, 50), run("c", "cpu", 20, 40), run("d", "cuda:0", 0, 1)];
        let timeline = timeline("x".as_ref(), &runs, Timestamp::UNIX_EPOCH).unwrap();
        let lanes: Vec<_> = timeline
            .lanes
            .iter()
            .map(|lane| (&*lane.name, lane.bars.iter().map(|bar| (&*bar.id, bar.x, bar.width)).collect()))
            .collect();
        let expected =
            vec![("cpu", vec![("a", 0, 400), ("c", 400, 400)]), ("cuda:0", vec![("d", 0, 20)]), ("cpu 2", vec![("b", 200, 800)])];
        assert_eq!(lanes, expected);
        assert_eq!(timeline.ends[0], "2026-03-01 12:00 UTC");
        assert_eq!(super::timeline("x".as_ref(), &[], Timestamp::UNIX_EPOCH), None);
    }
}
