//! Answers of the gateway's own.

use bole_gateway_document::route;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// What a route answers: the same for each request, the body shared.
pub fn answer(reply: &route::Reply) -> Option<Response<Bytes>> {
    let mut answer = Response::new(Bytes::copy_from_slice(reply.body.as_bytes()));
    *answer.status_mut() = StatusCode::from_u16(reply.status).ok()?;
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        answer.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
    }
    if !reply.body.is_empty() && !answer.headers().contains_key(CONTENT_TYPE) {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, plain);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_what_was_written() {
        let mut reply = route::Reply {
            status: 503,
            body: "later".into(),
            headers: [("Retry-After".into(), "5".into())].into(),
        };
        let answer = self::answer(&reply).expect("it is one");
        assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (503, &b"later"[..]));
        assert_eq!(answer.headers()["retry-after"], "5");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        reply.headers.insert("content-type".into(), "text/html".into());
        assert_eq!(self::answer(&reply).expect("it is one").headers()[CONTENT_TYPE], "text/html");
    }
}
