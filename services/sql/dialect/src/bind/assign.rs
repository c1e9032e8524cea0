//! What a column is given: SET, values of INSERT, defaults.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, AssignmentTarget};

use super::Binder;
use super::names::Clause;
use super::tree::{Expr, Node, Place, Query, Source};
use super::walk;
use super::write::Target;
use crate::builtins::{Context, Spelling, Volatility};
use crate::catalog::{Column, Identity, Object, Table};
use crate::print::Printer;

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
    pub(super) fn reads(&self, test: &dyn Fn(&Source) -> bool) -> bool {
        match &self.value {
            NewValue::Expr(expr) => walk::any_source_in(expr, test),
            NewValue::Query(query) => walk::any_source(query, test),
        }
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
