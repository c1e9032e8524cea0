//! Schemas: those of `OpenAPI` 3.0 become those of JSON Schema 2020-12, which 3.1 has anyway, and are compiled.
//!
//! A document has two views. For requests, what is `readOnly` is not required; for answers, what is `writeOnly` is not.

use crate::Misfit;
use crate::limits::MISFITS_MAX;
use crate::text::resolved;
use jsonschema::{Draft, PatternOptions, Registry, Validator};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Where the document is found by its own schemas.
const BASE: &str = "urn:bole:openapi";

/// Which way a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the service.
    Request,
    /// From it.
    Answer,
}

/// A document whose schemas can be compiled.
pub struct Schemas {
    registry: Registry<'static>,
}

/// Members whose values are data, not schemas.
const DATA: [&str; 6] = ["example", "examples", "default", "enum", "const", "x-examples"];

impl Schemas {
    /// One view of a document.
    ///
    /// # Errors
    /// Why it cannot be one.
    pub fn new(document: &Value, old: bool, way: Way) -> Result<Self, String> {
        let mut view = document.clone();
        relax(&mut view, document, way);
        if old {
            modern(&mut view);
        }
        let registry = Registry::new().draft(Draft::Draft202012).add(BASE, view);
        let registry = registry.and_then(jsonschema::RegistryBuilder::prepare);
        Ok(Self { registry: registry.map_err(|error| error.to_string())? })
    }

    /// Compiles the schema at a place (a JSON pointer) of the document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self, pointer: &str) -> Result<Schema, String> {
        let schema = json!({ "$ref": format!("{BASE}#{}", fragment(pointer)) });
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(&self.registry)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&schema);
        built.map(Schema).map_err(|error| format!("{pointer}: {error}"))
    }
}

/// A compiled schema.
pub struct Schema(Validator);

impl Schema {
    /// Whether a value fits.
    pub fn fits(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// What does not fit, place by place, without the values.
    pub fn misfits(&self, place: &str, value: &Value) -> Vec<Misfit> {
        let told = |error: jsonschema::ValidationError<'_>| {
            Misfit::new(format!("{place}{}", error.instance_path()), error.masked().to_string())
        };
        self.0.iter_errors(value).take(MISFITS_MAX).map(told).collect()
    }
}

/// A pointer as a fragment of a URI.
fn fragment(pointer: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@?".contains(&byte);
    let mut text = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        if plain(byte) {
            text.push(byte as char);
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Takes out of `required` what the way does not carry.
fn relax(value: &mut Value, whole: &Value, way: Way) {
    let flag = if way == Way::Request { "readOnly" } else { "writeOnly" };
    match value {
        Value::Object(members) => {
            if let (Some(Value::Object(properties)), Some(Value::Array(required))) =
                (members.get("properties").cloned(), members.get_mut("required"))
            {
                let carried = |name: &Value| {
                    let property = name.as_str().and_then(|name| properties.get(name));
                    let property = property.and_then(|property| resolved(whole, property).ok());
                    property.and_then(|property| property.get(flag)) != Some(&Value::Bool(true))
                };
                required.retain(carried);
            }
            let schemas = members.iter_mut().filter(|(name, _)| !DATA.contains(&name.as_str()));
            schemas.for_each(|(_, member)| relax(member, whole, way));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relax(item, whole, way)),
        _ => {}
    }
}

/// What `OpenAPI` 3.0 says otherwise than JSON Schema: `nullable`, bounds that are excluded by a boolean, references whose neighbours
/// do not count.
fn modern(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference @ Value::String(_)) = members.get("$ref").cloned() {
                members.clear();
                members.insert("$ref".to_owned(), reference);
                return;
            }
            if members.get("nullable") == Some(&Value::Bool(true)) {
                if let Some(Value::String(kind)) = members.get("type").cloned() {
                    members.insert("type".to_owned(), json!([kind, "null"]));
                }
                if let Some(Value::Array(values)) = members.get_mut("enum") {
                    values.push(Value::Null);
                }
            }
            for (excluded, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
                match members.get(excluded).cloned() {
                    Some(Value::Bool(true)) => {
                        members.remove(excluded);
                        if let Some(bound) = members.remove(bound) {
                            members.insert(excluded.to_owned(), bound);
                        }
                    }
                    Some(Value::Bool(false)) => {
                        members.remove(excluded);
                    }
                    _ => {}
                }
            }
            let schemas = members.iter_mut().filter(|(name, _)| !DATA.contains(&name.as_str()));
            schemas.for_each(|(_, member)| modern(member));
        }
        Value::Array(items) => items.iter_mut().for_each(modern),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(schemas: &Value, old: bool, way: Way) -> Result<Schema, String> {
        let document = json!({ "components": { "schemas": schemas } });
        Schemas::new(&document, old, way)?.compile("/components/schemas/a b")
    }

    #[test]
    fn old_schemas_mean_what_they_meant() {
        let text = json!({ "type": "string", "nullable": true, "enum": ["x"] });
        let number = json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false });
        let named = json!({ "type": "object", "properties": { "nullable": { "$ref": "#/components/schemas/n", "description": 3 } } });
        let rows = [
            (json!({ "a b": text }), json!(null), true),
            (json!({ "a b": text }), json!("x"), true),
            (json!({ "a b": text }), json!("y"), false),
            (json!({ "a b": number }), json!(1), false),
            (json!({ "a b": number }), json!(5), true),
            (json!({ "a b": named, "n": { "type": "boolean" } }), json!({ "nullable": true }), true),
            (json!({ "a b": named, "n": { "type": "boolean" } }), json!({ "nullable": 1 }), false),
        ];
        for (schemas, value, fits) in rows {
            let schema = schema(&schemas, true, Way::Request).expect("it is right");
            assert_eq!(schema.fits(&value), fits, "{schemas} {value}");
        }
    }

    #[test]
    fn each_way_asks_for_what_it_carries() {
        let object = json!({ "type": "object", "required": ["id", "secret", "name"], "properties": {
            "id": { "type": "string", "readOnly": true }, "secret": { "$ref": "#/components/schemas/s" }, "name": {} } });
        let schemas = json!({ "a b": object, "s": { "type": "string", "writeOnly": true } });
        for (way, value, fits) in [
            (Way::Request, json!({ "secret": "s", "name": 1 }), true),
            (Way::Request, json!({ "id": "i", "name": 1 }), false),
            (Way::Answer, json!({ "id": "i", "name": 1 }), true),
            (Way::Answer, json!({ "secret": "s", "name": 1 }), false),
        ] {
            assert_eq!(
                schema(&schemas, false, way).expect("it is right").fits(&value),
                fits,
                "{way:?} {value}"
            );
        }
    }

    #[test]
    fn misfits_have_places_and_no_values() {
        let object = json!({ "type": "object", "properties": { "list": { "items": { "type": "integer" } }, "mail": { "format": "email" } } });
        let schema = schema(&json!({ "a b": object }), false, Way::Request).expect("it is right");
        let misfits = schema.misfits("body", &json!({ "list": [1, "s3cret"], "mail": "s3cret" }));
        let places: Vec<&str> = misfits.iter().map(|misfit| misfit.place.as_str()).collect();
        assert_eq!(places, ["body/list/1", "body/mail"]);
        assert!(misfits.iter().all(|misfit| !misfit.wrong.contains("s3cret")), "{misfits:?}");
    }

    #[test]
    fn what_cannot_be_compiled_is_told() {
        for wrong in [
            json!({ "a b": { "type": "strin" } }),
            json!({ "a b": { "pattern": "(?=x)" } }),
            json!({ "a b": { "$ref": "#/components/schemas/none" } }),
        ] {
            assert!(schema(&wrong, false, Way::Request).is_err(), "{wrong}");
        }
    }
}
