//! Sizes for readers: `pg_size_pretty`, `pg_size_bytes`.

use bole_sql_types::numeric::Numeric;
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use crate::call::{integer, text};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_size_pretty_int8", 1, |of| text(pretty(of.integer(0)?))),
    strict(c"pg_size_pretty_numeric", 1, |of| pretty_numeric(of.text(0)?)),
    strict(c"pg_size_bytes", 1, |of| bytes(of.text(0)?)),
];

/// Units, and the size from which on the next one is used; halves are rounded up but for bytes.
const UNITS: &[(&str, i64)] =
    &[("bytes", 10 * 1_024), ("kB", 20_479), ("MB", 20_479), ("GB", 20_479), ("TB", 20_479), ("PB", 20_479)];

/// Sizes are kept in half units from the second unit on, so that they can be rounded.
fn pretty(size: i64) -> String {
    let mut size = i128::from(size);
    for (at, (unit, limit)) in UNITS.iter().enumerate() {
        let rounds = at > 0;
        if size.abs() < i128::from(*limit) || at == UNITS.len() - 1 {
            let shown = if rounds { half_rounded(size) } else { size };
            return format!("{shown} {unit}");
        }
        // Between two units lie ten bits, of which one is kept for rounding in the first step and given back in the last.
        size /= if rounds { 1_024 } else { 512 };
    }
    String::new()
}

const fn half_rounded(size: i128) -> i128 {
    let away = if size < 0 { size - 1 } else { size + 1 };
    away / 2
}

fn pretty_numeric(size: &str) -> Result<Value> {
    let number = Numeric::parse(size)?;
    let is_small = number.clone().truncate(0).compare(&number).is_eq();
    match number.to_integer(Type::INT8) {
        Ok(whole) if is_small => text(pretty(whole)),
        _ => Err(Error::unsupported("pg_size_pretty of a numeric that is no bigint")),
    }
}

const FACTORS: &[(&str, u32)] =
    &[("bytes", 0), ("b", 0), ("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40), ("pb", 50)];

fn bytes(size: &str) -> Result<Value> {
    let invalid = || Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid size: \"{size}\""));
    let trimmed = size.trim();
    let end = trimmed.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(trimmed.len());
    let number = Numeric::parse(&trimmed[..end]).map_err(|_| invalid())?;
    let unit = trimmed[end..].trim();
    if unit.is_empty() {
        return integer(number.to_integer(Type::INT8)?);
    }
    let Some((_, shift)) = FACTORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        return Err(invalid()
            .with_detail(format!("Invalid size unit: \"{unit}\"."))
            .with_hint("Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."));
    };
    let factor = Numeric::parse(&(1_i64 << shift).to_string())?;
    integer(number.multiply(&factor)?.to_integer(Type::INT8)?)
}
