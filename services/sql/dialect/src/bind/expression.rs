//! Expressions, by the kind of their syntax node.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, CastKind, TypedString};

use super::Binder;
use super::coerce::relabelled;
use super::names::place_of;
use super::tree::{Comparison, Expr, Node};
use crate::builtins::Context;

impl Binder<'_> {
    /// An expression that is one value.
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::Expr as E;
        match expr {
            E::Identifier(ident) => self.identifier(ident),
            E::CompoundIdentifier(idents) => self.qualified_column(idents),
            E::Value(value) => self.constant(value),
            E::Nested(inner) => self.expr(inner),
            E::BinaryOp { .. } => self.binary(expr),
            E::UnaryOp { op, expr } => self.unary(*op, expr),
            E::Cast { kind, expr, data_type, format } => self.cast(kind, expr, data_type, format.as_ref()),
            E::TypedString(TypedString { data_type, value, uses_odbc_syntax }) => {
                if *uses_odbc_syntax {
                    return Err(Error::unsupported("ODBC syntax"));
                }
                self.typed_literal(data_type, value)
            }
            E::Function(function) => self.function(function),
            E::Case { case_token, end_token: _, operand, conditions, else_result } => {
                let place = place_of(case_token.0.span);
                self.case(operand.as_deref(), conditions, else_result.as_deref()).map(|expr| expr.at(place))
            }
            E::IsNull(_)
            | E::IsNotNull(_)
            | E::IsTrue(_)
            | E::IsNotTrue(_)
            | E::IsFalse(_)
            | E::IsNotFalse(_)
            | E::IsUnknown(_)
            | E::IsNotUnknown(_) => self.is_test(expr),
            E::IsDistinctFrom(left, right) => self.distinct_from(left, right, Comparison::Distinct),
            E::IsNotDistinctFrom(left, right) => self.distinct_from(left, right, Comparison::NotDistinct),
            E::In { .. }
            | E::Between { .. }
            | E::Like { .. }
            | E::ILike { .. }
            | E::SimilarTo { .. }
            | E::AnyOp { .. }
            | E::AllOp { .. } => self.predicate(expr),
            E::Exists { subquery, negated } => self.exists(subquery, *negated),
            E::Subquery(query) => self.scalar_subquery(query),
            E::Tuple(_) => Err(Error::unsupported("a row as a value")),
            other => self.special(other),
        }
    }

    /// A row of expressions, or one value.
    pub(super) fn row_or_expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        match expr {
            ast::Expr::Tuple(list) => {
                let list: Result<Vec<Expr>> = list.iter().map(|expr| self.expr(expr)).collect();
                Ok(Expr::new(Node::Row(list?), Type::RECORD))
            }
            ast::Expr::Nested(inner) => self.row_or_expr(inner),
            other => self.expr(other),
        }
    }

    fn identifier(&mut self, ident: &ast::Ident) -> Result<Expr> {
        // Functions that are called without parentheses come as functions; DEFAULT comes as a name.
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") {
            let message = "DEFAULT is not allowed in this context";
            return Err(self.error_at(place_of(ident.span), SqlState::SYNTAX_ERROR, message));
        }
        let keyword = ident.value.to_ascii_lowercase();
        if ident.quote_style.is_none()
            && matches!(keyword.as_str(), "current_schema" | "current_role" | "current_catalog")
        {
            return self.keyword_function(&keyword, place_of(ident.span));
        }
        self.column(ident)
    }

    fn cast(
        &mut self,
        kind: &CastKind,
        expr: &ast::Expr,
        data_type: &ast::DataType,
        format: Option<&ast::CastFormat>,
    ) -> Result<Expr> {
        if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
            return Err(Error::unsupported("TRY_CAST"));
        }
        if format.is_some() {
            return Err(Error::unsupported("FORMAT of a cast"));
        }
        let (ty, typmod) = self.data_type(data_type)?;
        if let (ast::Expr::Array(array), Some(element)) = (expr, self.element_of(ty)) {
            let array = self.array(array, Some((element, ty)))?;
            return self.modified(array, typmod, Context::Explicit);
        }
        let bound = self.expr(expr)?;
        let parameter = matches!(bound.node, Node::Parameter(_));
        let bound = self.coerce(bound, ty, if parameter { -1 } else { typmod }, Context::Explicit)?;
        if parameter && typmod >= 0 {
            return self.coerce(bound, ty, typmod, Context::Explicit);
        }
        Ok(bound)
    }

    fn typed_literal(&mut self, data_type: &ast::DataType, value: &ast::ValueWithSpan) -> Result<Expr> {
        let (ty, typmod) = self.data_type(data_type)?;
        let literal = self.constant(value)?;
        self.coerce(literal, ty, typmod, Context::Explicit)
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let operand = match operand {
            Some(operand) => {
                let bound = self.expr(operand)?;
                Some(self.known(bound)?)
            }
            None => None,
        };
        let fresh = operand.as_ref().is_some_and(Expr::is_fresh);
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        // PostgreSQL lets the type of ELSE decide before the others.
        let mut last = match otherwise {
            Some(otherwise) => Some(self.expr(otherwise)?),
            None => None,
        };
        for ast::CaseWhen { condition, result } in conditions {
            let condition = self.expr(condition)?;
            let place = condition.place;
            tests.push(match &operand {
                Some(operand) => self.compare(Comparison::Equal, operand.clone(), condition, place)?,
                None => self.condition(condition, "CASE/WHEN")?,
            });
            results.push(self.expr(result)?);
        }
        let has_else = last.is_some();
        let mut all: Vec<Expr> = last.take().into_iter().collect();
        all.append(&mut results);
        let (mut all, ty) = self.unify(all, "CASE")?;
        let otherwise = if has_else { Some(Box::new(all.remove(0))) } else { None };
        let nullable =
            otherwise.as_ref().is_none_or(|expr| expr.nullable) || all.iter().any(|expr| expr.nullable);
        let typmod = common_modifier(all.iter().chain(otherwise.as_deref()));
        let branches: Vec<(Expr, Expr)> = tests.into_iter().zip(all).collect();
        let node = if fresh { switch(branches, otherwise)? } else { Node::Case { branches, otherwise } };
        let expr = Expr { typmod, nullable, ..Expr::new(node, ty) };
        self.refuse_sets(&expr, "CASE")?;
        Ok(expr)
    }

    fn is_test(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::Expr as E;
        let (operand, null, truth, negated) = match expr {
            E::IsNull(operand) => (operand, true, true, false),
            E::IsNotNull(operand) => (operand, true, true, true),
            E::IsUnknown(operand) => (operand, true, false, false),
            E::IsNotUnknown(operand) => (operand, true, false, true),
            E::IsTrue(operand) => (operand, false, true, false),
            E::IsNotTrue(operand) => (operand, false, true, true),
            E::IsFalse(operand) => (operand, false, false, false),
            E::IsNotFalse(operand) => (operand, false, false, true),
            _ => return Err(Error::unsupported(expr)),
        };
        let mut bound = if null && truth { self.row_or_expr(operand)? } else { self.expr(operand)? };
        let place = bound.place;
        if let Node::Row(list) = bound.node {
            return self.row_is_null(list, negated);
        }
        if null && truth {
            // The type of a parameter stays to be determined; a literal's does not matter.
            if !matches!(bound.node, Node::Parameter(_)) {
                bound = self.known(bound)?;
            }
        } else {
            let clause = if null {
                "IS UNKNOWN"
            } else if truth {
                "IS TRUE"
            } else {
                "IS FALSE"
            };
            bound = self.condition(bound, clause)?;
        }
        let operand = Box::new(bound);
        let node =
            if null { Node::IsNull { operand, negated } } else { Node::Is { operand, truth, negated } };
        Ok(Expr::new(node, Type::BOOL).at(place).not_null())
    }

    /// A row is NULL if all of its values are, and not NULL if none is.
    fn row_is_null(&mut self, list: Vec<Expr>, negated: bool) -> Result<Expr> {
        let mut tests = Vec::with_capacity(list.len());
        for value in list {
            let operand = Box::new(self.known(value)?);
            tests.push(Expr::new(Node::IsNull { operand, negated }, Type::BOOL).not_null());
        }
        Ok(match tests.len() {
            0 => Expr::literal(Value::Integer(1), Type::BOOL),
            1 => tests.remove(0),
            _ => Expr::new(Node::And(tests), Type::BOOL).not_null(),
        })
    }

    fn distinct_from(&mut self, left: &ast::Expr, right: &ast::Expr, comparison: Comparison) -> Result<Expr> {
        let left = self.row_or_expr(left)?;
        let right = self.row_or_expr(right)?;
        let place = left.place;
        self.compare(comparison, left, right, place)
    }

    /// `ARRAY[…]`; with a target its elements are of that type.
    pub(super) fn array(&mut self, array: &ast::Array, target: Option<(Type, Type)>) -> Result<Expr> {
        let ast::Array { elem, named: _ } = array;
        let mut elements = Vec::with_capacity(elem.len());
        for element in elem {
            elements.push(match element {
                ast::Expr::Array(inner) => self.array(inner, target)?,
                other => self.expr(other)?,
            });
        }
        let nested = elements.iter().any(|element| self.element_of(element.ty).is_some());
        let (elements, element) = match target {
            _ if nested => self.unify(elements, "ARRAY")?,
            Some((element, _)) => {
                let list: Result<Vec<Expr>> = elements
                    .into_iter()
                    .map(|expr| self.coerce(expr, element, -1, Context::Explicit))
                    .collect();
                (list?, element)
            }
            None if elements.is_empty() => {
                return Err(Error::new(
                    SqlState::INDETERMINATE_DATATYPE,
                    "cannot determine type of empty array",
                )
                .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
            }
            None => self.unify(elements, "ARRAY")?,
        };
        if nested {
            let call = crate::builtins::Spelling::Function("pg_array_of_arrays");
            return Ok(Expr::call(call, elements, element).not_null());
        }
        let ty = self
            .array_of(element)
            .ok_or_else(|| Error::unsupported(format!("an array of {}", self.type_name(element))))?;
        let elements = elements
            .into_iter()
            .map(|expr| {
                let oid = super::coerce::integer(i64::from(expr.ty.0));
                let call = crate::builtins::Spelling::Function("pg_element");
                Expr::call(call, vec![oid, expr], Type::TEXT)
            })
            .collect();
        let call = crate::builtins::Spelling::Function("pg_array");
        Ok(relabelled(Expr::call(call, elements, ty), ty).not_null())
    }
}

/// CASE whose operand gives something else each time, out of comparisons with it.
fn switch(branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>>) -> Result<Node> {
    let mut operand: Option<Box<Expr>> = None;
    let mut values = Vec::with_capacity(branches.len());
    for (test, result) in branches {
        match test.node {
            Node::Compare { operator: Comparison::Equal, left, right }
                if operand.as_ref().is_none_or(|operand| *operand == left) =>
            {
                operand = Some(left);
                values.push((*right, result));
            }
            _ => return Err(Error::unsupported("a volatile operand of CASE beside values of several types")),
        }
    }
    match operand {
        Some(operand) => Ok(Node::Switch { operand, branches: values, otherwise }),
        None => Err(Error::unsupported("CASE without WHEN")),
    }
}

/// The modifier that all have, or none.
pub(super) fn common_modifier<'a>(mut all: impl Iterator<Item = &'a Expr>) -> i32 {
    let Some(first) = all.next() else { return -1 };
    if all.all(|expr| expr.typmod == first.typmod) { first.typmod } else { -1 }
}
