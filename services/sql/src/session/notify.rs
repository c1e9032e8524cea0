//! `LISTEN` and `NOTIFY`: who listens to what, and what waits for them. Nothing of it outlives the process, as in PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Notifications that may wait for one session; one that leaves more lying is disconnected.
pub(crate) const WAITING_MAX: usize = 10_000;

/// Bytes of what may wait for one session.
pub(crate) const WAITING_BYTES_MAX: usize = 8 << 20;
/// Channels that one session may listen to.
pub(crate) const CHANNELS_MAX: usize = 10_000;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Who sent it.
    pub(crate) process_id: i32,
    /// On which channel.
    pub(crate) channel: Arc<str>,
    /// With which text.
    pub(crate) payload: Arc<str>,
}

impl Notification {
    fn bytes(&self) -> usize {
        self.channel.len() + self.payload.len()
    }
}

/// Where the notifications of a session arrive.
pub(crate) struct Inbox {
    receiver: mpsc::Receiver<Notification>,
    waiting: Arc<AtomicUsize>,
}

impl Inbox {
    /// The next one. May be dropped.
    pub(crate) async fn recv(&mut self) -> Option<Notification> {
        self.receiver.recv().await.inspect(|taken| self.took(taken))
    }

    /// The next one that is there.
    pub(crate) fn try_recv(&mut self) -> Option<Notification> {
        self.receiver.try_recv().ok().inspect(|taken| self.took(taken))
    }

    fn took(&self, taken: &Notification) {
        self.waiting.fetch_sub(taken.bytes(), Ordering::Relaxed);
    }
}

/// Who listens, over all databases.
#[derive(Default)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: BTreeMap<i32, Listener>,
    /// Sessions by database and channel.
    channels: BTreeMap<(String, String), BTreeSet<i32>>,
}

struct Listener {
    sender: mpsc::Sender<Notification>,
    waiting: Arc<AtomicUsize>,
    lost: bool,
}

impl Hub {
    /// A session that may listen: where its notifications arrive. Ends with [`Hub::leave`].
    pub(crate) fn enter(&self, process_id: i32) -> Inbox {
        // The channel takes memory only for what is in it.
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let waiting = Arc::<AtomicUsize>::default();
        let listener = Listener { sender, waiting: Arc::clone(&waiting), lost: false };
        self.inner.lock().sessions.insert(process_id, listener);
        Inbox { receiver, waiting }
    }

    /// The session is gone.
    pub(crate) fn leave(&self, process_id: i32) {
        self.unlisten_all(process_id);
        self.inner.lock().sessions.remove(&process_id);
    }

    pub(crate) fn listen(&self, process_id: i32, database: &str, channel: &str) {
        let key = (database.to_owned(), channel.to_owned());
        self.inner.lock().channels.entry(key).or_default().insert(process_id);
    }

    pub(crate) fn unlisten(&self, process_id: i32, database: &str, channel: &str) {
        let key = (database.to_owned(), channel.to_owned());
        let mut inner = self.inner.lock();
        if let Some(sessions) = inner.channels.get_mut(&key) {
            sessions.remove(&process_id);
            if sessions.is_empty() {
                inner.channels.remove(&key);
            }
        }
    }

    pub(crate) fn unlisten_all(&self, process_id: i32) {
        self.inner.lock().channels.retain(|_, sessions| {
            sessions.remove(&process_id);
            !sessions.is_empty()
        });
    }

    /// How many channels the session listens to.
    pub(crate) fn channels_of(&self, process_id: i32) -> usize {
        self.inner.lock().channels.values().filter(|sessions| sessions.contains(&process_id)).count()
    }

    /// Whether the session left too much lying.
    pub(crate) fn is_lost(&self, process_id: i32) -> bool {
        self.inner.lock().sessions.get(&process_id).is_some_and(|listener| listener.lost)
    }

    /// Hands notifications of one transaction out. How many were.
    pub(crate) fn publish(&self, database: &str, notifications: &[Notification]) -> u64 {
        let mut inner = self.inner.lock();
        let Inner { sessions, channels } = &mut *inner;
        let mut handed = 0;
        for notification in notifications {
            let key = (database.to_owned(), notification.channel.to_string());
            for process_id in channels.get(&key).into_iter().flatten() {
                if let Some(listener) = sessions.get_mut(process_id) {
                    let bytes = notification.bytes();
                    let before = listener.waiting.fetch_add(bytes, Ordering::Relaxed);
                    let fits = before + bytes <= WAITING_BYTES_MAX;
                    if !listener.lost && fits && listener.sender.try_send(notification.clone()).is_ok() {
                        handed += 1;
                    } else {
                        listener.waiting.fetch_sub(bytes, Ordering::Relaxed);
                        listener.lost = true;
                    }
                }
            }
        }
        handed
    }
}
