//! Every order in which processes may take turns at files, and every moment at which one may die. An actor is a thread that runs the program's own
//! functions; each of its calls to the system waits until the explorer lets it go on (seccomp_unotify(2)). A way is a list of moves; ways that lead to the
//! same files with actors that have seen the same are gone on with once. Those with the fewest interruptions come first.

use super::stage::Stage;
use super::watched::{Call, answer, install, next};
use nix::libc;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, File};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

/// What is explored.
pub trait Model {
    /// Puts the first files and actors on an empty stage.
    fn begin(&self, stage: &Stage);
    /// What else may happen now beside steps of actors, in words that [`make`](Self::make) knows; the death of an actor is `kill NAME`.
    fn moves(&self, stage: &Stage, alive: &[String]) -> Vec<String>;
    /// Lets it happen; the explorer kills by itself.
    fn make(&self, stage: &Stage, what: &str);
    /// Begins what must bring everything to its end, when nothing goes on any more.
    fn last(&self, stage: &Stage);
    /// What is wrong when that is over.
    fn wrong(&self, stage: &Stage) -> Option<String>;
    /// Whether other actors look at a file.
    fn is_shared(&self, path: &Path) -> bool;
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub states: usize,
    pub ways: usize,
    pub ends: usize,
    /// The first way to something wrong, line by line.
    pub violation: Option<Vec<String>>,
}

/// Looks at all ways with so many interruptions at the most: deaths, other moves of the model, and turns that an actor is given while another could go on.
/// `None`, said aloud, where threads cannot be watched.
pub fn explore(model: &dyn Model, interruptions: usize) -> Option<Found> {
    take_turns();
    let (mut found, mut seen) = (Found::default(), HashSet::new());
    let mut queues: Vec<VecDeque<Vec<String>>> = vec![VecDeque::from([Vec::new()])];
    while let Some(cost) = queues.iter().position(|queue| !queue.is_empty()).filter(|cost| *cost <= interruptions) {
        let before = queues[cost].pop_front().expect("not empty");
        found.ways += 1;
        let mut run = Way::new(model)?;
        let mut last = String::new();
        for step in &before {
            run.make(step);
            last.clone_from(step);
        }
        let (mut way, mut is_new);
        way = before;
        loop {
            is_new = seen.insert(run.state());
            if !is_new {
                break;
            }
            let moves = run.moves();
            // Whoever was at it goes on, if nobody interrupts.
            let steps = || moves.iter().filter(|step| !step.starts_with('!'));
            let default = steps().find(|step| **step == last).or_else(|| steps().next()).cloned();
            if queues.len() < cost + 2 {
                queues.resize(cost + 2, VecDeque::new());
            }
            let is_free = default.as_ref() != Some(&last);
            for other in moves.iter().filter(|step| default.as_ref() != Some(*step)) {
                // What comes when nobody else can go on interrupts nobody.
                let interrupts = default.is_some() && (other.starts_with('!') || !is_free);
                let more = usize::from(interrupts || other.starts_with("!kill"));
                queues[cost + more].push_back(way.iter().cloned().chain([other.clone()]).collect());
            }
            let Some(step) = default else { break };
            run.make(&step);
            way.push(step.clone());
            last = step;
            if run.stage.violation().is_some() {
                break;
            }
        }
        if is_new && run.stage.violation().is_none() && run.nobody_goes_on() {
            found.ends += 1;
            run.end();
        }
        if let Some(what) = run.stage.violation() {
            found.violation = Some(run.told.iter().cloned().chain([format!("=> {what}")]).collect());
            found.states = seen.len();
            return Some(found);
        }
    }
    found.states = seen.len();
    Some(found)
}

/// Keeps this thread and those that it starts on one processor: only one of them goes on at a time, and another processor would have to be woken for
/// each step.
fn take_turns() {
    // SAFETY: the set is ours, and plain bits.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// One course of things.
struct Way<'a> {
    model: &'a dyn Model,
    stage: Stage,
    actors: Vec<Actor>,
    /// What has happened, in words.
    told: Vec<String>,
}

struct Actor {
    name: String,
    patient: bool,
    thread: Option<JoinHandle<()>>,
    listener: OwnedFd,
    /// What it waits to do; nothing when it is over.
    call: Option<(Call, Point)>,
    /// All that it has seen.
    seen: blake3::Hasher,
    killed: bool,
}

/// A call that others may see, or that sees what others did.
#[derive(Clone, Default)]
struct Point {
    what: &'static str,
    path: PathBuf,
}

impl<'a> Way<'a> {
    fn new(model: &'a dyn Model) -> Option<Self> {
        let stage = Stage::new();
        model.begin(&stage);
        let mut way = Self { model, stage, actors: Vec::new(), told: Vec::new() };
        way.enter()?;
        Some(way)
    }

    /// Lets those enter whom somebody has started.
    fn enter(&mut self) -> Option<()> {
        for entrance in self.stage.entrances() {
            let (sender, receiver) = sync_channel(1);
            let (stage, name) = (self.stage.clone(), entrance.name.clone());
            let thread = std::thread::spawn(move || {
                stage.enter(&name);
                sender.send(install(&CALLS)).expect("it is waited for");
                if catch_unwind(AssertUnwindSafe(|| (entrance.acts)(&stage))).is_err() {
                    stage.violate(format!("{name} panics"));
                }
                stage.over(&name);
            });
            let listener = match receiver.recv().expect("it is sent") {
                // SAFETY: the kernel has just made it.
                Ok(listener) => unsafe { OwnedFd::from_raw_fd(listener) },
                Err(cause) => {
                    eprintln!("skipped: this system lets no thread be watched ({cause})");
                    return None;
                }
            };
            let mut actor = Actor {
                name: entrance.name,
                patient: entrance.patient,
                thread: Some(thread),
                listener,
                call: None,
                seen: blake3::Hasher::new(),
                killed: false,
            };
            actor.advance(self.model, self.stage.root(), None);
            self.actors.push(actor);
        }
        Some(())
    }

    fn moves(&self) -> Vec<String> {
        let able = self.actors.iter().filter(|actor| actor.is_able(&self.stage)).map(|actor| actor.name.clone());
        // Who dies before it looks at something might as well die afterwards.
        let acts =
            |actor: &&Actor| actor.call.as_ref().is_some_and(|(_, point)| !matches!(point.what, "opens" | "looks at" | "lists"));
        let alive: Vec<String> = self.actors.iter().filter(acts).map(|actor| actor.name.clone()).collect();
        able.chain(self.model.moves(&self.stage, &alive).into_iter().map(|what| format!("!{what}"))).collect()
    }

    fn make(&mut self, step: &str) {
        if let Some(name) = step.strip_prefix("!kill ") {
            self.told.push(format!("{name} is killed"));
            self.stage.note_death(name);
            let actor = self.actors.iter_mut().find(|actor| actor.name == name).expect("it is alive");
            actor.kill();
        } else if let Some(what) = step.strip_prefix('!') {
            self.told.push(what.to_owned());
            self.model.make(&self.stage, what);
        } else {
            let actor = self.actors.iter_mut().find(|actor| actor.name == step).expect("it is able to");
            let (call, point) = actor.call.take().expect("it is able to");
            let below = self.below(&point.path);
            let actor = self.actors.iter_mut().find(|actor| actor.name == step).expect("it is able to");
            self.told.push(format!("{step}: {} {below}", point.what));
            actor.sees(&point, self.stage.root());
            let refused = actor.is_refused(&call, &point);
            answer(&actor.listener, call.id, None);
            actor.advance(self.model, self.stage.root(), refused.then_some(point.path));
        }
        // Where it was possible before it still is.
        _ = self.enter();
    }

    /// A path without the place where this course happens.
    fn below(&self, path: &Path) -> String {
        path.strip_prefix(self.stage.root()).unwrap_or(path).display().to_string()
    }

    fn nobody_goes_on(&self) -> bool {
        self.moves().iter().all(|step| step.starts_with('!'))
    }

    /// Goes to the end without interruptions, after somebody has begun it anew.
    fn end(&mut self) {
        self.told.push("nothing goes on".to_owned());
        let stuck: Vec<&str> = self.actors.iter().filter(|actor| actor.call.is_some()).map(|actor| &*actor.name).collect();
        if !stuck.is_empty() {
            return self.stage.violate(format!("{} waits for ever", stuck.join(", ")));
        }
        self.model.last(&self.stage);
        _ = self.enter();
        while let Some(step) = self.moves().into_iter().find(|step| !step.starts_with('!')) {
            self.make(&step);
        }
        if let Some(actor) = self.actors.iter().find(|actor| actor.call.is_some()) {
            self.stage.violate(format!("{} waits for ever", actor.name));
        } else if let Some(what) = self.model.wrong(&self.stage) {
            self.stage.violate(what);
        }
    }

    /// What decides all that may follow.
    fn state(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let mut actors: BTreeMap<&str, [u8; 32]> = BTreeMap::new();
        for actor in &self.actors {
            let waits = actor.call.as_ref().map(|(_, point)| format!("{}{}", point.what, self.below(&point.path)));
            let seen = match (&waits, actor.killed) {
                (Some(waits), _) => *actor.seen.clone().update(waits.as_bytes()).finalize().as_bytes(),
                (None, killed) => [u8::from(killed); 32],
            };
            actors.insert(&actor.name, seen);
        }
        actors.iter().for_each(|(name, seen)| _ = hasher.update(name.as_bytes()).update(seen));
        hasher.update(self.stage.memory().as_bytes());
        let mut files: Vec<String> = Vec::new();
        for entry in walkdir::WalkDir::new(self.stage.root()).min_depth(1).into_iter().flatten() {
            let path = entry.path();
            if self.model.is_shared(path) {
                let below = path.strip_prefix(self.stage.root()).expect("below it");
                files.push(format!("{} {}", below.display(), held(path)));
            }
        }
        files.sort();
        files.iter().for_each(|file| _ = hasher.update(file.as_bytes()));
        hasher.finalize()
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        self.actors.iter().for_each(|actor| self.stage.note_death(&actor.name));
        self.actors.iter_mut().for_each(Actor::kill);
    }
}

impl Actor {
    /// Lets it go on to the next call that others may see. A lock that was `refused` is tried for some times; no move of others comes between, which
    /// is as if all tries came later.
    fn advance(&mut self, model: &dyn Model, root: &Path, refused: Option<PathBuf>) {
        while let Some(call) = next(&self.listener) {
            if matches!(call.number, libc::SYS_nanosleep | libc::SYS_clock_nanosleep) {
                answer(&self.listener, call.id, Some(0));
                continue;
            }
            let point = point(&call).filter(|point| point.what == "waits" || model.is_shared(&point.path));
            let again =
                point.as_ref().is_some_and(|point| point.what.starts_with("locks") && refused.as_ref() == Some(&point.path));
            match point {
                Some(point) if !again && !point.is_settled() => {
                    self.call = Some((call, point));
                    return;
                }
                point => {
                    point.iter().for_each(|point| self.sees(point, root));
                    answer(&self.listener, call.id, None);
                }
            }
        }
        self.thread.take().map(JoinHandle::join);
    }

    fn sees(&mut self, point: &Point, root: &Path) {
        self.seen
            .update(point.what.as_bytes())
            .update(point.path.strip_prefix(root).unwrap_or(&point.path).as_os_str().as_bytes())
            .update(view(point).as_bytes());
    }

    fn is_able(&self, stage: &Stage) -> bool {
        let Some((call, point)) = &self.call else { return false };
        match point.what {
            "waits" => stage.may_go_on(&self.name),
            _ => !self.waits_for_locks(call) || !self.is_refused(call, point),
        }
    }

    fn waits_for_locks(&self, call: &Call) -> bool {
        self.patient || call.arguments[1] as i32 & libc::LOCK_NB == 0
    }

    /// Whether it would not get the lock that it wants.
    fn is_refused(&self, call: &Call, point: &Point) -> bool {
        call.number == libc::SYS_flock && !is_free(&point.path, point.what == "locks shared")
    }

    /// Nothing that it does from now on has any effect; what it holds is released when it has ended.
    fn kill(&mut self) {
        let Some((call, _)) = self.call.take() else { return };
        self.killed = true;
        answer(&self.listener, call.id, Some(libc::EIO));
        while let Some(call) = next(&self.listener) {
            answer(&self.listener, call.id, Some(libc::EIO));
        }
        self.thread.take().map(JoinHandle::join);
    }
}

/// Calls that wait for the explorer.
const CALLS: [libc::c_long; 24] = [
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_creat,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_ftruncate,
    libc::SYS_flock,
    libc::SYS_getdents64,
    libc::SYS_stat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
];

impl Point {
    /// A lock's file is there from the first time on: it matters who locks it and what is written into it.
    fn is_settled(&self) -> bool {
        matches!(self.what, "opens" | "looks at") && self.path.ends_with(".lock")
    }
}

/// What a call is to others, if it is anything.
fn point(call: &Call) -> Option<Point> {
    let [a, b, c, d, ..] = call.arguments;
    let here = libc::AT_FDCWD as u64;
    let (what, path) = match call.number {
        libc::SYS_sched_yield => ("waits", PathBuf::new()),
        libc::SYS_openat if c as i32 & libc::O_DIRECTORY != 0 => return None,
        libc::SYS_openat if c as i32 & libc::O_EXCL != 0 => ("creates", call.path(a, b)?),
        libc::SYS_openat => ("opens", call.path(a, b)?),
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_ftruncate => ("writes", call.descriptor(a)?),
        libc::SYS_rename => ("replaces", call.path(here, b)?),
        libc::SYS_renameat | libc::SYS_renameat2 => ("replaces", call.path(c, d)?),
        libc::SYS_linkat => ("names", call.path(c, d)?),
        libc::SYS_unlink => ("removes", call.path(here, a)?),
        libc::SYS_unlinkat => ("removes", call.path(a, b)?),
        libc::SYS_mkdir => ("creates", call.path(here, a)?),
        libc::SYS_getdents64 if call.place(a) == Some(0) => ("lists", call.descriptor(a)?),
        libc::SYS_stat => ("looks at", call.path(here, a)?),
        libc::SYS_newfstatat if d as i32 & libc::AT_EMPTY_PATH == 0 => ("looks at", call.path(a, b)?),
        libc::SYS_statx if c as i32 & libc::AT_EMPTY_PATH == 0 => ("looks at", call.path(a, b)?),
        libc::SYS_flock if b as i32 & libc::LOCK_EX != 0 => ("locks", call.descriptor(a)?),
        libc::SYS_flock if b as i32 & libc::LOCK_SH != 0 => ("locks shared", call.descriptor(a)?),
        _ => return None,
    };
    // A directory that is opened is synced, or listed, which is another call.
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".writing-"));
    (!is_hidden && (what != "opens" || !path.is_dir())).then_some(Point { what, path })
}

/// What is at a path.
fn held(path: &Path) -> String {
    match fs::symlink_metadata(path) {
        Err(_) => "nothing".to_owned(),
        Ok(found) if found.is_dir() => "a directory".to_owned(),
        Ok(_) => blake3::hash(&fs::read(path).unwrap_or_default()).to_hex()[..16].to_owned(),
    }
}

/// What a call finds.
fn view(point: &Point) -> String {
    match point.what {
        "locks" | "locks shared" => is_free(&point.path, point.what == "locks shared").to_string(),
        "lists" => {
            let names = fs::read_dir(&point.path).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
            names.retain(|name| !name.starts_with(".writing-"));
            names.sort();
            names.join("/")
        }
        _ => held(&point.path),
    }
}

/// Whether a lock would be given.
fn is_free(path: &Path, shared: bool) -> bool {
    let Ok(file) = File::open(path) else { return true };
    if shared { file.try_lock_shared().is_ok() } else { file.try_lock().is_ok() }
}
