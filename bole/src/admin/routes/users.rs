//! Users, their access keys, and roles.

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Json, Path, State};
use axum::http::{HeaderMap, StatusCode};
use bole_base::Kind;
use bole_identity::{Policy, Role};

use super::{Shared, authorize};
use crate::admin::Error;
use crate::admin::access::{Action, MadeAccessKey, NewAccessKey, NewUser, User, UserChange};
use crate::admin::listener::Peer;

pub(super) async fn list(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<Vec<User>>, Error> {
    authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    admin.users.list().await.map(Json)
}

pub(super) async fn add(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    let Json(user) = body.map_err(|error| Error::new(Kind::InvalidInput, error.body_text()))?;
    let name = user.name.clone();
    admin.users.add(user).await?;
    tracing::info!(user = name, by, "user added");
    Ok(StatusCode::CREATED)
}

pub(super) async fn remove(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    admin.users.remove(&name).await?;
    tracing::info!(user = name, by, "user removed");
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH /api/users/{name}`
pub(super) async fn change(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Result<Json<UserChange>, JsonRejection>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    let Json(change) = body.map_err(|error| Error::new(Kind::InvalidInput, error.body_text()))?;
    let said = format!("{change:?}");
    admin.users.change(&name, change).await?;
    tracing::info!(user = name, by, change = said, "user changed");
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/users/{name}/keys`
pub(super) async fn add_key(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Result<Json<NewAccessKey>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeAccessKey>), Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    let Json(key) = body.map_err(|error| Error::new(Kind::InvalidInput, error.body_text()))?;
    let made = admin.users.add_key(&name, key).await?;
    tracing::info!(user = name, by, access_key = made.id, "access key added");
    Ok((StatusCode::CREATED, Json(made)))
}

/// `DELETE /api/users/{name}/keys/{id}`
pub(super) async fn remove_key(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    admin.users.remove_key(&name, &id).await?;
    tracing::info!(user = name, by, access_key = id, "access key removed");
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/roles`
pub(super) async fn roles(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<Vec<Role>>, Error> {
    authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    admin.users.roles().await.map(Json)
}

/// `PUT /api/roles/{name}`
pub(super) async fn put_role(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Result<Json<Vec<Policy>>, JsonRejection>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    let Json(policies) = body.map_err(|error| Error::new(Kind::InvalidInput, error.body_text()))?;
    admin.users.put_role(Role { name: name.clone(), policies }).await?;
    tracing::info!(role = name, by, "role put");
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/roles/{name}`
pub(super) async fn remove_role(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageUsers).await?;
    admin.users.remove_role(&name).await?;
    tracing::info!(role = name, by, "role removed");
    Ok(StatusCode::NO_CONTENT)
}
