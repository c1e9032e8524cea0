//! Connected clients as others see them: the list, who may be killed or unblocked, and messages on their way to them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A connected client.
#[derive(Debug)]
pub struct Client {
    /// Never reused.
    pub id: u64,
    /// Where it connects from.
    pub peer: SocketAddr,
    /// Where it connected to.
    pub local: SocketAddr,
    /// Milliseconds since the Unix epoch when it connected.
    pub connected_ms: u64,
    /// What changes rarely.
    pub details: Mutex<Details>,
    /// Milliseconds since the Unix epoch of the last command.
    pub active_ms: AtomicU64,
    /// The selected database.
    pub database: AtomicU8,
    /// The protocol version, 2 or 3.
    pub protocol: AtomicU8,
    /// Channels, patterns and shard channels that it subscribes to.
    pub subscriptions: AtomicU32,
    /// The same one by one, by [`crate::pubsub::Kind`].
    pub subscribed: [AtomicU32; 3],
    /// Commands queued by MULTI, or `u32::MAX` outside.
    pub queued: AtomicU32,
    /// Whether it blocks on a key.
    pub blocked: AtomicBool,
    /// Index of the last command in the registry, `u32::MAX` before the first.
    pub last_command: AtomicU32,
    killed: AtomicBool,
    cut_off: AtomicBool,
    closed: AtomicBool,
    unblock: AtomicU8,
    outbox: Mutex<Outbox>,
    waker: AtomicWaker,
    on_closed: Notify,
}

/// What a client says about itself.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// CLIENT SETNAME.
    pub name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub library_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: String,
    /// Who it authenticated as.
    pub user: String,
}

/// Messages on their way to a client that has not asked for them.
#[derive(Debug, Default)]
struct Outbox {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Since when it holds more than the soft limit.
    over_soft_since_ms: Option<u64>,
}

/// How much may wait for a client that does not read, as in Redis's `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug)]
pub struct OutputLimit {
    /// At this many bytes the client is cut off. 0: no limit.
    pub hard_bytes: usize,
    /// So many bytes for longer than `soft_ms` cut it off too. 0: no limit.
    pub soft_bytes: usize,
    /// See `soft_bytes`.
    pub soft_ms: u64,
}

/// How CLIENT UNBLOCK ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblock {
    /// As if its time were up.
    Timeout,
    /// With an error.
    Error,
}

impl Client {
    /// A client that has just connected.
    pub fn new(id: u64, peer: SocketAddr, local: SocketAddr, now_ms: u64) -> Self {
        Self {
            id,
            peer,
            local,
            connected_ms: now_ms,
            details: Mutex::default(),
            active_ms: AtomicU64::new(now_ms),
            database: AtomicU8::new(0),
            protocol: AtomicU8::new(2),
            subscriptions: AtomicU32::new(0),
            subscribed: Default::default(),
            queued: AtomicU32::new(u32::MAX),
            blocked: AtomicBool::new(false),
            last_command: AtomicU32::new(u32::MAX),
            killed: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            unblock: AtomicU8::new(0),
            outbox: Mutex::default(),
            waker: AtomicWaker::new(),
            on_closed: Notify::new(),
        }
    }

    /// Wakes the connection's task.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Registers the connection's task for [`Client::wake`].
    pub fn register(&self, context: &std::task::Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Closes the connection as soon as it looks: what it is about to send is still sent.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.wake();
    }

    /// Closes the connection wherever it waits, with nothing more sent. A command that runs at this moment ends first.
    pub fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Release);
        self.kill();
    }

    /// Whether the connection shall not even wait for what it has begun.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    /// Says that the socket is closed and the client is in no list any more.
    pub fn note_closed(&self) {
        self.closed.store(true, Ordering::Release);
        self.on_closed.notify_waiters();
    }

    /// Waits for [`Client::note_closed`]. May be cancelled.
    pub async fn until_closed(&self) {
        let mut closed = pin!(self.on_closed.notified());
        // Listens before it looks: nothing can come in between.
        closed.as_mut().enable();
        if !self.closed.load(Ordering::Acquire) {
            closed.await;
        }
    }

    /// Whether the connection shall close.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Ends a wait, if it waits.
    pub fn unblock(&self, how: Unblock) -> bool {
        let blocked = self.blocked.load(Ordering::Acquire);
        if blocked {
            self.unblock.store(if how == Unblock::Timeout { 1 } else { 2 }, Ordering::Release);
            self.wake();
        }
        blocked
    }

    /// Whether somebody else wants to end this client's wait.
    pub fn wants_unblock(&self) -> bool {
        self.unblock.load(Ordering::Acquire) != 0
    }

    /// Takes the wish of somebody else to end this client's wait.
    pub fn take_unblock(&self) -> Option<Unblock> {
        match self.unblock.swap(0, Ordering::AcqRel) {
            0 => None,
            1 => Some(Unblock::Timeout),
            _ => Some(Unblock::Error),
        }
    }

    /// Puts a message on its way. A client that holds up too much is cut off.
    pub fn send(&self, message: Bytes, limit: OutputLimit, now_ms: u64) {
        let mut outbox = self.outbox.lock();
        outbox.bytes += message.len();
        outbox.messages.push_back(message);
        let over = |bound: usize| bound > 0 && outbox.bytes >= bound;
        let hard = over(limit.hard_bytes);
        let soft = over(limit.soft_bytes);
        let since = if soft { Some(outbox.over_soft_since_ms.unwrap_or(now_ms)) } else { None };
        outbox.over_soft_since_ms = since;
        let too_long = since.is_some_and(|since| now_ms.saturating_sub(since) > limit.soft_ms);
        if hard || too_long {
            outbox.messages.clear();
            outbox.bytes = 0;
            drop(outbox);
            tracing::warn!(client = self.id, peer = %self.peer, "cut off: it does not read its messages");
            self.kill();
        } else {
            drop(outbox);
            self.wake();
        }
    }

    /// Takes the next message that waits.
    pub fn take_message(&self) -> Option<Bytes> {
        let mut outbox = self.outbox.lock();
        let message = outbox.messages.pop_front()?;
        outbox.bytes -= message.len();
        Some(message)
    }

    /// Whether messages wait.
    pub fn has_messages(&self) -> bool {
        self.subscriptions.load(Ordering::Relaxed) > 0 && !self.outbox.lock().messages.is_empty()
    }

    /// Bytes of the messages that wait.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.lock().bytes
    }
}

/// All connected clients, by id.
#[derive(Debug, Default)]
pub struct Clients {
    map: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    /// Adds a client.
    pub fn insert(&self, client: &Arc<Client>) {
        self.map.lock().insert(client.id, Arc::clone(client));
    }

    /// Removes a client.
    pub fn remove(&self, id: u64) {
        self.map.lock().remove(&id);
    }

    /// All clients, the oldest first.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.map.lock().values().cloned().collect()
    }

    /// One client.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.map.lock().get(&id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
