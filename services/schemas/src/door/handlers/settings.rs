//! Settings and modes.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};

use super::{Outcome, read as read_body};
use crate::Service;
use crate::door::reply::Answer;
use crate::protocol::answer::{ModeAnswer, SettingsAnswer, SettingsRemovedAnswer, SettingsSetAnswer};
use crate::protocol::body::{ModeBody, SettingsBody};
use crate::protocol::query::Query;

type Shared = State<Arc<Service>>;
type Parameters = Extension<Query>;

/// `GET /config`
pub(super) async fn read_all(State(service): Shared) -> Outcome {
    Ok(Answer::json(&SettingsAnswer::from(service.settings(None, false).await?)))
}

/// `GET /config/{subject}`
pub(super) async fn read(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let or_global = query.flag("defaultToGlobal")?;
    Ok(Answer::json(&SettingsAnswer::from(service.settings(Some(&subject), or_global).await?)))
}

async fn put(service: &Service, subject: Option<&str>, body: Body) -> Outcome {
    let new = read_body::<SettingsBody>(body).await?.read()?;
    Ok(Answer::json(&SettingsSetAnswer::from(service.configure(subject, new).await?)))
}

/// `PUT /config`
pub(super) async fn set_all(State(service): Shared, body: Body) -> Outcome {
    put(&service, None, body).await
}

/// `PUT /config/{subject}`
pub(super) async fn set(State(service): Shared, Path(subject): Path<String>, body: Body) -> Outcome {
    put(&service, Some(&subject), body).await
}

/// `DELETE /config`
pub(super) async fn forget_all(State(service): Shared) -> Outcome {
    Ok(Answer::json(&SettingsRemovedAnswer::from(service.forget_settings(None).await?)))
}

/// `DELETE /config/{subject}`
pub(super) async fn forget(State(service): Shared, Path(subject): Path<String>) -> Outcome {
    Ok(Answer::json(&SettingsRemovedAnswer::from(service.forget_settings(Some(&subject)).await?)))
}

/// `GET /mode`
pub(super) async fn mode_of_all(State(service): Shared) -> Outcome {
    Ok(Answer::json(&ModeAnswer { mode: service.mode(None, false).await?.name() }))
}

/// `GET /mode/{subject}`
pub(super) async fn mode(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
) -> Outcome {
    let mode = service.mode(Some(&subject), query.flag("defaultToGlobal")?).await?;
    Ok(Answer::json(&ModeAnswer { mode: mode.name() }))
}

async fn put_mode(service: &Service, subject: Option<&str>, query: &Query, body: Body) -> Outcome {
    let mode = read_body::<ModeBody>(body).await?.read()?;
    let set = service.set_mode(subject, mode, query.flag("force")?).await?;
    Ok(Answer::json(&ModeAnswer { mode: set.name() }))
}

/// `PUT /mode`
pub(super) async fn set_mode_of_all(
    State(service): Shared,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    put_mode(&service, None, &query, body).await
}

/// `PUT /mode/{subject}`
pub(super) async fn set_mode(
    State(service): Shared,
    Path(subject): Path<String>,
    Extension(query): Parameters,
    body: Body,
) -> Outcome {
    put_mode(&service, Some(&subject), &query, body).await
}

/// `DELETE /mode/{subject}`
pub(super) async fn forget_mode(State(service): Shared, Path(subject): Path<String>) -> Outcome {
    Ok(Answer::json(&ModeAnswer { mode: service.forget_mode(&subject).await?.name() }))
}
