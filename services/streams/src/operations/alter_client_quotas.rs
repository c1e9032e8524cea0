//! Sets and removes quotas.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_client_quotas::{EntryData, EntryResult, Request, Response};
use crate::quotas::table::{CLIENT_ID, USER};
use crate::quotas::{Entity, Kind, Table};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let error = alter(&session, &entry, self.validate_only).await.err();
            if error.is_some() {
                super::refused(&session);
            }
            entries.push(EntryResult {
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
                entity: entry.entity,
            });
        }
        Response { entries, ..Response::default() }.into()
    }
}

async fn alter(session: &Session, entry: &EntryData, check_only: bool) -> Result<(), Error> {
    session.check_cluster(Action::AlterConfigs)?;
    let entity = entity(entry)?;
    let service = &session.service;
    let decide = |table: &Table| {
        entry.ops.iter().try_fold(table.clone(), |table, op| {
            table.with(&entity, Kind::find(&op.key)?, (!op.remove).then_some(op.value))
        })
    };
    if check_only {
        return decide(&service.quotas.table()).map(drop);
    }
    service.quotas.change(&service.catalog, decide).await
}

fn entity(entry: &EntryData) -> Result<Entity, Error> {
    let invalid = |text: String| Error::refused(ErrorCode::InvalidRequest, text);
    let mut entity = Entity::new();
    for part in &entry.entity {
        check_part(&part.entity_type)?;
        let name = part.entity_name.as_ref().map(ToString::to_string);
        if name.as_deref() == Some("") {
            return Err(invalid(format!(
                "the name of \"{}\" is empty; null is the default",
                part.entity_type
            )));
        }
        if entity.insert(part.entity_type.to_string(), name).is_some() {
            return Err(invalid(format!("entity type \"{}\" is given twice", part.entity_type)));
        }
    }
    if entity.is_empty() { Err(invalid("the entity is empty".to_owned())) } else { Ok(entity) }
}

/// Whether quotas may be for entities with this part. Errors: `InvalidRequest`.
pub(super) fn check_part(kind: &str) -> Result<(), Error> {
    if [USER, CLIENT_ID].contains(&kind) {
        return Ok(());
    }
    let text = format!("quotas for entity type \"{kind}\" are not enforced here; {USER} and {CLIENT_ID} are");
    Err(Error::refused(ErrorCode::InvalidRequest, text))
}
