//! Clients that block until a list or a sorted set has elements.
//!
//! A push serves the clients that wait, in the order in which they came, before its own locks are released and in its own
//! batch: so nobody else sees the elements in between, and a crash leaves both or neither. Where serving needs a shard that the push does
//! not hold (a move to another shard), the client is woken to run its command again.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::Client;
use crate::durable::Need;
use crate::state::Kind;

/// What a blocked client wants.
#[derive(Clone, Debug)]
pub enum Wish {
    /// BLPOP, BRPOP: one element, with the key.
    Pop {
        /// From the head.
        front: bool,
    },
    /// BLMPOP: some elements.
    PopMany {
        /// From the head.
        front: bool,
        /// At most so many.
        count: usize,
    },
    /// BLMOVE, BRPOPLPUSH.
    Move {
        /// Where the element goes.
        destination: Vec<u8>,
        /// Taken from the head.
        from_front: bool,
        /// Put at the head.
        to_front: bool,
    },
    /// BZPOPMIN, BZPOPMAX: one member, with the key.
    PopScored {
        /// The highest score first.
        highest: bool,
    },
    /// BZMPOP: some members.
    PopScoredMany {
        /// The highest score first.
        highest: bool,
        /// At most so many.
        count: usize,
    },
}

impl Wish {
    /// The type of value that it can be had from.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Pop { .. } | Self::PopMany { .. } | Self::Move { .. } => Kind::List,
            Self::PopScored { .. } | Self::PopScoredMany { .. } => Kind::SortedSet,
        }
    }
}

/// A blocked client.
#[derive(Debug)]
pub struct Waiter {
    /// Whom to wake.
    pub client: Arc<Client>,
    /// The number of the dataset in whose queues it stands.
    pub dataset: usize,
    /// The keys that it waits for, each once.
    pub keys: Vec<Vec<u8>>,
    /// What it wants of the first of them that has elements.
    pub wish: Wish,
    state: Mutex<State>,
}

/// How far waiting has come.
#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    /// Somebody is about to serve it.
    Claimed,
    Ended(Outcome),
    /// The client has taken the outcome, or does not wait any more.
    Gone,
}

/// How waiting ended.
#[derive(Debug)]
pub enum Outcome {
    /// With this reply, once what it shows is durable.
    Served(Vec<u8>, Need),
    /// The command must run again.
    Retry,
}

impl Waiter {
    /// A client that starts to wait.
    pub fn new(client: Arc<Client>, dataset: usize, keys: Vec<Vec<u8>>, wish: Wish) -> Self {
        Self { client, dataset, keys, wish, state: Mutex::default() }
    }

    /// Whether it still waits.
    pub fn is_waiting(&self) -> bool {
        matches!(*self.state.lock(), State::Waiting)
    }

    /// Takes the right to serve it; follow with `finish`, `retry` or `release`.
    pub fn claim(&self) -> bool {
        let mut state = self.state.lock();
        let waiting = matches!(*state, State::Waiting);
        if waiting {
            *state = State::Claimed;
        }
        waiting
    }

    /// Gives the right back: there was nothing for it.
    pub fn release(&self) {
        *self.state.lock() = State::Waiting;
        self.client.wake();
    }

    /// Serves it.
    pub fn finish(&self, reply: Vec<u8>, need: Need) {
        *self.state.lock() = State::Ended(Outcome::Served(reply, need));
        self.client.wake();
    }

    /// Has it run its command again.
    pub fn retry(&self) {
        *self.state.lock() = State::Ended(Outcome::Retry);
        self.client.wake();
    }

    /// The outcome, if waiting has ended.
    pub fn take(&self) -> Option<Outcome> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Ended(outcome) => Some(outcome),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Stops waiting. `false` if somebody is serving it or has: then the outcome is still to come, or to be taken.
    pub fn give_up(&self) -> bool {
        let mut state = self.state.lock();
        let waiting = matches!(*state, State::Waiting);
        if waiting {
            *state = State::Gone;
        }
        waiting
    }
}
