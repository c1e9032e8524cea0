//! The resources that have settings: topics, groups with settings of their own, and the one broker.

use std::sync::Arc;

use super::describe_configs::{RESOURCE_BROKER, RESOURCE_GROUP, RESOURCE_TOPIC};
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::list_config_resources::{ConfigResource, Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session};

/// Subscriptions to clients' metrics: there are none.
const RESOURCE_CLIENT_METRICS: i8 = 16;
/// The settings of the broker's log levels are none either; Kafka lists one resource a broker.
const RESOURCE_BROKER_LOGGER: i8 = 8;
/// Version 0 asks for client metrics only.
const TYPES_VERSION_MIN: i16 = 1;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let all = [RESOURCE_TOPIC, RESOURCE_BROKER, RESOURCE_GROUP].to_vec();
        let types = match self.resource_types {
            _ if version < TYPES_VERSION_MIN => Vec::new(),
            types if types.is_empty() => all,
            types => types,
        };
        match list(&session, &types) {
            Ok(config_resources) => Response { config_resources, ..Response::default() },
            Err(error) => {
                super::refused(&session);
                Response { error_code: error.code() as i16, ..Response::default() }
            }
        }
        .into()
    }
}

fn list(session: &Session, types: &[i8]) -> Result<Vec<ConfigResource>, Error> {
    session.check_cluster(Action::DescribeConfigs)?;
    let topics = &session.service.topics;
    let mut found = Vec::new();
    for resource_type in types.iter().copied() {
        let names: Vec<String> = match resource_type {
            RESOURCE_TOPIC => topics.all_readable().iter().map(|topic| topic.name().to_owned()).collect(),
            RESOURCE_BROKER => vec![session.service.config.node_id.to_string()],
            RESOURCE_GROUP => topics.group_settings.groups(),
            RESOURCE_CLIENT_METRICS | RESOURCE_BROKER_LOGGER => Vec::new(),
            other => {
                let text = format!("resource type {other} is unknown");
                return Err(Error::refused(ErrorCode::UnsupportedVersion, text));
            }
        };
        found.extend(
            names.into_iter().map(|name| ConfigResource { resource_name: Text::from(name), resource_type }),
        );
    }
    Ok(found)
}
