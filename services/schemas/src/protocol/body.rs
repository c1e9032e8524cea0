//! Bodies of requests.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::Error;
use crate::compatibility::Level;
use crate::entry::SchemaId;
use crate::mode::Mode;
use crate::operations::configure::{NewSettings, Update};
use crate::operations::prepare::NewSchema;
use crate::operations::register::Wanted;
use crate::schema::{Kind, Reference};

/// A schema. Fields that this registry does not have are known, so that they are refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaBody {
    schema: Option<String>,
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
    id: Option<i64>,
    version: Option<i64>,
    metadata: Option<Value>,
    rule_set: Option<Value>,
    schema_tags_to_add: Option<Value>,
    schema_tags_to_remove: Option<Value>,
    propagate_schema_tags: Option<bool>,
    // What answers carry and clients send back; it says nothing about the schema.
    #[serde(rename = "subject")]
    _subject: Option<String>,
    #[serde(rename = "guid")]
    _guid: Option<String>,
    #[serde(rename = "deleted")]
    _deleted: Option<bool>,
    #[serde(rename = "ts")]
    _time: Option<i64>,
}

/// Whether a value asks for something.
fn asks(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => members.values().any(|value| asks(Some(value))),
        Some(_) => true,
    }
}

impl SchemaBody {
    /// The schema, and what a registration asks for besides.
    pub fn read(self) -> Result<(NewSchema, Wanted), Error> {
        for (name, value) in [
            ("metadata", &self.metadata),
            ("ruleSet", &self.rule_set),
            ("schemaTagsToAdd", &self.schema_tags_to_add),
            ("schemaTagsToRemove", &self.schema_tags_to_remove),
        ] {
            if asks(value.as_ref()) {
                return Err(Error::Rules(name));
            }
        }
        if self.propagate_schema_tags == Some(true) {
            return Err(Error::Rules("propagateSchemaTags"));
        }
        let kind = match self.schema_type.as_deref() {
            None | Some("") => Kind::Avro,
            Some(name) => Kind::from_name(name).ok_or_else(|| {
                Error::InvalidSchema(format!("schema type \"{name}\" is none of AVRO, JSON and PROTOBUF"))
            })?,
        };
        let text = self.schema.unwrap_or_default();
        let new = NewSchema { kind, text, references: self.references.unwrap_or_default() };
        let id = self.id.filter(|id| *id >= 0);
        let id = id.map(|id| SchemaId::try_from(id).unwrap_or(SchemaId::MAX));
        let version = self.version.filter(|version| *version > 0);
        let version = version
            .map(|version| i32::try_from(version).map_err(|_| Error::InvalidVersion(version.to_string())));
        Ok((new, Wanted { id, version: version.transpose()?, normalize: None }))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Update<T> {
    /// Tells a field that is `null` from one that is missing, which is the default.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// Settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsBody {
    #[serde(alias = "compatibilityLevel")]
    compatibility: Update<String>,
    normalize: Update<bool>,
    alias: Option<Value>,
    validate_fields: Option<Value>,
    validate_rules: Option<Value>,
    compatibility_group: Option<Value>,
    compatibility_policy: Option<Value>,
    default_metadata: Option<Value>,
    override_metadata: Option<Value>,
    default_rule_set: Option<Value>,
    override_rule_set: Option<Value>,
}

impl SettingsBody {
    /// The change that it asks for.
    pub fn read(self) -> Result<NewSettings, Error> {
        for (name, value) in [
            ("alias", &self.alias),
            ("validateFields", &self.validate_fields),
            ("validateRules", &self.validate_rules),
            ("compatibilityGroup", &self.compatibility_group),
            ("compatibilityPolicy", &self.compatibility_policy),
            ("defaultMetadata", &self.default_metadata),
            ("overrideMetadata", &self.override_metadata),
            ("defaultRuleSet", &self.default_rule_set),
            ("overrideRuleSet", &self.override_rule_set),
        ] {
            if asks(value.as_ref()) && *value != Some(Value::Bool(false)) {
                return Err(Error::Unsupported(format!("\"{name}\" is not supported; leave it out")));
            }
        }
        let level = match self.compatibility {
            Update::Set(name) => Update::Set(Level::from_name(&name).ok_or(Error::InvalidLevel(name))?),
            Update::Clear => Update::Clear,
            Update::Keep => Update::Keep,
        };
        if level == Update::Keep && self.normalize == Update::Keep {
            return Err(Error::InvalidLevel(String::new()));
        }
        Ok(NewSettings { level, normalize: self.normalize })
    }
}

/// A mode.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeBody {
    mode: Option<String>,
}

impl ModeBody {
    /// The mode.
    pub fn read(self) -> Result<Mode, Error> {
        let name = self.mode.unwrap_or_default();
        Mode::from_name(&name).ok_or(Error::InvalidMode(name))
    }
}

/// Reads a body. Errors: 400 for what is no JSON, 422 for JSON of another shape.
pub fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            Error::Unsupported(format!("the body does not have the right shape: {error}"))
        } else {
            Error::Body(format!("the body is not JSON: {error}"))
        }
    })
}

/// For fuzzing: reads arbitrary bytes as every body.
pub fn check_bytes(bytes: &[u8]) {
    let _ = parse::<SchemaBody>(bytes).and_then(SchemaBody::read);
    let _ = parse::<SettingsBody>(bytes).and_then(SettingsBody::read);
    let _ = parse::<ModeBody>(bytes).and_then(ModeBody::read);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas() {
        for (text, code) in [
            ("{\"schema\":\"x\"}", 0),
            (
                "{\"schema\":\"x\",\"schemaType\":\"json\",\"references\":[],\"metadata\":null,\"ruleSet\":null}",
                0,
            ),
            ("{\"schema\":\"x\",\"metadata\":{\"tags\":null,\"properties\":{}}}", 0),
            ("{\"schema\":\"x\",\"id\":-1,\"version\":-1}", 0),
            ("{\"schema\":\"x\",\"metadata\":{\"properties\":{\"a\":\"b\"}}}", 42210),
            ("{\"schema\":\"x\",\"ruleSet\":{\"domainRules\":[{}]}}", 42210),
            ("{\"schema\":\"x\",\"schemaType\":\"XML\"}", 42201),
            ("{\"schema\":\"x\",\"other\":1}", 422),
            ("{\"schema\":5}", 422),
            ("{\"schema\":\"x\",\"references\":[{\"name\":\"a\"}]}", 422),
            ("{\"schema\":", 400),
            ("", 400),
        ] {
            let found = parse::<SchemaBody>(text.as_bytes()).and_then(SchemaBody::read);
            assert_eq!(found.as_ref().err().map_or(0, |error| error.wire().1), code, "{text}: {found:?}");
        }
    }

    #[test]
    fn settings_and_modes() {
        for (text, expected) in [
            ("{\"compatibility\":\"full\"}", Ok((Update::Set(Level::Full), Update::Keep))),
            ("{\"normalize\":true}", Ok((Update::Keep, Update::Set(true)))),
            (
                "{\"compatibility\":null,\"normalize\":null,\"alias\":null}",
                Ok((Update::Clear, Update::Clear)),
            ),
            (
                "{\"compatibility\":\"NONE\",\"validateFields\":false}",
                Ok((Update::Set(Level::None), Update::Keep)),
            ),
            ("{\"compatibility\":\"SOME\"}", Err(42203)),
            ("{}", Err(42203)),
            ("{\"compatibility\":\"FULL\",\"alias\":\"x\"}", Err(422)),
            ("{\"compatibility\":\"FULL\",\"validateFields\":true}", Err(422)),
        ] {
            let found = parse::<SettingsBody>(text.as_bytes()).and_then(SettingsBody::read);
            let found = found.map(|new| (new.level, new.normalize)).map_err(|error| error.wire().1);
            assert_eq!(found, expected, "{text}");
        }
        for (text, code) in [("{\"mode\":\"IMPORT\"}", 0), ("{\"mode\":\"x\"}", 42204), ("{}", 42204)] {
            let found = parse::<ModeBody>(text.as_bytes()).and_then(ModeBody::read);
            assert_eq!(found.err().map_or(0, |error| error.wire().1), code, "{text}");
        }
    }
}
