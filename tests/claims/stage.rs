//! Where actors meet: a directory, who has been started, who is over, and what was found wrong.

use nix::libc;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

type Acts = Box<dyn FnOnce(&Stage) + Send>;

/// Somebody who was started.
pub struct Entrance {
    pub name: String,
    /// Whether it does not go on before the lock that it wants is free.
    pub patient: bool,
    pub acts: Acts,
}

thread_local! {
    /// The actor that this thread is.
    static ME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// All actors have the same one. What an actor does to it after its death has no effect.
#[derive(Clone)]
pub struct Stage {
    dir: Arc<tempfile::TempDir>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    entrances: Vec<Entrance>,
    alive: BTreeSet<String>,
    killed: BTreeSet<String>,
    /// Who waits for whose end.
    waits: BTreeMap<String, String>,
    /// What a model keeps beside files.
    memory: BTreeMap<String, String>,
    violation: Option<String>,
}

impl Stage {
    pub fn new() -> Self {
        let shm = Path::new("/dev/shm");
        let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        Self { dir: Arc::new(dir.expect("a temporary directory")), inner: Arc::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it is held")
    }

    /// The same, for who is not dead.
    fn living(&self) -> Option<MutexGuard<'_, Inner>> {
        let inner = self.inner();
        let is_dead = ME.with_borrow(|me| me.as_ref().is_some_and(|me| inner.killed.contains(me)));
        (!is_dead).then_some(inner)
    }

    /// Says which actor this thread is.
    pub fn enter(&self, name: &str) {
        ME.with_borrow_mut(|me| *me = Some(name.to_owned()));
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Starts an actor.
    pub fn start(&self, name: &str, patient: bool, acts: impl FnOnce(&Stage) + Send + 'static) {
        let Some(mut inner) = self.living() else { return };
        inner.alive.insert(name.to_owned());
        inner.entrances.push(Entrance { name: name.to_owned(), patient, acts: Box::new(acts) });
    }

    pub fn entrances(&self) -> Vec<Entrance> {
        std::mem::take(&mut self.inner().entrances)
    }

    pub fn over(&self, name: &str) {
        self.inner().alive.remove(name);
    }

    pub fn note_death(&self, name: &str) {
        let mut inner = self.inner();
        inner.killed.insert(name.to_owned());
        // A dead one is nowhere any more.
        inner.memory.retain(|key, _| key.strip_prefix("in ").is_none_or(|who| who != name));
    }

    pub fn deaths(&self) -> usize {
        self.inner().killed.len()
    }

    pub fn is_over(&self, name: &str) -> bool {
        !self.inner().alive.contains(name)
    }

    pub fn is_killed(&self, name: &str) -> bool {
        self.inner().killed.contains(name)
    }

    /// Waits until another actor is over; `false` if whoever waits was killed.
    pub fn wait(&self, name: &str, other: &str) -> bool {
        while !self.is_over(other) {
            self.inner().waits.insert(name.to_owned(), other.to_owned());
            // SAFETY: it has no arguments. The explorer answers when the time has come.
            if unsafe { libc::syscall(libc::SYS_sched_yield) } != 0 {
                return false;
            }
        }
        self.inner().waits.remove(name);
        true
    }

    /// A moment at which others may take their turn, though no file is touched; `false` if whoever does was killed.
    pub fn pause(&self) -> bool {
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_sched_yield) == 0 }
    }

    pub fn may_go_on(&self, name: &str) -> bool {
        let inner = self.inner();
        inner.waits.get(name).is_none_or(|other| !inner.alive.contains(other))
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.inner().memory.get(key).cloned()
    }

    pub fn set(&self, key: &str, value: impl ToString) {
        if let Some(mut inner) = self.living() {
            inner.memory.insert(key.to_owned(), value.to_string());
        }
    }

    /// One more; how many there were.
    pub fn count(&self, key: &str) -> usize {
        let before = self.number(key);
        self.set(key, before + 1);
        before
    }

    /// Who is not over of those whose names begin so.
    pub fn alive(&self, prefix: &str) -> Vec<String> {
        let inner = self.inner();
        inner.alive.iter().filter(|name| name.split('.').next() == Some(prefix)).cloned().collect()
    }

    /// Who trains.
    pub fn training(&self) -> Vec<String> {
        self.inner().memory.keys().filter_map(|key| key.strip_prefix("in ").map(str::to_owned)).collect()
    }

    /// Says that this actor trains, until it leaves; who else does.
    pub fn trains(&self, name: &str) -> Vec<String> {
        let others = self.training();
        self.set(&format!("in {name}"), "");
        others
    }

    pub fn leaves(&self, name: &str) {
        if let Some(mut inner) = self.living() {
            inner.memory.remove(&format!("in {name}"));
        }
    }

    pub fn number(&self, key: &str) -> usize {
        self.get(key).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub fn memory(&self) -> String {
        let inner = self.inner();
        format!("{:?}{:?}", inner.memory, inner.waits)
    }

    pub fn violate(&self, what: impl Into<String>) {
        if let Some(mut inner) = self.living() {
            inner.violation.get_or_insert(what.into());
        }
    }

    pub fn violation(&self) -> Option<String> {
        self.inner().violation.clone()
    }
}
