//! What is heavy is made by a process of its own: charts and tables of many runs take more memory than the server shall hold, and a data set may be
//! large. What was made is kept for as long as the files stay as they are.

use crate::report::environment;
use minijinja::{Value, context};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of drawings that are kept.
const KEPT: usize = 16 << 20;

/// The program that draws, which is this one.
#[derive(Debug, Clone)]
pub struct Drawer {
    /// Its file.
    pub program: PathBuf,
    /// What stands before the directories of runs and experiments: it writes the sections of their report to standard output.
    pub sections: Vec<OsString>,
    /// What stands before a run.toml and the file that a contact sheet goes to: it writes what is to be known of the data set to standard
    /// output.
    pub data: Vec<OsString>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The report of these directories.
    Report(Vec<PathBuf>),
    /// The data set of this run.toml.
    Data(PathBuf),
}

/// A drawing, or why there is none.
pub(super) type Drawn = Result<Arc<str>, Arc<str>>;

/// Where a drawing is kept with the state of the files that it shows; locked while it is drawn.
type Place = Arc<Mutex<Option<(String, Drawn)>>>;

/// What was drawn.
#[derive(Debug)]
pub(super) struct Drawings {
    drawer: Drawer,
    kept: Mutex<HashMap<Subject, Place>>,
    /// Held while something is drawn: one thing at a time, so that training keeps its processors.
    drawing: Mutex<()>,
}

impl Drawings {
    pub(super) fn new(drawer: Drawer) -> Self {
        Self { drawer, kept: Mutex::default(), drawing: Mutex::default() }
    }

    /// The program that draws, which is this one.
    pub(super) fn program(&self) -> &Path {
        &self.drawer.program
    }

    /// The drawing of a subject whose files are in a state, made now if it is not there.
    pub(super) fn of(&self, subject: &Subject, state: &str) -> Drawn {
        let place = Arc::clone(self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(subject.clone()).or_default());
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, drawn)) = &*place
            && known == state
        {
            return drawn.clone();
        }
        let drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = self.drawer.draw(subject);
        drop(drawing);
        *place = Some((state.to_owned(), drawn.clone()));
        drop(place);
        self.make_room(subject);
        drawn
    }

    /// Forgets other drawings until the rest is no larger than is kept.
    fn make_room(&self, newest: &Subject) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |place: &Place| match place.try_lock() {
            Ok(place) => place.as_ref().map_or(0, |(_, drawn)| drawn.as_ref().map_or(0, |text| text.len())),
            // It is being drawn.
            Err(_) => 0,
        };
        let mut all: usize = kept.values().map(size).sum();
        kept.retain(|subject, place| {
            let stays = all <= KEPT || subject == newest;
            all -= if stays { 0 } else { size(place) };
            stays
        });
    }
}

impl Drawer {
    fn draw(&self, subject: &Subject) -> Drawn {
        let drawn = match subject {
            Subject::Report(places) => {
                let mut arguments = self.sections.clone();
                arguments.extend(places.iter().map(|place| place.clone().into_os_string()));
                self.output(&arguments)
            }
            Subject::Data(run_toml) => self.data_set(run_toml),
        };
        drawn.map(Into::into).map_err(Into::into)
    }

    /// The words and the contact sheet, one after the other.
    fn data_set(&self, run_toml: &Path) -> Result<String, String> {
        let temp = tempfile::tempdir().map_err(|e| e.to_string())?;
        let sheet = temp.path().join("sheet.svg");
        let mut arguments = self.data.clone();
        arguments.extend([run_toml.as_os_str(), "--sheet".as_ref(), sheet.as_os_str()].map(OsString::from));
        let words = self.output(&arguments)?;
        // The last line says where the sheet lies, which is gone in a moment.
        let words: Vec<&str> = words.lines().filter(|line| !line.starts_with("contact sheet: ")).collect();
        let sheet = std::fs::read_to_string(&sheet).map_err(|e| e.to_string())?;
        Ok(page_of_data_set(&words.join("\n"), &sheet))
    }

    fn output(&self, arguments: &[OsString]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        // Input that ends when this process does, however it dies, ends the other one too.
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("RAYON_NUM_THREADS", "2").env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", self.program.display()))?;
        let alive = child.stdin.take();
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        drop(alive);
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}

/// What is to be known of a data set, and its contact sheet, without the style sheet that the page forbids within it.
fn page_of_data_set(words: &str, sheet: &str) -> String {
    let bare = sheet.split_once("<style>").and_then(|(head, rest)| Some(format!("{head}{}", rest.split_once("</style>")?.1)));
    let sheet = Value::from_safe_string(bare.unwrap_or_else(|| sheet.to_owned()));
    let page = environment().render_str(include_str!("web/data.html"), context! { words => words, sheet => sheet });
    page.expect("the template names only what is given")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn drawings(script: &str) -> Drawings {
        let sections = ["-c", script, "sh"].map(OsString::from).to_vec();
        Drawings::new(Drawer { program: "/bin/sh".into(), data: sections.clone(), sections })
    }

    #[test]
    fn a_drawing_is_made_once_for_a_state_of_the_files() {
        let temp = tempfile::tempdir().unwrap();
        let drawings = drawings("echo x >> \"$1\"; cat \"$1\"");
        let subject = Subject::Report(vec![temp.path().join("made")]);
        let texts = ["a", "a", "b"].map(|state| drawings.of(&subject, state).unwrap().to_string());
        assert_eq!(texts, ["x\n", "x\n", "x\nx\n"]);
    }

    #[test]
    fn what_fails_says_why() {
        let drawn = drawings("echo no runs >&2; exit 2").of(&Subject::Report(Vec::new()), "");
        assert_eq!(drawn.unwrap_err().as_ref(), "no runs");
    }

    #[test]
    fn old_drawings_make_room() {
        let drawings = drawings("head -c 9000000 /dev/zero | tr '\\0' x");
        for name in ["a", "b", "c"] {
            drawings.of(&Subject::Report(vec![name.into()]), "").unwrap();
        }
        assert!(drawings.kept.lock().unwrap().len() < 3);
    }
}
