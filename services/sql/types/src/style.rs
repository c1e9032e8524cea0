//! The settings of a session that decide how values are read and written.

use crate::zone::Zone;

/// How dates are written (the first part of `DateStyle`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// `2000-01-31 10:00:00+00`.
    #[default]
    Iso,
    /// `01/31/2000 10:00:00 UTC`.
    Sql,
    /// `Mon Jan 31 10:00:00 2000 UTC`.
    Postgres,
    /// `31.01.2000 10:00:00 UTC`.
    German,
}

/// The order of day, month and year where the input leaves it open (the second part of `DateStyle`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year.
    #[default]
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

/// How bytea is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    /// `\x00ff`.
    #[default]
    Hex,
    /// `\000\377`.
    Escape,
}

/// Settings of a session. The default is that of storage forms: ISO, UTC, hex.
#[derive(Clone, Debug)]
pub struct Style {
    /// How dates are written.
    pub date_format: DateFormat,
    /// How ambiguous dates are read.
    pub date_order: DateOrder,
    /// How bytea is written.
    pub bytea_output: ByteaOutput,
    /// `extra_float_digits`: above 0, floats are written in the fewest digits that read back as the same number.
    pub extra_float_digits: i32,
    /// `TimeZone`.
    pub zone: Zone,
    /// When the transaction began, in microseconds since 2000-01-01 UTC, for inputs such as `today`; without it these are refused.
    pub now: Option<i64>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            date_format: DateFormat::Iso,
            date_order: DateOrder::Mdy,
            bytea_output: ByteaOutput::Hex,
            extra_float_digits: 1,
            zone: Zone::utc(),
            now: None,
        }
    }
}
