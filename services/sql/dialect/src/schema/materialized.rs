//! Materialized views: tables whose rows are those of a query at its last `REFRESH`.
//!
//! A refresh puts the query's rows into a new table in SQLite that takes the place of the old one: they are in the log as rows.

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::Query;

use super::change::Change;
use super::storage::column_list;
use super::syntax::Name;
use super::view::{Kept, parse_query};
use crate::catalog::temporary::is_temporary;
use crate::catalog::{Index, Materialized, Object, Table};

impl Change<'_> {
    /// What the catalog keeps of the query. Errors: 0A000 for one of temporary relations.
    pub(super) fn materialized(&self, query: &Query, populated: bool) -> Result<Materialized> {
        let Kept { text, outputs: _, uses, uses_columns } = self.kept_query(query)?;
        if uses.iter().any(|oid| is_temporary(*oid)) {
            let message = "materialized views must not use temporary tables or views";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        Ok(Materialized { query: text, uses, uses_columns, populated })
    }

    pub(super) fn refresh(&mut self, name: &Name, concurrently: bool, with_data: bool) -> Result<()> {
        let found = self.find(name, false)?;
        let table = if let Some(Object::Table(table)) = found { Some(table) } else { None };
        let Some((table, materialized)) = table.as_ref().and_then(|it| Some((it, it.materialized.as_ref()?)))
        else {
            let message = format!("\"{}\" is not a materialized view", name.name);
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        };
        let indexes: Vec<Index> = self.catalog.indexes_of(table.oid).cloned().collect();
        if concurrently {
            self.check_concurrent(table, materialized, &indexes, with_data)?;
        }
        let query = parse_query(&materialized.query).ok_or_else(|| {
            let message = format!("the query of materialized view \"{}\" cannot be read", table.name);
            Error::new(SqlState::DATA_CORRUPTED, message)
        })?;
        self.update_table(table.oid, |table| {
            if let Some(materialized) = &mut table.materialized {
                materialized.populated = with_data;
            }
        });
        // Nobody reads the old rows again, so what they are does not go into the log.
        let old = self.renew(table.oid)?;
        if with_data {
            let sql = self.query_for_rows(&query)?.sql;
            let columns = column_list(&table.columns.iter().map(|column| column.number).collect::<Vec<_>>());
            let storage = self.table(table.oid)?.storage;
            self.rows(format!("INSERT INTO {storage} ({columns}) {sql}"));
        }
        self.ddl_of(table.oid, format!("DROP TABLE {old}"));
        for index in &indexes {
            if index.unique {
                self.check_unique(index)?;
            }
            self.create_index_storage(index)?;
        }
        Ok(())
    }

    /// PostgreSQL compares old and new rows by a key. Readers never wait here, so there is nothing else to do for it.
    fn check_concurrent(
        &self,
        table: &Table,
        materialized: &Materialized,
        indexes: &[Index],
        with_data: bool,
    ) -> Result<()> {
        let is_key = |index: &Index| {
            index.unique && index.predicate.is_none() && index.keys.iter().all(|key| key.column > 0)
        };
        if !materialized.populated {
            let message = "CONCURRENTLY cannot be used when the materialized view is not populated";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        if !with_data {
            let message = "CONCURRENTLY and WITH NO DATA options cannot be used together";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        if indexes.iter().any(is_key) {
            return Ok(());
        }
        let schema = self.catalog.schema_name(table.schema).unwrap_or_default();
        let message = format!("cannot refresh materialized view \"{schema}.{}\" concurrently", table.name);
        let hint =
            "Create a unique index with no WHERE clause on one or more columns of the materialized view.";
        Err(Error::new(SqlState(*b"55000"), message).with_hint(hint))
    }
}
