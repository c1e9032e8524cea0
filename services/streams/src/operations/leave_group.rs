//! Members leave a classic group.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::LeavingMember;
use crate::protocol::ErrorCode;
use crate::protocol::messages::leave_group::{MemberIdentity, MemberResponse, Request, Response};
use crate::session::{Action, Session};

/// From this version on several members may leave at once.
const BATCH_VERSION_MIN: i16 = 3;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let members = if version < BATCH_VERSION_MIN {
            vec![MemberIdentity { member_id: self.member_id, ..MemberIdentity::default() }]
        } else {
            self.members
        };
        let outcomes = match leave(&session, &self.group_id, &members).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                super::refused(&session);
                return Response { error_code: error.code() as i16, ..Response::default() }.into();
            }
        };
        let codes =
            outcomes.into_iter().map(|outcome| outcome.map_or_else(|error| error.code.number(), |()| 0));
        if version < BATCH_VERSION_MIN {
            return Response { error_code: codes.sum(), ..Response::default() }.into();
        }
        let members = members.into_iter().zip(codes).map(|(member, error_code)| MemberResponse {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code,
        });
        Response { members: members.collect(), ..Response::default() }.into()
    }
}

type Outcomes = Vec<Result<(), crate::groups::Error>>;

async fn leave(session: &Session, group: &str, members: &[MemberIdentity]) -> Result<Outcomes, Error> {
    session.check(Action::Read, "group", group, ErrorCode::GroupAuthorizationFailed)?;
    let leaving = members.iter().map(|member| LeavingMember {
        member_id: Arc::from(&*member.member_id),
        instance_id: member.group_instance_id.as_deref().map(Arc::from),
    });
    let leaving: Vec<_> = leaving.collect();
    Ok(session.service.groups.leave_group(group, &leaving).await?)
}
