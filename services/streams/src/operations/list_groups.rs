//! The groups that there are.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::protocol::Text;
use crate::protocol::messages::list_groups::{ListedGroup, Request, Response};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let words = |filter: &[Text]| filter.iter().map(std::string::ToString::to_string).collect::<Vec<_>>();
        let found =
            session.service.groups.list_groups(&words(&self.states_filter), &words(&self.types_filter)).await;
        let listed = match found {
            Ok(listed) => listed,
            Err(error) => {
                super::refused(&session);
                return Response { error_code: error.code.number(), ..Response::default() }.into();
            }
        };
        let seen = listed.into_iter().filter(|group| session.may(Action::Describe, "group", &group.group));
        let groups = seen.map(|group| ListedGroup {
            group_id: Text::from(&*group.group),
            protocol_type: Text::from(&*group.protocol_type),
            group_state: Text::from(group.state),
            group_type: Text::from(group.kind),
        });
        Response { groups: groups.collect(), ..Response::default() }.into()
    }
}
