//! UPDATE and DELETE, and what they share with INSERT; what columns are given is [`super::assign`]'s.

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{self, FromTable, TableFactor, TableWithJoins};

use super::Binder;
use super::assign::{Assigned, print_assignments};
use super::look;
use super::names::{Clause, name_of, place_of};
use super::tree::{Cell, Cte, Expr, Node, Place, Source};
use super::walk;
use crate::catalog::{Column, Object, Table};
use crate::plan::{Look, Write, WriteTag};
use crate::print::Printer;

/// A table whose rows are changed.
pub(super) struct Target {
    pub table: Table,
    pub relation: u32,
}

impl Binder<'_> {
    pub(super) fn update(&mut self, update: &ast::Update) -> Result<Write> {
        self.update_with(update, &[])
    }

    pub(super) fn update_with(&mut self, update: &ast::Update, with: &[Cte]) -> Result<Write> {
        let ast::Update {
            update_token: _,
            optimizer_hints: _,
            table,
            on_cluster,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
            settings,
        } = update;
        let foreign = on_cluster.is_some()
            || output.is_some()
            || or.is_some()
            || !order_by.is_empty()
            || limit.is_some()
            || settings.is_some();
        if foreign {
            return Err(Error::unsupported("a clause of another dialect in UPDATE"));
        }
        let (target, alias) = self.target_of(table, "UPDATE")?;
        let space = self.table_space(target.table.oid, target.relation, alias)?;
        self.push_target(space.clone(), Clause::Where);
        let sources = match from {
            None => Vec::new(),
            Some(ast::UpdateTableFromKind::AfterSet(from)) => {
                let bound = self.sources_beside(from)?;
                for source in &bound {
                    no_lateral(source, "UPDATE … FROM")?;
                }
                bound
            }
            Some(ast::UpdateTableFromKind::BeforeSet(_)) => {
                return Err(Error::unsupported("FROM before SET"));
            }
        };
        let assigned = self.assignments(assignments, &target)?;
        let filter = match selection {
            Some(expr) => Some(self.filter(expr)?),
            None => None,
        };
        let (items, columns) = self.returning(returning.as_ref())?;
        self.check_returning(&items, &target)?;
        self.levels.pop();
        let mut printer = Printer::new(self.catalog).naming(target.relation, &target.table.storage);
        printer.with(with);
        printer.raw("UPDATE ");
        printer.raw(&target.table.storage);
        printer.note_tables(&sources);
        print_assignments(&mut printer, &assigned);
        printer.from(&sources);
        if sources.is_empty() && assigned.iter().any(|assigned| assigned.reads(&|_| true)) {
            // With FROM SQLite computes all new values before it writes the first: a subquery must not see changed rows.
            printer.number(" FROM (SELECT 1) AS r", self.number());
        }
        print_where(&mut printer, filter.as_ref());
        print_returning(&mut printer, &items);
        let is_alone = with.is_empty() && sources.is_empty();
        let look = if is_alone {
            look::of_update(self.catalog, &target, &assigned, filter.as_ref(), &items)
        } else {
            Look::Everything
        };
        Ok(super::write(printer.finish(), &columns, WriteTag::Update, target.table.oid, look))
    }

    /// SQLite's RETURNING knows the changed table only, and is computed after each row's change.
    pub(super) fn check_returning(&mut self, items: &[Expr], target: &Target) -> Result<()> {
        let visible = self.level().space.relations();
        let foreign = |expr: &Expr| {
            matches!(&expr.node, Node::Column { relation, .. }
                if *relation != target.relation && visible.contains(relation))
        };
        if items.iter().any(|item| walk::any(item, true, &foreign)) {
            return Err(Error::unsupported("RETURNING of columns of other tables"));
        }
        if items.iter().any(|item| walk::any_source_in(item, &|source| target.is_in(source))) {
            return Err(Error::unsupported("RETURNING of a subquery over the changed table"));
        }
        Ok(())
    }

    /// FROM and USING beside a target: it can be named in conditions, not inside the items.
    fn sources_beside(&mut self, from: &[TableWithJoins]) -> Result<Vec<Source>> {
        let target = std::mem::take(&mut self.level().space);
        let sources = self.sources(from)?;
        let others = std::mem::take(&mut self.level().space);
        if let Some(name) = target
            .tables
            .iter()
            .find(|table| others.tables.iter().any(|other| other.name == table.name))
            .map(|table| table.name.clone())
        {
            let message = format!("table name \"{name}\" specified more than once");
            return Err(Error::new(SqlState::DUPLICATE_ALIAS, message));
        }
        self.level().space = target.and(others);
        Ok(sources)
    }

    pub(super) fn delete(&mut self, delete: &ast::Delete) -> Result<Write> {
        self.delete_with(delete, &[])
    }

    pub(super) fn delete_with(&mut self, delete: &ast::Delete, with: &[Cte]) -> Result<Write> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from,
            on_cluster,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
            settings,
        } = delete;
        let foreign = !tables.is_empty()
            || on_cluster.is_some()
            || output.is_some()
            || !order_by.is_empty()
            || limit.is_some()
            || settings.is_some();
        if foreign {
            return Err(Error::unsupported("a clause of another dialect in DELETE"));
        }
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
        let [table] = from.as_slice() else { return Err(Error::unsupported("DELETE from several tables")) };
        let (target, alias) = self.target_of(table, "DELETE")?;
        let oid = target.table.oid;
        let mut printer = Printer::new(self.catalog).naming(target.relation, &target.table.storage);
        printer.with(with);
        printer.raw("DELETE FROM ");
        printer.raw(&target.table.storage);
        let mut found = None;
        match using {
            None => {
                let space = self.table_space(oid, target.relation, alias)?;
                self.push_target(space, Clause::Where);
                let filter = selection.as_ref().map(|expr| self.filter(expr)).transpose()?;
                print_where(&mut printer, filter.as_ref());
                found = filter;
            }
            Some(using) => {
                // SQLite deletes from one table without others beside it, so the rows are found by a query of their own.
                let inner = self.number();
                let space = self.table_space(oid, inner, alias)?;
                self.push_target(space, Clause::Where);
                let mut sources = self.sources_beside(using)?;
                let filter = selection.as_ref().map(|expr| self.filter(expr)).transpose()?;
                let mut space = std::mem::take(&mut self.level().space);
                self.levels.pop();
                let storage = target.table.storage.clone();
                sources.insert(0, Source::Table { relation: inner, name: storage });
                printer.note_tables(&sources);
                printer.raw(" WHERE rowid IN (SELECT ");
                let rowid = Node::Column { relation: inner, column: Cell::Name("rowid") };
                printer.expr(&Expr::new(rowid, Type::INT8));
                printer.from(&sources);
                print_where(&mut printer, filter.as_ref());
                printer.raw(")");
                space.rename(inner, target.relation);
                self.push_target(space, Clause::Returning);
            }
        }
        let (items, columns) = self.returning(returning.as_ref())?;
        self.check_returning(&items, &target)?;
        self.levels.pop();
        print_returning(&mut printer, &items);
        let found = found.filter(|_| with.is_empty());
        let look = look::of_delete(self.catalog, &target, found.as_ref(), &items);
        Ok(super::write(printer.finish(), &columns, WriteTag::Delete, oid, look))
    }

    fn target_of<'t>(
        &mut self,
        table: &'t TableWithJoins,
        command: &str,
    ) -> Result<(Target, Option<&'t ast::TableAlias>)> {
        let TableWithJoins { relation, joins } = table;
        let (
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_directives,
                inheritance: _,
            },
            [],
        ) = (relation, joins.as_slice())
        else {
            return Err(Error::unsupported(format!("{command} of what is no table")));
        };
        if !with_hints.is_empty() || !partitions.is_empty() || !index_directives.is_empty() {
            return Err(Error::unsupported(format!("a clause of another dialect in {command}")));
        }
        if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty() || alias.at.is_some()) {
            return Err(Error::unsupported("an alias with columns here"));
        }
        let (schema, name, place) = self.relation_name(name)?;
        Ok((self.target(schema.as_deref(), &name, place)?, alias.as_ref()))
    }

    /// The table that a name means, whose rows are to be changed.
    pub(super) fn target(&mut self, schema: Option<&str>, name: &str, place: Place) -> Result<Target> {
        match self.find_relation(schema, name) {
            Some(Object::Table(table)) if table.materialized.is_some() => {
                let message = format!("cannot change materialized view \"{name}\"");
                Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message))
            }
            Some(Object::Table(table)) => {
                let table = table.clone();
                Ok(Target { table, relation: self.number() })
            }
            Some(Object::View(_)) => Err(self.place(place, Error::unsupported("a change of a view's rows"))),
            Some(Object::Sequence(_)) => {
                let message = format!("cannot change sequence \"{name}\"");
                Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message))
            }
            Some(_) => {
                let message = format!("cannot open relation \"{name}\"");
                Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message))
            }
            None => Err(self.no_relation(schema, name, place)),
        }
    }

    /// A target's column by its name.
    pub(super) fn target_column(&self, target: &Target, ident: &ast::Ident) -> Result<Column> {
        let name = name_of(ident);
        let found = target.table.columns.iter().find(|column| !column.dropped && column.name == name);
        found.cloned().ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", target.table.name);
            self.error_at(place_of(ident.span), SqlState::UNDEFINED_COLUMN, message)
        })
    }
}

fn no_lateral(source: &Source, clause: &str) -> Result<()> {
    match source {
        Source::Lateral { .. } => Err(Error::unsupported(format!("LATERAL in {clause}"))),
        Source::Join { left, right, .. } => {
            no_lateral(left, clause)?;
            no_lateral(right, clause)
        }
        _ => Ok(()),
    }
}

impl Target {
    /// Whether a source shows the table's rows, or may do so.
    fn is_in(&self, source: &Source) -> bool {
        match source {
            Source::Table { name, relation: _ } => *name == self.table.storage,
            Source::Cte { .. } => true,
            _ => false,
        }
    }

    /// Errors: SQLite would compute subqueries over the table while it changes it.
    pub(super) fn check_conflict_update(&self, assigned: &[Assigned], filter: Option<&Expr>) -> Result<()> {
        let is_in = |source: &Source| self.is_in(source);
        let reads = assigned.iter().any(|assigned| assigned.reads(&is_in))
            || filter.is_some_and(|filter| walk::any_source_in(filter, &is_in));
        if reads {
            return Err(Error::unsupported("a subquery over the changed table in ON CONFLICT DO UPDATE"));
        }
        Ok(())
    }
}

/// Prints WHERE and a condition, if there is one.
pub(super) fn print_where(printer: &mut Printer<'_>, filter: Option<&Expr>) {
    if let Some(filter) = filter {
        printer.raw(" WHERE ");
        printer.expr(filter);
    }
}

/// Prints RETURNING and its list, if there is one.
pub(super) fn print_returning(printer: &mut Printer<'_>, items: &[Expr]) {
    if !items.is_empty() {
        printer.raw(" RETURNING ");
        printer.expressions(items);
    }
}
