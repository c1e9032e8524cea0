//! Who hears of what happens in a bucket. A destination is a topic of the node's streams; it gets a test event in the batch in which it is configured,
//! so what cannot reach it is refused then.

use s3s::{S3Request, S3Response, dto};

use super::{Answer, caller};
use crate::access::Caller;
use crate::error::{Code, Error, Result};
use crate::events::{Streams, publish, topic_of};
use crate::objects::{buckets, settings};
use crate::protocol::settings::notifications as document;
use crate::rules::events::{Notifications, test_message};
use crate::rules::setting;
use crate::service::Service;
use crate::state::Plan;

/// Bytes that are logged with a configuration: beside the document, and for each test event.
const AROUND_BYTES: usize = 1_024;

pub(super) async fn get(
    service: &Service,
    request: S3Request<dto::GetBucketNotificationConfigurationInput>,
) -> Answer<dto::GetBucketNotificationConfigurationOutput> {
    let look = |plan: &Plan<'_>| {
        let bucket = buckets::get(plan, &request.input.bucket)?;
        settings::of::<Notifications>(plan, &bucket)
    };
    let found = service.blobs.read(look).await?;
    Ok(S3Response::new(document::show(found.unwrap_or_default())))
}

pub(super) async fn put(
    service: &Service,
    request: S3Request<dto::PutBucketNotificationConfigurationInput>,
) -> Answer<dto::PutBucketNotificationConfigurationOutput> {
    let (caller, input) = (caller(&request)?, request.input);
    let mut ids = 0;
    let new_id = || {
        ids += 1;
        format!("notification-{}-{ids}", caller.request_id)
    };
    let notifications = document::read(input.notification_configuration, new_id)?;
    let topics = topics(service, &caller, &notifications)?;
    let tests = !input.skip_destination_validation.unwrap_or(false);
    let change = |plan: &mut Plan<'_>| {
        if notifications.0.is_empty() {
            return settings::delete::<Notifications>(plan, &input.bucket);
        }
        settings::put(plan, &input.bucket, &notifications)?;
        for topic in topics.iter().filter(|_| tests) {
            let message = test_message(&input.bucket, plan.now(), &caller.request_id);
            plan.ask(publish(topic, &input.bucket, message));
        }
        Ok(())
    };
    let bytes = setting::encode(&notifications).len() + AROUND_BYTES * (1 + topics.len());
    service.blobs.change(caller.asker(), bytes, change).await?;
    Ok(S3Response::new(dto::PutBucketNotificationConfigurationOutput::default()))
}

/// The topics of a configuration, each once. Refuses: `InvalidArgument` for what is no topic, and for one to which the caller may not write; `NotImplemented` without streams.
fn topics<'a>(service: &Service, caller: &Caller, notifications: &'a Notifications) -> Result<Vec<&'a str>> {
    if notifications.0.is_empty() {
        return Ok(Vec::new());
    }
    let Some(Streams { may_write, .. }) = service.blobs.streams() else {
        return Err(Error::new(
            Code::NotImplemented,
            "Notifications are not supported: there are no streams here",
        ));
    };
    let destinations = notifications.0.iter().map(|one| topic_of(&one.destination, &service.config.account));
    let mut topics = destinations.collect::<Result<Vec<_>>>()?;
    topics.sort_unstable();
    topics.dedup();
    let user = caller.user.as_ref().map_or("", |user| user.name.as_str());
    match topics.iter().find(|topic| !may_write(user, topic)) {
        None => Ok(topics),
        Some(topic) => {
            let text = format!(
                "Unable to validate the following destination configurations: you may not write to topic \"{topic}\""
            );
            Err(Error::new(Code::InvalidArgument, text))
        }
    }
}
