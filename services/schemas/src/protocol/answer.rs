//! Bodies of answers.

use serde::Serialize;

use crate::Error;
use crate::entry::{SchemaId, Settings, Stored};
use crate::operations::read::Full;
use crate::operations::register::Registered;
use crate::schema::{Kind, Reference};

/// A schema by its id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaAnswer<'a> {
    /// The language; left out for Avro, as older clients expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_type: Option<Kind>,
    /// The text.
    schema: &'a str,
    /// What it refers to.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [Reference],
    /// The highest id there is, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_id: Option<SchemaId>,
}

impl<'a> SchemaAnswer<'a> {
    /// A schema with its text, which may be in another form than the stored one.
    pub fn new(stored: &'a Stored, text: &'a str, max_id: Option<SchemaId>) -> Self {
        let schema_type = Some(stored.kind).filter(|kind| *kind != Kind::Avro);
        Self { schema_type, schema: text, references: &stored.references, max_id }
    }
}

/// A version.
#[derive(Debug, Serialize)]
pub struct VersionAnswer<'a> {
    subject: &'a str,
    version: i32,
    id: SchemaId,
    #[serde(flatten)]
    schema: SchemaAnswer<'a>,
}

impl<'a> VersionAnswer<'a> {
    /// A version with the text of its schema.
    pub fn new(registered: &'a Registered, stored: &'a Stored, text: &'a str) -> Self {
        let Registered { subject, version, id } = registered;
        Self { subject, version: *version, id: *id, schema: SchemaAnswer::new(stored, text, None) }
    }

    /// A version as it is stored.
    pub fn of(full: &'a Full) -> Self {
        Self::new(&full.registered, &full.schema, &full.schema.text)
    }
}

/// The outcome of a registration.
#[derive(Debug, Serialize)]
pub struct IdAnswer {
    /// The schema's id.
    pub id: SchemaId,
}

/// Where a schema is used.
#[derive(Debug, Serialize)]
pub struct UseAnswer {
    /// The subject.
    pub subject: String,
    /// The version's number.
    pub version: i32,
}

/// Settings as they are read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
}

impl From<Settings> for SettingsAnswer {
    fn from(settings: Settings) -> Self {
        let compatibility_level = settings.level.map(super::super::compatibility::Level::name);
        Self { compatibility_level, normalize: settings.normalize }
    }
}

/// Settings as they were set.
#[derive(Debug, Serialize)]
pub struct SettingsSetAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
}

impl From<Settings> for SettingsSetAnswer {
    fn from(settings: Settings) -> Self {
        Self {
            compatibility: settings.level.map(super::super::compatibility::Level::name),
            normalize: settings.normalize,
        }
    }
}

/// Settings as they were before they were removed. The level has both names: clients read one or the other here.
#[derive(Debug, Serialize)]
pub struct SettingsRemovedAnswer {
    #[serde(flatten)]
    read: SettingsAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility: Option<&'static str>,
}

impl From<Settings> for SettingsRemovedAnswer {
    fn from(settings: Settings) -> Self {
        let read = SettingsAnswer::from(settings);
        Self { compatibility: read.compatibility_level, read }
    }
}

/// A mode.
#[derive(Debug, Serialize)]
pub struct ModeAnswer {
    /// Its name.
    pub mode: &'static str,
}

/// The outcome of a comparison.
#[derive(Debug, Serialize)]
pub struct CompatibleAnswer {
    /// Whether the schema is compatible.
    pub is_compatible: bool,
    /// What is in the way, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
}

/// An error.
#[derive(Debug, Serialize)]
pub struct ErrorAnswer {
    /// See [`Error::wire`].
    pub error_code: u32,
    /// A sentence.
    pub message: String,
}

impl From<&Error> for ErrorAnswer {
    fn from(error: &Error) -> Self {
        Self { error_code: error.wire().1, message: error.to_string() }
    }
}
