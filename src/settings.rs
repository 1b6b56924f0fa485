//! What does this machine's user want where a command says nothing?
//!
//! [`Settings`] are those of `umlaut.toml`: devices, runs at a time, attempts, where results lie. They are never part of what a run is, and nothing
//! is known here of what they are used for.

use crate::devices::Jobs;
use crate::regular::{self, Most};
use crate::schedule::slurm;
use crate::store::Results;
use std::path::{Path, PathBuf};

/// The settings' file, in the working directory or in the user's directory of configurations.
const FILE: &str = "umlaut.toml";

/// What is wanted on this machine; never part of what a run is.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// As `--device`.
    pub device: Option<String>,
    /// As `--jobs-per-device`.
    #[serde(alias = "jobs_per_device")]
    pub jobs: Option<Jobs>,
    /// As `--retries`.
    pub retries: Option<usize>,
    /// As `--results`; relative to the file.
    pub results: Option<PathBuf>,
    /// What `--on slurm` asks for; `--slurm KEY=VALUE` replaces a value.
    #[serde(default)]
    pub slurm: slurm::Options,
}

/// Settings that cannot be read or understood; always a mistake of the user's. The text names the file and what may be there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Settings {
    /// Those of `umlaut.toml` in the working directory, else of `umlaut/umlaut.toml` in `XDG_CONFIG_HOME` or `~/.config`, else none.
    ///
    /// # Errors
    /// If the file cannot be read, or says what it may not.
    pub fn load() -> Result<Self, Error> {
        let of_the_user = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".config")))
            .map(|dir| dir.join("umlaut").join(FILE));
        match [Some(PathBuf::from(FILE)), of_the_user].into_iter().flatten().find(|path| path.exists()) {
            Some(path) => Self::read(&path).map_err(Error),
            None => Ok(Self::default()),
        }
    }

    /// Where results lie: where a command says, else as set here, else in `results`.
    pub fn results(&self, said: Option<&Path>) -> Results {
        Results::new(said.or(self.results.as_deref()).unwrap_or(Path::new("results")))
    }

    fn read(path: &Path) -> Result<Self, String> {
        let message = |cause: String| format!("{}: {}", path.display(), cause.trim_end());
        let text = regular::text(path, Most::WRITTEN).map_err(|e| message(e.to_string()))?;
        let mut settings: Self = toml::from_str(&text).map_err(|e| message(e.to_string()))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        settings.results = settings.results.map(|results| beside.join(results));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        let mut settings = Settings::read(&path)?;
        settings.results = settings.results.map(|results| results.strip_prefix(dir.path()).unwrap().to_owned());
        Ok(settings)
    }

    #[test]
    fn every_key_is_optional_and_results_lie_beside_the_file() {
        assert_eq!(read("").unwrap(), Settings::default());
        let all = read("device = 'cpu'\njobs = 2\nretries = 0\nresults = 'out'").unwrap();
        let (jobs, slurm) = ("2".parse().ok(), slurm::Options::default());
        let expected = Settings { device: Some("cpu".into()), jobs, retries: Some(0), results: Some("out".into()), slurm };
        assert_eq!(all, expected);
        assert_eq!(read("[slurm]\ntime = 30").unwrap().slurm.time.as_deref(), Some("30"));
        assert_eq!(read("jobs_per_device = 'auto'").unwrap().jobs, Some(Jobs::Auto));
    }

    #[test]
    fn mistakes_name_the_file_the_line_and_what_may_be_there() {
        for (text, part) in [
            ("jobs = 0", "from 1 to 65535"),
            ("jobs = 'all'", "\"auto\" or a number"),
            ("\njob = 1", "line 2"),
            ("job = 1", "`jobs`"),
            ("device = 1", "string"),
            ("[slurm]\ntiem = 1", "`time`"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(FILE) && message.contains(part), "{message}");
        }
    }
}
