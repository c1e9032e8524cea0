//! Reading as a member of a group: heartbeats while a fetch waits, commits, a clean leave.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::time::{MissedTickBehavior, interval};

use super::{ConsumeArgs, Consumer};
use crate::cli::streams::Stop;
use crate::streams_client::Connection;
use crate::streams_client::assignor::Assignor;
use crate::streams_client::member::{Beat, Member};
use crate::streams_client::reader::Read;

/// How often offsets are committed: the Java client's default.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Kafka's `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// The members divide the partitions
    Classic,
    /// The node divides the partitions (KIP-848)
    Consumer,
}

/// Kafka's `partition.assignment.strategy` and `group.remote.assignor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AssignorArg {
    /// Neighbours to each member
    Range,
    /// As even as possible with as few moves as possible; protocol classic
    CooperativeSticky,
    /// The same by the node; protocol consumer
    Uniform,
}

/// A member that has not joined yet, as the arguments say.
fn member(consumer: &Consumer<'_>, connection: Connection, group: &str) -> Result<Member> {
    use AssignorArg::{CooperativeSticky, Range, Uniform};
    let (group, topic, ConsumeArgs { protocol, assignor, .. }) =
        (group.to_owned(), consumer.topic.clone(), consumer.args);
    Ok(match (protocol, assignor) {
        (Protocol::Classic, None | Some(Range)) => {
            Member::classic(connection, group, topic.name, Assignor::Range)
        }
        (Protocol::Classic, Some(CooperativeSticky)) => {
            Member::classic(connection, group, topic.name, Assignor::CooperativeSticky)
        }
        (Protocol::Classic, Some(Uniform)) => bail!("assignor uniform is one of --protocol consumer"),
        (Protocol::Consumer, None) => Member::consumer(connection, group, topic, None),
        (Protocol::Consumer, Some(Range)) => Member::consumer(connection, group, topic, Some("range")),
        (Protocol::Consumer, Some(Uniform)) => Member::consumer(connection, group, topic, Some("uniform")),
        (Protocol::Consumer, Some(CooperativeSticky)) => {
            bail!("assignor cooperative-sticky is one of --protocol classic")
        }
    })
}

/// Reads until the end that was asked for, or the signal. `connection` is for the group.
///
/// What was printed is committed before the member leaves; it leaves after an error, too.
pub(super) async fn read(
    consumer: &mut Consumer<'_>,
    connection: Connection,
    group: &str,
    stop: &mut Stop,
) -> Result<()> {
    let mut member = member(consumer, connection, group)?;
    let joined = tokio::select! {
        joined = join(consumer, &mut member) => Some(joined),
        () = stop.wait() => None,
    };
    let ended = match joined {
        None => Ok(End::InJoin),
        Some(Err(error)) => Err(error),
        Some(Ok(())) => stay(consumer, &mut member, stop).await,
    };
    match ended {
        Ok(End::Stable) => {
            member.commit(&consumer.reader.positions()).await?;
            Ok(member.leave().await?)
        }
        Ok(End::InJoin) => {
            // The connection waits for the others; leaving takes another one.
            member.move_to(consumer.connection.another().await?);
            Ok(member.leave().await?)
        }
        Err(error) => {
            // The error is what the user has to know; a member that could not leave is out after its session.
            if let Ok(connection) = consumer.connection.another().await {
                member.move_to(connection);
                let _ = member.leave().await;
            }
            Err(error)
        }
    }
}

/// Where the reading ended.
enum End {
    /// Between joins: the connection is free.
    Stable,
    /// While a join waited.
    InJoin,
}

/// Joins, and goes on where the group has committed.
async fn join(consumer: &mut Consumer<'_>, member: &mut Member) -> Result<()> {
    member.join().await?;
    let committed = member.committed().await?;
    let new: Vec<i32> =
        member.owned().iter().copied().filter(|partition| !committed.contains_key(partition)).collect();
    let (name, isolation) = (&consumer.topic.name, consumer.isolation);
    let starts = consumer.args.from.find(&mut consumer.connection, name, &new, isolation).await?;
    let old = committed.into_iter().filter(|(partition, _)| member.owned().contains(partition));
    consumer.reader.assign(starts.into_iter().chain(old));
    Ok(())
}

async fn stay(consumer: &mut Consumer<'_>, member: &mut Member, stop: &mut Stop) -> Result<End> {
    let mut beats = interval(member.heartbeat_interval());
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut committed = Instant::now();
    while !consumer.is_done() {
        let (reads, mut rejoin) = {
            let mut fetch = pin!(consumer.fetch());
            let mut rejoin = false;
            loop {
                tokio::select! {
                    reads = &mut fetch => break (reads?, rejoin),
                    _ = beats.tick() => rejoin |= member.heartbeat().await? == Beat::Rejoin,
                    () = stop.wait() => return Ok(End::Stable),
                }
            }
        };
        consumer.show(owned(reads, member))?;
        if rejoin || committed.elapsed() >= COMMIT_INTERVAL {
            rejoin |= !member.commit(&consumer.reader.positions()).await?;
            committed = Instant::now();
        }
        if rejoin {
            tokio::select! {
                joined = join(consumer, member) => joined?,
                () = stop.wait() => return Ok(End::InJoin),
            }
        }
    }
    Ok(End::Stable)
}

/// What the member has lost while it was fetched is for somebody else to show.
fn owned(mut reads: Vec<Read>, member: &Member) -> Vec<Read> {
    reads.retain(|read| member.owned().contains(&read.partition));
    reads
}
