//! Tables and indexes as SQLite has them.
//!
//! A table that exists gets and loses constraints by a new text in SQLite's schema: `sqlite_schema` is written to, the connection reads it
//! again, and a table is made and dropped so that other connections notice. SQLite's own documentation allows that for changes that leave
//! rows as they are: NOT NULL, CHECK, foreign keys and whether a stored column is generated. So such a change costs no copy of the table.

use std::fmt::Write as _;

use bole_sql_types::{Result, Type};

use super::binder::Use;
use super::change::Change;
use super::temporary::prefix;
use crate::catalog::{Action, Column, Constraint, Index, Rule, Table};

/// How much of a table's text is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With all that its rows must obey.
    Full,
    /// Its columns alone, so that rows can be changed step by step.
    Loose,
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    }
}

/// `c1, c2`.
pub(super) fn column_list(numbers: &[i16]) -> String {
    numbers.iter().map(|number| format!("c{number}")).collect::<Vec<_>>().join(", ")
}

/// A string in SQLite's SQL.
pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// ` COLLATE x`, or nothing.
pub(crate) fn collate(change: &Change<'_>, ty: Type) -> String {
    let collation = match ty.info() {
        Some(info) => info.collation,
        None if change.catalog.enum_of_array(ty).is_some() => {
            Some(bole_sql_types::storage::Collation::ArrayOfIntegers)
        }
        None => None,
    };
    collation.map(|collation| format!(" COLLATE {}", collation.name())).unwrap_or_default()
}

impl Change<'_> {
    /// `CREATE TABLE` of a table, for SQLite; before its name what is given as its schema.
    fn create_table_sql(&self, schema: &str, table: &Table, form: Form) -> Result<String> {
        let mut parts = Vec::new();
        for column in &table.columns {
            parts.push(self.column_sql(table, column, form)?);
        }
        if parts.is_empty() {
            // SQLite has no tables without columns.
            parts.push("c0 ANY".to_owned());
        }
        if form == Form::Full {
            for constraint in &table.constraints {
                self.constraint_sql(table, constraint, &mut parts)?;
            }
        }
        Ok(format!("CREATE TABLE {schema}{} ({}) STRICT", table.storage, parts.join(", ")))
    }

    fn column_sql(&self, table: &Table, column: &Column, form: Form) -> Result<String> {
        let name = format!("c{}", column.number);
        if column.dropped {
            return Ok(format!("{name} ANY"));
        }
        if table.rowid_column == Some(column.number) {
            return Ok(format!("{name} INTEGER PRIMARY KEY"));
        }
        let mut sql = format!("{name} ANY{}", collate(self, column.ty()));
        if form == Form::Loose {
            return Ok(sql);
        }
        let target = Some((column.ty(), column.typmod));
        if let Some(generated) = &column.generated {
            let bound = self.kept_expression(Some(table.oid), generated, Use::Generated, target)?;
            let _infallible = write!(sql, " GENERATED ALWAYS AS ({}) STORED", bound.sql);
        } else if let Some(default) = column.default.as_ref().filter(|_| sets_default(table, column.number)) {
            let bound = self.kept_expression(None, default, Use::Default, target)?;
            let _infallible = write!(sql, " DEFAULT ({})", bound.sql);
        }
        if column.not_null {
            sql.push_str(" NOT NULL");
        }
        Ok(sql)
    }

    fn constraint_sql(&self, table: &Table, constraint: &Constraint, parts: &mut Vec<String>) -> Result<()> {
        match &constraint.rule {
            Rule::PrimaryKey { .. } | Rule::Unique { .. } => {}
            Rule::Check { expression } => {
                let bound = self.kept_expression(Some(table.oid), expression, Use::Check, None)?;
                parts.push(format!("CONSTRAINT k{} CHECK ({})", constraint.oid, bound.sql));
            }
            Rule::ForeignKey { columns, target, target_columns, on_update, on_delete, match_full } => {
                if *match_full && columns.len() > 1 {
                    parts.push(format!("CONSTRAINT k{} CHECK ({})", constraint.oid, all_or_none(columns)));
                }
                let target = self.table(*target)?;
                let mut sql = format!(
                    "CONSTRAINT k{} FOREIGN KEY ({}) REFERENCES {} ({})",
                    constraint.oid,
                    column_list(columns),
                    target.storage,
                    column_list(target_columns)
                );
                let _infallible =
                    write!(sql, " ON UPDATE {} ON DELETE {}", action(*on_update), action(*on_delete));
                if constraint.deferrable {
                    // Which of them are immediate is for the transaction to say, and to check.
                    sql.push_str(" DEFERRABLE INITIALLY DEFERRED");
                }
                parts.push(sql);
            }
        }
        Ok(())
    }

    /// Makes a table, and the indexes that the catalog has of it.
    pub(super) fn create_storage(&mut self, oid: u32) -> Result<()> {
        let table = self.table(oid)?;
        let sql = self.create_table_sql(prefix(oid), &table, Form::Full)?;
        self.ddl_of(oid, sql);
        let indexes: Vec<Index> = self.catalog.indexes_of(oid).cloned().collect();
        indexes.iter().try_for_each(|index| self.create_index_storage(index))
    }

    /// Gives a table in SQLite the text that the catalog says.
    pub(super) fn retext(&mut self, oid: u32, form: Form) -> Result<()> {
        let table = self.table(oid)?;
        let sql = text_literal(&self.create_table_sql("", &table, form)?);
        let (schema, all) =
            (prefix(oid), if table.temporary { "sqlite_temp_schema" } else { "sqlite_schema" });
        let sql = format!(
            "PRAGMA writable_schema = ON; UPDATE {all} SET sql = {sql} WHERE type = 'table' AND name = '{}'; \
             PRAGMA writable_schema = RESET; CREATE TABLE {schema}bole_schema_changed (c1 ANY) STRICT; DROP TABLE {schema}bole_schema_changed",
            table.storage
        );
        self.ddl_of(oid, sql);
        Ok(())
    }

    /// Copies a table into a new one in SQLite, and lets what references it reference that. What the catalog says of its columns may have
    /// changed; its rows go along as they are.
    pub(super) fn rebuild(&mut self, oid: u32) -> Result<()> {
        let old = self.renew(oid)?;
        let table = self.table(oid)?;
        let copied: Vec<i16> =
            table.live().filter(|column| column.generated.is_none()).map(|column| column.number).collect();
        let columns = column_list(&copied);
        let (into, from) = if table.rowid_column.is_some() || copied.is_empty() {
            (columns.clone(), columns)
        } else {
            (format!("_rowid_, {columns}"), format!("_rowid_, {columns}"))
        };
        if !copied.is_empty() {
            self.rows(format!("INSERT INTO {} ({into}) SELECT {from} FROM {old}", table.storage));
        }
        let referencing: Vec<u32> =
            self.catalog.references_to(oid).map(|(from, _)| from.oid).filter(|from| *from != oid).collect();
        referencing.into_iter().try_for_each(|from| self.retext(from, Form::Full))?;
        self.ddl_of(oid, format!("DROP TABLE {old}"));
        let indexes: Vec<Index> = self.catalog.indexes_of(oid).cloned().collect();
        indexes.iter().try_for_each(|index| self.create_index_storage(index))
    }

    /// Makes a new, empty table in SQLite that takes the place of a table's old one, whose name is given back.
    pub(super) fn renew(&mut self, oid: u32) -> Result<String> {
        let old = self.table(oid)?.storage;
        let generation =
            old.split_once('_').and_then(|(_, number)| number.parse::<u32>().ok()).unwrap_or(0) + 1;
        self.update_table(oid, |table| table.storage = format!("t{oid}_{generation}"));
        let table = self.table(oid)?;
        let sql = self.create_table_sql(prefix(oid), &table, Form::Full)?;
        self.ddl_of(oid, sql);
        Ok(old)
    }

    /// Whether SQLite's rowid does the work of an index.
    pub(super) fn is_rowid_index(&self, index: &Index) -> bool {
        let Some(table) = self.catalog.table(index.table) else { return false };
        let is_primary = table.primary_key().is_some_and(|(_, primary)| primary == index.oid);
        is_primary && table.rowid_column.is_some()
    }

    /// `CREATE INDEX` for SQLite, unless the rowid does it.
    pub(super) fn create_index_storage(&mut self, index: &Index) -> Result<()> {
        if self.is_rowid_index(index) {
            return Ok(());
        }
        let table = self.table(index.table)?;
        let mut keys = Vec::new();
        for term in self.index_terms(&table, index)? {
            keys.push(term);
        }
        let unique = if index.unique { "UNIQUE " } else { "" };
        let mut sql = format!(
            "CREATE {unique}INDEX {}i{} ON {} ({})",
            prefix(index.oid),
            index.oid,
            table.storage,
            keys.join(", ")
        );
        if let Some(predicate) = &index.predicate {
            let bound = self.kept_expression(Some(table.oid), predicate, Use::Predicate, None)?;
            let _infallible = write!(sql, " WHERE {}", bound.sql);
        }
        self.ddl_of(index.oid, sql);
        Ok(())
    }

    /// The keys of an index in SQLite. Where NULLs are equal, each key that may be one is two: whether it is, and its value or 0.
    fn index_terms(&self, table: &Table, index: &Index) -> Result<Vec<String>> {
        let mut terms = Vec::new();
        for key in &index.keys {
            let (term, ty) = if let Some(expression) = &key.expression {
                let bound = self.kept_expression(Some(table.oid), expression, Use::Index, None)?;
                (format!("({})", bound.sql), bound.ty)
            } else {
                let ty = table.numbered(key.column).map_or(Type::UNKNOWN, Column::ty);
                (format!("c{}", key.column), ty)
            };
            let nullable =
                key.expression.is_some() || table.numbered(key.column).is_none_or(|column| !column.not_null);
            let order = if key.descending { " DESC" } else { "" };
            let collate = collate(self, ty);
            if index.unique && index.nulls_not_distinct && nullable {
                terms.push(format!("({term} IS NULL)"));
                terms.push(format!("ifnull({term}, 0){collate}{order}"));
            } else {
                terms.push(format!("{term}{collate}{order}"));
            }
        }
        Ok(terms)
    }

    /// Drops an index in SQLite.
    pub(super) fn drop_index_storage(&mut self, index: &Index) {
        if !self.is_rowid_index(index) {
            self.ddl_of(index.oid, format!("DROP INDEX IF EXISTS i{}", index.oid));
        }
    }

    /// The check that no two rows have equal keys.
    pub(super) fn check_unique(&mut self, index: &Index) -> Result<()> {
        let table = self.table(index.table)?;
        let terms: Vec<String> = self
            .index_terms(&table, index)?
            .iter()
            .map(|term| term.trim_end_matches(" DESC").to_owned())
            .collect();
        let mut conditions = Vec::new();
        if let Some(predicate) = &index.predicate {
            conditions.push(format!(
                "({})",
                self.kept_expression(Some(table.oid), predicate, Use::Predicate, None)?.sql
            ));
        }
        if !index.nulls_not_distinct {
            conditions.extend(terms.iter().map(|term| format!("{term} IS NOT NULL")));
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        let message = format!("could not create unique index \"{}\"", index.name);
        let mut error = bole_sql_types::Error::new(bole_sql_types::SqlState::UNIQUE_VIOLATION, message);
        error.more().constraint = Some(index.name.clone());
        error.more().table = Some(table.name.clone());
        error.more().schema = self.catalog.schema_name(table.schema).map(str::to_owned);
        let terms = terms.join(", ");
        self.nothing(
            format!("SELECT 1 FROM {}{filter} GROUP BY {terms} HAVING count(*) > 1 LIMIT 1", table.storage),
            error,
        );
        Ok(())
    }
}

/// Whether a foreign key may set the column to its default.
fn sets_default(table: &Table, number: i16) -> bool {
    table.constraints.iter().any(|constraint| {
        matches!(&constraint.rule, Rule::ForeignKey { columns, on_update, on_delete, .. }
            if columns.contains(&number) && (*on_update == Action::SetDefault || *on_delete == Action::SetDefault))
    })
}

/// That all columns are NULL or none is.
pub(super) fn all_or_none(columns: &[i16]) -> String {
    let (first, rest) = columns.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
    rest.iter()
        .map(|number| format!("(c{first} IS NULL) = (c{number} IS NULL)"))
        .collect::<Vec<_>>()
        .join(" AND ")
}
