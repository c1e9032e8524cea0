//! Consumer groups (KIP-848) with their members.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::consumer::Described;
use crate::groups::state::modern;
use crate::protocol::messages::consumer_group_describe::{
    Assignment, DescribedGroup, Member, Request, Response, TopicPartitions,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};

/// A member that speaks the protocol of consumer groups.
const MEMBER_TYPE_CONSUMER: i8 = 1;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut groups = Vec::with_capacity(self.group_ids.len());
        for group_id in self.group_ids {
            groups.push(match describe(&session, &group_id).await {
                Ok(described) => answer(&session, described),
                Err(error) => {
                    super::refused(&session);
                    let (error_code, error_message) = (error.code() as i16, message(&error));
                    DescribedGroup { error_code, error_message, group_id, ..DescribedGroup::default() }
                }
            });
        }
        Response { groups, ..Response::default() }.into()
    }
}

async fn describe(session: &Session, group: &str) -> Result<Described, Error> {
    session.check(Action::Describe, "group", group, ErrorCode::GroupAuthorizationFailed)?;
    Ok(session.service.groups.describe_consumer_group(&Arc::from(group)).await?)
}

fn answer(session: &Session, described: Described) -> DescribedGroup {
    let members = described.members.into_iter().map(|found| Member {
        member_id: Text::from(&*found.id),
        instance_id: found.member.instance_id.as_deref().map(Text::from),
        rack_id: found.member.rack.as_deref().map(Text::from),
        member_epoch: found.member.epoch,
        client_id: Text::from(&*found.member.client_id),
        client_host: Text::from(&*found.member.client_host),
        subscribed_topic_names: found.member.topics.iter().map(|name| Text::from(&**name)).collect(),
        subscribed_topic_regex: found.member.pattern.as_deref().map(Text::from),
        assignment: assignment(session, found.member.assigned),
        target_assignment: assignment(session, (*found.target).clone()),
        member_type: MEMBER_TYPE_CONSUMER,
    });
    DescribedGroup {
        group_id: Text::from(&*described.group),
        group_state: Text::from(described.state),
        group_epoch: described.epoch,
        assignment_epoch: described.target_epoch,
        assignor_name: Text::from(described.assignor),
        members: members.collect(),
        ..DescribedGroup::default()
    }
}

fn assignment(session: &Session, assignment: modern::Assignment) -> Assignment {
    let rows = named(session, assignment).map(|(topic_id, topic_name, partitions)| TopicPartitions {
        topic_id,
        topic_name,
        partitions,
    });
    Assignment { topic_partitions: rows.collect() }
}

/// An assignment with the names of the topics that are still there.
pub(super) fn named(
    session: &Session,
    assignment: modern::Assignment,
) -> impl Iterator<Item = (crate::protocol::Uuid, Text, Vec<i32>)> {
    super::consumer_group_heartbeat::rows(assignment).filter_map(|(topic_id, partitions)| {
        let topic = session.service.topics.readable("", topic_id).ok()?;
        Some((topic_id, Text::from(topic.name()), partitions))
    })
}
