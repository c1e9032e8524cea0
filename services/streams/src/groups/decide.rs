//! What decisions are made of. A decision is a plain function: it looks at the state, what is beside it, the time and a request, and says what
//! to log, whom to answer and when to look again. It does no I/O, reads no clock and makes up no ids; so tests can run it in any order.
//!
//! A decision about a classic group changes what is beside the state as it goes, because its effects cannot fail: the space
//! that they take at most ([`space`]) is taken before. All other decisions leave everything as it was, and put what changes
//! beside the state into [`Outcome::after`], which runs when the effects are in the log; so they may be made again when the journal has no room.

use super::config::Config;
use super::error::Error;
use super::state::{Effect, State};
use super::topics::Topics;
use super::{JoinRefused, Joined, Synced};

/// The time of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds since the Unix epoch: for what is kept.
    pub(crate) wall_ms: u64,
    /// Milliseconds since the start of the node, which never go back: for timers.
    pub(crate) monotonic_ms: u64,
}

impl Now {
    /// When a time by the calendar comes, as timers count; not before now.
    pub(crate) const fn monotonic_at(&self, wall_ms: u64) -> u64 {
        self.monotonic_ms.saturating_add(wall_ms.saturating_sub(self.wall_ms))
    }
}

/// What every decision may look at besides the state.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) topics: &'a dyn Topics,
    pub(crate) now: Now,
}

/// Someone who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token(pub(crate) u64);

/// An answer to someone who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Join(Result<Joined, JoinRefused>),
    Sync(Result<Synced, Error>),
}

/// Changes what is beside the state, when the effects are logged.
pub(crate) type After = Box<dyn FnOnce(&mut State) + Send>;

/// What a decision comes to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// To be logged as one batch.
    pub(crate) effects: Vec<Effect>,
    /// To be sent when the effects are durable.
    pub(crate) replies: Vec<(Token, Reply)>,
    /// When the group's timers must be looked at, at the latest: monotonic milliseconds.
    pub(crate) wake_ms: Option<u64>,
    pub(crate) after: Vec<After>,
    /// Whether records of a share group may be free now that were not, or there is room for more: who waits for some looks again.
    pub(crate) freed: bool,
    /// Records that were seen and are not due yet.
    pub(crate) delayed: u64,
    /// Whether the group's timers were served: then the next look is worked out when all this is done.
    pub(crate) looked: bool,
}

impl Outcome {
    pub(crate) fn log(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn wake(&mut self, at_ms: u64) {
        self.wake_ms = Some(self.wake_ms.map_or(at_ms, |other| other.min(at_ms)));
    }

    pub(crate) fn join(&mut self, token: Token, reply: Result<Joined, JoinRefused>) {
        self.replies.push((token, Reply::Join(reply)));
    }

    pub(crate) fn sync(&mut self, token: Token, reply: Result<Synced, Error>) {
        self.replies.push((token, Reply::Sync(reply)));
    }

    pub(crate) fn after(&mut self, change: impl FnOnce(&mut State) + Send + 'static) {
        self.after.push(Box::new(change));
    }
}

/// Journal space for the effects of a decision that logs no members: a few short effects about one group.
pub(crate) const SPACE_SMALL: usize = 16 << 10;
