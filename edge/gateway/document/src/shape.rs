//! Texts to documents. A text is first read as plain values, then object by object, so that one that has not its shape
//! does not hide what is wrong with the others.

use crate::check::{self, At, Found};
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::{Document, Error};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The parts of a document.
const PARTS: &[&str] = &["services", "routes", "logins", "consumers", "limits", "certificates"];

/// Refuses a text that is too long before it is read.
pub(crate) fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Shape(format!("the document has {bytes} bytes; at most {DOCUMENT_BYTES_MAX} are possible")))
}

/// A document from plain values, or all that is wrong with it.
pub(crate) fn document(whole: Value) -> Result<Document, Error> {
    let found = RefCell::default();
    let Value::Object(mut parts) = whole else {
        return Err(Error::Shape("a document is a table of services, routes, …".to_owned()));
    };
    let mut unread = BTreeSet::new();
    let mut reader = Reader { parts: &mut parts, found: &found, unread: &mut unread };
    let document = Document {
        services: reader.part("services"),
        routes: reader.part("routes"),
        logins: reader.part("logins"),
        consumers: reader.part("consumers"),
        limits: reader.part("limits"),
        certificates: reader.part("certificates"),
    };
    for name in parts.keys() {
        let at = At::root(&found).field(name);
        let near = at.nearest(name, PARTS.iter().copied());
        let todo = if near.is_empty() { format!("there are {}", PARTS.join(", ")) } else { near };
        at.say("a document has no such part", todo);
    }
    check::check(&document, &unread, &found);
    let problems = found.into_inner().into_problems();
    if problems.is_empty() { Ok(document) } else { Err(Error::Invalid(problems)) }
}

struct Reader<'r> {
    parts: &'r mut Map<String, Value>,
    found: &'r RefCell<Found>,
    unread: &'r mut BTreeSet<(String, String)>,
}

impl Reader<'_> {
    fn part<T: DeserializeOwned>(&mut self, part: &str) -> BTreeMap<String, T> {
        let at = At::root(self.found).field(part);
        let objects = match self.parts.remove(part) {
            None => return BTreeMap::new(),
            Some(Value::Object(objects)) => objects,
            Some(other) => {
                at.say(format!("{} instead of named objects", kind(&other)), format!("write [{part}.NAME]"));
                return BTreeMap::new();
            }
        };
        let mut read = BTreeMap::new();
        for (name, value) in objects {
            match serde_path_to_error::deserialize::<_, T>(value) {
                Ok(object) => {
                    read.insert(name, object);
                }
                Err(error) => {
                    tell(&at.field(&name), &error);
                    self.unread.insert((part.to_owned(), name));
                }
            }
        }
        read
    }
}

/// Tells what serde said, in our words where it is an unknown name.
fn tell(at: &At<'_>, error: &serde_path_to_error::Error<serde_json::Error>) {
    let path = error.path().to_string();
    let text = error.inner().to_string();
    let inner = match path.as_str() {
        "." => at.field_path(""),
        path => at.field_path(path),
    };
    let quoted: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((name, known)) if text.starts_with("unknown field") || text.starts_with("unknown variant") => {
            let near = inner.nearest(name, known.iter().copied());
            let todo = match (near.is_empty(), known.is_empty()) {
                (false, _) => near,
                (true, true) => "take it out".to_owned(),
                (true, false) => format!("there are {}", known.join(", ")),
            };
            let wrong =
                if text.starts_with("unknown field") { "there is no such field" } else { "is not known" };
            inner.say(format!("{name:?}: {wrong}"), todo);
        }
        Some((name, _)) if text.starts_with("missing field") => {
            inner.say(format!("{name} is missing"), "say it");
        }
        _ => inner.say(text, "write what is expected"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// Reads plain values, and refuses what a tree of them would hide: names that are there twice, numbers that are none.
pub(crate) struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number, true, false, a list or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom(format!("{value} is no number here")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if table.contains_key(&name) {
                return Err(serde::de::Error::custom(format!("{name:?} is there twice")));
            }
            table.insert(name, value);
        }
        Ok(Value::Object(table))
    }
}
