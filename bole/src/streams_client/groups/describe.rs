//! Groups of every kind with their members, and where share groups stand.

use std::collections::BTreeMap;

use bole_streams::protocol::messages::consumer_protocol::Assignment;
use bole_streams::protocol::messages::{
    consumer_group_describe, describe_groups, describe_share_group_offsets, share_group_describe,
};
use bole_streams::protocol::{ErrorCode, Text};

use super::what;
use crate::streams_client::error::check;
use crate::streams_client::{Connection, Error};

/// The protocols by which groups divide partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Members divide them: the protocol of Kafka up to 3.
    Classic,
    /// The server divides them (KIP-848).
    Consumer,
    /// Records of one partition go to several members (KIP-932).
    Share,
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What kind of group it is.
    pub kind: Kind,
    /// Its state, such as `Stable` or `Empty`.
    pub state: Text,
    /// The assignor that its members follow.
    pub assignor: Text,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: Text,
    /// What its client calls itself.
    pub client: Text,
    /// Where it connects from.
    pub host: Text,
    /// What it reads: topics with their partitions.
    pub assignment: Vec<(Text, Vec<i32>)>,
}

/// A group of any kind. One that does not exist is `None`.
pub async fn describe(connection: &mut Connection, group: &str) -> Result<Option<Described>, Error> {
    if let Some(found) = classic(connection, group).await? {
        return Ok(Some(found));
    }
    if connection.serves::<consumer_group_describe::Request>()
        && let Some(found) = consumer(connection, group).await?
    {
        return Ok(Some(found));
    }
    if connection.serves::<share_group_describe::Request>() {
        share(connection, group).await
    } else {
        Ok(None)
    }
}

/// Whether the error says that there is no group of this kind; other errors are returned.
fn is_missing(group: &str, error: i16, message: Option<&Text>) -> Result<bool, Error> {
    match check(what(group), error, message) {
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => Ok(true),
        checked => checked.map(|()| false),
    }
}

async fn classic(connection: &mut Connection, group: &str) -> Result<Option<Described>, Error> {
    let request = describe_groups::Request { groups: vec![Text::from(group)], ..Default::default() };
    let answer = connection.request(&request).await?;
    let Some(found) = answer.groups.into_iter().next() else { return Ok(None) };
    // Before version 6 a group that does not exist is dead.
    if is_missing(group, found.error_code, found.error_message.as_ref())? || &*found.group_state == "Dead" {
        return Ok(None);
    }
    let addr = connection.addr();
    let mut members = Vec::new();
    for member in found.members {
        // A member that waits for its part has none yet.
        let assignment = if member.member_assignment.is_empty() {
            Vec::new()
        } else {
            let read = Assignment::decode(member.member_assignment);
            let (assignment, _) = read.map_err(|error| Error::decode(addr, &error))?;
            assignment.assigned_partitions.into_iter().map(|part| (part.topic, part.partitions)).collect()
        };
        members.push(Member {
            id: member.member_id,
            client: member.client_id,
            host: member.client_host,
            assignment,
        });
    }
    Ok(Some(Described {
        kind: Kind::Classic,
        state: found.group_state,
        assignor: found.protocol_data,
        members,
    }))
}

/// A group of KIP-848.
async fn consumer(connection: &mut Connection, group: &str) -> Result<Option<Described>, Error> {
    let request =
        consumer_group_describe::Request { group_ids: vec![Text::from(group)], ..Default::default() };
    let answer = connection.request(&request).await?;
    let Some(found) = answer.groups.into_iter().next() else { return Ok(None) };
    if is_missing(group, found.error_code, found.error_message.as_ref())? {
        return Ok(None);
    }
    let member = |member: consumer_group_describe::Member| Member {
        id: member.member_id,
        client: member.client_id,
        host: member.client_host,
        assignment: member
            .assignment
            .topic_partitions
            .into_iter()
            .map(|part| (part.topic_name, part.partitions))
            .collect(),
    };
    let members = found.members.into_iter().map(member).collect();
    Ok(Some(Described {
        kind: Kind::Consumer,
        state: found.group_state,
        assignor: found.assignor_name,
        members,
    }))
}

/// A group of KIP-932.
async fn share(connection: &mut Connection, group: &str) -> Result<Option<Described>, Error> {
    let request = share_group_describe::Request { group_ids: vec![Text::from(group)], ..Default::default() };
    let answer = connection.request(&request).await?;
    let Some(found) = answer.groups.into_iter().next() else { return Ok(None) };
    if is_missing(group, found.error_code, found.error_message.as_ref())? {
        return Ok(None);
    }
    let member = |member: share_group_describe::Member| Member {
        id: member.member_id,
        client: member.client_id,
        host: member.client_host,
        assignment: member
            .assignment
            .topic_partitions
            .into_iter()
            .map(|part| (part.topic_name, part.partitions))
            .collect(),
    };
    let members = found.members.into_iter().map(member).collect();
    Ok(Some(Described {
        kind: Kind::Share,
        state: found.group_state,
        assignor: found.assignor_name,
        members,
    }))
}

/// Where a share group stands: by topic and partition the offset before which every record was dealt with, and how many
/// records are after it (−1 when the server does not know).
pub async fn share_offsets(
    connection: &mut Connection,
    group: &str,
) -> Result<BTreeMap<(Text, i32), (i64, i64)>, Error> {
    let asked = describe_share_group_offsets::DescribeShareGroupOffsetsRequestGroup {
        group_id: Text::from(group),
        topics: None,
    };
    let request = describe_share_group_offsets::Request { groups: vec![asked] };
    let mut offsets = BTreeMap::new();
    for found in connection.request(&request).await?.groups {
        check(what(group), found.error_code, found.error_message.as_ref())?;
        for topic in found.topics {
            for part in topic.partitions {
                let (name, index) = (&topic.topic_name, part.partition_index);
                let place = format!("group \"{group}\", topic \"{name}\" partition {index}");
                check(place, part.error_code, part.error_message.as_ref())?;
                if part.start_offset >= 0 {
                    offsets.insert((name.clone(), index), (part.start_offset, part.lag));
                }
            }
        }
    }
    Ok(offsets)
}
