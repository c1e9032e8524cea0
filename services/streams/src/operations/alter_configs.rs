//! Replaces all settings of resources: what is not named goes back to its default.

use std::sync::Arc;

use super::alter_each::{Change, Defaults, Given, alter_each};
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, Request, Response,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::Session;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let responses = alter_each(&session, &self.resources, self.validate_only).await;
        Response { responses, ..Response::default() }.into()
    }
}

impl Change for AlterConfigsResource {
    type Answer = AlterConfigsResourceResponse;

    fn resource(&self) -> (i8, &Text) {
        (self.resource_type, &self.resource_name)
    }

    fn decide(&self, _given: &Given, _default: Defaults) -> Result<Given, Error> {
        let mut given = Given::new();
        for config in &self.configs {
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

    fn answer(&self, error_code: i16, error_message: Option<Text>) -> AlterConfigsResourceResponse {
        let (resource_type, resource_name) = (self.resource_type, self.resource_name.clone());
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    }
}
