//! Queries, their sources and their order.

use super::Printer;
use super::expression::BINARY;
use crate::bind::tree::{Body, Column, Cte, Expr, Node, Order, Query, Select, Set, SetOperator, Source};
use crate::bind::walk;

impl Printer<'_> {
    /// Prints a query. Its columns are named `c1`, `c2`, ….
    pub(crate) fn query(&mut self, query: &Query) {
        let Query { with, body, order, limit, offset, columns } = query;
        self.with(with);
        self.body(body, columns);
        self.order_by(order);
        match (limit, offset) {
            (None, None) => {}
            (limit, offset) => {
                self.raw(" LIMIT ");
                match limit {
                    Some(limit) => self.expr(limit),
                    None => self.raw("-1"),
                }
                if let Some(offset) = offset {
                    self.raw(" OFFSET ");
                    self.expr(offset);
                }
            }
        }
    }

    pub(crate) fn with(&mut self, with: &[Cte]) {
        if with.is_empty() {
            return;
        }
        self.raw(if with.iter().any(|cte| cte.recursive) { "WITH RECURSIVE " } else { "WITH " });
        self.list(with, ", ", |printer, cte| {
            printer.number("w", cte.number);
            printer.raw("(");
            for index in 1..=cte.query.columns.len() {
                printer.number(if index > 1 { ", c" } else { "c" }, index as u32);
            }
            printer.raw(match cte.materialized {
                Some(true) => ") AS MATERIALIZED (",
                Some(false) => ") AS NOT MATERIALIZED (",
                None => ") AS (",
            });
            printer.query(&cte.query);
            printer.raw(")");
        });
        self.raw(" ");
    }

    fn body(&mut self, body: &Body, columns: &[Column]) {
        match body {
            Body::Select(select) => self.select(select),
            Body::Values(rows) => {
                // Only a SELECT can name columns.
                self.raw("SELECT ");
                for index in 1..=columns.len() {
                    let comma = if index > 1 { ", " } else { "" };
                    self.raw(comma);
                    self.number("column", index as u32);
                    let values = rows.iter().filter_map(|row| row.get(index - 1));
                    if values.filter_map(|value| self.collation_of(value)).any(|name| name == BINARY) {
                        self.collate_by(BINARY);
                    }
                    self.number(" AS c", index as u32);
                }
                self.raw(" FROM (");
                self.values(rows);
                self.raw(")");
            }
            Body::Set(set) => self.set(set),
            Body::Nested(query) => {
                self.raw("SELECT * FROM (");
                self.query(query);
                self.raw(")");
            }
        }
    }

    /// Prints `VALUES` and its rows.
    pub(crate) fn values(&mut self, rows: &[Vec<Expr>]) {
        self.raw("VALUES ");
        self.list(rows, ", ", |printer, row| {
            printer.raw("(");
            printer.expressions(row);
            printer.raw(")");
        });
    }

    fn set(&mut self, set: &Set) {
        let Set { operator, all, left, right } = set;
        self.operand(left, true);
        self.raw(match (operator, all) {
            (SetOperator::Union, true) => " UNION ALL ",
            (SetOperator::Union, false) => " UNION ",
            (SetOperator::Except, _) => " EXCEPT ",
            (SetOperator::Intersect, _) => " INTERSECT ",
        });
        self.operand(right, false);
    }

    /// SQLite's compound selects have no parentheses: they are evaluated from the left, and only plain selects are in them.
    fn operand(&mut self, query: &Query, leftmost: bool) {
        let plain = query.with.is_empty()
            && query.order.is_empty()
            && query.limit.is_none()
            && query.offset.is_none();
        match &query.body {
            Body::Select(_) if plain => self.collated_operand(query),
            Body::Set(set) if plain && leftmost => self.set(set),
            _ => {
                // The columns of a query in FROM lose the collations of what they are.
                self.raw("SELECT ");
                for (index, column) in query.columns.iter().enumerate() {
                    let number = index as u32 + 1;
                    self.number(if index > 0 { ", c" } else { "c" }, number);
                    self.collate(column.ty);
                    self.number(" AS c", number);
                }
                self.raw(if query.columns.is_empty() { "* FROM (" } else { " FROM (" });
                self.query(query);
                self.raw(")");
            }
        }
    }

    /// Rows are compared by the collations of the operands' columns.
    fn collated_operand(&mut self, query: &Query) {
        let Body::Select(select) = &query.body else { return };
        self.select_with(select, true);
    }

    fn select(&mut self, select: &Select) {
        self.select_with(select, select.distinct);
    }

    fn select_with(&mut self, select: &Select, collated: bool) {
        let Select { distinct, items, from, filter, group, having } = select;
        self.note_tables(from);
        self.raw(if *distinct { "SELECT DISTINCT " } else { "SELECT " });
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(", ");
            }
            // Only an aggregate in its list makes one row of all in SQLite.
            let grouped = index == 0 && select.is_silently_grouped();
            // A column of a query in FROM has the collation of its expression.
            let collation = self.collation_of(item).filter(|name| collated || *name == BINARY);
            self.raw(if grouped { "CASE WHEN count(*) >= 0 THEN " } else { "" });
            if collation.is_some() && !grouped {
                self.operand_of(item);
            } else {
                self.expr(item);
            }
            self.raw(if grouped { " END" } else { "" });
            if let Some(name) = collation {
                self.collate_by(name);
            }
            self.number(" AS c", index as u32 + 1);
        }
        if items.is_empty() {
            // PostgreSQL has rows without columns; SQLite does not, and the client sees none of it.
            self.raw(if select.is_silently_grouped() { "count(*)" } else { "NULL" });
        }
        self.from(from);
        if let Some(filter) = filter {
            self.raw(" WHERE ");
            self.expr(filter);
        }
        if let Some(group) = group {
            let keys: Vec<&Expr> = group.iter().filter(|key| !key.is_constant()).collect();
            if !keys.is_empty() {
                self.raw(" GROUP BY ");
                self.list(&keys, ", ", |printer, key| printer.key(key));
            } else if !group.is_empty() {
                self.raw(" GROUP BY NULL");
            }
        }
        if let Some(having) = having {
            self.raw(" HAVING ");
            self.expr(having);
        }
    }

    /// Prints `FROM` and what is in it.
    pub(crate) fn from(&mut self, from: &[Source]) {
        if from.is_empty() {
            return;
        }
        self.raw(" FROM ");
        for (index, source) in from.iter().enumerate() {
            if index > 0 {
                // SQLite keeps the order of a cross join's sides.
                let last = matches!(source, Source::Function { last: true, .. });
                self.raw(if last { " CROSS JOIN " } else { ", " });
            }
            self.source(source, index > 0);
        }
    }

    /// Says which relations are tables, before any of their columns is printed: a list of results comes before its `FROM`.
    pub(crate) fn note_tables(&mut self, from: &[Source]) {
        for source in from {
            match source {
                Source::Table { relation, name } => self.tables.push((*relation, name.clone())),
                Source::Join { left, right, .. } => {
                    self.note_tables(std::slice::from_ref(left));
                    self.note_tables(std::slice::from_ref(right));
                }
                Source::Derived { .. }
                | Source::Lateral { .. }
                | Source::Cte { .. }
                | Source::Function { .. } => {}
            }
        }
    }

    fn source(&mut self, source: &Source, nested: bool) {
        match source {
            Source::Table { relation, name } => {
                self.raw(name);
                self.number(" AS r", *relation);
            }
            Source::Derived { relation, query } => self.derived(*relation, query),
            Source::Lateral { relation, query } => self.lateral(*relation, query),
            Source::Cte { relation, number } => {
                self.number("w", *number);
                self.number(" AS r", *relation);
            }
            Source::Function { relation, name, arguments, last: _ } => {
                self.raw(name);
                self.raw("(");
                self.expressions(arguments);
                self.number(") AS r", *relation);
            }
            Source::Join { kind, left, right, on } => {
                // A comma binds as tightly as JOIN in SQLite; which of them is first matters to outer joins only.
                let parentheses = nested && contains_outer_join(source);
                self.raw(if parentheses { "(" } else { "" });
                self.source(left, false);
                self.raw(kind);
                self.joined(right);
                if let Some(on) = on {
                    self.raw(" ON ");
                    self.expr(on);
                }
                self.raw(if parentheses { ")" } else { "" });
            }
        }
    }

    /// Prints a query as a source. What gives something else each time is computed once a row: with OFFSET SQLite does not merge the
    /// query into the one around it.
    pub(crate) fn derived(&mut self, relation: u32, query: &Query) {
        self.raw("(");
        self.query(query);
        if query.offset.is_none() && walk::any_in_query(query, &walk::is_fresh_call) {
            self.raw(if query.limit.is_none() { " LIMIT -1 OFFSET 0" } else { " OFFSET 0" });
        }
        self.number(") AS r", relation);
    }

    fn joined(&mut self, source: &Source) {
        let parentheses = matches!(source, Source::Join { .. });
        self.raw(if parentheses { "(" } else { "" });
        self.source(source, false);
        self.raw(if parentheses { ")" } else { "" });
    }

    /// SQLite has no lateral subqueries, but a table-valued function may have one among its arguments: its rows are packed into one value
    /// and taken out of it again.
    fn lateral(&mut self, relation: u32, query: &Query) {
        self.raw("pg_rows((SELECT pg_pack(");
        for index in 1..=query.columns.len() {
            self.number(if index > 1 { ", c" } else { "c" }, index as u32);
        }
        self.raw(") FROM (");
        self.query(query);
        self.number("))) AS r", relation);
    }

    /// Prints `ORDER BY` with its keys.
    pub(crate) fn order_by(&mut self, order: &[Order]) {
        let kept: Vec<&Order> =
            order.iter().filter(|order| order.ordinal.is_some() || !order.key.is_constant()).collect();
        if kept.is_empty() {
            return;
        }
        self.raw(" ORDER BY ");
        self.list(&kept, ", ", |printer, order| printer.order(order));
    }

    /// The same with keys that are constants.
    pub(crate) fn order_by_all(&mut self, order: &[Order]) {
        self.raw(" ORDER BY ");
        self.list(order, ", ", super::Printer::order);
    }

    fn order(&mut self, order: &Order) {
        let Order { ordinal, key, descending, nulls_first } = order;
        match ordinal {
            Some(number) => {
                self.number("", *number as u32);
                self.collate(key.ty);
            }
            None => self.key(key),
        }
        if *descending {
            self.raw(" DESC");
        }
        // SQLite takes NULL as less than everything.
        if key.nullable && *nulls_first == *descending {
            self.raw(if *nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
        }
    }

    /// Prints a key of GROUP BY or ORDER BY. A number there is the place of an output, and SQLite makes a number of `'x' IS NULL`, and of a conjunction with it, as it reads them.
    fn key(&mut self, key: &Expr) {
        if !matches!(key.node, Node::IsNull { .. } | Node::And(_)) {
            return self.collated(key);
        }
        self.raw("NOT NOT (");
        self.expr(key);
        self.raw(")");
    }

    /// Prints a value that is compared by SQLite, with its collation.
    pub(crate) fn collated(&mut self, expr: &Expr) {
        match self.collation_of(expr) {
            Some(name) => {
                self.operand_of(expr);
                self.collate_by(name);
            }
            None => self.expr(expr),
        }
    }
}

impl Select {
    /// Whether its rows are one group though it has no aggregate in its list.
    fn is_silently_grouped(&self) -> bool {
        let grouped = |expr: &Expr| matches!(&expr.node, Node::Aggregate(call) if call.over.is_none());
        self.group.as_ref().is_some_and(Vec::is_empty)
            && !self.items.iter().any(|expr| walk::any(expr, false, &grouped))
    }
}

fn contains_outer_join(source: &Source) -> bool {
    match source {
        Source::Join { kind, left, right, on: _ } => {
            kind.contains("RIGHT")
                || kind.contains("FULL")
                || contains_outer_join(left)
                || contains_outer_join(right)
        }
        _ => false,
    }
}
