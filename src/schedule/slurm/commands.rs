//! Slurm's commands: how they are called, and what they print. All of it is text, whose form differs less from version to version than JSON's.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Array, index, state, name, reason.
const FORMAT: &str = "%F|%K|%T|%j|%r";

/// Task indices in one argument of scancel.
const CANCELLED_AT_ONCE: usize = 500;

/// How a task stands, in Slurm's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub state: String,
    pub reason: String,
}

/// What the queue says of our tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Queue {
    /// By the array's job number and the index.
    pub tasks: HashMap<(String, usize), Seen>,
    /// By the array's job number, of what has never been anything but an array: tasks that were cancelled before any has begun.
    pub whole: HashMap<String, Seen>,
    /// Job numbers by name.
    pub named: HashMap<String, String>,
}

/// Why sbatch has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The site allows no more jobs at the moment.
    Limit(String),
    /// It could not be asked; it may even have accepted.
    Passing(String),
    /// It will never accept.
    Mistake(String),
}

/// Runs a command; its standard output, or what it said when it failed.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => format!("{program} is not installed here; run this on a machine of the cluster"),
        _ => format!("{program} cannot be started: {cause}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(format!("{program}: {}", if said.is_empty() { output.status.to_string() } else { said.join("; ") }))
}

/// The number of indices that an array may have.
pub(super) fn max_array_size() -> Result<usize, String> {
    let text = output("scontrol", &["show", "config"])?;
    array_size(&text).ok_or_else(|| "scontrol show config names no MaxArraySize".to_owned())
}

fn array_size(config: &str) -> Option<usize> {
    let line = config.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split_once('=')?.1.trim().parse().ok().filter(|size| *size > 0)
}

/// Submits a script; the job number.
pub(super) fn sbatch(script: &Path) -> Result<String, Refusal> {
    let said = output("sbatch", &["--parsable", &script.to_string_lossy()]).map_err(refusal)?;
    let number = said.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Passing(format!("sbatch: no job number in {said:?}")));
    }
    Ok(number.to_owned())
}

fn refusal(said: String) -> Refusal {
    let has = |words: &[&str]| words.iter().any(|word| said.to_lowercase().contains(word));
    if has(&["submit limit", "submitlimit", "maxsubmit", "job count", "temporarily unable to accept job", "grpsubmit"]) {
        return Refusal::Limit(said);
    }
    let passing = ["unable to contact", "timed out", "connection refused", "zero bytes", "communication", "connect failure"];
    match has(&passing) || has(&["transport", "munge", "authentication", "resource temporarily unavailable"]) {
        true => Refusal::Passing(said),
        false => Refusal::Mistake(said),
    }
}

/// What the queue says of the jobs of these names. An error is no answer.
pub(super) fn squeue(names: &[String]) -> Result<Queue, String> {
    if names.is_empty() {
        return Ok(Queue::default());
    }
    output("squeue", &["-r", "-h", "-t", "all", "-o", FORMAT, "--name", &names.join(",")]).map(|text| parsed(&text))
}

impl Queue {
    /// How a task stands, if the queue knows it.
    pub fn task(&self, task: &(String, usize)) -> Option<&Seen> {
        self.tasks.get(task).or_else(|| self.whole.get(&task.0))
    }
}

fn parsed(text: &str) -> Queue {
    let mut queue = Queue::default();
    for line in text.lines() {
        let [job, index, state, name, reason] = line.splitn(5, '|').map(str::trim).collect::<Vec<_>>()[..] else { continue };
        queue.named.insert(name.to_owned(), job.to_owned());
        let seen = Seen { state: state.to_owned(), reason: reason.to_owned() };
        match index.parse() {
            Ok(index) => _ = queue.tasks.insert((job.to_owned(), index), seen),
            Err(_) => _ = queue.whole.insert(job.to_owned(), seen),
        }
    }
    queue
}

/// What the accounts say of the tasks of these jobs; nothing where there are none.
pub(super) fn sacct(jobs: &[String]) -> HashMap<(String, usize), Seen> {
    let said = output("sacct", &["-n", "-P", "-X", "-o", "JobID,State", "-j", &jobs.join(",")]);
    said.map(|text| accounted(&text)).unwrap_or_default()
}

fn accounted(text: &str) -> HashMap<(String, usize), Seen> {
    let task = |line: &str| {
        let (id, state) = line.trim().split_once('|')?;
        let (job, index) = id.split_once('_')?;
        Some(((job.to_owned(), index.parse().ok()?), Seen { state: state.to_owned(), reason: String::new() }))
    };
    text.lines().filter_map(task).collect()
}

/// Signals or cancels tasks of an array, with these options of scancel.
pub(super) fn scancel(options: &[&str], job: &str, tasks: &[usize]) -> Result<(), String> {
    for some in tasks.chunks(CANCELLED_AT_ONCE) {
        let list = some.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let target = format!("{job}_[{list}]");
        output("scancel", &[options, &["-Q", &target]].concat())?;
    }
    Ok(())
}

/// Lets a task go on that is held.
pub(super) fn release(job: &str, task: usize) -> Result<(), String> {
    output("scontrol", &["release", &format!("{job}_{task}")]).map(drop)
}

/// Puts a task that runs into the queue again.
pub(super) fn requeue(job: &str, task: usize) -> Result<(), String> {
    output("scontrol", &["requeue", &format!("{job}_{task}")]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read_line_by_line_and_strange_lines_are_passed_over() {
        let text = "17|0|RUNNING|umlaut-a|None\n17|3|PENDING|umlaut-a|(Nodes required, a|b)\nslurm_load_jobs error\n18|N/A|CANCELLED|umlaut-b|None\n";
        let queue = parsed(text);
        assert_eq!(queue.tasks.len(), 2);
        let waiting = &queue.tasks[&("17".to_owned(), 3)];
        assert_eq!((waiting.state.as_str(), waiting.reason.as_str()), ("PENDING", "(Nodes required, a|b)"));
        assert_eq!((queue.named["umlaut-a"].as_str(), queue.named["umlaut-b"].as_str()), ("17", "18"));
        let state = |job: &str, task| queue.task(&(job.to_owned(), task)).map(|seen| seen.state.as_str());
        assert_eq!((state("18", 7), state("17", 0), state("17", 1)), (Some("CANCELLED"), Some("RUNNING"), None));
        assert_eq!(parsed(""), Queue::default());
    }

    #[test]
    fn accounts_are_read_task_by_task() {
        let tasks = accounted("17_0|COMPLETED\n17_1|CANCELLED by 0\n17_[2-9]|PENDING\n18|FAILED\n");
        assert_eq!(tasks.len(), 2);
        assert_eq!(tasks[&("17".to_owned(), 1)].state, "CANCELLED by 0");
    }

    #[test]
    fn refusals_are_told_apart() {
        let kind = |text: &str| refusal(text.to_owned());
        let limit =
            "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size)";
        assert!(matches!(kind(limit), Refusal::Limit(_)));
        assert!(matches!(kind("Slurm temporarily unable to accept job, sleeping and retrying"), Refusal::Limit(_)));
        assert!(matches!(kind("Unable to contact slurm controller (connect failure)"), Refusal::Passing(_)));
        assert!(matches!(kind("Socket timed out on send/recv operation"), Refusal::Passing(_)));
        assert!(matches!(kind("invalid partition specified: gpux"), Refusal::Mistake(_)));
        assert!(matches!(kind("Invalid account or account/partition combination specified"), Refusal::Mistake(_)));
    }

    #[test]
    fn the_size_of_arrays_is_found_in_the_configuration() {
        assert_eq!(array_size("A = 1\nMaxArraySize            = 1001\nMaxDBDMsgs = 5\n"), Some(1001));
        assert_eq!((array_size(""), array_size("MaxArraySize = 0")), (None, None));
    }
}
