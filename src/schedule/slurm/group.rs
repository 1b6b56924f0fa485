//! Which runs go together: small ones into one task, tasks that ask for the same into one array.

use super::options::Options;
use std::collections::BTreeMap;

/// Shorter runs share a task, until it has so much to do; in seconds.
const SMALL: f64 = 60.0;

/// Runs of a task at the most.
const PACKED: usize = 100;

/// A time that is asked for is so many times what is expected, and more by [`START`].
const MARGIN: f64 = 3.0;

/// Minutes for the start of a process and for reading its images.
const START: f64 = 5.0;

/// Times that are asked for begin with so many minutes and double, so that there are few kinds of tasks.
const SHORTEST: u64 = 15;

/// Megabytes that memory requests begin with, and double.
const SMALLEST: u64 = 2048;

/// Megabytes of a process beside what it computes with.
const PROCESS: u64 = 1024;

/// What a run is expected to need.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Needs {
    /// Seconds, as recorded runs took; `None` where none is recorded.
    pub seconds: Option<f64>,
    /// Bytes of the machine's memory, if they are known.
    pub memory: Option<u64>,
}

/// What a task asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// `--time`.
    pub time: Option<String>,
    /// `--mem`.
    pub memory: Option<String>,
}

/// Tasks that ask for the same, each with its runs in order.
#[derive(Debug, PartialEq)]
pub(super) struct Group<T> {
    pub request: Request,
    pub tasks: Vec<Vec<T>>,
}

/// Puts runs into arrays of at most so many tasks. Runs stay in their order as far as they are of a kind.
pub(super) fn groups<T>(runs: Vec<(T, Needs)>, options: &Options, most: usize) -> Vec<Group<T>> {
    let mut kinds: BTreeMap<Request, Vec<Vec<T>>> = BTreeMap::new();
    for (task, needs) in packed(runs) {
        kinds.entry(request(needs, options)).or_default().push(task);
    }
    let mut groups = Vec::new();
    for (request, mut tasks) in kinds {
        while !tasks.is_empty() {
            let rest = tasks.split_off(tasks.len().min(most.max(1)));
            groups.push(Group { request: request.clone(), tasks: std::mem::replace(&mut tasks, rest) });
        }
    }
    groups
}

/// Runs in tasks, with what each task needs: all the time of its runs, the memory of the largest.
fn packed<T>(runs: Vec<(T, Needs)>) -> Vec<(Vec<T>, Needs)> {
    let mut tasks: Vec<(Vec<T>, Needs)> = Vec::new();
    // The last task of small runs, while there is room in it.
    let mut open: Option<usize> = None;
    for (run, needs) in runs {
        let small = needs.seconds.filter(|seconds| *seconds < SMALL);
        let (Some(seconds), Some(at)) = (small, open) else {
            open = small.map(|_| tasks.len());
            tasks.push((vec![run], needs));
            continue;
        };
        let (task, all) = &mut tasks[at];
        task.push(run);
        let together = all.seconds.unwrap_or(0.0) + seconds;
        *all = Needs { seconds: Some(together), memory: all.memory.max(needs.memory) };
        if together >= SMALL || task.len() >= PACKED {
            open = None;
        }
    }
    tasks
}

/// What is asked for: what the user names, else what is expected with a margin.
fn request(needs: Needs, options: &Options) -> Request {
    let minutes = |seconds: f64| doubled(SHORTEST, (MARGIN * seconds / 60.0 + START).ceil() as u64).to_string();
    let megabytes = |bytes: u64| format!("{}M", doubled(SMALLEST, 2 * (bytes >> 20) + PROCESS));
    Request {
        time: options.time.clone().or_else(|| needs.seconds.map(minutes)),
        memory: options.memory.clone().or_else(|| needs.memory.map(megabytes)),
    }
}

/// The smallest that is no smaller, of `first` doubled any number of times.
fn doubled(first: u64, needed: u64) -> u64 {
    std::iter::successors(Some(first), |size| size.checked_mul(2)).find(|size| *size >= needed).unwrap_or(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: Option<f64>) -> Needs {
        Needs { seconds, memory: Some(100 << 20) }
    }

    fn sizes(groups: &[Group<usize>]) -> Vec<Vec<usize>> {
        groups.iter().map(|group| group.tasks.iter().map(Vec::len).collect()).collect()
    }

    #[test]
    fn arrays_are_split_where_they_are_too_long_and_keep_their_order() {
        let runs = (0..5).map(|run| (run, of(None))).collect();
        let groups = groups(runs, &Options::default(), 2);
        assert_eq!(sizes(&groups), [vec![1, 1], vec![1, 1], vec![1]]);
        assert_eq!(groups.iter().flat_map(|group| group.tasks.concat()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(groups[0].request, Request { time: None, memory: Some("2048M".into()) });
    }

    #[test]
    fn short_runs_share_a_task_until_it_has_a_minute() {
        let runs = (0..7).map(|run| (run, of(Some(20.0)))).collect();
        assert_eq!(sizes(&groups(runs, &Options::default(), 1000)), [vec![3, 3, 1]]);
        let runs = (0..250).map(|run| (run, of(Some(0.1)))).collect();
        assert_eq!(sizes(&groups(runs, &Options::default(), 1000)), [vec![100, 100, 50]]);
    }

    #[test]
    fn times_and_memory_are_asked_for_in_few_kinds_with_a_margin() {
        let kind = |seconds: f64, memory: u64| {
            let request = request(Needs { seconds: Some(seconds), memory: Some(memory) }, &Options::default());
            (request.time.unwrap(), request.memory.unwrap())
        };
        assert_eq!(kind(100.0, 0), ("15".into(), "2048M".into()));
        assert_eq!(kind(3600.0, 4 << 30), ("240".into(), "16384M".into()));
        let runs = vec![(0, of(Some(3600.0))), (1, of(Some(100.0))), (2, of(Some(3700.0)))];
        assert_eq!(sizes(&groups(runs, &Options::default(), 1000)), [vec![1], vec![1, 1]]);
    }

    #[test]
    fn what_the_user_names_is_asked_for() {
        let options = Options { time: Some("1:00:00".into()), memory: Some("8G".into()), ..Options::default() };
        let expected = Request { time: options.time.clone(), memory: options.memory.clone() };
        assert_eq!(request(of(Some(1e6)), &options), expected);
    }
}
