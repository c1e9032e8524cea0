//! Statements with their names and types resolved, as PostgreSQL resolves them.
//!
//! A statement becomes a typed tree ([`tree`]), which is printed at the end: the type of a parameter or of a quoted literal may be known
//! long after it was read.
//!
//! # Invariants
//! - Syntax nodes are taken apart without `..`; what has no meaning here is refused by its name.
//! - A relation's number is unique in its statement, so that names in SQLite's SQL never hide one another.

mod ascii;
mod assign;
mod call;
mod coerce;
mod distinct;
mod expand;
mod expression;
mod form;
mod from;
mod group;
mod insert;
mod join;
mod literal;
mod look;
mod names;
mod operator;
mod ordered;
mod overlaps;
mod predicate;
mod query;
mod relation;
mod resolve;
mod rows;
mod select;
mod sets;
mod special;
mod ties;
pub(crate) mod tree;
mod twice;
mod types;
pub(crate) mod walk;
mod window;
mod with;
mod write;

use std::sync::Arc;

use bole_sql_types::style::Style;
use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{self, Statement};

use crate::catalog::Catalog;
use crate::parse::{self, Parsed, Syntax, byte_of, position_of};
use crate::plan::{Action, Bound, Look, Output, Query, Write, WriteTag};
use crate::print;
use crate::schema;
pub(crate) use names::name_of;
use names::{Clause, Level};
use tree::Place;

/// What names in a statement may refer to.
#[derive(Clone, Debug)]
pub struct Scope {
    /// What the database contains, as the statement sees it.
    pub catalog: Arc<Catalog>,
    /// The schemas of the search path that exist, in order.
    pub search_path: Vec<u32>,
    /// `current_user`.
    pub user: String,
    /// `current_database()`.
    pub database: String,
    /// How literals of dates and the like are read.
    pub style: Style,
}

/// An expression on its own, such as a default or a check.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundExpression {
    /// For SQLite; columns are named `c<number>` alone.
    pub sql: String,
    /// Its type.
    pub ty: Type,
    /// PostgreSQL's type modifier, -1 if none.
    pub typmod: i32,
    /// The numbers of the columns that it uses, in ascending order.
    pub columns: Vec<i16>,
    /// Whether it gives the same for the same row at all times, as indexes and generated columns demand.
    pub immutable: bool,
}

/// Where an expression on its own stands, which decides what is allowed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// `DEFAULT`: no columns.
    Default,
    /// `CHECK`: a boolean.
    Check,
    /// `GENERATED ALWAYS AS`.
    Generated,
    /// The key of an index.
    Index,
    /// `WHERE` of an index: a boolean.
    Predicate,
    /// `USING` of `ALTER COLUMN … TYPE`.
    Transform,
}

/// Resolves names and types of a statement that reads or writes rows. The types of parameters that are 0 are inferred; there may be more
/// parameters in the statement than in `parameters`.
pub fn bind(parsed: &Parsed, scope: &Scope, parameters: &[Type]) -> Result<Bound> {
    let mut binder = Binder::new(scope, &parsed.text, parameters);
    binder.populated = true;
    let statement = match &parsed.statement {
        Syntax::Rows(statement) => statement.as_ref(),
        Syntax::Schema(statement) => {
            let action = Action::Schema(schema::bind_schema(statement, scope)?);
            return Ok(Bound { parameters: parameters.to_vec(), action });
        }
    };
    if let Some(statement) = schema::select_into(statement) {
        let action = Action::Schema(schema::bind_schema(&statement, scope)?);
        return Ok(Bound { parameters: parameters.to_vec(), action });
    }
    let action = binder.action(statement)?;
    Ok(Bound { parameters: binder.parameters()?, action })
}

impl Binder<'_> {
    fn action(&mut self, statement: &Statement) -> Result<Action> {
        Ok(match statement {
            Statement::Query(query) => match query.body.as_ref() {
                ast::SetExpr::Insert(_) | ast::SetExpr::Update(_) | ast::SetExpr::Delete(_) => {
                    Action::Write(self.write_with(query)?)
                }
                _ => Action::Query(self.top_query(query)?),
            },
            Statement::Insert(insert) => Action::Write(self.insert(insert)?),
            Statement::Update(update) => Action::Write(self.update(update)?),
            Statement::Delete(delete) => Action::Write(self.delete(delete)?),
            other => return Err(Error::unsupported(statement_name(other))),
        })
    }
}

/// The first words of a statement, as its name.
fn statement_name(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace()
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Resolves an expression on its own. With a table its columns may be named, with a `target` the value is converted to it as on
/// assignment.
pub fn bind_expression(
    scope: &Scope,
    table: Option<u32>,
    text: &str,
    usage: Use,
    target: Option<(Type, i32)>,
) -> Result<BoundExpression> {
    let wrapped = format!("SELECT ({text})");
    let parsed = parse::parse(&wrapped)?;
    let ([_], Some(query)) = (parsed.as_slice(), parsed.first().and_then(Parsed::query)) else {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error in an expression"));
    };
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error in an expression"));
    };
    let [ast::SelectItem::UnnamedExpr(expr)] = select.projection.as_slice() else {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error in an expression"));
    };
    bind_expression_tree(scope, table, expr, usage, target)
}

/// The same of an expression that is parsed already.
pub fn bind_expression_tree(
    scope: &Scope,
    table: Option<u32>,
    expr: &ast::Expr,
    usage: Use,
    target: Option<(Type, i32)>,
) -> Result<BoundExpression> {
    let mut binder = Binder::new(scope, "", &[]);
    binder.alone(table, expr, usage, target)
}

/// Resolves the query of a view: what it gives, by PostgreSQL's types and names. Parameters are refused.
pub fn bind_query(scope: &Scope, text: &str) -> Result<Query> {
    let parsed = parse::parse(text)?;
    let ([_], Some(query)) = (parsed.as_slice(), parsed.first().and_then(Parsed::query)) else {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error in a query"));
    };
    let mut binder = Binder::new(scope, text, &[]);
    let query = binder.top_query(query)?;
    match binder.parameters.first() {
        Some(_) => Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1")),
        None => Ok(query),
    }
}

/// The same of a query that is parsed already. Where its rows are wanted, materialized views in it must have some.
pub(crate) fn bind_query_tree(scope: &Scope, query: &ast::Query, populated: bool) -> Result<Query> {
    let mut binder = Binder::new(scope, "", &[]);
    binder.populated = populated;
    let query = binder.top_query(query)?;
    match binder.parameters.first() {
        Some(_) => Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1")),
        None => Ok(query),
    }
}

/// The type and modifier that a type's syntax means.
pub fn resolve_type(scope: &Scope, data_type: &ast::DataType) -> Result<(Type, i32)> {
    Binder::new(scope, "", &[]).data_type(data_type)
}

/// The state of one statement's translation.
pub(crate) struct Binder<'a> {
    scope: &'a Scope,
    catalog: &'a Catalog,
    text: &'a str,
    parameters: Vec<Type>,
    /// Queries that are being bound, the innermost last.
    levels: Vec<Level>,
    /// Queries of `WITH` that can be named, the innermost last.
    with: Vec<from::With>,
    next: u32,
    writes: bool,
    nowait: bool,
    /// How many views are being expanded.
    views: usize,
    /// Materialized views must have rows.
    populated: bool,
}

impl<'a> Binder<'a> {
    fn new(scope: &'a Scope, text: &'a str, parameters: &[Type]) -> Self {
        Self {
            scope,
            catalog: &scope.catalog,
            text,
            // A client may say "unknown" for what it leaves to the server.
            parameters: parameters
                .iter()
                .map(|ty| if *ty == Type::UNKNOWN { Type(0) } else { *ty })
                .collect(),
            levels: Vec::new(),
            with: Vec::new(),
            next: 1,
            writes: false,
            nowait: false,
            views: 0,
            populated: false,
        }
    }

    /// A number for a relation that no other has.
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// An error at a place of the text.
    fn error_at(&self, place: Place, state: SqlState, message: impl Into<String>) -> Error {
        self.place(place, Error::new(state, message))
    }

    /// The error with its position, if the place is known and it has none.
    fn place(&self, place: Place, error: Error) -> Error {
        let Place(line, column) = place;
        if line == 0 || self.text.is_empty() {
            return error;
        }
        let location = sqlparser::tokenizer::Location { line: u64::from(line), column: u64::from(column) };
        error.at(position_of(self.text, byte_of(self.text, location)))
    }

    /// The parameters' types, now that all of the statement is known.
    fn parameters(&self) -> Result<Vec<Type>> {
        match self.parameters.iter().position(|ty| ty.0 == 0 || *ty == Type::UNKNOWN) {
            Some(index) => Err(Error::new(
                SqlState::INDETERMINATE_DATATYPE,
                format!("could not determine data type of parameter ${}", index + 1),
            )),
            None => Ok(self.parameters.clone()),
        }
    }

    fn top_query(&mut self, query: &ast::Query) -> Result<Query> {
        let bound = self.query(query)?;
        let sql = print::query(self.catalog, &bound);
        let columns = bound.columns.iter().map(output).collect();
        let look = look::of_query(self.catalog, &bound);
        Ok(Query { sql, columns, writes: self.writes, nowait: self.nowait, look })
    }

    /// `WITH … INSERT`, `UPDATE` or `DELETE`.
    fn write_with(&mut self, query: &ast::Query) -> Result<Write> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let bare = order_by.is_none()
            && limit_clause.is_none()
            && fetch.is_none()
            && locks.is_empty()
            && for_clause.is_none()
            && settings.is_none()
            && format_clause.is_none()
            && pipe_operators.is_empty();
        if !bare {
            return Err(Error::unsupported("a clause of a query after a statement that changes rows"));
        }
        let with = match with {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        match body.as_ref() {
            ast::SetExpr::Insert(Statement::Insert(insert)) => self.insert_with(insert, &with),
            ast::SetExpr::Update(Statement::Update(update)) => self.update_with(update, &with),
            ast::SetExpr::Delete(Statement::Delete(delete)) => self.delete_with(delete, &with),
            _ => Err(Error::unsupported("this statement after WITH")),
        }
    }

    fn alone(
        &mut self,
        table: Option<u32>,
        expr: &ast::Expr,
        usage: Use,
        target: Option<(Type, i32)>,
    ) -> Result<BoundExpression> {
        let clause = match usage {
            Use::Default => Clause::Default,
            Use::Check => Clause::Check,
            Use::Generated => Clause::Generated,
            Use::Index => Clause::Index,
            Use::Predicate => Clause::Predicate,
            Use::Transform => Clause::Transform,
        };
        let relation = self.number();
        let mut level = Level::new(clause);
        if let Some(oid) = table.filter(|_| usage != Use::Default) {
            level.space = self.table_space(oid, relation, None)?;
        }
        self.levels.push(level);
        let mut bound = self.expr(expr)?;
        if let Some((ty, typmod)) = target {
            bound = self.coerce(bound, ty, typmod, crate::builtins::Context::Assignment)?;
        } else if matches!(usage, Use::Check | Use::Predicate) {
            bound = self.condition(bound, clause.phrase())?;
        }
        let bound = self.known(bound)?;
        self.levels.pop();
        let mut columns = Vec::new();
        walk::any(&bound, true, &|expr| matches!(expr.node, tree::Node::Column { .. }))
            .then(|| walk::columns(&bound, relation, &mut columns));
        columns.sort_unstable();
        columns.dedup();
        let immutable = !walk::any(&bound, true, &walk::is_variable_call);
        let mut printer = print::Printer::new(self.catalog).naming(relation, "");
        printer.expr(&bound);
        Ok(BoundExpression { sql: printer.finish(), ty: bound.ty, typmod: bound.typmod, columns, immutable })
    }
}

fn output(column: &tree::Column) -> Output {
    Output { name: column.name.clone(), ty: column.ty, typmod: column.typmod, origin: column.origin }
}

/// A change of rows, from what was printed.
fn write(sql: String, columns: &[tree::Column], tag: WriteTag, table: u32, look: Look) -> Write {
    Write {
        before: Vec::new(),
        sql,
        after: Vec::new(),
        columns: columns.iter().map(output).collect(),
        tag,
        table,
        look,
    }
}
