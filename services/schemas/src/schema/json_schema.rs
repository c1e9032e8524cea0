//! JSON Schema, drafts 4 to 7, 2019-09 and 2020-12, as far as comparing needs it: each place where a schema stands is a node, and
//! references are numbers of nodes, so recursive schemas are plain data.
//!
//! The text of a schema is the one that was sent, without spaces.

pub mod compatible;
mod parse;
mod resolve;

use std::collections::HashMap;

use regex::Regex;

use super::json::Json;
use super::{Reading, Source};

/// The number of a node in its schema.
pub type NodeId = usize;

/// A parsed schema.
#[derive(Debug)]
pub struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
    text: String,
}

/// A place where a schema stands.
#[derive(Debug)]
pub enum Node {
    /// `true` takes everything, `false` nothing.
    Bool(bool),
    /// What its keywords take.
    Keywords(Box<Keywords>),
}

/// A set of the seven types of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Types(u8);

impl Types {
    /// Every type.
    pub const ALL: Self = Self(0x7f);
    const NAMES: [&'static str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];
    const OBJECT: Self = Self(1 << 2);
    const ARRAY: Self = Self(1 << 3);
    const NUMBERS: Self = Self(1 << 4 | 1 << 5);
    const NUMBER: Self = Self(1 << 4);
    const INTEGER: Self = Self(1 << 5);
    const STRING: Self = Self(1 << 6);

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).map(|bit| Self(1 << bit))
    }

    /// The type of a value.
    fn of(value: &Json) -> Self {
        match value {
            Json::Null => Self(1),
            Json::Bool(_) => Self(1 << 1),
            Json::Object(_) => Self::OBJECT,
            Json::Array(_) => Self::ARRAY,
            Json::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                Self::INTEGER
            }
            Json::Number(_) => Self::NUMBER,
            Json::String(_) => Self::STRING,
        }
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set with integers where it has all numbers.
    const fn complete(self) -> Self {
        if self.0 & Self::NUMBER.0 != 0 { self.union(Self::INTEGER) } else { self }
    }

    const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn inside(self, other: Self) -> bool {
        self.0 & !other.complete().0 == 0
    }

    fn each(self) -> impl Iterator<Item = Self> {
        (0..7).map(|bit| Self(1 << bit)).filter(move |one| self.overlaps(*one))
    }

    /// The names, for messages.
    fn names(self) -> String {
        let named = Self::NAMES.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        named.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The keywords of a node that say what it takes.
#[derive(Debug, Default)]
pub struct Keywords {
    /// `$ref`.
    reference: Option<NodeId>,
    /// `type`; none means every type.
    types: Option<Types>,
    /// `enum`, or `const` as its only value.
    values: Option<Vec<Json>>,
    /// Bounds by keyword: `maxLength`, `minimum` and so on.
    bounds: HashMap<&'static str, f64>,
    /// `pattern`.
    pattern: Option<String>,
    /// `properties`.
    properties: Vec<(String, NodeId)>,
    /// The same by name.
    property: HashMap<String, NodeId>,
    /// `patternProperties`; without the expression where it is none that can be evaluated in linear time.
    patterns: Vec<(String, Option<Regex>, NodeId)>,
    /// `additionalProperties`.
    additional: Option<NodeId>,
    /// `required`.
    required: Vec<String>,
    /// `dependencies` and `dependentRequired`.
    dependent_required: Vec<(String, Vec<String>)>,
    /// `dependencies` and `dependentSchemas`.
    dependent_schemas: Vec<(String, NodeId)>,
    /// `propertyNames`.
    property_names: Option<NodeId>,
    /// `prefixItems`, or `items` as a list.
    tuple: Vec<NodeId>,
    /// `items`, or `additionalItems` behind a list.
    items: Option<NodeId>,
    /// `uniqueItems`.
    unique: bool,
    /// `contains`.
    contains: Option<NodeId>,
    /// `allOf`.
    all_of: Vec<NodeId>,
    /// `anyOf`.
    any_of: Vec<NodeId>,
    /// `oneOf`.
    one_of: Vec<NodeId>,
    /// `not`.
    not: Option<NodeId>,
    /// Keywords that are only compared for being the same: `if`, `then`, `else`, `unevaluatedProperties`, …
    literal: Vec<(String, Json)>,
    /// Whether there is a `default`.
    default: bool,
}

impl Schema {
    /// Parses a text of JSON; the dependencies are what `$ref`s outside of it lead to. The error is a sentence for the client.
    pub fn parse(source: &Source, reading: Reading) -> Result<Self, String> {
        parse::parse(source, reading)
    }

    /// The text to keep.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }
}
