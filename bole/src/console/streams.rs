//! Topics and groups, over a connection inside the process, by the client of the command line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bole_console::node::streams::{
    Group, Listed, ListedGroup, Member, Partition, Progress, Read, Record, Streams, Topic,
};
use bole_console::node::{Asked, By, Fault};
use bole_streams::connection;
use bole_streams::protocol::batch::Header;
use bole_streams::protocol::{ErrorCode, Text};
use bole_streams::session::Principal;
use tokio::io::{duplex, split};

use super::{Node, ends, there};
use crate::streams_client::groups::{self, Kind};
use crate::streams_client::reader::{FETCH_WAIT_MS, Reader};
use crate::streams_client::topics::{self, EARLIEST, Isolation, LATEST};
use crate::streams_client::{Connection, Error};

/// Bytes on their way.
const PIPE_BYTES: usize = 256 << 10;
/// Answers without a record that are taken before there is said to be none: what is between two records may be records of aborted transactions.
const EMPTY_MAX: usize = 8;

impl Node {
    /// Has `work` done over a connection of that user.
    async fn streamed<T>(
        &self,
        by: By<'_>,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        let service = Arc::clone(there(self.services.streams.as_ref(), "streams")?);
        let (ours, theirs) = duplex(PIPE_BYTES);
        let (reader, writer) = split(theirs);
        let serving = connection::serve(service, reader, writer, ends(by.peer), Principal::user(by.user));
        let asking = async {
            let mut connection = Connection::over(ours, "this node").await?;
            work(&mut connection).await
        };
        // The service ends when its client is gone.
        let ((), found) = tokio::join!(serving, asking);
        found.map_err(|error| fault(&error))
    }
}

fn fault(error: &Error) -> Fault {
    let status = match error.code() {
        Some(
            ErrorCode::TopicAuthorizationFailed
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed,
        ) => StatusCode::FORBIDDEN,
        Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::GroupIdNotFound) => StatusCode::NOT_FOUND,
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::BAD_GATEWAY,
    };
    Fault::new(status, error.to_string())
}

impl Streams for Node {
    fn topics<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<Listed>> {
        Box::pin(self.streamed(by, async |connection| {
            let listed = |topic: topics::Topic| Listed {
                name: topic.name.to_string(),
                partitions: topic.partitions.len(),
            };
            Ok(topics::list(connection).await?.into_iter().map(listed).collect())
        }))
    }

    fn topic<'a>(&'a self, by: By<'a>, name: &'a str) -> Asked<'a, Topic> {
        Box::pin(self.streamed(by, async |connection| topic(connection, name).await))
    }

    fn records<'a>(
        &'a self,
        by: By<'a>,
        topic: &'a str,
        partition: i32,
        offset: i64,
        count: usize,
    ) -> Asked<'a, Read> {
        Box::pin(
            self.streamed(by, async move |connection| {
                records(connection, topic, partition, offset, count).await
            }),
        )
    }

    fn create_topic<'a>(&'a self, by: By<'a>, name: &'a str, partitions: Option<i32>) -> Asked<'a, ()> {
        Box::pin(self.streamed(by, async move |connection| {
            topics::create(connection, name, partitions.unwrap_or(-1), &[]).await.map(drop)
        }))
    }

    fn delete_topic<'a>(&'a self, by: By<'a>, name: &'a str) -> Asked<'a, ()> {
        Box::pin(self.streamed(by, async |connection| {
            topics::delete(connection, &[name.to_owned()])
                .await?
                .into_iter()
                .try_for_each(|one| one.map(drop))
        }))
    }

    fn groups<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<ListedGroup>> {
        Box::pin(self.streamed(by, async |connection| {
            let listed = |group: groups::Listed| ListedGroup {
                id: group.id.to_string(),
                kind: group.kind.to_string(),
                state: group.state.to_string(),
            };
            Ok(groups::list(connection).await?.into_iter().map(listed).collect())
        }))
    }

    fn group<'a>(&'a self, by: By<'a>, id: &'a str) -> Asked<'a, Option<Group>> {
        Box::pin(self.streamed(by, async |connection| group(connection, id).await))
    }

    fn delete_group<'a>(&'a self, by: By<'a>, id: &'a str) -> Asked<'a, ()> {
        Box::pin(self.streamed(by, async |connection| {
            groups::delete(connection, &[id.to_owned()]).await?.into_iter().try_for_each(|one| one.map(drop))
        }))
    }
}

async fn topic(connection: &mut Connection, name: &str) -> Result<Topic, Error> {
    let found = topics::find(connection, name, false).await?;
    let (all, isolation) = (&found.partitions, Isolation::Uncommitted);
    let starts = topics::offsets(connection, name, all, EARLIEST, isolation).await?;
    let ends = topics::offsets(connection, name, all, LATEST, isolation).await?;
    // Sizes are for those who may see the cluster.
    let sizes = topics::sizes(connection, &found).await.ok().flatten().unwrap_or_default();
    // So are settings, which are told of apart.
    let settings = topics::settings(connection, name).await.unwrap_or_default();
    let of = |offsets: &BTreeMap<i32, i64>, index: i32| offsets.get(&index).copied().unwrap_or(0);
    let partition = |index: &i32| Partition {
        index: *index,
        start: of(&starts, *index),
        end: of(&ends, *index),
        bytes: sizes.get(index).copied(),
    };
    Ok(Topic { partitions: all.iter().map(partition).collect(), settings: settings.into_iter().collect() })
}

async fn records(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    offset: i64,
    count: usize,
) -> Result<Read, Error> {
    let found = topics::find(connection, topic, false).await?;
    let mut reader = Reader::new(found, Isolation::Committed);
    reader.assign([(partition, offset)]);
    let mut read = Read { records: Vec::new(), next: offset };
    let mut empty = 0;
    while read.records.len() < count && empty < EMPTY_MAX && !reader.is_at_end() {
        let wait = Duration::from_millis(FETCH_WAIT_MS.unsigned_abs().into());
        let answer = connection.request_within(&reader.request(), wait).await?;
        empty += 1;
        for part in reader.take(answer)? {
            reader.advance(part.partition, part.next);
            read.next = part.next;
            empty = 0;
            read.records.extend(part.records.into_iter().map(record));
        }
    }
    if read.records.len() > count {
        read.next = read.records[count].offset;
        read.records.truncate(count);
    }
    Ok(read)
}

fn record(record: bole_streams::protocol::batch::Record) -> Record {
    let header = |header: Header| (String::from_utf8_lossy(&header.key).into_owned(), header.value);
    let headers = record.headers().map(header).collect();
    Record {
        offset: record.offset,
        timestamp_ms: record.timestamp,
        key: record.key,
        value: record.value,
        headers,
    }
}

async fn group(connection: &mut Connection, id: &str) -> Result<Option<Group>, Error> {
    let Some(found) = groups::describe(connection, id).await? else { return Ok(None) };
    let progress = match found.kind {
        Kind::Share => shared(connection, id).await?,
        Kind::Classic | Kind::Consumer => committed(connection, id).await?,
    };
    let member = |member: groups::Member| Member {
        id: member.id.to_string(),
        client: member.client.to_string(),
        host: member.host.to_string(),
        assignment: member.assignment.into_iter().map(|(topic, parts)| (topic.to_string(), parts)).collect(),
    };
    let kind = match found.kind {
        Kind::Classic => "classic",
        Kind::Consumer => "consumer",
        Kind::Share => "share",
    };
    Ok(Some(Group {
        kind: kind.to_owned(),
        state: found.state.to_string(),
        assignor: found.assignor.to_string(),
        members: found.members.into_iter().map(member).collect(),
        progress,
    }))
}

/// Where a share group is.
async fn shared(connection: &mut Connection, id: &str) -> Result<Vec<Progress>, Error> {
    let offsets = groups::share_offsets(connection, id).await?;
    let place = |((topic, partition), (committed, lag)): ((Text, i32), (i64, i64))| Progress {
        topic: topic.to_string(),
        partition,
        committed,
        lag: Some(lag).filter(|lag| *lag >= 0),
    };
    Ok(offsets.into_iter().map(place).collect())
}

/// Where any other group is, and how much is behind that. A topic that is gone, or that the user may not see, has no end to be told.
async fn committed(connection: &mut Connection, id: &str) -> Result<Vec<Progress>, Error> {
    let offsets = groups::committed(connection, id).await?;
    let mut parts: BTreeMap<&Text, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in offsets.keys() {
        parts.entry(topic).or_default().push(*partition);
    }
    let mut ends = BTreeMap::new();
    for (topic, parts) in parts {
        let found = topics::offsets(connection, topic, &parts, LATEST, Isolation::Committed).await;
        ends.extend(found.unwrap_or_default().into_iter().map(|(part, end)| ((topic.clone(), part), end)));
    }
    let place = |((topic, partition), committed): (&(Text, i32), &i64)| Progress {
        topic: topic.to_string(),
        partition: *partition,
        committed: *committed,
        lag: ends.get(&(topic.clone(), *partition)).map(|end| (end - committed).max(0)),
    };
    Ok(offsets.iter().map(place).collect())
}
