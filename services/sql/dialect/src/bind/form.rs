//! What is written as a function and is none: COALESCE, NULLIF, GREATEST and their like, and rows as JSON.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast;

use super::Binder;
use super::call::Call;
use super::tree::{Comparison, Expr, Node, Place};
use crate::builtins;

impl Binder<'_> {
    /// What is written as a function and is none.
    pub(super) fn syntax_function(
        &mut self,
        name: &str,
        call: &Call<'_>,
        place: Place,
    ) -> Result<Option<Expr>> {
        let arguments = &call.arguments;
        let plain = !call.star
            && call.within.is_empty()
            && !call.distinct
            && call.order.is_empty()
            && call.filter.is_none()
            && call.over.is_none();
        if !plain {
            return Ok(None);
        }
        let expr = match (name, arguments.len()) {
            ("coalesce", 1..) => {
                let list: Result<Vec<Expr>> = arguments.iter().map(|argument| self.expr(argument)).collect();
                let (list, ty) = self.unify(list?, "COALESCE")?;
                let nullable = list.iter().all(|expr| expr.nullable);
                let typmod = super::expression::common_modifier(list.iter());
                let expr = Expr { typmod, nullable, ..Expr::new(Node::Coalesce(list), ty) };
                self.refuse_sets(&expr, "COALESCE")?;
                expr
            }
            ("nullif", 2) => self.nullif(arguments[0], arguments[1], place)?,
            ("pg_typeof", 1) => {
                let argument = self.expr(arguments[0])?;
                typed(argument)
            }
            ("row_to_json" | "to_json" | "to_jsonb", 1) => {
                let Some(row) = self.whole_row(arguments[0])? else { return Ok(None) };
                let ty = if name == "to_jsonb" { Type::JSONB } else { Type::JSON };
                self.coerce(row, ty, -1, builtins::Context::Explicit)?
            }
            ("greatest" | "least", 1..) => self.extreme(name, arguments)?,
            ("normalize", 1 | 2) => {
                self.normalized("normalize", arguments[0], arguments.get(1).copied(), place)?
            }
            ("grouping", 1..) => {
                let list: Result<Vec<Expr>> = arguments.iter().map(|argument| self.expr(argument)).collect();
                self.level().has_aggregates = true;
                Expr::new(Node::Grouping(list?), Type::INT4).not_null()
            }
            _ => return Ok(None),
        };
        Ok(Some(expr.at(place)))
    }

    fn nullif(&mut self, left: &ast::Expr, right: &ast::Expr, place: Place) -> Result<Expr> {
        let left = self.expr(left)?;
        let right = self.expr(right)?;
        let left = if left.is_unknown() && right.is_unknown() { self.known(left)? } else { left };
        let test = self.compare(Comparison::Equal, left.clone(), right, place)?;
        if left.is_fresh() {
            return computed_once(test.node, &left);
        }
        // The result has the type that the operator `=` takes, where the types have none of their own.
        let left = match test.node.clone() {
            Node::Compare { left: compared, .. }
                if left.is_unknown()
                    || matches!(compared.ty, Type::TEXT | Type::NUMERIC) && left.ty != Type::NAME
                    || compared.ty == Type::FLOAT8 && left.ty != Type::FLOAT4 =>
            {
                *compared
            }
            _ => left,
        };
        let ty = left.ty;
        let null = Expr::literal(Value::Null, ty);
        let node = Node::Case { branches: vec![(test, null)], otherwise: Some(Box::new(left)) };
        Ok(Expr::new(node, ty))
    }

    /// GREATEST and LEAST ignore NULLs, SQLite's `max` and `min` do not; so each NULL gives way to another value.
    /// `normalize(text, form)` and `text IS form NORMALIZED`, whose form is a word of the syntax; NFC where there is none.
    fn normalized(
        &mut self,
        function: &str,
        of: &ast::Expr,
        form: Option<&ast::Expr>,
        place: Place,
    ) -> Result<Expr> {
        let form = match form {
            None => "NFC".to_owned(),
            Some(ast::Expr::Identifier(form)) => form.value.to_uppercase(),
            Some(other) => other.to_string(),
        };
        if !["NFC", "NFD", "NFKC", "NFKD"].contains(&form.as_str()) {
            let message = format!("syntax error at or near \"{form}\"");
            return Err(self.error_at(place, SqlState::SYNTAX_ERROR, message));
        }
        let of = self.expr(of)?;
        let form = Expr::literal(Value::Text(form), Type::TEXT);
        self.call_named(function, vec![of, form], place)
    }

    /// `IS NORMALIZED`, `IS NOT NFD NORMALIZED`.
    pub(super) fn is_normalized(
        &mut self,
        of: &ast::Expr,
        form: Option<ast::NormalizationForm>,
        negated: bool,
    ) -> Result<Expr> {
        let form = form.map(|form| ast::Expr::Identifier(ast::Ident::new(form.to_string())));
        let holds = self.normalized("is_normalized", of, form.as_ref(), Place::default())?;
        Ok(if negated { Expr::new(Node::Not(Box::new(holds)), Type::BOOL) } else { holds })
    }

    fn extreme(&mut self, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
        let list: Result<Vec<Expr>> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let (mut list, ty) = self.unify(list?, if name == "least" { "LEAST" } else { "GREATEST" })?;
        if !self.is_comparable(ty) {
            let message = format!("could not identify a comparison function for type {}", self.type_name(ty));
            return Err(Error::new(SqlState::UNDEFINED_FUNCTION, message));
        }
        if list.len() > 1 && list.iter().any(Expr::is_fresh) {
            return Err(Error::unsupported(format!("a volatile argument of {}", name.to_uppercase())));
        }
        let function = if name == "least" {
            // Of equal values the first one wins here and the last one in SQLite.
            list.reverse();
            "min"
        } else {
            "max"
        };
        if list.len() == 1 {
            return Ok(list.remove(0));
        }
        let nullable = list.iter().all(|expr| expr.nullable);
        let any_null = list.iter().any(|expr| expr.nullable);
        let filled = if any_null {
            (0..list.len())
                .map(|first| {
                    let mut choices = vec![list[first].clone()];
                    if list[first].nullable {
                        choices.extend(
                            list.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, e)| e.clone()),
                        );
                    }
                    Expr::new(Node::Coalesce(choices), ty)
                })
                .collect()
        } else {
            list
        };
        let call = Node::Collated { spelling: builtins::Spelling::Function(function), arguments: filled };
        Ok(Expr { nullable, ..Expr::new(call, ty) })
    }
}

/// `pg_typeof`: known without the value, which is computed all the same, as it may fail.
fn typed(argument: Expr) -> Expr {
    let answer = Expr::literal(Value::Integer(i64::from(argument.ty.0)), Type::REGTYPE);
    if argument.is_constant() || matches!(argument.node, Node::Column { .. }) {
        return answer;
    }
    let is_null = Expr::new(Node::IsNull { operand: Box::new(argument), negated: false }, Type::BOOL);
    let branches = vec![(is_null, answer.clone())];
    Expr::new(Node::Case { branches, otherwise: Some(Box::new(answer)) }, Type::REGTYPE).not_null()
}

/// NULLIF of a value that gives something else each time: SQLite's function of that name, which does not convert.
fn computed_once(test: Node, left: &Expr) -> Result<Expr> {
    match test {
        Node::Compare { operator: _, left: compared, right } if compared.ty == left.ty => {
            let ty = left.ty;
            let spelling = builtins::Spelling::Function("nullif");
            Ok(Expr::new(Node::Collated { spelling, arguments: vec![*compared, *right] }, ty))
        }
        _ => Err(Error::unsupported("a volatile argument of NULLIF that is converted")),
    }
}
