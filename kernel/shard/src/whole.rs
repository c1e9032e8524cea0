//! Small states that are checkpointed as a whole: the catalog, identity, configuration.

use std::future::poll_fn;

use bole_base::{Durability, Offset};
use bole_log::PayloadKind;

use crate::{ApplyError, Error, Runtime, Section, Shard, State, Step};

/// A small state whose snapshot is one piece of bytes.
pub trait Whole: Send + 'static {
    /// One change.
    type Change;
    /// The number of the change's layout in the log.
    const KIND: PayloadKind;
    /// The version of that layout.
    const VERSION: u8;

    /// The change's payload.
    fn encode(change: &Self::Change) -> Vec<u8>;
    /// Reads a payload back; the error says what is wrong with it.
    fn decode(payload: &[u8]) -> Result<Self::Change, String>;
    /// Advances the state. Deterministic.
    fn apply(&mut self, change: &Self::Change);
    /// The whole state as bytes.
    fn snapshot(&self) -> Vec<u8>;
    /// Puts a snapshot back; the error says what is wrong with it.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// A [`Whole`] as a [`State`] of one section.
pub struct Single<W> {
    inner: W,
    /// Changes below this offset are inside already.
    floor: Offset,
    /// The offset after the last change.
    touched: Offset,
}

impl<W> Single<W> {
    /// Wraps an empty state.
    pub const fn new(inner: W) -> Self {
        Self { inner, floor: Offset::ZERO, touched: Offset::ZERO }
    }

    /// The state.
    pub const fn get(&self) -> &W {
        &self.inner
    }
}

/// A change, owned or just decoded.
pub enum Held<'a, C> {
    /// From a request.
    Borrowed(&'a C),
    /// From the log.
    Owned(C),
}

impl<C> Held<'_, C> {
    const fn get(&self) -> &C {
        match self {
            Self::Borrowed(change) => change,
            Self::Owned(change) => change,
        }
    }
}

impl<W: Whole> State for Single<W>
where
    W::Change: 'static,
{
    type Effect<'a> = Held<'a, W::Change>;

    fn kind(_effect: &Self::Effect<'_>) -> (PayloadKind, u8) {
        (W::KIND, W::VERSION)
    }

    fn encode(effect: &Self::Effect<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&W::encode(effect.get()));
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self::Effect<'_>, ApplyError> {
        if kind != W::KIND || version != W::VERSION {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        W::decode(payload).map(Held::Owned).map_err(ApplyError::Malformed)
    }

    fn apply(&mut self, offset: Offset, effect: &Self::Effect<'_>) {
        if offset >= self.floor {
            self.inner.apply(effect.get());
            self.touched = offset.next();
        }
    }

    fn next_section(&mut self, _cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        let dirty = since == Offset::ZERO || self.touched > since;
        if dirty {
            out.extend_from_slice(&self.inner.snapshot());
        }
        Step { section: dirty.then_some((0, u64::MAX)), next: None }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        self.inner.restore(bytes).map_err(ApplyError::Malformed)?;
        self.floor = section.offset;
        Ok(())
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}

impl<W: Whole> Shard<Single<W>>
where
    W::Change: 'static,
{
    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&W) -> T) -> Result<T, Error> {
        Ok(look(self.lock()?.state().get()))
    }

    /// Lets `decide` choose changes, makes them in one batch, and returns when they are fsynced. `decide` may run more than once and must not
    /// have effects of its own.
    pub async fn change<T, E: From<Error>>(
        &self,
        runtime: &Runtime,
        decide: impl Fn(&W) -> Result<(Vec<W::Change>, T), E>,
    ) -> Result<T, E> {
        let mut transaction = runtime.transaction();
        loop {
            let outcome = self.try_change(runtime, &mut transaction, &decide);
            match outcome {
                Ok((value, position)) => {
                    let journal = runtime.journal();
                    let reached =
                        poll_fn(|context| journal.poll_reached(Durability::Sync, position, context)).await;
                    return reached.map(|()| value).map_err(|error| Error::from(error).into());
                }
                Err(Attempt::Wait(bytes)) => transaction.admit(bytes as usize).await?,
                Err(Attempt::Failed(error)) => {
                    // A refusal shows what it was decided on: it waits until that is durable, too (promise P2).
                    let position = self.lock()?.position();
                    let journal = runtime.journal();
                    let reached =
                        poll_fn(|context| journal.poll_reached(Durability::Sync, position, context));
                    reached.await.map_err(Error::from)?;
                    return Err(error);
                }
            }
        }
    }

    fn try_change<T, E: From<Error>>(
        &self,
        runtime: &Runtime,
        transaction: &mut crate::Transaction,
        decide: &impl Fn(&W) -> Result<(Vec<W::Change>, T), E>,
    ) -> Result<(T, bole_base::Position), Attempt<E>> {
        /// Journal space for one change besides its payload.
        const SPACE_PER_CHANGE: usize = 64;
        let mut locked = self.lock().map_err(Attempt::from)?;
        let (changes, value) = decide(locked.state().get()).map_err(Attempt::Failed)?;
        if changes.is_empty() {
            return Ok((value, locked.position()));
        }
        let bytes: usize = changes.iter().map(|change| W::encode(change).len() + SPACE_PER_CHANGE).sum();
        transaction.reserve(bytes).map_err(Attempt::from)?;
        transaction.set_time(runtime.tick());
        for change in &changes {
            locked.push(transaction, Durability::Sync, &Held::Borrowed(change)).map_err(Attempt::from)?;
        }
        let position = transaction.append().map_err(Attempt::from)?;
        locked.appended(position);
        Ok((value, position))
    }
}

/// Why an attempt at a change ended.
enum Attempt<E> {
    Wait(u64),
    Failed(E),
}

impl<E: From<Error>> From<Error> for Attempt<E> {
    fn from(error: Error) -> Self {
        match error {
            Error::Wait { bytes } => Self::Wait(bytes),
            other => Self::Failed(other.into()),
        }
    }
}
