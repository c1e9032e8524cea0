//! What the two requests that change settings have in common: each resource is altered in turn, may be named once, and is
//! answered for itself. How a request says what to change is in its own file.

use std::collections::BTreeMap;

use super::describe_configs::{RESOURCE_BROKER, RESOURCE_GROUP, RESOURCE_TOPIC};
use crate::Error;
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};
use crate::settings::sharing::DEAD_LETTER_TOPIC;
use crate::settings::{Kind, row};
use crate::sink;

/// The setting that says where a sink writes.
const SINK_TARGET: &str = "sink.target";

/// Settings by name, as they are given.
pub(super) type Given = BTreeMap<String, String>;

/// The default and the kind of a setting, where they are known.
pub(super) type Defaults = fn(&str) -> Option<(&'static str, Kind)>;

/// A resource in a request that changes settings.
pub(super) trait Change: Sync {
    /// The answer for one resource.
    type Answer: Send;

    /// The type and the name of the resource.
    fn resource(&self) -> (i8, &Text);

    /// What is given after the change.
    ///
    /// Errors: `InvalidConfig` and `InvalidRequest`, with the setting.
    fn decide(&self, given: &Given, default: Defaults) -> Result<Given, Error>;

    /// The answer, with the number of an [`ErrorCode`] and a text for people.
    fn answer(&self, error_code: i16, error_message: Option<Text>) -> Self::Answer;
}

/// Alters each resource, or only checks it, and answers for it.
pub(super) async fn alter_each<C: Change>(
    session: &Session,
    changes: &[C],
    check_only: bool,
) -> Vec<C::Answer> {
    let mut answers = Vec::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        let is_first = !changes[..at].iter().any(|other| other.resource() == change.resource());
        let outcome = if is_first { alter(session, change, check_only).await } else { Err(twice(change)) };
        let error = outcome.err();
        if error.is_some() {
            super::refused(session);
        }
        let code = error.as_ref().map_or(0, |error| error.code() as i16);
        answers.push(change.answer(code, error.as_ref().and_then(message)));
    }
    answers
}

async fn alter(session: &Session, change: &impl Change, check_only: bool) -> Result<(), Error> {
    let topics = &session.service.topics;
    match change.resource() {
        (RESOURCE_TOPIC, name) => {
            session.check_topic(Action::AlterConfigs, name)?;
            let default: Defaults = |name| row(name).map(|row| (row.default, row.kind));
            let decide = |given: &Given| {
                let after = change.decide(given, default)?;
                check_sink(session, given, &after)?;
                check_dead_letters(session, given.get(DEAD_LETTER_TOPIC), &after)?;
                Ok(after)
            };
            topics.alter(name, check_only, decide).await
        }
        (RESOURCE_GROUP, name) => {
            session.check(Action::AlterConfigs, "group", name, ErrorCode::GroupAuthorizationFailed)?;
            topics.alter_group(name, check_only, |given| change.decide(given, |_| None)).await
        }
        (RESOURCE_BROKER, _) => {
            session.check_cluster(Action::AlterConfigs)?;
            let text = "settings of the node are changed in its configuration file, not by clients";
            Err(Error::refused(ErrorCode::PolicyViolation, text))
        }
        (other, _) => {
            let text = format!(
                "resource type {other} has no settings here; {RESOURCE_TOPIC} (topic) and {RESOURCE_GROUP} (group) have"
            );
            Err(Error::refused(ErrorCode::InvalidRequest, text))
        }
    }
}

/// A sink writes to another service on behalf of nobody, so it takes more than a right to the topic, and the right to write there where the service asks for one.
/// Errors: `ClusterAuthorizationFailed`.
pub(super) fn check_sink(session: &Session, before: &Given, after: &Given) -> Result<(), Error> {
    let of_sink = |given: &Given| -> Given {
        let entries = given.iter().filter(|(name, _)| name.starts_with("sink."));
        entries.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    if of_sink(before) == of_sink(after) {
        return Ok(());
    }
    session.check_cluster(Action::AlterConfigs)?;
    let target = after.get(SINK_TARGET).map_or("", String::as_str);
    match sink::resource(&session.service.participants, target) {
        Some((service, dataset)) if !session.writes_dataset(&dataset) => {
            let text = format!(
                "user \"{}\" may not write to {dataset} of {service}, where the sink would",
                session.user()
            );
            Err(Error::refused(ErrorCode::ClusterAuthorizationFailed, text))
        }
        _ => Ok(()),
    }
}

/// The node writes to a dead-letter topic for whoever rejects records; so who names one must be allowed to write there.
/// Errors: `TopicAuthorizationFailed`.
pub(super) fn check_dead_letters(
    session: &Session,
    before: Option<&String>,
    after: &Given,
) -> Result<(), Error> {
    let named = after.get(DEAD_LETTER_TOPIC).filter(|name| before != Some(name) && !name.is_empty());
    named.map_or(Ok(()), |name| session.check_topic(Action::Write, name))
}

fn twice(change: &impl Change) -> Error {
    let (_, name) = change.resource();
    Error::refused(ErrorCode::InvalidRequest, format!("resource \"{name}\" is named twice"))
}
