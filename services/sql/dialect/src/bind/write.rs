//! UPDATE and DELETE, and what they share with INSERT.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, AssignmentTarget, FromTable, TableFactor, TableWithJoins};

use super::Binder;
use super::look;
use super::names::{Clause, name_of, place_of};
use super::tree::{Cell, Cte, Expr, Node, Place, Query, Source};
use super::walk;
use crate::builtins::{Context, Spelling, Volatility};
use crate::catalog::{Column, Identity, Object, Table};
use crate::plan::{Look, Write, WriteTag};
use crate::print::Printer;

/// A table whose rows are changed.
pub(super) struct Target {
    pub table: Table,
    pub relation: u32,
}

/// New values: of one column, or of several from one subquery.
pub(super) struct Assigned {
    pub columns: Vec<i16>,
    pub value: NewValue,
}

/// Where new values come from.
pub(super) enum NewValue {
    Expr(Expr),
    Query(Box<Query>),
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

    /// What SET says. The level's space is what its expressions may name.
    pub(super) fn assignments(&mut self, list: &[ast::Assignment], target: &Target) -> Result<Vec<Assigned>> {
        let mut assigned: Vec<Assigned> = Vec::with_capacity(list.len());
        for ast::Assignment { target: to, value } in list {
            let names = match to {
                AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
                AssignmentTarget::Tuple(names) => names.as_slice(),
            };
            let columns: Result<Vec<Column>> =
                names.iter().map(|name| self.target_column(target, assigned_name(name)?)).collect();
            let columns = columns?;
            for (place, column) in columns.iter().enumerate() {
                let same = |other: &Column| other.number == column.number;
                if assigned.iter().any(|other| other.columns.contains(&column.number))
                    || columns[..place].iter().any(same)
                {
                    let message = format!("multiple assignments to same column \"{}\"", column.name);
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
            }
            match to {
                AssignmentTarget::ColumnName(_) => {
                    let value = self.new_value(value, &columns[0], target)?;
                    push(&mut assigned, columns[0].number, value);
                }
                AssignmentTarget::Tuple(_) => self.assign_several(value, &columns, target, &mut assigned)?,
            }
        }
        assigned.retain(|assigned| !assigned.columns.is_empty());
        Ok(assigned)
    }

    fn assign_several(
        &mut self,
        value: &ast::Expr,
        columns: &[Column],
        target: &Target,
        assigned: &mut Vec<Assigned>,
    ) -> Result<()> {
        let counts = "number of columns does not match number of values";
        match value {
            ast::Expr::Tuple(values) => {
                if values.len() != columns.len() {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, counts));
                }
                for (column, value) in columns.iter().zip(values) {
                    let value = self.new_value(value, column, target)?;
                    push(assigned, column.number, value);
                }
                Ok(())
            }
            ast::Expr::Nested(inner) if columns.len() == 1 => {
                let value = self.new_value(inner, &columns[0], target)?;
                push(assigned, columns[0].number, value);
                Ok(())
            }
            ast::Expr::Subquery(query) => {
                let mut query = self.within(Clause::Set, |binder| binder.subquery(query))?;
                if query.columns.len() != columns.len() {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, counts));
                }
                for (index, column) in columns.iter().enumerate() {
                    check_settable(column)?;
                    if Some(column.number) == target.table.rowid_column {
                        return Err(Error::unsupported("this column in an assignment of several"));
                    }
                    query = self.assigned_column(query, index, column)?;
                }
                let columns = columns.iter().map(|column| column.number).collect();
                assigned.push(Assigned { columns, value: NewValue::Query(Box::new(query)) });
                Ok(())
            }
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            )),
        }
    }

    /// A query's column converted as on assignment.
    pub(super) fn assigned_column(&mut self, query: Query, index: usize, column: &Column) -> Result<Query> {
        let from = query.columns[index].ty;
        self.check_assignable(from, column, Place::default())?;
        if from == column.ty() && query.columns[index].typmod == column.typmod {
            return Ok(query);
        }
        let query = self.convert_column(query, index, column.ty())?;
        if column.typmod >= 0 {
            return Err(Error::unsupported("a type's modifier in an assignment of several"));
        }
        Ok(query)
    }

    /// A value for a column in SET, which may be DEFAULT; `None` if SQLite computes it.
    fn new_value(&mut self, value: &ast::Expr, column: &Column, target: &Target) -> Result<Option<Expr>> {
        let default = is_default(value);
        if !default {
            check_settable(column)?;
        }
        if column.generated.is_some() {
            return Ok(None);
        }
        if default {
            let value = self.default_of(column, &target.table)?;
            return Ok(Some(Self::stored(value, column, &target.table)));
        }
        let value = self.within(Clause::Set, |binder| binder.expr(value))?;
        self.assign(value, column, &target.table).map(Some)
    }

    /// The value as one of the column's type, as on assignment.
    pub(super) fn assign(&mut self, value: Expr, column: &Column, table: &Table) -> Result<Expr> {
        self.check_assignable(value.ty, column, value.place)?;
        let value = self.coerce(value, column.ty(), column.typmod, Context::Assignment)?;
        Ok(Self::stored(value, column, table))
    }

    fn check_assignable(&self, from: Type, column: &Column, place: Place) -> Result<()> {
        if self.can_coerce(from, column.ty(), Context::Assignment) {
            return Ok(());
        }
        let message = format!(
            "column \"{}\" is of type {} but expression is of type {}",
            column.name,
            self.type_name(column.ty()),
            self.type_name(from)
        );
        Err(self
            .error_at(place, SqlState::DATATYPE_MISMATCH, message)
            .with_hint("You will need to rewrite or cast the expression."))
    }

    /// SQLite takes NULL for the rowid as "give me one", which no column of PostgreSQL's does.
    fn stored(value: Expr, column: &Column, table: &Table) -> Expr {
        if table.rowid_column != Some(column.number) || !value.nullable {
            return value;
        }
        let message = format!(
            "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
            column.name, table.name
        );
        let ty = value.ty;
        let raised = super::query::raise("23502", &message, ty);
        Expr::new(Node::Coalesce(vec![value, raised]), ty).not_null()
    }

    /// The value of a column that is given none.
    pub(super) fn default_of(&mut self, column: &Column, table: &Table) -> Result<Expr> {
        if column.identity.is_some() {
            let owner = Some((table.oid, column.number));
            let sequence = self.catalog.objects.values().find_map(|object| match object.as_ref() {
                Object::Sequence(sequence) if sequence.owner == owner => Some(sequence.oid),
                _ => None,
            });
            let Some(sequence) = sequence else {
                let message = format!("column \"{}\" has no sequence", column.name);
                return Err(Error::new(SqlState::INTERNAL_ERROR, message));
            };
            self.writes = true;
            let arguments = vec![Expr::literal(Value::Integer(i64::from(sequence)), Type::REGCLASS)];
            let node = Node::Call {
                spelling: Spelling::Function("pg_nextval"),
                arguments,
                volatility: Volatility::Writes,
            };
            let next = Expr::new(node, Type::INT8).not_null();
            return self.coerce(next, column.ty(), column.typmod, Context::Assignment).map(Expr::not_null);
        }
        let Some(text) = &column.default else {
            return Ok(Expr::literal(Value::Null, column.ty()));
        };
        let value = self.parsed_expression(text)?;
        let nullable = value.nullable && !is_next_value(&value);
        let value = self.coerce(value, column.ty(), column.typmod, Context::Assignment)?;
        Ok(Expr { nullable, ..value })
    }

    /// An expression of the catalog's, without columns.
    fn parsed_expression(&mut self, text: &str) -> Result<Expr> {
        let parsed = crate::parse::parse(&format!("SELECT ({text})"))?;
        let Some(query) = parsed.first().and_then(crate::parse::Parsed::query) else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, "a default is no expression"));
        };
        let ast::SetExpr::Select(select) = query.body.as_ref() else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, "a default is no expression"));
        };
        let [ast::SelectItem::UnnamedExpr(expr)] = select.projection.as_slice() else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, "a default is no expression"));
        };
        let levels = std::mem::take(&mut self.levels);
        let text = std::mem::take(&mut self.text);
        self.levels.push(super::names::Level::new(Clause::Default));
        let bound = self.expr(expr);
        self.levels = levels;
        self.text = text;
        bound
    }
}

fn is_next_value(expr: &Expr) -> bool {
    matches!(&expr.node, Node::Call { spelling: Spelling::Function("pg_nextval"), .. })
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(value: &ast::Expr) -> bool {
    matches!(value, ast::Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

fn push(assigned: &mut Vec<Assigned>, column: i16, value: Option<Expr>) {
    if let Some(value) = value {
        assigned.push(Assigned { columns: vec![column], value: NewValue::Expr(value) });
    }
}

/// The column that an assignment names; a field or an element of it is another matter.
fn assigned_name(name: &ast::ObjectName) -> Result<&ast::Ident> {
    match name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(ident)] => Ok(ident),
        _ => Err(Error::unsupported(format!("an assignment to {name}"))),
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

/// Errors: 428C9 if a column takes DEFAULT only.
fn check_settable(column: &Column) -> Result<()> {
    let detail = if column.generated.is_some() {
        format!("Column \"{}\" is a generated column.", column.name)
    } else if column.identity == Some(Identity::Always) {
        format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name)
    } else {
        return Ok(());
    };
    let message = format!("column \"{}\" can only be updated to DEFAULT", column.name);
    Err(Error::new(SqlState::GENERATED_ALWAYS, message).with_detail(detail))
}

impl Assigned {
    /// Whether a query in the new value has such a source.
    fn reads(&self, test: &dyn Fn(&Source) -> bool) -> bool {
        match &self.value {
            NewValue::Expr(expr) => walk::any_source_in(expr, test),
            NewValue::Query(query) => walk::any_source(query, test),
        }
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

/// Prints SET and what it says.
pub(super) fn print_assignments(printer: &mut Printer<'_>, assigned: &[Assigned]) {
    printer.raw(" SET ");
    if assigned.is_empty() {
        printer.raw("rowid = rowid");
    }
    printer.list(assigned, ", ", |printer, Assigned { columns, value }| match value {
        NewValue::Expr(expr) => {
            printer.number("c", columns[0] as u32);
            printer.raw(" = ");
            printer.expr(expr);
        }
        NewValue::Query(query) => {
            printer.raw("(");
            printer.list(columns, ", ", |printer, column| printer.number("c", *column as u32));
            printer.raw(") = ");
            printer.scalar(query);
        }
    });
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
