//! Operators: logic, comparisons, and those of the table.

use bole_sql_types::types::Category;
use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator};

use super::Binder;
use super::ascii;
use super::coerce::relabelled;
use super::resolve::{Candidate, Choice, spelled};
use super::tree::{Comparison, Expr, Node, Place};
use crate::builtins::{self, Operator, Spelling};
use crate::parse::{byte_of, position_of};

impl Binder<'_> {
    /// A binary operator. Chains are as deep as they are long in the syntax tree, so their left
    /// spine is walked in a loop.
    pub(super) fn binary(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let mut spine = Vec::new();
        let mut leftmost = expr;
        while let ast::Expr::BinaryOp { left, op, right } = leftmost {
            spine.push((op, left.as_ref(), right.as_ref()));
            leftmost = left;
        }
        let mut left = self.operand(leftmost)?;
        for (operator, left_syntax, right) in spine.into_iter().rev() {
            left = match operator {
                BinaryOperator::And => self.logical(left, right, true)?,
                BinaryOperator::Or => self.logical(left, right, false)?,
                operator => {
                    let place = left.place;
                    ascii::check_operator(operator, left_syntax, right)
                        .map_err(|error| self.at_operator(error, operator, left_syntax))?;
                    let right = self.operand(right)?;
                    self.apply(operator, left, right, place)
                        .map_err(|error| self.at_operator(error, operator, left_syntax))?
                }
            };
        }
        Ok(left)
    }

    /// An error about an operator has the operator's position, which the syntax tree does not have.
    fn at_operator(&self, mut error: Error, operator: &BinaryOperator, left: &ast::Expr) -> Error {
        if !error.message.starts_with("operator ") || self.text.is_empty() {
            return error;
        }
        let end = byte_of(self.text, left.span().end);
        let name = operator.to_string();
        let names = [name.as_str(), if name == "<>" { "!=" } else { name.as_str() }];
        let found = names.iter().filter_map(|name| self.text[end..].find(name)).min();
        if let Some(at) = found {
            error.more().position = Some(position_of(self.text, end + at));
        }
        error
    }

    /// An operand, which may be a row.
    fn operand(&mut self, expr: &ast::Expr) -> Result<Expr> {
        self.row_or_expr(expr)
    }

    fn logical(&mut self, left: Expr, right: &ast::Expr, and: bool) -> Result<Expr> {
        let clause = if and { "AND" } else { "OR" };
        let left = self.condition(left, clause)?;
        let right = self.expr(right)?;
        let right = self.condition(right, clause)?;
        let nullable = left.nullable || right.nullable;
        let place = left.place;
        let of_chain = |expr: Expr| match expr.node {
            Node::And(list) if and => list,
            Node::Or(list) if !and => list,
            _ => vec![expr],
        };
        let mut list = of_chain(left);
        list.append(&mut of_chain(right));
        let node = if and { Node::And(list) } else { Node::Or(list) };
        Ok(Expr { nullable, ..Expr::new(node, Type::BOOL).at(place) })
    }

    /// An operator between two values.
    pub(super) fn apply(
        &mut self,
        operator: &BinaryOperator,
        left: Expr,
        right: Expr,
        place: Place,
    ) -> Result<Expr> {
        let custom;
        let name = match operator {
            BinaryOperator::Overlaps => return self.overlaps(left, right, place),
            BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
                [name] => name.as_str(),
                [schema, name] if schema.eq_ignore_ascii_case("pg_catalog") => name.as_str(),
                _ => return Err(Error::unsupported(format!("operator {operator}"))),
            },
            BinaryOperator::Custom(name) => name.as_str(),
            BinaryOperator::NotEq => "<>",
            other => {
                custom = other.to_string();
                custom.as_str()
            }
        };
        self.apply_named(name, left, right, place)
    }

    /// An operator between two values, by its name.
    pub(super) fn apply_named(&mut self, name: &str, left: Expr, right: Expr, place: Place) -> Result<Expr> {
        let name = if name == "!=" { "<>" } else { name };
        let comparison =
            Comparison::ALL.iter().find(|(_, known, _)| *known == name).map(|(comparison, ..)| *comparison);
        if let Some(comparison) = comparison {
            return self.compare(comparison, left, right, place);
        }
        if matches!(left.node, Node::Row(_)) || matches!(right.node, Node::Row(_)) {
            return Err(self.place(place, Error::unsupported(format!("operator {name} between rows"))));
        }
        let mut types = [left.ty, right.ty];
        let candidates: Vec<Candidate<&Operator>> = builtins::operators(name)
            .filter_map(|operator| {
                Some(Candidate { types: vec![operator.left?, operator.right], of: operator })
            })
            .collect();
        // A literal is taken for the other side's type if there is an operator for it.
        let assumed = match types {
            [Type::UNKNOWN, right] if right != Type::UNKNOWN => Some([right, right]),
            [left, Type::UNKNOWN] if left != Type::UNKNOWN => Some([left, left]),
            _ => None,
        };
        if let Some(assumed) = assumed
            && candidates.iter().any(|candidate| candidate.types == assumed)
        {
            types = assumed;
        }
        match self.choose(&types, candidates) {
            Choice::One(candidate) => self.operate(candidate.of, vec![left, right], place),
            Choice::Ambiguous => Err(self.no_operator(name, Some(types[0]), types[1], true, place)),
            Choice::None => Err(self.no_operator(name, Some(types[0]), types[1], false, place)),
        }
    }

    fn operate(&mut self, operator: &Operator, arguments: Vec<Expr>, place: Place) -> Result<Expr> {
        if operator.spelling == Spelling::Wrapped("pg_concat_text", "pg_output") {
            // PostgreSQL casts what is no text to text, which is not the output of every type.
            let mut texts = Vec::with_capacity(2);
            for argument in arguments {
                texts.push(self.coerce(argument, Type::TEXT, -1, builtins::Context::Explicit)?);
            }
            return Ok(Expr::call(Spelling::Template("($1 || $2)"), texts, Type::TEXT).at(place));
        }
        let declared: Vec<Type> = operator.left.into_iter().chain([operator.right]).collect();
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        let actual = self.actual(&declared, &types).unwrap_or_default();
        let nullable = arguments.iter().any(|argument| argument.nullable);
        let mut converted = Vec::with_capacity(arguments.len());
        for (argument, declared) in arguments.into_iter().zip(&declared) {
            let target = self.concrete(*declared, actual).unwrap_or(Type::TEXT);
            converted.push(self.implicit(argument, target)?);
        }
        let result = self.concrete(operator.result, actual).unwrap_or(operator.result);
        let (spelling, arguments) = spelled(operator.spelling, &declared, converted);
        Ok(Expr {
            nullable: nullable || operator.name != "||",
            ..Expr::call(spelling, arguments, result).at(place)
        })
    }

    fn no_operator(
        &self,
        name: &str,
        left: Option<Type>,
        right: Type,
        ambiguous: bool,
        place: Place,
    ) -> Error {
        if builtins::lacks_operator(name) {
            return self.place(place, Error::unsupported(format!("operator {name}")));
        }
        let right = self.type_name(right);
        let call = match left {
            Some(left) => format!("{} {name} {right}", self.type_name(left)),
            None => format!("{name} {right}"),
        };
        if ambiguous {
            return self
                .error_at(place, SqlState::AMBIGUOUS_FUNCTION, format!("operator is not unique: {call}"))
                .with_hint(
                    "Could not choose a best candidate operator. You might need to add explicit type casts.",
                );
        }
        let hint = if left.is_some() {
            "No operator matches the given name and argument types. You might need to add explicit type casts."
        } else {
            "No operator matches the given name and argument type. You might need to add an explicit type cast."
        };
        self.error_at(place, SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {call}"))
            .with_hint(hint)
    }

    /// An operator before a value.
    pub(super) fn unary(&mut self, operator: UnaryOperator, operand: &ast::Expr) -> Result<Expr> {
        if operator == UnaryOperator::Not {
            let operand = self.expr(operand)?;
            let operand = self.condition(operand, "NOT")?;
            let (nullable, place) = (operand.nullable, operand.place);
            return Ok(Expr { nullable, ..Expr::new(Node::Not(Box::new(operand)), Type::BOOL).at(place) });
        }
        if operator == UnaryOperator::Minus
            && let ast::Expr::Value(value) = operand
            && let ast::Value::Number(text, false) = &value.value
        {
            let place = super::names::place_of(value.span);
            return Ok(super::literal::number(&format!("-{text}"))?.at(place));
        }
        let operand = self.expr(operand)?;
        let place = operand.place;
        let name = operator.to_string();
        let candidates: Vec<Candidate<&Operator>> = builtins::operators(&name)
            .filter(|operator| operator.left.is_none())
            .map(|operator| Candidate { types: vec![operator.right], of: operator })
            .collect();
        if candidates.is_empty()
            && operator == UnaryOperator::Plus
            && self.category(operand.ty) == Category::Numeric
        {
            return Ok(operand);
        }
        match self.choose(&[operand.ty], candidates) {
            Choice::One(candidate) => self.operate(candidate.of, vec![operand], place),
            Choice::Ambiguous => Err(self.no_operator(&name, None, operand.ty, true, place)),
            Choice::None => Err(self.no_operator(&name, None, operand.ty, false, place)),
        }
    }

    /// A comparison of values or rows.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: Expr,
        right: Expr,
        place: Place,
    ) -> Result<Expr> {
        let is_row = |expr: &Expr| matches!(expr.node, Node::Row(_));
        let (left, right) = match (is_row(&left), is_row(&right)) {
            (false, false) => self.comparable(comparison, left, right, place)?,
            (true, true) => self.comparable_rows(comparison, left, right, place)?,
            _ => {
                return Err(
                    self.place(place, Error::unsupported("a comparison of a row with what is no row"))
                );
            }
        };
        let tests_nulls = matches!(comparison, Comparison::Distinct | Comparison::NotDistinct);
        let nullable = !tests_nulls && (left.nullable || right.nullable);
        let node = Node::Compare { operator: comparison, left: Box::new(left), right: Box::new(right) };
        Ok(Expr { nullable, ..Expr::new(node, Type::BOOL).at(place) })
    }

    fn comparable_rows(
        &mut self,
        comparison: Comparison,
        left: Expr,
        right: Expr,
        place: Place,
    ) -> Result<(Expr, Expr)> {
        let nullable = left.nullable || right.nullable;
        let (Node::Row(left), Node::Row(right)) = (left.node, right.node) else {
            return Err(self.place(place, Error::unsupported("a comparison of a row with what is no row")));
        };
        if left.len() != right.len() {
            return Err(self.error_at(
                place,
                SqlState::SYNTAX_ERROR,
                "unequal number of entries in row expressions",
            ));
        }
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (left, right) in left.into_iter().zip(right) {
            let (left, right) = self.comparable(comparison, left, right, place)?;
            lefts.push(left);
            rights.push(right);
        }
        let row = |list| Expr { nullable, ..Expr::new(Node::Row(list), Type::RECORD) };
        Ok((row(lefts), row(rights)))
    }

    /// Two values as ones of a type that SQLite compares as PostgreSQL does.
    pub(super) fn comparable(
        &mut self,
        comparison: Comparison,
        left: Expr,
        right: Expr,
        place: Place,
    ) -> Result<(Expr, Expr)> {
        let name = match comparison {
            Comparison::Distinct | Comparison::NotDistinct => "=",
            other => Comparison::ALL[other as usize].1,
        };
        let (left_type, right_type) = (left.ty, right.ty);
        let Some((left_target, right_target)) = self.comparison_types(left_type, right_type) else {
            return Err(self.no_operator(name, Some(left_type), right_type, false, place));
        };
        let left = self.as_compared(left, left_target)?;
        let right = self.as_compared(right, right_target)?;
        Ok((left, right))
    }

    fn as_compared(&mut self, expr: Expr, target: Type) -> Result<Expr> {
        let same_form = |ty| matches!(ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::OID);
        if same_form(expr.ty) && same_form(target) {
            return Ok(relabelled(expr, target));
        }
        if matches!(expr.ty, Type::TEXT | Type::VARCHAR | Type::NAME) && target == Type::TEXT {
            return Ok(relabelled(expr, target));
        }
        self.coerce(expr, target, -1, builtins::Context::Explicit)
    }

    /// The types that both sides of a comparison are converted to; `None` if there is no such operator.
    fn comparison_types(&self, left: Type, right: Type) -> Option<(Type, Type)> {
        let (left, right) = match (left, right) {
            (Type::UNKNOWN, Type::UNKNOWN) => return Some((Type::TEXT, Type::TEXT)),
            (Type::UNKNOWN, known) | (known, Type::UNKNOWN) => (known, known),
            both => both,
        };
        let both = |ty| Some((ty, ty));
        if left == right {
            return match left {
                Type::VARCHAR => both(Type::TEXT),
                Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGNAMESPACE => both(Type::OID),
                Type::JSON | Type::JSONPATH | Type::VOID | Type::RECORD => None,
                _ => both(left),
            };
        }
        match (self.category(left), self.category(right)) {
            (Category::Numeric, Category::Numeric) => Some(numbers(left, right)),
            // `text` is preferred to `character`, but `character varying` is not.
            _ if matches!((left, right), (Type::VARCHAR, Type::BPCHAR) | (Type::BPCHAR, Type::VARCHAR)) => {
                both(Type::BPCHAR)
            }
            (Category::String | Category::Internal, Category::String | Category::Internal) => {
                both(Type::TEXT)
            }
            (Category::DateTime, Category::DateTime) => times(left, right).and_then(both),
            _ => None,
        }
    }

    /// The type in which values of one are compared for a list or a quantifier, if there is any.
    pub(super) fn is_comparable(&self, ty: Type) -> bool {
        self.comparison_types(ty, ty).is_some()
    }
}

fn numbers(left: Type, right: Type) -> (Type, Type) {
    let is = |ty: Type| left == ty || right == ty;
    if is(Type::FLOAT8) || is(Type::FLOAT4) {
        (Type::FLOAT8, Type::FLOAT8)
    } else if is(Type::NUMERIC) {
        (Type::NUMERIC, Type::NUMERIC)
    } else if is(Type::INT2) || is(Type::INT4) || is(Type::INT8) {
        (Type::INT8, Type::INT8)
    } else {
        (Type::OID, Type::OID)
    }
}

fn times(left: Type, right: Type) -> Option<Type> {
    let is = |ty: Type| left == ty || right == ty;
    match () {
        () if is(Type::TIME) => None,
        () if is(Type::TIMESTAMPTZ) => Some(Type::TIMESTAMPTZ),
        () => Some(Type::TIMESTAMP),
    }
}
