//! The pages, one file a section, and the table of all of them.

mod blobs;
mod cdn;
mod dns;
mod gateway;
mod keyspace;
mod login;
mod overview;
mod sql;
mod streams;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::node::Fault;
use crate::{Console, PATH, page};

/// All pages.
pub(crate) fn router(console: Arc<Console>) -> Router {
    let pages = Router::new()
        .route("/style.css", get(async || asset("text/css; charset=utf-8", page::STYLE)))
        .route("/icon.svg", get(async || asset("image/svg+xml", page::ICON)))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .merge(keyspace::router())
        .merge(streams::router())
        .merge(sql::router())
        .merge(blobs::router())
        .merge(gateway::router())
        .merge(cdn::router())
        .merge(dns::router())
        .merge(users::router())
        .fallback(async || page::bare("Not found", Err(Fault::missing("there is no such page"))));
    Router::new()
        .route("/", get(async || page::see_other(PATH)))
        .route(PATH, get(overview::page))
        .nest(PATH, pages)
        // Each page reads bodies itself, within bounds of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(async |response: Response| page::guarded(response)))
        .with_state(console)
}

fn asset(media: &'static str, text: &'static str) -> Response {
    let mut response = (StatusCode::OK, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}
