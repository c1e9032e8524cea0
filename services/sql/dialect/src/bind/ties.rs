//! `FETCH FIRST … WITH TIES`: rows come along that ORDER BY takes for equals of the last one.

use bole_sql_types::{Error, Result, SqlState, Type};

use super::Binder;
use super::coerce::integer;
use super::query::{Rows, plain, raise};
use super::select::unnamed;
use super::sets::references;
use super::tree::{
    Aggregate, Body, Cell, Column, Comparison, Expr, Node, Order, Query, Select, Source, Window,
};
use crate::builtins::Spelling;

/// What PostgreSQL says where the number of rows is NULL.
const NO_COUNT: &str = "row count cannot be null in FETCH FIRST ... WITH TIES clause";

impl Binder<'_> {
    /// The rows after `offset` are ranked by their order, and those with a rank up to `limit` are kept.
    pub(super) fn with_ties(
        &mut self,
        rows: Rows,
        limit: Option<Expr>,
        offset: Option<Expr>,
    ) -> Result<Rows> {
        let Rows { mut body, mut order, mut columns } = rows;
        if order.is_empty() {
            let message = "WITH TIES cannot be specified without ORDER BY clause";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        let limit = limit.ok_or_else(|| Error::new(SqlState(*b"2201W"), NO_COUNT))?;
        if let Body::Select(select) = &mut body {
            columns = self.settled_items(&mut select.items, columns)?;
            for order in order.iter_mut().filter(|order| order.ordinal.is_none()) {
                select.items.push(order.key.clone());
                order.ordinal = Some(select.items.len());
            }
        }
        let mut all = columns.clone();
        if let Body::Select(select) = &body {
            all.extend(select.items[columns.len()..].iter().map(unnamed));
        }
        let sorted = Query { order: order.clone(), offset, ..plain(body, all) };
        let sorted = self.settle(sorted)?;
        let mut shown = sorted.columns.clone();
        let inner = self.number();
        let mut items = references(inner, &shown);
        items.push(rank(&keys(inner, &order, &shown)));
        let ranked = items.iter().map(unnamed).collect();
        let from = vec![Source::Derived { relation: inner, query: Box::new(sorted) }];
        let ranked = plain(Body::Select(Box::new(Select { items, from, ..Select::default() })), ranked);
        let outer = self.number();
        let place = ranked.columns.len() as u32;
        let node = Node::Column { relation: outer, column: Cell::Number(place) };
        let within = Node::Compare {
            operator: Comparison::LessOrEqual,
            left: Box::new(Expr::new(node, Type::INT8)),
            right: Box::new(counted(limit)),
        };
        let order = keys(outer, &order, &shown);
        shown.truncate(columns.len());
        let select = Select {
            items: references(outer, &shown),
            from: vec![Source::Derived { relation: outer, query: Box::new(ranked) }],
            filter: Some(Expr::new(within, Type::BOOL)),
            ..Select::default()
        };
        Ok(Rows { body: Body::Select(Box::new(select)), order, columns: shown })
    }
}

/// The keys of an order as columns of a relation.
fn keys(relation: u32, order: &[Order], columns: &[Column]) -> Vec<Order> {
    let key = |order: &Order| {
        let place = order.ordinal.unwrap_or(1);
        let node = Node::Column { relation, column: Cell::Number(place as u32) };
        let ty = columns.get(place - 1).map_or(order.key.ty, |column| column.ty);
        Order { ordinal: None, key: Expr { node, ty, ..order.key.clone() }, ..order.clone() }
    };
    order.iter().map(key).collect()
}

fn rank(order: &[Order]) -> Expr {
    let call = Aggregate {
        spelling: Spelling::Function("rank"),
        arguments: Vec::new(),
        star: false,
        distinct: false,
        order: Vec::new(),
        filter: None,
        over: Some(Window { partition: Vec::new(), order: order.to_vec(), frame: None }),
    };
    Expr::new(Node::Aggregate(Box::new(call)), Type::INT8).not_null()
}

/// The number of rows; one that is below zero stands for NULL.
fn counted(limit: Expr) -> Expr {
    if matches!(limit.node, Node::Literal(_)) {
        return limit;
    }
    let none = Node::Compare {
        operator: Comparison::Less,
        left: Box::new(limit.clone()),
        right: Box::new(integer(0)),
    };
    let branches = vec![(Expr::new(none, Type::BOOL), raise("2201W", NO_COUNT, Type::INT8))];
    Expr::new(Node::Case { branches, otherwise: Some(Box::new(limit)) }, Type::INT8)
}
