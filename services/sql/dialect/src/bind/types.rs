//! Types by their names in SQL, and what the catalog adds to the built-in ones.

use bole_sql_types::types::Category;
use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, IntervalFields, ObjectName, ObjectNamePart,
    TimezoneInfo,
};

use super::Binder;
use super::names::{name_of, place_of};
use super::tree::Place;
use crate::catalog::{Enum, Object, PG_CATALOG};

/// PostgreSQL's limits of the modifiers.
const CHARACTERS_MAX: u64 = 10_485_760;
const PRECISION_MAX: u64 = 1_000;

impl Binder<'_> {
    /// The type and modifier that a type's syntax means.
    pub(super) fn data_type(&self, data_type: &DataType) -> Result<(Type, i32)> {
        let plain = |ty| Ok((ty, -1));
        match data_type {
            DataType::Boolean | DataType::Bool => plain(Type::BOOL),
            DataType::SmallInt(None) | DataType::Int2(None) => plain(Type::INT2),
            DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => plain(Type::INT4),
            DataType::BigInt(None) | DataType::Int8(None) => plain(Type::INT8),
            DataType::Real | DataType::Float4 => plain(Type::FLOAT4),
            DataType::DoublePrecision | DataType::Float8 | DataType::Double(ExactNumberInfo::None) => {
                plain(Type::FLOAT8)
            }
            DataType::Float(ExactNumberInfo::None) => plain(Type::FLOAT8),
            DataType::Float(ExactNumberInfo::Precision(bits)) => match bits {
                1..=24 => plain(Type::FLOAT4),
                25..=53 => plain(Type::FLOAT8),
                0 => Err(invalid("precision for type float must be at least 1 bit")),
                _ => Err(invalid("precision for type float must be less than 54 bits")),
            },
            DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(info),
            DataType::Text => plain(Type::TEXT),
            DataType::Varchar(length)
            | DataType::CharacterVarying(length)
            | DataType::CharVarying(length) => {
                Ok((Type::VARCHAR, characters("varchar", length.as_ref(), -1)?))
            }
            DataType::Char(length) | DataType::Character(length) => {
                Ok((Type::BPCHAR, characters("char", length.as_ref(), 5)?))
            }
            DataType::Bytea => plain(Type::BYTEA),
            DataType::Uuid => plain(Type::UUID),
            DataType::JSON => plain(Type::JSON),
            DataType::JSONB => plain(Type::JSONB),
            DataType::Regclass => plain(Type::REGCLASS),
            DataType::Date => plain(Type::DATE),
            DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                Ok((Type::TIME, seconds(*precision)))
            }
            DataType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                Ok((Type::TIMESTAMP, seconds(*precision)))
            }
            DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
                Ok((Type::TIMESTAMPTZ, seconds(*precision)))
            }
            DataType::Interval { fields, precision } => {
                Ok((Type::INTERVAL, interval_modifier(fields.as_ref(), *precision)))
            }
            DataType::Array(
                ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::Qualified(element, _)
                | ArrayElemTypeDef::AngleBracket(element),
            ) => self.array_type(element),
            DataType::Custom(name, modifiers) => {
                let modifiers: Vec<String> = modifiers.iter().map(ToString::to_string).collect();
                self.named_type(name, &modifiers)
            }
            other => Err(Error::unsupported(format!("type {other}"))),
        }
    }

    fn array_type(&self, element: &DataType) -> Result<(Type, i32)> {
        let (element, typmod) = self.data_type(element)?;
        if self.element_of(element).is_some() {
            return Ok((element, typmod));
        }
        let array = self
            .array_of(element)
            .ok_or_else(|| Error::unsupported(format!("an array of {}", self.type_name(element))))?;
        Ok((array, typmod))
    }

    fn named_type(&self, name: &ObjectName, modifiers: &[String]) -> Result<(Type, i32)> {
        let mut names = Vec::new();
        let mut place = Place::default();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => {
                    if names.is_empty() {
                        place = place_of(ident.span);
                    }
                    names.push(name_of(ident));
                }
                ObjectNamePart::Function(function) => {
                    return Err(Error::unsupported(format!("type {function}")));
                }
            }
        }
        let (schema, name) = match names.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            _ => return Err(Error::unsupported("a type's name of more than two parts")),
        };
        let built_in = schema.is_none_or(|schema| schema == "pg_catalog");
        let found = if built_in { Type::by_name(name) } else { None };
        let found = found.or_else(|| match schema {
            Some(schema) => self.user_type(*self.catalog.schemas.get(schema)?, name),
            None => self.scope.search_path.iter().find_map(|schema| self.user_type(*schema, name)),
        });
        let Some(ty) = found else {
            let full = names.join(".");
            let message = format!("type \"{full}\" does not exist");
            return Err(self.error_at(place, SqlState::UNDEFINED_OBJECT, message));
        };
        Ok((ty, self.modifier(ty, modifiers)?))
    }

    fn user_type(&self, schema: u32, name: &str) -> Option<Type> {
        if schema == PG_CATALOG {
            return Type::by_name(name);
        }
        self.catalog.types.get(&(schema, name.to_owned())).map(|oid| Type(*oid))
    }

    fn modifier(&self, ty: Type, modifiers: &[String]) -> Result<i32> {
        let numbers: Vec<i64> = modifiers.iter().filter_map(|text| text.parse().ok()).collect();
        match (ty, numbers.as_slice()) {
            _ if modifiers.is_empty() => Ok(-1),
            (Type::NUMERIC, [precision]) => Ok(numeric(&ExactNumberInfo::Precision(*precision as u64))?.1),
            (Type::NUMERIC, [precision, scale]) => {
                Ok(numeric(&ExactNumberInfo::PrecisionAndScale(*precision as u64, *scale))?.1)
            }
            (Type::VARCHAR | Type::BPCHAR, [length @ 1..=10_485_760]) => Ok(*length as i32 + 4),
            (Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME, [precision]) => {
                Ok(seconds(Some(*precision as u64)))
            }
            _ => Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("type modifier is not allowed for type \"{}\"", self.type_name(ty)),
            )),
        }
    }

    /// The enum that a type is, or is an array of.
    pub(super) fn enum_of(&self, ty: Type) -> Option<&Enum> {
        if let Some(object) = self.catalog.objects.get(&ty.0) {
            return match object.as_ref() {
                Object::Enum(found) => Some(found),
                _ => None,
            };
        }
        self.catalog.objects.values().find_map(|object| match object.as_ref() {
            Object::Enum(found) if found.array_oid == ty.0 => Some(found),
            _ => None,
        })
    }

    /// What kind of values a type has.
    pub(super) fn category(&self, ty: Type) -> Category {
        if ty.is_user() {
            return match self.enum_of(ty) {
                Some(found) if found.oid == ty.0 => Category::Enum,
                _ => Category::Array,
            };
        }
        ty.info().map_or(Category::Unknown, |info| info.category)
    }

    /// Whether its category's others are converted to it.
    pub(super) fn is_preferred(ty: Type) -> bool {
        ty.info().is_some_and(|info| info.preferred)
    }

    /// For an array: of what.
    pub(super) fn element_of(&self, ty: Type) -> Option<Type> {
        if ty.is_user() {
            return self.enum_of(ty).filter(|found| found.array_oid == ty.0).map(|found| Type(found.oid));
        }
        ty.element()
    }

    /// The type of its arrays.
    pub(super) fn array_of(&self, ty: Type) -> Option<Type> {
        if ty.is_user() {
            return self.enum_of(ty).filter(|found| found.oid == ty.0).map(|found| Type(found.array_oid));
        }
        ty.array()
    }

    /// Its name for messages, as `format_type` gives it.
    pub(super) fn type_name(&self, ty: Type) -> String {
        if ty.is_user() {
            return match self.enum_of(ty) {
                Some(found) if found.oid == ty.0 => found.name.clone(),
                Some(found) => format!("{}[]", found.name),
                None => ty.0.to_string(),
            };
        }
        ty.info().map_or_else(|| ty.0.to_string(), |info| info.sql_name.to_owned())
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn characters(name: &str, length: Option<&CharacterLength>, none: i32) -> Result<i32> {
    match length {
        None => Ok(none),
        Some(CharacterLength::IntegerLength { length: 0, .. }) => {
            Err(invalid(format!("length for type {name} must be at least 1")))
        }
        Some(CharacterLength::IntegerLength { length, unit: None }) if *length <= CHARACTERS_MAX => {
            Ok(*length as i32 + 4)
        }
        Some(CharacterLength::IntegerLength { unit: None, .. }) => {
            Err(invalid(format!("length for type {name} cannot exceed {CHARACTERS_MAX}")))
        }
        Some(other) => Err(Error::unsupported(format!("length {other} of a type"))),
    }
}

fn numeric(info: &ExactNumberInfo) -> Result<(Type, i32)> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok((Type::NUMERIC, -1)),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=PRECISION_MAX).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and {PRECISION_MAX}");
        return Err(invalid(message));
    }
    if !(-1_000..=1_000).contains(&scale) {
        return Err(invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000")));
    }
    Ok((Type::NUMERIC, (((precision as i32) << 16) | (scale as i32 & 0x7ff)) + 4))
}

/// A precision of seconds above 6 is 6, as PostgreSQL warns.
fn seconds(precision: Option<u64>) -> i32 {
    precision.map_or(-1, |precision| precision.min(6) as i32)
}

/// PostgreSQL's `INTERVAL_TYPMOD`: a mask of fields above 16 bits of precision.
pub(super) fn interval_modifier(fields: Option<&IntervalFields>, precision: Option<u64>) -> i32 {
    const MONTH: i32 = 1 << 1;
    const YEAR: i32 = 1 << 2;
    const DAY: i32 = 1 << 3;
    const HOUR: i32 = 1 << 10;
    const MINUTE: i32 = 1 << 11;
    const SECOND: i32 = 1 << 12;
    let mask = match fields {
        None if precision.is_none() => return -1,
        None => 0x7fff,
        Some(IntervalFields::Year) => YEAR,
        Some(IntervalFields::Month) => MONTH,
        Some(IntervalFields::Day) => DAY,
        Some(IntervalFields::Hour) => HOUR,
        Some(IntervalFields::Minute) => MINUTE,
        Some(IntervalFields::Second) => SECOND,
        Some(IntervalFields::YearToMonth) => YEAR | MONTH,
        Some(IntervalFields::DayToHour) => DAY | HOUR,
        Some(IntervalFields::DayToMinute) => DAY | HOUR | MINUTE,
        Some(IntervalFields::DayToSecond) => DAY | HOUR | MINUTE | SECOND,
        Some(IntervalFields::HourToMinute) => HOUR | MINUTE,
        Some(IntervalFields::HourToSecond) => HOUR | MINUTE | SECOND,
        Some(IntervalFields::MinuteToSecond) => MINUTE | SECOND,
    };
    (mask << 16) | precision.map_or(0xffff, |precision| precision.min(6) as i32)
}
