//! Keys in a header or in the query. They are looked up by their SHA-256, so that the time of a lookup tells nothing of how
//! much of a key was right.

use crate::consumers::Consumers;
use crate::limits;
use crate::login::header_name;
use crate::request::{RequestFacts, parameter};
use crate::verdict::{Found, Refusal};
use http::header::HeaderName;
use sha2::{Digest, Sha256};

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) header: Option<HeaderName>,
    pub(crate) query: Option<String>,
    pub(crate) forward: bool,
}

impl Key {
    pub(crate) fn new(header: Option<&str>, query: Option<&str>, forward: bool) -> Result<Self, String> {
        if header.is_none() == query.is_none() {
            return Err("a key is in a header or in the query: write one of header and query".to_owned());
        }
        if query == Some("") {
            return Err("the parameter of the query has no name".to_owned());
        }
        let header = header.map(header_name).transpose()?;
        Ok(Self { header, query: query.map(str::to_owned), forward })
    }

    pub(crate) fn decide(&self, facts: &RequestFacts<'_>, consumers: &Consumers) -> Found {
        let shown = match (&self.header, &self.query) {
            (Some(header), _) => facts.one(header).map(|value| value.map(<[u8]>::to_vec)),
            (_, Some(name)) => {
                parameter(facts.query().unwrap_or_default(), name).map(|value| value.map(String::into_bytes))
            }
            _ => Ok(None),
        };
        let Ok(shown) = shown else {
            return Found::Refused(Refusal::malformed(
                "the request has several keys, or one that is no text",
            ));
        };
        let Some(key) = shown else { return Found::Nothing };
        if key.len() > limits::CREDENTIAL_BYTES_MAX {
            return Found::Refused(Refusal::malformed("the key is too long"));
        }
        match consumers.by_key(&Sha256::digest(&key).into()) {
            Some(name) => Found::consumer(name),
            None => Found::Refused(Refusal::credentials("unknown-key", "the key is not known here")),
        }
    }

    /// There is no registered scheme for keys; this one tells people what is missing.
    pub(crate) fn challenge(&self) -> String {
        let place = self.header.as_ref().map_or_else(
            || format!("parameter={}", crate::verdict::quoted(self.query.as_deref().unwrap_or_default())),
            |header| format!("header={}", crate::verdict::quoted(header.as_str())),
        );
        format!("Key {place}")
    }
}
