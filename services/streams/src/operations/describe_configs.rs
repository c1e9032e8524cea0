//! Settings of topics and of the node, defaults included.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
    Request, Response,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::readable::Readable;
use crate::session::{Action, Session, message};
use crate::settings::{self, Kind, ROWS, Row};
use crate::{group_settings, groups};

pub(super) const RESOURCE_TOPIC: i8 = 2;
pub(super) const RESOURCE_BROKER: i8 = 4;
pub(super) const RESOURCE_GROUP: i8 = 32;
const SOURCE_TOPIC: i8 = 1;
const SOURCE_GROUP: i8 = 8;
const SOURCE_STATIC_BROKER: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let results = self.resources.iter().map(|resource| {
            let outcome = describe(&session, resource, self.include_synonyms, self.include_documentation);
            let error = outcome.as_ref().err();
            if error.is_some() {
                super::refused(&session);
            }
            DescribeConfigsResult {
                error_code: error.map_or(0, |error| error.code() as i16),
                error_message: error.and_then(message),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: outcome.unwrap_or_default(),
            }
        });
        let results = results.collect();
        Response { results, ..Response::default() }.into()
    }
}

fn describe(
    session: &Session,
    resource: &DescribeConfigsResource,
    synonyms: bool,
    documentation: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
    let wanted = |name: &str| {
        resource.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
    };
    let mut configs = match resource.resource_type {
        RESOURCE_TOPIC => topic(session, &resource.resource_name)?,
        RESOURCE_BROKER => broker(session, &resource.resource_name)?,
        RESOURCE_GROUP => group(session, &resource.resource_name)?,
        other => {
            let text = format!(
                "resource type {other} has no settings here; 2 (topic), 4 (broker) and 32 (group) have"
            );
            return Err(Error::refused(ErrorCode::InvalidRequest, text));
        }
    };
    configs.retain(|config| wanted(&config.name));
    for config in &mut configs {
        if !synonyms {
            config.synonyms.clear();
        }
        if !documentation {
            config.documentation = None;
        }
    }
    Ok(configs)
}

fn topic(session: &Session, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
    session.check_topic(Action::DescribeConfigs, name)?;
    let settings = match session.service.topics.readable(name, Uuid::default())? {
        Readable::Topic(topic) => topic.settings(),
        Readable::Feed(_) => return Ok(feed()),
    };
    Ok(ROWS
        .iter()
        .map(|row| {
            let (value, is_set) = settings.value(row);
            let mut result =
                one(row.name, &value, if is_set { SOURCE_TOPIC } else { SOURCE_DEFAULT }, row.kind, row.doc);
            if is_set && row.default != value {
                result.synonyms.push(synonym(row, row.default, SOURCE_DEFAULT));
            }
            result
        })
        .collect())
}

/// What holds for a feed. Nothing of it can be changed here: the node's `streams.feed_bytes_max` bounds what is kept.
fn feed() -> Vec<DescribeConfigsResourceResult> {
    let describe = |(name, value): &(&str, &str)| {
        let row = settings::row(name).expect("what is said of feeds are settings of topics");
        let mut result = one(name, value, SOURCE_STATIC_BROKER, row.kind, row.doc);
        result.read_only = true;
        result
    };
    FEED_SETTINGS.iter().map(describe).collect()
}

/// Changes go when there is no room for them any more, whatever their age.
const FEED_SETTINGS: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("message.timestamp.type", "CreateTime"),
    ("retention.bytes", "-1"),
    ("retention.ms", "-1"),
];

/// Settings of a group, whether it exists or not: they may be there before it.
fn group(session: &Session, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
    session.check(Action::DescribeConfigs, "group", name, ErrorCode::GroupAuthorizationFailed)?;
    let given = session.service.topics.group_settings.given(name);
    let defaults = groups::Config::default();
    let describe = |row: &group_settings::Row| {
        let (value, source) = match given.get(row.name) {
            Some(value) => (value.clone(), SOURCE_GROUP),
            None => (row.default(&defaults), SOURCE_DEFAULT),
        };
        one(row.name, &value, source, row.kind, row.doc)
    };
    Ok(group_settings::ROWS.iter().map(describe).collect())
}

fn synonym(row: &Row, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym { name: Text::from(row.name), value: Some(Text::from(value)), source }
}

fn one(name: &str, value: &str, source: i8, kind: Kind, doc: &str) -> DescribeConfigsResourceResult {
    let synonym = DescribeConfigsSynonym { name: Text::from(name), value: Some(Text::from(value)), source };
    DescribeConfigsResourceResult {
        name: Text::from(name),
        value: Some(Text::from(value)),
        config_source: source,
        synonyms: vec![synonym],
        config_type: kind as i8,
        documentation: Some(Text::from(doc)),
        ..DescribeConfigsResourceResult::default()
    }
}

/// The node's settings under the names that tools look for. They are changed in its configuration, not here.
fn broker(session: &Session, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Error> {
    session.check_cluster(Action::DescribeConfigs)?;
    let config = &session.service.config;
    if !name.is_empty() && *name != config.node_id.to_string() {
        let text = format!("broker \"{name}\" does not exist; there is {}", config.node_id);
        return Err(Error::refused(ErrorCode::InvalidRequest, text));
    }
    let rows = [
        ("broker.id", config.node_id.to_string(), Kind::Int, "The number of this node."),
        (
            "auto.create.topics.enable",
            config.auto_create_topics.to_string(),
            Kind::Text,
            "Whether a topic is made when a client asks for it.",
        ),
        (
            "num.partitions",
            config.default_partitions.to_string(),
            Kind::Int,
            "Partitions of topics that are made without a number.",
        ),
        ("default.replication.factor", "1".to_owned(), Kind::Int, "There is one node."),
        ("socket.request.max.bytes", config.request_bytes_max.to_string(), Kind::Int, "The largest request."),
        ("max.connections", config.connections_max.to_string(), Kind::Int, "Connections at a time."),
        (
            "connections.max.idle.ms",
            config.idle_ms.to_string(),
            Kind::Long,
            "Silence after which a client is disconnected.",
        ),
    ];
    let describe = |(name, value, kind, doc): (&str, String, Kind, &str)| {
        let mut result = one(name, &value, SOURCE_STATIC_BROKER, kind, doc);
        result.read_only = true;
        result
    };
    let defaults = TOPIC_DEFAULTS.iter().map(|(name, setting)| {
        let row = settings::row(setting).expect("the defaults that are shown are settings of topics");
        (*name, row.default.to_owned(), row.kind, row.doc)
    });
    Ok(rows.into_iter().chain(defaults).map(describe).collect())
}

/// Kafka's names of the node's defaults for settings of topics.
const TOPIC_DEFAULTS: &[(&str, &str)] = &[
    ("compression.type", "compression.type"),
    ("log.cleanup.policy", "cleanup.policy"),
    ("log.message.timestamp.type", "message.timestamp.type"),
    ("log.retention.bytes", "retention.bytes"),
    ("log.retention.ms", "retention.ms"),
    ("log.roll.ms", "segment.ms"),
    ("log.segment.bytes", "segment.bytes"),
    ("message.max.bytes", "max.message.bytes"),
    ("min.insync.replicas", "min.insync.replicas"),
];
