//! Removes access rules that match filters.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Handle, Outcome};
use crate::Error;
use crate::acls::{self, Acl, Filter};
use crate::protocol::Text;
use crate::protocol::messages::delete_acls::{
    DeleteAclsFilter, DeleteAclsFilterResult, DeleteAclsMatchingAcl, Request, Response,
};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut filter_results = Vec::with_capacity(self.filters.len());
        for filter in self.filters {
            filter_results.push(match delete(&session, filter).await {
                Ok(removed) => DeleteAclsFilterResult {
                    matching_acls: removed.into_iter().map(tell).collect(),
                    ..DeleteAclsFilterResult::default()
                },
                Err(error) => {
                    super::refused(&session);
                    let (error_code, error_message) = (error.code() as i16, message(&error));
                    DeleteAclsFilterResult { error_code, error_message, ..DeleteAclsFilterResult::default() }
                }
            });
        }
        Response { filter_results, ..Response::default() }.into()
    }
}

async fn delete(session: &Session, asked: DeleteAclsFilter) -> Result<Vec<Acl>, Error> {
    session.check_cluster(Action::Alter)?;
    let filter = Filter {
        resource_type: asked.resource_type_filter,
        resource_name: asked.resource_name_filter,
        pattern_type: asked.pattern_type_filter,
        principal: asked.principal_filter,
        host: asked.host_filter,
        operation: asked.operation,
        permission_type: asked.permission_type,
    };
    filter.check()?;
    let removed = Mutex::new(Vec::new());
    super::change_identity(session, |directory| {
        let (entries, acls) = acls::remove(directory, &filter)?;
        *removed.lock() = acls;
        Ok(entries)
    })
    .await?;
    Ok(removed.into_inner())
}

fn tell(acl: Acl) -> DeleteAclsMatchingAcl {
    DeleteAclsMatchingAcl {
        resource_type: acl.resource_type,
        resource_name: Text::from(acl.resource_name),
        pattern_type: acl.pattern_type,
        principal: Text::from(acl.principal),
        host: Text::from(acl.host),
        operation: acl.operation,
        permission_type: acl.permission_type,
        ..DeleteAclsMatchingAcl::default()
    }
}
