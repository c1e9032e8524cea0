//! Writes of others into tables: keys and JSON objects become rows, in one batch with what goes to other services (the kernel's [`Upserts`]).
//!
//! A dataset is `DATABASE/TABLE` or `DATABASE/SCHEMA.TABLE`, names as the catalog has them. A write's key is the primary key, its value the row.
//!
//! Reading order: this file (whose turn it is, which thread) → [`place`] (which table) → [`record`] (what a row is) → [`rows`] (statements).
//!
//! # Invariants
//! - A row is what `INSERT` of its object would make it, whatever was there: columns that the object does not have get their defaults. So it depends on the newest write of its key alone.
//! - Everything that holds for a client's statement holds here: constraints, generated columns, what foreign keys do, feeds. Nothing is skipped.
//! - The write ticket is held for one batch, for [`Config::hold_max`] and one row at most.

mod effects;
mod place;
mod record;
mod rows;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bole_base::Kind;
use bole_shard::Error;
use bole_shard::participant::upserts::{Batch, Upserts, Writing};
use bole_shard::participant::{Committed, Participants, Request};
use bole_sql_types::{Error as SqlError, SqlState};

use crate::pool::Pool;
use crate::store::{Database, Databases, PREFIX, Writer};
use place::Place;

/// How batches are written.
#[derive(Clone)]
pub struct Config {
    /// Threads that execute statements; `None`: the one that asks.
    pub pool: Option<Pool>,
    /// How long a batch waits for its turn, `Duration::MAX` for ever.
    pub turn_wait_max: Duration,
    /// After how long a batch is given up between two rows, so that others get their turn: a smaller one may be in time.
    pub hold_max: Duration,
}

/// Tables as others write to them.
pub struct Tables {
    /// Weak, because databases know who takes part in their batches, and those know this.
    databases: Weak<Databases>,
    config: Config,
}

impl Tables {
    /// Over the databases of a node.
    pub fn new(databases: &Arc<Databases>, config: Config) -> Self {
        Self { databases: Arc::downgrade(databases), config }
    }

    fn database(&self, place: &Place) -> Result<Arc<Database>, Error> {
        let stopped = || Error::Store { reason: "the node stops".to_owned(), kind: Kind::Unavailable };
        let databases = self.databases.upgrade().ok_or_else(stopped)?;
        let missing = || Error::Refused(format!("database \"{}\" does not exist", place.database));
        databases.get(&place.database).ok_or_else(missing)
    }
}

impl Upserts for Tables {
    fn service(&self) -> &'static str {
        crate::service::SERVICE
    }

    fn resource(&self, dataset: &str) -> String {
        let database = dataset.split_once('/').map_or(dataset, |(database, _)| database);
        format!("{PREFIX}{database}")
    }

    fn check(&self, dataset: &str) -> Result<(), Error> {
        let place = Place::parse(dataset)?;
        let catalog = self.database(&place)?.catalog();
        place.table(&catalog).map(drop).map_err(|error| failure(&error))
    }

    fn write(&self, among: Arc<Participants>, batch: Batch) -> Writing<'_> {
        Box::pin(async move {
            let place = Place::parse(&batch.dataset)?;
            let database = self.database(&place)?;
            let turn = database.writer(self.config.turn_wait_max).await;
            let writer = turn.map_err(|error| late(&error, &place, self.config.turn_wait_max))?;
            let Batch { writes, requests, .. } = batch;
            let hold_max = self.config.hold_max;
            let work =
                move || rows::write(writer, &place, &writes, hold_max).map_err(|error| failure(&error));
            let Some(pool) = &self.config.pool else { return commit(work()?, &among, requests).await };
            let handle = tokio::runtime::Handle::current();
            let all = pool.run(move || handle.block_on(commit(work()?, &among, requests))).await;
            all.unwrap_or_else(|_lost| {
                Err(Error::Store { reason: "a batch of rows panicked".to_owned(), kind: Kind::Internal })
            })
        })
    }
}

async fn commit(
    writer: Writer,
    among: &Participants,
    requests: Vec<(String, Request)>,
) -> Result<Committed, Error> {
    let class = writer.database().class();
    let committed = writer.commit_among(among, requests).await.map_err(|error| failure(&error))?;
    Ok(Committed { class: committed.class.max(class), ..committed })
}

/// Somebody else has the turn for too long.
fn late(error: &SqlError, place: &Place, waited: Duration) -> Error {
    if error.state != SqlState::LOCK_NOT_AVAILABLE {
        return failure(error);
    }
    let reason = format!(
        "database \"{}\" is being written to by somebody else; the turn did not come within {} s",
        place.database,
        waited.as_secs()
    );
    Error::Store { reason, kind: Kind::Unavailable }
}

/// What an error means to whoever asked: whether the batch is at fault, or the node.
fn failure(error: &SqlError) -> Error {
    let mut reason = error.to_string();
    for more in error.more.iter().flat_map(|more| [&more.detail, &more.hint]).flatten() {
        reason = format!("{reason}: {more}");
    }
    let kind = match error.state {
        SqlState::DISK_FULL => Kind::Full,
        SqlState::DATA_CORRUPTED => Kind::Corrupt,
        SqlState::IO_ERROR => Kind::Io,
        SqlState::INTERNAL_ERROR => Kind::Internal,
        SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN => Kind::Unavailable,
        SqlState::OUT_OF_MEMORY | SqlState::CONFIGURATION_LIMIT_EXCEEDED => Kind::Limit,
        _ => return Error::Refused(reason),
    };
    Error::Store { reason, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_the_batch_s_or_the_node_s() {
        for (state, kind) in [
            (SqlState::NOT_NULL_VIOLATION, Kind::InvalidInput),
            (SqlState::UNIQUE_VIOLATION, Kind::InvalidInput),
            (SqlState::PROGRAM_LIMIT_EXCEEDED, Kind::InvalidInput),
            (SqlState::UNDEFINED_TABLE, Kind::InvalidInput),
            (SqlState::DISK_FULL, Kind::Full),
            (SqlState::CANNOT_CONNECT_NOW, Kind::Unavailable),
            (SqlState::IO_ERROR, Kind::Io),
        ] {
            let error = failure(&SqlError::new(state, "no").with_detail("Why.").with_hint("Do."));
            assert_eq!(
                (error.kind(), error.to_string()),
                (kind, format!("no ({}): Why.: Do.", state.as_str()))
            );
        }
    }
}
