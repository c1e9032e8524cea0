//! Expressions.

use bole_sql_types::{Type, Value};

use super::{Printer, literal};
use crate::bind::tree::{Aggregate, Bound, Cell, Comparison, Expr, Frame, Node, Query, Source, Window};
use crate::bind::walk;
use crate::builtins::Spelling;

/// What SQLite answers with an error, in place of a call that has no spelling.
const UNRESOLVED: &str = "bole_unresolved_call()";

/// The order of bytes.
pub(crate) const BINARY: &str = "BINARY";

impl Printer<'_> {
    /// Prints an expression. In a longer one it needs parentheses: [`Self::operand_of`].
    pub(crate) fn expr(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Literal(value) => literal(&mut self.sql, value),
            // What is still unknown at the end is text.
            Node::Unknown(text) => literal(&mut self.sql, &Value::Text(text.clone())),
            Node::Parameter(number) => self.number("?", *number),
            Node::Column { relation, column } => self.column(*relation, *column),
            Node::Call { spelling, arguments, volatility: _ } => self.call(*spelling, arguments),
            Node::Collated { spelling, arguments } => self.collated_call(*spelling, arguments),
            Node::ArrayOf { query, element } => self.array_of(query, *element),
            Node::Aggregate(aggregate) => self.aggregate(aggregate),
            // Without sets of grouping all keys are grouped by.
            Node::Grouping(_) => self.raw("0"),
            Node::And(list) => self.balanced(list, " AND "),
            Node::Or(list) => self.balanced(list, " OR "),
            Node::Not(operand) => {
                self.raw("NOT ");
                self.operand_of(operand);
            }
            Node::Compare { operator, left, right } => {
                self.compare(*operator, left, right);
                if *operator == Comparison::Equal {
                    self.equal_without_affinity(left, right);
                }
            }
            Node::IsNull { operand, negated } => {
                self.operand_of(operand);
                self.raw(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Node::Is { operand, truth, negated } => {
                self.operand_of(operand);
                self.raw(if *negated { " IS NOT " } else { " IS " });
                self.raw(if *truth { "1" } else { "0" });
            }
            Node::Case { branches, otherwise } => {
                self.raw("CASE");
                self.branches(branches, otherwise.as_deref());
            }
            Node::Switch { operand, branches, otherwise } => {
                self.raw("CASE ");
                self.compared(operand);
                self.branches(branches, otherwise.as_deref());
            }
            Node::Coalesce(list) => self.coalesce(list),
            Node::InList { left, list, negated } => self.in_list(left, list, *negated),
            Node::InQuery { left, query, negated } => self.in_query(left, query, *negated),
            Node::Exists(query) => {
                self.raw("EXISTS (");
                self.query(query);
                self.raw(")");
            }
            Node::Scalar(query) => self.scalar(query),
            Node::Row(list) => {
                self.raw("(");
                self.expressions(list);
                self.raw(")");
            }
            Node::Quantified { condition, source, all } => self.quantified(condition, source, *all),
        }
    }

    /// Prints an expression so that whatever follows takes all of it.
    pub(crate) fn operand_of(&mut self, expr: &Expr) {
        let closed = match &expr.node {
            Node::Literal(Value::Integer(number)) => *number >= 0,
            Node::Literal(Value::Real(number)) => *number >= 0.0,
            Node::Call { spelling: Spelling::Template(text), .. } => {
                text.starts_with('(') || text.starts_with("CAST(")
            }
            Node::Literal(_)
            | Node::Unknown(_)
            | Node::Parameter(_)
            | Node::Column { .. }
            | Node::Call { .. }
            | Node::Aggregate(_)
            | Node::Grouping(_)
            | Node::Collated { .. }
            | Node::ArrayOf { .. }
            | Node::Case { .. }
            | Node::Switch { .. }
            | Node::Exists(_)
            | Node::Scalar(_)
            | Node::Quantified { .. }
            | Node::Row(_) => true,
            Node::Coalesce(list) => list.len() > 1,
            _ => false,
        };
        if closed {
            self.expr(expr);
        } else {
            self.raw("(");
            self.expr(expr);
            self.raw(")");
        }
    }

    fn column(&mut self, relation: u32, column: Cell) {
        match self.names.iter().find(|(named, _)| *named == relation) {
            Some((_, name)) if name.is_empty() => {}
            Some((_, name)) => {
                let name = name.clone();
                self.raw(&name);
                self.raw(".");
            }
            None => {
                self.number("r", relation);
                self.raw(".");
            }
        }
        match column {
            Cell::Number(number) => self.number("c", number),
            Cell::Name(name) => {
                self.raw("\"");
                self.raw(name);
                self.raw("\"");
            }
        }
    }

    fn call(&mut self, spelling: Spelling, arguments: &[Expr]) {
        match spelling {
            Spelling::Function(name) => {
                self.raw(name);
                self.raw("(");
                self.expressions(arguments);
                self.raw(")");
            }
            Spelling::Template(template) => self.template(template, arguments),
            // The binder leaves none of these in a tree.
            Spelling::Typed(_) | Spelling::Wrapped(..) | Spelling::Special => self.raw(UNRESOLVED),
        }
    }

    fn collated_call(&mut self, spelling: Spelling, arguments: &[Expr]) {
        let Spelling::Function(name) = spelling else { return self.raw(UNRESOLVED) };
        self.raw(name);
        self.raw("(");
        self.list(arguments, ", ", Self::collated);
        self.raw(")");
    }

    /// No row at all gives an empty array, unlike the aggregate.
    fn array_of(&mut self, query: &Query, element: Type) {
        self.raw("coalesce((SELECT pg_array_agg(pg_element(");
        self.number("", element.0);
        self.raw(", c1)) FROM (");
        self.query(query);
        self.raw(")), '{}')");
    }

    fn template(&mut self, template: &str, arguments: &[Expr]) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            self.raw(before);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = after[..digits].parse().unwrap_or(0);
            if let Some(argument) = number.checked_sub(1).and_then(|index| arguments.get(index)) {
                self.operand_of(argument);
            }
            rest = &after[digits..];
        }
        self.raw(rest);
    }

    /// Prints a chain as a tree of little depth: SQLite bounds it.
    fn balanced(&mut self, list: &[Expr], operator: &str) {
        match list {
            [] => {}
            [only] => self.operand_of(only),
            [left, right] => {
                self.operand_of(left);
                self.raw(operator);
                self.operand_of(right);
            }
            _ if list.len() <= 16 => self.list(list, operator, Self::operand_of),
            _ => {
                let (left, right) = list.split_at(list.len() / 2);
                self.raw("(");
                self.balanced(left, operator);
                self.raw(")");
                self.raw(operator);
                self.raw("(");
                self.balanced(right, operator);
                self.raw(")");
            }
        }
    }

    fn compare(&mut self, operator: Comparison, left: &Expr, right: &Expr) {
        self.compared_with(left, Some(right));
        self.raw(" ");
        self.raw(operator.sqlite());
        self.raw(" ");
        match &right.node {
            Node::Scalar(query) if matches!(left.node, Node::Row(_)) => {
                self.raw("(");
                self.query(query);
                self.raw(")");
            }
            _ => self.operand_of(right),
        }
    }

    /// Prints the equality of a rowid and a column of another kind once more, so that SQLite may find the other's rows by an index: the
    /// rowid has the affinity INTEGER, the columns of our tables have none, and SQLite uses no index on a column whose values it
    /// would have to convert. A `+` takes the affinity off.
    fn equal_without_affinity(&mut self, left: &Expr, right: &Expr) {
        let are_columns = [left, right].iter().all(|side| matches!(side.node, Node::Column { .. }));
        if !are_columns || self.is_rowid(left) == self.is_rowid(right) {
            return;
        }
        let (rowid, other) = if self.is_rowid(left) { (left, right) } else { (right, left) };
        self.raw(" AND ");
        self.expr(other);
        self.raw(" = +");
        self.expr(rowid);
    }

    /// Whether it is a column that is the rowid of its table.
    fn is_rowid(&self, expr: &Expr) -> bool {
        let Node::Column { relation, column: Cell::Number(number) } = expr.node else { return false };
        let Some((_, storage)) = self.tables.iter().find(|(noted, _)| *noted == relation) else {
            return false;
        };
        let table = self.catalog.tables().find(|table| table.storage == *storage);
        table.and_then(|table| table.rowid_column).is_some_and(|rowid| rowid as u32 == number)
    }

    /// Prints the left side of a comparison: its collation is the one that counts.
    fn compared(&mut self, left: &Expr) {
        self.compared_with(left, None);
    }

    /// The same, beside a right side whose collation would count if the left has none.
    fn compared_with(&mut self, left: &Expr, right: Option<&Expr>) {
        if let Node::Row(list) = &left.node {
            let rights = match right.map(|right| &right.node) {
                Some(Node::Row(rights)) => Some(rights),
                _ => None,
            };
            self.raw("(");
            for (index, left) in list.iter().enumerate() {
                self.raw(if index > 0 { ", " } else { "" });
                self.compared_with(left, rights.and_then(|rights| rights.get(index)));
            }
            self.raw(")");
            return;
        }
        self.operand_of(left);
        let by_right = || right.and_then(|right| self.collation_of(right)).filter(|name| *name == BINARY);
        if let Some(name) = self.collation_of(left).or_else(by_right) {
            self.collate_by(name);
        }
    }

    /// The collation that must be written at an expression: its type's, or the plain one where SQLite would take another from a part of it. To SQLite
    /// a `COLLATE` anywhere in the arguments of a function, or in the conditions of `CASE`, counts for the whole.
    pub(crate) fn collation_of(&self, expr: &Expr) -> Option<&'static str> {
        if let Some(collation) = self.collation(expr.ty) {
            return Some(collation.name());
        }
        // Numbers have one order.
        let is_number = matches!(
            expr.ty,
            Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8
        );
        let is_collated = |part: &Expr| self.collation(part.ty).is_some();
        (!is_number && walk::any(expr, false, &is_collated)).then_some(BINARY)
    }

    /// Prints the collation of a type, if it has one.
    pub(crate) fn collate(&mut self, ty: Type) {
        if let Some(collation) = self.collation(ty) {
            self.collate_by(collation.name());
        }
    }

    pub(crate) fn collate_by(&mut self, name: &str) {
        self.raw(" COLLATE ");
        self.raw(name);
    }

    fn branches(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) {
        for (condition, result) in branches {
            self.raw(" WHEN ");
            self.expr(condition);
            self.raw(" THEN ");
            self.expr(result);
        }
        if let Some(otherwise) = otherwise {
            self.raw(" ELSE ");
            self.expr(otherwise);
        }
        self.raw(" END");
    }

    fn coalesce(&mut self, list: &[Expr]) {
        if let [only] = list {
            self.operand_of(only);
        } else {
            self.raw("coalesce(");
            self.expressions(list);
            self.raw(")");
        }
    }

    fn in_list(&mut self, left: &Expr, list: &[Expr], negated: bool) {
        self.compared(left);
        self.raw(if negated { " NOT IN (" } else { " IN (" });
        if matches!(left.node, Node::Row(_)) {
            // Lists of rows are rows of VALUES.
            self.raw("VALUES ");
        }
        self.expressions(list);
        self.raw(")");
    }

    fn in_query(&mut self, left: &Expr, query: &Query, negated: bool) {
        self.compared(left);
        self.raw(if negated { " NOT IN (" } else { " IN (" });
        self.query(query);
        self.raw(")");
    }

    /// SQLite takes the first row of a scalar subquery, whatever comes after it; PostgreSQL reports a second one.
    pub(crate) fn scalar(&mut self, query: &Query) {
        if query.gives_one_row() {
            self.raw("(");
            self.query(query);
            self.raw(")");
            return;
        }
        self.raw("(SELECT CASE WHEN count(*) > 1 THEN pg_raise('21000', ");
        self.raw("'more than one row returned by a subquery used as an expression') ELSE c1 END");
        for index in 2..=query.columns.len() {
            self.number(", c", index as u32);
        }
        self.raw(" FROM (");
        self.query(query);
        self.raw(if query.limit.is_none() && query.offset.is_none() { " LIMIT 2))" } else { "))" });
    }

    /// `ANY` and `ALL`: of conditions that are not known and others that do not decide, nothing is known.
    fn quantified(&mut self, condition: &Expr, source: &Source, all: bool) {
        self.raw(if all {
            "(SELECT CASE WHEN min(b) = 0 THEN 0 WHEN count(*) > count(b) THEN NULL ELSE 1 END FROM (SELECT "
        } else {
            "(SELECT CASE WHEN max(b) = 1 THEN 1 WHEN count(*) > count(b) THEN NULL ELSE 0 END FROM (SELECT "
        });
        self.expr(condition);
        self.raw(" AS b");
        self.from(std::slice::from_ref(source));
        self.raw("))");
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        let Aggregate { spelling, arguments, star, distinct, order, filter, over } = aggregate;
        let name = match spelling {
            Spelling::Function(name) | Spelling::Template(name) => name,
            Spelling::Typed(_) | Spelling::Wrapped(..) | Spelling::Special => UNRESOLVED,
        };
        self.raw(name);
        // A frame that loses rows needs functions that can forget them.
        let moves = over.as_ref().and_then(|window| window.frame.as_ref());
        if name.starts_with("pg_") && moves.is_some_and(|frame| frame.start != Bound::UnboundedPreceding) {
            self.raw("_moving");
        }
        self.raw("(");
        if *star {
            self.raw("*");
        }
        if *distinct {
            self.raw("DISTINCT ");
        }
        self.list(arguments, ", ", super::Printer::collated);
        self.order_by(order);
        self.raw(")");
        if let Some(filter) = filter {
            self.raw(" FILTER (WHERE ");
            self.expr(filter);
            self.raw(")");
        }
        if let Some(window) = over {
            self.window(window);
        }
    }

    fn window(&mut self, window: &Window) {
        let Window { partition, order, frame } = window;
        self.raw(" OVER (");
        if !partition.is_empty() {
            self.raw("PARTITION BY ");
            self.list(partition, ", ", Self::collated);
        }
        match frame {
            // The offsets of RANGE are from the key, be it a constant.
            Some(Frame { units: "RANGE", .. }) if order.len() == 1 => self.order_by_all(order),
            _ => self.order_by(order),
        }
        if let Some(Frame { units, start, end }) = frame {
            self.raw(" ");
            self.raw(units);
            self.raw(" BETWEEN ");
            self.bound(start);
            self.raw(" AND ");
            self.bound(end);
        }
        self.raw(")");
    }

    fn bound(&mut self, bound: &Bound) {
        match bound {
            Bound::UnboundedPreceding => self.raw("UNBOUNDED PRECEDING"),
            Bound::CurrentRow => self.raw("CURRENT ROW"),
            Bound::UnboundedFollowing => self.raw("UNBOUNDED FOLLOWING"),
            Bound::Preceding(expr) => {
                self.operand_of(expr);
                self.raw(" PRECEDING");
            }
            Bound::Following(expr) => {
                self.operand_of(expr);
                self.raw(" FOLLOWING");
            }
        }
    }
}

impl Query {
    /// Whether it gives one row at most, seen from its shape.
    fn gives_one_row(&self) -> bool {
        use crate::bind::tree::Body;
        if let Some(Expr { node: Node::Literal(Value::Integer(0 | 1)), .. }) = self.limit {
            return true;
        }
        match &self.body {
            Body::Select(select) => match &select.group {
                Some(keys) => keys.is_empty(),
                None => select.from.is_empty(),
            },
            Body::Values(rows) => rows.len() == 1,
            Body::Set(_) => false,
            Body::Nested(query) => query.gives_one_row(),
        }
    }
}
