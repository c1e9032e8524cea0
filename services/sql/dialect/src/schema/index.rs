//! `CREATE INDEX` and `REINDEX`.

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::Expr;

use super::binder::Use;
use super::change::{Change, wrong_kind};
use super::constraint::check_order;
use super::naming;
use super::syntax::{CreateIndex, KeySpec, Kind, Name};
use super::temporary::prefix;
use crate::bind::name_of;
use crate::catalog::{Index, Key, Object, Table};

/// Classes of operators whose order is that of the type, each with the types that it is for. Text has the order of its bytes with and without them.
const CLASSES: &[(&str, &[Type])] = &[
    ("text_ops", &[Type::TEXT, Type::VARCHAR, Type::NAME]),
    ("varchar_ops", &[Type::VARCHAR, Type::TEXT]),
    ("bpchar_ops", &[Type::BPCHAR]),
    ("name_ops", &[Type::NAME]),
    ("text_pattern_ops", &[Type::TEXT, Type::VARCHAR]),
    ("varchar_pattern_ops", &[Type::VARCHAR, Type::TEXT]),
    ("bpchar_pattern_ops", &[Type::BPCHAR]),
    ("int2_ops", &[Type::INT2]),
    ("int4_ops", &[Type::INT4]),
    ("int8_ops", &[Type::INT8]),
    ("float4_ops", &[Type::FLOAT4]),
    ("float8_ops", &[Type::FLOAT8]),
    ("numeric_ops", &[Type::NUMERIC]),
    ("bool_ops", &[Type::BOOL]),
    ("date_ops", &[Type::DATE]),
    ("time_ops", &[Type::TIME]),
    ("timestamp_ops", &[Type::TIMESTAMP]),
    ("timestamptz_ops", &[Type::TIMESTAMPTZ]),
    ("interval_ops", &[Type::INTERVAL]),
    ("uuid_ops", &[Type::UUID]),
    ("bytea_ops", &[Type::BYTEA]),
    ("jsonb_ops", &[Type::JSONB]),
];

/// The default class of a type, which is not printed.
pub(crate) fn default_class(ty: Type) -> Option<&'static str> {
    if ty == Type::VARCHAR {
        return Some("text_ops");
    }
    CLASSES.iter().find(|(_, types)| types.first() == Some(&ty)).map(|(name, _)| *name)
}

fn unsupported_method(method: &str, what: &str) -> Error {
    let message = format!("access method \"{method}\" does not support {what}");
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

impl Change<'_> {
    pub(super) fn create_index(&mut self, statement: &CreateIndex) -> Result<()> {
        // CONCURRENTLY only says how others go on meanwhile, and here they always do.
        let CreateIndex {
            name,
            table,
            unique,
            concurrently: _,
            if_not_exists,
            method,
            keys,
            include,
            nulls_not_distinct,
            predicate,
        } = statement;
        let table = self.find_table_for_index(table)?;
        check_method(method, *unique, keys.len(), !include.is_empty())?;
        if let Some(name) = name
            && !self.is_free(table.schema, name, *if_not_exists)?
        {
            return Ok(());
        }
        let keys: Vec<Key> =
            keys.iter().map(|key| self.index_key(&table, key, method)).collect::<Result<_>>()?;
        let include = Self::include_columns(&table, include)?;
        let predicate = match predicate {
            Some(expression) => {
                if !self.expression(Some(table.oid), expression, Use::Predicate, None)?.immutable {
                    return Err(Error::new(
                        SqlState(*b"42P17"),
                        "functions in index predicate must be marked IMMUTABLE",
                    ));
                }
                Some(self.resolved(expression, Some(&table.name))?)
            }
            None => None,
        };
        let chosen = || {
            naming::relation(
                &self.catalog,
                table.schema,
                &table.name,
                Some(&column_names(&table, &keys)),
                "idx",
            )
        };
        let name = name.clone().unwrap_or_else(chosen);
        let index = Index {
            oid: self.catalog.allocate(table.oid),
            schema: table.schema,
            name,
            table: table.oid,
            keys,
            include,
            unique: *unique,
            nulls_not_distinct: *nulls_not_distinct,
            predicate,
            method: method.clone(),
            comment: None,
        };
        self.put(Object::Index(index.clone()));
        if *unique {
            self.check_unique(&index)?;
        }
        self.create_index_storage(&index)
    }

    fn find_table_for_index(&mut self, name: &Name) -> Result<Table> {
        match self.find(name, false)? {
            Some(Object::Table(table)) => Ok(table),
            Some(other) => {
                let error = Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("cannot create index on relation \"{}\"", other.name()),
                );
                Err(error.with_detail(format!("This operation is not supported for {}s.", other.noun())))
            }
            None => Err(wrong_kind(&name.name, Kind::Table)),
        }
    }

    fn index_key(&self, table: &Table, key: &KeySpec, method: &str) -> Result<Key> {
        let KeySpec { expression, collation, class, descending, nulls_first } = key;
        let nulls_first = nulls_first.unwrap_or(*descending);
        let bare = if let Expr::Nested(inner) = expression { inner.as_ref() } else { expression };
        let (column, text, ty) = if let Expr::Identifier(ident) = bare {
            let name = name_of(ident);
            let missing =
                || Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"));
            let column = table.column(&name).ok_or_else(missing)?;
            (column.number, None, column.ty())
        } else {
            let bound = self.expression(Some(table.oid), bare, Use::Index, None)?;
            if !bound.immutable {
                return Err(Error::new(
                    SqlState(*b"42P17"),
                    "functions in index expression must be marked IMMUTABLE",
                ));
            }
            (0, Some(self.resolved(bare, Some(&table.name))?), bound.ty)
        };
        if method == "hash" && (*descending || nulls_first) {
            return Err(unsupported_method(method, "ASC/DESC options"));
        }
        check_order(self, ty, method)?;
        let collation = self.collation(collation.as_ref(), ty)?;
        let class = class.as_ref().map(|class| self.index_class(class, ty, method)).transpose()?.flatten();
        Ok(Key { column, expression: text, descending: *descending, nulls_first, collation, class })
    }

    /// The class of operators, unless it is the default one.
    fn index_class(&self, class: &Name, ty: Type, method: &str) -> Result<Option<String>> {
        let Some((name, types)) = CLASSES.iter().find(|(name, _)| *name == class.name) else {
            let message = format!("operator class \"{class}\" does not exist for access method \"{method}\"");
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
        };
        if !types.contains(&ty) {
            let message =
                format!("operator class \"{name}\" does not accept data type {}", self.catalog.type_name(ty));
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
        }
        Ok(Some((*name).to_owned()).filter(|name| default_class(ty) != Some(name)))
    }

    fn include_columns(table: &Table, names: &[String]) -> Result<Vec<i16>> {
        let number = |name: &String| {
            let missing =
                || Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"));
            table.column(name).map(|column| column.number).ok_or_else(missing)
        };
        names.iter().map(number).collect()
    }

    pub(super) fn reindex(&mut self, kind: Option<Kind>, name: &Name) -> Result<()> {
        let indexes: Vec<Index> = match kind {
            None => {
                if name.name != self.catalog.database {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "can only reindex the currently open database",
                    ));
                }
                self.catalog.indexes().cloned().collect()
            }
            Some(Kind::Schema) => {
                let schema = self.catalog.schema_oid(&name.name)?;
                self.catalog.indexes().filter(|index| index.schema == schema).cloned().collect()
            }
            Some(Kind::Index) => match self.find(name, false)? {
                Some(Object::Index(index)) => vec![index],
                _ => return Err(wrong_kind(&name.name, Kind::Index)),
            },
            Some(_) => {
                let table = self.find_table(name)?;
                self.catalog.indexes_of(table.oid).cloned().collect()
            }
        };
        for index in indexes.iter().filter(|index| !self.is_rowid_index(index)).collect::<Vec<_>>() {
            self.ddl_of(index.oid, format!("REINDEX {}i{}", prefix(index.oid), index.oid));
        }
        Ok(())
    }
}

fn check_method(method: &str, unique: bool, keys: usize, include: bool) -> Result<()> {
    match method {
        "hash" if unique => Err(unsupported_method(method, "unique indexes")),
        "hash" if keys > 1 => Err(unsupported_method(method, "multicolumn indexes")),
        "hash" if include => Err(unsupported_method(method, "included columns")),
        "btree" | "hash" => Ok(()),
        "gin" | "gist" | "brin" | "spgist" => Err(Error::unsupported(format!("an index by method {method}"))),
        _ => {
            Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("access method \"{method}\" does not exist")))
        }
    }
}

/// What PostgreSQL calls the keys in an index's name: columns by name, calls by the function's, else `expr`; a second one gets a number.
pub(super) fn column_names(table: &Table, keys: &[Key]) -> String {
    let mut names: Vec<String> = Vec::new();
    for key in keys {
        let base = match &key.expression {
            None => table.numbered(key.column).map(|column| column.name.clone()).unwrap_or_default(),
            Some(text) => key_name(text),
        };
        let mut name = base.clone();
        let mut pass = 0;
        while names.contains(&name) {
            pass += 1;
            name = format!("{base}{pass}");
        }
        names.push(name);
    }
    names.join("_")
}

fn key_name(text: &str) -> String {
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .unwrap_or(text.len());
    let is_call =
        text[end..].starts_with('(') && end > 0 && !text.starts_with(|first: char| first.is_ascii_digit());
    if is_call { text[..end].to_lowercase() } else { "expr".to_owned() }
}
