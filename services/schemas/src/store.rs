//! The registry's shard: reads that show only what is durable, and changes that are durable before they are answered.

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, LogId, Position};
use bole_shard::whole::Held;
use bole_shard::{Error, Hosted, Runtime, Shard, Transaction};

use crate::entry::Change;
use crate::state::State;

/// Journal space for one change besides its payload.
const SPACE_PER_CHANGE: usize = 64;

/// The shard with the runtime that it stands on. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shard: Arc<Shard<State>>,
    runtime: Arc<Runtime>,
}

impl Store {
    /// Hosts the registry's shard on `log`; the runtime has to recover it before anything is read.
    pub fn host(runtime: Arc<Runtime>, log: LogId, name: &str) -> Result<Self, Error> {
        let shard = Arc::new(Shard::new(log, name, State::default()));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        Ok(Self { shard, runtime })
    }

    /// Looks at the state now, durable or not: for status and metrics, and to decide.
    pub fn peek<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, Error> {
        Ok(look(self.shard.lock()?.state()))
    }

    /// Looks at the state and returns when what was seen is fsynced.
    pub async fn read<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, Error> {
        let (seen, position) = {
            let locked = self.shard.lock()?;
            (look(locked.state()), locked.position())
        };
        self.durable(position).await?;
        Ok(seen)
    }

    /// Lets `decide` choose changes, makes them in one batch, and returns when they are fsynced. `decide` may run more than once. Its
    /// refusal shows the state as well, so it too is returned only when what it saw is fsynced.
    pub async fn change<T, E: From<Error>>(
        &self,
        decide: impl Fn(&State) -> Result<(Vec<Change>, T), E>,
    ) -> Result<T, E> {
        let mut transaction = self.runtime.transaction();
        loop {
            match self.attempt(&mut transaction, &decide) {
                Ok((value, position)) => {
                    self.durable(position).await?;
                    return Ok(value);
                }
                Err(Attempt::Wait(bytes)) => transaction.admit(bytes as usize).await?,
                Err(Attempt::Refused(error, position)) => {
                    self.durable(position).await?;
                    return Err(error);
                }
                Err(Attempt::Failed(error)) => return Err(error.into()),
            }
        }
    }

    async fn durable(&self, position: Position) -> Result<(), Error> {
        let journal = self.runtime.journal();
        poll_fn(|context| journal.poll_reached(Durability::Sync, position, context))
            .await
            .map_err(Error::from)
    }

    fn attempt<T, E: From<Error>>(
        &self,
        transaction: &mut Transaction,
        decide: &impl Fn(&State) -> Result<(Vec<Change>, T), E>,
    ) -> Result<(T, Position), Attempt<E>> {
        let mut locked = self.shard.lock().map_err(Attempt::from)?;
        let seen = locked.position();
        let (changes, value) = decide(locked.state()).map_err(|error| Attempt::Refused(error, seen))?;
        if changes.is_empty() {
            return Ok((value, seen));
        }
        let bytes: usize = changes.iter().map(|change| change.encode().len() + SPACE_PER_CHANGE).sum();
        transaction.reserve(bytes).map_err(Attempt::from)?;
        transaction.set_time(self.runtime.tick());
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
    /// There is no room in the journal yet.
    Wait(u64),
    /// `decide` refused, and where what it saw ends in the journal.
    Refused(E, Position),
    /// The shard or the journal failed.
    Failed(Error),
}

impl<E> From<Error> for Attempt<E> {
    fn from(error: Error) -> Self {
        match error {
            Error::Wait { bytes } => Self::Wait(bytes),
            other => Self::Failed(other),
        }
    }
}
