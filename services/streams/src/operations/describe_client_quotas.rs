//! Quotas whose entities match a filter.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::describe_client_quotas::{
    ComponentData, EntityData, EntryData, Request, Response, ValueData,
};
use crate::protocol::{ErrorCode, Text};
use crate::quotas::Entity;
use crate::session::{Action, Session, message};

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match describe(&session, &self) {
            Ok(entries) => Response { entries: Some(entries), ..Response::default() },
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }
            }
        }
        .into()
    }
}

fn describe(session: &Session, request: &Request) -> Result<Vec<EntryData>, Error> {
    session.check_cluster(Action::DescribeConfigs)?;
    check(&request.components)?;
    let table = session.service.quotas.table();
    let found = table.iter().filter(|(entity, _)| matches(&request.components, request.strict, entity));
    let entries = found.map(|(entity, quotas)| EntryData {
        entity: entity
            .iter()
            .map(|(kind, name)| EntityData {
                entity_type: Text::from(kind.as_str()),
                entity_name: name.as_deref().map(Text::from),
            })
            .collect(),
        values: quotas
            .iter()
            .map(|(key, value)| ValueData { key: Text::from(key.as_str()), value: *value })
            .collect(),
    });
    Ok(entries.collect())
}

fn check(components: &[ComponentData]) -> Result<(), Error> {
    for (at, component) in components.iter().enumerate() {
        let kind = component.entity_type.as_str();
        super::alter_client_quotas::check_part(kind)?;
        if components[..at].iter().any(|other| other.entity_type == kind) {
            return Err(Error::refused(
                ErrorCode::InvalidRequest,
                format!("entity type \"{kind}\" is given twice"),
            ));
        }
        let needs_name = component.match_type == EXACT;
        if !(EXACT..=ANY).contains(&component.match_type) || needs_name != component.match_value.is_some() {
            let text = format!(
                "match type {} of \"{kind}\": use {EXACT} with a name, {DEFAULT} or {ANY} without",
                component.match_type
            );
            return Err(Error::refused(ErrorCode::InvalidRequest, text));
        }
    }
    Ok(())
}

fn matches(components: &[ComponentData], strict: bool, entity: &Entity) -> bool {
    let fits = |component: &ComponentData| {
        entity.get(component.entity_type.as_str()).is_some_and(|name| match component.match_type {
            EXACT => name.as_deref() == component.match_value.as_deref(),
            DEFAULT => name.is_none(),
            _ => true,
        })
    };
    components.iter().all(fits) && (!strict || entity.len() == components.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quotas::table;

    #[test]
    fn filters() {
        let entity = |parts: &[(&str, Option<&str>)]| -> Entity {
            parts.iter().map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned))).collect()
        };
        let ann = entity(&[(table::USER, Some("ann"))]);
        let anybody = entity(&[(table::USER, None)]);
        let both = entity(&[(table::USER, Some("ann")), (table::CLIENT_ID, Some("app"))]);
        let all = [&ann, &anybody, &both];
        let component = |kind: &str, match_type, name: Option<&str>| ComponentData {
            entity_type: Text::from(kind),
            match_type,
            match_value: name.map(Text::from),
        };
        // Components, strict; which of the entities match.
        for (components, strict, expected) in [
            (vec![], false, [true, true, true]),
            (vec![], true, [false, false, false]),
            (vec![component(table::USER, EXACT, Some("ann"))], false, [true, false, true]),
            (vec![component(table::USER, EXACT, Some("ann"))], true, [true, false, false]),
            (vec![component(table::USER, DEFAULT, None)], true, [false, true, false]),
            (vec![component(table::USER, ANY, None)], true, [true, true, false]),
            (vec![component(table::CLIENT_ID, ANY, None)], false, [false, false, true]),
        ] {
            check(&components).unwrap();
            assert_eq!(all.map(|entity| matches(&components, strict, entity)), expected, "{components:?}");
        }
        for wrong in [
            vec![component("ip", ANY, None)],
            vec![component(table::USER, EXACT, None)],
            vec![component(table::USER, ANY, Some("ann"))],
            vec![component(table::USER, 3, None)],
            vec![component(table::USER, ANY, None), component(table::USER, DEFAULT, None)],
        ] {
            assert_eq!(check(&wrong).unwrap_err().code(), ErrorCode::InvalidRequest, "{wrong:?}");
        }
    }
}
