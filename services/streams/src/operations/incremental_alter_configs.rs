//! Sets, resets, extends and shortens single settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, Request, Response,
};
use crate::session::{Action, Session, message};
use crate::settings::{Kind, row};

pub(super) const RESOURCE_TOPIC: i8 = 2;
pub(super) const RESOURCE_BROKER: i8 = 4;
pub(super) const RESOURCE_GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

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
            let default = |name: &str| row(name).map(|row| (row.default, row.kind));
            let decide = |given: &BTreeMap<String, String>| changed(given, &resource.configs, default);
            service.topics.alter(name, check_only, decide).await
        }
        RESOURCE_GROUP => {
            session.check(Action::AlterConfigs, "group", name, ErrorCode::GroupAuthorizationFailed)?;
            let default = |_: &str| None;
            let decide = |given: &BTreeMap<String, String>| changed(given, &resource.configs, default);
            service.topics.alter_group(name, check_only, decide).await
        }
        RESOURCE_BROKER => {
            session.check_cluster(Action::AlterConfigs)?;
            Err(broker_refusal())
        }
        other => Err(unknown_resource(other)),
    }
}

/// Brokers have no settings that a client may change.
pub(super) fn broker_refusal() -> Error {
    let text = "settings of the node are changed in its configuration file, not by clients";
    Error::refused(ErrorCode::PolicyViolation, text)
}

/// There are no resources of this type.
pub(super) fn unknown_resource(kind: i8) -> Error {
    let text = format!(
        "resource type {kind} has no settings here; {RESOURCE_TOPIC} (topic) and {RESOURCE_GROUP} (group) have"
    );
    Error::refused(ErrorCode::InvalidRequest, text)
}

/// Errors: `InvalidRequest` where a resource is named twice.
pub(super) fn check_once(name: &str, is_first: bool) -> Result<(), Error> {
    if is_first {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::InvalidRequest, format!("resource \"{name}\" is named twice")))
}

/// What is given after the changes. `default`: the default and the kind of a key, where they are known.
fn changed<'a>(
    given: &BTreeMap<String, String>,
    changes: &[AlterableConfig],
    default: impl Fn(&str) -> Option<(&'a str, Kind)>,
) -> Result<BTreeMap<String, String>, Error> {
    let invalid = |code, text: String| Err(Error::refused(code, text));
    let mut after = given.clone();
    for (at, change) in changes.iter().enumerate() {
        let name = change.name.as_str();
        if changes[..at].iter().any(|other| other.name == name) {
            return invalid(ErrorCode::InvalidRequest, format!("{name} is changed twice"));
        }
        if change.config_operation == DELETE {
            after.remove(name);
            continue;
        }
        let Some(value) = change.value.as_deref() else {
            return invalid(ErrorCode::InvalidRequest, format!("{name} has no value"));
        };
        let value = match change.config_operation {
            SET => value.to_owned(),
            APPEND | SUBTRACT => {
                let Some((default, Kind::List)) = default(name) else {
                    let text = format!("{name} is no list; only lists are appended to and subtracted from");
                    return invalid(ErrorCode::InvalidConfig, text);
                };
                let before = after.get(name).map_or(default, String::as_str);
                list(before, value, change.config_operation == APPEND)
            }
            other => return invalid(ErrorCode::InvalidRequest, format!("operation {other} on {name}")),
        };
        after.insert(name.to_owned(), value);
    }
    Ok(after)
}

/// The list with words added that it lacks, or taken away.
fn list(before: &str, words: &str, adds: bool) -> String {
    let split = |text: &str| -> Vec<String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let (mut list, words) = (split(before), split(words));
    if adds {
        for word in words {
            if !list.contains(&word) {
                list.push(word);
            }
        }
    } else {
        list.retain(|word| !words.contains(word));
    }
    list.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Text;

    #[test]
    fn changes() {
        let default = |name: &str| row(name).map(|row| (row.default, row.kind));
        let given = BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]);
        let change = |name: &str, config_operation, value: Option<&str>| AlterableConfig {
            name: Text::from(name),
            config_operation,
            value: value.map(Text::from),
        };
        // Changes; what is given after them, or a part of the refusal.
        for (changes, expected) in [
            (vec![], Ok("retention.ms=5")),
            (vec![change("retention.ms", SET, Some("7"))], Ok("retention.ms=7")),
            (vec![change("retention.ms", DELETE, None)], Ok("")),
            (vec![change("segment.ms", DELETE, None)], Ok("retention.ms=5")),
            (
                vec![change("cleanup.policy", APPEND, Some("compact,delete"))],
                Ok("cleanup.policy=delete,compact retention.ms=5"),
            ),
            (vec![change("cleanup.policy", SUBTRACT, Some("delete"))], Ok("cleanup.policy= retention.ms=5")),
            (vec![change("retention.ms", APPEND, Some("7"))], Err("retention.ms is no list")),
            (vec![change("no.such", APPEND, Some("7"))], Err("no.such is no list")),
            (vec![change("retention.ms", SET, None)], Err("no value")),
            (vec![change("retention.ms", 4, Some("7"))], Err("operation 4")),
            (
                vec![change("retention.ms", SET, Some("7")), change("retention.ms", DELETE, None)],
                Err("changed twice"),
            ),
        ] {
            let outcome = changed(&given, &changes, default);
            match (&outcome, expected) {
                (Ok(after), Ok(expected)) => {
                    let shown: Vec<String> =
                        after.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    assert_eq!(shown.join(" "), expected, "{changes:?}");
                }
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                _ => panic!("{changes:?}: {outcome:?}"),
            }
        }
    }
}
