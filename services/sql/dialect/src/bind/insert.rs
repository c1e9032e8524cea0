//! INSERT and ON CONFLICT.

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::{
    self, ConflictTarget, InsertOverriding, OnConflict, OnConflictAction, OnInsert, SetExpr, TableObject,
};

use super::Binder;
use super::assign::{Assigned, is_default, print_assignments};
use super::look;
use super::names::{Clause, Level, Named, NamedTable, Space, name_of, place_of};
use super::tree::{Cell, Cte, Expr, Node, Query};
use super::write::{Target, print_returning, print_where};
use crate::catalog::{Column, Identity, Index, Object, Rule};
use crate::plan::{Look, Write, WriteTag};
use crate::print::Printer;

/// Where the rows come from.
pub(super) enum Rows {
    Values(Vec<Vec<Expr>>),
    /// A query, and what is made of its columns.
    Query {
        relation: u32,
        query: Box<Query>,
        values: Vec<Expr>,
    },
}

/// What happens to rows that are there already.
pub(super) struct Conflict {
    pub columns: Vec<i16>,
    pub predicate: Option<Expr>,
    pub update: Option<(Vec<Assigned>, Option<Expr>)>,
    excluded: u32,
}

impl Binder<'_> {
    pub(super) fn insert(&mut self, insert: &ast::Insert) -> Result<Write> {
        self.insert_with(insert, &[])
    }

    pub(super) fn insert_with(&mut self, insert: &ast::Insert, with: &[Cte]) -> Result<Write> {
        let parts = insert_parts(insert)?;
        let (schema, name, place) = self.relation_name(parts.name)?;
        let target = self.target(schema.as_deref(), &name, place)?;
        let given = self.given_columns(&target, parts.columns)?;
        let (columns, mut rows) =
            self.rows_of_insert(&target, given, parts.columns.is_empty(), parts.source, parts.overriding)?;
        let label = parts.alias.map_or_else(|| target.table.name.clone(), |alias| name_of(&alias.alias));
        let mut space = self.table_space(target.table.oid, target.relation, None)?;
        for table in &mut space.tables {
            table.name.clone_from(&label);
            if parts.alias.is_some() {
                table.schema = None;
            }
        }
        let conflict = match parts.on {
            None => None,
            Some(OnInsert::OnConflict(conflict)) => Some(self.conflict(conflict, &target, &space)?),
            Some(_) => return Err(Error::unsupported("ON DUPLICATE KEY")),
        };
        if let Some(conflict) = &conflict {
            self.guard_twice(&columns, &mut rows, conflict);
        }
        self.push_target(space, Clause::Returning);
        let (items, outputs) = self.returning(parts.returning)?;
        self.check_returning(&items, &target)?;
        self.levels.pop();
        let mut printer = Printer::new(self.catalog).naming(target.relation, &target.table.storage);
        if let Some(conflict) = &conflict {
            printer = printer.naming(conflict.excluded, "excluded");
        }
        printer.with(with);
        printer.raw("INSERT INTO ");
        printer.raw(&target.table.storage);
        print_rows(&mut printer, &columns, &rows);
        if let Some(conflict) = &conflict {
            print_conflict(&mut printer, conflict);
        }
        print_returning(&mut printer, &items);
        let look = match &rows {
            Rows::Values(rows) if with.is_empty() && conflict.is_none() => {
                look::of_insert(self.catalog, &target, &columns, rows, &items)
            }
            _ => Look::Everything,
        };
        Ok(super::write(printer.finish(), &outputs, WriteTag::Insert, target.table.oid, look))
    }

    /// The columns that are named, or all.
    fn given_columns(&self, target: &Target, names: &[ast::ObjectName]) -> Result<Vec<Column>> {
        if names.is_empty() {
            return Ok(target.table.columns.iter().filter(|column| !column.dropped).cloned().collect());
        }
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for name in names {
            let [ast::ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
                return Err(Error::unsupported(format!("an insertion into {name}")));
            };
            let column = self.target_column(target, ident)?;
            if columns.iter().any(|other| other.number == column.number) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(self.error_at(place_of(ident.span), SqlState::DUPLICATE_COLUMN, message));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn rows_of_insert(
        &mut self,
        target: &Target,
        mut given: Vec<Column>,
        all: bool,
        source: Option<&ast::Query>,
        overriding: Option<&InsertOverriding>,
    ) -> Result<(Vec<Column>, Rows)> {
        let Some(source) = source else {
            return self.default_row(target);
        };
        if let Some(values) = plain_values(source) {
            let width = values.iter().map(|row| row.content.len()).max().unwrap_or(0);
            check_width(width, &mut given, all)?;
            return self.inserted_values(target, &given, values, overriding);
        }
        let query = self.open_query(source)?;
        check_width(query.columns.len(), &mut given, all)?;
        self.inserted_query(target, &given, query, overriding)
    }

    fn default_row(&mut self, target: &Target) -> Result<(Vec<Column>, Rows)> {
        let columns: Vec<Column> = stored_columns(target).cloned().collect();
        let row: Result<Vec<Expr>> =
            columns.iter().map(|column| self.given_default(column, target)).collect();
        Ok((columns, Rows::Values(vec![row?])))
    }

    fn given_default(&mut self, column: &Column, target: &Target) -> Result<Expr> {
        let value = self.default_of(column, &target.table)?;
        self.assign(value, column, &target.table)
    }

    fn inserted_values(
        &mut self,
        target: &Target,
        given: &[Column],
        values: &[ast::Parens<Vec<ast::Expr>>],
        overriding: Option<&InsertOverriding>,
    ) -> Result<(Vec<Column>, Rows)> {
        let mut columns: Vec<Column> =
            given.iter().filter(|column| column.generated.is_none()).cloned().collect();
        let others = others(target, given);
        self.levels.push(Level::new(Clause::Values));
        let mut rows = Vec::with_capacity(values.len());
        for row in values {
            if row.content.len() != given.len() {
                let message = if values.len() > 1 {
                    "VALUES lists must all be the same length"
                } else if row.content.len() > given.len() {
                    "INSERT has more expressions than target columns"
                } else {
                    "INSERT has more target columns than expressions"
                };
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            let mut bound = Vec::with_capacity(given.len() + others.len());
            for (column, value) in given.iter().zip(&row.content) {
                if let Some(value) = self.inserted_value(value, column, target, overriding)? {
                    bound.push(value);
                }
            }
            for column in &others {
                bound.push(self.given_default(column, target)?);
            }
            rows.push(bound);
        }
        self.levels.pop();
        columns.extend(others);
        Ok((columns, Rows::Values(rows)))
    }

    fn inserted_value(
        &mut self,
        value: &ast::Expr,
        column: &Column,
        target: &Target,
        overriding: Option<&InsertOverriding>,
    ) -> Result<Option<Expr>> {
        let default = is_default(value);
        if column.generated.is_some() {
            return if default { Ok(None) } else { Err(not_insertable(column)) };
        }
        let ignored = column.identity.is_some() && matches!(overriding, Some(InsertOverriding::User));
        if default || ignored {
            return self.given_default(column, target).map(Some);
        }
        check_identity(column, overriding)?;
        let value = self.expr(value)?;
        self.assign(value, column, &target.table).map(Some)
    }

    fn inserted_query(
        &mut self,
        target: &Target,
        given: &[Column],
        mut query: Query,
        overriding: Option<&InsertOverriding>,
    ) -> Result<(Vec<Column>, Rows)> {
        let relation = self.number();
        let mut columns = Vec::with_capacity(given.len());
        let mut values = Vec::with_capacity(given.len());
        for (index, column) in given.iter().enumerate() {
            if column.generated.is_some() {
                return Err(not_insertable(column));
            }
            columns.push(column.clone());
            if column.identity.is_some() && matches!(overriding, Some(InsertOverriding::User)) {
                values.push(self.given_default(column, target)?);
                continue;
            }
            check_identity(column, overriding)?;
            // What is unknown takes the column's type inside the query.
            if query.columns[index].ty == bole_sql_types::Type::UNKNOWN {
                query = self.convert_column(query, index, column.ty())?;
            }
            let from = &query.columns[index];
            let node = Node::Column { relation, column: Cell::Number(index as u32 + 1) };
            let value = Expr { typmod: from.typmod, nullable: from.nullable, ..Expr::new(node, from.ty) };
            values.push(self.assign(value, column, &target.table)?);
        }
        let others = others(target, given);
        for column in &others {
            values.push(self.given_default(column, target)?);
        }
        columns.extend(others);
        Ok((columns, Rows::Query { relation, query: Box::new(query), values }))
    }

    fn conflict(&mut self, conflict: &OnConflict, target: &Target, space: &Space) -> Result<Conflict> {
        let OnConflict { conflict_target, action } = conflict;
        self.push_target(space.clone(), Clause::Conflict);
        let (columns, predicate) = match conflict_target {
            None => (Vec::new(), None),
            Some(ConflictTarget::Columns { columns, predicate }) => {
                self.conflict_columns(columns, predicate.as_ref(), target)?
            }
            Some(ConflictTarget::OnConstraint(name)) => self.conflict_constraint(name, target)?,
        };
        self.levels.pop();
        let excluded = self.number();
        let update = match action {
            OnConflictAction::DoNothing => None,
            OnConflictAction::DoUpdate(_) if columns.is_empty() => {
                let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
                return Err(Error::new(SqlState::SYNTAX_ERROR, message)
                    .with_hint("For example, ON CONFLICT (column_name)."));
            }
            OnConflictAction::DoUpdate(ast::DoUpdate { assignments, selection }) => {
                let mut both = space.clone();
                both.tables.push(excluded_table(space, excluded));
                self.push_target(both, Clause::Where);
                let assigned = self.assignments(assignments, target)?;
                let filter = match selection {
                    Some(expr) => Some(self.filter(expr)?),
                    None => None,
                };
                self.levels.pop();
                target.check_conflict_update(&assigned, filter.as_ref())?;
                Some((assigned, filter))
            }
        };
        Ok(Conflict { columns, predicate, update, excluded })
    }

    fn conflict_columns(
        &mut self,
        names: &[ast::Ident],
        predicate: Option<&ast::Expr>,
        target: &Target,
    ) -> Result<(Vec<i16>, Option<Expr>)> {
        let columns: Result<Vec<Column>> =
            names.iter().map(|name| self.target_column(target, name)).collect();
        let mut numbers: Vec<i16> = columns?.iter().map(|column| column.number).collect();
        let predicate = match predicate {
            Some(predicate) => Some(self.filter(predicate)?),
            None => None,
        };
        numbers.sort_unstable();
        numbers.dedup();
        let fits = |index: &Index| {
            let mut keys: Vec<i16> = index.keys.iter().map(|key| key.column).collect();
            keys.sort_unstable();
            index.unique
                && index.table == target.table.oid
                && keys == numbers
                && (index.predicate.is_none() || predicate.is_some())
        };
        let found = self.catalog.objects.values().any(|object| match object.as_ref() {
            Object::Index(index) => fits(index),
            _ => false,
        });
        let constrained = target.table.constraints.iter().any(|constraint| match &constraint.rule {
            Rule::PrimaryKey { columns, .. } | Rule::Unique { columns, .. } => {
                let mut columns = columns.clone();
                columns.sort_unstable();
                columns == numbers
            }
            _ => false,
        });
        if !found && !constrained {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        // A full index serves a statement with a predicate too; SQLite takes the predicate for part of the index's name.
        let predicate = if constrained { None } else { predicate };
        Ok((numbers, predicate))
    }

    fn conflict_constraint(
        &self,
        name: &ast::ObjectName,
        target: &Target,
    ) -> Result<(Vec<i16>, Option<Expr>)> {
        let (_, name, place) = self.relation_name(name)?;
        let found = target.table.constraints.iter().find(|constraint| constraint.name == name);
        match found.map(|constraint| &constraint.rule) {
            Some(Rule::PrimaryKey { columns, .. } | Rule::Unique { columns, .. }) => {
                Ok((columns.clone(), None))
            }
            Some(_) => {
                let message = "constraint in ON CONFLICT clause has no associated index";
                Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message))
            }
            None => {
                let message =
                    format!("constraint \"{name}\" for table \"{}\" does not exist", target.table.name);
                Err(self.error_at(place, SqlState::UNDEFINED_OBJECT, message))
            }
        }
    }
}

/// The parts of an INSERT that PostgreSQL has.
struct InsertParts<'a> {
    name: &'a ast::ObjectName,
    alias: Option<&'a ast::TableAliasWithoutColumns>,
    columns: &'a [ast::ObjectName],
    source: Option<&'a ast::Query>,
    overriding: Option<&'a InsertOverriding>,
    on: Option<&'a OnInsert>,
    returning: Option<&'a Vec<ast::SelectItem>>,
}

fn insert_parts(insert: &ast::Insert) -> Result<InsertParts<'_>> {
    let ast::Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table,
        table_alias,
        columns,
        by_name,
        overwrite,
        source,
        assignments,
        partitioned,
        after_columns,
        overriding,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    let foreign = or.is_some()
        || *ignore
        || *by_name
        || *overwrite
        || !assignments.is_empty()
        || partitioned.is_some()
        || !after_columns.is_empty()
        || *has_table_keyword
        || output.is_some()
        || *replace_into
        || priority.is_some()
        || insert_alias.is_some()
        || settings.is_some()
        || format_clause.is_some()
        || multi_table_insert_type.is_some()
        || !multi_table_into_clauses.is_empty()
        || !multi_table_when_clauses.is_empty()
        || multi_table_else_clause.is_some();
    if foreign {
        return Err(Error::unsupported("a clause of another dialect in INSERT"));
    }
    let TableObject::TableName(name) = table else {
        return Err(Error::unsupported("INSERT into what is no table"));
    };
    Ok(InsertParts {
        name,
        alias: table_alias.as_ref(),
        columns,
        source: source.as_deref(),
        overriding: overriding.as_ref(),
        on: on.as_ref(),
        returning: returning.as_ref(),
    })
}

/// The rows of a source that is nothing but VALUES.
fn plain_values(query: &ast::Query) -> Option<&[ast::Parens<Vec<ast::Expr>>]> {
    let plain = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.pipe_operators.is_empty();
    match query.body.as_ref() {
        SetExpr::Values(values) if plain && !values.explicit_row && !values.value_keyword => {
            Some(&values.rows)
        }
        _ => None,
    }
}

/// Too many values are an error; too few are one if the columns were named.
fn check_width(width: usize, given: &mut Vec<Column>, all: bool) -> Result<()> {
    if width > given.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(Error::new(SqlState::SYNTAX_ERROR, message));
    }
    if width < given.len() && !all {
        let message = "INSERT has more target columns than expressions";
        return Err(Error::new(SqlState::SYNTAX_ERROR, message));
    }
    given.truncate(width);
    Ok(())
}

fn stored_columns(target: &Target) -> impl Iterator<Item = &Column> {
    target.table.columns.iter().filter(|column| !column.dropped && column.generated.is_none())
}

/// The columns that are given no value and have one all the same.
fn others(target: &Target, given: &[Column]) -> Vec<Column> {
    stored_columns(target)
        .filter(|column| given.iter().all(|other| other.number != column.number))
        .filter(|column| column.default.is_some() || column.identity.is_some() || is_rowid(target, column))
        .cloned()
        .collect()
}

fn is_rowid(target: &Target, column: &Column) -> bool {
    target.table.rowid_column == Some(column.number)
}

fn not_insertable(column: &Column) -> Error {
    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
    Error::new(SqlState::GENERATED_ALWAYS, message)
        .with_detail(format!("Column \"{}\" is a generated column.", column.name))
}

fn check_identity(column: &Column, overriding: Option<&InsertOverriding>) -> Result<()> {
    if column.identity != Some(Identity::Always) || matches!(overriding, Some(InsertOverriding::System)) {
        return Ok(());
    }
    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
    let detail = format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name);
    Err(Error::new(SqlState::GENERATED_ALWAYS, message)
        .with_detail(detail)
        .with_hint("Use OVERRIDING SYSTEM VALUE to override."))
}

/// The row that could not be inserted, as a table.
fn excluded_table(space: &Space, relation: u32) -> NamedTable {
    let columns = space.columns.iter().map(|named| {
        let node = match named.expr.node {
            Node::Column { column, .. } => Node::Column { relation, column },
            _ => Node::Literal(bole_sql_types::Value::Null),
        };
        Named { name: named.name.clone(), expr: Expr { node, ..named.expr.clone() }, origin: None }
    });
    NamedTable {
        schema: None,
        name: "excluded".to_owned(),
        columns: std::rc::Rc::new(columns.collect()),
        oid: None,
        filled: false,
    }
}

fn print_rows(printer: &mut Printer<'_>, columns: &[Column], rows: &Rows) {
    if columns.is_empty() {
        printer.raw(" DEFAULT VALUES");
        return;
    }
    printer.raw(" (");
    printer.list(columns, ", ", |printer, column| printer.number("c", column.number as u32));
    printer.raw(") ");
    match rows {
        Rows::Values(rows) => printer.values(rows),
        Rows::Query { relation, query, values } => {
            printer.raw("SELECT ");
            printer.expressions(values);
            printer.raw(" FROM ");
            printer.derived(*relation, query);
            // Without a condition SQLite would take ON CONFLICT for the beginning of a join's ON.
            printer.raw(" WHERE 1");
        }
    }
}

fn print_conflict(printer: &mut Printer<'_>, conflict: &Conflict) {
    let Conflict { columns, predicate, update, excluded: _ } = conflict;
    printer.raw(" ON CONFLICT");
    if !columns.is_empty() {
        printer.raw(" (");
        printer.list(columns, ", ", |printer, column| printer.number("c", *column as u32));
        printer.raw(")");
        print_where(printer, predicate.as_ref());
    }
    match update {
        None => printer.raw(" DO NOTHING"),
        Some((assigned, filter)) => {
            printer.raw(" DO UPDATE");
            print_assignments(printer, assigned);
            print_where(printer, filter.as_ref());
        }
    }
}
