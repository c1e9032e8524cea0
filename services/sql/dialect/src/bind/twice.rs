//! ON CONFLICT DO UPDATE must not meet a row of its own statement, which SQLite would change again.

use bole_sql_types::{Type, Value};

use super::Binder;
use super::coerce::integer;
use super::insert::{Conflict, Rows};
use super::query::{plain, raise};
use super::select::unnamed;
use super::tree::{Aggregate, Body, Cell, Comparison, Expr, Node, Query, Select, Source};
use super::walk;
use crate::builtins::Spelling;
use crate::catalog::Column;

impl Binder<'_> {
    /// Puts a test before the first value of the key: the statement fails if two of its rows have the same key.
    pub(super) fn guard_twice(&mut self, columns: &[Column], rows: &mut Rows, conflict: &Conflict) {
        let Some((_, filter)) = &conflict.update else { return };
        let places: Option<Vec<usize>> = conflict
            .columns
            .iter()
            .map(|number| columns.iter().position(|column| column.number == *number))
            .collect();
        // A column of the key that no row has a value for is NULL, which is equal to nothing.
        let Some(places) = places else { return };
        let Some(first) = places.first().copied() else { return };
        let Some(keys) = self.keys_of(rows, &places) else { return };
        // With a condition PostgreSQL may leave the first of two rows alone, and then the second is no error.
        let (state, message) = if filter.is_some() || conflict.predicate.is_some() {
            ("0A000", "ON CONFLICT DO UPDATE with a condition is not supported for rows of the same key")
        } else {
            ("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time")
        };
        let value = match rows {
            Rows::Values(rows) => &mut rows[0][first],
            Rows::Query { values, .. } => &mut values[first],
        };
        let ty = value.ty;
        let test = Expr::new(Node::Exists(Box::new(keys)), Type::BOOL).not_null();
        let branches = vec![(test, raise(state, message, ty))];
        let old = std::mem::replace(value, Expr::literal(Value::Null, ty));
        let node = Node::Case { branches, otherwise: Some(Box::new(old)) };
        *value = Expr::new(node, ty);
    }

    /// A query with a row for each key that more than one row has; `None` if there can be none.
    fn keys_of(&mut self, rows: &Rows, places: &[usize]) -> Option<Query> {
        let (source, keys) = match rows {
            Rows::Values(rows) => {
                let rows: Vec<Vec<Expr>> = rows
                    .iter()
                    .map(|row| places.iter().map(|place| row[*place].clone()).collect::<Vec<Expr>>())
                    .filter(|keys| !keys.iter().any(draws))
                    .collect();
                if rows.len() < 2 || are_different(&rows) {
                    return None;
                }
                let relation = self.number();
                let column = |(index, expr): (usize, &Expr)| {
                    let node = Node::Column { relation, column: Cell::Number(index as u32 + 1) };
                    Expr::new(node, expr.ty)
                };
                let keys: Vec<Expr> = rows[0].iter().enumerate().map(column).collect();
                let outputs = keys.iter().map(unnamed).collect();
                let query = Box::new(plain(Body::Values(rows), outputs));
                (Source::Derived { relation, query }, keys)
            }
            Rows::Query { relation, query, values } => {
                let keys: Vec<Expr> = places.iter().map(|place| values[*place].clone()).collect();
                if keys.iter().any(draws) || walk::any_in_query(query, &is_draw) {
                    return None;
                }
                (Source::Derived { relation: *relation, query: query.clone() }, keys)
            }
        };
        let known = |key: &Expr| {
            let operand = Box::new(key.clone());
            Expr::new(Node::IsNull { operand, negated: true }, Type::BOOL).not_null()
        };
        let count = Aggregate {
            spelling: Spelling::Function("count"),
            arguments: Vec::new(),
            star: true,
            distinct: false,
            order: Vec::new(),
            filter: None,
            over: None,
        };
        let count = Expr::new(Node::Aggregate(Box::new(count)), Type::INT8).not_null();
        let having = Node::Compare {
            operator: Comparison::Greater,
            left: Box::new(count),
            right: Box::new(integer(1)),
        };
        let item = integer(1);
        let outputs = vec![unnamed(&item)];
        let select = Select {
            distinct: false,
            items: vec![item],
            from: vec![source],
            filter: Some(Expr::new(Node::And(keys.iter().map(known).collect()), Type::BOOL).not_null()),
            group: Some(keys),
            having: Some(Expr::new(having, Type::BOOL).not_null()),
        };
        Some(plain(Body::Select(Box::new(select)), outputs))
    }
}

/// Whether all keys are integers in the text, no two of them equal.
fn are_different(rows: &[Vec<Expr>]) -> bool {
    let number = |row: &Vec<Expr>| match row.as_slice() {
        [Expr { node: Node::Literal(Value::Integer(number)), .. }] => Some(*number),
        _ => None,
    };
    let numbers: Option<Vec<i64>> = rows.iter().map(number).collect();
    let Some(mut numbers) = numbers else { return false };
    numbers.sort_unstable();
    numbers.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether an expression draws a number from a sequence, which it must do once.
fn draws(expr: &Expr) -> bool {
    walk::any(expr, true, &is_draw)
}

fn is_draw(expr: &Expr) -> bool {
    matches!(&expr.node, Node::Call { spelling: Spelling::Function("pg_nextval"), .. })
}
