//! Where the states of rates are kept: in this process ([`Local`]), or in cells that several nodes share ([`Shared`]).
//!
//! A store's promise: between the read of a key's state and the write of the next nobody else decides on that key. So a
//! limit holds however many ask at once; to look first and count later would let all of them through.

mod local;
mod shared;

pub use local::Local;
pub use shared::{Cells, Shared, Waiting};

use crate::limits::rule::{Decision, Rule};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Why a store cannot decide. Whether the request then goes on is for [`OnFailure`] to say.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The store holds as many keys as it may and all are in use.
    #[error("the store holds {0} keys, as many as it may, and all are in use; raise its bound")]
    Full(usize),
    /// Others changed the key's state each time that it was tried.
    #[error("the key's state was changed by others {0} times in a row")]
    Contended(u32),
    /// The cells cannot be reached.
    #[error("the shared state of limits cannot be reached: {0}")]
    Unavailable(String),
}

/// What becomes of a request when the store cannot decide. There is no right answer for all: a limit that protects a
/// back end should refuse, one that shares out a quota should admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on, uncounted.
    Admit,
    /// It is refused.
    Refuse,
}

impl OnFailure {
    /// Whether the request may go on.
    pub fn admits(self, taken: &Result<Decision, Error>) -> bool {
        taken.as_ref().map_or(self == Self::Admit, |decision| decision.admitted)
    }
}

/// Keeps the states of keys.
pub trait Store: Send + Sync {
    /// Decides on a request of this cost and counts it, as one step. `now` is a time since an epoch that all who share the
    /// store share. A key means the same rule each time; under another one it begins anew. Cancelled, it may have
    /// counted or not.
    fn take<'a>(&'a self, key: &'a [u8], rule: &'a Rule, cost: u32, now: Duration) -> Taking<'a>;
}

/// A decision that is there already, or that must be waited for.
pub enum Taking<'a> {
    /// There; `None` once it has been given out.
    Done(Option<Result<Decision, Error>>),
    /// Not yet.
    Waits(Pin<Box<dyn Future<Output = Result<Decision, Error>> + Send + 'a>>),
}

impl Future for Taking<'_> {
    type Output = Result<Decision, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Done(decision) => decision.take().map_or(Poll::Pending, Poll::Ready),
            Self::Waits(future) => future.as_mut().poll(context),
        }
    }
}

#[cfg(test)]
mod suite;
