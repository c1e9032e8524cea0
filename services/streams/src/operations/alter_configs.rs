//! Replaces all settings of resources: what is not named goes back to its default.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::incremental_alter_configs::{RESOURCE_BROKER, RESOURCE_GROUP, RESOURCE_TOPIC, check_once};
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, Request, Response,
};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut responses = Vec::with_capacity(self.resources.len());
        for (at, resource) in self.resources.iter().enumerate() {
            let same = |other: &AlterConfigsResource| {
                (other.resource_type, &other.resource_name)
                    == (resource.resource_type, &resource.resource_name)
            };
            let is_first = !self.resources[..at].iter().any(same);
            let outcome = match check_once(&resource.resource_name, is_first) {
                Ok(()) => alter(&session, resource, self.validate_only).await,
                Err(error) => Err(error),
            };
            let error = outcome.err();
            if error.is_some() {
                super::refused(&session);
            }
            responses.push(AlterConfigsResourceResponse {
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            });
        }
        Response { responses, ..Response::default() }.into()
    }
}

async fn alter(session: &Session, resource: &AlterConfigsResource, check_only: bool) -> Result<(), Error> {
    let (service, name) = (&session.service, &resource.resource_name);
    match resource.resource_type {
        RESOURCE_TOPIC => {
            session.check_topic(Action::AlterConfigs, name)?;
            let given = given(resource)?;
            service.topics.alter(name, check_only, |_| Ok(given)).await
        }
        RESOURCE_GROUP => {
            session.check(Action::AlterConfigs, "group", name, ErrorCode::GroupAuthorizationFailed)?;
            let given = given(resource)?;
            service.topics.alter_group(name, check_only, |_| Ok(given)).await
        }
        RESOURCE_BROKER => {
            session.check_cluster(Action::AlterConfigs)?;
            Err(super::incremental_alter_configs::broker_refusal())
        }
        other => Err(super::incremental_alter_configs::unknown_resource(other)),
    }
}

fn given(resource: &AlterConfigsResource) -> Result<BTreeMap<String, String>, Error> {
    let mut given = BTreeMap::new();
    for config in &resource.configs {
        let Some(value) = &config.value else {
            let text = format!("{} has no value", config.name);
            return Err(Error::refused(ErrorCode::InvalidConfig, text));
        };
        if given.insert(config.name.to_string(), value.to_string()).is_some() {
            let text = format!("{} is given twice", config.name);
            return Err(Error::refused(ErrorCode::InvalidRequest, text));
        }
    }
    Ok(given)
}
