//! Expressions as the catalog keeps them: PostgreSQL's text in which every name says by itself what it means.

use std::ops::ControlFlow;

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{
    CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

use super::binder::Use;
use super::change::Change;
use super::syntax::Name;
use crate::bind::name_of;
use crate::catalog::{Object, Relation};

/// A visitor that resolves names, and keeps the first error.
struct Resolver<'c, 'a> {
    change: &'c Change<'a>,
    /// The columns of the table in question lose its name.
    table: Option<&'c str>,
}

impl VisitorMut for Resolver<'_, '_> {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match self.resolve(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Resolver<'_, '_> {
    fn resolve(&self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::CompoundIdentifier(parts) => {
                let own =
                    parts.len() >= 2 && self.table == parts.get(parts.len() - 2).map(name_of).as_deref();
                if let Some(column) = parts.last().filter(|_| own) {
                    *expr = Expr::Identifier(column.clone());
                }
            }
            Expr::Cast { data_type, expr: inner, .. } => {
                self.resolve_type(data_type);
                if matches!(data_type, DataType::Regclass) {
                    self.resolve_relation(inner)?;
                }
            }
            Expr::Function(function) => {
                let name = function.name.0.last().map(ToString::to_string).unwrap_or_default();
                if !["nextval", "currval", "setval"].contains(&name.as_str()) {
                    return Ok(());
                }
                if let FunctionArguments::List(list) = &mut function.args
                    && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut()
                    && string_of(argument).is_some()
                {
                    self.resolve_relation(argument)?;
                    let inner = Box::new(argument.clone());
                    *argument = Expr::Cast {
                        kind: CastKind::DoubleColon,
                        expr: inner,
                        data_type: DataType::Regclass,
                        format: None,
                    };
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A string that names a relation gets its schema.
    fn resolve_relation(&self, expr: &mut Expr) -> Result<()> {
        let Some(text) = string_of(expr) else { return Ok(()) };
        let name = parse_name(&text)?;
        if let Relation::User(object) = self.change.catalog.relation(&name, self.change.path())? {
            let written = self.change.catalog.written_name(object);
            *expr = Expr::value(Value::SingleQuotedString(written));
        }
        Ok(())
    }

    fn resolve_type(&self, ty: &mut DataType) {
        match ty {
            DataType::Array(
                sqlparser::ast::ArrayElemTypeDef::SquareBracket(element, _)
                | sqlparser::ast::ArrayElemTypeDef::Qualified(element, _),
            ) => self.resolve_type(element),
            DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                let mut parts: Vec<String> =
                    name.0.iter().filter_map(ObjectNamePart::as_ident).map(name_of).collect();
                let Some(last) = parts.pop() else { return };
                let written = Name { schema: parts.pop(), name: last };
                let found = self.change.catalog.find_type(&written, self.change.path());
                if let Some(object @ Object::Enum(it)) = found.and_then(|ty| self.change.catalog.object(ty.0))
                {
                    let schema = self.change.catalog.schema_name(object.schema()).unwrap_or_default();
                    *name = ObjectName::from(vec![ident(schema), ident(&it.name)]);
                }
            }
            _ => {}
        }
    }
}

/// Puts strings into a form that the library writes as what they are: it takes two quotes for one that is escaped already, and a quote
/// after a backslash too.
struct Escaper;

impl VisitorMut for Escaper {
    type Break = ();

    fn post_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) = &mut value.value {
            if text.contains("\\'") {
                value.value = Value::EscapedStringLiteral(std::mem::take(text));
            } else {
                *text = text.replace('\'', "''");
            }
        }
        ControlFlow::Continue(())
    }
}

/// The text of a tree, which means the same when it is read again.
pub(crate) fn written<T: VisitMut + ToString>(mut tree: T) -> String {
    written_form(&mut tree);
    tree.to_string()
}

/// Puts a tree into a form whose text means the same when it is read again.
pub(crate) fn written_form<T: VisitMut>(tree: &mut T) {
    let _finished = tree.visit(&mut Escaper);
}

/// A name for the parser library's trees, quoted where it must be.
pub(crate) fn ident(name: &str) -> Ident {
    let quoted = crate::catalog::names::quote(name) != name;
    if quoted { Ident::with_quote('"', name) } else { Ident::new(name) }
}

fn string_of(expr: &Expr) -> Option<String> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text.clone()),
        _ => None,
    }
}

/// A name in a string: `s`, `public.s`, `"S"`.
pub(super) fn parse_name(text: &str) -> Result<Name> {
    let invalid = || Error::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = vec![];
    let mut rest = text.trim();
    loop {
        let part = if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            loop {
                end += quoted[end..].find('"').ok_or_else(invalid)?;
                if !quoted[end + 1..].starts_with('"') {
                    break;
                }
                end += 2;
            }
            rest = &quoted[end + 1..];
            Ident::with_quote('"', quoted[..end].replace("\"\"", "\""))
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let part = Ident::new(rest[..end].trim());
            rest = &rest[end..];
            part
        };
        parts.push(name_of(&part));
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => return Err(invalid()),
        }
    }
    let name = parts.pop().filter(|name| !name.is_empty()).ok_or_else(invalid)?;
    let schema = parts.pop();
    if !parts.is_empty() {
        return Err(Error::unsupported("a name with a database"));
    }
    Ok(Name { schema, name })
}

/// Whether an expression names a column.
struct Columns;

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let names = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if names { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Change<'_> {
    /// A default as it is kept, for a column of that type. `None`: it is NULL.
    pub(super) fn kept_default(&self, expr: &Expr, target: (Type, i32)) -> Result<Option<String>> {
        if Visit::visit(expr, &mut Columns).is_break() {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot use column reference in DEFAULT expression",
            ));
        }
        self.expression(None, expr, Use::Default, Some(target))?;
        let text = self.resolved(expr, None)?;
        Ok(Some(text).filter(|text| !text.eq_ignore_ascii_case("null")))
    }

    /// The text of an expression as it is kept. `table` is the name of the table whose columns it may name.
    pub(super) fn resolved(&self, expr: &Expr, table: Option<&str>) -> Result<String> {
        let mut expr = expr.clone();
        let mut resolver = Resolver { change: self, table };
        match VisitMut::visit(&mut expr, &mut resolver) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(written(expr)),
        }
    }
}
