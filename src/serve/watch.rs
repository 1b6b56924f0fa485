//! Sees what changes below the results and tells the pages.
//!
//! The system reports changes of a local disk. On a network disk it does not know of those that other machines make, so files are looked at again and
//! again there. A process that dies closes its claim, which the system reports as a write.

use super::Served;
use super::address::Address;
use super::changes::Change;
use super::notified::{self, Places};
use crate::store::{ExperimentDir, Stamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What changes within this time is told at once: a run writes several files an epoch.
const GATHER: Duration = Duration::from_millis(150);
/// Between two looks where the system reports nothing, and how much longer than a look takes that is at least.
const POLL: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 20;

/// Watches from a thread of its own until the process ends.
///
/// # Errors
/// If the system has no thread left.
pub(super) fn start(served: Arc<Served>, poll: bool) -> std::io::Result<()> {
    let body = move || {
        // All is read once before somebody asks for it.
        served.experiments().iter().for_each(|dir| drop(served.looked.experiment(dir)));
        let places = if poll || notified::is_of_network(served.results.root()) { None } else { Some(channel()) };
        match places.and_then(|(sender, receiver)| Some((Places::watch(served.results.root(), sender)?, receiver))) {
            Some((places, receiver)) => Watch::new(&served).until_told(places, &receiver).again_and_again(),
            None => Watch::new(&served).again_and_again(),
        }
    };
    thread::Builder::new().name("watch".into()).spawn(body).map(drop)
}

/// What was seen last.
struct Watch<'a> {
    served: &'a Served,
    stamps: HashMap<OsString, Stamp>,
}

/// What has changed, by experiment: its runs, nothing where it is the experiment itself.
type Changed = BTreeMap<OsString, BTreeSet<Option<OsString>>>;

impl<'a> Watch<'a> {
    fn new(served: &'a Served) -> Self {
        let mut watch = Self { served, stamps: HashMap::new() };
        watch.look(&served.experiments(), |_| ());
        watch
    }

    fn again_and_again(mut self) {
        loop {
            let began = Instant::now();
            let dirs = self.served.experiments();
            self.look(&dirs, |_| ());
            thread::sleep(POLL.max(PATIENCE * began.elapsed()));
        }
    }

    /// Until the system can report no more.
    fn until_told(mut self, mut places: Places, changes: &Receiver<PathBuf>) -> Self {
        loop {
            let first = changes.recv();
            let mut changed = Changed::new();
            match first {
                Ok(path) => self.add(&mut changed, &path),
                Err(_) => return self,
            }
            let until = Instant::now() + GATHER;
            while let (false, Ok(path)) =
                (changed.is_empty(), changes.recv_timeout(until.saturating_duration_since(Instant::now())))
            {
                self.add(&mut changed, &path);
            }
            let dirs = self.served.experiments();
            let all = places.are(self.served.results.root(), &dirs);
            self.look_and_tell(&dirs, &changed);
            if !all {
                return self;
            }
        }
    }

    fn add(&self, changed: &mut Changed, path: &Path) {
        let Ok(below) = path.strip_prefix(self.served.results.root()) else { return };
        let mut parts = below.iter().map(OsStr::to_owned);
        let Some(experiment) = parts.next().filter(|name| self.served.shows(name)) else { return };
        let run = parts.next().filter(|part| part == "runs").and_then(|_| parts.next());
        changed.entry(experiment).or_default().insert(run);
    }

    /// Tells of every experiment whose files are in another state; of others that were reported, that logs have grown.
    fn look_and_tell(&mut self, dirs: &[ExperimentDir], changed: &Changed) {
        let mut other = BTreeSet::new();
        self.look(dirs, |name| _ = other.insert(name.to_owned()));
        for (name, runs) in changed.iter().filter(|(name, _)| !other.contains(*name)) {
            for run in runs.iter().flatten() {
                let run = Some(Address::Run(name.clone(), run.clone()).link());
                self.served.clients.tell(&Change { experiment: Address::Experiment(name.clone()).link(), run, log: true });
            }
        }
    }

    /// Looks at all experiments, and tells of those whose files are in another state, of new ones and of those that are gone.
    fn look(&mut self, dirs: &[ExperimentDir], mut found: impl FnMut(&OsStr)) {
        let name = |dir: &ExperimentDir| dir.path().file_name().unwrap_or_default().to_owned();
        let now: HashMap<OsString, Stamp> =
            dirs.iter().map(|dir| (name(dir), self.served.looked.experiment(dir).stamp)).collect();
        let gone = self.stamps.keys().filter(|name| !now.contains_key(*name));
        let other = now.iter().filter(|(name, stamp)| self.stamps.get(*name) != Some(stamp)).map(|(name, _)| name);
        for name in gone.chain(other) {
            found(name);
            self.served.clients.tell(&Change { experiment: Address::Experiment(name.clone()).link(), run: None, log: false });
        }
        self.served.looked.keep(dirs);
        self.stamps = now;
    }
}
