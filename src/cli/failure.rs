//! How a command ends that does not end well, and how that is shown.

use std::io::IsTerminal;
use umlaut::{config, prepare, shown, store};

/// Why a command did not end well.
pub enum Failure {
    /// The user's to correct; the text is complete.
    Mistake(String),
    /// Something failed while running.
    Running(anyhow::Error),
    /// Runs failed; what there is to say was said.
    Runs,
    /// Stopped from outside.
    Stopped,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Running(error.into())
    }
}

/// Whether messages may be coloured: never with `NO_COLOR`, always with `CLICOLOR_FORCE`, else on a terminal. Set is what is not empty
/// (<https://no-color.org>, <https://bixense.com/clicolors>); `CLICOLOR_FORCE=0` is not.
pub fn coloured() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    set("NO_COLOR").is_none() && (forced || std::io::stderr().is_terminal())
}

/// Shows mistakes on standard error, coloured if they may be.
pub fn show_mistakes(text: &str) {
    use std::io::Write as _;
    let shown = if coloured() { shown::coloured(text) } else { shown::lines(text) };
    _ = writeln!(std::io::stderr(), "{}", shown.trim_end());
}

/// A mistake of the user's, in one line.
pub fn mistake(error: impl std::fmt::Display) -> Failure {
    Failure::Mistake(shown::lines(&format!("error: {error}")).into_owned())
}

/// A mistake of the user's, or something that failed while running.
pub fn failed(error: impl std::error::Error + Send + Sync + 'static, is_mistake: bool) -> Failure {
    if is_mistake { mistake(error) } else { error.into() }
}

/// Why files of results cannot be had.
pub fn of_results(error: store::Error) -> Failure {
    let is_mistake = error.is_mistake();
    failed(error, is_mistake)
}

/// The mistakes in a file, each with its line.
pub fn in_file(problems: &config::Problems) -> Failure {
    Failure::Mistake(problems.render(coloured()))
}

/// Why an experiment cannot run.
pub fn unprepared(error: prepare::Error) -> Failure {
    let is_mistake = error.is_mistake();
    failed(error, is_mistake)
}
