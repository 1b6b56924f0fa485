//! What the program takes to be on the disk: a file that was replaced, and rows that were added, from the moment on that the thread that did it does
//! something else. Whatever is lost later, that must be there, or what has taken its place since.

use super::disk::{Disk, Node, Step};
use super::is_free;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Something that must be on the disk.
pub struct Promise {
    path: PathBuf,
    file: usize,
    /// Its bytes.
    length: usize,
    /// The operation that made it so, and the one from which on it counts.
    made: usize,
    from: usize,
}

/// A promise as things are at a moment.
struct Due<'a> {
    promise: &'a Promise,
    /// It, or what has taken its place meanwhile.
    files: Vec<usize>,
}

/// Promises that are being made.
#[derive(Default)]
pub struct Promised {
    /// By thread.
    open: HashMap<u32, Promise>,
    made: Vec<Promise>,
}

impl Promised {
    /// What an operation of a thread begins and ends; the disk is as it is after it.
    pub fn take(&mut self, thread: u32, number: usize, step: &Step, disk: &Disk) {
        let named = |file: usize| disk.names.iter().find(|(_, node)| matches!(node, Node::File(other) if *other == file));
        let made = match step {
            // Waiting for the disk.
            Step::SyncFile(_) | Step::SyncDir(_) => return,
            Step::Write { file, .. } => named(*file).map(|(path, _)| (path.to_path_buf(), *file)),
            Step::Rename { to, .. } => match disk.names.get(&**to) {
                Some(Node::File(file)) => Some((to.clone(), *file)),
                _ => None,
            },
            _ => None,
        };
        let made = made.filter(|(path, _)| !is_free(path) && !is_hidden(path));
        if let Some(before) = self.open.remove(&thread) {
            // Rows may come in several pieces.
            let goes_on = made.as_ref().is_some_and(|(_, file)| *file == before.file) && matches!(step, Step::Write { .. });
            if !goes_on {
                self.made.push(Promise { from: number, ..before });
            }
        }
        if let Some((path, file)) = made {
            let length = disk.files.get(&file).map_or(0, |bytes| bytes.len());
            self.open.insert(thread, Promise { path, file, length, made: number, from: 0 });
        }
    }

    /// All of them, when so many operations are over.
    pub fn end(mut self, operations: usize) -> Vec<Promise> {
        self.made.extend(self.open.into_values().map(|open| Promise { from: operations, ..open }));
        self.made
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".writing-"))
}

/// The promises that count at a moment, by path.
#[derive(Default)]
pub struct Kept<'a>(BTreeMap<&'a Path, Due<'a>>);

impl<'a> Kept<'a> {
    /// Takes in the operation that was the last of so many; the disk is as it is then, with nothing lost.
    pub fn take(&mut self, all: &'a [Promise], after: usize, steps: &'a [Step], whole: &Disk) {
        if let Some(step) = after.checked_sub(1).map(|last| &steps[last]) {
            self.0.retain(|path, due| due.lives(path, step, whole));
        }
        for promise in all.iter().filter(|promise| promise.from == after) {
            let mut due = Due { promise, files: vec![promise.file] };
            let meanwhile = steps.get(promise.made + 1..after).unwrap_or_default();
            if meanwhile.iter().all(|step| due.lives(&promise.path, step, whole)) {
                self.0.insert(&promise.path, due);
            }
        }
    }

    /// The first that is not kept on this disk, in words.
    pub fn broken(&self, disk: &Disk, whole: &Disk, root: &Path) -> Option<String> {
        let due = self.0.values().find(|due| !due.is_kept(disk, whole))?;
        let Promise { path, made, .. } = due.promise;
        let below = path.strip_prefix(root).unwrap_or(path);
        Some(format!("{} was written by operation {made}, the program went on, and it is not there", below.display()))
    }
}

impl Due<'_> {
    /// Whether it still counts after an operation.
    fn lives(&mut self, path: &Path, step: &Step, whole: &Disk) -> bool {
        match step {
            Step::Remove(gone) | Step::Rename { from: gone, .. } if path.starts_with(gone) => false,
            Step::Rename { to, .. } if to == path => {
                self.files.extend(whole.file_at(to));
                true
            }
            _ => true,
        }
    }

    fn is_kept(&self, disk: &Disk, whole: &Disk) -> bool {
        let Promise { path, file, length, .. } = self.promise;
        let Some(found) = disk.file_at(path).filter(|found| self.files.contains(found)) else { return false };
        let (Some(held), Some(bytes)) = (disk.files.get(&found), whole.files.get(&found)) else { return false };
        let length = if found == *file { *length } else { bytes.len() };
        Rc::ptr_eq(held, bytes) || held.get(..length).is_some_and(|held| *held == bytes[..length])
    }
}
