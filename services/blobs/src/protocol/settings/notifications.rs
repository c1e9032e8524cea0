//! `NotificationConfiguration`.

use s3s::dto;

use super::malformed;
use crate::error::{Code, Error, Result};
use crate::rules::events::{Kind, Notification, Notifications};

/// What a client sent, checked; `new_id` names what has no `Id`.
pub fn read(
    document: dto::NotificationConfiguration,
    mut new_id: impl FnMut() -> String,
) -> Result<Notifications> {
    if document.event_bridge_configuration.is_some() {
        let text = "EventBridgeConfiguration: there is no event bridge here; use QueueConfiguration or TopicConfiguration";
        return Err(Error::new(Code::NotImplemented, text));
    }
    let mut all = Vec::new();
    let mut add = |kind, id: Option<String>, destination, events: Vec<dto::Event>, filter| {
        let (prefix, suffix) = read_filter(filter)?;
        let events = events.into_iter().map(|event| event.as_ref().to_owned()).collect();
        let id = id.unwrap_or_else(&mut new_id);
        all.push(Notification { id, kind, destination, events, prefix, suffix });
        Ok(())
    };
    for one in document.queue_configurations.unwrap_or_default() {
        add(Kind::Queue, one.id, one.queue_arn, one.events, one.filter)?;
    }
    for one in document.topic_configurations.unwrap_or_default() {
        add(Kind::Topic, one.id, one.topic_arn, one.events, one.filter)?;
    }
    for one in document.lambda_function_configurations.unwrap_or_default() {
        add(Kind::Function, one.id, one.lambda_function_arn, one.events, one.filter)?;
    }
    let notifications = Notifications(all);
    notifications.check()?;
    Ok(notifications)
}

type Filter = (Option<String>, Option<String>);

fn read_filter(filter: Option<dto::NotificationConfigurationFilter>) -> Result<Filter> {
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    let (mut prefix, mut suffix) = (None, None);
    for rule in rules {
        let name = rule.name.as_ref().map(dto::FilterRuleName::as_str).unwrap_or_default().to_owned();
        let place = match () {
            () if name.eq_ignore_ascii_case("prefix") => &mut prefix,
            () if name.eq_ignore_ascii_case("suffix") => &mut suffix,
            () => return Err(malformed("The Name of a FilterRule is prefix or suffix")),
        };
        if place.replace(rule.value.unwrap_or_default()).is_some() {
            let text = format!("Cannot specify more than one {name} rule in a filter.");
            return Err(Error::new(Code::InvalidArgument, text));
        }
    }
    Ok((prefix, suffix))
}

fn show_filter(
    prefix: Option<String>,
    suffix: Option<String>,
) -> Option<dto::NotificationConfigurationFilter> {
    let rule = |name, value: Option<String>| {
        let name = Some(dto::FilterRuleName::from_static(name));
        value.map(|value| dto::FilterRule { name, value: Some(value) })
    };
    let prefix = rule(dto::FilterRuleName::PREFIX, prefix);
    let rules: Vec<_> = prefix.into_iter().chain(rule(dto::FilterRuleName::SUFFIX, suffix)).collect();
    let key = dto::S3KeyFilter { filter_rules: Some(rules.clone()) };
    (!rules.is_empty()).then_some(dto::NotificationConfigurationFilter { key: Some(key) })
}

/// What a client gets.
pub fn show(notifications: Notifications) -> dto::GetBucketNotificationConfigurationOutput {
    let (mut queues, mut topics) = (Vec::new(), Vec::new());
    for one in notifications.0 {
        let filter = show_filter(one.prefix, one.suffix);
        let (id, events) = (Some(one.id), one.events.into_iter().map(dto::Event::from).collect());
        match one.kind {
            Kind::Queue => {
                queues.push(dto::QueueConfiguration { id, queue_arn: one.destination, events, filter });
            }
            Kind::Topic => {
                topics.push(dto::TopicConfiguration { id, topic_arn: one.destination, events, filter });
            }
            // Refused when it was put.
            Kind::Function => {}
        }
    }
    dto::GetBucketNotificationConfigurationOutput {
        queue_configurations: (!queues.is_empty()).then_some(queues),
        topic_configurations: (!topics.is_empty()).then_some(topics),
        ..Default::default()
    }
}
