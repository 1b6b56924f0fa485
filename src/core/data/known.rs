//! Hashes of files that are known from before, so that a file is read once and not by every command and every run.
//!
//! A hash is believed as long as the file's path, length, times of modification and change, and number in its file system (inode) are what they were.
//! A file that was modified less than two seconds before it was hashed is not written down: it could change once more without any of these
//! (as git has it for its index). Hashes are kept for the process, and in the cache directory in a table that may be deleted at any time; one that
//! is damaged, or that another version wrote, counts as absent.

use super::cache::beside;
use crate::regular::{self, Most};
use crate::system;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The table's name in the cache directory.
const TABLE: &str = "hashes";

/// The table's first word and version, which counts up whenever the same file would get another hash than before.
const HEADER: &str = "umlaut-hashes 1";

/// A file that was modified so shortly ago may change once more without a trace: the coarsest clock of a file system ticks every two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// Hashes by whole path.
type Table = BTreeMap<PathBuf, Entry>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    stamp: Stamp,
    hash: blake3::Hash,
}

/// What changes when a file does, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    /// Nanoseconds since 1970, as all times here.
    modified: i128,
    changed: i128,
    inode: u64,
}

/// Known to this process.
static MEMORY: Mutex<Table> = Mutex::new(Table::new());

/// The hash of a file's content as `hash` gives it, if nothing is known from before.
///
/// # Errors
/// Those of `hash`.
pub(super) fn hash_of(path: &Path, hash: impl FnOnce(&Path) -> io::Result<blake3::Hash>) -> io::Result<blake3::Hash> {
    let (Ok(whole), before) = (std::path::absolute(path), stamp(path)) else { return hash(path) };
    if let (Some(entry), Some(stamp)) = (memory().get(&whole), before)
        && entry.stamp == stamp
    {
        return Ok(entry.hash);
    }
    let began = SystemTime::now();
    let hash = hash(path)?;
    if let Some(stamp) = before.filter(|before| before.is_settled(began) && stamp(path) == Some(*before)) {
        memory().insert(whole, Entry { stamp, hash });
    }
    Ok(hash)
}

/// Learns what the table in this directory knows.
pub(super) fn recall(directory: &Path) {
    let table = read(&directory.join(TABLE)).unwrap_or_default();
    let mut memory = memory();
    for (path, entry) in table {
        // What this process has seen itself is newer.
        memory.entry(path).or_insert(entry);
    }
}

/// Writes down what is known of these files, unless the table has it already. That the directory cannot be written costs time at the next start,
/// nothing else; one that is not there yet is not made.
pub(super) fn keep<'a>(directory: &Path, files: impl Iterator<Item = &'a Path>) {
    let mut table = read(&directory.join(TABLE)).unwrap_or_default();
    let before = table.clone();
    let memory = memory();
    let whole = files.filter_map(|file| std::path::absolute(file).ok());
    // A path that is not UTF-8 has no place in a text.
    let known = whole.filter(|path| path.to_str().is_some()).filter_map(|path| Some((memory.get(&path).copied()?, path)));
    table.extend(known.map(|(entry, path)| (path, entry)));
    drop(memory);
    if table != before && directory.is_dir() {
        table.retain(|path, _| path.is_file());
        // Another process may write at the same time: one table wins, and what it lacks is hashed once more.
        _ = write(directory, &table);
    }
}

fn memory() -> MutexGuard<'static, Table> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let (changed, inode) = system::change_and_number(&found);
    Some(Stamp { length: found.len(), modified: nanoseconds(found.modified().ok()?), changed, inode })
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos().cast_signed(),
        Err(before) => -before.duration().as_nanos().cast_signed(),
    }
}

impl Stamp {
    /// Whether the file was modified long enough before. A time that lies ahead is not.
    fn is_settled(self, now: SystemTime) -> bool {
        nanoseconds(now) - self.modified >= SETTLED.as_nanos().cast_signed()
    }
}

/// A line for each file below a line with the hash of them all.
fn write(directory: &Path, table: &Table) -> io::Result<()> {
    let row = |(path, Entry { stamp: s, hash }): (&PathBuf, &Entry)| -> io::Result<String> {
        let path = serde_json::to_string(path)?;
        Ok(format!("{} {} {} {} {} {path}\n", hash.to_hex(), s.length, s.modified, s.changed, s.inode))
    };
    let rows = table.iter().map(row).collect::<io::Result<String>>()?;
    let mut file = beside(directory)?;
    // Who clears the directory leaves locked files alone.
    file.as_file().lock()?;
    file.write_all(format!("{HEADER} {}\n{rows}", blake3::hash(rows.as_bytes()).to_hex()).as_bytes())?;
    file.persist(directory.join(TABLE))?;
    Ok(())
}

/// `None` if there is no table, or none that is whole and of this version.
fn read(path: &Path) -> Option<Table> {
    let text = regular::text(path, Most::TABLE).ok()?;
    let (header, rows) = text.split_once('\n')?;
    let whole = header.strip_prefix(HEADER)?.trim_start() == blake3::hash(rows.as_bytes()).to_hex().as_str();
    if whole { rows.lines().map(row).collect() } else { None }
}

fn row(line: &str) -> Option<(PathBuf, Entry)> {
    let mut fields = line.splitn(6, ' ');
    let hash = blake3::Hash::from_hex(fields.next()?).ok()?;
    let (length, modified) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (changed, inode) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((serde_json::from_str(fields.next()?).ok()?, Entry { stamp: Stamp { length, modified, changed, inode }, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs::File;

    /// A folder with a file that was written an hour ago.
    struct Folder {
        dir: tempfile::TempDir,
        file: PathBuf,
        hashed: Cell<usize>,
    }

    impl Folder {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Self { file: dir.path().join("a \"b\"\n眼"), dir, hashed: Cell::new(0) };
            folder.write("old", Duration::from_secs(3600));
            folder
        }

        fn write(&self, text: &str, ago: Duration) {
            fs::write(&self.file, text).unwrap();
            File::options().write(true).open(&self.file).unwrap().set_modified(SystemTime::now() - ago).unwrap();
        }

        fn hash(&self) -> blake3::Hash {
            let hash = |path: &Path| {
                self.hashed.set(self.hashed.get() + 1);
                Ok(blake3::hash(&fs::read(path)?))
            };
            hash_of(&self.file, hash).unwrap()
        }

        fn keep(&self) {
            keep(self.dir.path(), [self.file.as_path()].into_iter());
        }

        fn table(&self) -> PathBuf {
            self.dir.path().join(TABLE)
        }

        /// As another process, which knows the table alone.
        fn elsewhere(&self) -> Option<Entry> {
            read(&self.table())?.get(&self.file).copied()
        }
    }

    #[test]
    fn a_file_is_hashed_once_until_it_changes() {
        let folder = Folder::new();
        assert_eq!([folder.hash(), folder.hash()], [blake3::hash(b"old"); 2]);
        assert_eq!(folder.hashed.get(), 1);
        folder.write("new", Duration::from_secs(3000));
        assert_eq!((folder.hash(), folder.hashed.get()), (blake3::hash(b"new"), 2));
    }

    /// Its length and its time of modification are those of before.
    #[cfg(unix)]
    #[test]
    fn a_file_that_was_changed_in_secret_is_hashed_again() {
        let folder = Folder::new();
        let modified = fs::metadata(&folder.file).unwrap().modified().unwrap();
        folder.hash();
        // Until the clock of the file system has ticked.
        while stamp(&folder.file).unwrap().changed == memory()[&folder.file].stamp.changed {
            fs::write(&folder.file, "new").unwrap();
            File::options().write(true).open(&folder.file).unwrap().set_modified(modified).unwrap();
        }
        assert_eq!(folder.hash(), blake3::hash(b"new"));
    }

    #[test]
    fn a_file_of_this_moment_or_of_the_future_is_not_written_down() {
        let folder = Folder::new();
        for ago in [0, 1] {
            folder.write("now", Duration::from_secs(ago));
            folder.hash();
            folder.hash();
            folder.keep();
            assert_eq!(folder.elsewhere(), None, "{ago}");
        }
        assert_eq!(folder.hashed.get(), 4);
        let ahead = SystemTime::now() + Duration::from_secs(3600);
        File::options().write(true).open(&folder.file).unwrap().set_modified(ahead).unwrap();
        folder.hash();
        folder.hash();
        assert_eq!(folder.hashed.get(), 6);
    }

    #[test]
    fn the_table_is_believed_only_whole_and_rewritten_where_it_is_not() {
        let folder = Folder::new();
        let hash = folder.hash();
        folder.keep();
        assert_eq!(folder.elsewhere().unwrap().hash, hash);
        let text = fs::read_to_string(folder.table()).unwrap();
        let other = text.replacen(&hash.to_hex()[..8], "00000000", 1);
        for damaged in [&other, &text[..text.len() - 1], "", "umlaut-hashes 2 x\n", &text.replace("hashes 1", "hashes 2")] {
            fs::write(folder.table(), damaged).unwrap();
            assert_eq!(folder.elsewhere(), None, "{damaged}");
            folder.keep();
            assert_eq!(folder.elsewhere().unwrap().hash, hash);
        }
        fs::write(folder.table(), [0xff; 40]).unwrap();
        folder.keep();
        assert_eq!(folder.elsewhere().unwrap().hash, hash);
    }

    #[test]
    fn files_that_are_gone_leave_the_table_and_no_directory_is_made() {
        let folder = Folder::new();
        folder.hash();
        folder.keep();
        let other = Folder::new();
        other.hash();
        fs::remove_file(&folder.file).unwrap();
        keep(folder.dir.path(), [other.file.as_path()].into_iter());
        let kept: Vec<PathBuf> = read(&folder.table()).unwrap().into_keys().collect();
        assert_eq!(kept, std::slice::from_ref(&other.file));
        let none = folder.dir.path().join("none");
        keep(&none, [other.file.as_path()].into_iter());
        assert!(!none.exists());
    }
}
