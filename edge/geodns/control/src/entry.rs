//! The payloads that are logged. *Persisted* as JSON, kind 1, version 1.

use bole_log::PayloadKind;
use serde::{Deserialize, Serialize};

/// The number of the layout in the log.
pub const KIND: PayloadKind = PayloadKind(1);
/// Its version.
pub const VERSION: u8 = 1;

/// How a zone's text is written. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A document (TOML).
    Document,
    /// A master file.
    Master,
}

impl From<Form> for bole_geodns::service::origin::Form {
    fn from(form: Form) -> Self {
        match form {
            Form::Document => Self::Document,
            Form::Master => Self::Master,
        }
    }
}

/// A zone that is kept. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How its text is written.
    pub form: Form,
    /// The text.
    pub text: String,
    /// The serial number that it is served with.
    pub serial: u32,
}

/// A change. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A zone is this from now on.
    Put {
        /// Its apex, folded and with its last dot.
        name: String,
        /// What it is.
        zone: Kept,
    },
    /// A zone goes.
    Remove {
        /// Its apex.
        name: String,
    },
}

impl Change {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a change has only text and numbers")
    }

    /// Reads a payload back; any bytes give a change or a sentence.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(payload).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_of_version_1_are_read_for_ever() {
        for text in [
            r#"{"put":{"name":"a.example.","zone":{"form":"document","text":"x","serial":4294967295}}}"#,
            r#"{"put":{"name":"a.example.","zone":{"form":"master","text":"","serial":0}}}"#,
            r#"{"remove":{"name":"a.example."}}"#,
        ] {
            let change = Change::decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(String::from_utf8(change.encode()).expect("JSON is text"), text);
        }
        for text in ["", "{}", "{\"remove\":{}}", "{\"put\":{\"name\":\"a\"}}"] {
            assert!(Change::decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
