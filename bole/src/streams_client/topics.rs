//! Topics: what there is, where it begins and ends, and changes to it.

use std::collections::BTreeMap;

use bole_streams::protocol::messages::{
    create_partitions, create_topics, delete_topics, describe_configs, describe_log_dirs,
    incremental_alter_configs, list_offsets, metadata,
};
use bole_streams::protocol::{Text, Uuid};

use super::error::check;
use super::{Connection, Error};

/// What `ListOffsets` takes for the end and the start of a partition.
pub const LATEST: i64 = -1;
/// See [`LATEST`].
pub const EARLIEST: i64 = -2;

const RESOURCE_TOPIC: i8 = 2;
const SOURCE_TOPIC: i8 = 1;
const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;
/// How long the server may take for a change, in milliseconds.
const CHANGE_TIMEOUT_MS: i32 = 30_000;

/// Whether records of open transactions are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Everything.
    Uncommitted = 0,
    /// Only what no open transaction holds back, and nothing of aborted ones.
    Committed = 1,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Text,
    /// Its id; all zeros when the server does not tell.
    pub id: Uuid,
    /// The numbers of its partitions, in order.
    pub partitions: Vec<i32>,
}

impl Topic {
    /// Whether an answer with this name and id is about it: newer versions name topics by id, older ones by name.
    pub fn is(&self, name: &Text, id: Uuid) -> bool {
        if id.is_zero() { *name == self.name } else { id == self.id }
    }
}

fn what(name: &str) -> String {
    format!("topic \"{name}\"")
}

/// The topics of these names, or all. `may_create` makes a missing one if the server does that.
async fn metadata(
    connection: &mut Connection,
    names: Option<&[Text]>,
    may_create: bool,
) -> Result<Vec<metadata::MetadataResponseTopic>, Error> {
    let named =
        |name: &Text| metadata::MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(name.clone()) };
    let request = metadata::Request {
        topics: names.map(|names| names.iter().map(named).collect()),
        allow_auto_topic_creation: may_create,
        ..metadata::Request::default()
    };
    let answer = connection.request(&request).await?;
    check("the topics", answer.error_code, None)?;
    Ok(answer.topics)
}

fn topic(found: metadata::MetadataResponseTopic) -> Topic {
    let mut partitions: Vec<i32> =
        found.partitions.iter().map(|partition| partition.partition_index).collect();
    partitions.sort_unstable();
    Topic { name: found.name.unwrap_or_default(), id: found.topic_id, partitions }
}

/// All topics, by name.
pub async fn list(connection: &mut Connection) -> Result<Vec<Topic>, Error> {
    let found = metadata(connection, None, false).await?;
    let mut topics: Vec<Topic> = found.into_iter().map(topic).collect();
    topics.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(topics)
}

/// The topic of this name.
pub async fn find(connection: &mut Connection, name: &str, may_create: bool) -> Result<Topic, Error> {
    let mut found = metadata(connection, Some(&[Text::from(name)]), may_create).await?;
    let Some(found) = found.pop() else {
        let reason = format!("nothing was said of topic \"{name}\"");
        return Err(Error::Protocol { addr: connection.addr().to_owned(), reason });
    };
    check(what(name), found.error_code, None)?;
    Ok(topic(found))
}

/// How many partitions each topic has; those that do not exist are left out.
pub async fn counts(connection: &mut Connection, names: &[Text]) -> Result<BTreeMap<Text, i32>, Error> {
    let found = metadata(connection, Some(names), false).await?;
    let known = found.into_iter().filter(|topic| topic.error_code == 0);
    Ok(known.map(|topic| (topic.name.unwrap_or_default(), topic.partitions.len() as i32)).collect())
}

/// The offset of each partition at `timestamp` (milliseconds, [`LATEST`] or [`EARLIEST`]); −1 where no record is so young.
pub async fn offsets(
    connection: &mut Connection,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
    isolation: Isolation,
) -> Result<BTreeMap<i32, i64>, Error> {
    let wanted = |partition: &i32| list_offsets::ListOffsetsPartition {
        partition_index: *partition,
        timestamp,
        ..list_offsets::ListOffsetsPartition::default()
    };
    let request = list_offsets::Request {
        replica_id: -1,
        isolation_level: isolation as i8,
        topics: vec![list_offsets::ListOffsetsTopic {
            name: Text::from(topic),
            partitions: partitions.iter().map(wanted).collect(),
        }],
        timeout_ms: CHANGE_TIMEOUT_MS,
    };
    let answer = connection.request(&request).await?;
    let mut offsets = BTreeMap::new();
    for partition in answer.topics.into_iter().flat_map(|topic| topic.partitions) {
        let index = partition.partition_index;
        check(format_args!("topic \"{topic}\" partition {index}"), partition.error_code, None)?;
        offsets.insert(index, partition.offset);
    }
    Ok(offsets)
}

/// Makes a topic; how many partitions it has. `partitions` −1 leaves the number to the server.
pub async fn create(
    connection: &mut Connection,
    name: &str,
    partitions: i32,
    settings: &[(String, String)],
) -> Result<i32, Error> {
    let config = |(name, value): &(String, String)| create_topics::CreatableTopicConfig {
        name: Text::from(name.as_str()),
        value: Some(Text::from(value.as_str())),
    };
    let topic = create_topics::CreatableTopic {
        name: Text::from(name),
        num_partitions: partitions,
        replication_factor: -1,
        configs: settings.iter().map(config).collect(),
        ..create_topics::CreatableTopic::default()
    };
    let request =
        create_topics::Request { topics: vec![topic], timeout_ms: CHANGE_TIMEOUT_MS, validate_only: false };
    let answer = connection.request(&request).await?;
    let mut made = partitions;
    for topic in answer.topics {
        check(what(name), topic.error_code, topic.error_message.as_ref())?;
        made = topic.num_partitions;
    }
    Ok(made)
}

/// Removes topics; what became of each.
pub async fn delete(
    connection: &mut Connection,
    names: &[String],
) -> Result<Vec<Result<Text, Error>>, Error> {
    let names: Vec<Text> = names.iter().map(|name| Text::from(name.as_str())).collect();
    let state =
        |name: &Text| delete_topics::DeleteTopicState { name: Some(name.clone()), topic_id: Uuid::ZERO };
    // Versions to 5 take the list of names, later ones the other.
    let by_state = connection.version_of::<delete_topics::Request>()? >= 6;
    let request = delete_topics::Request {
        topics: if by_state { names.iter().map(state).collect() } else { Vec::new() },
        topic_names: names,
        timeout_ms: CHANGE_TIMEOUT_MS,
    };
    let answer = connection.request(&request).await?;
    let outcomes = answer.responses.into_iter().map(|topic| {
        let name = topic.name.unwrap_or_default();
        check(what(&name), topic.error_code, topic.error_message.as_ref()).map(|()| name)
    });
    Ok(outcomes.collect())
}

/// Gives a topic so many partitions.
pub async fn set_partitions(connection: &mut Connection, name: &str, count: i32) -> Result<(), Error> {
    let topic = create_partitions::CreatePartitionsTopic { name: Text::from(name), count, assignments: None };
    let request = create_partitions::Request {
        topics: vec![topic],
        timeout_ms: CHANGE_TIMEOUT_MS,
        validate_only: false,
    };
    let answer = connection.request(&request).await?;
    answer
        .results
        .iter()
        .try_for_each(|topic| check(what(name), topic.error_code, topic.error_message.as_ref()))
}

/// Sets settings of a topic and takes others back to their defaults, all or none.
pub async fn alter(
    connection: &mut Connection,
    name: &str,
    set: &[(String, String)],
    reset: &[String],
) -> Result<(), Error> {
    let set = set.iter().map(|(name, value)| (name, OPERATION_SET, Some(Text::from(value.as_str()))));
    let reset = reset.iter().map(|name| (name, OPERATION_DELETE, None));
    let configs = set.chain(reset).map(|(name, config_operation, value)| {
        let name = Text::from(name.as_str());
        incremental_alter_configs::AlterableConfig { name, config_operation, value }
    });
    let resource = incremental_alter_configs::AlterConfigsResource {
        resource_type: RESOURCE_TOPIC,
        resource_name: Text::from(name),
        configs: configs.collect(),
    };
    let request = incremental_alter_configs::Request { resources: vec![resource], validate_only: false };
    let answer = connection.request(&request).await?;
    answer
        .responses
        .iter()
        .try_for_each(|topic| check(what(name), topic.error_code, topic.error_message.as_ref()))
}

/// The settings that the topic itself has set to something else than the default, by name.
pub async fn settings(connection: &mut Connection, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let resource = describe_configs::DescribeConfigsResource {
        resource_type: RESOURCE_TOPIC,
        resource_name: Text::from(name),
        configuration_keys: None,
    };
    let request = describe_configs::Request {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: false,
    };
    let answer = connection.request(&request).await?;
    let mut settings = BTreeMap::new();
    for topic in answer.results {
        check(what(name), topic.error_code, topic.error_message.as_ref())?;
        let own = topic.configs.into_iter().filter(differs);
        settings.extend(
            own.map(|config| (config.name.to_string(), config.value.unwrap_or_default().to_string())),
        );
    }
    Ok(settings)
}

fn differs(config: &describe_configs::DescribeConfigsResourceResult) -> bool {
    let other = |synonym: &describe_configs::DescribeConfigsSynonym| {
        synonym.source != SOURCE_TOPIC && synonym.value != config.value
    };
    config.config_source == SOURCE_TOPIC && config.synonyms.iter().any(other)
}

/// Bytes of each partition on disk, if the server tells.
pub async fn sizes(connection: &mut Connection, topic: &Topic) -> Result<Option<BTreeMap<i32, i64>>, Error> {
    if !connection.serves::<describe_log_dirs::Request>() {
        return Ok(None);
    }
    let wanted = describe_log_dirs::DescribableLogDirTopic {
        topic: topic.name.clone(),
        partitions: topic.partitions.clone(),
    };
    let answer = connection.request(&describe_log_dirs::Request { topics: Some(vec![wanted]) }).await?;
    check(what(&topic.name), answer.error_code, None)?;
    let mut sizes = BTreeMap::new();
    for directory in answer.results {
        check(format_args!("directory {}", directory.log_dir), directory.error_code, None)?;
        for partition in directory.topics.iter().flat_map(|topic| &topic.partitions) {
            *sizes.entry(partition.partition_index).or_default() += partition.partition_size;
        }
    }
    Ok(Some(sizes))
}
