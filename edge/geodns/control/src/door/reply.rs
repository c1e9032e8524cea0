//! Answers: errors, revisions.

use crate::error::Error;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bole_base::Kind;
use serde_json::{Value, json};

/// The one table from kinds of errors to statuses.
fn status_of(error: &Error) -> StatusCode {
    if matches!(error, Error::Stale { .. }) {
        return StatusCode::PRECONDITION_FAILED;
    }
    match error.kind() {
        Kind::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Corrupt | Kind::Io | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.to_string() });
        if let Self::Zone(problems) = &self {
            let row = |problem: &bole_geodns::zone::source::Problem| json!({ "line": problem.line, "text": problem.text });
            let rows: Vec<Value> = problems.list.iter().map(row).collect();
            body = json!({ "error": self.to_string(), "problems": rows, "more": problems.more });
        }
        (status_of(&self), Json(body)).into_response()
    }
}

/// A request that is not one.
pub(super) fn bad(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
}

/// Puts the revision into an answer.
pub(super) fn tagged(revision: u64, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The revision that a request is made for. `*` is any.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<u64>, Box<Response>> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = number.and_then(|number| number.parse().ok());
    revision.map(Some).ok_or_else(|| {
        Box::new(bad(&format!("If-Match {text:?} is not the ETag of an answer, such as \"7\"")))
    })
}
