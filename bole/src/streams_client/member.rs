//! A member of a group that reads one topic: joins, stays, commits, leaves; by one of the two protocols that Kafka has for that.
//!
//! It has a connection of its own, because an answer to a join may wait for the others.

mod classic;
mod consumer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bole_streams::protocol::Text;

use self::classic::Classic;
use self::consumer::Consumer;
use super::assignor::Assignor;
use super::groups::{self, Offsets};
use super::topics::Topic;
use super::{Connection, Error};

/// How long the others wait for a member in a rebalance.
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
const PAUSE: Duration = Duration::from_millis(100);

/// What a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// All is well.
    Stay,
    /// The partitions are divided anew: join again.
    Rejoin,
}

/// A member.
#[derive(Debug)]
pub enum Member {
    /// Of a group whose members divide the partitions.
    Classic(Classic),
    /// Of a group whose partitions the server divides (KIP-848).
    Consumer(Consumer),
}

impl Member {
    /// Somebody who wants to read `topic` in the classic group `group`, and has not joined yet.
    pub const fn classic(connection: Connection, group: String, topic: Text, assignor: Assignor) -> Self {
        Self::Classic(Classic::new(connection, group, topic, assignor))
    }

    /// The same in a group whose partitions the server divides, by its default if no `assignor` is named.
    pub fn consumer(
        connection: Connection,
        group: String,
        topic: Topic,
        assignor: Option<&'static str>,
    ) -> Self {
        Self::Consumer(Consumer::new(connection, group, topic, assignor))
    }

    /// The partitions that it has.
    pub const fn owned(&self) -> &BTreeSet<i32> {
        match self {
            Self::Classic(member) => member.owned(),
            Self::Consumer(member) => member.owned(),
        }
    }

    /// How often it has to say that it is there. Known after it has joined.
    pub const fn heartbeat_interval(&self) -> Duration {
        match self {
            Self::Classic(_) => classic::HEARTBEAT_INTERVAL,
            Self::Consumer(member) => member.heartbeat_interval(),
        }
    }

    /// Goes on with another connection, when the one that it has waits for an answer that is not wanted any more.
    pub fn move_to(&mut self, connection: Connection) {
        match self {
            Self::Classic(member) => member.move_to(connection),
            Self::Consumer(member) => member.move_to(connection),
        }
    }

    /// Joins, or joins again, until its part is known; the partitions that it has then are [`Member::owned`].
    ///
    /// What was read has to be committed before: partitions may go to others.
    pub async fn join(&mut self) -> Result<(), Error> {
        match self {
            Self::Classic(member) => member.join().await,
            Self::Consumer(member) => member.join().await,
        }
    }

    /// Says that it is there.
    pub async fn heartbeat(&mut self) -> Result<Beat, Error> {
        match self {
            Self::Classic(member) => member.heartbeat().await,
            Self::Consumer(member) => member.heartbeat().await,
        }
    }

    /// How far the group has come in the partitions of the topic.
    pub async fn committed(&mut self) -> Result<BTreeMap<i32, i64>, Error> {
        match self {
            Self::Classic(member) => member.committed().await,
            Self::Consumer(member) => member.committed().await,
        }
    }

    /// Commits how far the topic was read. False when the group has gone on without this member, which has to join again; its
    /// records are then read once more by whoever has them now.
    pub async fn commit(&mut self, positions: &BTreeMap<i32, i64>) -> Result<bool, Error> {
        match self {
            Self::Classic(member) => member.commit(positions).await,
            Self::Consumer(member) => member.commit(positions).await,
        }
    }

    /// Leaves the group, so that others get its partitions at once.
    pub async fn leave(&mut self) -> Result<(), Error> {
        match self {
            Self::Classic(member) => member.leave().await,
            Self::Consumer(member) => member.leave().await,
        }
    }
}

fn what(group: &str) -> String {
    format!("group \"{group}\"")
}

/// How far the group has come in the partitions of the topic.
async fn committed(
    connection: &mut Connection,
    group: &str,
    topic: &Text,
) -> Result<BTreeMap<i32, i64>, Error> {
    let offsets = groups::committed(connection, group).await?;
    let own = offsets.into_iter().filter(|((name, _), _)| name == topic);
    Ok(own.map(|((_, partition), offset)| (partition, offset)).collect())
}

/// The positions in the partitions that the member has.
fn owned_offsets(topic: &Text, owned: &BTreeSet<i32>, positions: &BTreeMap<i32, i64>) -> Offsets {
    positions
        .iter()
        .filter(|(partition, _)| owned.contains(partition))
        .map(|(partition, offset)| ((topic.clone(), *partition), *offset))
        .collect()
}
