//! The script that Slurm is given: what is asked for, and the command of a task.

use super::group::Request;
use super::options::Options;
use std::path::Path;

/// Seconds before its time limit at which a task is warned.
const WARNED: u32 = 60;

/// What a script is of.
pub(super) struct Script<'a> {
    pub options: &'a Options,
    pub request: &'a Request,
    /// The name of the jobs.
    pub name: &'a str,
    /// Tasks of the array.
    pub tasks: usize,
    /// The directory that tasks start in.
    pub directory: &'a Path,
    /// Where tasks write, with `%a` for their number.
    pub log: &'a Path,
    /// The command of a task, in words.
    pub command: &'a [String],
}

impl Script<'_> {
    /// All of it.
    pub fn text(&self) -> String {
        let setup: String = self.options.setup.iter().map(|line| format!("{line}\n")).collect();
        let options: String = self.sbatch().iter().map(|option| format!("#SBATCH {option}\n")).collect();
        let command = self.command.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
        // The warning before the time limit may come before the program listens. Without `exec` the shell would be signalled in its place.
        format!("#!/bin/bash\n{options}trap '' USR1 USR2\n{setup}exec {command}\n")
    }

    fn sbatch(&self) -> Vec<String> {
        let limit = self.options.array_limit.map_or(String::new(), |limit| format!("%{limit}"));
        let mut options = vec![
            format!("--job-name={}", self.name),
            format!("--array=0-{}{limit}", self.tasks.saturating_sub(1)),
            format!("--chdir={}", quoted(&self.directory.to_string_lossy())),
            format!("--output={}", quoted(&self.log.to_string_lossy())),
            "--open-mode=append".to_owned(),
            format!("--signal=B:USR1@{WARNED}"),
            if self.options.requeues() { "--requeue" } else { "--no-requeue" }.to_owned(),
            "--ntasks=1".to_owned(),
            format!("--cpus-per-task={}", self.options.threads()),
        ];
        let of = |name: &str, value: Option<&str>| value.map(|value| format!("--{name}={}", quoted(value)));
        let o = self.options;
        options.extend(o.gpu().map(|gpu| format!("--gres=gpu:{gpu}")));
        options.extend(of("time", self.request.time.as_deref()));
        options.extend(of("mem", self.request.memory.as_deref()));
        options.extend(of("partition", o.partition.as_deref()));
        options.extend(of("account", o.account.as_deref()));
        options.extend(of("qos", o.qos.as_deref()));
        options.extend(of("constraint", o.constraint.as_deref()));
        options.extend(o.sbatch.iter().cloned());
        options
    }
}

/// As a value in a line of `#SBATCH`.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:,%=+@[]&|*".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// As one word of a shell.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &Options, time: Option<&str>) -> String {
        let request = Request { time: time.map(str::to_owned), memory: None };
        let command = ["/a b/umlaut".to_owned(), "slurm-task".to_owned(), "it's".to_owned()];
        let (directory, log) = (Path::new("/home/me"), Path::new("/a b/%a.log"));
        Script { options, request: &request, name: "umlaut-x", tasks: 3, directory, log, command: &command }.text()
    }

    #[test]
    fn the_command_replaces_the_shell_after_the_setup() {
        let options = Options { setup: vec!["module load a".into()], ..Options::default() };
        let text = text(&options, None);
        let end = "trap '' USR1 USR2\nmodule load a\nexec '/a b/umlaut' slurm-task 'it'\\''s'\n";
        assert!(
            text.starts_with("#!/bin/bash\n#SBATCH --job-name=umlaut-x\n#SBATCH --array=0-2\n") && text.ends_with(end),
            "{text}"
        );
        assert!(text.contains("#SBATCH --output=\"/a b/%a.log\"\n") && text.contains("--requeue\n"), "{text}");
        assert!(!text.contains("--time") && !text.contains("gres"), "{text}");
    }

    #[test]
    fn what_is_asked_for_stands_in_it() {
        let sets = ["gpus=a100:1", "array_limit=5", "requeue=false", "qos=short", "cpus=3", "sbatch=--exclusive"];
        let options = Options::default().with(&sets.map(str::to_owned)).unwrap();
        let text = text(&options, Some("1:00:00"));
        for line in [
            "--gres=gpu:a100:1",
            "--array=0-2%5",
            "--no-requeue",
            "--qos=short",
            "--cpus-per-task=3",
            "--time=1:00:00",
            "--exclusive",
        ] {
            assert!(text.contains(&format!("#SBATCH {line}\n")), "{line}: {text}");
        }
    }
}
