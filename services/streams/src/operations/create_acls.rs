//! Adds access rules.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::acls::{self, Acl};
use crate::protocol::messages::create_acls::{AclCreation, AclCreationResult, Request, Response};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut results = Vec::with_capacity(self.creations.len());
        for creation in self.creations {
            let error = create(&session, creation).await.err();
            if error.is_some() {
                super::refused(&session);
            }
            results.push(AclCreationResult {
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
            });
        }
        Response { results, ..Response::default() }.into()
    }
}

async fn create(session: &Session, creation: AclCreation) -> Result<(), Error> {
    session.check_cluster(Action::Alter)?;
    let acl = Acl {
        resource_type: creation.resource_type,
        resource_name: creation.resource_name.to_string(),
        pattern_type: creation.resource_pattern_type,
        principal: creation.principal.to_string(),
        host: creation.host.to_string(),
        operation: creation.operation,
        permission_type: creation.permission_type,
    };
    acl.check()?;
    super::change_identity(session, |directory| acls::add(directory, std::slice::from_ref(&acl))).await
}
