//! What became of records that a member of a share group has acquired.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::TopicId;
use crate::groups::share::{AcknowledgeRequest, Acknowledgement, Batch, Place, SessionRequest};
use crate::protocol::messages::share_acknowledge::{
    PartitionData, Request, Response, ShareAcknowledgeTopicResponse,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match acknowledge(&session, self).await {
            Ok(response) => response.into(),
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }.into()
            }
        }
    }
}

async fn acknowledge(session: &Session, request: Request) -> Result<Response, Error> {
    let (group, member_id) = names(session, request.group_id.as_ref(), request.member_id.as_ref())?;
    let opened = SessionRequest {
        group: Arc::clone(&group),
        member_id: Arc::clone(&member_id),
        epoch: request.share_session_epoch,
        add: Vec::new(),
        forget: Vec::new(),
        may_open: false,
    };
    let opened = session.service.groups.share_session(&opened).await?;
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let place = (TopicId(topic.topic_id.0), partition.partition_index);
            let batches = partition.acknowledgement_batches.iter();
            let batches = batches
                .map(|batch| (batch.first_offset, batch.last_offset, batch.acknowledge_types.as_slice()));
            let error = take(session, &group, &member_id, place, batches).await.err();
            partitions.push(PartitionData {
                partition_index: partition.partition_index,
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
                ..PartitionData::default()
            });
        }
        responses.push(ShareAcknowledgeTopicResponse { topic_id: topic.topic_id, partitions });
    }
    if opened.closed {
        session.service.groups.release_share_member(&group, &member_id).await?;
    }
    let acquisition_lock_timeout_ms = session.service.groups.config().share_lock_duration_ms as i32;
    Ok(Response { acquisition_lock_timeout_ms, responses, ..Response::default() })
}

/// Group and member of a request. Errors: `GroupAuthorizationFailed`, `InvalidRequest`.
pub(super) fn names(
    session: &Session,
    group: Option<&Text>,
    member: Option<&Text>,
) -> Result<(Arc<str>, Arc<str>), Error> {
    let (Some(group), Some(member)) = (group, member) else {
        return Err(Error::refused(
            ErrorCode::InvalidRequest,
            "a share group's request needs group and member id",
        ));
    };
    session.check(Action::Read, "group", group, ErrorCode::GroupAuthorizationFailed)?;
    Ok((Arc::from(&**group), Arc::from(&**member)))
}

/// Takes the acknowledgements for one partition, if there are any: ranges of offsets, each with one kind, or one for each offset.
pub(super) async fn take<'a>(
    session: &Session,
    group: &Arc<str>,
    member_id: &Arc<str>,
    place: Place,
    ranges: impl Iterator<Item = (i64, i64, &'a [i8])>,
) -> Result<(), Error> {
    let mut batches = Vec::new();
    for (first, last, numbers) in ranges {
        let kinds = numbers.iter().map(|number| {
            let text = || {
                format!(
                    "acknowledge type {number}; use 0 (gap), 1 (accept), 2 (release), 3 (reject) or 4 (renew)"
                )
            };
            Acknowledgement::from_number(*number)
                .ok_or_else(|| Error::refused(ErrorCode::InvalidRequest, text()))
        });
        batches.push(Batch { first, last, kinds: kinds.collect::<Result<_, _>>()? });
    }
    if batches.is_empty() {
        return Ok(());
    }
    let topic = session.service.topics.readable("", Uuid(place.0.0))?;
    session.check_topic(Action::Read, topic.name())?;
    let (group, member_id) = (Arc::clone(group), Arc::clone(member_id));
    let request = AcknowledgeRequest { group, member_id, place, batches };
    Ok(session.service.groups.acknowledge(&request).await?)
}

/// Acknowledgements that a fetch brings along, by partition: what was refused.
pub(super) type Refused = BTreeMap<Place, Error>;
