//! Avro schemas (specification 1.11). Types are numbered; a named type is one number wherever it is used, so recursive types are plain data.
//!
//! The text of a schema is its canonical one: without spaces, attributes in a fixed order, names without what their surroundings say
//! already, and defaults, documentation and other properties kept.

pub mod compatible;
mod default;
mod parse;

use super::json::Json;
use super::{Reading, Source};

/// The number of a type in its schema.
pub type TypeId = usize;

/// A parsed schema.
#[derive(Debug)]
pub struct Schema {
    types: Vec<Type>,
    root: TypeId,
    text: String,
}

/// A type.
#[derive(Debug)]
pub enum Type {
    /// One of the eight without parts.
    Primitive(Primitive),
    /// Items of one type.
    Array(TypeId),
    /// Values of one type by name.
    Map(TypeId),
    /// One of several types.
    Union(Vec<TypeId>),
    /// Named fields.
    Record(Record),
    /// One of several symbols.
    Enum(Enum),
    /// So many bytes.
    Fixed(Fixed),
    /// A name whose definition is still being read.
    Open,
}

/// A type without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the specification's own names")]
pub enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

impl Primitive {
    const ALL: [(&'static str, Self); 8] = [
        ("null", Self::Null),
        ("boolean", Self::Boolean),
        ("int", Self::Int),
        ("long", Self::Long),
        ("float", Self::Float),
        ("double", Self::Double),
        ("bytes", Self::Bytes),
        ("string", Self::String),
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, primitive)| primitive)
    }

    /// The specification's name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, primitive)| *primitive == self).map_or("", |(name, _)| name)
    }
}

/// The full name of a type and the other names that it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// With its namespace.
    pub full: String,
    /// With their namespaces.
    pub aliases: Vec<String>,
}

impl Named {
    /// The part behind the namespace.
    pub fn short(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or_default()
    }
}

/// A record or an error.
#[derive(Debug)]
pub struct Record {
    /// Its names.
    pub named: Named,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Names that writers may use for it.
    pub aliases: Vec<String>,
    /// Its type.
    pub of: TypeId,
    /// What it is when a writer does not know it.
    pub default: Option<Json>,
}

/// An enumeration.
#[derive(Debug)]
pub struct Enum {
    /// Its names.
    pub named: Named,
    /// Its symbols, in order.
    pub symbols: Vec<String>,
    /// What unknown symbols are read as.
    pub default: Option<String>,
}

/// Bytes of a fixed number.
#[derive(Debug)]
pub struct Fixed {
    /// Its names.
    pub named: Named,
    /// How many.
    pub size: u64,
}

impl Schema {
    /// Parses a text of JSON; the dependencies define the types that they are named after. The error is a sentence for the client.
    pub fn parse(source: &Source, reading: Reading) -> Result<Self, String> {
        parse::parse(source, reading)
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A type by its number.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id]
    }

    /// The outermost type.
    pub const fn root(&self) -> TypeId {
        self.root
    }
}

impl Type {
    /// The word for the type in messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Primitive(primitive) => primitive.name(),
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
            Self::Enum(_) => "enum",
            Self::Fixed(_) => "fixed",
            Self::Open => "unfinished type",
        }
    }

    /// The names, if it is a named type.
    pub const fn named(&self) -> Option<&Named> {
        match self {
            Self::Record(record) => Some(&record.named),
            Self::Enum(symbols) => Some(&symbols.named),
            Self::Fixed(fixed) => Some(&fixed.named),
            _ => None,
        }
    }
}
