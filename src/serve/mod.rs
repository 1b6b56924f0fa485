//! How are results looked at in a browser while they grow?
//!
//! [`serve`] is a reader like `report`: files in, pages out. It holds nothing that the files do not have, so it may be ended and started at any
//! moment, twice at a time too, and writes nothing. What is heavy, the report's own charts and tables, is made by a process of its own
//! ([`Drawer`]), whose memory goes with it. What a page may ask for beyond looking goes the way of the terminal (`control`). Pages come whole from the server and are exchanged in parts as files change; the script in the
//! browser knows no data but what stands in them.

mod address;
mod answer;
mod changes;
mod control;
mod door;
mod draw;
mod listen;
mod looked;
mod notified;
mod pages;
mod timeline;
mod trials;
mod watch;

pub use draw::Drawer;

use crate::store::{ExperimentDir, Results, RunDir};
use answer::answer;
use axum::Router;
use changes::Clients;
use door::Door;
use draw::Drawings;
use looked::Looked;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

/// What is served, and where.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where results lie.
    pub results: Results,
    /// The one experiment that is shown; all without it.
    pub only: Option<OsString>,
    /// The address that is listened at.
    pub host: IpAddr,
    /// The port; 0 for a free one.
    pub port: u16,
    /// Whether a token is asked for; beyond this machine it always is.
    pub token: bool,
    /// Whether pages may stop runs, run what is left and add seeds; then a token is always asked for.
    pub control: bool,
    /// Whether files are looked at again and again, instead of waiting for the system to report changes.
    pub poll: bool,
    /// What makes charts and tables.
    pub drawer: Drawer,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened at.
    #[error("{at}: {cause}; choose another with --host and --port, or leave --port away for a free one")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The system has no threads or files left.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// All that a page is made of.
struct Served {
    results: Results,
    only: Option<OsString>,
    looked: Looked,
    drawings: Drawings,
    clients: Clients,
    door: Door,
    control: bool,
    /// Experiments of which a command goes on that was started here.
    started: Mutex<HashSet<OsString>>,
}

impl Served {
    /// The experiments that are shown.
    fn experiments(&self) -> Vec<ExperimentDir> {
        let all = self.results.experiments().unwrap_or_default();
        all.into_iter().filter(|dir| dir.path().file_name().is_some_and(|name| self.shows(name))).collect()
    }

    fn shows(&self, name: &OsStr) -> bool {
        // What begins with a dot is no experiment, as `.cache`.
        !name.as_encoded_bytes().starts_with(b".") && self.only.as_deref().is_none_or(|only| only == name)
    }

    /// An experiment by its name, which is that of a directory right here.
    fn experiment(&self, name: &OsStr) -> Option<ExperimentDir> {
        self.experiments().into_iter().find(|dir| dir.path().file_name() == Some(name))
    }

    /// A run by its experiment's name and its id, which is that of a directory right there.
    fn run(&self, experiment: &OsStr, id: &OsStr) -> Option<RunDir> {
        let runs = self.experiment(experiment)?.runs().ok()?;
        runs.into_iter().find(|run| run.path().file_name() == Some(id))
    }
}

/// Serves until the process ends. `ready` is called with the address of the first page as soon as there is one to look at.
///
/// # Errors
/// If the address cannot be listened at, or the system has no threads left.
pub fn serve(wanted: Wanted, ready: impl FnOnce(&str)) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(8).build()?;
    let listener = listen::listener(SocketAddr::new(wanted.host, wanted.port))?;
    let at = listener.local_addr()?;
    let door = Door::new(at, wanted.token || wanted.control);
    let url = door.url();
    let served = Arc::new(Served {
        looked: Looked::default(),
        drawings: Drawings::new(wanted.drawer),
        clients: Clients::default(),
        results: wanted.results,
        only: wanted.only,
        door,
        control: wanted.control,
        started: Mutex::default(),
    });
    watch::start(Arc::clone(&served), wanted.poll)?;
    ready(&url);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(axum::serve(listener, Router::new().fallback(answer).with_state(served)).await?)
    })
}
