//! Schemas: what a text means, when two texts are the same schema, and whether one reads what another wrote.
//!
//! A schema comes with the texts that it refers to, by the names that it refers to them by. Parsing is total and bounded: any text
//! gives a schema or a sentence that says what is wrong with it.
//!
//! Reading order: [`json`] → [`difference`] → [`avro`] → [`json_schema`] → [`protobuf`].

pub mod avro;
pub mod difference;
pub mod json;
pub mod json_schema;
pub mod protobuf;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use difference::{Difference, Differences};

use crate::limits::SCHEMA_BYTES_MAX;

/// The language of a schema. *Persisted* by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Avro 1.11.
    #[serde(rename = "AVRO")]
    Avro,
    /// JSON Schema, drafts 4 to 7, 2019-09 and 2020-12.
    #[serde(rename = "JSON")]
    Json,
    /// Protocol Buffers, proto2 and proto3.
    #[serde(rename = "PROTOBUF")]
    Protobuf,
}

impl Kind {
    /// All kinds, in the order in which clients are told of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Protobuf, Self::Avro];

    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The kind of a name; case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name in the text that refers to it: an Avro type, a `$ref`, an import.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A text with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its language, which is that of the dependencies too.
    pub kind: Kind,
    /// The text.
    pub text: String,
    /// What it refers to, directly and indirectly: each behind those that it refers to itself.
    pub dependencies: Vec<Dependency>,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Whether what other registries took but is wrong is refused: defaults that do not fit their types. For new schemas.
    pub strict: bool,
    /// Whether differences without a meaning, such as the order of properties, are removed from the text.
    pub normalize: bool,
}

/// A parsed schema.
#[derive(Debug)]
pub enum Schema {
    /// Of Avro.
    Avro(avro::Schema),
    /// Of JSON Schema.
    Json(json_schema::Schema),
    /// Of Protocol Buffers.
    Protobuf(protobuf::Schema),
}

impl Schema {
    /// Parses a text. The error is a sentence for the client.
    pub fn parse(source: &Source, reading: Reading) -> Result<Self, String> {
        if source.text.len() > SCHEMA_BYTES_MAX {
            let bytes = source.text.len();
            return Err(format!("the schema has {bytes} bytes; {SCHEMA_BYTES_MAX} are the most"));
        }
        match source.kind {
            Kind::Avro => avro::Schema::parse(source, reading).map(Self::Avro),
            Kind::Json => json_schema::Schema::parse(source, reading).map(Self::Json),
            Kind::Protobuf => protobuf::Schema::parse(source, reading).map(Self::Protobuf),
        }
    }

    /// The text to keep and to show.
    pub fn text(&self) -> &str {
        match self {
            Self::Avro(schema) => schema.text(),
            Self::Json(schema) => schema.text(),
            Self::Protobuf(schema) => schema.text(),
        }
    }

    /// The language.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Avro(_) => Kind::Avro,
            Self::Json(_) => Kind::Json,
            Self::Protobuf(_) => Kind::Protobuf,
        }
    }

    /// What two texts of the same schema have in common; references not included.
    fn identity(&self) -> &[u8] {
        match self {
            Self::Avro(schema) => schema.text().as_bytes(),
            Self::Json(schema) => schema.text().as_bytes(),
            Self::Protobuf(schema) => schema.descriptor(),
        }
    }

    /// Why data written with `writer` cannot be read with this schema; empty if it can.
    pub fn differences_to(&self, writer: &Self) -> Differences {
        match (self, writer) {
            (Self::Avro(reader), Self::Avro(writer)) => avro::compatible::compare(reader, writer),
            (Self::Json(reader), Self::Json(writer)) => json_schema::compatible::compare(reader, writer),
            (Self::Protobuf(reader), Self::Protobuf(writer)) => protobuf::compatible::compare(reader, writer),
            _ => {
                let (old, new) = (writer.kind(), self.kind());
                let text = format!("the schema was {old} and would be {new}");
                Differences::one(Difference::new("SCHEMA_TYPE_CHANGED", "/", text))
            }
        }
    }
}

/// A reference as a schema is registered with it. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The name in the text.
    pub name: String,
    /// The subject that it is registered under.
    pub subject: String,
    /// The version there.
    pub version: i32,
}

/// What a schema is found by: a SHA-256 of its language, its identity and its references. *Persisted* in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The key of a schema with its references.
    pub fn of(schema: &Schema, references: &[Reference]) -> Self {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(schema.kind().name().as_bytes());
        field(schema.identity());
        for reference in references {
            field(reference.name.as_bytes());
            field(reference.subject.as_bytes());
            field(&reference.version.to_le_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("\"{text}\" is not 64 hexadecimal digits"));
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut key = [0; 32];
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }
}

/// For fuzzing: reads arbitrary bytes as a schema of each kind, and compares what is one with itself, which it must be able to read.
pub fn check_bytes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for kind in Kind::ALL {
        let source = Source { kind, text: text.clone(), dependencies: Vec::new() };
        let Ok(schema) = Schema::parse(&source, Reading { strict: true, normalize: false }) else { continue };
        let again = Source { text: schema.text().to_owned(), ..source.clone() };
        let again = Schema::parse(&again, Reading { strict: true, normalize: false });
        let again =
            again.unwrap_or_else(|error| panic!("{kind} {text:?} gives {:?}: {error}", schema.text()));
        assert_eq!(schema.identity(), again.identity(), "{kind} {text:?}");
        let differences = schema.differences_to(&again);
        assert!(
            differences.is_empty() || differences.gave_up(),
            "{kind} {text:?} does not read itself: {differences:?}"
        );
        let normal = Schema::parse(&source, Reading { strict: true, normalize: true });
        assert!(normal.is_ok(), "{kind} {text:?} cannot be normalized: {normal:?}");
    }
}
