//! Constants.

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{self, ValueWithSpan};

use super::Binder;
use super::names::place_of;
use super::tree::{Expr, Node, Place};

/// The highest number of a parameter that the protocol can give.
const PARAMETERS_MAX: u32 = 65_535;

impl Binder<'_> {
    /// A constant, or a parameter.
    pub(super) fn constant(&mut self, value: &ValueWithSpan) -> Result<Expr> {
        let ValueWithSpan { value, span } = value;
        let place = place_of(*span);
        let expr = match value {
            ast::Value::Number(text, false) => number(text)?,
            ast::Value::SingleQuotedString(text)
            | ast::Value::EscapedStringLiteral(text)
            | ast::Value::UnicodeStringLiteral(text) => quoted(text),
            ast::Value::DollarQuotedString(string) => quoted(&string.value),
            ast::Value::Boolean(truth) => Expr::literal(Value::Integer(i64::from(*truth)), Type::BOOL),
            ast::Value::Null => Expr::literal(Value::Null, Type::UNKNOWN),
            ast::Value::Placeholder(text) => self.parameter(text, place)?,
            other => return Err(self.place(place, Error::unsupported(format!("constant {other}")))),
        };
        Ok(expr.at(place))
    }

    fn parameter(&mut self, text: &str, place: Place) -> Result<Expr> {
        let number: Option<u32> = text.strip_prefix('$').and_then(|digits| digits.parse().ok());
        let Some(number @ 1..=PARAMETERS_MAX) = number else {
            let message = format!("there is no parameter {text}");
            return Err(self.error_at(place, SqlState::UNDEFINED_PARAMETER, message));
        };
        if self.parameters.len() < number as usize {
            self.parameters.resize(number as usize, Type(0));
        }
        let slot = self.parameters[number as usize - 1];
        let ty = if slot.0 == 0 { Type::UNKNOWN } else { slot };
        Ok(Expr::new(Node::Parameter(number), ty))
    }

    /// A quoted literal as a value of a type. Errors have the literal's position.
    pub(super) fn input(&self, text: &str, ty: Type, place: Place) -> Result<Value> {
        self.read(text, ty).map_err(|error| self.place(place, error))
    }

    fn read(&self, text: &str, ty: Type) -> Result<Value> {
        if ty.is_user() {
            return match self.element_of(ty) {
                Some(element) => self.read_enums(text, element),
                None => self.read_enum(text, ty),
            };
        }
        bole_sql_types::text::input(ty, -1, text, &self.scope.style)
    }

    /// An array of an enum's labels, which is kept as one of their places.
    fn read_enums(&self, text: &str, element: Type) -> Result<Value> {
        let labels = bole_sql_types::array::input(Type::TEXT, -1, text, &self.scope.style)?;
        let place = |label: &str| match self.read_enum(label, element)? {
            Value::Integer(place) => Ok(place.to_string()),
            _ => Err(Error::unsupported("an array of these labels")),
        };
        bole_sql_types::array::map_elements(&labels, place).map(Value::Text)
    }

    fn read_enum(&self, text: &str, ty: Type) -> Result<Value> {
        let Some(found) = self.enum_of(ty).filter(|found| found.oid == ty.0) else {
            return Err(Error::unsupported(format!("a literal of {}", self.type_name(ty))));
        };
        let label = found.labels.iter().find(|label| label.name == text);
        label.map(|label| Value::Integer(label.place)).ok_or_else(|| {
            let message = format!("invalid input value for enum {}: \"{text}\"", found.name);
            Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        })
    }
}

fn quoted(text: &str) -> Expr {
    Expr::new(Node::Unknown(text.to_owned()), Type::UNKNOWN).not_null()
}

/// A number is an integer if it fits, else a bigint, else numeric.
pub(super) fn number(text: &str) -> Result<Expr> {
    if let Ok(number) = text.parse::<i32>() {
        return Ok(Expr::literal(Value::Integer(i64::from(number)), Type::INT4));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Expr::literal(Value::Integer(number), Type::INT8));
    }
    plain_decimal(text).map(|text| Expr::literal(Value::Text(text), Type::NUMERIC)).ok_or_else(|| {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type numeric: \"{text}\""),
        )
    })
}

/// A decimal number without an exponent, as numeric is kept.
fn plain_decimal(text: &str) -> Option<String> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if exponent.abs() > 16_383 || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let (mut whole, fraction) = if point <= 0 {
        ("0".to_owned(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)))
    } else if point as usize >= all.len() {
        (format!("{all}{}", "0".repeat(point as usize - all.len())), String::new())
    } else {
        (all[..point as usize].to_owned(), all[point as usize..].to_owned())
    };
    let trimmed = whole.trim_start_matches('0');
    whole = if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() };
    let is_zero = whole == "0" && fraction.bytes().all(|byte| byte == b'0');
    let sign = if negative && !is_zero { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}
