//! Values of settings: what PostgreSQL reads, and how it writes it.

use bole_sql_types::style::{DateFormat, DateOrder};
use bole_sql_types::zone::Zone;
use bole_sql_types::{Error, Result, SqlState};

use super::DateStyle;
use super::table::{Kind, Setting};

fn invalid(setting: &Setting, text: &str) -> Error {
    let message = format!("invalid value for parameter \"{}\": \"{text}\"", setting.name);
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// The value as it is kept and shown.
pub(super) fn check(setting: &Setting, text: &str) -> Result<String> {
    match setting.kind {
        Kind::Text | Kind::Internal => Ok(text.to_owned()),
        Kind::Bool => boolean(text).map(on_off).ok_or_else(|| {
            let message = format!("parameter \"{}\" requires a Boolean value", setting.name);
            Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
        }),
        Kind::OneOf(words) => word(setting, words, text),
        Kind::Fixed(values) => fixed(setting, values, text),
        Kind::Integer(min, max) => integer(setting, text, min, max).map(|value| value.to_string()),
        Kind::Millis => {
            let value = milliseconds(text).ok_or_else(|| invalid(setting, text))?;
            integer(setting, &value.to_string(), 0, i64::from(i32::MAX)).map(shown)
        }
        Kind::Names => names(text).map(|_| text.to_owned()).ok_or_else(|| invalid(setting, text)),
        Kind::DateStyle => date_style(text).map(shown_style).ok_or_else(|| invalid(setting, text)),
        Kind::TimeZone => time_zone(setting, text),
        Kind::ClientEncoding => encoding(setting, text),
    }
}

fn on_off(value: bool) -> String {
    if value { "on" } else { "off" }.to_owned()
}

/// `true`, `yes`, `on`, `1`, their opposites, and the beginnings of the words that leave no doubt.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |of: &str, least: usize| text.len() >= least && of.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

fn word(setting: &Setting, words: &[&str], text: &str) -> Result<String> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    found
        .map(|word| (*word).to_owned())
        .ok_or_else(|| invalid(setting, text).with_hint(format!("Available values: {}.", words.join(", "))))
}

/// Values under which Bole works anyway; booleans in all their spellings.
fn fixed(setting: &Setting, values: &[&str], text: &str) -> Result<String> {
    if let Some(value) = values.iter().find(|value| value.eq_ignore_ascii_case(text)) {
        return Ok((*value).to_owned());
    }
    match values {
        ["on" | "off"] => match boolean(text).map(on_off) {
            Some(value) if values[0] == value => Ok(value),
            Some(value) => Err(Error::unsupported(format!("{} = {value}", setting.name))),
            None => Err(invalid(setting, text)),
        },
        _ => Err(Error::unsupported(format!("{} = \"{text}\"", setting.name))),
    }
}

fn integer(setting: &Setting, text: &str, min: i64, max: i64) -> Result<i64> {
    let value: i64 = text.trim().parse().map_err(|_| invalid(setting, text))?;
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let name = setting.name;
    let message = format!("{value} is outside the valid range for parameter \"{name}\" ({min} .. {max})");
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

/// A time with or without a unit, in milliseconds.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let scale = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some((number * scale).round() as i64)
}

/// The largest unit in which the time is whole.
fn shown(milliseconds: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    if milliseconds == 0 {
        return "0".to_owned();
    }
    let unit = units.into_iter().find(|(scale, _)| milliseconds % scale == 0).unwrap_or((1, "ms"));
    format!("{}{}", milliseconds / unit.0, unit.1)
}

/// Names with commas between, quoted or not.
pub(super) fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut after = quoted;
            loop {
                let end = after.find('"')?;
                name.push_str(&after[..end]);
                after = &after[end + 1..];
                match after.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        after = more;
                    }
                    None => break (name, after),
                }
            }
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            (rest[..end].to_lowercase(), &rest[end..])
        };
        names.push(name);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return rest.is_empty().then_some(names),
        }
    }
}

/// The parts of a `DateStyle`, in any order; what is not named keeps its default.
pub(super) fn date_style(text: &str) -> Option<DateStyle> {
    let (mut format, mut order) = (None, None);
    for word in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "iso" => format = Some(DateFormat::Iso),
            "sql" => format = Some(DateFormat::Sql),
            "german" => format = Some(DateFormat::German),
            word if word.starts_with("postgres") => format = Some(DateFormat::Postgres),
            "mdy" | "us" | "noneuro" | "noneuropean" => order = Some(DateOrder::Mdy),
            "dmy" | "euro" | "european" => order = Some(DateOrder::Dmy),
            "ymd" => order = Some(DateOrder::Ymd),
            "default" => {}
            _ => return None,
        }
    }
    let german = format == Some(DateFormat::German);
    let order = order.unwrap_or(if german { DateOrder::Dmy } else { DateOrder::Mdy });
    Some((format.unwrap_or_default(), order))
}

fn shown_style((format, order): DateStyle) -> String {
    let format = match format {
        DateFormat::Iso => "ISO",
        DateFormat::Sql => "SQL",
        DateFormat::Postgres => "Postgres",
        DateFormat::German => "German",
    };
    let order = match order {
        DateOrder::Mdy => "MDY",
        DateOrder::Dmy => "DMY",
        DateOrder::Ymd => "YMD",
    };
    format!("{format}, {order}")
}

/// A zone by name, or hours east of Greenwich.
fn time_zone(setting: &Setting, text: &str) -> Result<String> {
    if let Ok(hours) = text.trim().parse::<f64>() {
        if hours.abs() < 168.0 {
            return Ok(Zone::fixed((hours * 3_600.0).round() as i32).name().to_owned());
        }
        return Err(invalid(setting, text));
    }
    let zone = Zone::named(text).ok_or_else(|| invalid(setting, text))?;
    Ok(zone.name().to_owned())
}

fn encoding(setting: &Setting, text: &str) -> Result<String> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok("UTF8".to_owned()),
        "latin1" | "iso88591" | "sqlascii" | "win1252" | "latin9" | "eucjp" | "sjis" | "gbk" | "big5"
        | "win1251" => Err(Error::unsupported(format!("client_encoding {text}"))),
        _ => Err(invalid(setting, text)),
    }
}
