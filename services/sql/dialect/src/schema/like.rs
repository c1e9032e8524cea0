//! `LIKE` in `CREATE TABLE`: what is copied from another table or view.

use bole_sql_types::{Error, Result, SqlState};

use super::change::Change;
use super::constraint::index_of;
use super::naming;
use super::syntax::{Including, Name, SequenceOption};
use super::table::NewColumn;
use crate::catalog::{Column, Constraint, Index, Object, Rule, Sequence, Table};

/// The options that make a sequence like another one.
fn options_of(sequence: &Sequence) -> Vec<SequenceOption> {
    use SequenceOption as O;
    vec![
        O::Increment(sequence.increment),
        O::Min(Some(sequence.min)),
        O::Max(Some(sequence.max)),
        O::Start(sequence.start),
        O::Cache(sequence.cache),
        O::Cycle(sequence.cycle),
    ]
}

impl Change<'_> {
    /// Appends the columns of the source; gives its OID.
    pub(super) fn like_columns(
        &mut self,
        source: &Name,
        including: Including,
        columns: &mut Vec<NewColumn>,
    ) -> Result<u32> {
        let (oid, copied) = match self.find(source, false)? {
            Some(Object::Table(table)) => (table.oid, table.live().cloned().collect::<Vec<_>>()),
            Some(Object::View(view)) => (view.oid, view.columns),
            _ => {
                let message = format!("relation \"{}\" is invalid in LIKE clause", source.name);
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
            }
        };
        for column in copied {
            columns.push(self.like_column(oid, column, including));
        }
        Ok(oid)
    }

    fn like_column(&self, source: u32, column: Column, including: Including) -> NewColumn {
        let owner = Some((source, column.number));
        let sequence = self.catalog.sequences().find(|sequence| sequence.owner == owner);
        let mut copy = column;
        copy.default = copy.default.filter(|_| including.defaults);
        copy.generated = copy.generated.filter(|_| including.generated);
        copy.comment = copy.comment.filter(|_| including.comments);
        copy.identity = copy.identity.filter(|_| including.identity);
        let options = sequence.filter(|_| copy.identity.is_some()).map(options_of).unwrap_or_default();
        NewColumn {
            column: copy,
            serial: false,
            default: None,
            generated: None,
            sequence: options,
            constraints: Vec::new(),
        }
    }

    /// Copies checks and indexes onto the table that has the columns.
    pub(super) fn like_rest(&mut self, table: u32, source: u32, including: Including) -> Result<()> {
        let Some(source) = self.catalog.table(source).cloned() else { return Ok(()) };
        for constraint in &source.constraints {
            match &constraint.rule {
                Rule::Check { .. } if including.constraints => {
                    self.like_check(table, constraint, including)?;
                }
                Rule::PrimaryKey { index, .. } | Rule::Unique { index, .. } if including.indexes => {
                    let primary = matches!(constraint.rule, Rule::PrimaryKey { .. });
                    let comment = constraint.comment.clone().filter(|_| including.comments);
                    self.like_key(table, &source, *index, primary, comment)?;
                }
                _ => {}
            }
        }
        if including.indexes {
            let keys: Vec<u32> = source.constraints.iter().filter_map(|it| index_of(&it.rule)).collect();
            let others: Vec<Index> = self
                .catalog
                .indexes_of(source.oid)
                .filter(|index| !keys.contains(&index.oid))
                .cloned()
                .collect();
            for index in others {
                self.like_index(table, &source, index, including)?;
            }
        }
        Ok(())
    }

    fn like_check(&mut self, table: u32, constraint: &Constraint, including: Including) -> Result<()> {
        let mut changed = self.table(table)?;
        if changed.constraint(&constraint.name).is_some() {
            let message = format!(
                "constraint \"{}\" for relation \"{}\" already exists",
                constraint.name, changed.name
            );
            return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
        }
        let comment = constraint.comment.clone().filter(|_| including.comments);
        changed.constraints.push(Constraint {
            oid: self.catalog.allocate(table),
            comment,
            ..constraint.clone()
        });
        self.catalog.put(Object::Table(changed));
        Ok(())
    }

    fn like_key(
        &mut self,
        table: u32,
        source: &Table,
        index: u32,
        primary: bool,
        comment: Option<String>,
    ) -> Result<()> {
        let Some(index) = self.catalog.index(index).cloned() else { return Ok(()) };
        let mut changed = self.table(table)?;
        let keys = Self::mapped(source, &changed, &index)?;
        let columns: Vec<i16> = keys.keys.iter().map(|key| key.column).collect();
        let name = if primary {
            naming::key(&self.catalog, changed.schema, &changed.name, None, "pkey")
        } else {
            let names: Vec<&str> = columns
                .iter()
                .filter_map(|number| changed.numbered(*number))
                .map(|it| it.name.as_str())
                .collect();
            naming::key(&self.catalog, changed.schema, &changed.name, Some(&names.join("_")), "key")
        };
        let oid = self.catalog.allocate(table);
        let rule = if primary {
            Rule::PrimaryKey { columns: columns.clone(), index: oid }
        } else {
            Rule::Unique { columns: columns.clone(), index: oid }
        };
        self.put(Object::Index(Index {
            oid,
            name: name.clone(),
            schema: changed.schema,
            table,
            comment: None,
            ..keys
        }));
        let constraint = self.catalog.allocate(table);
        changed.constraints.push(Constraint {
            oid: constraint,
            name,
            rule,
            deferrable: false,
            deferred: false,
            not_valid: false,
            comment,
        });
        if let ([column], true, true) = (columns.as_slice(), primary, source.rowid_column.is_some()) {
            changed.rowid_column = Some(*column);
        }
        self.catalog.put(Object::Table(changed));
        Ok(())
    }

    fn like_index(&mut self, table: u32, source: &Table, index: Index, including: Including) -> Result<()> {
        let target = self.table(table)?;
        let mapped = Self::mapped(source, &target, &index)?;
        let columns = super::index::column_names(&target, &mapped.keys);
        let name = naming::relation(&self.catalog, target.schema, &target.name, Some(&columns), "idx");
        let comment = index.comment.filter(|_| including.comments);
        let oid = self.catalog.allocate(table);
        self.put(Object::Index(Index { oid, name, schema: target.schema, table, comment, ..mapped }));
        Ok(())
    }

    /// An index with the numbers that the columns have in the copy.
    fn mapped(source: &Table, copy: &Table, index: &Index) -> Result<Index> {
        let number = |from: i16| {
            let name = source.numbered(from).map(|column| column.name.as_str()).unwrap_or_default();
            let missing =
                || Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"));
            copy.column(name).map(|column| column.number).ok_or_else(missing)
        };
        let mut mapped = index.clone();
        for key in mapped.keys.iter_mut().filter(|key| key.column != 0) {
            key.column = number(key.column)?;
        }
        mapped.include = index.include.iter().map(|from| number(*from)).collect::<Result<_>>()?;
        Ok(mapped)
    }
}
