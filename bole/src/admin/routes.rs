//! The requests that the admin door answers.

mod users;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Json, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use bole_base::Kind;

use super::access::{Action, Authenticator, Credentials};
use super::blobs::{Blobs, Damage};
use super::data::{MoveLimits, Mover, Moving};
use super::listener::Peer;
use super::{Admin, BODY_BYTES_MAX, Error};
use crate::metrics::{self, Collector};
use crate::status::Status;

type Shared = State<Arc<Admin>>;

/// All requests behind the guard.
pub(super) fn router(mut admin: Admin) -> Router {
    let extra = std::mem::take(&mut admin.extra);
    let pages = admin.console.take();
    // The pages ask the API, and the API shows the pages' metrics.
    let late: Arc<OnceLock<Collector>> = Arc::default();
    let shown = Arc::clone(&late);
    admin.collectors.push(Arc::new(move |out| {
        if let Some(collector) = shown.get() {
            collector(out);
        }
    }));
    let admin = Arc::new(admin);
    let own = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_page))
        .route("/api/status", get(status))
        .route("/api/users", get(users::list).post(users::add))
        .route("/api/users/{name}", delete(users::remove).patch(users::change))
        .route("/api/users/{name}/keys", post(users::add_key))
        .route("/api/users/{name}/keys/{id}", delete(users::remove_key))
        .route("/api/roles", get(users::roles))
        .route("/api/roles/{name}", put(users::put_role).delete(users::remove_role))
        .route("/api/blobs/scrub", post(begin_scrub))
        .route("/api/blobs/damage", get(damage))
        .route("/api/blobs/move", get(moving).post(begin_move).delete(stop_move))
        .with_state(Arc::clone(&admin));
    let api = extra.into_iter().fold(own, Router::merge).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let all = match pages {
        Some(pages) => {
            let (pages, collector) = pages(api.clone());
            let _first = late.set(collector);
            pages.merge(api)
        }
        None => api,
    };
    all.fallback(async || Error::new(Kind::NotFound, "there is no such page; see GET /api/status"))
        .layer(middleware::from_fn_with_state(admin, guard))
}

async fn guard(State(admin): Shared, request: Request, next: Next) -> Response {
    match verdict(&admin, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(reason) => Error::new(Kind::Denied, reason).into_response(),
    }
}

fn verdict(admin: &Admin, headers: &HeaderMap) -> Result<(), String> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"));
    (admin.guard)(text(header::HOST), text(header::ORIGIN))
}

async fn ready(State(admin): Shared) -> Response {
    match admin.readiness.check() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics_page(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    authorize_read(&admin, peer, &headers).await?;
    let page = metrics::render(&(admin.status)(), &admin.collectors);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}

async fn status(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<Status>, Error> {
    authorize_read(&admin, peer, &headers).await?;
    Ok(Json((admin.status)()))
}

async fn begin_scrub(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageBlobs).await?;
    blobs(&admin)?.begin_scrub();
    tracing::info!(by, "all large objects are to be verified");
    Ok(StatusCode::ACCEPTED)
}

async fn damage(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<Damage>, Error> {
    authorize(&admin, peer, &headers, Action::ManageBlobs).await?;
    blobs(&admin)?.damage().await.map(Json)
}

fn blobs(admin: &Admin) -> Result<&dyn Blobs, Error> {
    admin.blobs.as_deref().ok_or_else(|| Error::new(Kind::NotFound, "this node has no blobs"))
}

fn mover(admin: &Admin) -> Result<&Arc<dyn Mover>, Error> {
    admin.mover.as_ref().ok_or_else(|| Error::new(Kind::NotFound, "this node has no blobs"))
}

async fn moving(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<Moving>, Error> {
    authorize(&admin, peer, &headers, Action::ManageBlobs).await?;
    Ok(Json(mover(&admin)?.progress()))
}

async fn begin_move(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Result<Json<MoveLimits>, JsonRejection>,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageBlobs).await?;
    let Json(limits) = body.map_err(|error| Error::new(Kind::InvalidInput, error.body_text()))?;
    mover(&admin)?.begin(limits)?;
    tracing::info!(by, "bytes are moved between their homes");
    Ok(StatusCode::ACCEPTED)
}

async fn stop_move(
    State(admin): Shared,
    peer: ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let by = authorize(&admin, peer, &headers, Action::ManageBlobs).await?;
    mover(&admin)?.stop();
    tracing::info!(by, "bytes are not moved any more");
    Ok(StatusCode::NO_CONTENT)
}

async fn authorize_read(admin: &Admin, peer: ConnectInfo<Peer>, headers: &HeaderMap) -> Result<(), Error> {
    if admin.private {
        authorize(admin, peer, headers, Action::ReadStatus).await?;
    }
    Ok(())
}

/// Checks the request's credentials, if any; returns the name of their owner.
async fn authorize(
    admin: &Admin,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: &HeaderMap,
    action: Action,
) -> Result<String, Error> {
    ask(&*admin.authenticator, &peer, headers, action).await
}

/// Checks the credentials in `headers`, if any; returns the name of their owner. Who is known already needs none.
pub(super) async fn ask(
    authenticator: &dyn Authenticator,
    peer: &Peer,
    headers: &HeaderMap,
    action: Action,
) -> Result<String, Error> {
    if let Some(user) = &peer.known {
        return authenticator.permit(user, &action).map(|()| user.to_string());
    }
    let credentials = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|error| Error::new(Kind::InvalidInput, error.to_string()))?;
            Some(Credentials::from_header(text).map_err(|reason| Error::new(Kind::InvalidInput, reason))?)
        }
    };
    authenticator.authorize(peer.address, credentials.as_ref(), action).await
}
