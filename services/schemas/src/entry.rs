//! The payloads that the registry logs.
//!
//! *Persisted* as JSON, kind 1, version 1. A change says everything that apply needs: ids, versions and keys are decided before
//! it is logged, so that a later version that parses schemas differently builds the same state.

use bole_log::PayloadKind;
use serde::{Deserialize, Serialize};

use crate::compatibility::Level;
use crate::mode::Mode;
use crate::schema::{Key, Kind, Reference};

/// The number of the layout in the log.
pub const KIND: PayloadKind = PayloadKind(1);
/// Its version.
pub const VERSION: u8 = 1;

/// The number of a schema, from 1; the same schema has the same one under every subject.
pub type SchemaId = u32;

/// A schema as it is kept. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// What it is found by.
    pub key: Key,
    /// Its language.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// What is configured for a subject, or for all. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which versions a new one must be compatible with, and in which direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Whether schemas are normalized when they are registered and looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
}

/// A change of the registry. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A subject gets a version.
    Register {
        /// The subject.
        subject: String,
        /// The version's number.
        version: i32,
        /// The schema that it is.
        id: SchemaId,
        /// The schema itself, if the id is new.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Stored>,
    },
    /// Versions are hidden.
    Hide {
        /// The subject.
        subject: String,
        /// The versions' numbers.
        versions: Vec<i32>,
    },
    /// Versions go for good.
    Remove {
        /// The subject.
        subject: String,
        /// The versions' numbers.
        versions: Vec<i32>,
        /// Schemas that no version is of any more.
        schemas: Vec<SchemaId>,
    },
    /// Settings are set, or with nothing removed.
    Configure {
        /// The subject; none means all.
        subject: Option<String>,
        /// The settings.
        settings: Option<Settings>,
    },
    /// A mode is set, or with nothing removed.
    SetMode {
        /// The subject; none means all.
        subject: Option<String>,
        /// The mode.
        mode: Option<Mode>,
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
        let key = "ab".repeat(32);
        for text in [
            format!(
                "{{\"register\":{{\"subject\":\"s\",\"version\":2,\"id\":7,\"schema\":{{\"key\":\"{key}\",\"kind\":\"AVRO\",\
                 \"text\":\"\\\"string\\\"\",\"references\":[{{\"name\":\"n\",\"subject\":\"o\",\"version\":1}}]}}}}}}"
            ),
            "{\"register\":{\"subject\":\"s\",\"version\":2,\"id\":7}}".to_owned(),
            "{\"hide\":{\"subject\":\"s\",\"versions\":[1,2]}}".to_owned(),
            "{\"remove\":{\"subject\":\"s\",\"versions\":[1],\"schemas\":[7]}}".to_owned(),
            "{\"configure\":{\"subject\":null,\"settings\":{\"level\":\"FULL_TRANSITIVE\",\"normalize\":true}}}".to_owned(),
            "{\"configure\":{\"subject\":\"s\",\"settings\":null}}".to_owned(),
            "{\"set_mode\":{\"subject\":\"s\",\"mode\":\"IMPORT\"}}".to_owned(),
        ] {
            let change = Change::decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(String::from_utf8(change.encode()).unwrap(), text);
        }
        for text in [
            "",
            "{}",
            "{\"other\":1}",
            "{\"hide\":{\"subject\":\"s\"}}",
            "{\"hide\":{\"subject\":\"s\",\"versions\":[1],\"x\":0}}",
        ] {
            assert!(Change::decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
