//! Predicates with a syntax of their own: IN, BETWEEN, LIKE, ANY, ALL, EXISTS.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, BinaryOperator, InTarget};

use super::Binder;
use super::ascii;
use super::coerce::integer;
use super::tree::{Body, Cell, Column, Comparison, Expr, Node, Place, Query, Select, Source};

/// The number of the relation that the elements of ANY's array are; others begin with 1.
const ELEMENTS: u32 = 0;

impl Binder<'_> {
    pub(super) fn predicate(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::Expr as E;
        match expr {
            E::In { expr, target, negated, global: false } => self.in_target(expr, target, *negated),
            E::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                let name = if *negated { "!~~" } else { "~~" };
                self.like(name, expr, pattern, escape_char.as_deref())
            }
            E::ILike { negated, any: false, expr, pattern, escape_char } => {
                let name = if *negated { "!~~*" } else { "~~*" };
                ascii::check_ilike(expr, pattern)?;
                self.like(name, expr, pattern, escape_char.as_deref())
            }
            E::Like { negated, any: true, expr, pattern, escape_char: None } => {
                let name = if *negated { "!~~" } else { "~~" };
                self.quantified(expr, &BinaryOperator::Custom(name.to_owned()), pattern, false)
            }
            E::ILike { negated, any: true, expr, pattern, escape_char: None } => {
                let name = if *negated { "!~~*" } else { "~~*" };
                self.quantified(expr, &BinaryOperator::Custom(name.to_owned()), pattern, false)
            }
            E::SimilarTo { negated, expr, pattern, escape_char } => {
                self.similar_to(expr, pattern, escape_char.as_deref(), *negated)
            }
            E::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(left, compare_op, right, false)
            }
            E::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true),
            other => Err(Error::unsupported(other)),
        }
    }

    fn in_target(&mut self, left: &ast::Expr, target: &InTarget, negated: bool) -> Result<Expr> {
        match target {
            InTarget::List(list) => self.in_list(left, list, negated),
            InTarget::Subquery(query) => {
                let left = self.row_or_expr(left)?;
                self.in_query(left, query, negated)
            }
            InTarget::Unnest(_) => Err(Error::unsupported("IN UNNEST")),
            InTarget::Table { .. } => Err(Error::unsupported("IN with a table")),
        }
    }

    fn in_list(&mut self, left: &ast::Expr, list: &[ast::Expr], negated: bool) -> Result<Expr> {
        let left = self.row_or_expr(left)?;
        let place = left.place;
        if matches!(left.node, Node::Row(_)) {
            return self.in_rows(&left, list, negated);
        }
        let mut all = vec![left];
        for expr in list {
            all.push(self.expr(expr)?);
        }
        // PostgreSQL compares each item by its own operator where there is no type in common.
        let common = self.common_type(&all.iter().collect::<Vec<_>>(), "IN");
        let Ok(common) = common else { return self.in_alternatives(all, negated, place) };
        if !self.is_comparable(common) {
            return self.in_alternatives(all, negated, place);
        }
        let nullable = all.iter().any(|expr| expr.nullable);
        let (mut all, _) = self.unify(all, "IN")?;
        let left = Box::new(all.remove(0));
        let node = Node::InList { left, list: all, negated };
        Ok(Expr { nullable, ..Expr::new(node, Type::BOOL).at(place) })
    }

    fn in_alternatives(&mut self, mut all: Vec<Expr>, negated: bool, place: Place) -> Result<Expr> {
        let left = all.remove(0);
        let comparison = if negated { Comparison::NotEqual } else { Comparison::Equal };
        let mut tests = Vec::with_capacity(all.len());
        for item in all {
            tests.push(self.compare(comparison, left.clone(), item, place)?);
        }
        let node = if negated { Node::And(tests) } else { Node::Or(tests) };
        Ok(Expr::new(node, Type::BOOL).at(place))
    }

    fn in_rows(&mut self, left: &Expr, list: &[ast::Expr], negated: bool) -> Result<Expr> {
        let mut tests = Vec::with_capacity(list.len());
        for item in list {
            let item = self.row_or_expr(item)?;
            let place = left.place;
            tests.push(self.compare(Comparison::Equal, left.clone(), item, place)?);
        }
        let any = Expr::new(Node::Or(tests), Type::BOOL);
        Ok(if negated { Expr::new(Node::Not(Box::new(any)), Type::BOOL) } else { any })
    }

    fn in_query(&mut self, left: Expr, query: &ast::Query, negated: bool) -> Result<Expr> {
        let place = left.place;
        let mut query = self.subquery(query)?;
        let lefts = match left.node {
            Node::Row(list) => list,
            _ => vec![left],
        };
        let differ = match query.columns.len().cmp(&lefts.len()) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => Some("subquery has too few columns"),
            std::cmp::Ordering::Greater => Some("subquery has too many columns"),
        };
        if let Some(message) = differ {
            return Err(self.error_at(place, SqlState::SYNTAX_ERROR, message));
        }
        let mut converted = Vec::with_capacity(lefts.len());
        for (index, left) in lefts.into_iter().enumerate() {
            let column = &query.columns[index];
            let stand_in = Expr::new(Node::Literal(Value::Null), column.ty);
            let of = column.ty;
            let (left, right) = self.comparable(Comparison::Equal, left, stand_in, place)?;
            if right.ty != of {
                query = self.convert_column(query, index, right.ty)?;
            }
            converted.push(left);
        }
        let left = match converted.len() {
            1 => converted.remove(0),
            _ => Expr::new(Node::Row(converted), Type::RECORD),
        };
        let node = Node::InQuery { left: Box::new(left), query: Box::new(query), negated };
        Ok(Expr::new(node, Type::BOOL).at(place))
    }

    fn between(
        &mut self,
        expr: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
    ) -> Result<Expr> {
        let value = self.expr(expr)?;
        let low = self.expr(low)?;
        let high = self.expr(high)?;
        let place = value.place;
        let (above, below) = if negated {
            (Comparison::Less, Comparison::Greater)
        } else {
            (Comparison::GreaterOrEqual, Comparison::LessOrEqual)
        };
        let first = self.compare(above, value.clone(), low, place)?;
        // The first comparison may have settled what a parameter is.
        let value = match (&value.node, &first.node) {
            (Node::Parameter(_), Node::Compare { left, .. }) if value.is_unknown() => left.as_ref().clone(),
            _ => value,
        };
        let second = self.compare(below, value, high, place)?;
        let nullable = first.nullable || second.nullable;
        let tests = vec![first, second];
        let node = if negated { Node::Or(tests) } else { Node::And(tests) };
        Ok(Expr { nullable, ..Expr::new(node, Type::BOOL).at(place) })
    }

    fn like(
        &mut self,
        name: &str,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let value = self.expr(expr)?;
        let mut pattern = self.expr(pattern)?;
        let place = value.place;
        if let Some(escape) = escape {
            let escape = self.expr(escape)?;
            pattern = self.call_named("like_escape", vec![pattern, escape], place)?;
        }
        self.apply_named(name, value, pattern, place)
    }

    fn similar_to(
        &mut self,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        negated: bool,
    ) -> Result<Expr> {
        let value = self.expr(expr)?;
        let mut arguments = vec![self.expr(pattern)?];
        if let Some(escape) = escape {
            arguments.push(self.expr(escape)?);
        }
        let place = value.place;
        let pattern = self.call_named("similar_to_escape", arguments, place)?;
        self.apply_named(if negated { "!~" } else { "~" }, value, pattern, place)
    }

    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool) -> Result<Expr> {
        let query = self.subquery(query)?;
        let exists = Expr::new(Node::Exists(Box::new(query)), Type::BOOL).not_null();
        Ok(if negated { Expr::new(Node::Not(Box::new(exists)), Type::BOOL).not_null() } else { exists })
    }

    pub(super) fn scalar_subquery(&mut self, query: &ast::Query) -> Result<Expr> {
        let query = self.subquery(query)?;
        let [column] = query.columns.as_slice() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery must return only one column"));
        };
        let (ty, typmod) = (column.ty, column.typmod);
        Ok(Expr { typmod, ..Expr::new(Node::Scalar(Box::new(query)), ty) })
    }

    fn quantified(
        &mut self,
        left: &ast::Expr,
        operator: &BinaryOperator,
        right: &ast::Expr,
        all: bool,
    ) -> Result<Expr> {
        let mut right = right;
        while let ast::Expr::Nested(inner) = right {
            right = inner;
        }
        let left = self.row_or_expr(left)?;
        if let ast::Expr::Subquery(query) = right {
            return self.quantified_query(left, operator, query, all);
        }
        let place = left.place;
        let array = self.expr(right)?;
        let array = self.array_for(array, &left)?;
        let Some(element) = self.element_of(array.ty) else {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message));
        };
        // The same number each time, so that the same test in GROUP BY and in the select list is seen to be the same. Of several in each
        // other the innermost is meant, and nothing in it names an outer one's elements.
        let relation = ELEMENTS;
        let item = Node::Column { relation, column: Cell::Name("v1") };
        let nullable_array = array.nullable;
        let arguments = vec![integer(i64::from(array.ty.0)), array.clone()];
        let source = Source::Function { relation, name: "pg_unnest", arguments, last: false };
        let condition = self.apply(operator, left, Expr::new(item, element), place)?;
        let found = simplified(condition, source, all, place);
        if !nullable_array {
            return Ok(found);
        }
        if array.is_fresh() {
            return Err(self.place(place, Error::unsupported("a volatile array of ANY or ALL")));
        }
        // Of an array that is NULL nothing is known.
        let is_null = Expr::new(Node::IsNull { operand: Box::new(array), negated: false }, Type::BOOL);
        let unknown = Expr::literal(Value::Null, Type::BOOL);
        let node = Node::Case { branches: vec![(is_null, unknown)], otherwise: Some(Box::new(found)) };
        Ok(Expr::new(node, Type::BOOL).at(place))
    }

    /// The right side of ANY: what is not known to be an array is one of the left side's type.
    fn array_for(&mut self, array: Expr, left: &Expr) -> Result<Expr> {
        if !array.is_unknown() {
            return Ok(array);
        }
        let element = if left.is_unknown() { Type::TEXT } else { left.ty };
        let ty = self
            .array_of(element)
            .ok_or_else(|| Error::unsupported(format!("an array of {}", self.type_name(element))))?;
        self.implicit(array, ty)
    }

    fn quantified_query(
        &mut self,
        left: Expr,
        operator: &BinaryOperator,
        query: &ast::Query,
        all: bool,
    ) -> Result<Expr> {
        match (operator, all) {
            (BinaryOperator::Eq, false) => return self.in_query(left, query, false),
            (BinaryOperator::NotEq, true) => return self.in_query(left, query, true),
            _ => {}
        }
        let place = left.place;
        let query = self.subquery(query)?;
        let [column] = query.columns.as_slice() else {
            return Err(self.place(place, Error::unsupported("ANY and ALL of rows")));
        };
        let ty = column.ty;
        let relation = self.number();
        let item = Expr::new(Node::Column { relation, column: Cell::Number(1) }, ty);
        let condition = self.apply(operator, left, item, place)?;
        let source = Box::new(Source::Derived { relation, query: Box::new(query) });
        let node = Node::Quantified { condition: Box::new(condition), source, all };
        Ok(Expr::new(node, Type::BOOL).at(place))
    }
}

/// `= ANY` and `<> ALL` are IN, which SQLite can look up in an index.
fn simplified(condition: Expr, source: Source, all: bool, place: Place) -> Expr {
    let in_query = |left: Box<Expr>, item: Expr, negated| {
        let column =
            Column { name: "unnest".to_owned(), ty: item.ty, typmod: -1, nullable: true, origin: None };
        let select = Select { items: vec![item], from: vec![source.clone()], ..Select::default() };
        let query = Query {
            with: Vec::new(),
            body: Body::Select(Box::new(select)),
            order: Vec::new(),
            limit: None,
            offset: None,
            columns: vec![column],
        };
        Expr::new(Node::InQuery { left, query: Box::new(query), negated }, Type::BOOL).at(place)
    };
    match condition.node {
        Node::Compare { operator: Comparison::Equal, left, right } if !all => in_query(left, *right, false),
        Node::Compare { operator: Comparison::NotEqual, left, right } if all => in_query(left, *right, true),
        node => {
            let condition = Box::new(Expr { node, ..Expr::new(Node::Row(Vec::new()), Type::BOOL) });
            Expr::new(Node::Quantified { condition, source: Box::new(source), all }, Type::BOOL).at(place)
        }
    }
}
