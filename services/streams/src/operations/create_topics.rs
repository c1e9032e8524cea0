//! Makes topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alter_each::{check_dead_letters, check_sink};
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, Request, Response,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::session::{Session, message};
use crate::settings::{ROWS, Settings};
use crate::topics::NewTopic;

/// How `DescribeConfigs` calls a value that the topic has set, and one that it has not.
const SOURCE_TOPIC: i8 = 1;
const SOURCE_DEFAULT: i8 = 5;

/// From this version on, who has used up its quota of changes is refused instead of held back (KIP-599).
const QUOTA_VERSION_MIN: i16 = 6;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let mut topics = Vec::with_capacity(self.topics.len());
        for (at, asked) in self.topics.iter().enumerate() {
            let twice =
                self.topics.iter().enumerate().any(|(other, topic)| other != at && topic.name == asked.name);
            let outcome = if twice {
                let text = format!("topic \"{}\" is asked for twice", asked.name);
                Err(Error::refused(ErrorCode::InvalidRequest, text))
            } else {
                create(&session, asked, self.validate_only, version >= QUOTA_VERSION_MIN).await
            };
            topics.push(outcome.unwrap_or_else(|error| {
                super::refused(&session);
                CreatableTopicResult {
                    name: asked.name.clone(),
                    error_code: error.code() as i16,
                    error_message: message(&error),
                    ..CreatableTopicResult::default()
                }
            }));
        }
        Response { topics, ..Response::default() }.into()
    }
}

async fn create(
    session: &Session,
    asked: &CreatableTopic,
    check_only: bool,
    is_strict: bool,
) -> Result<CreatableTopicResult, Error> {
    let service = &session.service;
    session.check_create(&asked.name)?;
    let given = given(asked)?;
    check_sink(session, &BTreeMap::new(), &given)?;
    check_dead_letters(session, None, &given)?;
    let new = NewTopic {
        name: asked.name.to_string(),
        partitions: partitions(session, asked)?,
        settings: Settings::with(service.config.durability, given)?,
    };
    let mut result = describe(asked, &new);
    if check_only {
        service.topics.check(&new)?;
    } else {
        session.charge_mutations(new.partitions.max(0) as usize, is_strict)?;
        result.topic_id = service.topics.create(&new).await?.id;
    }
    Ok(result)
}

fn partitions(session: &Session, asked: &CreatableTopic) -> Result<i32, Error> {
    let config = &session.service.config;
    if !asked.assignments.is_empty() {
        let elsewhere = asked.assignments.iter().any(|assignment| assignment.broker_ids != [config.node_id]);
        let mut numbers: Vec<_> =
            asked.assignments.iter().map(|assignment| assignment.partition_index).collect();
        numbers.sort_unstable();
        if elsewhere || !numbers.iter().copied().eq(0..numbers.len() as i32) {
            let text =
                format!("assignments must name partitions from 0 on, each on broker {}", config.node_id);
            return Err(Error::refused(ErrorCode::InvalidReplicaAssignment, text));
        }
        return Ok(numbers.len() as i32);
    }
    if ![-1, 1].contains(&asked.replication_factor) {
        let text = format!("replication factor {}; there is one broker", asked.replication_factor);
        return Err(Error::refused(ErrorCode::InvalidReplicationFactor, text));
    }
    Ok(if asked.num_partitions == -1 { config.default_partitions } else { asked.num_partitions })
}

fn given(asked: &CreatableTopic) -> Result<BTreeMap<String, String>, Error> {
    let mut given = BTreeMap::new();
    for config in &asked.configs {
        let Some(value) = &config.value else {
            let text = format!("{} has no value", config.name);
            return Err(Error::refused(ErrorCode::InvalidConfig, text));
        };
        given.insert(config.name.to_string(), value.to_string());
    }
    Ok(given)
}

fn describe(asked: &CreatableTopic, new: &NewTopic) -> CreatableTopicResult {
    let configs = ROWS.iter().map(|row| {
        let (value, is_set) = new.settings.value(row);
        CreatableTopicConfigs {
            name: Text::from(row.name),
            value: Some(Text::from(value)),
            config_source: if is_set { SOURCE_TOPIC } else { SOURCE_DEFAULT },
            ..CreatableTopicConfigs::default()
        }
    });
    CreatableTopicResult {
        name: asked.name.clone(),
        topic_id: Uuid::default(),
        num_partitions: new.partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    }
}
