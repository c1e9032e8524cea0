//! Constraints of tables: names, indexes of keys, what a reference needs.

use bole_sql_types::{Error, Result, SqlState, Type};

use super::binder::Use;
use super::change::{Change, wrong_kind};
use super::naming;
use super::syntax::{ConstraintSpec, Kind, Name, RuleSpec};
use super::temporary;
use crate::catalog::dependencies::same;
use crate::catalog::{Action, Constraint, Index, Key, Object, Relation, Rule, Table};

/// A reference as it is written.
struct Reference<'s> {
    columns: &'s [String],
    target: &'s Name,
    target_columns: &'s [String],
    on_update: Action,
    on_delete: Action,
    match_full: bool,
}

fn new_constraint(oid: u32, name: String, rule: Rule, spec: &ConstraintSpec) -> Constraint {
    let ConstraintSpec { name: _, rule: _, deferrable, deferred, not_valid } = spec;
    Constraint {
        oid,
        name,
        rule,
        deferrable: *deferrable,
        deferred: *deferred,
        not_valid: *not_valid,
        comment: None,
    }
}

/// A key of an index that is a column.
pub(super) const fn plain_key(column: i16) -> Key {
    Key { column, expression: None, descending: false, nulls_first: false, collation: None, class: None }
}

impl Change<'_> {
    /// Makes the constraints of a new table, in PostgreSQL's order: checks, the primary key, other keys, references.
    pub(super) fn make_constraints(&mut self, table: u32, specs: &[ConstraintSpec]) -> Result<()> {
        let rank = |spec: &ConstraintSpec| match &spec.rule {
            RuleSpec::Check(_) => 0,
            RuleSpec::PrimaryKey { .. } => 1,
            RuleSpec::ForeignKey { .. } => 3,
            _ => 2,
        };
        let mut ordered: Vec<&ConstraintSpec> = specs.iter().collect();
        ordered.sort_by_key(|spec| rank(spec));
        for (place, spec) in ordered.iter().enumerate() {
            let is_check = |spec: &ConstraintSpec| matches!(spec.rule, RuleSpec::Check(_));
            let twin = ordered[..place]
                .iter()
                .any(|other| spec.name.is_some() && other.name == spec.name && is_check(other));
            if let Some(name) = spec.name.as_ref().filter(|_| twin && is_check(spec)) {
                return Err(Error::new(
                    SqlState::DUPLICATE_OBJECT,
                    format!("check constraint \"{name}\" already exists"),
                ));
            }
            self.make_constraint(table, spec)?;
        }
        // An integer key of one column is SQLite's rowid.
        let made = self.table(table)?;
        if let Some((&[column], _)) = made.primary_key() {
            let is_integer = |ty: Type| [Type::INT2, Type::INT4, Type::INT8].contains(&ty);
            let fits = made
                .numbered(column)
                .is_some_and(|column| is_integer(column.ty()) && column.generated.is_none());
            if fits {
                let mut made = made.clone();
                made.rowid_column = Some(column);
                self.catalog.put(Object::Table(made));
            }
        }
        Ok(())
    }

    /// Puts a constraint into the table, and its index beside it; gives its OID. The table's own step, SQLite and the rows are the caller's.
    pub(super) fn make_constraint(&mut self, table: u32, spec: &ConstraintSpec) -> Result<u32> {
        if let Some(name) = &spec.name {
            let table = self.table(table)?;
            if table.constraint(name).is_some() {
                let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
                return Err(Error::new(SqlState::DUPLICATE_OBJECT, message));
            }
        }
        let can_be_deferred = matches!(spec.rule, RuleSpec::ForeignKey { .. });
        if spec.deferrable && !can_be_deferred {
            return Err(if matches!(spec.rule, RuleSpec::Check(_)) {
                Error::new(SqlState::FEATURE_NOT_SUPPORTED, "CHECK constraints cannot be marked DEFERRABLE")
            } else {
                Error::unsupported("a key that is DEFERRABLE")
            });
        }
        match &spec.rule {
            RuleSpec::Check(expression) => self.make_check(table, spec, expression),
            RuleSpec::PrimaryKey { columns, include } => self.make_key(table, spec, columns, include, None),
            RuleSpec::Unique { columns, include, nulls_not_distinct } => {
                self.make_key(table, spec, columns, include, Some(*nulls_not_distinct))
            }
            RuleSpec::UsingIndex { index, primary } => self.make_key_of_index(table, spec, index, *primary),
            RuleSpec::ForeignKey { columns, target, target_columns, on_update, on_delete, match_full } => {
                let reference = Reference {
                    columns,
                    target,
                    target_columns,
                    on_update: *on_update,
                    on_delete: *on_delete,
                    match_full: *match_full,
                };
                self.make_reference(table, spec, &reference)
            }
            RuleSpec::NotNull
            | RuleSpec::Null
            | RuleSpec::Default(_)
            | RuleSpec::Generated(_)
            | RuleSpec::Identity { .. } => Err(Error::new(
                SqlState::INTERNAL_ERROR,
                "a column's own constraint among those of its table",
            )),
        }
    }

    fn add(&mut self, table: u32, constraint: Constraint) -> Result<u32> {
        let oid = constraint.oid;
        let mut changed = self.table(table)?;
        changed.constraints.push(constraint);
        self.catalog.put(Object::Table(changed));
        Ok(oid)
    }

    fn make_check(
        &mut self,
        oid: u32,
        spec: &ConstraintSpec,
        expression: &sqlparser::ast::Expr,
    ) -> Result<u32> {
        let table = self.table(oid)?;
        let bound = self.expression(Some(oid), expression, Use::Check, None).map_err(|mut error| {
            // Only here PostgreSQL calls it by its word.
            error.message =
                error.message.replace("argument of check constraints must", "argument of CHECK must");
            error
        })?;
        let only = match bound.columns.as_slice() {
            [number] => table.numbered(*number).map(|column| column.name.clone()),
            _ => None,
        };
        let chosen =
            || naming::constraint(&self.catalog, table.schema, &table.name, only.as_deref(), "check");
        let name = spec.name.clone().unwrap_or_else(chosen);
        let expression = self.resolved(expression, Some(&table.name))?;
        let constraint = new_constraint(self.catalog.allocate(oid), name, Rule::Check { expression }, spec);
        self.add(oid, constraint)
    }

    /// The numbers of columns of a key.
    fn key_columns(table: &Table, names: &[String], what: &str) -> Result<Vec<i16>> {
        let mut numbers = Vec::new();
        for name in names {
            let missing = || {
                Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" named in key does not exist"),
                )
            };
            let number = table.column(name).ok_or_else(missing)?.number;
            if numbers.contains(&number) {
                let message = format!("column \"{name}\" appears twice in {what} constraint");
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// A primary key, or a unique one with what it says of NULLs.
    fn make_key(
        &mut self,
        oid: u32,
        spec: &ConstraintSpec,
        columns: &[String],
        include: &[String],
        nulls: Option<bool>,
    ) -> Result<u32> {
        let table = self.table(oid)?;
        let primary = nulls.is_none();
        if primary && table.primary_key().is_some() {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        let numbers = Self::key_columns(&table, columns, if primary { "primary key" } else { "unique" })?;
        let include = Self::key_columns(&table, include, "unique")?;
        self.check_indexable(&table, &numbers)?;
        let name = match &spec.name {
            Some(name) => {
                self.is_free(table.schema, name, false)?;
                name.clone()
            }
            None if primary => naming::key(&self.catalog, table.schema, &table.name, None, "pkey"),
            None => naming::key(&self.catalog, table.schema, &table.name, Some(&columns.join("_")), "key"),
        };
        let index = self.catalog.allocate(oid);
        let keys = numbers.iter().map(|number| plain_key(*number)).collect();
        self.put(Object::Index(Index {
            oid: index,
            schema: table.schema,
            name: name.clone(),
            table: oid,
            keys,
            include,
            unique: true,
            nulls_not_distinct: nulls == Some(true),
            predicate: None,
            method: "btree".to_owned(),
            comment: None,
        }));
        self.add_key(oid, spec, name, numbers, index, primary)
    }

    fn add_key(
        &mut self,
        oid: u32,
        spec: &ConstraintSpec,
        name: String,
        columns: Vec<i16>,
        index: u32,
        primary: bool,
    ) -> Result<u32> {
        let mut table = self.table(oid)?;
        if primary {
            for column in table.columns.iter_mut().filter(|column| columns.contains(&column.number)) {
                column.not_null = true;
            }
            self.catalog.put(Object::Table(table));
        }
        let rule =
            if primary { Rule::PrimaryKey { columns, index } } else { Rule::Unique { columns, index } };
        let constraint = new_constraint(self.catalog.allocate(oid), name, rule, spec);
        self.add(oid, constraint)
    }

    fn make_key_of_index(
        &mut self,
        oid: u32,
        spec: &ConstraintSpec,
        name: &str,
        primary: bool,
    ) -> Result<u32> {
        let table = self.table(oid)?;
        let missing = || Error::new(SqlState::UNDEFINED_OBJECT, format!("index \"{name}\" does not exist"));
        let found =
            self.catalog.relations.get(&(table.schema, name.to_owned())).copied().ok_or_else(missing)?;
        let index = self.catalog.index(found).cloned().ok_or_else(|| wrong_kind(name, Kind::Index))?;
        let taken = table.constraints.iter().any(|it| index_of(&it.rule) == Some(index.oid));
        let problem = if taken {
            Some(format!("index \"{name}\" is already associated with a constraint"))
        } else if index.table != oid {
            Some(format!("index \"{name}\" does not belong to table \"{}\"", table.name))
        } else {
            None
        };
        if let Some(message) = problem {
            return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        let plain = index.unique
            && index.predicate.is_none()
            && index.keys.iter().all(|key| key.column != 0 && !key.descending);
        if !plain {
            let message = if index.unique {
                format!("index \"{name}\" contains expressions or is partial")
            } else {
                format!("\"{name}\" is not a unique index")
            };
            let error = Error::new(SqlState::WRONG_OBJECT_TYPE, message);
            return Err(
                error.with_detail("Cannot create a primary key or unique constraint using such an index.")
            );
        }
        if primary && table.primary_key().is_some() {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        let chosen = spec.name.clone().unwrap_or_else(|| name.to_owned());
        if chosen != index.name {
            let message = format!(
                "ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{name}\" to \"{chosen}\""
            );
            self.notice(super::change::SUCCESS, message);
            self.is_free(table.schema, &chosen, false)?;
            self.update(index.oid, |object| object.set_name(chosen.clone()));
        }
        let columns = index.keys.iter().map(|key| key.column).collect();
        self.add_key(oid, spec, chosen, columns, index.oid, primary)
    }

    /// That values of the columns have an order.
    fn check_indexable(&self, table: &Table, numbers: &[i16]) -> Result<()> {
        numbers
            .iter()
            .filter_map(|number| table.numbered(*number))
            .try_for_each(|column| check_order(self, column.ty(), "btree"))
    }

    fn make_reference(&mut self, oid: u32, spec: &ConstraintSpec, reference: &Reference<'_>) -> Result<u32> {
        let table = self.table(oid)?;
        let target = if let Relation::User(Object::Table(target)) =
            self.catalog.relation(reference.target, self.path())?
        {
            target.clone()
        } else {
            let message = format!("referenced relation \"{}\" is not a table", reference.target.name);
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
        };
        temporary::check_same_persistence(&table, &target)?;
        let columns = numbers_of(&table, reference.columns)?;
        let target_columns = self.target_columns(&target, reference.target_columns)?;
        if columns.len() != target_columns.len() {
            let message = "number of referencing and referenced columns for foreign key disagree";
            return Err(Error::new(SqlState::INVALID_FOREIGN_KEY, message));
        }
        let chosen = || {
            naming::constraint(
                &self.catalog,
                table.schema,
                &table.name,
                Some(&reference.columns.join("_")),
                "fkey",
            )
        };
        let name = spec.name.clone().unwrap_or_else(chosen);
        self.check_reference_types(&name, (&table, &columns), (&target, &target_columns))?;
        let sets = |action: Action| matches!(action, Action::SetNull | Action::SetDefault | Action::Cascade);
        let generated = columns
            .iter()
            .filter_map(|number| table.numbered(*number))
            .find(|column| column.generated.is_some());
        if generated.is_some()
            && (sets(reference.on_update)
                || matches!(reference.on_delete, Action::SetNull | Action::SetDefault))
        {
            let message = "invalid ON UPDATE or ON DELETE action for foreign key constraint containing generated column";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        let rule = Rule::ForeignKey {
            columns,
            target: target.oid,
            target_columns,
            on_update: reference.on_update,
            on_delete: reference.on_delete,
            match_full: reference.match_full,
        };
        let constraint = new_constraint(self.catalog.allocate(oid), name, rule, spec);
        self.add(oid, constraint)
    }

    /// The columns that are referenced, for which there must be a unique index.
    fn target_columns(&self, target: &Table, names: &[String]) -> Result<Vec<i16>> {
        if names.is_empty() {
            let missing = || {
                let message = format!("there is no primary key for referenced table \"{}\"", target.name);
                Error::new(SqlState::UNDEFINED_OBJECT, message)
            };
            return Ok(target.primary_key().ok_or_else(missing)?.0.to_vec());
        }
        let numbers = numbers_of(target, names)?;
        let fits = |index: &&Index| {
            let keys: Vec<i16> = index.keys.iter().map(|key| key.column).collect();
            index.unique && index.predicate.is_none() && !keys.contains(&0) && same(&keys, &numbers)
        };
        let mut fitting = self.catalog.indexes_of(target.oid).filter(fits).peekable();
        if fitting.peek().is_none() {
            let message = format!(
                "there is no unique constraint matching given keys for referenced table \"{}\"",
                target.name
            );
            return Err(Error::new(SqlState::INVALID_FOREIGN_KEY, message));
        }
        let nullable = |number: &i16| target.numbered(*number).is_some_and(|column| !column.not_null);
        if fitting.all(|index| index.nulls_not_distinct) && numbers.iter().any(nullable) {
            return Err(Error::unsupported("a reference to a key with NULLS NOT DISTINCT"));
        }
        Ok(numbers)
    }

    fn check_reference_types(&self, name: &str, from: (&Table, &[i16]), to: (&Table, &[i16])) -> Result<()> {
        for (here, there) in from.1.iter().zip(to.1) {
            let (Some(here), Some(there)) = (from.0.numbered(*here), to.0.numbered(*there)) else { continue };
            match comparable(here.ty(), there.ty()) {
                Comparable::AsStored => {}
                Comparable::InPostgres => {
                    let (here, there) =
                        (self.catalog.type_name(here.ty()), self.catalog.type_name(there.ty()));
                    return Err(Error::unsupported(format!("a foreign key from {here} to {there}")));
                }
                Comparable::No => {
                    let message = format!("foreign key constraint \"{name}\" cannot be implemented");
                    let detail = format!(
                        "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
                        here.name,
                        there.name,
                        self.catalog.type_name(here.ty()),
                        self.catalog.type_name(there.ty())
                    );
                    return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).with_detail(detail));
                }
            }
        }
        Ok(())
    }
}

/// The numbers of columns of a reference.
fn numbers_of(table: &Table, names: &[String]) -> Result<Vec<i16>> {
    let number = |name: &String| {
        let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
        table
            .column(name)
            .map(|column| column.number)
            .ok_or_else(|| Error::new(SqlState::UNDEFINED_COLUMN, message))
    };
    names.iter().map(number).collect()
}

/// The index of a key.
pub(super) const fn index_of(rule: &Rule) -> Option<u32> {
    match rule {
        Rule::PrimaryKey { index, .. } | Rule::Unique { index, .. } => Some(*index),
        Rule::ForeignKey { .. } | Rule::Check { .. } => None,
    }
}

/// How values of two types compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparable {
    /// Their storage forms are equal where PostgreSQL's values are.
    AsStored,
    /// PostgreSQL compares them, by another rule than SQLite would.
    InPostgres,
    No,
}

fn comparable(left: Type, right: Type) -> Comparable {
    const FAMILIES: [&[Type]; 4] = [
        &[Type::INT2, Type::INT4, Type::INT8],
        &[Type::TEXT, Type::VARCHAR, Type::NAME],
        &[Type::FLOAT4, Type::FLOAT8],
        &[Type::TIMESTAMP],
    ];
    const ACROSS: [&[Type]; 3] = [
        &[Type::INT2, Type::INT4, Type::INT8, Type::NUMERIC, Type::FLOAT4, Type::FLOAT8],
        &[Type::TEXT, Type::VARCHAR, Type::NAME, Type::BPCHAR],
        &[Type::DATE, Type::TIMESTAMP, Type::TIMESTAMPTZ],
    ];
    let both = |family: &&[Type]| family.contains(&left) && family.contains(&right);
    if left == right || FAMILIES.iter().any(both) {
        Comparable::AsStored
    } else if ACROSS.iter().any(both) {
        Comparable::InPostgres
    } else {
        Comparable::No
    }
}

/// That a method can index values of a type.
pub(super) fn check_order(change: &Change<'_>, ty: Type, method: &str) -> Result<()> {
    let element = change.catalog.element_of(ty).unwrap_or(ty);
    if element != Type::JSON && element != Type::JSONPATH {
        return Ok(());
    }
    let name = change.catalog.type_name(ty);
    let message = format!("data type {name} has no default operator class for access method \"{method}\"");
    let hint = "You must specify an operator class for the index or define a default operator class for the data type.";
    Err(Error::new(SqlState::UNDEFINED_OBJECT, message).with_hint(hint))
}
