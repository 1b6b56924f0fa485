//! Experiments that come with the program: `umlaut init --example` lists and writes them, `umlaut run --example` runs one.
//!
//! They are the files of `experiments/`, compiled in. One that extends others is written with them, in the folders that `extends` expects.

use super::failure::{Failure, mistake};
use super::text;
use anyhow::Context;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use umlaut::config;

/// An experiment that comes with the program.
#[derive(Debug)]
pub struct Example {
    /// Its path below `experiments/`, without `.toml`.
    name: &'static str,
    text: &'static str,
}

/// Declares the examples by their names.
macro_rules! examples {
    ($($name:literal)*) => {
        &[$(Example { name: $name, text: include_str!(concat!("../../experiments/", $name, ".toml")) }),*]
    };
}

/// All of them, those first that stand alone.
const EXAMPLES: &[Example] = examples! {
    "baseline"
    "drishti_shape"
    "isbi2012"
    "quickstart"
    "sweeps/architectures"
    "sweeps/augmentation"
    "sweeps/common"
    "sweeps/data_size"
    "sweeps/depth_width"
    "sweeps/isbi2012_architectures"
    "sweeps/isbi2012_patches"
    "sweeps/isbi2012_width"
    "sweeps/loss"
    "sweeps/losses"
    "sweeps/lr_schedule"
};

impl Example {
    /// The example of this name; that of a sweep may leave its folder out.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self, Failure> {
        let found = EXAMPLES.iter().find(|example| [example.name, example.short()].contains(&name));
        found.ok_or_else(|| {
            let near = config::closest(name, EXAMPLES.iter().flat_map(|example| [example.name, example.short()]));
            let meant = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            mistake(format!("--example {name}: no such example; {meant}`umlaut init --example` lists them"))
        })
    }

    /// All of them.
    #[cfg(feature = "cudnn")]
    pub fn all() -> &'static [Self] {
        EXAMPLES
    }

    fn short(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// What it is for: the first sentence of its first comment.
    fn about(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#')).take_while(|line| !line.trim().is_empty());
        let words = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        let end = words.match_indices(['.', '?', ':']).map(|(at, _)| at + 1).find(|at| words[*at..].starts_with(' '));
        words[..end.unwrap_or(words.len())].trim_end_matches(['.', ':']).to_owned()
    }

    /// Where it lies below a folder.
    fn path(&self, folder: &Path) -> PathBuf {
        let name = Path::new(self.name).with_extension("toml");
        // Not `./quickstart.toml`.
        if folder.as_os_str().is_empty() { name } else { folder.join(name) }
    }

    /// Itself, and before it the examples that it extends.
    fn with_extended(&'static self) -> Vec<&'static Self> {
        let extended = self.text.lines().find_map(|line| line.strip_prefix("extends = "));
        let extended = extended.map(|path| path.trim_matches('"').trim_end_matches(".toml"));
        let parent = extended.and_then(|path| {
            let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let name = path.strip_prefix("../").map_or_else(|| format!("{folder}/{path}"), str::to_owned);
            EXAMPLES.iter().find(|example| example.name == name)
        });
        parent.map(Self::with_extended).unwrap_or_default().into_iter().chain([self]).collect()
    }

    /// Writes it and what it extends below a folder, and returns its own path. What lies there already stays as it is.
    ///
    /// # Errors
    /// If another file lies there, or it cannot be written.
    pub fn write(&'static self, folder: &Path) -> Result<PathBuf, Failure> {
        let all = self.with_extended();
        // Nothing is written where not all can be.
        let lies_there = all.iter().map(|example| example.lies(folder)).collect::<Result<Vec<bool>, Failure>>()?;
        for (example, lies_there) in all.into_iter().zip(lies_there) {
            if !lies_there {
                create(&example.path(folder), example.text.as_bytes())?;
            }
        }
        Ok(self.path(folder))
    }

    /// Whether it lies in the folder already; an error if another file does.
    fn lies(&self, folder: &Path) -> Result<bool, Failure> {
        let path = self.path(folder);
        match fs::read(&path) {
            Ok(bytes) if bytes == self.text.as_bytes() => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Ok(_) => Err(mistake(format!(
                "--example {}: {} exists and differs from the example; `umlaut run {1}` runs it as it is, or rename it",
                self.name,
                path.display()
            ))),
            Err(e) => Err(anyhow::Error::new(e).context(format!("reading {}", path.display())).into()),
        }
    }
}

fn create(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let mut file = File::create_new(path).with_context(|| format!("creating {}", path.display()))?;
    Ok(file.write_all(content).with_context(|| format!("writing {}", path.display()))?)
}

/// Prints the names of all examples with what each is for.
///
/// # Errors
/// If standard output cannot be written.
pub fn list() -> Result<(), Failure> {
    let wide = EXAMPLES.iter().map(|example| example.name.len()).max().unwrap_or(0);
    let line = |example: &Example| {
        let about = text::wrap(&example.about(), text::columns().saturating_sub(wide + 2).max(40), 0);
        format!("{:wide$}  {}\n", example.name, about.join(&format!("\n{:1$}", "", wide + 2)))
    };
    let lines: String = EXAMPLES.iter().map(line).collect();
    Ok(text::print(&format!("{lines}\n`umlaut init --example NAME` writes one, `umlaut run --example NAME` runs it.\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the files of `experiments/`.
    #[test]
    fn every_experiment_of_the_repository_is_an_example() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
        let files = walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.expect("experiments/ can be listed").into_path());
        let toml = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let name = |path: PathBuf| path.strip_prefix(&root).expect("below it").with_extension("").to_string_lossy().into_owned();
        let mut listed: Vec<String> = toml.map(name).collect();
        let mut known: Vec<&str> = EXAMPLES.iter().map(|example| example.name).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }

    /// What they extend is found, and no short name means two of them.
    #[test]
    fn every_example_can_be_written_and_is_an_experiment() {
        for example in EXAMPLES {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let path = example.write(folder.path()).unwrap_or_else(|_| panic!("{} is written", example.name));
            assert!(config::load(&path, &[]).is_ok(), "{}", example.name);
            assert!((10..150).contains(&example.about().len()), "{}: {}", example.name, example.about());
            let same = |other: &&Example| [other.name, other.short()].contains(&example.short());
            assert_eq!(EXAMPLES.iter().filter(same).count(), 1, "{}", example.short());
        }
    }
}
