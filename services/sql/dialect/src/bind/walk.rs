//! Visits to the parts of a typed tree.

use crate::builtins::Volatility;

use super::tree::{Aggregate, Body, Bound, Cell, Expr, Node, Order, Query, Source, Window};

/// What an expression consists of.
pub(crate) enum Part<'a> {
    Expr(&'a Expr),
    Query(&'a Query),
}

/// Calls `visit` with each direct part of an expression.
pub(crate) fn parts<'a>(expr: &'a Expr, visit: &mut dyn FnMut(Part<'a>)) {
    let mut all = |list: &'a [Expr]| list.iter().for_each(|expr| visit(Part::Expr(expr)));
    match &expr.node {
        Node::Literal(_) | Node::Unknown(_) | Node::Parameter(_) | Node::Column { .. } => {}
        Node::Call { arguments, spelling: _, volatility: _ } | Node::Collated { arguments, spelling: _ } => {
            all(arguments);
        }
        Node::And(list) | Node::Or(list) | Node::Coalesce(list) | Node::Row(list) | Node::Grouping(list) => {
            all(list);
        }
        Node::Aggregate(aggregate) => aggregate_parts(aggregate, visit),
        Node::Not(operand)
        | Node::IsNull { operand, negated: _ }
        | Node::Is { operand, truth: _, negated: _ } => visit(Part::Expr(operand)),
        Node::Compare { operator: _, left, right } => {
            visit(Part::Expr(left));
            visit(Part::Expr(right));
        }
        Node::Case { branches, otherwise } => {
            for (condition, result) in branches {
                visit(Part::Expr(condition));
                visit(Part::Expr(result));
            }
            otherwise.iter().for_each(|expr| visit(Part::Expr(expr)));
        }
        Node::Switch { operand, branches, otherwise } => {
            visit(Part::Expr(operand));
            for (value, result) in branches {
                visit(Part::Expr(value));
                visit(Part::Expr(result));
            }
            otherwise.iter().for_each(|expr| visit(Part::Expr(expr)));
        }
        Node::InList { left, list, negated: _ } => {
            visit(Part::Expr(left));
            list.iter().for_each(|expr| visit(Part::Expr(expr)));
        }
        Node::InQuery { left, query, negated: _ } => {
            visit(Part::Expr(left));
            visit(Part::Query(query));
        }
        Node::Exists(query) | Node::Scalar(query) | Node::ArrayOf { query, element: _ } => {
            visit(Part::Query(query));
        }
        Node::Quantified { condition, source, all: _ } => {
            visit(Part::Expr(condition));
            source_parts(source, visit);
        }
    }
}

fn aggregate_parts<'a>(aggregate: &'a Aggregate, visit: &mut dyn FnMut(Part<'a>)) {
    let Aggregate { spelling: _, arguments, star: _, distinct: _, order, filter, over } = aggregate;
    arguments.iter().chain(filter).for_each(|expr| visit(Part::Expr(expr)));
    orders(order, visit);
    if let Some(Window { partition, order, frame }) = over {
        partition.iter().for_each(|expr| visit(Part::Expr(expr)));
        orders(order, visit);
        for bound in frame.iter().flat_map(|frame| [&frame.start, &frame.end]) {
            if let Bound::Preceding(expr) | Bound::Following(expr) = bound {
                visit(Part::Expr(expr));
            }
        }
    }
}

fn orders<'a>(order: &'a [Order], visit: &mut dyn FnMut(Part<'a>)) {
    order.iter().filter(|order| order.ordinal.is_none()).for_each(|order| visit(Part::Expr(&order.key)));
}

/// Calls `visit` with each expression and query that a query consists of directly.
pub(crate) fn query_parts<'a>(query: &'a Query, visit: &mut dyn FnMut(Part<'a>)) {
    query.with.iter().for_each(|cte| visit(Part::Query(&cte.query)));
    match &query.body {
        Body::Select(select) => {
            select.items.iter().for_each(|expr| visit(Part::Expr(expr)));
            select.from.iter().for_each(|source| source_parts(source, visit));
            select.filter.iter().chain(&select.having).for_each(|expr| visit(Part::Expr(expr)));
            select.group.iter().flatten().for_each(|expr| visit(Part::Expr(expr)));
        }
        Body::Values(rows) => rows.iter().flatten().for_each(|expr| visit(Part::Expr(expr))),
        Body::Set(set) => {
            visit(Part::Query(&set.left));
            visit(Part::Query(&set.right));
        }
        Body::Nested(nested) => visit(Part::Query(nested)),
    }
    orders(&query.order, visit);
    query.limit.iter().chain(&query.offset).for_each(|expr| visit(Part::Expr(expr)));
}

fn source_parts<'a>(source: &'a Source, visit: &mut dyn FnMut(Part<'a>)) {
    match source {
        Source::Table { .. } | Source::Cte { .. } => {}
        Source::Derived { query, relation: _ } | Source::Lateral { query, relation: _ } => {
            visit(Part::Query(query));
        }
        Source::Function { arguments, relation: _, name: _, last: _ } => {
            arguments.iter().for_each(|expr| visit(Part::Expr(expr)));
        }
        Source::Join { kind: _, left, right, on } => {
            source_parts(left, visit);
            source_parts(right, visit);
            on.iter().for_each(|expr| visit(Part::Expr(expr)));
        }
    }
}

/// Whether any expression in this one, itself included, is such; subqueries are entered if `deep`.
pub(crate) fn any(expr: &Expr, deep: bool, test: &dyn Fn(&Expr) -> bool) -> bool {
    if test(expr) {
        return true;
    }
    let mut found = false;
    parts(expr, &mut |part| {
        found = found
            || match part {
                Part::Expr(expr) => any(expr, deep, test),
                Part::Query(query) => deep && any_in_query(query, test),
            };
    });
    found
}

/// Whether any expression in a query, at any depth, is such.
pub(crate) fn any_in_query(query: &Query, test: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    query_parts(query, &mut |part| {
        found = found
            || match part {
                Part::Expr(expr) => any(expr, true, test),
                Part::Query(query) => any_in_query(query, test),
            };
    });
    found
}

/// Whether an expression is a call that may give something else in another statement.
pub(crate) fn is_variable_call(expr: &Expr) -> bool {
    matches!(expr.node, Node::Call { volatility, .. } if volatility != Volatility::Immutable)
}

/// Whether an expression is a call that gives something else each time, or changes something.
pub(crate) fn is_fresh_call(expr: &Expr) -> bool {
    matches!(expr.node, Node::Call { volatility: Volatility::Volatile | Volatility::Writes, .. })
}

/// Whether a query has such a source, at any depth, in expressions too.
pub(crate) fn any_source(query: &Query, test: &dyn Fn(&Source) -> bool) -> bool {
    fn in_source(source: &Source, test: &dyn Fn(&Source) -> bool) -> bool {
        test(source)
            || matches!(source, Source::Join { left, right, .. } if in_source(left, test) || in_source(right, test))
    }
    if let Body::Select(select) = &query.body
        && select.from.iter().any(|source| in_source(source, test))
    {
        return true;
    }
    let mut found = false;
    query_parts(query, &mut |part| {
        found = found
            || match part {
                Part::Expr(expr) => any_source_in(expr, test),
                Part::Query(query) => any_source(query, test),
            };
    });
    found
}

/// The same of the queries in an expression.
pub(crate) fn any_source_in(expr: &Expr, test: &dyn Fn(&Source) -> bool) -> bool {
    let mut found = false;
    parts(expr, &mut |part| {
        found = found
            || match part {
                Part::Expr(expr) => any_source_in(expr, test),
                Part::Query(query) => any_source(query, test),
            };
    });
    found
}

/// Adds the numbers of the columns of a relation that an expression uses.
pub(crate) fn columns(expr: &Expr, relation: u32, found: &mut Vec<i16>) {
    if let Node::Column { relation: of, column: Cell::Number(column) } = &expr.node
        && *of == relation
    {
        found.push(*column as i16);
    }
    parts(expr, &mut |part| {
        if let Part::Expr(expr) = part {
            columns(expr, relation, found);
        }
    });
}

/// Calls `visit` with each direct part of an expression that is an expression of the same query; arguments of aggregates are not.
pub(crate) fn parts_mut(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut expr.node {
        Node::Literal(_)
        | Node::Unknown(_)
        | Node::Parameter(_)
        | Node::Column { .. }
        | Node::Grouping(_)
        | Node::Aggregate(_)
        | Node::Exists(_)
        | Node::Scalar(_)
        | Node::ArrayOf { .. } => {}
        Node::Call { arguments, .. } | Node::Collated { arguments, .. } => {
            arguments.iter_mut().for_each(visit);
        }
        Node::And(list) | Node::Or(list) | Node::Coalesce(list) | Node::Row(list) => {
            list.iter_mut().for_each(visit);
        }
        Node::Not(operand) | Node::IsNull { operand, .. } | Node::Is { operand, .. } => visit(operand),
        Node::Compare { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Node::Case { branches, otherwise } => {
            for (condition, result) in branches {
                visit(condition);
                visit(result);
            }
            otherwise.iter_mut().for_each(|expr| visit(expr));
        }
        Node::Switch { operand, branches, otherwise } => {
            visit(operand);
            for (value, result) in branches {
                visit(value);
                visit(result);
            }
            otherwise.iter_mut().for_each(|expr| visit(expr));
        }
        Node::InList { left, list, .. } => {
            visit(left);
            list.iter_mut().for_each(visit);
        }
        Node::InQuery { left, .. } => visit(left),
        Node::Quantified { condition, .. } => visit(condition),
    }
}
