//! Changes of files as the system reports them.

use crate::store::ExperimentDir;
use crate::system;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

/// The directories that changes are reported of.
pub(super) struct Places {
    watcher: RecommendedWatcher,
    /// The number of the results' own directory.
    root: Option<u64>,
    /// With their numbers: one that was deleted and made again is another.
    watched: BTreeSet<(PathBuf, u64)>,
}

impl Places {
    /// Reports the changes of a directory; `None` if the system cannot, as when its limit of watched directories is reached.
    pub(super) fn watch(root: &Path, changes: Sender<PathBuf>) -> Option<Self> {
        let report = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            // Who only reads changes nothing; that is what this program does all the time.
            let reads = matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
            if !reads {
                event.paths.into_iter().for_each(|path| _ = changes.send(path));
            }
        };
        let mut watcher = notify::recommended_watcher(report).ok()?;
        watcher.watch(root, RecursiveMode::NonRecursive).ok()?;
        let mut places = Self { watcher, root: number(root), watched: BTreeSet::new() };
        let dirs = crate::store::Results::new(root).experiments().unwrap_or_default();
        places.are(root, &dirs).then_some(places)
    }

    /// Reports changes of these experiments too, and of every new directory of the results, which may become one; forgets those that are gone.
    /// Whether the system can: it reports nothing of a directory that took the place of the results' own.
    pub(super) fn are(&mut self, root: &Path, dirs: &[ExperimentDir]) -> bool {
        let listed = std::fs::read_dir(root).into_iter().flatten().flatten();
        let hidden = |path: &Path| path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let there = listed.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
        let there = there.chain(dirs.iter().map(|dir| dir.path().to_owned()));
        let numbered = |path: PathBuf| Some((path.clone(), number(&path)?));
        let there: BTreeSet<(PathBuf, u64)> = there.filter(|path| !hidden(path)).filter_map(numbered).collect();
        for (gone, _) in self.watched.difference(&there) {
            _ = self.watcher.unwatch(gone);
        }
        let mut new = there.difference(&self.watched);
        // One that is gone by now is none that the system cannot watch.
        let all = new.all(|(path, _)| self.watcher.watch(path, RecursiveMode::Recursive).is_ok() || !path.exists());
        self.watched = there;
        all && self.root.is_some() && number(root) == self.root
    }
}

/// The number of a directory in its file system; `None` if it is gone.
fn number(dir: &Path) -> Option<u64> {
    Some(system::change_and_number(&std::fs::metadata(dir).ok()?).1)
}

/// File systems that other machines write to without this one's knowing.
const NETWORK: [&str; 16] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "fuse.sshfs",
    "glusterfs",
    "fuse.glusterfs",
    "gpfs",
    "lustre",
    "panfs",
    "virtiofs",
];

/// Whether a directory is on a network disk, as far as the system tells.
pub(super) fn is_of_network(dir: &Path) -> bool {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    kind(&mounts, &dir).is_some_and(|kind| NETWORK.contains(&kind))
}

/// The kind of the file system that a directory is on, by the text of /proc/self/mountinfo (proc(5)).
fn kind<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        dir.starts_with(&point).then_some((point.len(), kind.split(' ').next()?))
    };
    // Of several at one place the last one counts.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_says_the_kind() {
        let mounts = "22 1 0:21 / / rw - ext4 /dev/sda1 rw\n\
             30 22 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw\n\
             31 30 0:41 / /home/a\\040b rw - ext4 /dev/sdb rw\n";
        let of = |dir: &str| kind(mounts, Path::new(dir));
        assert_eq!(
            ["/tmp", "/home/me", "/homes", "/home/a b/c"].map(of),
            [Some("ext4"), Some("nfs4"), Some("ext4"), Some("ext4")]
        );
        assert!(!is_of_network(Path::new("/proc/self")));
    }
}
