//! Queries: set operations, VALUES, WITH, LIMIT, locks.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, LimitClause, SetExpr, SetQuantifier};

use super::Binder;
use super::coerce::integer;
use super::names::{Clause, Level, name_of, place_of};
use super::tree::{Body, Column, Comparison, Expr, Node, Order, Query, Set, SetOperator};
use super::walk;
use crate::builtins::{Context, Spelling};
use crate::print;

/// A query before its LIMIT.
pub(super) struct Rows {
    pub body: Body,
    pub order: Vec<Order>,
    pub columns: Vec<Column>,
}

impl Binder<'_> {
    /// A query whose columns all have a type.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        let bound = self.open_query(query)?;
        self.settle(bound)
    }

    /// A query inside an expression.
    pub(super) fn subquery(&mut self, query: &ast::Query) -> Result<Query> {
        self.query(query)
    }

    /// What is unknown by now is text.
    pub(super) fn settle(&mut self, mut query: Query) -> Result<Query> {
        for index in 0..query.columns.len() {
            if query.columns[index].ty == Type::UNKNOWN {
                query = self.convert_column(query, index, Type::TEXT)?;
            }
        }
        Ok(query)
    }

    /// A query whose literals of unknown type are still so.
    pub(super) fn open_query(&mut self, query: &ast::Query) -> Result<Query> {
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
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty()
        {
            return Err(Error::unsupported("a clause of another dialect"));
        }
        let visible = self.with.len();
        let result =
            self.query_with(with.as_ref(), body, order_by.as_ref(), limit_clause.as_ref(), fetch.as_ref());
        self.with.truncate(visible);
        let bound = result?;
        self.locks(locks, &bound)?;
        Ok(bound)
    }

    fn query_with(
        &mut self,
        with: Option<&ast::With>,
        body: &SetExpr,
        order_by: Option<&ast::OrderBy>,
        limit: Option<&LimitClause>,
        fetch: Option<&ast::Fetch>,
    ) -> Result<Query> {
        let with = match with {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let order: &[ast::OrderByExpr] = match order_by {
            None => &[],
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(list), interpolate: None }) => list,
            Some(_) => return Err(Error::unsupported("this form of ORDER BY")),
        };
        let mut rows = self.rows(body, order)?;
        let (mut limit, mut offset) = self.limits(limit, fetch)?;
        if fetch.is_some_and(|fetch| fetch.with_ties) {
            rows = self.with_ties(rows, limit.take(), offset.take())?;
        }
        let Rows { body, order, columns } = rows;
        Ok(Query { with, body, order, limit, offset, columns })
    }

    fn rows(&mut self, body: &SetExpr, order: &[ast::OrderByExpr]) -> Result<Rows> {
        match body {
            SetExpr::Select(select) => self.select(select, order),
            SetExpr::Query(query) => {
                let query = self.open_query(query)?;
                let columns = query.columns.clone();
                let order = self.order_of_outputs(order, &columns)?;
                Ok(Rows { body: Body::Nested(Box::new(query)), order, columns })
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let set = self.set_operation(left, *op, *set_quantifier, right)?;
                let columns = set.columns.clone();
                let order = self.order_of_outputs(order, &columns)?;
                Ok(Rows { body: set.body, order, columns })
            }
            SetExpr::Values(values) => {
                let (rows, columns) = self.values(values)?;
                let order = self.order_of_outputs(order, &columns)?;
                Ok(Rows { body: Body::Values(rows), order, columns })
            }
            SetExpr::Table(table) => self.table_command(table),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Error::unsupported("a statement that changes rows in WITH"))
            }
        }
    }

    fn table_command(&mut self, table: &ast::Table) -> Result<Rows> {
        let ast::Table { table_name, schema_name } = table;
        let quote = |name: &ast::Ident| format!("\"{}\"", name_of(name).replace('"', "\"\""));
        let names: Vec<String> = schema_name.iter().chain(table_name).map(quote).collect();
        let parsed = crate::parse::parse(&format!("SELECT * FROM {}", names.join(".")))?;
        match parsed.first().and_then(crate::parse::Parsed::query) {
            Some(query) => self.rows(&query.body, &[]),
            None => Err(Error::unsupported("TABLE")),
        }
    }

    fn set_operation(
        &mut self,
        left: &SetExpr,
        operator: ast::SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
    ) -> Result<Query> {
        let left = self.arm(left)?;
        let right = self.arm(right)?;
        self.set_of_arms(left, operator, quantifier, right)
    }

    /// A set operation on queries that are bound.
    pub(super) fn set_of_arms(
        &mut self,
        left: Query,
        operator: ast::SetOperator,
        quantifier: SetQuantifier,
        right: Query,
    ) -> Result<Query> {
        let (operator, name) = match operator {
            ast::SetOperator::Union => (SetOperator::Union, "UNION"),
            ast::SetOperator::Except => (SetOperator::Except, "EXCEPT"),
            ast::SetOperator::Intersect => (SetOperator::Intersect, "INTERSECT"),
            ast::SetOperator::Minus => return Err(Error::unsupported("MINUS")),
        };
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                return Err(Error::unsupported("a set operation BY NAME"));
            }
        };
        let (left, right) = self.matched(left, right, name)?;
        if all && operator != SetOperator::Union {
            return self.counted_set(operator, left, right);
        }
        if !all {
            self.check_distinct(&left.columns)?;
        }
        let columns = left.columns.clone();
        let differ = |column: &Column| print::collation(self.catalog, column.ty).is_some();
        if operator == SetOperator::Union && !all && columns.iter().any(differ) {
            // Of values that are equal and not the same, PostgreSQL keeps the first and SQLite's UNION the last.
            let set = plain(Body::Set(Box::new(Set { operator, all: true, left, right })), columns.clone());
            return Ok(self.distinct_rows(set, columns));
        }
        Ok(plain(Body::Set(Box::new(Set { operator, all, left, right })), columns))
    }

    pub(super) fn arm(&mut self, body: &SetExpr) -> Result<Query> {
        let Rows { body, order, columns } = self.rows(body, &[])?;
        Ok(Query { with: Vec::new(), body, order, limit: None, offset: None, columns })
    }

    /// Both arms of a set operation with columns of the same types.
    pub(super) fn matched(
        &mut self,
        mut left: Query,
        mut right: Query,
        name: &str,
    ) -> Result<(Query, Query)> {
        if left.columns.len() != right.columns.len() {
            let message = format!("each {name} query must have the same number of columns");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        for index in 0..left.columns.len() {
            let stand_in = |query: &Query| Expr::new(Node::Literal(Value::Null), query.columns[index].ty);
            let (first, second) = (stand_in(&left), stand_in(&right));
            let common = self.common_type(&[&first, &second], name)?;
            left = self.convert_column(left, index, common)?;
            right = self.convert_column(right, index, common)?;
            let (column, other) = (&mut left.columns[index], &right.columns[index]);
            column.nullable |= other.nullable;
            column.origin = None;
            if column.typmod != other.typmod {
                column.typmod = -1;
            }
        }
        Ok((left, right))
    }

    /// Rows of such columns are compared as wholes.
    pub(super) fn check_distinct(&self, columns: &[Column]) -> Result<()> {
        match columns.iter().find(|column| !self.is_comparable(column.ty)) {
            Some(column) => {
                let name = self.type_name(column.ty);
                let message = format!("could not identify an equality operator for type {name}");
                Err(Error::new(SqlState::UNDEFINED_FUNCTION, message))
            }
            None => Ok(()),
        }
    }

    fn values(&mut self, values: &ast::Values) -> Result<(Vec<Vec<Expr>>, Vec<Column>)> {
        let ast::Values { explicit_row, value_keyword, rows } = values;
        if *explicit_row || *value_keyword {
            return Err(Error::unsupported("ROW in VALUES"));
        }
        self.levels.push(Level::new(Clause::Values));
        let bound: Result<Vec<Vec<Expr>>> =
            rows.iter().map(|row| row.content.iter().map(|expr| self.expr(expr)).collect()).collect();
        self.levels.pop();
        let bound = bound?;
        let width = bound.first().map_or(0, Vec::len);
        if bound.iter().any(|row| row.len() != width) {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length"));
        }
        let mut columns = Vec::with_capacity(width);
        let mut slots: Vec<Vec<Option<Expr>>> =
            bound.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
        for index in 0..width {
            let list: Vec<Expr> = slots.iter_mut().filter_map(|row| row[index].take()).collect();
            let unknown = list.iter().all(Expr::is_unknown);
            let (list, ty) = if unknown { (list, Type::UNKNOWN) } else { self.unify(list, "VALUES")? };
            let nullable = list.iter().any(|expr| expr.nullable);
            let typmod = super::expression::common_modifier(list.iter());
            columns.push(Column { name: format!("column{}", index + 1), ty, typmod, nullable, origin: None });
            for (row, expr) in slots.iter_mut().zip(list) {
                row[index] = Some(expr);
            }
        }
        let rows = slots.into_iter().map(|row| row.into_iter().flatten().collect()).collect();
        Ok((rows, columns))
    }

    /// The query with a column converted to another type.
    pub(super) fn convert_column(&mut self, mut query: Query, index: usize, ty: Type) -> Result<Query> {
        let column = &mut query.columns[index];
        if column.ty == ty {
            return Ok(query);
        }
        let from = std::mem::replace(&mut column.ty, ty);
        column.typmod = -1;
        let same_order = from == Type::UNKNOWN || self.category(from) == self.category(ty);
        let own_keys = matches!(&query.body, Body::Select(select) if !select.distinct);
        for order in query.order.iter_mut().filter(|order| order.ordinal == Some(index + 1)) {
            if own_keys {
                // Rows are sorted by what the column was.
                order.ordinal = None;
            } else if same_order {
                order.key.ty = ty;
            } else {
                return Err(Error::unsupported("a conversion of a column that rows are sorted by"));
            }
        }
        query.body = match query.body {
            Body::Select(mut select) => {
                let item = std::mem::replace(&mut select.items[index], integer(0));
                select.items[index] = self.coerce(item, ty, -1, Context::Explicit)?;
                Body::Select(select)
            }
            Body::Values(mut rows) => {
                for row in &mut rows {
                    let item = std::mem::replace(&mut row[index], integer(0));
                    row[index] = self.coerce(item, ty, -1, Context::Explicit)?;
                }
                Body::Values(rows)
            }
            Body::Set(set) => {
                let Set { operator, all, left, right } = *set;
                let left = self.convert_column(left, index, ty)?;
                let right = self.convert_column(right, index, ty)?;
                Body::Set(Box::new(Set { operator, all, left, right }))
            }
            Body::Nested(nested) => Body::Nested(Box::new(self.convert_column(*nested, index, ty)?)),
        };
        Ok(query)
    }

    /// ORDER BY of what is no SELECT: places and names of the result only.
    fn order_of_outputs(&mut self, order: &[ast::OrderByExpr], columns: &[Column]) -> Result<Vec<Order>> {
        let mut keys = Vec::with_capacity(order.len());
        for ast::OrderByExpr { expr, options, with_fill } in order {
            if with_fill.is_some() {
                return Err(Error::unsupported("WITH FILL"));
            }
            let Some(index) = self.output_place(expr, columns, "ORDER BY")? else {
                let message = "invalid UNION/INTERSECT/EXCEPT ORDER BY clause";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                    .with_detail("Only result column names can be used, not expressions or functions."));
            };
            let column = &columns[index];
            let stand_in = Expr {
                nullable: column.nullable,
                ..Expr::new(
                    Node::Unknown(String::new()),
                    if column.ty == Type::UNKNOWN { Type::TEXT } else { column.ty },
                )
            };
            keys.push(self.sort_key(Some(index + 1), stand_in, options)?);
        }
        Ok(keys)
    }

    /// The output that a key of ORDER BY or GROUP BY names by its place or its name.
    pub(super) fn output_place(
        &self,
        expr: &ast::Expr,
        columns: &[Column],
        clause: &str,
    ) -> Result<Option<usize>> {
        match expr {
            ast::Expr::Value(value) => match &value.value {
                ast::Value::Number(text, false) => {
                    let number: Option<usize> = text.parse().ok();
                    match number {
                        Some(number) if (1..=columns.len()).contains(&number) => Ok(Some(number - 1)),
                        _ => {
                            let message = format!("{clause} position {text} is not in select list");
                            Err(self.error_at(
                                place_of(value.span),
                                SqlState::INVALID_COLUMN_REFERENCE,
                                message,
                            ))
                        }
                    }
                }
                ast::Value::Placeholder(_) => Ok(None),
                _ => {
                    let message = format!("non-integer constant in {clause}");
                    Err(self.error_at(place_of(value.span), SqlState::SYNTAX_ERROR, message))
                }
            },
            ast::Expr::Identifier(ident) => {
                let name = name_of(ident);
                Ok(columns.iter().position(|column| column.name == name))
            }
            _ => Ok(None),
        }
    }

    fn limits(
        &mut self,
        clause: Option<&LimitClause>,
        fetch: Option<&ast::Fetch>,
    ) -> Result<(Option<Expr>, Option<Expr>)> {
        let (mut limit, mut offset) = (None, None);
        match clause {
            None => {}
            Some(LimitClause::LimitOffset { limit: count, offset: skip, limit_by }) => {
                if !limit_by.is_empty() {
                    return Err(Error::unsupported("LIMIT BY"));
                }
                if let Some(count) = count {
                    limit = self.limit(count, "LIMIT")?;
                }
                if let Some(ast::Offset { value, rows: _ }) = skip {
                    offset = self.limit(value, "OFFSET")?;
                }
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")
                    .with_hint("Use separate LIMIT and OFFSET clauses."));
            }
        }
        if let Some(ast::Fetch { with_ties: _, percent, quantity }) = fetch {
            if *percent {
                return Err(Error::unsupported("FETCH … PERCENT"));
            }
            limit = match quantity {
                Some(quantity) => self.limit(quantity, "LIMIT")?,
                None => Some(integer(1)),
            };
        }
        Ok((limit, offset))
    }

    /// A number of rows; `None` for NULL, which bounds nothing. SQLite takes a negative number for none, PostgreSQL for an error.
    fn limit(&mut self, expr: &ast::Expr, clause: &str) -> Result<Option<Expr>> {
        if let ast::Expr::Identifier(ident) = expr
            && ident.quote_style.is_none()
            && ident.value.eq_ignore_ascii_case("all")
        {
            return Ok(None);
        }
        self.levels.push(Level::new(Clause::Limit));
        let bound = self.expr(expr).and_then(|bound| self.coerce(bound, Type::INT8, -1, Context::Assignment));
        self.levels.pop();
        let bound = bound?;
        if walk::any(&bound, false, &|expr| matches!(expr.node, Node::Column { .. })) {
            let message = format!("argument of {clause} must not contain variables");
            return Err(self.error_at(bound.place, SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        match bound.node {
            Node::Literal(Value::Null) => return Ok(None),
            Node::Literal(Value::Integer(number)) if number >= 0 => return Ok(Some(bound)),
            _ => {}
        }
        if bound.is_fresh() {
            return Err(Error::unsupported(format!("a volatile {clause}")));
        }
        let (state, none) = if clause == "LIMIT" { ("2201W", -1) } else { ("2201X", 0) };
        let message = format!("{clause} must not be negative");
        let is_null =
            Expr::new(Node::IsNull { operand: Box::new(bound.clone()), negated: false }, Type::BOOL);
        let negative = Node::Compare {
            operator: Comparison::Less,
            left: Box::new(bound.clone()),
            right: Box::new(integer(0)),
        };
        let branches = vec![
            (is_null, integer(none)),
            (Expr::new(negative, Type::BOOL), raise(state, &message, Type::INT8)),
        ];
        Ok(Some(Expr::new(Node::Case { branches, otherwise: Some(Box::new(bound)) }, Type::INT8)))
    }

    fn locks(&mut self, locks: &[ast::LockClause], query: &Query) -> Result<()> {
        for ast::LockClause { lock_type, of, nonblock } in locks {
            if of.is_some() {
                return Err(Error::unsupported("OF in a locking clause"));
            }
            let name = match lock_type {
                ast::LockType::Share => "FOR SHARE",
                ast::LockType::Update => "FOR UPDATE",
            };
            let wrong = match &query.body {
                Body::Set(_) => Some("UNION/INTERSECT/EXCEPT"),
                Body::Select(select) if select.distinct => Some("DISTINCT clause"),
                Body::Select(select) => match &select.group {
                    Some(keys) if keys.is_empty() => Some("aggregate functions"),
                    Some(_) => Some("GROUP BY clause"),
                    None => None,
                },
                _ => None,
            };
            if let Some(wrong) = wrong {
                let message = format!("{name} is not allowed with {wrong}");
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            // All rows are locked by the ticket, which the statement then has; none can be locked by others.
            self.writes = true;
            self.nowait |= matches!(nonblock, Some(ast::NonBlock::Nowait));
        }
        Ok(())
    }
}

/// A query that is nothing but its body.
pub(super) fn plain(body: Body, columns: Vec<Column>) -> Query {
    Query { with: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns }
}

/// A value that is never computed: an error.
pub(super) fn raise(state: &str, message: &str, ty: Type) -> Expr {
    let text = |text: &str| Expr::literal(Value::Text(text.to_owned()), Type::TEXT);
    Expr::call(Spelling::Function("pg_raise"), vec![text(state), text(message)], ty)
}
