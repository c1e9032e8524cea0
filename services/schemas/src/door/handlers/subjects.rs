//! Subjects, their versions, and comparisons with them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};

use super::{Outcome, read};
use crate::door::reply::Answer;
use crate::operations::VersionName;
use crate::operations::read::{Full, Seen};
use crate::operations::register::Wanted;
use crate::protocol::answer::{CompatibleAnswer, IdAnswer, VersionAnswer};
use crate::protocol::body::SchemaBody;
use crate::protocol::query::Query;
use crate::schema::Kind;
use crate::{Error, Service};

type Shared = State<Arc<Service>>;
type Parameters = Extension<Query>;

/// `GET /subjects`
pub(super) async fn list(State(service): Shared, Extension(query): Parameters) -> Outcome {
    let prefix = query.text("subjectPrefix").unwrap_or_default();
    Ok(Answer::json(&service.subjects(prefix, query.seen()?, query.page()?).await?))
}

/// `POST /subjects/{subject}`
pub(super) async fn look_up(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    let (new, _) = read::<SchemaBody>(body).await?.read()?;
    let (normalize, hidden) = (query.choice("normalize")?, query.flag("deleted")?);
    let found = service.look_up(&subject, &new, normalize, hidden).await?;
    let (stored, _) = service.schema_by_id(found.id, None).await?;
    let text = text_in(&service, &query, &stored).await?;
    Ok(Answer::json(&VersionAnswer::new(&found, &stored, &text)))
}

/// `DELETE /subjects/{subject}`
pub(super) async fn delete(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    Ok(Answer::json(&service.delete_subject(&subject, query.flag("permanent")?).await?))
}

/// `GET /subjects/{subject}/versions`
pub(super) async fn versions(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    Ok(Answer::json(&service.versions(&subject, query.seen()?, query.page()?).await?))
}

/// `POST /subjects/{subject}/versions`
pub(super) async fn register(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    let (new, wanted) = read::<SchemaBody>(body).await?.read()?;
    let wanted = Wanted { normalize: query.choice("normalize")?, ..wanted };
    let registered = service.register(&subject, &new, wanted).await?;
    Ok(Answer::json(&IdAnswer { id: registered.id }))
}

async fn find(service: &Service, subject: &str, version: &str, query: &Query) -> Result<Full, Error> {
    let seen = if query.flag("deleted")? { Seen::All } else { Seen::Visible };
    service.version(subject, VersionName::parse(version)?, seen).await
}

/// The text of a schema in the form that is asked for.
pub(super) async fn text_in(
    service: &Service,
    query: &Query,
    stored: &crate::entry::Stored,
) -> Result<String, Error> {
    match query.text("format") {
        None | Some("default") => Ok(stored.text.clone()),
        Some("serialized") if stored.kind == Kind::Protobuf => service.serialized(stored).await,
        Some(format) => {
            let format: String = format.chars().take(100).collect();
            let kind = stored.kind;
            Err(Error::Unsupported(format!(
                "format \"{format}\" of {kind} is not supported; there is \"serialized\" for PROTOBUF"
            )))
        }
    }
}

/// `GET /subjects/{subject}/versions/{version}`
pub(super) async fn version(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Extension(query): Parameters,
) -> Outcome {
    let found = find(&service, &subject, &version, &query).await?;
    let text = text_in(&service, &query, &found.schema).await?;
    Ok(Answer::json(&VersionAnswer::new(&found.registered, &found.schema, &text)))
}

/// `GET /subjects/{subject}/versions/{version}/schema`
pub(super) async fn version_text(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Extension(query): Parameters,
) -> Outcome {
    let found = find(&service, &subject, &version, &query).await?;
    Ok(Answer::text(text_in(&service, &query, &found.schema).await?))
}

/// `DELETE /subjects/{subject}/versions/{version}`
pub(super) async fn delete_version(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Extension(query): Parameters,
) -> Outcome {
    let version = VersionName::parse(&version)?;
    Ok(Answer::json(&service.delete_version(&subject, version, query.flag("permanent")?).await?))
}

/// `GET /subjects/{subject}/versions/{version}/referencedby`
pub(super) async fn referenced_by(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Extension(query): Parameters,
) -> Outcome {
    let hidden = query.flag("deleted")?;
    Ok(Answer::json(&service.referenced_by(&subject, VersionName::parse(&version)?, hidden).await?))
}

async fn check(
    service: &Service,
    subject: &str,
    against: Option<VersionName>,
    query: &Query,
    body: Body,
) -> Outcome {
    let (new, _) = read::<SchemaBody>(body).await?.read()?;
    let (verbose, normalize) = (query.flag("verbose")?, query.choice("normalize")?);
    let details = service.check(subject, against, &new, normalize).await?;
    let is_compatible = details.is_empty();
    Ok(Answer::json(&CompatibleAnswer { is_compatible, messages: verbose.then_some(details) }))
}

/// `POST /compatibility/subjects/{subject}/versions`
pub(super) async fn check_all(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    check(&service, &subject, None, &query, body).await
}

/// `POST /compatibility/subjects/{subject}/versions/{version}`
pub(super) async fn check_one(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    check(&service, &subject, Some(VersionName::parse(&version)?), &query, body).await
}
