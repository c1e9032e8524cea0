//! Names: what a written name means, by the search path, and how what is found is written again.

use bole_sql_types::{Error, Result, SqlState, Type};

use super::system::SystemRelation;
use super::{Catalog, Enum, INFORMATION_SCHEMA, Label, Object, PG_CATALOG};

/// A name as it is written: `name`, `schema.name` or `database.schema.name`, quotes gone and case folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The schema, if one is written.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl Name {
    /// A name with a schema or without one.
    pub fn new(schema: Option<&str>, name: &str) -> Self {
        Self { schema: schema.map(str::to_owned), name: name.to_owned() }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// What a relation's name means.
#[derive(Clone, Copy, Debug)]
pub enum Relation<'a> {
    /// A table, index, view or sequence of the user's.
    User(&'a Object),
    /// A relation of `pg_catalog` or `information_schema`.
    System(&'static SystemRelation),
}

impl Catalog {
    /// The OID of a schema. Errors: 3F000.
    pub fn schema_oid(&self, name: &str) -> Result<u32> {
        let missing =
            || Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"));
        self.schemas.get(name).copied().ok_or_else(missing)
    }

    /// The name of a schema.
    pub fn schema_name(&self, oid: u32) -> Option<&str> {
        match oid {
            PG_CATALOG => Some("pg_catalog"),
            INFORMATION_SCHEMA => Some("information_schema"),
            _ => self.object(oid).map(Object::name),
        }
    }

    /// The schemas to look in for a name: the one that is written, or those of the path with `pg_catalog`, and before it that of temporary objects,
    /// first unless the path has them.
    fn places(&self, schema: Option<&str>, path: &[u32]) -> Vec<u32> {
        if let Some(name) = schema {
            return self.schemas.get(name).copied().into_iter().collect();
        }
        let mut path = path.to_vec();
        if !path.contains(&PG_CATALOG) {
            path.insert(0, PG_CATALOG);
        }
        self.with_temporary(&path)
    }

    fn relation_in(&self, schema: u32, name: &str) -> Option<Relation<'_>> {
        if let Some(system) = super::system::find(schema, name) {
            return Some(Relation::System(system));
        }
        let oid = self.relations.get(&(schema, name.to_owned()))?;
        self.object(*oid).map(Relation::User)
    }

    /// The relation that a name means, if there is one.
    pub fn find_relation(&self, name: &Name, path: &[u32]) -> Option<Relation<'_>> {
        self.places(name.schema.as_deref(), path)
            .into_iter()
            .find_map(|schema| self.relation_in(schema, &name.name))
    }

    /// The relation that a name means. Errors: 42P01; 3F000 is PostgreSQL's only where something is made.
    pub fn relation(&self, name: &Name, path: &[u32]) -> Result<Relation<'_>> {
        let missing = || Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"));
        self.find_relation(name, path).ok_or_else(missing)
    }

    /// The type of the user's, or built in, that a name of `pg_type` means: an enum, an array of one (`_mood`), `int4`.
    pub fn find_type(&self, name: &Name, path: &[u32]) -> Option<Type> {
        self.places(name.schema.as_deref(), path)
            .into_iter()
            .find_map(|schema| self.type_in(schema, &name.name))
    }

    fn type_in(&self, schema: u32, name: &str) -> Option<Type> {
        if schema == PG_CATALOG {
            return Type::by_name(name);
        }
        if let Some(oid) = self.types.get(&(schema, name.to_owned())) {
            return Some(Type(*oid));
        }
        let element = self.types.get(&(schema, name.strip_prefix('_')?.to_owned()))?;
        self.enum_of(Type(*element)).map(|it| Type(it.array_oid))
    }

    /// The enum that a type is.
    pub fn enum_of(&self, ty: Type) -> Option<&Enum> {
        if let Some(Object::Enum(it)) = self.object(ty.0) { Some(it) } else { None }
    }

    /// The enum whose arrays a type is.
    pub fn enum_of_array(&self, ty: Type) -> Option<&Enum> {
        if !ty.is_user() {
            return None;
        }
        self.enums().find(|it| it.array_oid == ty.0)
    }

    /// The type of an array's elements.
    pub fn element_of(&self, ty: Type) -> Option<Type> {
        ty.element().or_else(|| self.enum_of_array(ty).map(|it| Type(it.oid)))
    }

    /// The type of arrays of a type.
    pub fn array_of(&self, ty: Type) -> Option<Type> {
        ty.array().or_else(|| self.enum_of(ty).map(|it| Type(it.array_oid)))
    }

    /// The place of an enum's label.
    pub fn label_place(&self, ty: Type, label: &str) -> Option<i64> {
        self.enum_of(ty)?.labels.iter().find(|it| it.name == label).map(|it| it.place)
    }

    /// The label at a place.
    pub fn label_at(&self, ty: Type, place: i64) -> Option<&str> {
        self.enum_of(ty)?.labels.iter().find(|it: &&Label| it.place == place).map(|it| it.name.as_str())
    }

    /// An object's name, with its schema unless the path finds it without.
    pub fn qualified(&self, object: &Object, path: &[u32]) -> String {
        let bare = Name::new(None, object.name());
        let visible = match object {
            Object::Schema(_) => true,
            Object::Enum(it) => self.find_type(&bare, path) == Some(Type(it.oid)),
            _ => {
                matches!(self.find_relation(&bare, path), Some(Relation::User(found)) if found.oid() == object.oid())
            }
        };
        if visible {
            return quote(object.name());
        }
        format!("{}.{}", quote(self.schema_name(object.schema()).unwrap_or_default()), quote(object.name()))
    }
}

/// An identifier as PostgreSQL's `quote_ident` writes it.
pub fn quote(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
        && RESERVED.split_ascii_whitespace().all(|word| word != name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A string as PostgreSQL's `quote_literal` writes it.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// Words that PostgreSQL 15 quotes as identifiers (`pg_get_keywords()`, but for the unreserved).
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character check coalesce \
    collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp \
    current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant \
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading least left like \
    limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps \
    overlay placing position precision primary real references returning right row select session_user setof similar smallint some substring symmetric \
    table tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window with \
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";
