//! Classic groups with their members.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::Code;
use crate::groups::coordinator::admin::Described;
use crate::protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember, Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};

/// From this version on a group that does not exist is an error, and not one that is dead.
const NOT_FOUND_VERSION_MIN: i16 = 6;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let mut groups = Vec::with_capacity(self.groups.len());
        for group in self.groups {
            let mut told = one(&session, group, version).await;
            if self.include_authorized_operations && told.error_code == 0 {
                told.authorized_operations = session.authorized_operations("group", &told.group_id);
            }
            groups.push(told);
        }
        Response { groups, ..Response::default() }.into()
    }
}

async fn one(session: &Session, group_id: Text, version: i16) -> DescribedGroup {
    let allowed = session.check(Action::Describe, "group", &group_id, ErrorCode::GroupAuthorizationFailed);
    let error = match allowed {
        Err(error) => error,
        Ok(()) => match session.service.groups.describe_group(&group_id).await {
            Ok(described) => return answer(described),
            Err(error) if error.code == Code::GroupIdNotFound && version < NOT_FOUND_VERSION_MIN => {
                return DescribedGroup {
                    group_id,
                    group_state: Text::from("Dead"),
                    ..DescribedGroup::default()
                };
            }
            Err(error) => Error::from(error),
        },
    };
    super::refused(session);
    let error_message = (version >= NOT_FOUND_VERSION_MIN).then(|| message(&error)).flatten();
    let group_state = Text::from("Dead");
    DescribedGroup {
        error_code: error.code() as i16,
        error_message,
        group_id,
        group_state,
        ..DescribedGroup::default()
    }
}

fn answer(described: Described) -> DescribedGroup {
    let members = described.members.into_iter().map(|member| DescribedGroupMember {
        member_id: Text::from(&*member.member_id),
        group_instance_id: member.instance_id.as_deref().map(Text::from),
        client_id: Text::from(&*member.client_id),
        client_host: Text::from(&*member.client_host),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    });
    DescribedGroup {
        group_id: Text::from(&*described.group),
        group_state: Text::from(described.state),
        protocol_type: Text::from(&*described.protocol_type),
        protocol_data: Text::from(&*described.protocol),
        members: members.collect(),
        ..DescribedGroup::default()
    }
}
