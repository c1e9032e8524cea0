//! The catalog as a value: built from its rows, changed object by object, asked by name.

use std::borrow::Cow;
use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState, Type};

use super::{
    Catalog, Column, Constraint, Enum, INFORMATION_SCHEMA, Index, Object, PG_CATALOG, PUBLIC, Rule, Schema,
    Sequence, Table, View, temporary,
};

/// The OID of the row that keeps [`Catalog::next_oid`].
pub const NEXT_OID_ROW: u32 = 1;

impl Object {
    /// Its OID.
    pub const fn oid(&self) -> u32 {
        match self {
            Self::Schema(it) => it.oid,
            Self::Table(it) => it.oid,
            Self::Index(it) => it.oid,
            Self::View(it) => it.oid,
            Self::Sequence(it) => it.oid,
            Self::Enum(it) => it.oid,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Schema(it) => &it.name,
            Self::Table(it) => &it.name,
            Self::Index(it) => &it.name,
            Self::View(it) => &it.name,
            Self::Sequence(it) => &it.name,
            Self::Enum(it) => &it.name,
        }
    }

    /// Its schema's OID; 0 for a schema.
    pub const fn schema(&self) -> u32 {
        match self {
            Self::Schema(_) => 0,
            Self::Table(it) => it.schema,
            Self::Index(it) => it.schema,
            Self::View(it) => it.schema,
            Self::Sequence(it) => it.schema,
            Self::Enum(it) => it.schema,
        }
    }

    /// Gives it another name.
    pub fn set_name(&mut self, name: String) {
        match self {
            Self::Schema(it) => it.name = name,
            Self::Table(it) => it.name = name,
            Self::Index(it) => it.name = name,
            Self::View(it) => it.name = name,
            Self::Sequence(it) => it.name = name,
            Self::Enum(it) => it.name = name,
        }
    }

    /// Moves it into another schema.
    pub const fn set_schema(&mut self, schema: u32) {
        match self {
            Self::Schema(_) => {}
            Self::Table(it) => it.schema = schema,
            Self::Index(it) => it.schema = schema,
            Self::View(it) => it.schema = schema,
            Self::Sequence(it) => it.schema = schema,
            Self::Enum(it) => it.schema = schema,
        }
    }

    /// What `COMMENT ON` said of it.
    pub const fn comment(&self) -> Option<&String> {
        match self {
            Self::Schema(it) => it.comment.as_ref(),
            Self::Table(it) => it.comment.as_ref(),
            Self::Index(it) => it.comment.as_ref(),
            Self::View(it) => it.comment.as_ref(),
            Self::Sequence(it) => it.comment.as_ref(),
            Self::Enum(it) => it.comment.as_ref(),
        }
    }

    /// Says something else of it.
    pub fn set_comment(&mut self, comment: Option<String>) {
        match self {
            Self::Schema(it) => it.comment = comment,
            Self::Table(it) => it.comment = comment,
            Self::Index(it) => it.comment = comment,
            Self::View(it) => it.comment = comment,
            Self::Sequence(it) => it.comment = comment,
            Self::Enum(it) => it.comment = comment,
        }
    }

    /// What PostgreSQL's messages call its kind: `table`.
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Schema(_) => "schema",
            Self::Table(table) if table.materialized.is_some() => "materialized view",
            Self::Table(_) => "table",
            Self::Index(_) => "index",
            Self::View(_) => "view",
            Self::Sequence(_) => "sequence",
            Self::Enum(_) => "type",
        }
    }

    /// The highest OID that it takes, those of its parts included.
    fn last_oid(&self) -> u32 {
        match self {
            Self::Table(table) => {
                table.constraints.iter().map(|constraint| constraint.oid).fold(table.oid, u32::max)
            }
            Self::Enum(it) => it.array_oid.max(it.oid),
            other => other.oid(),
        }
    }

    fn is_relation(&self) -> bool {
        !matches!(self, Self::Schema(_) | Self::Enum(_))
    }
}

impl Table {
    /// Its columns that were not dropped.
    pub fn live(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.dropped)
    }

    /// The column of that name, unless it was dropped.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.live().find(|column| column.name == name)
    }

    /// The column of that number.
    pub fn numbered(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// The constraint of that name.
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }

    /// Its primary key: numbers of columns and the OID of its index.
    pub fn primary_key(&self) -> Option<(&[i16], u32)> {
        self.constraints.iter().find_map(|constraint| match &constraint.rule {
            Rule::PrimaryKey { columns, index } => Some((columns.as_slice(), *index)),
            _ => None,
        })
    }
}

impl Catalog {
    /// A database with the schema `public` and nothing else.
    pub fn fresh(database: &str) -> Self {
        let mut catalog = Self::empty(database);
        let comment = Some("standard public schema".to_owned());
        catalog.put(Object::Schema(Schema { oid: PUBLIC, name: "public".to_owned(), comment }));
        catalog
    }

    fn empty(database: &str) -> Self {
        let mut catalog =
            Self { database: database.to_owned(), next_oid: Type::FIRST_USER, ..Self::default() };
        catalog.schemas.insert("pg_catalog".to_owned(), PG_CATALOG);
        catalog.schemas.insert("information_schema".to_owned(), INFORMATION_SCHEMA);
        catalog
    }

    /// From the rows of `bole_catalog`. Errors: a row that is none of ours (XX001).
    pub fn from_rows<'a>(database: &str, rows: impl IntoIterator<Item = (u32, &'a str)>) -> Result<Self> {
        let mut catalog = Self::empty(database);
        let damaged = |oid: u32| {
            Error::new(SqlState::DATA_CORRUPTED, format!("the catalog's row {oid} cannot be read"))
        };
        for (oid, body) in rows {
            if oid == NEXT_OID_ROW {
                catalog.next_oid = catalog.next_oid.max(body.parse().map_err(|_| damaged(oid))?);
                continue;
            }
            let object: Object = serde_json::from_str(body).map_err(|_| damaged(oid))?;
            if object.oid() != oid {
                return Err(damaged(oid));
            }
            catalog.put(object);
        }
        Ok(catalog)
    }

    /// The body of an object's row, or of [`NEXT_OID_ROW`]; `None` if there is no such object.
    pub fn row(&self, oid: u32) -> Option<String> {
        if oid == NEXT_OID_ROW {
            return Some(self.next_oid.to_string());
        }
        let object = self.objects.get(&oid)?;
        serde_json::to_string(object.as_ref()).ok()
    }

    /// Puts an object in, in place of the one with its OID. The next OID rises above all that it takes.
    pub fn put(&mut self, object: Object) {
        self.remove(object.oid());
        self.take_oids(object.oid(), object.last_oid());
        let (oid, key) = (object.oid(), (object.schema(), object.name().to_owned()));
        match &object {
            Object::Schema(schema) => {
                if oid == temporary::SCHEMA {
                    self.schemas.insert(temporary::ALIAS.to_owned(), oid);
                }
                self.schemas.insert(schema.name.clone(), oid);
            }
            Object::Enum(_) => {
                self.types.insert(key, oid);
            }
            _ => {
                self.relations.insert(key, oid);
            }
        }
        self.objects.insert(oid, Arc::new(object));
    }

    /// Takes an object out, and gives it back.
    pub fn remove(&mut self, oid: u32) -> Option<Arc<Object>> {
        let object = self.objects.remove(&oid)?;
        if temporary::is_temporary(oid) {
            self.take_oids(oid, oid);
        }
        let key = (object.schema(), object.name().to_owned());
        match object.as_ref() {
            Object::Schema(schema) => {
                if oid == temporary::SCHEMA {
                    self.schemas.remove(temporary::ALIAS);
                }
                self.schemas.remove(&schema.name);
            }
            Object::Enum(_) => {
                self.types.remove(&key);
            }
            _ => {
                self.relations.remove(&key);
            }
        }
        Some(object)
    }

    /// The object with that OID.
    pub fn object(&self, oid: u32) -> Option<&Object> {
        self.objects.get(&oid).map(AsRef::as_ref)
    }

    /// The table with that OID.
    pub fn table(&self, oid: u32) -> Option<&Table> {
        if let Some(Object::Table(table)) = self.object(oid) { Some(table) } else { None }
    }

    /// The index with that OID.
    pub fn index(&self, oid: u32) -> Option<&Index> {
        if let Some(Object::Index(index)) = self.object(oid) { Some(index) } else { None }
    }

    /// The view with that OID.
    pub fn view(&self, oid: u32) -> Option<&View> {
        if let Some(Object::View(view)) = self.object(oid) { Some(view) } else { None }
    }

    /// The sequence with that OID.
    pub fn sequence(&self, oid: u32) -> Option<&Sequence> {
        if let Some(Object::Sequence(sequence)) = self.object(oid) { Some(sequence) } else { None }
    }

    /// The tables, by OID.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.objects
            .values()
            .filter_map(|object| if let Object::Table(it) = object.as_ref() { Some(it) } else { None })
    }

    /// The indexes, by OID.
    pub fn indexes(&self) -> impl Iterator<Item = &Index> {
        self.objects
            .values()
            .filter_map(|object| if let Object::Index(it) = object.as_ref() { Some(it) } else { None })
    }

    /// The indexes of a table, by OID.
    pub fn indexes_of(&self, table: u32) -> impl Iterator<Item = &Index> {
        self.indexes().filter(move |index| index.table == table)
    }

    /// The sequences, by OID.
    pub fn sequences(&self) -> impl Iterator<Item = &Sequence> {
        self.objects
            .values()
            .filter_map(|object| if let Object::Sequence(it) = object.as_ref() { Some(it) } else { None })
    }

    /// The views, by OID.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.objects
            .values()
            .filter_map(|object| if let Object::View(it) = object.as_ref() { Some(it) } else { None })
    }

    /// The views by OID, materialized ones among them.
    pub fn queries(&self) -> impl Iterator<Item = Cow<'_, View>> {
        self.objects.values().filter_map(|object| match object.as_ref() {
            Object::View(view) => Some(Cow::Borrowed(view)),
            Object::Table(table) => table.as_view().map(Cow::Owned),
            _ => None,
        })
    }

    /// The enums, by OID.
    pub fn enums(&self) -> impl Iterator<Item = &Enum> {
        self.objects
            .values()
            .filter_map(|object| if let Object::Enum(it) = object.as_ref() { Some(it) } else { None })
    }

    /// Everything in a schema, by OID.
    pub fn in_schema(&self, schema: u32) -> impl Iterator<Item = &Object> {
        self.objects.values().map(AsRef::as_ref).filter(move |object| object.schema() == schema)
    }

    /// Whether the schema has a relation of that name.
    pub fn has_relation(&self, schema: u32, name: &str) -> bool {
        self.relations.contains_key(&(schema, name.to_owned()))
    }

    /// Whether the object is a table, index, view or sequence.
    pub fn is_relation(&self, oid: u32) -> bool {
        self.object(oid).is_some_and(Object::is_relation)
    }
}
