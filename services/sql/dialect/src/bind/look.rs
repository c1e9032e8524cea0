//! What can be read off a statement's answer: of which rows it tells, where that can be said by their keys.
//!
//! A statement whose condition demands `key = constant` answers the same whatever rows with other keys there are. That follows from what
//! it means, not from how SQLite finds the rows, so it holds for any index. It holds for changes of rows only where nothing else is
//! checked by other rows: unique keys, foreign keys.
//!
//! # Invariants
//! - What is not known to be harmless makes the answer show [`Look::Everything`]: expressions are let through by a list of what is.
//! - That a statement has failed is not covered: an error may show anything.

use bole_sql_types::{Type, Value};

use super::assign::{Assigned, NewValue};
use super::tree::{Body, Cell, Comparison, Expr, Node, Query, Source};
use super::walk;
use super::write::Target;
use crate::builtins::{Spelling, Volatility};
use crate::catalog::{Catalog, Column, Rule, Table};
use crate::plan::{Key, Look};

/// Functions that tell the time, which is nobody's row.
const CLOCKS: &[&str] = &["pg_now", "pg_statement_timestamp"];
/// Sums that fail for values which are too large, and for nothing else.
const SUMS: &[&str] = &[
    "pg_add_int2",
    "pg_add_int4",
    "pg_add_int8",
    "pg_add_numeric",
    "pg_subtract_int2",
    "pg_subtract_int4",
    "pg_subtract_int8",
    "pg_subtract_numeric",
];

impl Look {
    /// No rows at all.
    const fn nothing() -> Self {
        Self::Keys { table: 0, keys: Vec::new(), values: false }
    }
}

impl Table {
    /// The column by which rows can be told apart in a [`Look`]: a primary key of one integer column, the rowid or not.
    pub fn key_column(&self) -> Option<&Column> {
        let (&[column], _) = self.primary_key()? else { return None };
        let is_integer = |column: &&Column| [Type::INT2, Type::INT4, Type::INT8].contains(&column.ty());
        self.numbered(column).filter(is_integer)
    }
}

/// What a query shows.
pub(super) fn of_query(catalog: &Catalog, query: &Query) -> Look {
    let Query { with, body: Body::Select(select), order, limit, offset, columns: _ } = query else {
        return Look::Everything;
    };
    let (relation, table) = match select.from.as_slice() {
        [] => (0, None),
        [Source::Table { relation, name }] => {
            let Some(table) = catalog.tables().find(|table| table.storage == *name) else {
                return Look::Everything;
            };
            (*relation, Some(table))
        }
        _ => return Look::Everything,
    };
    let is_simple = with.is_empty()
        && select.group.is_none()
        && select.having.is_none()
        && are_plain(&select.items, relation)
        && order.iter().all(|order| is_plain(&order.key, relation))
        && limit.iter().chain(offset).chain(&select.filter).all(|expr| is_plain(expr, relation));
    if !is_simple {
        return Look::Everything;
    }
    match table {
        None => Look::nothing(),
        Some(table) => of_keys(table, relation, select.filter.as_ref(), true),
    }
}

/// What an UPDATE without FROM shows.
pub(super) fn of_update(
    catalog: &Catalog,
    target: &Target,
    assigned: &[Assigned],
    filter: Option<&Expr>,
    returning: &[Expr],
) -> Look {
    let Target { table, relation } = target;
    let mut values = Vec::with_capacity(assigned.len());
    for Assigned { columns, value } in assigned {
        let (NewValue::Expr(value), &[column]) = (value, columns.as_slice()) else {
            return Look::Everything;
        };
        if !is_plain(value, *relation) || is_checked_elsewhere(catalog, table, column) {
            return Look::Everything;
        }
        values.push((column, value));
    }
    if !are_plain(returning, *relation) {
        return Look::Everything;
    }
    let has_checks = table.constraints.iter().any(|it| matches!(it.rule, Rule::Check { .. }));
    let shows = !returning.is_empty()
        || has_checks
        || values.iter().any(|(column, value)| !succeeds(table, *column, value, *relation));
    of_keys(table, *relation, filter, shows)
}

/// What a DELETE shows; `filter` is `None` if more than a condition says which rows go.
pub(super) fn of_delete(
    catalog: &Catalog,
    target: &Target,
    filter: Option<&Expr>,
    returning: &[Expr],
) -> Look {
    let Target { table, relation } = target;
    if !are_plain(returning, *relation) || catalog.references_to(table.oid).next().is_some() {
        return Look::Everything;
    }
    of_keys(table, *relation, filter, !returning.is_empty())
}

/// What an INSERT of VALUES shows that has no ON CONFLICT.
pub(super) fn of_insert(
    catalog: &Catalog,
    target: &Target,
    columns: &[Column],
    rows: &[Vec<Expr>],
    returning: &[Expr],
) -> Look {
    let Target { table, relation } = target;
    let refers = table.constraints.iter().any(|it| matches!(it.rule, Rule::ForeignKey { .. }));
    let key = table.key_column();
    let own = table.primary_key().filter(|_| key.is_some()).map(|(_, index)| index);
    let has_others = catalog.indexes_of(table.oid).any(|index| index.unique && Some(index.oid) != own);
    if refers || has_others || !rows.iter().all(|row| are_plain(row, 0)) || !are_plain(returning, *relation) {
        return Look::Everything;
    }
    let Some(key) = key else { return Look::nothing() };
    let place = columns.iter().position(|column| column.number == key.number);
    let keys = place.map(|place| rows.iter().map(|row| key_of(&row[place])).collect::<Option<Vec<_>>>());
    match keys {
        Some(Some(keys)) => Look::Keys { table: table.oid, keys, values: false },
        _ => Look::Everything,
    }
}

/// What a condition on a table's rows shows: `values` tells whether the answer has more of the rows than their number.
fn of_keys(table: &Table, relation: u32, filter: Option<&Expr>, values: bool) -> Look {
    let (Some(key), Some(filter)) = (table.key_column(), filter) else { return Look::Everything };
    let conditions = match &filter.node {
        Node::And(list) => list.as_slice(),
        _ => std::slice::from_ref(filter),
    };
    let column = Node::Column { relation, column: Cell::Number(key.number as u32) };
    let keys = conditions.iter().find_map(|condition| keys_of(condition, &column));
    match keys {
        Some(keys) if conditions.iter().all(|condition| is_plain(condition, relation)) => {
            Look::Keys { table: table.oid, keys, values: values || conditions.len() > 1 }
        }
        _ => Look::Everything,
    }
}

/// The keys that a condition demands.
fn keys_of(condition: &Expr, column: &Node) -> Option<Vec<Key>> {
    match &condition.node {
        Node::Compare { operator: Comparison::Equal, left, right } if left.node == *column => {
            Some(vec![key_of(right)?])
        }
        Node::Compare { operator: Comparison::Equal, left, right } if right.node == *column => {
            Some(vec![key_of(left)?])
        }
        Node::InList { left, list, negated: false } if left.node == *column => {
            list.iter().map(key_of).collect()
        }
        _ => None,
    }
}

fn key_of(expr: &Expr) -> Option<Key> {
    match &expr.node {
        Node::Literal(Value::Integer(key)) => Some(Key::Integer(*key)),
        Node::Parameter(number) => Some(Key::Parameter(*number)),
        // A key that is NULL is an error.
        Node::Coalesce(list) => match list.as_slice() {
            [key, Expr { node: Node::Call { spelling: Spelling::Function("pg_raise"), .. }, .. }] => {
                key_of(key)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether other rows decide if a column may have a new value.
fn is_checked_elsewhere(catalog: &Catalog, table: &Table, column: i16) -> bool {
    let refers = |rule: &Rule| matches!(rule, Rule::ForeignKey { columns, .. } if columns.contains(&column));
    // Which columns generated ones, expressions and predicates use is not looked up.
    let has_generated = table.columns.iter().any(|column| column.generated.is_some());
    let is_unique = || {
        catalog.indexes_of(table.oid).filter(|index| index.unique).any(|index| {
            has_generated
                || index.predicate.is_some()
                || index.keys.iter().any(|key| key.column == column || key.expression.is_some())
        })
    };
    table.key_column().is_some_and(|key| key.number == column)
        || table.constraints.iter().any(|constraint| refers(&constraint.rule))
        || is_unique()
}

/// Whether a column takes the value whatever the row held before. That a sum was not too large for its type is taken to say nothing.
fn succeeds(table: &Table, column: i16, value: &Expr, relation: u32) -> bool {
    let is_required = |number: i16| table.numbered(number).is_none_or(|column| column.not_null);
    let mut used = Vec::new();
    walk::columns(value, relation, &mut used);
    let is_simple =
        |expr: &Expr| expr.is_constant() || matches!(expr.node, Node::Column { .. }) || is_sum(expr);
    used.is_empty()
        || !walk::any(value, true, &|expr| !is_simple(expr))
            && (!is_required(column) || used.into_iter().all(is_required))
}

fn is_sum(expr: &Expr) -> bool {
    matches!(&expr.node, Node::Call { spelling: Spelling::Function(name), .. } if SUMS.contains(name))
}

fn are_plain(list: &[Expr], relation: u32) -> bool {
    list.iter().all(|expr| is_plain(expr, relation))
}

/// Whether a value is made of nothing but constants, one row of the relation, and the clock.
fn is_plain(expr: &Expr, relation: u32) -> bool {
    !walk::any(expr, true, &|expr| !is_plain_node(&expr.node, relation))
}

fn is_plain_node(node: &Node, of: u32) -> bool {
    match node {
        Node::Literal(_)
        | Node::Unknown(_)
        | Node::Parameter(_)
        | Node::Collated { .. }
        | Node::And(_)
        | Node::Or(_)
        | Node::Not(_)
        | Node::Compare { .. }
        | Node::IsNull { .. }
        | Node::Is { .. }
        | Node::Case { .. }
        | Node::Switch { .. }
        | Node::Coalesce(_)
        | Node::InList { .. }
        | Node::Row(_)
        | Node::Call { volatility: Volatility::Immutable, .. } => true,
        Node::Column { relation, column } => *relation == of && matches!(column, Cell::Number(_)),
        Node::Call { spelling: Spelling::Function(name), volatility: Volatility::Stable, .. } => {
            CLOCKS.contains(name)
        }
        Node::Call { .. }
        | Node::ArrayOf { .. }
        | Node::Aggregate(_)
        | Node::Grouping(_)
        | Node::InQuery { .. }
        | Node::Exists(_)
        | Node::Scalar(_)
        | Node::Quantified { .. } => false,
    }
}
