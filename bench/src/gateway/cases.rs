//! What is measured.

use super::contender::Contender;
use crate::http::load::Protocol::{self, Http1, Http2};

/// A case. The upstream is always asked by HTTP/1.1.
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
        Self { protocol: Http1, tls: false, path, with: Some(with) }
    }

    pub(super) fn name(&self) -> String {
        let protocol = match self.protocol {
            Http1 => "h1",
            Http2 => "h2",
        };
        let body = self.path.rsplit('/').next().unwrap_or_default();
        let with = self.with.map(|with| format!("/{with}")).unwrap_or_default();
        format!("{protocol}/{}/{body}{with}", if self.tls { "tls" } else { "plain" })
    }

    pub(super) fn suits(&self, contender: Contender) -> bool {
        self.with.is_none() || contender == Contender::Bole
    }
}

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
    Case::with("cache", "/cached/1KiB"),
];
