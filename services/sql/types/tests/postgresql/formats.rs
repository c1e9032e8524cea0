//! Values by patterns.

use bole_sql_types::datetime::{self, interval};
use bole_sql_types::{Result, Type, Value, format};

use crate::{check, shown, style};

fn call(call: &str, a: &[String]) -> Result<Option<String>> {
    let style = style();
    let [value, pattern] = a else { panic!("two arguments") };
    match call {
        "timestamp" => format::timestamp_to_char(datetime::parse_timestamp(value, -1, &style)?, pattern),
        "timestamptz" => {
            format::timestamptz_to_char(datetime::parse_timestamptz(value, -1, &style)?, pattern, &style.zone)
        }
        "interval" => format::interval_to_char(interval::parse(value, -1)?, pattern),
        "number" => format::number_to_char(value, pattern).map(Some),
        "to_number" => format::to_number(value, pattern).map(Some),
        "to_date" => shown(Type::DATE, &Value::Integer(format::to_date(value, pattern)?), &style),
        "to_timestamp" => {
            let timestamp = format::to_timestamp(value, pattern, &style.zone)?;
            shown(Type::TIMESTAMPTZ, &Value::Integer(timestamp), &style)
        }
        _ => panic!("{call}"),
    }
}

#[test]
fn values_by_patterns() {
    check(include_str!("formats.txt"), 1_500, call);
}
