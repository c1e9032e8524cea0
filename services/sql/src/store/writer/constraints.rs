//! Foreign keys that may wait for COMMIT: which of them do now, and what violates those that do not.
//!
//! SQLite has every `DEFERRABLE` key as a deferred one and counts what violates it. One that is immediate in PostgreSQL's sense is checked
//! here, after each statement: for the price of a counter while nothing is violated. While another key's check is pending, it costs a
//! look at all rows of the tables with such keys.

use std::collections::BTreeMap;

use bole_sql_dialect::catalog::{Constraint, Rule, Table};
use bole_sql_types::{Error, Result, SqlState};

use super::Writer;
use crate::store::error::from_sqlite;
use crate::store::preupdate::has_deferred_violations;

/// What `SET CONSTRAINTS` said in a transaction.
#[derive(Clone, Debug, Default)]
pub struct Deferral {
    all: Option<bool>,
    /// Constraints by OID, each said after `all`.
    named: BTreeMap<u32, bool>,
}

impl Deferral {
    /// `SET CONSTRAINTS ALL`: what was said of single ones before is forgotten.
    pub fn set_all(&mut self, deferred: bool) {
        self.all = Some(deferred);
        self.named.clear();
    }

    /// `SET CONSTRAINTS` of one.
    pub fn set(&mut self, constraint: u32, deferred: bool) {
        self.named.insert(constraint, deferred);
    }

    /// Whether a constraint is checked at COMMIT.
    pub fn is_deferred(&self, constraint: &Constraint) -> bool {
        let said = self.named.get(&constraint.oid).copied().or(self.all);
        constraint.deferrable && said.unwrap_or(constraint.deferred)
    }
}

impl Writer {
    /// Checks keys that are deferrable and immediate now. `about` is the table that a statement wrote to, and whether it took rows away.
    /// Errors: 23503, after which the transaction has to go back to before the statement; the files.
    pub fn check_immediate(&self, deferral: &Deferral, about: (u32, bool)) -> Result<()> {
        if !self.restored && !has_deferred_violations(self.connection()) {
            return Ok(());
        }
        let immediate = |constraint: &Constraint| constraint.deferrable && !deferral.is_deferred(constraint);
        match self.violated(&immediate)? {
            Some((table, constraint)) => Err(self.broken(table, constraint, about)),
            None => Ok(()),
        }
    }

    /// What makes COMMIT fail. Errors: 23503, the files.
    pub(super) fn check_at_commit(&self) -> Result<()> {
        let violated = if self.restored {
            // What SQLite had counted is lost.
            let check = self.connection().prepare("PRAGMA foreign_key_check");
            check.and_then(|mut check| check.exists([])).map_err(|error| from_sqlite(&error))?
        } else {
            has_deferred_violations(self.connection())
        };
        if !violated {
            return Ok(());
        }
        match self.violated(&|_| true)? {
            Some((table, constraint)) => Err(self.broken(table, constraint, (0, false))),
            None => Err(Error::new(SqlState::FOREIGN_KEY_VIOLATION, "a foreign key constraint is violated")),
        }
    }

    /// A foreign key of those that has a row which refers to none.
    fn violated(&self, of: &dyn Fn(&Constraint) -> bool) -> Result<Option<(&Table, &Constraint)>> {
        for table in self.catalog.tables() {
            let keys: Vec<&Constraint> =
                table.constraints.iter().filter(|it| matches!(it.rule, Rule::ForeignKey { .. })).collect();
            if !keys.iter().any(|key| of(key)) {
                continue;
            }
            let sql = format!("PRAGMA foreign_key_check({})", table.storage);
            let mut check = self.connection().prepare(&sql).map_err(|error| from_sqlite(&error))?;
            let mut rows = check.raw_query();
            while let Some(row) = rows.next().map_err(|error| from_sqlite(&error))? {
                // SQLite numbers a table's keys from the last one on.
                let number: i64 = row.get(3).map_err(|error| from_sqlite(&error))?;
                let key =
                    usize::try_from(number).ok().and_then(|number| keys.iter().rev().nth(number)).copied();
                if let Some(key) = key.filter(|key| of(key)) {
                    return Ok(Some((table, key)));
                }
            }
        }
        Ok(None)
    }

    /// PostgreSQL's error for a key that is violated.
    fn broken(&self, table: &Table, constraint: &Constraint, (written, removes): (u32, bool)) -> Error {
        let target = match &constraint.rule {
            Rule::ForeignKey { target, .. } => self.catalog.table(*target),
            _ => None,
        };
        let message = match target {
            Some(parent) if parent.oid == written && (removes || parent.oid != table.oid) => format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
                parent.name, constraint.name, table.name
            ),
            _ => format!(
                "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
                table.name, constraint.name
            ),
        };
        let mut error = Error::new(SqlState::FOREIGN_KEY_VIOLATION, message);
        error.more().schema = self.catalog.schema_name(table.schema).map(str::to_owned);
        error.more().table = Some(table.name.clone());
        error.more().constraint = Some(constraint.name.clone());
        error
    }
}
