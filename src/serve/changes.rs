//! What changes, told to every page that is open, as server-sent events.

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// Changes that wait for a slow page; one that does not take them gets none for a while, and all of the page when it does.
const WAITING: usize = 64;

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Change {
    /// The link of the experiment.
    pub experiment: String,
    /// The link of the run, if it is a run's alone.
    pub run: Option<String>,
    /// Whether nothing but logs and events has grown.
    pub log: bool,
}

/// The pages that are open.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<Vec<Sender<Change>>>);

impl Clients {
    /// A page that listens from now on.
    pub(super) fn join(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        // Without data a browser passes it over.
        let hello = Event::default().event("hello").retry(Duration::from_millis(500)).data("hello");
        let changes = Changes { hello: Some(hello), receiver: self.listen() };
        Sse::new(changes).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
    }

    /// What a page hears. Those that were closed are forgotten: nothing may change for days while pages come and go.
    fn listen(&self) -> Receiver<Change> {
        let (sender, receiver) = channel(WAITING);
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| !client.is_closed());
        clients.push(sender);
        receiver
    }

    /// Tells every page; those that were closed are forgotten.
    pub(super) fn tell(&self, change: &Change) {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| !matches!(client.try_send(change.clone()), Err(TrySendError::Closed(_))));
    }
}

struct Changes {
    hello: Option<Event>,
    receiver: Receiver<Change>,
}

impl Stream for Changes {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Ok(hello)));
        }
        let event = |change: Change| Ok(Event::default().data(serde_json::to_string(&change).expect("plain data")));
        self.receiver.poll_recv(context).map(|change| change.map(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pages_are_forgotten_though_nothing_changes() {
        let clients = Clients::default();
        let open = clients.listen();
        (0..100).for_each(|_| drop(clients.listen()));
        assert!(clients.0.lock().unwrap().len() <= 2);
        drop(open);
    }
}
