//! Access rules that match a filter.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::acls::{self, Filter};
use crate::protocol::Text;
use crate::protocol::messages::describe_acls::{AclDescription, DescribeAclsResource, Request, Response};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match describe(&session, self) {
            Ok(resources) => Response { resources, ..Response::default() },
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }
            }
        }
        .into()
    }
}

fn describe(session: &Session, request: Request) -> Result<Vec<DescribeAclsResource>, Error> {
    session.check_cluster(Action::Describe)?;
    let filter = Filter {
        resource_type: request.resource_type_filter,
        resource_name: request.resource_name_filter,
        pattern_type: request.pattern_type_filter,
        principal: request.principal_filter,
        host: request.host_filter,
        operation: request.operation,
        permission_type: request.permission_type,
    };
    filter.check()?;
    let mut found: BTreeMap<(i8, String, i8), Vec<AclDescription>> = BTreeMap::new();
    for acl in session.service.identity.read(acls::all)?.into_iter().filter(|acl| filter.matches(acl)) {
        let described = AclDescription {
            principal: Text::from(acl.principal),
            host: Text::from(acl.host),
            operation: acl.operation,
            permission_type: acl.permission_type,
        };
        found.entry((acl.resource_type, acl.resource_name, acl.pattern_type)).or_default().push(described);
    }
    let resources = found.into_iter().map(|((resource_type, name, pattern_type), acls)| {
        DescribeAclsResource { resource_type, resource_name: Text::from(name), pattern_type, acls }
    });
    Ok(resources.collect())
}
