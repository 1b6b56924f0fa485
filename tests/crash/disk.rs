//! What a disk may hold after a loss of power, as POSIX has it: what was written is there for sure once the file was synced, a name once its directory
//! was; of the rest any part may be missing, in any order (fsync(2), rename(2)).

use super::promises::{Kept, Promise, Promised};
use super::watched::{Noted, Op};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What is at a path below the root: a file's bytes, or a directory.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What is lost of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// Everything.
    All,
    /// What a file was filled with, while its length stays.
    Zeroed,
    /// The second half of what was written last.
    Torn,
}

/// Something that a loss of power may take: a change of names, by the number of its operation, or what a file was filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    Name(usize),
    File(usize),
}

/// What happened, with a number for each file, which it keeps when it gets another name.
pub struct Course {
    root: PathBuf,
    steps: Vec<Step>,
    promises: Vec<Promise>,
}

pub enum Step {
    Create { path: PathBuf, file: usize },
    Write { file: usize, place: Option<u64>, bytes: Vec<u8> },
    Truncate { file: usize, length: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Remove(PathBuf),
    MakeDir(PathBuf),
    SyncFile(usize),
    SyncDir(PathBuf),
}

/// What a name stands for.
#[derive(Clone, Copy)]
pub enum Node {
    Dir,
    File(usize),
}

/// The names of a disk, and what its files hold.
#[derive(Default, Clone)]
pub struct Disk {
    pub names: BTreeMap<Rc<Path>, Node>,
    pub files: HashMap<usize, Rc<Vec<u8>>>,
}

/// A state of the disk, and how it came about.
pub struct State {
    pub tree: Tree,
    /// Operations that had been done.
    pub after: usize,
    pub lost: BTreeMap<Unit, Loss>,
    /// What is not there although the program had gone on as if it were.
    pub broken: Option<String>,
}

/// So much may wait to be written; of more the system writes back what has waited longest.
const WINDOW: usize = 40;

/// Of the last of them any two may be lost together.
const TOGETHER: usize = 12;

/// So many states with a broken promise are enough.
const ENOUGH: usize = 5;

impl Course {
    /// Of operations on a directory that was empty.
    pub fn new(root: &Path, ops: &[Noted]) -> Self {
        let mut course = Self { root: root.to_owned(), steps: Vec::new(), promises: Vec::new() };
        let mut promised = Promised::default();
        let (mut disk, mut files) = (Disk::new(root), 0);
        for Noted { thread, op } in ops {
            let step = match op {
                Op::Create(path) => {
                    files += 1;
                    Step::Create { path: path.clone(), file: files }
                }
                Op::Write { path, place, bytes } => {
                    let Some(Node::File(file)) = disk.names.get(&**path) else { continue };
                    Step::Write { file: *file, place: *place, bytes: bytes.clone() }
                }
                Op::Truncate { path, length } => {
                    let Some(Node::File(file)) = disk.names.get(&**path) else { continue };
                    Step::Truncate { file: *file, length: *length }
                }
                Op::Rename(from, to) => Step::Rename { from: from.clone(), to: to.clone() },
                Op::Unlink(path) | Op::RemoveDir(path) => Step::Remove(path.clone()),
                Op::MakeDir(path) => Step::MakeDir(path.clone()),
                Op::Sync(path) => match disk.names.get(&**path) {
                    Some(Node::File(file)) => Step::SyncFile(*file),
                    Some(Node::Dir) => Step::SyncDir(path.clone()),
                    None => continue,
                },
                Op::Read(_) => continue,
            };
            disk.apply(&step, None);
            promised.take(*thread, course.steps.len(), &step, &disk);
            course.steps.push(step);
        }
        course.promises = promised.end(course.steps.len());
        course
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// How much was promised.
    pub fn promises(&self) -> usize {
        self.promises.len()
    }

    /// What is there when nothing is lost.
    pub fn whole(&self) -> Tree {
        let mut disk = Disk::new(&self.root);
        self.steps.iter().for_each(|step| disk.apply(step, None));
        disk.tree(&self.root)
    }

    /// Every state that a loss of power may leave, up to those that come of several losses at once of which each alone, all but one, all of a kind, all
    /// together and pairs of the last ones are looked at: `found` gets each of a `class` once, and each that breaks a promise. Files that a name says
    /// nothing depends on lose nothing before the end. How many there are, those that are equal among them; fewer when promises were broken.
    pub fn states(
        &self,
        nothing_depends_on: impl Fn(&Path) -> bool,
        class: impl Fn(&Tree) -> blake3::Hash,
        mut found: impl FnMut(State),
    ) -> usize {
        let (mut seen, mut all) = (HashSet::new(), 0);
        let mut pending = Pending::default();
        // What has happened before anything that may be lost.
        let (mut base, mut based) = (Disk::new(&self.root), 0);
        let (mut whole, mut broken, mut kept) = (Disk::new(&self.root), 0, Kept::default());
        let created = self.steps.iter().filter_map(|step| match step {
            Step::Create { path, file } if nothing_depends_on(path) => Some(*file),
            _ => None,
        });
        let free: HashSet<usize> = created.collect();
        for after in 0..=self.steps.len() {
            let is_end = after == self.steps.len();
            let spared = |unit: &Unit| !is_end && matches!(unit, Unit::File(file) if free.contains(file));
            if after > 0 {
                pending.take(after - 1, &self.steps[after - 1]);
                pending.write_back(WINDOW);
                whole.apply(&self.steps[after - 1], None);
                kept.take(&self.promises, after, &self.steps, &whole);
                // What a sync leaves was possible before, and so was the midst of a file that is filled: the torn end of what comes next. What is free is
                // not looked at.
                let step = &self.steps[after - 1];
                let goes_on = step.file().is_some() && self.steps.get(after).and_then(Step::file) == step.file();
                let is_sync = matches!(step, Step::SyncFile(_) | Step::SyncDir(_));
                if goes_on || is_sync || step.file().is_some_and(|file| spared(&Unit::File(file))) {
                    continue;
                }
            }
            let units: Vec<Unit> = pending.units().filter(|unit| !spared(unit)).collect();
            let first = units.iter().map(|unit| pending.first(*unit)).min().unwrap_or(after);
            while !is_end && based < first {
                base.apply(&self.steps[based], None);
                based += 1;
            }
            let (base, based) = if is_end { (&Disk::new(&self.root), 0) } else { (&base, based) };
            for lost in losses(&units) {
                all += 1;
                let disk = self.without(base, based..after, &pending, &lost);
                let told = kept.broken(&disk, &whole, &self.root);
                let tree = disk.tree(&self.root);
                if told.is_some() || seen.insert(class(&tree)) {
                    broken += usize::from(told.is_some());
                    found(State { tree, after, lost, broken: told });
                }
                if broken == ENOUGH {
                    return all;
                }
            }
        }
        all
    }

    /// The disk after operations, without what is lost of them.
    fn without(&self, base: &Disk, operations: Range<usize>, pending: &Pending, lost: &BTreeMap<Unit, Loss>) -> Disk {
        let mut disk = base.clone();
        for number in operations {
            let step = &self.steps[number];
            let unit = step.file().map_or(Unit::Name(number), Unit::File);
            let last = step.file().and_then(|file| pending.data.get(&file)?.last()) == Some(&number);
            match lost.get(&unit).filter(|_| pending.has(unit, number)) {
                Some(Loss::All) => {}
                Some(Loss::Torn) if !last => disk.apply(step, None),
                loss => disk.apply(step, loss.copied()),
            }
        }
        disk
    }
}

/// What may be lost at once.
fn losses(units: &[Unit]) -> Vec<BTreeMap<Unit, Loss>> {
    let lost = |of: &dyn Fn(&Unit) -> bool| units.iter().filter(|unit| of(unit)).map(|unit| (*unit, Loss::All)).collect();
    let is_file = |unit: &Unit| matches!(unit, Unit::File(_));
    let mut losses = vec![BTreeMap::new(), lost(&|_| true), lost(&is_file), lost(&|unit| !is_file(unit))];
    for unit in units {
        losses.push(lost(&|other| other == unit));
        losses.push(lost(&|other| other != unit));
        if is_file(unit) {
            losses.push(BTreeMap::from([(*unit, Loss::Zeroed)]));
            losses.push(BTreeMap::from([(*unit, Loss::Torn)]));
        }
    }
    let kinds = |unit: &Unit| if is_file(unit) { &[Loss::All, Loss::Zeroed, Loss::Torn][..] } else { &[Loss::All][..] };
    let last = &units[units.len().saturating_sub(TOGETHER)..];
    for (at, unit) in last.iter().enumerate() {
        for other in &last[..at] {
            for loss in kinds(unit) {
                losses.extend(kinds(other).iter().map(|second| BTreeMap::from([(*unit, *loss), (*other, *second)])));
            }
        }
    }
    losses
}

/// What is not synced: changes of names with the directories that were not since, and what files were filled with, by the numbers of the operations.
#[derive(Default)]
struct Pending {
    names: BTreeMap<usize, BTreeSet<PathBuf>>,
    data: BTreeMap<usize, Vec<usize>>,
}

impl Pending {
    fn take(&mut self, number: usize, step: &Step) {
        let parent = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
        match step {
            Step::Write { file, .. } | Step::Truncate { file, .. } => self.data.entry(*file).or_default().push(number),
            Step::SyncFile(file) => _ = self.data.remove(file),
            Step::SyncDir(dir) => self.names.retain(|_, dirs| {
                dirs.remove(dir);
                !dirs.is_empty()
            }),
            Step::Rename { from, to } => _ = self.names.insert(number, BTreeSet::from([parent(from), parent(to)])),
            Step::Create { path, .. } | Step::Remove(path) | Step::MakeDir(path) => {
                _ = self.names.insert(number, BTreeSet::from([parent(path)]));
            }
        }
    }

    /// Of more than so many units the oldest are on the disk by now.
    fn write_back(&mut self, most: usize) {
        while self.names.len() + self.data.len() > most {
            match self.units().min_by_key(|unit| self.first(*unit)).expect("there are many") {
                Unit::Name(number) => _ = self.names.remove(&number),
                Unit::File(file) => _ = self.data.remove(&file),
            }
        }
    }

    fn units(&self) -> impl Iterator<Item = Unit> {
        self.names.keys().copied().map(Unit::Name).chain(self.data.keys().copied().map(Unit::File))
    }

    /// The first operation that may be lost with it.
    fn first(&self, unit: Unit) -> usize {
        match unit {
            Unit::Name(number) => number,
            Unit::File(file) => self.data[&file][0],
        }
    }

    fn has(&self, unit: Unit, number: usize) -> bool {
        match unit {
            Unit::Name(_) => self.names.contains_key(&number),
            Unit::File(file) => self.data.get(&file).is_some_and(|numbers| numbers.contains(&number)),
        }
    }
}

impl Step {
    /// The file that is filled.
    pub fn file(&self) -> Option<usize> {
        match self {
            Step::Write { file, .. } | Step::Truncate { file, .. } => Some(*file),
            _ => None,
        }
    }
}

impl Disk {
    fn new(root: &Path) -> Self {
        Self { names: BTreeMap::from([(root.into(), Node::Dir)]), files: HashMap::new() }
    }

    /// What was lost before leaves less to do.
    fn apply(&mut self, step: &Step, loss: Option<Loss>) {
        let has_dir = |disk: &Self, path: &Path| path.parent().is_some_and(|dir| matches!(disk.names.get(dir), Some(Node::Dir)));
        match step {
            Step::Create { path, file } if has_dir(self, path) => {
                self.names.insert(path.as_path().into(), Node::File(*file));
                self.files.entry(*file).or_default();
            }
            // The directory above may come to be without the name of the one that held it: nobody finds it then.
            Step::Create { file, .. } => _ = self.files.entry(*file).or_default(),
            Step::Write { file, place, bytes } => {
                let held = Rc::make_mut(self.files.entry(*file).or_default());
                let start = place.map_or(held.len(), |place| place as usize);
                let bytes: Vec<u8> = match loss {
                    Some(Loss::Zeroed) => vec![0; bytes.len()],
                    Some(Loss::Torn) => bytes[..bytes.len() / 2].to_vec(),
                    _ => bytes.clone(),
                };
                held.resize(held.len().max(start + bytes.len()), 0);
                held[start..start + bytes.len()].copy_from_slice(&bytes);
            }
            Step::Truncate { file, length } => Rc::make_mut(self.files.entry(*file).or_default()).resize(*length as usize, 0),
            Step::Rename { from, to } => {
                if !has_dir(self, to) || !self.names.contains_key(&**from) {
                    return;
                }
                self.names.retain(|path, _| !path.starts_with(to));
                let moved: Vec<Rc<Path>> = self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let node = self.names.remove(&path).expect("listed");
                    let below = path.strip_prefix(from).expect("listed");
                    let name = if below.as_os_str().is_empty() { to.clone() } else { to.join(below) };
                    self.names.insert(name.into(), node);
                }
            }
            Step::Remove(path) => self.names.retain(|name, _| !name.starts_with(path)),
            Step::MakeDir(path) if has_dir(self, path) => _ = self.names.insert(path.as_path().into(), Node::Dir),
            Step::MakeDir(_) | Step::SyncFile(_) | Step::SyncDir(_) => {}
        }
    }

    /// The file of this name.
    pub fn file_at(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Some(*file),
            _ => None,
        }
    }

    fn tree(&self, root: &Path) -> Tree {
        let below = self.names.iter().filter(|(path, _)| &***path != root);
        below
            .map(|(path, node)| {
                let held = match node {
                    Node::Dir => None,
                    Node::File(file) => Some(self.files.get(file).map(|bytes| bytes.to_vec()).unwrap_or_default()),
                };
                (path.strip_prefix(root).expect("below it").to_owned(), held)
            })
            .collect()
    }
}

/// What is there now.
pub fn read(root: &Path) -> Tree {
    let entries = walkdir::WalkDir::new(root).min_depth(1).into_iter().map(|entry| entry.expect("listed"));
    entries
        .map(|entry| {
            let held = entry.file_type().is_file().then(|| fs::read(entry.path()).expect("readable"));
            (entry.path().strip_prefix(root).expect("below it").to_owned(), held)
        })
        .collect()
}

/// Makes it so.
pub fn write(root: &Path, tree: &Tree) {
    fs::create_dir_all(root).expect("writable");
    for (path, held) in tree {
        let path = root.join(path);
        match held {
            None => fs::create_dir(&path).expect("writable"),
            Some(bytes) => fs::write(&path, bytes).expect("writable"),
        }
    }
}
