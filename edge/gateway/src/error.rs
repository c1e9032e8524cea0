//! What goes wrong with a request, and the one table that says how each kind is answered: a status and a body of
//! `application/problem+json` (RFC 9457). And what goes wrong with the gateway itself.

use bole_gateway_openapi::Misfit;
use std::net::SocketAddr;

/// Why a request is not answered by a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table below says what each is")]
pub enum Problem {
    BadRequest,
    HeadTooLarge,
    TargetTooLong,
    Version,
    MethodRefused,
    Expectation,
    HeadTimeout,
    BodyTimeout,
    BodyTooLarge,
    BodyWrong,
    RequestUnfit,
    BodyUnfit,
    Misdirected,
    NoRoute,
    NetworkDenied,
    UpgradeRefused,
    RateLimited,
    LimitUnknown,
    Shed,
    TooManyAtOnce,
    BreakerOpen,
    NoInstance,
    ConnectFailed,
    ConnectTimeout,
    TlsFailed,
    FirstByteTimeout,
    ReadTimeout,
    TotalTimeout,
    WriteTimeout,
    UpstreamClosed,
    UpstreamGarbage,
    ResponseTooLarge,
    NotFound,
    MethodNotAllowed,
    RangeNotSatisfiable,
    BucketFailed,
    ClientGone,
    Internal,
}

/// One kind: how it is called and answered.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which.
    pub problem: Problem,
    /// In the problem's type, in logs and metrics.
    pub name: &'static str,
    /// The status; 0 if nobody is there to read it.
    pub status: u16,
    /// For people.
    pub title: &'static str,
}

const fn row(problem: Problem, name: &'static str, status: u16, title: &'static str) -> Row {
    Row { problem, name, status, title }
}

/// All kinds, in the order of [`Problem`].
pub const PROBLEMS: &[Row] = &[
    row(Problem::BadRequest, "bad-request", 400, "The request has no single meaning"),
    row(Problem::HeadTooLarge, "head-too-large", 431, "The head of the request is too large"),
    row(Problem::TargetTooLong, "target-too-long", 414, "The target of the request is too long"),
    row(Problem::Version, "version", 505, "The version of HTTP is not spoken here"),
    row(Problem::MethodRefused, "method-refused", 405, "The method is not served"),
    row(Problem::Expectation, "expectation", 417, "The expectation is not known"),
    row(Problem::HeadTimeout, "head-timeout", 408, "The head of the request took too long"),
    row(Problem::BodyTimeout, "body-timeout", 408, "The body of the request took too long"),
    row(Problem::BodyTooLarge, "body-too-large", 413, "The body of the request is too large"),
    row(Problem::BodyWrong, "body-wrong", 400, "The body is not what was signed"),
    row(Problem::RequestUnfit, "request-unfit", 400, "The request is not what the service describes"),
    row(Problem::BodyUnfit, "body-unfit", 422, "The body is not what the service describes"),
    row(Problem::Misdirected, "misdirected", 421, "The connection was made for another host"),
    row(Problem::NoRoute, "no-route", 404, "No route takes this request"),
    row(Problem::NetworkDenied, "network-denied", 403, "Clients of this network are not let in"),
    row(Problem::UpgradeRefused, "upgrade-refused", 403, "The route does not let connections be upgraded"),
    row(Problem::RateLimited, "rate-limited", 429, "Too many requests"),
    row(Problem::LimitUnknown, "limit-unknown", 503, "It cannot be told whether the limit is reached"),
    row(Problem::Shed, "shed", 503, "Overload: less important requests are refused"),
    row(
        Problem::TooManyAtOnce,
        "too-many-at-once",
        503,
        "The service has as many requests as it can work on",
    ),
    row(
        Problem::BreakerOpen,
        "breaker-open",
        503,
        "The service failed too often and is left alone for a while",
    ),
    row(Problem::NoInstance, "no-instance", 503, "The service has no instance that can take the request"),
    row(Problem::ConnectFailed, "connect-failed", 502, "The service cannot be reached"),
    row(Problem::ConnectTimeout, "connect-timeout", 504, "The service did not take the connection in time"),
    row(Problem::TlsFailed, "tls-failed", 502, "TLS to the service could not be agreed on"),
    row(Problem::FirstByteTimeout, "first-byte-timeout", 504, "The service did not answer in time"),
    row(Problem::ReadTimeout, "read-timeout", 504, "The service stopped in the middle of its answer"),
    row(Problem::TotalTimeout, "total-timeout", 504, "The request took too long"),
    row(Problem::WriteTimeout, "write-timeout", 504, "The service did not take the request in time"),
    row(
        Problem::UpstreamClosed,
        "upstream-closed",
        502,
        "The service closed the connection before its answer was whole",
    ),
    row(Problem::UpstreamGarbage, "upstream-garbage", 502, "The service's answer is not HTTP"),
    row(Problem::ResponseTooLarge, "response-too-large", 502, "The service's answer is too large"),
    row(Problem::NotFound, "not-found", 404, "There is nothing of this name"),
    row(Problem::MethodNotAllowed, "method-not-allowed", 405, "Only GET and HEAD are possible here"),
    row(Problem::RangeNotSatisfiable, "range-not-satisfiable", 416, "The range is not within it"),
    row(Problem::BucketFailed, "bucket-failed", 503, "The bucket cannot be read now"),
    row(Problem::ClientGone, "client-gone", 0, "The client closed the connection"),
    row(Problem::Internal, "internal", 500, "The gateway failed"),
];

impl Problem {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &PROBLEMS[self as usize]
    }

    /// The body that tells it. `detail` is of the gateway's own words: nothing of the request, no secret; `misfits` are told as `errors`.
    pub fn body(self, detail: Option<&str>, misfits: &[Misfit]) -> String {
        let Row { name, status, title, .. } = self.row();
        let mut body = serde_json::json!({ "type": format!("urn:bole:gateway:{name}"), "title": title, "status": status });
        if let Some(detail) = detail {
            body["detail"] = detail.into();
        }
        if !misfits.is_empty() {
            let told = |misfit: &Misfit| serde_json::json!({ "place": misfit.place, "detail": misfit.wrong });
            body["errors"] = misfits.iter().map(told).collect();
        }
        body.to_string()
    }

    /// Whether the service, not the client or the gateway, is to blame.
    pub fn is_upstream(self) -> bool {
        (Self::ConnectFailed..=Self::ResponseTooLarge).contains(&self)
    }
}

/// Why a gateway does not open, or does not take a document. What ran before goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener could not be opened.
    #[error(transparent)]
    Net(#[from] bole_net::Error),
    /// The settings cannot be.
    #[error("{0}")]
    Config(String),
    /// The document asks for what cannot be.
    #[error("the document is not taken, the one before stays: {}", .0.join("; "))]
    Document(Vec<String>),
    /// The gateway has been closed.
    #[error("the gateway at {0:?} is closed")]
    Closed(Vec<SocketAddr>),
}

/// Of the gateway.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_its_row() {
        for (index, row) in PROBLEMS.iter().enumerate() {
            assert_eq!((row.problem as usize, row.problem.row().name), (index, row.name));
            assert!(row.status == 0 || (400..600).contains(&row.status));
        }
        assert_eq!(Problem::Internal as usize + 1, PROBLEMS.len());
        assert!(Problem::ConnectFailed.is_upstream() && !Problem::NoInstance.is_upstream());
    }

    #[test]
    fn bodies_are_problem_details() {
        let body: serde_json::Value =
            serde_json::from_str(&Problem::NoRoute.body(Some("a \"b\""), &[])).expect("JSON");
        assert_eq!(body["type"], "urn:bole:gateway:no-route");
        assert_eq!((body["status"].as_u64(), body["detail"].as_str()), (Some(404), Some("a \"b\"")));
    }
}
