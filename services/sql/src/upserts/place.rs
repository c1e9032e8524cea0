//! Which table is meant: `DATABASE/TABLE`, or `DATABASE/SCHEMA.TABLE` for one that is not in `public`.

use bole_shard::Error;
use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Object, Table};
use bole_sql_types::{Error as SqlError, Result, SqlState};

/// A table by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) database: String,
    pub(super) schema: String,
    pub(super) name: String,
}

impl Place {
    /// Reads it. Errors: `Refused`, with the text.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, Error> {
        let (database, table) = text.split_once('/').unwrap_or((text, ""));
        let (schema, name) = table.split_once('.').unwrap_or(("public", table));
        if [database, schema, name].contains(&"") {
            let text = format!("{text:?} names no table; write DATABASE/TABLE or DATABASE/SCHEMA.TABLE");
            return Err(Error::Refused(text));
        }
        Ok(Self { database: database.to_owned(), schema: schema.to_owned(), name: name.to_owned() })
    }

    /// The table, which has a primary key. Errors: 3F000, 42P01, 42809, 55000.
    pub(super) fn table<'a>(&self, catalog: &'a Catalog) -> Result<&'a Table> {
        let Self { database, schema, name } = self;
        let schema = (catalog.schema_oid(schema)?, name.clone());
        let object = catalog.relations.get(&schema).and_then(|oid| catalog.object(*oid));
        let table = match object {
            Some(Object::Table(table)) => table,
            Some(other) => {
                let message = format!("\"{name}\" is no table but a relation of kind {}", other.noun());
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
            None => {
                let message =
                    format!("table \"{}.{name}\" does not exist in database \"{database}\"", self.schema);
                return Err(SqlError::new(SqlState::UNDEFINED_TABLE, message));
            }
        };
        if table.primary_key().is_none() {
            let message =
                format!("table \"{name}\" has no primary key, which says what row a record is about");
            return Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_with_its_database() {
        for (text, names) in [
            ("shop/orders", Some(["shop", "public", "orders"])),
            ("shop/app.orders", Some(["shop", "app", "orders"])),
            ("shop/public.a.b", Some(["shop", "public", "a.b"])),
            ("shop", None),
            ("shop/", None),
            ("/orders", None),
            ("shop/.orders", None),
            ("shop/app.", None),
        ] {
            let place = Place::parse(text).ok();
            let place = place.as_ref().map(|place| [&*place.database, &*place.schema, &*place.name]);
            assert_eq!(place, names, "{text}");
        }
    }
}
