//! Where a collector is.

use http::Uri;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The path of traces below a collector's URL (OTLP 1.x, section "OTLP/HTTP Request").
const TRACES: &str = "/v1/traces";

/// A collector's URL. Traces go to its `/v1/traces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    said: String,
    traces: Uri,
}

impl Endpoint {
    /// Where traces are sent.
    pub const fn traces(&self) -> &Uri {
        &self.traces
    }

    /// Host and port, for messages.
    pub fn authority(&self) -> &str {
        self.traces.authority().map_or("", http::uri::Authority::as_str)
    }

    /// Whether nobody on the way can read what is sent: it is encrypted, or stays on this machine.
    pub fn is_private(&self) -> bool {
        let host = self.traces.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.traces.scheme_str() == Some("https") || is_loopback
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("\"{text}\" is not the URL of a collector: {why}");
        let said: Uri = text.parse().map_err(|error| wrong(&format!("{error}")))?;
        if !matches!(said.scheme_str(), Some("http" | "https")) {
            return Err(wrong("it must begin with http:// or https://"));
        }
        let authority = said.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            // Not shown: there is a password in it.
            return Err("a collector's URL has no user; put credentials into the file of headers".to_owned());
        }
        if said.query().is_some() {
            return Err(wrong("it has a query, which is not sent"));
        }
        let traces = format!(
            "{}://{authority}{}{TRACES}",
            said.scheme_str().unwrap_or_default(),
            said.path().trim_end_matches('/')
        );
        let traces = traces.parse().map_err(|error| wrong(&format!("{error}")))?;
        Ok(Self { said: text.to_owned(), traces })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_collectors() {
        for (text, expected) in [
            ("http://127.0.0.1:4318", Some(("http://127.0.0.1:4318/v1/traces", true))),
            ("http://[::1]:4318/", Some(("http://[::1]:4318/v1/traces", true))),
            ("https://otlp.example.com/otlp/", Some(("https://otlp.example.com/otlp/v1/traces", true))),
            ("http://collector:4318", Some(("http://collector:4318/v1/traces", false))),
            ("collector:4318", None),
            ("grpc://collector:4317", None),
            ("http://a:secret@collector", None),
            ("http://collector/?a=b", None),
            ("", None),
        ] {
            let read = text.parse::<Endpoint>();
            let told =
                read.as_ref().map(|endpoint| (endpoint.traces.to_string(), endpoint.is_private())).ok();
            assert_eq!(told, expected.map(|(uri, private)| (uri.to_owned(), private)), "{text}");
            assert!(read.err().is_none_or(|error| !error.contains("secret")), "{text}");
        }
    }
}
