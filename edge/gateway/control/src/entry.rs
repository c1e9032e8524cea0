//! The payloads that the control plane logs. *Persisted* as JSON, kind 1, version 1.
//!
//! Objects are kept as the JSON that they came as, so that a later version with other shapes builds the same state, and says of an
//! object that it does not know any more which one that is.

use bole_log::PayloadKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The number of the layout in the log.
pub const KIND: PayloadKind = PayloadKind(1);
/// Its version.
pub const VERSION: u8 = 1;

/// The parts of a document. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Services.
    Services,
    /// Routes.
    Routes,
    /// Ways to log in.
    Logins,
    /// Consumers.
    Consumers,
    /// Limits.
    Limits,
    /// Certificates.
    Certificates,
}

/// A part with its names.
pub struct Row {
    /// The part.
    pub part: Part,
    /// Its key in a document, and in paths.
    pub key: &'static str,
    /// One of it, in messages.
    pub one: &'static str,
    /// Whether it may have secrets.
    pub secrets: bool,
}

/// Every part.
pub const PARTS: &[Row] = &[
    Row { part: Part::Services, key: "services", one: "service", secrets: false },
    Row { part: Part::Routes, key: "routes", one: "route", secrets: false },
    Row { part: Part::Logins, key: "logins", one: "login", secrets: true },
    Row { part: Part::Consumers, key: "consumers", one: "consumer", secrets: true },
    Row { part: Part::Limits, key: "limits", one: "limit", secrets: false },
    Row { part: Part::Certificates, key: "certificates", one: "certificate", secrets: true },
];

impl Part {
    /// Its row.
    pub fn row(self) -> &'static Row {
        PARTS.iter().find(|row| row.part == self).expect("every part has a row")
    }

    /// The part with that key.
    pub fn named(key: &str) -> Option<Self> {
        PARTS.iter().find(|row| row.key == key).map(|row| row.part)
    }
}

/// An instance that registered itself. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// `host:port`.
    pub address: String,
    /// Its share of the traffic, 1 to 65,535.
    #[serde(default = "one")]
    pub weight: u32,
    /// Its level: 0 first.
    #[serde(default)]
    pub priority: u8,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How long it is kept without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// It gets no new clients.
    #[serde(default)]
    pub drain: bool,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

/// A change. *Persisted.*
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// An object is there, as this.
    Put {
        /// Of which part.
        part: Part,
        /// Its name.
        name: String,
        /// What it is.
        value: Value,
    },
    /// An object goes.
    Remove {
        /// Of which part.
        part: Part,
        /// Its name.
        name: String,
    },
    /// An instance is there, as this.
    Register {
        /// Of which service.
        service: String,
        /// Its id.
        id: String,
        /// What it is.
        instance: Instance,
    },
    /// An instance goes.
    Deregister {
        /// Of which service.
        service: String,
        /// Its id.
        id: String,
        /// Because it was not heard of any more.
        expired: bool,
    },
    /// A secret text is there, as this.
    Keep {
        /// Its name.
        name: String,
        /// The text, sealed.
        sealed: String,
    },
    /// A secret text goes.
    Forget {
        /// Its name.
        name: String,
    },
}

impl Change {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a change has only text and numbers")
    }

    /// Reads a payload back; any bytes give a change or a sentence.
    pub fn decode(payload: &[u8]) -> std::result::Result<Self, String> {
        serde_json::from_slice(payload).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_of_version_1_are_read_for_ever() {
        for text in [
            r#"{"put":{"part":"routes","name":"a","value":{"service":"s"}}}"#,
            r#"{"remove":{"part":"services","name":"s"}}"#,
            r#"{"register":{"service":"s","id":"i","instance":{"address":"a:1","weight":1,"priority":0,"lease_ms":30000,"drain":false}}}"#,
            r#"{"deregister":{"service":"s","id":"i","expired":true}}"#,
            r#"{"keep":{"name":"account/1","sealed":"sealed:AAAA"}}"#,
            r#"{"forget":{"name":"account/1"}}"#,
        ] {
            let change = Change::decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(String::from_utf8(change.encode()).expect("JSON is text"), text);
        }
        for text in ["", "{}", "{\"other\":1}", "{\"remove\":{\"part\":\"x\",\"name\":\"s\"}}"] {
            assert!(Change::decode(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn every_part_has_its_row_and_its_place_in_a_document() {
        let document = serde_json::to_value(bole_gateway_document::Document::default()).expect("it is JSON");
        assert_eq!(document, serde_json::json!({}));
        for row in PARTS {
            assert_eq!(Part::named(row.key), Some(row.part));
            let text = format!("{{\"{}\":{{}}}}", row.key);
            bole_gateway_document::Document::from_json(text.as_bytes()).expect("the key is a document's");
        }
    }
}
