//! States in cells that several nodes share: the keyspace, by GET and a SET that a transaction makes conditional (WATCH,
//! MULTI, EXEC), or anything else that can compare and set. Decisions are those of [`Local`](crate::limits::Local) at the
//! same times; a node's clock that is ahead only makes the others' count as standing still.

use crate::limits::rule::{Decision, Rule, State};
use crate::limits::store::{Error, Store, Taking};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// An answer that must be waited for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Cells of bytes by key, which compare and set.
pub trait Cells: Send + Sync {
    /// What is in the cell, if anything.
    fn read<'a>(&'a self, key: &'a [u8]) -> Waiting<'a, Option<Vec<u8>>>;

    /// Puts `new` into the cell if `old` is in it, as one step; `false` if something else was. The cell may be emptied after
    /// `keep_for`, not before.
    fn swap<'a>(
        &'a self,
        key: &'a [u8],
        old: Option<&'a [u8]>,
        new: &'a [u8],
        keep_for: Duration,
    ) -> Waiting<'a, bool>;
}

/// How often a decision is made again because somebody else was first.
const ATTEMPTS_MAX: u32 = 16;

/// A store over cells.
#[derive(Debug)]
pub struct Shared<C> {
    cells: C,
}

impl<C: Cells> Shared<C> {
    /// A store over these cells.
    pub fn new(cells: C) -> Self {
        Self { cells }
    }

    async fn decide(&self, key: &[u8], rule: &Rule, cost: u32, now: Duration) -> Result<Decision, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let old = self.cells.read(key).await?;
            let state = old.as_deref().and_then(|bytes| State::from_bytes(bytes, rule));
            let (decision, next) = rule.decide(state.as_ref(), cost, now);
            let Some(next) = next else { return Ok(decision) };
            let next = next.to_bytes(rule);
            if self.cells.swap(key, old.as_deref(), &next, decision.full_after).await? {
                return Ok(decision);
            }
        }
        Err(Error::Contended(ATTEMPTS_MAX))
    }
}

impl<C: Cells> Store for Shared<C> {
    fn take<'a>(&'a self, key: &'a [u8], rule: &'a Rule, cost: u32, now: Duration) -> Taking<'a> {
        Taking::Waits(Box::pin(self.decide(key, rule, cost, now)))
    }
}
