//! The errors of the door, and the one table from error kinds to HTTP status codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use bole_base::Kind;

/// An error as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Credentials are missing or wrong. Does not say which part.
    #[error("credentials are missing or wrong")]
    Unauthenticated,
    /// Anything else.
    #[error("{message}")]
    Failed {
        /// What the client can do about it.
        kind: Kind,
        /// What was wrong, in words for the client.
        message: String,
    },
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::Failed { kind, message: message.into() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Failed { kind, .. } => status_of(*kind),
        }
    }
}

/// The one table from error kinds to status codes.
const fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::InvalidInput => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Limit => StatusCode::TOO_MANY_REQUESTS,
        Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Corrupt | Kind::Io | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.to_string() }));
        let mut response = (self.status(), body).into_response();
        if self == Self::Unauthenticated {
            let challenge = HeaderValue::from_static("Basic realm=\"bole\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_retried_has_a_code_that_says_so() {
        for (kind, code) in [
            (Kind::InvalidInput, 400),
            (Kind::Denied, 403),
            (Kind::NotFound, 404),
            (Kind::Conflict, 409),
            (Kind::Limit, 429),
            (Kind::Unavailable, 503),
            (Kind::Full, 507),
            (Kind::Corrupt, 500),
            (Kind::Io, 500),
            (Kind::Internal, 500),
        ] {
            assert_eq!(status_of(kind).as_u16(), code, "{kind:?}");
            assert_eq!(kind.retryable(), [429, 503, 507].contains(&code), "{kind:?}");
        }
    }
}
