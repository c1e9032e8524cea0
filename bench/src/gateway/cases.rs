//! What is measured.

use super::contender::Contender;

/// The protocol of the client's connections. The upstream is always asked by HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS by prior knowledge.
    Http2,
}

/// A case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) protocol: Protocol,
    pub(super) tls: bool,
    /// The path; its last segment is a file of the upstream's.
    pub(super) path: &'static str,
    /// What of the gateway's is switched on, for Bole alone.
    pub(super) with: Option<&'static str>,
}

impl Case {
    const fn new(protocol: Protocol, tls: bool, path: &'static str) -> Self {
        Self { protocol, tls, path, with: None }
    }

    const fn with(with: &'static str, path: &'static str) -> Self {
        Self { protocol: Protocol::Http1, tls: false, path, with: Some(with) }
    }

    pub(super) fn name(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Http1 => "h1",
            Protocol::Http2 => "h2",
        };
        let body = self.path.rsplit('/').next().unwrap_or_default();
        let with = self.with.map(|with| format!("/{with}")).unwrap_or_default();
        format!("{protocol}/{}/{body}{with}", if self.tls { "tls" } else { "plain" })
    }

    pub(super) fn suits(&self, contender: Contender) -> bool {
        self.with.is_none() || contender == Contender::Bole
    }
}

use Protocol::{Http1, Http2};

/// All cases.
pub(super) const CASES: &[Case] = &[
    Case::new(Http1, false, "/1KiB"),
    Case::new(Http1, true, "/1KiB"),
    Case::new(Http2, false, "/1KiB"),
    Case::new(Http2, true, "/1KiB"),
    Case::new(Http1, false, "/64KiB"),
    Case::new(Http1, true, "/64KiB"),
    Case::new(Http2, false, "/64KiB"),
    Case::new(Http2, true, "/64KiB"),
    Case::with("limit", "/limited/1KiB"),
];
