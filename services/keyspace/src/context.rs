//! What a handler works with: the locked keys and the reply, or the session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bole_shard::Transaction;

use crate::client::Client;
use crate::durable::Need;
use crate::keys::Keys;
use crate::protocol::Reply;
use crate::pubsub::Kind;
use crate::service::Service;

/// A command on keys while it runs: the keys that are locked for it, its reply, and the service around it.
pub struct Context<'c, 'k> {
    /// The locked keys.
    pub keys: &'c mut Keys<'k>,
    /// Where the reply goes.
    pub reply: &'c mut Reply,
    /// The service.
    pub service: &'c Arc<Service>,
    /// The client.
    pub client: &'c Arc<Client>,
}

/// A command on the connection or the service while it runs.
pub struct Session<'c> {
    /// The connection.
    pub state: &'c mut SessionState,
    /// Where the reply goes.
    pub reply: &'c mut Reply,
    /// The service.
    pub service: &'c Arc<Service>,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    /// Whether it runs inside EXEC.
    pub in_exec: bool,
    /// What the connection must wait for after this command.
    pub then: Option<Then>,
}

/// Work that a command leaves to the connection, because it waits.
#[derive(Debug)]
pub enum Then {
    /// Check a password, then reply `OK` or, for HELLO, the server's properties.
    Authenticate {
        /// Whose password.
        user: String,
        /// The password.
        password: String,
        /// The HELLO that it came with.
        hello: Option<Hello>,
    },
    /// Write a checkpoint, then reply `OK`.
    Checkpoint,
    /// Wait until this client's writes are fsynced or the deadline passes, then reply `[n, 0]`.
    WaitSynced {
        /// Milliseconds since the Unix epoch; `None`: for ever.
        deadline: Option<u64>,
    },
    /// Wait until the deadline passes, then reply 0: no replica will ever acknowledge.
    WaitReplicas {
        /// Milliseconds since the Unix epoch; `None`: for ever.
        deadline: Option<u64>,
    },
    /// Wait until the deadline passes, then reply `OK`: DEBUG SLEEP.
    Sleep {
        /// Milliseconds since the Unix epoch.
        deadline: u64,
    },
    /// Wait until the connections of these clients are closed; the reply is there already.
    Killed(Vec<Arc<Client>>),
    /// Close after the replies so far were sent.
    Close,
    /// Stop the node.
    Shutdown,
}

/// What HELLO asks for.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    /// 2 or 3.
    pub version: Option<u8>,
    /// SETNAME.
    pub name: Option<String>,
}

/// How much a client wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// All replies.
    #[default]
    On,
    /// None.
    Off,
    /// Not that of the next command.
    SkipNext,
    /// Not that of this one.
    Skip,
}

/// What the identity of a connection may do. A set of bits, looked up once per authentication and policy change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Grants(pub u8);

impl Grants {
    /// Read keys.
    pub const READ: u8 = 1;
    /// Change keys.
    pub const WRITE: u8 = 2;
    /// Channels.
    pub const PUBSUB: u8 = 4;
    /// Operate the server.
    pub const ADMIN: u8 = 8;
    /// Everything.
    pub const ALL: Self = Self(15);
}

/// A connection's side of the conversation.
pub struct SessionState {
    /// The client as others see it.
    pub client: Arc<Client>,
    /// The selected database.
    pub database: usize,
    /// What it may do; `None` before it has authenticated.
    pub grants: Option<Grants>,
    /// The policies that `grants` was looked up in.
    pub policy_version: u64,
    /// Commands queued by MULTI.
    pub multi: Option<Multi>,
    /// Keys watched for EXEC.
    pub watch: Option<Watch>,
    /// What it subscribes to, by [`Kind`].
    pub subscriptions: [BTreeSet<Vec<u8>>; 3],
    /// Bytes of the names in `subscriptions`.
    pub subscription_bytes: usize,
    /// How much it wants to hear.
    pub reply_mode: ReplyMode,
    /// Reused for each command.
    pub transaction: Transaction,
    /// What the replies that are not sent yet wait for.
    pub need: Need,
    /// What this client's own writes need: for WAITAOF.
    pub last_write: Need,
    /// Where the choices of its commands come from.
    pub random: u64,
}

/// A transaction between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Multi {
    /// The commands: index in the registry, and the arguments.
    pub commands: Vec<(usize, Vec<Vec<u8>>)>,
    /// A command was refused: EXEC will be, too.
    pub failed: bool,
    /// Bytes of the arguments.
    pub bytes: usize,
}

/// What EXEC depends on.
#[derive(Debug, Default)]
pub struct Watch {
    /// Set by whoever changes one of the keys.
    pub dirty: Arc<AtomicBool>,
    /// The keys: the database that was selected, and the name.
    pub keys: BTreeMap<(usize, Vec<u8>), WatchedKey>,
    /// Bytes of the names.
    pub bytes: usize,
}

/// A key that EXEC depends on.
#[derive(Debug)]
pub struct WatchedKey {
    /// The dataset that was behind the database.
    pub dataset: usize,
    /// Whether it existed.
    pub live: bool,
}

impl SessionState {
    /// A connection that has just been made.
    pub fn new(client: Arc<Client>, transaction: Transaction, grants: Option<Grants>) -> Self {
        Self {
            client,
            database: 0,
            grants,
            policy_version: 0,
            multi: None,
            watch: None,
            subscriptions: Default::default(),
            subscription_bytes: 0,
            reply_mode: ReplyMode::On,
            transaction,
            need: Need::default(),
            last_write: Need::default(),
            random: 0,
        }
    }

    /// Selects a database.
    pub fn select(&mut self, database: usize) {
        self.database = database;
        self.client.database.store(database as u8, Ordering::Relaxed);
    }

    /// Whether the connection may only subscribe and unsubscribe: RESP2 with a subscription.
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.iter().any(|names| !names.is_empty())
    }

    /// How many subscriptions the replies of (P)SUBSCRIBE count, or those of SSUBSCRIBE.
    pub fn subscription_count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.subscriptions[Kind::Shard as usize].len(),
            Kind::Channel | Kind::Pattern => {
                self.subscriptions[Kind::Channel as usize].len()
                    + self.subscriptions[Kind::Pattern as usize].len()
            }
        }
    }

    /// Leaves MULTI, and forgets the watched keys.
    pub fn end_multi(&mut self, service: &Service) {
        self.multi = None;
        self.client.queued.store(u32::MAX, Ordering::Relaxed);
        self.unwatch(service);
    }

    /// Forgets the watched keys.
    pub fn unwatch(&mut self, service: &Service) {
        let Some(watch) = self.watch.take() else { return };
        for ((_, key), watched) in &watch.keys {
            let dataset = &service.databases.datasets()[watched.dataset];
            // A quarantined shard has nobody who could touch the key.
            if let Ok(mut locked) = dataset.shards[dataset.shard_of(key)].lock() {
                locked.state_mut().unwatch(key, &watch.dirty);
            }
        }
    }

    /// Ends all subscriptions.
    pub fn unsubscribe_all(&mut self, service: &Service) {
        self.subscription_bytes = 0;
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in std::mem::take(&mut self.subscriptions[kind as usize]) {
                service.pubsub.unsubscribe(kind, &name, &self.client);
            }
        }
    }
}
