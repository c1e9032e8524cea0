//! JSON whose objects keep the order of their keys, since a schema's text is shown to clients as it was sent. Bounded in depth (by
//! `serde_json`) and in values.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::limits::JSON_VALUES_MAX;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as an integer of 64 bits or a double.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order of its text, without a key twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document. The error is a sentence for the client.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let left = Cell::new(JSON_VALUES_MAX);
        let value = Seed(&left).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        deserializer.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    /// The value of a key, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The number, if this is one that fits.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    /// The number, if this is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Number(number) = self { number.as_i64() } else { None }
    }

    /// The same with the keys of every object in order.
    #[must_use]
    pub fn sorted(&self) -> Self {
        match self {
            Self::Array(items) => Self::Array(items.iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> =
                    members.iter().map(|(key, value)| (key.clone(), value.sorted())).collect();
                members.sort_by(|one, other| one.0.cmp(&other.0));
                Self::Object(members)
            }
            other => other.clone(),
        }
    }

    /// Whether two values are the same, whatever the order of their keys.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one == other || one.as_f64() == other.as_f64(),
            (Self::Array(_) | Self::Object(_), _) => self.sorted() == other.sorted(),
            _ => self == other,
        }
    }
}

impl fmt::Display for Json {
    /// Writes the value without spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => f.write_str(&quoted(text)),
            Self::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", if index > 0 { "," } else { "" }, quoted(key))?;
                }
                f.write_char('}')
            }
        }
    }
}

/// A string with its quotes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is always JSON")
}

/// Reads one value out of the document's allowance.
struct Seed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.0.get().checked_sub(1);
        let too_many = || D::Error::custom(format!("the document has more than {JSON_VALUES_MAX} values"));
        self.0.set(left.ok_or_else(too_many)?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Seed(self.0))? {
            all.push(item);
        }
        Ok(Json::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = members.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("the key \"{key}\" is there twice in one object")));
            }
            all.push((key, members.next_value_seed(Seed(self.0))?));
        }
        Ok(Json::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        for (text, written) in [
            ("{ \"b\" : 1, \"a\" : [ true, null, 1.0, -3 ] }", Ok("{\"b\":1,\"a\":[true,null,1.0,-3]}")),
            ("\"\\u00e4\\n\"", Ok("\"ä\\n\"")),
            ("{\"a\":1,\"a\":2}", Err("twice")),
            ("{} {}", Err("trailing")),
            ("", Err("EOF")),
        ] {
            match (Json::parse(text).map(|json| json.to_string()), written) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert!(Json::parse(&"[".repeat(100_000)).unwrap_err().contains("recursion"));
        let many = format!("[{}0]", "0,".repeat(JSON_VALUES_MAX));
        assert!(Json::parse(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn the_order_of_keys_is_kept_and_does_not_matter() {
        let one = Json::parse("{\"b\":{\"d\":1,\"c\":2},\"a\":3}").unwrap();
        let other = Json::parse("{\"a\":3.0,\"b\":{\"c\":2,\"d\":1}}").unwrap();
        assert_eq!(one.sorted().to_string(), "{\"a\":3,\"b\":{\"c\":2,\"d\":1}}");
        assert!(one != other && one.get("b").unwrap().same(other.get("b").unwrap()));
        assert!(one.get("a").unwrap().same(other.get("a").unwrap()));
    }
}
