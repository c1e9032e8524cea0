//! Conversions between types: which there are, and what they are in SQLite.

use bole_sql_types::types::Category;
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use super::Binder;
use super::tree::{Expr, Node, Place};
use crate::builtins::{self, Context, Spelling};
use crate::catalog::Object;

/// Types whose values are OIDs of what their text names.
const fn is_object(ty: Type) -> bool {
    matches!(ty, Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGNAMESPACE)
}

/// What stands for several types in a table of functions.
pub(super) const fn is_polymorphic(ty: Type) -> bool {
    matches!(
        ty,
        Type::ANY
            | Type::ANYELEMENT
            | Type::ANYARRAY
            | Type::ANYNONARRAY
            | Type::ANYENUM
            | Type::ANYCOMPATIBLE
            | Type::ANYCOMPATIBLEARRAY
    )
}

impl Binder<'_> {
    /// Whether values of a type may be converted in a context.
    pub(super) fn can_coerce(&self, from: Type, to: Type, context: Context) -> bool {
        if from == to || from == Type::UNKNOWN {
            return true;
        }
        match to {
            Type::ANY | Type::ANYELEMENT | Type::ANYCOMPATIBLE => return true,
            Type::ANYNONARRAY => return self.element_of(from).is_none(),
            Type::ANYARRAY | Type::ANYCOMPATIBLEARRAY => return self.element_of(from).is_some(),
            Type::ANYENUM => return self.category(from) == Category::Enum,
            _ => {}
        }
        if let Some(cast) = builtins::cast(from, to) {
            return cast.context <= context;
        }
        if matches!(from, Type::RECORD | Type::VOID) || matches!(to, Type::RECORD | Type::VOID) {
            return false;
        }
        if let (Some(from), Some(to)) = (self.element_of(from), self.element_of(to)) {
            return self.can_coerce(from, to, context);
        }
        (context >= Context::Assignment && self.category(to) == Category::String)
            || (context == Context::Explicit && self.category(from) == Category::String)
    }

    /// The value as one of another type. Errors: 42846 if there is no such conversion in the context.
    pub(super) fn coerce(&mut self, expr: Expr, to: Type, typmod: i32, context: Context) -> Result<Expr> {
        if expr.is_unknown() {
            let expr = self.known_as(expr, to)?;
            return self.modified(expr, typmod, context);
        }
        let from = expr.ty;
        if from == to {
            return self.modified(expr, typmod, context);
        }
        if !self.can_coerce(from, to, context) {
            let (from, to) = (self.type_name(from), self.type_name(to));
            let message = format!("cannot cast type {from} to {to}");
            return Err(self.error_at(expr.place, SqlState::CANNOT_COERCE, message));
        }
        let converted = self.convert(expr, to)?;
        self.modified(converted, typmod, context)
    }

    /// Implicitly, without a modifier.
    pub(super) fn implicit(&mut self, expr: Expr, to: Type) -> Result<Expr> {
        self.coerce(expr, to, -1, Context::Implicit)
    }

    /// A value whose type follows from where it is used.
    fn known_as(&mut self, expr: Expr, to: Type) -> Result<Expr> {
        let Expr { node, ty: _, typmod: _, place, nullable } = expr;
        match node {
            Node::Unknown(text) if is_object(to) => self.object_literal(&text, to, place),
            Node::Unknown(text) => {
                let value = self.input(&text, to, place)?;
                Ok(Expr::literal(value, to).at(place))
            }
            Node::Parameter(number) => {
                let slot = &mut self.parameters[number as usize - 1];
                if slot.0 == 0 {
                    *slot = to;
                } else if *slot != to {
                    let known = *slot;
                    let message = format!("inconsistent types deduced for parameter ${number}");
                    let detail = format!("{} versus {}", self.type_name(known), self.type_name(to));
                    return Err(self.error_at(place, SqlState(*b"42P08"), message).with_detail(detail));
                }
                Ok(Expr { node: Node::Parameter(number), ty: to, typmod: -1, place, nullable })
            }
            node => Ok(Expr { node, ty: to, typmod: -1, place, nullable }),
        }
    }

    /// A literal of `regclass` and its like: a number, or a name that the catalog knows; others are looked up when they are evaluated.
    fn object_literal(&mut self, text: &str, ty: Type, place: Place) -> Result<Expr> {
        let found = match ty {
            _ if text == "-" => Some(0),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Type::REGCLASS => self.relation_oid(text),
            _ => None,
        };
        if let Some(oid) = found {
            return Ok(Expr::literal(Value::Integer(i64::from(oid)), ty).at(place));
        }
        let literal = Expr::literal(Value::Text(text.to_owned()), Type::TEXT).at(place);
        match builtins::input(ty) {
            Some(spelling) => Ok(called(spelling, vec![literal], ty)),
            None => {
                Err(self.place(place, Error::unsupported(format!("a literal of {}", self.type_name(ty)))))
            }
        }
    }

    /// The OID of the relation that a name in text means.
    fn relation_oid(&self, text: &str) -> Option<u32> {
        let parts: Vec<String> = text
            .split('.')
            .map(|part| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
                Some(quoted) => quoted.replace("\"\"", "\""),
                None => part.to_ascii_lowercase(),
            })
            .collect();
        let object = match parts.as_slice() {
            [name] => self.find_relation(None, name)?,
            [schema, name] => self.find_relation(Some(schema), name)?,
            _ => return None,
        };
        match object {
            Object::Table(table) => Some(table.oid),
            Object::View(view) => Some(view.oid),
            Object::Index(index) => Some(index.oid),
            Object::Sequence(sequence) => Some(sequence.oid),
            Object::Schema(_) | Object::Enum(_) => None,
        }
    }

    /// The value as text, if its type is not known by now.
    pub(super) fn known(&mut self, expr: Expr) -> Result<Expr> {
        if expr.is_unknown() { self.known_as(expr, Type::TEXT) } else { Ok(expr) }
    }

    fn convert(&mut self, expr: Expr, to: Type) -> Result<Expr> {
        if is_polymorphic(to) {
            return Ok(expr);
        }
        let from = expr.ty;
        let place = expr.place;
        if let Some(folded) = fold(&expr, to) {
            return Ok(Expr::literal(folded, to).at(place));
        }
        if let Some(cast) = builtins::cast(from, to) {
            return Ok(match cast.spelling {
                None => relabelled(expr, to),
                Some(spelling) => called(spelling, vec![expr], to),
            });
        }
        if let (Some(element), Some(target)) = (self.element_of(from), self.element_of(to)) {
            return self.convert_array(expr, to, element, target);
        }
        if self.category(to) == Category::String {
            let text = Self::as_text(expr);
            return if to == Type::TEXT { Ok(text) } else { self.convert(text, to) };
        }
        let text = if from == Type::TEXT { expr } else { self.convert(expr, Type::TEXT)? };
        Ok(match builtins::input(to) {
            None => relabelled(text, to),
            Some(Spelling::Typed(name)) => typed_call(name, to, text, to),
            Some(spelling) => called(spelling, vec![text], to),
        })
    }

    /// The value as text, by its type's output.
    pub(super) fn as_text(expr: Expr) -> Expr {
        match builtins::output(expr.ty) {
            _ if expr.ty == Type::TEXT => expr,
            None => relabelled(expr, Type::TEXT),
            Some(Spelling::Typed(name)) => {
                let ty = expr.ty;
                typed_call(name, ty, expr, Type::TEXT)
            }
            Some(spelling) => called(spelling, vec![expr], Type::TEXT),
        }
    }

    /// Arrays are kept as the output of their elements, so those whose conversion is by output and input are converted as a whole.
    fn convert_array(&self, expr: Expr, to: Type, element: Type, target: Type) -> Result<Expr> {
        let integer = |ty| matches!(ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::OID);
        let text = |ty| matches!(ty, Type::TEXT | Type::VARCHAR);
        if (integer(element) && matches!(target, Type::INT4 | Type::INT8) && element != Type::INT8)
            || (text(element) && (text(target) || target == Type::BPCHAR))
        {
            return Ok(relabelled(expr, to));
        }
        let plain = |ty| integer(ty) || text(ty) || ty == Type::NUMERIC;
        let by_text = (text(element) && self.category(target) != Category::String)
            || (plain(element) && matches!(target, Type::FLOAT8 | Type::FLOAT4 | Type::NUMERIC | Type::TEXT))
            || (integer(element) && integer(target));
        if !by_text {
            let what = format!("a conversion from {} to {}", self.type_name(expr.ty), self.type_name(to));
            return Err(self.place(expr.place, Error::unsupported(what)));
        }
        Ok(typed_call("pg_input", to, expr, to))
    }

    /// The value with a modifier applied: cut, padded or rounded, or an error if it does not fit.
    pub(super) fn modified(&mut self, expr: Expr, typmod: i32, context: Context) -> Result<Expr> {
        if typmod < 0 || expr.typmod == typmod {
            return Ok(expr);
        }
        if matches!(expr.node, Node::Literal(Value::Null)) {
            return Ok(Expr { typmod, ..expr });
        }
        if let (Node::Literal(Value::Text(text)), Type::VARCHAR) = (&expr.node, expr.ty)
            && text.chars().count() as i32 <= typmod - 4
        {
            return Ok(Expr { typmod, ..expr });
        }
        let ty = expr.ty;
        if self.element_of(ty).is_some() {
            let explicit = integer(i64::from(context == Context::Explicit));
            let arguments = vec![integer(i64::from(ty.0)), expr, integer(i64::from(typmod)), explicit];
            let (place, nullable) = (arguments[1].place, arguments[1].nullable);
            let call = Expr::call(Spelling::Function("pg_array_typmod"), arguments, ty);
            return Ok(Expr { typmod, nullable, ..call.at(place) });
        }
        let Some(spelling) = builtins::cast(ty, ty).and_then(|cast| cast.spelling) else {
            let what = format!("the modifier of type {}", self.type_name(ty));
            return Err(self.place(expr.place, Error::unsupported(what)));
        };
        let mut arguments = vec![expr, integer(i64::from(typmod))];
        if matches!(ty, Type::VARCHAR | Type::BPCHAR) {
            arguments.push(integer(i64::from(context == Context::Explicit)));
        }
        Ok(Expr { typmod, ..called(spelling, arguments, ty) })
    }

    /// The type that values of several types have in common. `what` names the clause in the error.
    pub(super) fn common_type(&self, all: &[&Expr], what: &str) -> Result<Type> {
        let mut chosen: Option<Type> = None;
        for expr in all.iter().filter(|expr| !expr.is_unknown()) {
            let ty = expr.ty;
            let Some(current) = chosen else {
                chosen = Some(ty);
                continue;
            };
            if ty == current {
                continue;
            }
            if self.category(ty) != self.category(current) {
                let (left, right) = (self.type_name(current), self.type_name(ty));
                let message = format!("{what} types {left} and {right} cannot be matched");
                return Err(self.error_at(expr.place, SqlState::DATATYPE_MISMATCH, message));
            }
            if !Self::is_preferred(current)
                && self.can_coerce(current, ty, Context::Implicit)
                && !self.can_coerce(ty, current, Context::Implicit)
            {
                chosen = Some(ty);
            }
        }
        Ok(chosen.unwrap_or(Type::TEXT))
    }

    /// Values of a common type.
    pub(super) fn unify(&mut self, list: Vec<Expr>, what: &str) -> Result<(Vec<Expr>, Type)> {
        let common = self.common_type(&list.iter().collect::<Vec<_>>(), what)?;
        let mut unified = Vec::with_capacity(list.len());
        for expr in list {
            let (place, from) = (expr.place, expr.ty);
            if !self.can_coerce(from, common, Context::Implicit) {
                let (from, to) = (self.type_name(from), self.type_name(common));
                let message = format!("{what} could not convert type {from} to {to}");
                return Err(self.error_at(place, SqlState::CANNOT_COERCE, message));
            }
            unified.push(self.implicit(expr, common)?);
        }
        Ok((unified, common))
    }

    /// A value of boolean for a clause. Errors: 42804.
    pub(super) fn condition(&mut self, expr: Expr, clause: &str) -> Result<Expr> {
        if expr.ty != Type::BOOL && !expr.is_unknown() {
            let name = self.type_name(expr.ty);
            let message = format!("argument of {clause} must be type boolean, not type {name}");
            return Err(self.error_at(expr.place, SqlState::DATATYPE_MISMATCH, message));
        }
        self.refuse_set_as_condition(&expr, clause)?;
        self.implicit(expr, Type::BOOL)
    }
}

/// An integer of ours.
pub(super) fn integer(number: i64) -> Expr {
    Expr::literal(Value::Integer(number), Type::INT4)
}

/// The same value under another type of the same form. A column that is compared brings the collation with which it was made, unless another is
/// written: `numeric_column::text < '2'` would compare numbers.
pub(super) fn relabelled(expr: Expr, ty: Type) -> Expr {
    let is_collated = |ty: Type| ty.info().is_some_and(|info| info.collation.is_some());
    if matches!(expr.node, Node::Column { .. }) && is_collated(expr.ty) && !is_collated(ty) {
        return called(Spelling::Template("($1 COLLATE BINARY)"), vec![expr], ty);
    }
    Expr { ty, typmod: -1, ..expr }
}

/// A conversion of the first argument.
fn called(spelling: Spelling, arguments: Vec<Expr>, ty: Type) -> Expr {
    // The time of day of an infinite timestamp is NULL.
    let (place, nullable) = (arguments[0].place, arguments[0].nullable || ty == Type::TIME);
    Expr { nullable, ..Expr::call(spelling, arguments, ty).at(place) }
}

/// A conversion that is told the type's OID.
fn typed_call(name: &'static str, of: Type, expr: Expr, ty: Type) -> Expr {
    let (place, nullable) = (expr.place, expr.nullable);
    let arguments = vec![integer(i64::from(of.0)), expr];
    Expr { nullable, ..Expr::call(Spelling::Function(name), arguments, ty).at(place) }
}

/// Conversions of numbers in literals are done here, so that the statement does not repeat them for each row.
fn fold(expr: &Expr, to: Type) -> Option<Value> {
    let Node::Literal(value) = &expr.node else { return None };
    match (value, expr.ty, to) {
        (Value::Null, ..) => Some(Value::Null),
        (Value::Integer(number), Type::INT2 | Type::INT4 | Type::INT8, Type::NUMERIC) => {
            Some(Value::Text(number.to_string()))
        }
        (Value::Integer(number), Type::INT2 | Type::INT4 | Type::INT8, Type::FLOAT8) => {
            Some(Value::Real(*number as f64))
        }
        (Value::Text(text), Type::NUMERIC, Type::FLOAT8) => {
            let number: f64 = text.parse().ok()?;
            number.is_finite().then_some(Value::Real(number))
        }
        (Value::Text(text), Type::TEXT, Type::VARCHAR) => Some(Value::Text(text.clone())),
        _ => None,
    }
}
