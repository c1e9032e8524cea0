//! Forgets offsets of a group.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::offset_delete::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic, Request, Response,
};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut places = Vec::new();
        for topic in &self.topics {
            places.extend(
                topic.partitions.iter().map(|partition| (Arc::from(&*topic.name), partition.partition_index)),
            );
        }
        let codes = match delete(&session, &self.group_id, &places).await {
            Ok(codes) => codes,
            Err(error) => {
                super::refused(&session);
                return Response { error_code: error.code() as i16, ..Response::default() }.into();
            }
        };
        let mut codes = codes.into_iter();
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| OffsetDeleteResponsePartition {
                partition_index: partition.partition_index,
                error_code: codes.next().unwrap_or(ErrorCode::UnknownServerError as i16),
            });
            OffsetDeleteResponseTopic { partitions: partitions.collect(), name: topic.name }
        });
        Response { topics: topics.collect(), ..Response::default() }.into()
    }
}

/// A code for each place, in their order.
async fn delete(session: &Session, group: &str, places: &[(Arc<str>, i32)]) -> Result<Vec<i16>, Error> {
    session.check(Action::Delete, "group", group, ErrorCode::GroupAuthorizationFailed)?;
    let allowed: Vec<bool> =
        places.iter().map(|(topic, _)| session.may(Action::Read, "topic", topic)).collect();
    let wanted: Vec<_> = places
        .iter()
        .zip(&allowed)
        .filter(|(_, allowed)| **allowed)
        .map(|(place, _)| place.clone())
        .collect();
    let mut outcomes = session.service.groups.delete_offsets(&Arc::from(group), &wanted).await?.into_iter();
    let code = |allowed: &bool| match allowed {
        false => ErrorCode::TopicAuthorizationFailed as i16,
        true => outcomes.next().map_or(0, |outcome| outcome.map_or_else(|error| error.code.number(), |()| 0)),
    };
    Ok(allowed.iter().map(code).collect())
}
