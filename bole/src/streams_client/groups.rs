//! Consumer groups from outside: what there is, how far each has come, and changes to that.

mod describe;

use std::collections::BTreeMap;

use bole_streams::protocol::Text;
use bole_streams::protocol::messages::{
    delete_groups, list_groups, offset_commit, offset_delete, offset_fetch,
};

pub use self::describe::{Described, Kind, Member, describe, share_offsets};
use super::error::check;
use super::{Connection, Error};

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(Text, i32), i64>;

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Text,
    /// `classic`, `consumer` or `share`; empty when the server does not tell.
    pub kind: Text,
    /// Its state, such as `Stable` or `Empty`.
    pub state: Text,
    /// What its members are, such as `consumer`.
    pub protocol_type: Text,
}

/// Who commits: a member in a generation, or somebody outside while the group is empty.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'a> {
    /// The member; empty for somebody outside.
    pub member_id: &'a str,
    /// The generation; −1 for somebody outside.
    pub generation: i32,
}

/// Somebody outside the group.
pub const OUTSIDE: Committer<'static> = Committer { member_id: "", generation: -1 };

fn what(group: &str) -> String {
    format!("group \"{group}\"")
}

/// All groups, by id.
pub async fn list(connection: &mut Connection) -> Result<Vec<Listed>, Error> {
    let answer = connection.request(&list_groups::Request::default()).await?;
    check("the groups", answer.error_code, None)?;
    let listed = |group: list_groups::ListedGroup| Listed {
        id: group.group_id,
        kind: group.group_type,
        state: group.group_state,
        protocol_type: group.protocol_type,
    };
    let mut groups: Vec<Listed> = answer.groups.into_iter().map(listed).collect();
    groups.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(groups)
}

/// How far a group has come wherever it has committed.
pub async fn committed(connection: &mut Connection, group: &str) -> Result<Offsets, Error> {
    let wanted = offset_fetch::OffsetFetchRequestGroup { group_id: Text::from(group), ..Default::default() };
    // Versions to 7 ask for one group, later ones for several.
    let several = connection.version_of::<offset_fetch::Request>()? >= 8;
    let request = offset_fetch::Request {
        group_id: if several { Text::new() } else { Text::from(group) },
        groups: if several { vec![wanted] } else { Vec::new() },
        ..offset_fetch::Request::default()
    };
    let answer = connection.request(&request).await?;
    check(what(group), answer.error_code, None)?;
    let mut offsets = Offsets::new();
    let mut add = |topic: &Text, partition: i32, offset: i64, error: i16| {
        check(format_args!("group \"{group}\", topic \"{topic}\" partition {partition}"), error, None)?;
        if offset >= 0 {
            offsets.insert((topic.clone(), partition), offset);
        }
        Ok::<(), Error>(())
    };
    for topic in &answer.topics {
        for part in &topic.partitions {
            add(&topic.name, part.partition_index, part.committed_offset, part.error_code)?;
        }
    }
    for found in &answer.groups {
        check(what(group), found.error_code, None)?;
        for topic in &found.topics {
            for part in &topic.partitions {
                add(&topic.name, part.partition_index, part.committed_offset, part.error_code)?;
            }
        }
    }
    Ok(offsets)
}

/// Partitions by their topics.
fn by_topic<T>(places: impl IntoIterator<Item = ((Text, i32), T)>) -> BTreeMap<Text, Vec<(i32, T)>> {
    let mut topics = BTreeMap::<Text, Vec<(i32, T)>>::new();
    for ((topic, partition), value) in places {
        topics.entry(topic).or_default().push((partition, value));
    }
    topics
}

/// Commits offsets.
pub async fn commit(
    connection: &mut Connection,
    group: &str,
    by: Committer<'_>,
    offsets: &Offsets,
) -> Result<(), Error> {
    if offsets.is_empty() {
        return Ok(());
    }
    let part = |(partition_index, committed_offset)| offset_commit::OffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_metadata: Some(Text::new()),
        ..offset_commit::OffsetCommitRequestPartition::default()
    };
    let topic = |(name, parts): (Text, Vec<(i32, i64)>)| offset_commit::OffsetCommitRequestTopic {
        name,
        partitions: parts.into_iter().map(part).collect(),
        ..offset_commit::OffsetCommitRequestTopic::default()
    };
    let places = offsets.iter().map(|(place, offset)| (place.clone(), *offset));
    let request = offset_commit::Request {
        group_id: Text::from(group),
        generation_id_or_member_epoch: by.generation,
        member_id: Text::from(by.member_id),
        topics: by_topic(places).into_iter().map(topic).collect(),
        ..offset_commit::Request::default()
    };
    let answer = connection.request(&request).await?;
    for topic in &answer.topics {
        for part in &topic.partitions {
            let place =
                format!("group \"{group}\", topic \"{}\" partition {}", topic.name, part.partition_index);
            check(place, part.error_code, None)?;
        }
    }
    Ok(())
}

/// Removes groups with their offsets; what became of each.
pub async fn delete(
    connection: &mut Connection,
    groups: &[String],
) -> Result<Vec<Result<Text, Error>>, Error> {
    let groups_names = groups.iter().map(|group| Text::from(group.as_str())).collect();
    let answer = connection.request(&delete_groups::Request { groups_names }).await?;
    let outcomes = answer.results.into_iter();
    Ok(outcomes
        .map(|group| check(what(&group.group_id), group.error_code, None).map(|()| group.group_id))
        .collect())
}

/// Forgets the offsets of a group in these partitions.
pub async fn delete_offsets(
    connection: &mut Connection,
    group: &str,
    places: &[(Text, i32)],
) -> Result<(), Error> {
    let topic = |(name, parts): (Text, Vec<(i32, ())>)| {
        let part = |(partition_index, ())| offset_delete::OffsetDeleteRequestPartition { partition_index };
        offset_delete::OffsetDeleteRequestTopic { name, partitions: parts.into_iter().map(part).collect() }
    };
    let topics = by_topic(places.iter().map(|place| (place.clone(), ())));
    let request = offset_delete::Request {
        group_id: Text::from(group),
        topics: topics.into_iter().map(topic).collect(),
    };
    let answer = connection.request(&request).await?;
    check(what(group), answer.error_code, None)?;
    for topic in &answer.topics {
        for part in &topic.partitions {
            let place =
                format!("group \"{group}\", topic \"{}\" partition {}", topic.name, part.partition_index);
            check(place, part.error_code, None)?;
        }
    }
    Ok(())
}
