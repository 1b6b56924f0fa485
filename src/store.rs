//! The only place that knows a file name below `results/`.
//!
//! Small files are replaced atomically (written beside, synced, renamed), rows are appended whole and flushed. A directory of a
//! run is claimed by exclusive lock, so no run is done twice at a time. What the files mean is known elsewhere.

use crate::plan::{RunId, RunSpec};
use crate::record::{EpochRecord, Outcome};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{path}: {action} failed: {cause}; {remedy}", remedy = remedy(cause))]
    Io {
        /// The file or directory.
        path: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Another process is at it.
    #[error("{path} is in use by another umlaut process; wait until it ends, or stop it")]
    InUse {
        /// The run directory.
        path: String,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room and repeat the command, it goes on where it stopped"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable, or choose another place with --results"
        }
        io::ErrorKind::NotFound => "check the path",
        _ => "check the file system",
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Adds path and action to what the system says.
fn told<T>(result: io::Result<T>, action: &'static str, path: &Path) -> Result<T> {
    result.map_err(|cause| Error::Io { path: path.display().to_string(), action, cause })
}

/// The directory that holds everything, `results/` by default.
#[derive(Debug, Clone)]
pub struct Results {
    root: PathBuf,
}

impl Results {
    /// The results below `root`; nothing is created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory of one experiment.
    pub fn experiment(&self, name: &str) -> ExperimentDir {
        ExperimentDir { path: self.root.join(name) }
    }

    /// Where decoded data sets are kept between runs; may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join(".cache")
    }
}

/// `results/EXPERIMENT/`.
#[derive(Debug, Clone)]
pub struct ExperimentDir {
    path: PathBuf,
}

impl ExperimentDir {
    /// An existing directory of an experiment.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of a run; nothing is created yet.
    pub fn run(&self, id: &RunId) -> RunDir {
        RunDir::at(self.path.join("runs").join(id.as_str()))
    }

    /// The runs that exist, by name.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunDir>> {
        let dir = self.path.join("runs");
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let mut runs = Vec::new();
        for entry in told(fs::read_dir(&dir), "listing", &dir)? {
            let path = told(entry, "listing", &dir)?.path();
            if path.join(RUN).is_file() {
                runs.push(RunDir::at(path));
            }
        }
        runs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(runs)
    }

    /// Replaces plan.csv by these rows, the header first.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_plan(&self, rows: &[Vec<String>]) -> Result<()> {
        write_csv(&self.path.join("plan.csv"), rows)
    }

    /// Replaces summary.csv by these rows, the header first.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_summary(&self, rows: &[Vec<String>]) -> Result<PathBuf> {
        let path = self.path.join("summary.csv");
        write_csv(&path, rows)?;
        Ok(path)
    }

    /// Replaces report.md.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_report(&self, text: &str) -> Result<PathBuf> {
        let path = self.path.join("report.md");
        write_atomic(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Replaces the chart `charts/NAME.svg`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_chart(&self, name: &str, svg: &str) -> Result<PathBuf> {
        let path = self.path.join("charts").join(format!("{name}.svg"));
        write_atomic(&path, svg.as_bytes())?;
        Ok(path)
    }
}

const RUN: &str = "run.toml";
const PLACE: &str = "place.toml";
const PROVENANCE: &str = "provenance.toml";
const METRICS: &str = "metrics.csv";
const TIMING: &str = "timing.csv";
const OUTCOME: &str = "outcome.toml";
const LOG: &str = "log.txt";
const LOCK: &str = ".lock";
/// How the names of files begin that are not whole yet.
const WRITING: &str = ".writing-";

/// `results/EXPERIMENT/runs/RUN/`: all that a run is.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

/// Held while a process works on a run; released when dropped or when the process dies.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

/// Appends rows to metrics.csv and timing.csv, each flushed to the disk before it returns.
#[derive(Debug)]
pub struct MetricsWriter {
    metrics: (PathBuf, File),
    timing: (PathBuf, File),
    empty: bool,
}

impl RunDir {
    /// An existing or future directory of a run.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id, which is the directory's name.
    pub fn id(&self) -> RunId {
        RunId::from_name(&self.path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Creates the directory with run.toml; one that is there already is left as it is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(&self, spec: &RunSpec, run_toml: &str) -> Result<()> {
        told(fs::create_dir_all(self.path.join("checkpoints")), "creating", &self.path)?;
        let path = self.path.join(RUN);
        if !path.exists() {
            let rows: toml::Table =
                spec.differs.iter().map(|(key, value)| (key.clone(), toml::Value::String(value.clone()))).collect();
            write_atomic(&self.path.join(PLACE), rows.to_string().as_bytes())?;
            write_atomic(&path, run_toml.as_bytes())?;
        }
        Ok(())
    }

    /// run.toml: the complete resolved input.
    pub fn run_toml(&self) -> PathBuf {
        self.path.join(RUN)
    }

    /// What differs between this run and the others of its experiment: dotted keys and values, seed and fold last.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn differs(&self) -> Result<Vec<(String, String)>> {
        let path = self.path.join(PLACE);
        let text = told(fs::read_to_string(&path), "reading", &path)?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| content(&path, e.message()))?;
        let mut rows: Vec<(String, String)> =
            table.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect();
        rows.sort_by_key(|(key, _)| (key == "seed", key == "fold"));
        Ok(rows)
    }

    /// Claims the run for this process, and clears away what a killed one left half-written.
    ///
    /// # Errors
    /// [`Error::InUse`] if another living process holds it.
    pub fn claim(&self) -> Result<Claim> {
        let path = self.path.join(LOCK);
        let file = told(OpenOptions::new().create(true).truncate(false).write(true).open(&path), "opening", &path)?;
        match file.try_lock() {
            Ok(()) => {
                self.sweep()?;
                Ok(Claim { _lock: file })
            }
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: self.path.display().to_string() }),
            Err(TryLockError::Error(cause)) => told(Err(cause), "locking", &path),
        }
    }

    /// Removes what a killed process left half-written.
    fn sweep(&self) -> Result<()> {
        for dir in [self.path.clone(), self.path.join("checkpoints"), self.samples()] {
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(WRITING)) {
                    told(fs::remove_file(&path), "removing", &path)?;
                }
            }
        }
        Ok(())
    }

    /// Replaces provenance.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_provenance(&self, table: &toml::Table) -> Result<()> {
        write_atomic(&self.path.join(PROVENANCE), table.to_string().as_bytes())
    }

    /// Reads provenance.toml; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn provenance(&self) -> Result<Option<toml::Table>> {
        let path = self.path.join(PROVENANCE);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        text.parse().map(Some).map_err(|e: toml::de::Error| content(&path, e.message()))
    }

    /// Replaces outcome.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_outcome(&self, outcome: &Outcome) -> Result<()> {
        let text = toml::to_string(outcome).expect("an outcome is plain data");
        write_atomic(&self.path.join(OUTCOME), text.as_bytes())
    }

    /// Reads outcome.toml; `None` if the run has not ended yet.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        let path = self.path.join(OUTCOME);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        toml::from_str(&text).map(Some).map_err(|e| content(&path, e.message()))
    }

    /// The whole rows of metrics.csv, in order; a torn last row is left out.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn metrics(&self) -> Result<Vec<EpochRecord>> {
        read_rows(&self.path.join(METRICS))
    }

    /// The rows of timing.csv: seconds of each epoch.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn timing(&self) -> Result<Vec<EpochRecord>> {
        read_rows(&self.path.join(TIMING))
    }

    /// Opens metrics.csv and timing.csv for appending after dropping every row later than `epoch` (0 for an empty start).
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn metrics_after(&self, epoch: usize) -> Result<MetricsWriter> {
        let open = |name: &str| -> Result<(PathBuf, File, bool)> {
            let path = self.path.join(name);
            let rows: Vec<EpochRecord> = read_rows(&path)?.into_iter().filter(|r| r.epoch <= epoch).collect();
            let table: Vec<Vec<String>> =
                rows.first().map(EpochRecord::header).into_iter().chain(rows.iter().map(EpochRecord::fields)).collect();
            write_csv(&path, &table)?;
            let file = told(OpenOptions::new().append(true).open(&path), "opening", &path)?;
            Ok((path, file, rows.is_empty()))
        };
        let (path, file, empty) = open(METRICS)?;
        let (timing_path, timing_file, _) = open(TIMING)?;
        Ok(MetricsWriter { metrics: (path, file), timing: (timing_path, timing_file), empty })
    }

    /// log.txt, for appending.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn log(&self) -> Result<File> {
        let path = self.path.join(LOG);
        told(OpenOptions::new().create(true).append(true).open(&path), "opening", &path)
    }

    /// Weights of the best epoch (safetensors).
    pub fn best_checkpoint(&self) -> PathBuf {
        self.path.join("checkpoints").join("best.safetensors")
    }

    /// Weights of the last epoch (safetensors).
    pub fn last_checkpoint(&self) -> PathBuf {
        self.path.join("checkpoints").join("last.safetensors")
    }

    /// What a resume needs beside the weights (safetensors): optimizer moments and counters.
    pub fn resume_state(&self) -> PathBuf {
        self.path.join("checkpoints").join("resume.safetensors")
    }

    /// The picture `samples/NAME_KIND.png`.
    pub fn sample_picture(&self, name: &str, kind: &str) -> PathBuf {
        let safe: String =
            name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
        self.samples().join(format!("{safe}_{kind}.png"))
    }

    /// Where pictures of predictions lie.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }
}

impl MetricsWriter {
    /// Appends an epoch's row, and its seconds to timing.csv.
    ///
    /// # Errors
    /// If the disk is full or gone.
    pub fn append(&mut self, record: &EpochRecord, seconds: f64) -> Result<()> {
        let timing = EpochRecord { epoch: record.epoch, values: vec![("elapsed_s".into(), (seconds * 1000.0).round() / 1000.0)] };
        append_row(&mut self.metrics, record, self.empty)?;
        append_row(&mut self.timing, &timing, self.empty)?;
        self.empty = false;
        Ok(())
    }
}

fn append_row((path, file): &mut (PathBuf, File), record: &EpochRecord, with_header: bool) -> Result<()> {
    let mut rows = if with_header { vec![record.header()] } else { Vec::new() };
    rows.push(record.fields());
    told(file.write_all(&csv_bytes(&rows)).and_then(|()| file.sync_data()), "appending", path)
}

fn csv_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    writer.into_inner().expect("memory takes every row")
}

fn write_csv(path: &Path, rows: &[Vec<String>]) -> Result<()> {
    write_atomic(path, &csv_bytes(rows))
}

/// Reads epochs; a missing file has none. A last line without its newline, or with fields missing, was cut off by a death.
fn read_rows(path: &Path) -> Result<Vec<EpochRecord>> {
    let Some(text) = read_if_there(path)? else { return Ok(Vec::new()) };
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(whole.as_bytes());
    let header = reader.headers().map_err(|e| content(path, &e.to_string()))?.clone();
    let mut rows = Vec::new();
    for fields in reader.records() {
        let fields = fields.map_err(|e| content(path, &e.to_string()))?;
        let line = fields.position().map_or(0, csv::Position::line);
        let row = EpochRecord::from_fields(&header, &fields).ok_or_else(|| {
            content(path, &format!("line {line} does not fit the header; restore it, or delete the run's directory"))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => told(Err(e), "reading", path),
    }
}

fn content(path: &Path, problem: &str) -> Error {
    Error::Content { path: path.display().to_string(), problem: problem.to_owned() }
}

/// Replaces `path` by `bytes`: whoever reads sees the old content or the new, never a part.
///
/// # Errors
/// If the directory cannot be created or the file not be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| file.write_all(bytes))
}

/// Replaces `path` by what `write` writes, as [`write_atomic`] does.
///
/// # Errors
/// If the directory cannot be created or the file not be written.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    told(fs::create_dir_all(dir), "creating", dir)?;
    let mut beside = told(tempfile::Builder::new().prefix(WRITING).tempfile_in(dir), "writing", path)?;
    told(write(beside.as_file_mut()).and_then(|()| beside.as_file().sync_all()), "writing", path)?;
    told(make_readable(beside.as_file()), "writing", path)?;
    told(beside.persist(path).map(drop).map_err(|e| e.error), "writing", path)
}

/// Temporary files are private; results are for everybody who may read the directory.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The whole content of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    told(File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)), "reading", path)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord { epoch, values: vec![("val_loss".into(), 1.0 / epoch as f64)] }
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let mut writer = run.metrics_after(0).unwrap();
        (1..=2).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let whole = fs::read(run.path.join(METRICS)).unwrap();
        fs::write(run.path.join(METRICS), [&whole[..], b"3,0.33"].concat()).unwrap();
        assert_eq!(run.metrics().unwrap(), vec![record(1), record(2)]);
        run.metrics_after(2).unwrap();
        assert_eq!(fs::read(run.path.join(METRICS)).unwrap(), whole);
    }

    #[test]
    fn a_resume_writes_the_bytes_of_an_uninterrupted_run() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (RunDir::at(dir.path().join("a")), RunDir::at(dir.path().join("b")));
        let mut writer = a.metrics_after(0).unwrap();
        (1..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let mut writer = b.metrics_after(0).unwrap();
        (1..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let mut writer = b.metrics_after(1).unwrap();
        (2..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        assert_eq!(fs::read(a.path.join(METRICS)).unwrap(), fs::read(b.path.join(METRICS)).unwrap());
    }

    #[test]
    fn a_claim_clears_half_written_files() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let (half, whole) = (dir.path().join(".writing-abc"), dir.path().join(OUTCOME));
        [&half, &whole].into_iter().for_each(|path| fs::write(path, "").unwrap());
        run.claim().unwrap();
        assert!(!half.exists() && whole.exists());
    }

    #[test]
    fn one_process_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let first = run.claim().unwrap();
        assert!(matches!(run.claim(), Err(Error::InUse { .. })));
        drop(first);
        run.claim().unwrap();
    }
}
