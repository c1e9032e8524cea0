//! Expressions whose syntax is their own, and which are calls of functions all the same: EXTRACT, SUBSTRING, AT TIME ZONE, subscripts.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, AccessExpr, CeilFloorKind, DateTimeField, Subscript, TrimWhereField};

use super::Binder;
use super::coerce::integer;
use super::names::name_of;
use super::tree::{Expr, Node, Place};
use super::types::interval_modifier;
use crate::builtins::{Context, Spelling};

impl Binder<'_> {
    pub(super) fn special(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::Expr as E;
        match expr {
            E::AtTimeZone { timestamp, time_zone } => self.call_with("timezone", &[time_zone, timestamp]),
            E::Extract { field, syntax: _, expr } => self.extract(field, expr),
            E::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call_with("ceil", &[expr])
            }
            E::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call_with("floor", &[expr])
            }
            E::Position { expr, r#in } => self.call_with("position", &[r#in, expr]),
            E::Substring { expr, substring_from, substring_for, special: _, shorthand } => {
                let name = if *shorthand { "substr" } else { "substring" };
                self.substring(name, expr, substring_from.as_deref(), substring_for.as_deref())
            }
            E::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(trim_where.as_ref(), trim_what.as_deref(), expr, trim_characters.as_deref())
            }
            E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments = vec![expr.as_ref(), overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call_with("overlay", &arguments)
            }
            E::Collate { expr, collation } => self.collate(expr, collation),
            E::IsNormalized { expr, form, negated } => self.is_normalized(expr, *form, *negated),
            E::Array(array) => self.array(array, None),
            E::Interval(interval) => self.interval(interval),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            other => Err(Error::unsupported(shape(other))),
        }
    }

    fn call_with(&mut self, name: &str, arguments: &[&ast::Expr]) -> Result<Expr> {
        let bound: Result<Vec<Expr>> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let bound = bound?;
        let place = bound.first().map(|expr| expr.place).unwrap_or_default();
        self.call_named(name, bound, place)
    }

    fn extract(&mut self, field: &DateTimeField, expr: &ast::Expr) -> Result<Expr> {
        let name = match field {
            DateTimeField::Custom(ident) => name_of(ident),
            other => other.to_string().to_ascii_lowercase(),
        };
        let argument = self.expr(expr)?;
        let place = argument.place;
        let field = Expr::literal(Value::Text(name), Type::TEXT);
        self.call_named("extract", vec![field, argument], place)
    }

    fn substring(
        &mut self,
        name: &str,
        expr: &ast::Expr,
        from: Option<&ast::Expr>,
        length: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let mut arguments = vec![self.expr(expr)?];
        match from {
            Some(from) => arguments.push(self.expr(from)?),
            None => arguments.push(integer(1)),
        }
        if let Some(length) = length {
            arguments.push(self.expr(length)?);
        }
        let place = arguments[0].place;
        self.call_named(name, arguments, place)
    }

    fn trim(
        &mut self,
        side: Option<&TrimWhereField>,
        what: Option<&ast::Expr>,
        expr: &ast::Expr,
        characters: Option<&[ast::Expr]>,
    ) -> Result<Expr> {
        let name = match side {
            None | Some(TrimWhereField::Both) => "btrim",
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
        };
        let mut arguments = vec![expr];
        arguments.extend(what);
        arguments.extend(characters.into_iter().flatten());
        self.call_with(name, &arguments)
    }

    fn collate(&mut self, expr: &ast::Expr, collation: &ast::ObjectName) -> Result<Expr> {
        let expr = self.expr(expr)?;
        let name = collation.to_string();
        let last =
            collation.0.last().and_then(ast::ObjectNamePart::as_ident).map(name_of).unwrap_or_default();
        if !expr.is_unknown() && !matches!(expr.ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME) {
            let message = format!("collations are not supported by type {}", self.type_name(expr.ty));
            return Err(self.error_at(expr.place, SqlState::DATATYPE_MISMATCH, message));
        }
        if crate::catalog::collations::named(&last).is_some() {
            return Ok(expr);
        }
        Err(self.place(expr.place, Error::unsupported(format!("collation {name}"))))
    }

    fn interval(&mut self, interval: &ast::Interval) -> Result<Expr> {
        let ast::Interval {
            value,
            leading_field,
            leading_precision,
            last_field,
            fractional_seconds_precision,
        } = interval;
        if leading_precision.is_some() {
            return Err(Error::unsupported("a leading precision of an interval"));
        }
        let fields = interval_fields(leading_field.as_ref(), last_field.as_ref())?;
        let typmod = interval_modifier(fields.as_ref(), *fractional_seconds_precision);
        let literal = self.expr(value)?;
        if !matches!(literal.node, Node::Unknown(_)) {
            return Err(self.place(literal.place, Error::unsupported("an interval that is no literal")));
        }
        if let (Some(_), Node::Unknown(text)) = (&fields, &literal.node) {
            return self.interval_of(
                text,
                leading_field.as_ref(),
                last_field.as_ref(),
                typmod,
                literal.place,
            );
        }
        self.coerce(literal, Type::INTERVAL, typmod, Context::Explicit)
    }

    /// `INTERVAL '5' DAY`: a bare number is of the field that is named.
    fn interval_of(
        &mut self,
        text: &str,
        leading: Option<&DateTimeField>,
        last: Option<&DateTimeField>,
        typmod: i32,
        place: Place,
    ) -> Result<Expr> {
        let bare = text.trim().parse::<f64>().is_ok();
        let field = last.or(leading).map(ToString::to_string).unwrap_or_default();
        let text = if bare { format!("{} {field}", text.trim()) } else { text.to_owned() };
        let literal = Expr::new(Node::Unknown(text), Type::UNKNOWN).at(place);
        self.coerce(literal, Type::INTERVAL, typmod, Context::Explicit)
    }

    /// A field of a row of `_pg_expandarray`, which is a value: `(element,number)`.
    fn numbered_field(&self, row: Expr, field: &ast::Expr) -> Result<Expr> {
        const ELEMENT: &str = "CASE WHEN substr($1, 2, 1) <> ',' THEN CAST(substr($1, 2) AS INTEGER) END";
        const NUMBER: &str = "CAST(substr($1, instr($1, ',') + 1) AS INTEGER)";
        let place = row.place;
        let (template, ty) = match field {
            ast::Expr::Identifier(name) if name_of(name) == "x" => (ELEMENT, Type::INT2),
            ast::Expr::Identifier(name) if name_of(name) == "n" => (NUMBER, Type::INT4),
            other => {
                let message = format!("could not identify column \"{other}\" in record data type");
                return Err(self.error_at(place, SqlState::UNDEFINED_COLUMN, message));
            }
        };
        Ok(Expr::call(Spelling::Template(template), vec![row], ty).at(place))
    }

    fn access(&mut self, root: &ast::Expr, chain: &[AccessExpr]) -> Result<Expr> {
        let (named, chain) = qualified(root, chain);
        let mut value = self.expr(named.as_ref().unwrap_or(root))?;
        let mut indexes = Vec::new();
        let mut slices = false;
        for access in chain {
            match access {
                AccessExpr::Dot(field)
                    if indexes.is_empty()
                        && value.ty == Type::RECORD
                        && !matches!(value.node, Node::Row(_)) =>
                {
                    value = self.numbered_field(value, field)?;
                }
                AccessExpr::Dot(_) => return Err(Error::unsupported("a field of a composite value")),
                AccessExpr::Subscript(Subscript::Index { index }) => indexes.push((None, Some(index))),
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                    slices = true;
                    indexes.push((lower_bound.as_ref(), upper_bound.as_ref()));
                }
                AccessExpr::Subscript(Subscript::Slice { .. }) => {
                    return Err(Error::unsupported("a stride of a slice"));
                }
            }
        }
        if indexes.is_empty() {
            return Ok(value);
        }
        let place = value.place;
        if value.ty == Type::JSONB && !slices {
            for (_, index) in indexes {
                let Some(index) = index else { continue };
                let index = self.expr(index)?;
                value = self.apply_named("->", value, index, place)?;
            }
            return Ok(value);
        }
        if value.ty == Type::NAME
            && let [(None, Some(index))] = indexes.as_slice()
            && !slices
        {
            // A name is an array of "char" that begins at 0.
            let arguments = vec![value, self.subscript(index)?];
            return Ok(Expr::call(Spelling::Function("pg_name_at"), arguments, Type::CHAR).at(place));
        }
        let Some(element) = self.element_of(value.ty) else {
            let name = self.type_name(value.ty);
            let message = format!("cannot subscript type {name} because it does not support subscripting");
            return Err(self.error_at(place, SqlState::DATATYPE_MISMATCH, message));
        };
        let ty = value.ty;
        let mut arguments = vec![integer(i64::from(ty.0)), value];
        for (lower, upper) in indexes {
            if slices {
                // An index among slices is the slice from 1 to it.
                let lower = match lower {
                    Some(lower) => self.subscript(lower)?,
                    None if upper.is_some() && chain.len() > 1 => integer(1),
                    None => left_out(),
                };
                arguments.push(lower);
            }
            arguments.push(match upper {
                Some(upper) => self.subscript(upper)?,
                None => left_out(),
            });
        }
        let (name, result) = if slices { ("pg_slice", ty) } else { ("pg_subscript", element) };
        Ok(Expr::call(Spelling::Function(name), arguments, result).at(place))
    }

    fn subscript(&mut self, index: &ast::Expr) -> Result<Expr> {
        let index = self.expr(index)?;
        self.coerce(index, Type::INT4, -1, Context::Assignment)
    }
}

/// A bound of a slice that is not written, which is not NULL: `pg_slice` takes a text for it.
fn left_out() -> Expr {
    Expr::literal(Value::Text(String::new()), Type::TEXT)
}

fn interval_fields(
    leading: Option<&DateTimeField>,
    last: Option<&DateTimeField>,
) -> Result<Option<ast::IntervalFields>> {
    use DateTimeField as D;
    use ast::IntervalFields as F;
    Ok(Some(match (leading, last) {
        (None, None) => return Ok(None),
        (Some(D::Year), None) => F::Year,
        (Some(D::Month), None) => F::Month,
        (Some(D::Day), None) => F::Day,
        (Some(D::Hour), None) => F::Hour,
        (Some(D::Minute), None) => F::Minute,
        (Some(D::Second), None) => F::Second,
        (Some(D::Year), Some(D::Month)) => F::YearToMonth,
        (Some(D::Day), Some(D::Hour)) => F::DayToHour,
        (Some(D::Day), Some(D::Minute)) => F::DayToMinute,
        (Some(D::Day), Some(D::Second)) => F::DayToSecond,
        (Some(D::Hour), Some(D::Minute)) => F::HourToMinute,
        (Some(D::Hour), Some(D::Second)) => F::HourToSecond,
        (Some(D::Minute), Some(D::Second)) => F::MinuteToSecond,
        _ => return Err(Error::unsupported("these fields of an interval")),
    }))
}

/// What an expression is called that is not supported: its text, if it is short.
fn shape(expr: &ast::Expr) -> String {
    let text = expr.to_string();
    if text.len() <= 60 { format!("the expression {text}") } else { "an expression of this form".to_owned() }
}

/// A column with its table, and what follows it: `t.a[1]` is read as parts of `t`.
fn qualified<'a>(root: &ast::Expr, chain: &'a [AccessExpr]) -> (Option<ast::Expr>, &'a [AccessExpr]) {
    let mut names = match root {
        ast::Expr::Identifier(ident) => vec![ident.clone()],
        ast::Expr::CompoundIdentifier(parts) => parts.clone(),
        _ => return (None, chain),
    };
    let parts = chain.iter().map_while(|access| match access {
        AccessExpr::Dot(ast::Expr::Identifier(ident)) => Some(ident.clone()),
        _ => None,
    });
    let before = names.len();
    names.extend(parts);
    let rest = &chain[names.len() - before..];
    (Some(ast::Expr::CompoundIdentifier(names)).filter(|_| rest.len() < chain.len()), rest)
}
