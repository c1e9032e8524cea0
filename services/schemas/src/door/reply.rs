//! Answers: JSON, whose media type is set when they leave.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Error;
use crate::protocol::answer::ErrorAnswer;

/// Marks an answer that is ours, as opposed to what a library says.
#[derive(Clone, Copy)]
struct Ours;

/// An answer with a status.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value).expect("answers have only text and numbers");
    text(status, bytes)
}

fn text(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.extensions_mut().insert(Ours);
    response
}

/// What a handler answers: 200 with JSON.
pub(super) struct Answer(Response);

impl Answer {
    /// A value as JSON.
    pub(super) fn json(value: &impl Serialize) -> Self {
        Self(json(StatusCode::OK, value))
    }

    /// A text as it is.
    pub(super) fn text(text_to_send: String) -> Self {
        Self(text(StatusCode::OK, text_to_send.into_bytes()))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

/// Sets the media type. What a library answers (a path that is not UTF-8) becomes an error of ours.
pub(super) fn finish(mut response: Response, kind: &'static str) -> Response {
    if response.extensions().get::<Ours>().is_none() && !response.status().is_success() {
        let status = response.status();
        let error = Error::Body("the request cannot be read".to_owned());
        response = json(
            status,
            &ErrorAnswer { error_code: u32::from(status.as_u16()), ..ErrorAnswer::from(&error) },
        );
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
