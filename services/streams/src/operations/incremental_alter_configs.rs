//! Sets, resets, extends and shortens single settings.

use std::sync::Arc;

use super::alter_each::{Change, Defaults, Given, alter_each};
use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, Request, Response,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::Session;
use crate::settings::Kind;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

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

    fn decide(&self, given: &Given, default: Defaults) -> Result<Given, Error> {
        changed(given, &self.configs, default)
    }

    fn answer(&self, error_code: i16, error_message: Option<Text>) -> AlterConfigsResourceResponse {
        let (resource_type, resource_name) = (self.resource_type, self.resource_name.clone());
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    }
}

/// What is given after the changes.
fn changed(given: &Given, changes: &[AlterableConfig], default: Defaults) -> Result<Given, Error> {
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
    use crate::settings::row;

    #[test]
    fn changes() {
        let default: Defaults = |name| row(name).map(|row| (row.default, row.kind));
        let given = Given::from([("retention.ms".to_owned(), "5".to_owned())]);
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
