//! Expressions as PostgreSQL writes them.

use bole_sql_types::Type;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value,
};
use sqlparser::parser::Parser;

use super::{Shown, format_type, typed};
use crate::bind::name_of;
use crate::catalog::names::quote;
use crate::catalog::{Object, Table};

/// An expression over the columns of a table, or over none.
pub fn expression<'a>(
    catalog: impl Into<Shown<'a>>,
    table: Option<&'a Table>,
    text: &str,
    pretty: bool,
) -> String {
    let catalog = catalog.into();
    parse(text).map_or_else(
        || text.to_owned(),
        |expr| {
            let writer = Writer { catalog, table, pretty };
            writer.write(&expr, None)
        },
    )
}

/// A default of a column of that type.
pub(super) fn default(catalog: Shown<'_>, text: &str, ty: Type) -> String {
    parse(text).map_or_else(
        || text.to_owned(),
        |expr| Writer { catalog, table: None, pretty: false }.write_as(&expr, ty),
    )
}

fn parse(text: &str) -> Option<Expr> {
    Parser::new(&crate::parse::Grammar).try_with_sql(text).ok()?.parse_expr().ok()
}

/// Writes expressions over the columns of a table.
struct Writer<'a> {
    catalog: Shown<'a>,
    table: Option<&'a Table>,
    pretty: bool,
}

fn number(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => {
            if let Value::Number(digits, _) = &value.value {
                Some(digits)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn number_type(digits: &str) -> Type {
    if digits.contains(['.', 'e', 'E']) {
        Type::NUMERIC
    } else if digits.parse::<i32>().is_ok() {
        Type::INT4
    } else if digits.parse::<i64>().is_ok() {
        Type::INT8
    } else {
        Type::NUMERIC
    }
}

const INTEGERS: [Type; 3] = [Type::INT2, Type::INT4, Type::INT8];

/// What PostgreSQL calls operators that the parser library has other words for.
fn operator(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::NotEq => "<>".to_owned(),
        other => other.to_string(),
    }
}

const fn is_arithmetic(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
    )
}

impl Writer<'_> {
    /// The type of an expression as far as it is seen without the binder.
    fn type_of(&self, expr: &Expr) -> Option<Type> {
        match expr {
            Expr::Identifier(ident) => self.table?.column(&name_of(ident)).map(crate::catalog::Column::ty),
            Expr::CompoundIdentifier(parts) => {
                self.table?.column(&name_of(parts.last()?)).map(crate::catalog::Column::ty)
            }
            Expr::Nested(inner) => self.type_of(inner),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => self.type_of(expr),
            Expr::Value(_) => number(expr).map(number_type),
            Expr::Cast { data_type, .. } => Type::by_name(&data_type.to_string().to_lowercase()).or(
                match data_type.to_string().to_lowercase().as_str() {
                    "text" => Some(Type::TEXT),
                    "integer" | "int" => Some(Type::INT4),
                    "bigint" => Some(Type::INT8),
                    "numeric" => Some(Type::NUMERIC),
                    _ => None,
                },
            ),
            Expr::Function(function) => match function.name.to_string().to_lowercase().as_str() {
                "lower" | "upper" | "trim" | "btrim" | "concat" | "substr" | "replace" | "md5" => {
                    Some(Type::TEXT)
                }
                "length" | "char_length" => Some(Type::INT4),
                _ => None,
            },
            Expr::BinaryOp { left, op, right } if is_arithmetic(op) => {
                let (left, right) = (self.type_of(left)?, self.type_of(right)?);
                if left == right { Some(left) } else { None }
            }
            _ => None,
        }
    }

    /// An operand, in parentheses unless it is one thing.
    fn operand(&self, expr: &Expr, wanted: Option<Type>) -> String {
        let inner = if let Expr::Nested(inner) = expr { inner.as_ref() } else { expr };
        let text = self.write(inner, wanted);
        let compound = self.pretty
            && matches!(
                inner,
                Expr::BinaryOp { .. } | Expr::Between { .. } | Expr::UnaryOp { op: UnaryOperator::Not, .. }
            );
        if compound { format!("({text})") } else { text }
    }

    fn cast(&self, expr: &Expr, ty: Type) -> String {
        let name = format_type(self.catalog, ty, -1);
        let inner = self.write(expr, None);
        if self.pretty && matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
            || inner.starts_with('(') && inner.ends_with(')')
        {
            return format!("{inner}::{name}");
        }
        format!("({inner})::{name}")
    }

    /// In parentheses, which PostgreSQL leaves out where it writes for people.
    fn enclose(&self, text: String) -> String {
        if self.pretty { text } else { format!("({text})") }
    }

    /// A value for a column of that type, as in its default.
    fn write_as(&self, expr: &Expr, ty: Type) -> String {
        let inner = if let Expr::Nested(inner) = expr { inner.as_ref() } else { expr };
        if let Some(text) = string(inner) {
            return typed(self.catalog, text, ty);
        }
        if let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = inner
            && let Some(digits) = number(expr)
        {
            let ty = if INTEGERS.contains(&ty) && number_type(digits) == Type::INT4 {
                Type::INT4
            } else {
                number_type(digits)
            };
            return typed(self.catalog, &format!("-{digits}"), ty);
        }
        if number(inner).is_some() {
            return inner.to_string();
        }
        self.write(inner, Some(ty))
    }

    fn write(&self, expr: &Expr, wanted: Option<Type>) -> String {
        match expr {
            Expr::Nested(inner) => self.write(inner, wanted),
            Expr::Identifier(ident) => quote(&name_of(ident)),
            Expr::CompoundIdentifier(parts) => {
                parts.iter().map(|part| quote(&name_of(part))).collect::<Vec<_>>().join(".")
            }
            Expr::Value(_) => self.value(expr, wanted),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                self.enclose(format!("NOT {}", self.operand(expr, None)))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match number(inner) {
                Some(digits) => typed(self.catalog, &format!("-{digits}"), number_type(digits)),
                None => self.enclose(format!("- {}", self.operand(inner, None))),
            },
            Expr::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
                let mut parts = Vec::new();
                self.flatten(left, op, &mut parts);
                self.flatten(right, op, &mut parts);
                self.enclose(parts.join(&format!(" {op} ")))
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, &operator(op), right),
            Expr::IsNull(inner) => self.enclose(format!("{} IS NULL", self.operand(inner, None))),
            Expr::IsNotNull(inner) => self.enclose(format!("{} IS NOT NULL", self.operand(inner, None))),
            Expr::IsTrue(inner) => self.enclose(format!("{} IS TRUE", self.operand(inner, None))),
            Expr::IsFalse(inner) => self.enclose(format!("{} IS FALSE", self.operand(inner, None))),
            Expr::IsNotTrue(inner) => self.enclose(format!("{} IS NOT TRUE", self.operand(inner, None))),
            Expr::IsNotFalse(inner) => self.enclose(format!("{} IS NOT FALSE", self.operand(inner, None))),
            Expr::Between { expr, negated, low, high } => {
                let (first, second, both) = if *negated { ("<", ">", "OR") } else { (">=", "<=", "AND") };
                self.enclose(format!(
                    "{} {both} {}",
                    self.binary(expr, first, low),
                    self.binary(expr, second, high)
                ))
            }
            Expr::In { expr, target: sqlparser::ast::InTarget::List(list), negated, global: false } => {
                self.in_list(expr, list, *negated)
            }
            Expr::Like { negated, expr, pattern, escape_char: None, any: false } => {
                self.binary(expr, if *negated { "!~~" } else { "~~" }, pattern)
            }
            Expr::ILike { negated, expr, pattern, escape_char: None, any: false } => {
                self.binary(expr, if *negated { "!~~*" } else { "~~*" }, pattern)
            }
            Expr::Cast { expr: inner, data_type, .. } => self.written_cast(inner, data_type),
            Expr::Function(function) => self.function(function, expr),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), wanted)
            }
            other => other.to_string(),
        }
    }

    fn value(&self, expr: &Expr, wanted: Option<Type>) -> String {
        if let Some(text) = string(expr) {
            return typed(self.catalog, text, wanted.unwrap_or(Type::TEXT));
        }
        if let Some(digits) = number(expr) {
            return match wanted {
                Some(ty)
                    if ty == Type::NUMERIC && number_type(digits) != Type::NUMERIC
                        || ty == Type::FLOAT8
                        || ty == Type::FLOAT4 =>
                {
                    // A comparison with a single-precision number is one of double precision.
                    let ty = if ty == Type::FLOAT4 { Type::FLOAT8 } else { ty };
                    let digits = if self.pretty { digits.to_owned() } else { format!("({digits})") };
                    format!("{digits}::{}", format_type(self.catalog, ty, -1))
                }
                _ => digits.to_owned(),
            };
        }
        match expr {
            Expr::Value(value) => match &value.value {
                Value::Boolean(value) => value.to_string(),
                Value::Null => wanted.map_or_else(
                    || "NULL".to_owned(),
                    |ty| format!("NULL::{}", format_type(self.catalog, ty, -1)),
                ),
                other => other.to_string(),
            },
            other => other.to_string(),
        }
    }

    fn flatten(&self, expr: &Expr, op: &BinaryOperator, parts: &mut Vec<String>) {
        match expr {
            Expr::Nested(inner) => self.flatten(inner, op, parts),
            Expr::BinaryOp { left, op: inner, right } if inner == op => {
                self.flatten(left, op, parts);
                self.flatten(right, op, parts);
            }
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } if self.pretty => {
                parts.push(format!("({})", self.write(expr, None)));
            }
            other => parts.push(self.write(other, None)),
        }
    }

    fn binary(&self, left: &Expr, op: &str, right: &Expr) -> String {
        let (left_type, right_type) = (self.type_of(left), self.type_of(right));
        let as_text = |ty: Option<Type>| ty == Some(Type::VARCHAR);
        let common = match (left_type, right_type) {
            // There is no operator of different integers for the remainder.
            (Some(Type::INT2), Some(Type::INT4)) | (Some(Type::INT4), Some(Type::INT2)) if op == "%" => {
                Some(Type::INT4)
            }
            _ if as_text(left_type) || as_text(right_type) => Some(Type::TEXT),
            (Some(left), Some(right)) if left != right && [left, right].contains(&Type::NUMERIC) => {
                Some(Type::NUMERIC)
            }
            (Some(left), Some(right))
                if left != right
                    && [left, right].iter().any(|ty| [Type::FLOAT8, Type::FLOAT4].contains(ty)) =>
            {
                Some(Type::FLOAT8)
            }
            (left, right) => left.or(right),
        };
        let side = |expr: &Expr, ty: Option<Type>| match (ty, common) {
            (Some(Type::VARCHAR), Some(Type::TEXT)) => self.cast(expr, Type::TEXT),
            (Some(from), Some(to))
                if from != to
                    && ([Type::NUMERIC, Type::FLOAT8].contains(&to) || op == "%")
                    && number(expr).is_none() =>
            {
                self.cast(expr, to)
            }
            _ => self.operand(expr, common),
        };
        self.enclose(format!("{} {op} {}", side(left, left_type), side(right, right_type)))
    }

    fn in_list(&self, expr: &Expr, list: &[Expr], negated: bool) -> String {
        let ty = self.type_of(expr);
        let items: Vec<String> = list.iter().map(|item| self.write(item, ty)).collect();
        let (op, all) = if negated { ("<>", "ALL") } else { ("=", "ANY") };
        let array = format!("ARRAY[{}]", items.join(", "));
        let (left, array) = if ty == Some(Type::VARCHAR) {
            (
                self.cast(expr, Type::TEXT),
                if self.pretty { format!("{array}::text[]") } else { format!("({array})::text[]") },
            )
        } else {
            (self.operand(expr, None), array)
        };
        self.enclose(format!("{left} {op} {all} ({array})"))
    }

    fn written_cast(&self, inner: &Expr, data_type: &sqlparser::ast::DataType) -> String {
        let name = self.type_name(data_type);
        if let Some(text) = string(inner) {
            let text = if name == "regclass" { self.shortened(text) } else { text.to_owned() };
            return format!("{}::{name}", crate::catalog::names::literal(&text));
        }
        let text = self.write(inner, None);
        let simple = text.starts_with('(') && text.ends_with(')');
        let bare = if let Expr::Nested(inner) = inner { inner.as_ref() } else { inner };
        if simple || self.pretty && (matches!(inner, Expr::Identifier(_)) || number(bare).is_some()) {
            format!("{text}::{name}")
        } else {
            format!("({text})::{name}")
        }
    }

    /// A relation's name, without its schema where that is in the usual path.
    fn shortened(&self, written: &str) -> String {
        let object = self.catalog.objects.values().find(|object| {
            self.catalog.is_relation(object.oid()) && self.catalog.written_name(object) == written
        });
        object.map_or_else(|| written.to_owned(), |object| self.catalog.name(object))
    }

    fn type_name(&self, data_type: &sqlparser::ast::DataType) -> String {
        let written = data_type.to_string();
        let (bare, array) = written.strip_suffix("[]").map_or((written.as_str(), ""), |bare| (bare, "[]"));
        let lower = bare.to_lowercase();
        let ty = match lower.as_str() {
            "int" | "integer" => Some(Type::INT4),
            "smallint" => Some(Type::INT2),
            "bigint" => Some(Type::INT8),
            "boolean" => Some(Type::BOOL),
            "varchar" => Some(Type::VARCHAR),
            "decimal" => Some(Type::NUMERIC),
            "timestamp" => Some(Type::TIMESTAMP),
            other => Type::by_name(other),
        };
        if let Some(ty) = ty {
            return format!("{}{array}", format_type(self.catalog, ty, -1));
        }
        let is_it = |it: &&crate::catalog::Enum| {
            let object = self.catalog.object(it.oid);
            object.is_some_and(|object: &Object| self.catalog.written_name(object) == bare)
        };
        match self.catalog.enums().find(is_it) {
            Some(it) => format!("{}{array}", format_type(self.catalog, Type(it.oid), -1)),
            None => lower + array,
        }
    }

    fn function(&self, function: &Function, whole: &Expr) -> String {
        let name = function.name.to_string().to_lowercase();
        let FunctionArguments::List(list) = &function.args else {
            return if matches!(function.args, FunctionArguments::None) {
                function.name.to_string().to_uppercase()
            } else {
                whole.to_string()
            };
        };
        let mut arguments = Vec::new();
        for argument in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                return whole.to_string();
            };
            let is_varchar = self.type_of(expr) == Some(Type::VARCHAR) && name != "coalesce";
            arguments.push(if is_varchar { self.cast(expr, Type::TEXT) } else { self.write(expr, None) });
        }
        let special = ["coalesce", "greatest", "least", "nullif"].contains(&name.as_str());
        let name = if special { name.to_uppercase() } else { name };
        format!("{name}({})", arguments.join(", "))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        wanted: Option<Type>,
    ) -> String {
        let mut lines = vec![
            operand
                .map_or_else(|| "CASE".to_owned(), |operand| format!("CASE {}", self.write(operand, None))),
        ];
        for CaseWhen { condition, result } in conditions {
            lines.push(format!(
                "    WHEN {} THEN {}",
                self.write(condition, None),
                self.write(result, wanted)
            ));
        }
        let otherwise = otherwise.map_or_else(
            || {
                wanted.map_or_else(
                    || "NULL".to_owned(),
                    |ty| format!("NULL::{}", format_type(self.catalog, ty, -1)),
                )
            },
            |it| self.write(it, wanted),
        );
        lines.push(format!("    ELSE {otherwise}"));
        lines.push("END".to_owned());
        lines.join("\n")
    }
}
