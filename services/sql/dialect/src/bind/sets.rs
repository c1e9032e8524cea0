//! GROUPING SETS, ROLLUP and CUBE; EXCEPT ALL and INTERSECT ALL: what SQLite lacks, said by what it has.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, Distinct, GroupByExpr};

use super::Binder;
use super::coerce::integer;
use super::query::{Rows, plain};
use super::select::unnamed;
use super::tree::{
    Aggregate, Body, Cell, Column, Expr, Node, Order, Query, Select, Set, SetOperator, Source, Window,
};
use super::walk;
use crate::builtins::Spelling;

/// How many sets of grouping a query may have; each is a query of its own in SQLite.
const SETS_MAX: usize = 128;

impl Binder<'_> {
    /// The sets of keys that are grouped by: one without GROUPING SETS and its like, `None` without GROUP BY.
    pub(super) fn group_by(
        &mut self,
        group_by: &GroupByExpr,
        items: &[Expr],
        columns: &[Column],
    ) -> Result<Option<Vec<Vec<Expr>>>> {
        let (list, modifiers) = match group_by {
            GroupByExpr::All(_) => return Err(Error::unsupported("GROUP BY ALL")),
            GroupByExpr::Expressions(list, modifiers) => (list, modifiers),
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("a modifier of GROUP BY"));
        }
        if list.is_empty() {
            return Ok(None);
        }
        let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
        for expr in list {
            let choices = self.sets_of(expr, items, columns)?;
            if sets.len() * choices.len() > SETS_MAX {
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "too many grouping sets present"));
            }
            let with = |set: &Vec<Expr>| {
                let set = set.clone();
                choices
                    .iter()
                    .map(move |choice| {
                        let mut all = set.clone();
                        all.extend(choice.iter().filter(|key| !set.contains(key)).cloned());
                        all
                    })
                    .collect::<Vec<_>>()
            };
            sets = sets.iter().flat_map(with).collect();
        }
        Ok(Some(sets))
    }

    /// The sets that an item of GROUP BY stands for.
    fn sets_of(&mut self, expr: &ast::Expr, items: &[Expr], columns: &[Column]) -> Result<Vec<Vec<Expr>>> {
        let (lists, rollup, cube) = match expr {
            ast::Expr::GroupingSets(lists) => (lists, false, false),
            ast::Expr::Rollup(lists) => (lists, true, false),
            ast::Expr::Cube(lists) => (lists, false, true),
            ast::Expr::Tuple(list) => {
                return Ok(vec![
                    list.iter().map(|key| self.checked_key(key, items, columns)).collect::<Result<_>>()?,
                ]);
            }
            key => return Ok(vec![vec![self.checked_key(key, items, columns)?]]),
        };
        let mut bound: Vec<Vec<Expr>> = Vec::with_capacity(lists.len());
        for list in lists {
            bound.push(list.iter().map(|key| self.checked_key(key, items, columns)).collect::<Result<_>>()?);
        }
        if rollup {
            return Ok((0..=bound.len()).rev().map(|count| bound[..count].concat()).collect());
        }
        if cube {
            if bound.len() > 7 {
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "CUBE is limited to 7 elements"));
            }
            let chosen = |mask: usize| {
                let picked = bound.iter().enumerate().filter(move |(at, _)| mask & (1 << at) != 0);
                picked.flat_map(|(_, list)| list.clone()).collect()
            };
            return Ok((0..1 << bound.len()).rev().map(chosen).collect());
        }
        Ok(bound)
    }

    fn checked_key(&mut self, expr: &ast::Expr, items: &[Expr], columns: &[Column]) -> Result<Expr> {
        let key = self.group_key(expr, items, columns)?;
        let key = self.known(key)?;
        if !self.is_comparable(key.ty) {
            let message =
                format!("could not identify an equality operator for type {}", self.type_name(key.ty));
            return Err(self.error_at(key.place, SqlState::UNDEFINED_FUNCTION, message));
        }
        Ok(key)
    }

    /// One query for each set of keys, all together; keys that are not in a set are NULL in its rows.
    pub(super) fn grouping_sets(
        &mut self,
        sets: &[Vec<Expr>],
        mut select: Select,
        columns: Vec<Column>,
        order: Vec<Order>,
        distinct: Option<&Distinct>,
    ) -> Result<Rows> {
        if self.level().has_windows {
            return Err(Error::unsupported("a window function beside GROUPING SETS"));
        }
        if matches!(distinct, Some(Distinct::On(_))) {
            return Err(Error::unsupported("DISTINCT ON beside GROUPING SETS"));
        }
        let mut all: Vec<Expr> = Vec::new();
        for key in sets.iter().flatten() {
            if !all.contains(key) {
                all.push(key.clone());
            }
        }
        select.group = Some(all.clone());
        self.check_grouping(&select, &order, false)?;
        let (mut columns, width) = (self.settled_items(&mut select.items, columns)?, select.items.len());
        let relation = self.number();
        let order = hide_keys(order, &mut select.items, relation);
        let mut arms = Vec::with_capacity(sets.len());
        for set in sets {
            let absent: Vec<&Expr> = all.iter().filter(|key| !set.contains(key)).collect();
            let mut arm = select.clone();
            arm.group = Some(set.clone());
            for expr in arm.items.iter_mut().chain(&mut arm.having) {
                replace(expr, &absent, set)?;
            }
            let outputs = arm.items.iter().map(unnamed).collect();
            arms.push(plain(Body::Select(Box::new(arm)), outputs));
        }
        let mut arms = arms.into_iter();
        let Some(first) = arms.next() else { return Err(Error::unsupported("GROUP BY of nothing")) };
        let union = arms.fold(first, |left, right| {
            let outputs = left.columns.clone();
            let set = Set { operator: SetOperator::Union, all: true, left, right };
            plain(Body::Set(Box::new(set)), outputs)
        });
        for column in &mut columns {
            column.nullable = true;
        }
        let items = select.items[..width].iter().enumerate().map(|(index, item)| {
            let node = Node::Column { relation, column: Cell::Number(index as u32 + 1) };
            Expr { typmod: item.typmod, ..Expr::new(node, item.ty) }
        });
        let items: Vec<Expr> = items.collect();
        let distinct = matches!(distinct, Some(Distinct::Distinct));
        if distinct {
            self.check_distinct(&columns)?;
            if order.iter().any(|order| order.ordinal.is_none()) {
                let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message));
            }
        }
        let from = vec![Source::Derived { relation, query: Box::new(union) }];
        let outer = Select { distinct, items, from, ..Select::default() };
        Ok(Rows { body: Body::Select(Box::new(outer)), order, columns })
    }

    /// EXCEPT ALL and INTERSECT ALL: equal rows are numbered on both sides, and rows with the same number meet.
    pub(super) fn counted_set(&mut self, operator: SetOperator, left: Query, right: Query) -> Result<Query> {
        self.check_distinct(&left.columns)?;
        let columns = left.columns.clone();
        let left = self.numbered(left);
        let right = self.numbered(right);
        let outputs = left.columns.clone();
        let set = plain(Body::Set(Box::new(Set { operator, all: false, left, right })), outputs);
        let relation = self.number();
        let items = references(relation, &columns);
        let from = vec![Source::Derived { relation, query: Box::new(set) }];
        let select = Select { items, from, ..Select::default() };
        Ok(plain(Body::Select(Box::new(select)), columns))
    }

    /// The rows of a query without those that are equal to another.
    pub(super) fn distinct_rows(&mut self, query: Query, columns: Vec<Column>) -> Query {
        let relation = self.number();
        let items = references(relation, &columns);
        let from = vec![Source::Derived { relation, query: Box::new(query) }];
        let select = Select { distinct: true, items, from, ..Select::default() };
        plain(Body::Select(Box::new(select)), columns)
    }

    fn numbered(&mut self, query: Query) -> Query {
        let relation = self.number();
        let mut items = references(relation, &query.columns);
        let window = Window { partition: items.clone(), order: Vec::new(), frame: None };
        let number = Aggregate {
            spelling: Spelling::Function("row_number"),
            arguments: Vec::new(),
            star: false,
            distinct: false,
            order: Vec::new(),
            filter: None,
            over: Some(window),
        };
        items.push(Expr::new(Node::Aggregate(Box::new(number)), Type::INT8).not_null());
        let columns = items.iter().map(unnamed).collect();
        let from = vec![Source::Derived { relation, query: Box::new(query) }];
        plain(Body::Select(Box::new(Select { items, from, ..Select::default() })), columns)
    }
}

pub(super) fn references(relation: u32, columns: &[Column]) -> Vec<Expr> {
    let reference = |(index, column): (usize, &Column)| {
        let node = Node::Column { relation, column: Cell::Number(index as u32 + 1) };
        Expr { typmod: column.typmod, nullable: column.nullable, ..Expr::new(node, column.ty) }
    };
    columns.iter().enumerate().map(reference).collect()
}

/// Keys of ORDER BY that are no outputs become columns of the inner queries.
fn hide_keys(order: Vec<Order>, items: &mut Vec<Expr>, relation: u32) -> Vec<Order> {
    let mut kept = Vec::with_capacity(order.len());
    for mut order in order {
        order.key.nullable = true;
        if order.ordinal.is_none() {
            items.push(order.key.clone());
            order.key.node = Node::Column { relation, column: Cell::Number(items.len() as u32) };
        }
        kept.push(order);
    }
    kept
}

/// Puts NULL in the place of keys that a set has not, and numbers in the place of GROUPING. Keys that it has stay as they are.
fn replace(expr: &mut Expr, absent: &[&Expr], present: &[Expr]) -> Result<()> {
    if present.contains(expr) {
        return Ok(());
    }
    if absent.contains(&&*expr) {
        expr.node = Node::Literal(Value::Null);
        expr.nullable = true;
        return Ok(());
    }
    if let Node::Grouping(keys) = &expr.node {
        let bits = keys.iter().fold(0, |bits, key| bits << 1 | i64::from(absent.contains(&key)));
        *expr = integer(bits);
        return Ok(());
    }
    let correlated = |part: &Expr| absent.iter().any(|key| key.node == part.node);
    let mut in_query = false;
    walk::parts(expr, &mut |part| {
        if let walk::Part::Query(query) = part {
            in_query |= walk::any_in_query(query, &correlated);
        }
    });
    if in_query {
        return Err(Error::unsupported("a subquery that uses keys of GROUPING SETS"));
    }
    let mut result = Ok(());
    walk::parts_mut(expr, &mut |part| {
        if result.is_ok() {
            result = replace(part, absent, present);
        }
    });
    expr.nullable = true;
    result
}
