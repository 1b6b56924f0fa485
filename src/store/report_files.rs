//! The files of an experiment's report: the newest report alone may write them.
//!
//! Reports are drawn by several processes: by a schedule while its runs go on and at its end, and by hand. Each signs in a file before it
//! reads anything, and looks before every file that it replaces whether it still is the last that signed. So a slow one never
//! overwrites what a later one, which has seen more, has written.

use super::claim::clear;
use super::error::{Error, Result, named};
use super::experiment_dir::ExperimentDir;
use super::file::write_atomic;
use super::table::write_csv;
use crate::system;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All that is written of a report, but for charts.
pub(super) const NAMES: [&str; 8] =
    ["report.html", "report.pdf", "report.md", "methods.tex", "tables.tex", "supplement.tex", "summary.csv", "groups.csv"];

/// Who began a report last. Its lock is held while a file is replaced.
const NEWEST: &str = ".report";

/// A lock that is held for as long as one file takes is tried so often before whoever holds it counts as stuck.
const TRIES: usize = 2000;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// What a report writes, until a newer one begins.
#[derive(Debug)]
pub struct ReportFiles<'a> {
    dir: &'a ExperimentDir,
    signature: String,
}

impl ExperimentDir {
    /// Begins a report of what is read from now on: earlier ones write no further. Clears away charts that killed ones left half-written.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn begin_report(&self) -> Result<ReportFiles<'_>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let files = ReportFiles { dir: self, signature: format!("{} {now}", std::process::id()) };
        let path = files.newest();
        let mut newest = files.lock()?;
        named(newest.set_len(0).and_then(|()| newest.write_all(files.signature.as_bytes())), "writing", &path)?;
        clear(&self.charts())?;
        Ok(files)
    }
}

impl ReportFiles<'_> {
    fn newest(&self) -> PathBuf {
        self.dir.path().join(NEWEST)
    }

    fn lock(&self) -> Result<File> {
        let path = self.newest();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        // What a link leads to is not ours to write.
        let file = named(system::in_place(&mut options).open(&path), "opening", &path)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::Error(cause)) => return named(Err(cause), "locking", &path),
            }
        }
        Err(Error::InUse { path: path.display().to_string(), holder: "another report".to_owned() })
    }

    /// Keeps others from beginning a report while a file is replaced.
    ///
    /// # Errors
    /// [`Error::Superseded`] if one has begun.
    fn turn(&self) -> Result<File> {
        let (path, mut newest, mut signature) = (self.newest(), self.lock()?, String::new());
        named(newest.rewind().and_then(|()| newest.read_to_string(&mut signature)), "reading", &path)?;
        match signature == self.signature {
            true => Ok(newest),
            false => Err(Error::Superseded { path: self.dir.path().display().to_string() }),
        }
    }

    fn write(&self, path: PathBuf, write: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let _turn = self.turn()?;
        write(&path)?;
        Ok(path)
    }

    /// Removes what earlier reports drew of swept parameters and this one, with the charts of these names, does not; everything else stays.
    ///
    /// # Errors
    /// If the directory cannot be listed, a file not be removed, or a newer report has begun.
    pub fn remove_charts_but(&self, drawn: &[&str]) -> Result<()> {
        let _turn = self.turn()?;
        self.dir.remove_charts_but(drawn)
    }

    /// Replaces summary.csv by these rows, the header first.
    ///
    /// # Errors
    /// If it cannot be written, or a newer report has begun.
    pub fn write_summary(&self, rows: &[Vec<String>]) -> Result<PathBuf> {
        self.write(self.dir.path().join("summary.csv"), |path| write_csv(path, rows).map(drop))
    }

    /// Replaces groups.csv by these rows, the header first.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_groups(&self, rows: &[Vec<String>]) -> Result<PathBuf> {
        self.write(self.dir.path().join("groups.csv"), |path| write_csv(path, rows).map(drop))
    }

    /// Replaces report.md.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_report(&self, text: &str) -> Result<PathBuf> {
        self.write(self.dir.path().join("report.md"), |path| write_atomic(path, text.as_bytes()))
    }

    /// Replaces report.pdf.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_pdf(&self, pdf: &[u8]) -> Result<PathBuf> {
        self.write(self.dir.path().join("report.pdf"), |path| write_atomic(path, pdf))
    }

    /// Replaces report.html.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_html(&self, text: &str) -> Result<PathBuf> {
        self.write(self.dir.path().join("report.html"), |path| write_atomic(path, text.as_bytes()))
    }

    /// Replaces tables.tex.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_latex(&self, text: &str) -> Result<PathBuf> {
        self.write(self.dir.path().join("tables.tex"), |path| write_atomic(path, text.as_bytes()))
    }

    /// Replaces supplement.tex.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_supplement(&self, text: &str) -> Result<PathBuf> {
        self.write(self.dir.path().join("supplement.tex"), |path| write_atomic(path, text.as_bytes()))
    }

    /// Replaces methods.tex.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_methods(&self, text: &str) -> Result<PathBuf> {
        self.write(self.dir.path().join("methods.tex"), |path| write_atomic(path, text.as_bytes()))
    }

    /// Replaces the chart `charts/NAME.png`.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_picture(&self, name: &str, png: &[u8]) -> Result<PathBuf> {
        self.write(self.dir.charts().join(format!("{name}.png")), |path| write_atomic(path, png))
    }

    /// Replaces the chart `charts/NAME.svg`.
    ///
    /// # Errors
    /// As [`Self::write_summary`].
    pub fn write_chart(&self, name: &str, svg: &str) -> Result<PathBuf> {
        self.write(self.dir.charts().join(format!("{name}.svg")), |path| write_atomic(path, svg.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_report_alone_writes_and_half_written_charts_go() {
        let temp = tempfile::tempdir().unwrap();
        let dir = ExperimentDir::at(temp.path());
        let older = dir.begin_report().unwrap();
        older.write_chart("dice", "old").unwrap();
        let half = temp.path().join("charts/.writing-abc");
        std::fs::write(&half, "").unwrap();
        let newer = dir.begin_report().unwrap();
        assert!(!half.exists());
        let path = newer.write_chart("dice", "new").unwrap();
        assert!(matches!(older.write_chart("dice", "old"), Err(Error::Superseded { .. })));
        assert!(matches!(older.remove_charts_but(&[]), Err(Error::Superseded { .. })));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "new");
        newer.write_report("words").unwrap();
    }
}
