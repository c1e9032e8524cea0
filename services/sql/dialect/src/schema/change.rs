//! A change that is being put together: the catalog as it will be, and the steps that make it so.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{DataType, Expr};

use super::binder::{self, BoundExpression, Scope, Use};
use super::syntax::{Kind, Name};
use crate::catalog::temporary::SCHEMA;
use crate::catalog::{Catalog, Constraint, INFORMATION_SCHEMA, Object, PG_CATALOG, Relation, Table};
use crate::plan::{Query, Step};

/// SQLSTATE of notices that say that something was skipped.
pub(super) const SUCCESS: SqlState = SqlState(*b"00000");

/// The state of one statement's translation.
pub(crate) struct Change<'a> {
    /// Whose statement it is. Its catalog is the one before.
    pub(super) scope: &'a Scope,
    /// The catalog with what the steps do.
    pub(super) catalog: Catalog,
    pub(super) steps: Vec<Step>,
    pub(super) notices: Vec<Error>,
}

impl<'a> Change<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self { scope, catalog: scope.catalog.as_ref().clone(), steps: Vec::new(), notices: Vec::new() }
    }

    pub(super) fn put(&mut self, object: Object) {
        self.catalog.put(object.clone());
        self.steps.push(Step::Put(Box::new(object)));
    }

    pub(super) fn remove(&mut self, oid: u32) {
        self.catalog.remove(oid);
        self.steps.push(Step::Remove(oid));
    }

    pub(super) fn rows(&mut self, sql: impl Into<String>) {
        self.steps.push(Step::Rows(sql.into()));
    }

    pub(super) fn nothing(&mut self, sql: impl Into<String>, error: Error) {
        self.steps.push(Step::Nothing(sql.into(), error));
    }

    pub(super) fn notice(&mut self, state: SqlState, message: impl Into<String>) {
        self.notices.push(Error::new(state, message));
    }

    /// Changes an object.
    pub(super) fn update(&mut self, oid: u32, change: impl FnOnce(&mut Object)) {
        if let Some(mut object) = self.catalog.object(oid).cloned() {
            change(&mut object);
            self.put(object);
        }
    }

    /// Changes a table.
    pub(super) fn update_table(&mut self, oid: u32, change: impl FnOnce(&mut Table)) {
        self.update(oid, |object| {
            if let Object::Table(table) = object {
                change(table);
            }
        });
    }

    /// Changes a table's constraint.
    pub(super) fn update_constraint(&mut self, table: u32, oid: u32, change: impl FnOnce(&mut Constraint)) {
        self.update_table(table, |table| {
            if let Some(constraint) = table.constraints.iter_mut().find(|it| it.oid == oid) {
                change(constraint);
            }
        });
    }

    /// The table with that OID as it is now. Errors: there is none, which is a defect.
    pub(super) fn table(&self, oid: u32) -> Result<Table> {
        let missing = || Error::new(SqlState::INTERNAL_ERROR, format!("there is no table with OID {oid}"));
        self.catalog.table(oid).cloned().ok_or_else(missing)
    }

    pub(super) fn path(&self) -> &'a [u32] {
        &self.scope.search_path
    }

    /// The scope with the catalog as it is now.
    fn current(&self) -> Scope {
        let search_path = self.catalog.with_temporary(&self.scope.search_path);
        Scope { catalog: Arc::new(self.catalog.clone()), search_path, ..self.scope.clone() }
    }

    pub(super) fn data_type(&self, ty: &DataType) -> Result<(Type, i32)> {
        let (ty, typmod) = binder::resolve_type(&self.current(), ty)?;
        Ok((ty, typmod))
    }

    /// An expression over the columns of a table of the catalog as it is now, or over none.
    pub(super) fn expression(
        &self,
        table: Option<u32>,
        expression: &Expr,
        usage: Use,
        target: Option<(Type, i32)>,
    ) -> Result<BoundExpression> {
        binder::bind_expression_tree(&self.current(), table, expression, usage, target)
    }

    /// The same of a text that the catalog keeps.
    pub(super) fn kept_expression(
        &self,
        table: Option<u32>,
        text: &str,
        usage: Use,
        target: Option<(Type, i32)>,
    ) -> Result<BoundExpression> {
        binder::bind_expression(&self.current(), table, text, usage, target)
    }

    pub(super) fn query(&self, query: &sqlparser::ast::Query) -> Result<Query> {
        binder::bind_query_tree(&self.current(), query, false)
    }

    /// The same of a query whose rows are wanted now. Errors: 55000 for a materialized view that has none.
    pub(super) fn query_for_rows(&self, query: &sqlparser::ast::Query) -> Result<Query> {
        binder::bind_query_tree(&self.current(), query, true)
    }

    /// The schema that something with this name is made in. Errors: 3F000, 42501.
    pub(super) fn schema_for(&self, name: &Name) -> Result<u32> {
        let schema = if let Some(schema) = &name.schema {
            self.catalog.schema_oid(schema)?
        } else {
            // The schema of temporary objects is first of all unless the path says where it is; where it says so first, it is there twice.
            let implicit = self.path().first() == Some(&SCHEMA) && self.path().get(1) != Some(&SCHEMA);
            let written = self.path().iter().skip(usize::from(implicit));
            let first = written.copied().find(|oid| *oid != PG_CATALOG);
            first.ok_or_else(|| {
                Error::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in")
            })?
        };
        if schema == PG_CATALOG || schema == INFORMATION_SCHEMA {
            let schema = self.catalog.schema_name(schema).unwrap_or_default();
            let message = format!("permission denied to create \"{schema}.{}\"", name.name);
            let error = Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message);
            return Err(error.with_detail("System catalog modifications are currently disallowed."));
        }
        Ok(schema)
    }

    /// That a relation of that name can be made. `Ok(false)`: there is one, and `skip` says that this is no error.
    pub(super) fn is_free(&mut self, schema: u32, name: &str, skip: bool) -> Result<bool> {
        if !self.catalog.has_relation(schema, name) {
            return Ok(true);
        }
        let message = format!("relation \"{name}\" already exists");
        if !skip {
            return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
        }
        self.notice(SqlState::DUPLICATE_TABLE, format!("{message}, skipping"));
        Ok(false)
    }

    /// The user's relation of that name, of whichever kind. `Ok(None)`: there is none, and `skip` says that this is no error.
    pub(super) fn find(&mut self, name: &Name, skip: bool) -> Result<Option<Object>> {
        match self.catalog.find_relation(name, self.path()) {
            Some(Relation::User(object)) => Ok(Some(object.clone())),
            Some(Relation::System(system)) => Err(denied(system.name)),
            None if skip => {
                self.notice(SUCCESS, format!("relation \"{name}\" does not exist, skipping"));
                Ok(None)
            }
            None => {
                if let Some(schema) = &name.schema {
                    self.catalog.schema_oid(schema)?;
                }
                Err(Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist")))
            }
        }
    }

    /// The table of that name. Errors: 42P01, 42809 if it is something else.
    pub(super) fn find_table(&mut self, name: &Name) -> Result<Table> {
        match self.find(name, false)? {
            Some(Object::Table(table)) if table.materialized.is_none() => Ok(table),
            _ => Err(wrong_kind(&name.name, Kind::Table)),
        }
    }

    /// The enum of that name, or `None` as for [`Self::find`].
    pub(super) fn find_enum(&mut self, name: &Name) -> Result<u32> {
        match self.catalog.find_type(name, self.path()) {
            Some(ty) if self.catalog.enum_of(ty).is_some() => Ok(ty.0),
            Some(ty) => Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("{} is not an enum", self.catalog.type_name(ty)),
            )),
            None => Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))),
        }
    }
}

/// 42501 for what PostgreSQL protects.
pub(super) fn denied(name: &str) -> Error {
    Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied: \"{name}\" is a system catalog"))
}

/// 42809 for an object of another kind.
pub(super) fn wrong_kind(name: &str, wanted: Kind) -> Error {
    let article = if wanted == Kind::Index { "an" } else { "a" };
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not {article} {}", wanted.noun()))
}
