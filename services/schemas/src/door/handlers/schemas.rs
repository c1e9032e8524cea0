//! Schemas by id, and lists of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};

use super::Outcome;
use super::subjects::text_in;
use crate::door::reply::Answer;
use crate::entry::SchemaId;
use crate::operations::read::Seen;
use crate::protocol::answer::{SchemaAnswer, UseAnswer, VersionAnswer};
use crate::protocol::query::Query;
use crate::schema::Kind;
use crate::{Error, Service};

type Shared = State<Arc<Service>>;
type Parameters = Extension<Query>;

fn id_of(text: &str) -> Result<SchemaId, Error> {
    let wrong = || Error::Parameter {
        name: "id",
        value: text.chars().take(100).collect(),
        allowed: "it should be the number of a schema",
    };
    text.parse::<i64>().map_err(|_| wrong()).map(|id| SchemaId::try_from(id).unwrap_or(0))
}

/// `GET /schemas`
pub(super) async fn list(State(service): Shared, Extension(query): Parameters) -> Outcome {
    let prefix = query.text("subjectPrefix").unwrap_or_default();
    let all = service.schemas(prefix, query.seen()?, query.flag("latestOnly")?, query.page()?).await?;
    Ok(Answer::json(&all.iter().map(VersionAnswer::of).collect::<Vec<_>>()))
}

/// `GET /schemas/types`
pub(super) async fn kinds() -> Answer {
    Answer::json(&Kind::ALL)
}

/// `GET /schemas/ids/{id}`
pub(super) async fn by_id(
    State(service): Shared,
    Path(id): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let (stored, last) = service.schema_by_id(id_of(&id)?, query.text("subject")).await?;
    let text = text_in(&service, &query, &stored).await?;
    let max_id = query.flag("fetchMaxId")?.then_some(last);
    Ok(Answer::json(&SchemaAnswer::new(&stored, &text, max_id)))
}

/// `GET /schemas/ids/{id}/schema`
pub(super) async fn text_by_id(
    State(service): Shared,
    Path(id): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let (stored, _) = service.schema_by_id(id_of(&id)?, query.text("subject")).await?;
    Ok(Answer::text(text_in(&service, &query, &stored).await?))
}

async fn uses(service: &Service, id: &str, query: &Query) -> Result<Vec<(String, i32)>, Error> {
    let seen = if query.flag("deleted")? { Seen::All } else { Seen::Visible };
    service.uses(id_of(id)?, seen).await
}

/// `GET /schemas/ids/{id}/subjects`
pub(super) async fn subjects(
    State(service): Shared,
    Path(id): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let uses = uses(&service, &id, &query).await?;
    let names: BTreeSet<String> = uses.into_iter().map(|(subject, _)| subject).collect();
    Ok(Answer::json(&names))
}

/// `GET /schemas/ids/{id}/versions`
pub(super) async fn versions(
    State(service): Shared,
    Path(id): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let uses = uses(&service, &id, &query).await?.into_iter();
    Ok(Answer::json(&uses.map(|(subject, version)| UseAnswer { subject, version }).collect::<Vec<_>>()))
}
