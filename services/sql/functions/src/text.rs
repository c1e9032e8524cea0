//! Functions on text. Positions and lengths count characters.

pub(crate) mod bytes;
pub(crate) mod encoding;
pub(crate) mod format;
pub(crate) mod quote;
pub(crate) mod size;

use bole_sql_types::length::{BYTES_MAX, check_length};
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};
use unicode_normalization::UnicodeNormalization as _;

use crate::call::{Arguments, boolean, integer, text};
use crate::scalar::{Scalar, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_lower", 1, |of| text(lower(of.text(0)?))),
    strict(c"pg_upper", 1, |of| text(upper(of.text(0)?))),
    strict(c"pg_initcap", 1, |of| text(initcap(of.text(0)?))),
    strict(c"pg_ascii", 1, |of| integer(of.text(0)?.chars().next().map_or(0, u32::from))),
    strict(c"pg_chr", 1, |of| chr(of.integer(0)?)),
    strict(c"pg_lpad", 2, |of| {
        let (fill, whole) = padding(of)?;
        text(fill + &whole)
    })
    .optional(1),
    strict(c"pg_rpad", 2, |of| {
        let (fill, whole) = padding(of)?;
        text(whole + &fill)
    })
    .optional(1),
    strict(c"pg_left", 2, |of| text(left(of.text(0)?, of.integer(1)?))),
    strict(c"pg_right", 2, |of| text(right(of.text(0)?, of.integer(1)?))),
    strict(c"pg_repeat", 2, |of| repeat(of.text(0)?, of.integer(1)?)),
    strict(c"pg_reverse", 1, |of| text(of.text(0)?.chars().rev().collect::<String>())),
    strict(c"pg_normalize", 2, |of| text(normalize(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_is_normalized", 2, |of| {
        let (whole, form) = (of.text(0)?, of.text(1)?);
        boolean(normalize(whole, form)? == whole)
    }),
    strict(c"pg_unistr", 1, |of| unistr(of.text(0)?)),
    strict(c"pg_translate", 3, |of| text(translate(of.text(0)?, of.text(1)?, of.text(2)?)?)),
    strict(c"pg_split_part", 3, |of| split_part(of.text(0)?, of.text(1)?, of.integer(2)?)),
    strict(c"pg_starts_with", 2, |of| boolean(of.text(0)?.starts_with(of.text(1)?))),
    strict(c"pg_substring", 2, |of| {
        let length = if of.len() > 2 { Some(of.integer(2)?) } else { None };
        text(substring(of.text(0)?, of.integer(1)?, length)?)
    })
    .optional(1),
    strict(c"pg_overlay", 3, overlay).optional(1),
    strict(c"pg_concat_text", 2, |of| {
        check_length(of.text(0)?.len(), of.text(1)?.len())?;
        text([of.text(0)?, of.text(1)?].concat())
    }),
    lenient(c"pg_concat", -1, concat),
    lenient(c"pg_concat_ws", -1, concat_ws),
    strict(c"pg_to_hex_int4", 1, |of| text(format!("{:x}", of.integer(0)? as u32))),
    strict(c"pg_to_hex_int8", 1, |of| text(format!("{:x}", of.integer(0)?))),
    strict(c"pg_char_int4", 1, |of| char_of_number(of.integer(0)?)),
    strict(c"pg_int4_char", 1, |of| integer(of.text(0)?.bytes().next().map_or(0, |byte| byte as i8))),
    lenient(c"pg_num_nulls", -1, |of| crate::call::count((0..of.len()).filter(|at| of.is_null(*at)).count())),
    lenient(c"pg_num_nonnulls", -1, |of| {
        crate::call::count((0..of.len()).filter(|at| !of.is_null(*at)).count())
    }),
];

fn too_long() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}

/// One character for one, as C's `towlower`; those that would become several stay.
fn lower_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        // The dotted capital I, which C's tables lower to a plain i.
        _ if c == '\u{130}' => 'i',
        _ => c,
    }
}

fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// In lower case.
pub(crate) fn lower(of: &str) -> String {
    if of.is_ascii() { of.to_ascii_lowercase() } else { of.chars().map(lower_char).collect() }
}

fn upper(of: &str) -> String {
    if of.is_ascii() { of.to_ascii_uppercase() } else { of.chars().map(upper_char).collect() }
}

/// A letter or digit as C's tables have it: numbers that are no digits, such as `²` and `½`, are neither, unless they are letters as well (`Ⅷ`).
fn is_alphanumeric(c: char) -> bool {
    const OTHER_NUMBERS: [std::ops::RangeInclusive<char>; 9] =
        ['²'..='³', '¹'..='¹', '¼'..='¾', '⁰'..='₉', '⅐'..='⅟', '①'..='⒛', '⓪'..='⓿', '❶'..='➓', '㉈'..='㊿'];
    c.is_alphabetic() || (c.is_numeric() && !OTHER_NUMBERS.iter().any(|range| range.contains(&c)))
}

fn initcap(of: &str) -> String {
    let mut inside = false;
    of.chars()
        .map(|c| {
            let done = if inside { lower_char(c) } else { upper_char(c) };
            inside = is_alphanumeric(c);
            done
        })
        .collect()
}

/// Unicode's normal forms. Errors: 22023 for another name, 54000 for what becomes too long: of single characters eighteen times as long.
fn normalize(of: &str, form: &str) -> Result<String> {
    match form.to_ascii_uppercase().as_str() {
        "NFC" => bounded(of, of.nfc()),
        "NFD" => bounded(of, of.nfd()),
        "NFKC" => bounded(of, of.nfkc()),
        "NFKD" => bounded(of, of.nfkd()),
        _ => {
            let message = format!("invalid normalization form: {form}");
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
        }
    }
}

fn bounded(of: &str, characters: impl Iterator<Item = char>) -> Result<String> {
    let mut made = String::with_capacity(of.len());
    for character in characters {
        check_length(made.len(), character.len_utf8())?;
        made.push(character);
    }
    Ok(made)
}

fn chr(code: i64) -> Result<Value> {
    let refused = |message: String| Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    if code < 0 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "character number must be positive"));
    }
    if code == 0 {
        return refused("null character not permitted".to_owned());
    }
    match u32::try_from(code).ok().filter(|code| *code <= 0x10_ffff) {
        None => refused(format!("requested character too large for encoding: {code}")),
        Some(code) => match char::from_u32(code) {
            Some(c) => text(c),
            None => refused(format!("requested character not valid for encoding: {code}")),
        },
    }
}

fn char_of_number(number: i64) -> Result<Value> {
    if !(-128..=127).contains(&number) {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range"));
    }
    match number {
        0 => text(""),
        1..=127 => text(char::from(number as u8)),
        _ => Err(Error::unsupported("a \"char\" that is not ASCII")),
    }
}

/// The byte where the character of a number begins, or the end.
fn byte_of(of: &str, character: usize) -> usize {
    if of.is_ascii() {
        return character.min(of.len());
    }
    of.char_indices().nth(character).map_or(of.len(), |(at, _)| at)
}

fn characters(of: &str) -> usize {
    if of.is_ascii() { of.len() } else { of.chars().count() }
}

/// What is to be put beside the text, and the text itself, cut to the length.
fn padding(of: &Arguments<'_, '_>) -> Result<(String, String)> {
    let (whole, length) = (of.text(0)?, of.integer(1)?.max(0) as usize);
    let fill = if of.len() > 2 { of.text(2)? } else { " " };
    let has = characters(whole);
    if length <= has || fill.is_empty() {
        return Ok((String::new(), whole[..byte_of(whole, length)].to_owned()));
    }
    // As PostgreSQL: characters may have four bytes each.
    if length > BYTES_MAX / 4 {
        return Err(too_long());
    }
    Ok((fill.chars().cycle().take(length - has).collect(), whole.to_owned()))
}

fn left(of: &str, count: i64) -> &str {
    let end = if count >= 0 { count } else { (characters(of) as i64 + count).max(0) };
    &of[..byte_of(of, end as usize)]
}

fn right(of: &str, count: i64) -> &str {
    // The lowest number has no opposite in PostgreSQL, and takes nothing away.
    let start = if count == i64::from(i32::MIN) {
        0
    } else if count < 0 {
        -count
    } else {
        (characters(of) as i64 - count).max(0)
    };
    &of[byte_of(of, start as usize)..]
}

fn repeat(of: &str, times: i64) -> Result<Value> {
    let times = times.max(0) as usize;
    match of.len().checked_mul(times) {
        Some(length) if length <= BYTES_MAX => text(of.repeat(times)),
        _ => Err(too_long()),
    }
}

fn translate(of: &str, from: &str, to: &str) -> Result<String> {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut out = String::new();
    for c in of.chars() {
        let c = match from.iter().position(|known| *known == c) {
            None => Some(c),
            Some(at) => to.get(at).copied(),
        };
        check_length(out.len(), c.map_or(0, char::len_utf8))?;
        out.extend(c);
    }
    Ok(out)
}

/// What a backslash begins: how many hexadecimal digits follow it and what is between, besides `\\`.
const ESCAPES: &[(&str, usize)] = &[("", 4), ("+", 6), ("u", 4), ("U", 8)];

/// The code behind a backslash, and its length.
fn escape(rest: &str) -> Option<(u32, usize)> {
    ESCAPES.iter().find_map(|(mark, digits)| {
        let written = rest.strip_prefix(mark)?.get(..*digits)?;
        let is_hex = written.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((u32::from_str_radix(written, 16).ok().filter(|_| is_hex)?, mark.len() + digits))
    })
}

/// Escapes of Unicode characters replaced; those beyond the first plane may be pairs of surrogates.
fn unistr(of: &str) -> Result<Value> {
    let invalid = |message: &str| Error::new(SqlState::SYNTAX_ERROR, message);
    let mut out = String::with_capacity(of.len());
    let mut high = None;
    let mut rest = of;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c != '\\' || after.starts_with('\\') {
            if high.is_some() {
                return Err(invalid("invalid Unicode surrogate pair"));
            }
            out.push(c);
            rest = if c == '\\' { &after[1..] } else { after };
            continue;
        }
        let Some((code, length)) = escape(after) else {
            let hint = "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.";
            return Err(invalid("invalid Unicode escape").with_hint(hint));
        };
        rest = &after[length..];
        match (high.take(), code) {
            (None, 0xd800..=0xdbff) => high = Some(code),
            (Some(first), 0xdc00..=0xdfff) => {
                let joined = 0x1_0000 + ((first - 0xd800) << 10) + (code - 0xdc00);
                out.extend(char::from_u32(joined));
            }
            (Some(_), _) | (None, 0xdc00..=0xdfff) => return Err(invalid("invalid Unicode surrogate pair")),
            (None, code) => {
                let c = char::from_u32(code).filter(|c| *c != '\0').ok_or_else(|| {
                    let message = format!("invalid Unicode code point: {code:04X}");
                    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
                })?;
                out.push(c);
            }
        }
    }
    if high.is_some() { Err(invalid("invalid Unicode surrogate pair")) } else { text(out) }
}

fn split_part(of: &str, by: &str, number: i64) -> Result<Value> {
    if number == 0 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "field position must not be zero"));
    }
    if by.is_empty() || of.is_empty() {
        return text(if number == 1 || number == -1 { of } else { "" });
    }
    let at = number.unsigned_abs() as usize - 1;
    // From the end, fields are counted in the split from the start: overlapping delimiters are found there first.
    let found = if number > 0 {
        of.split(by).nth(at)
    } else {
        let fields: Vec<&str> = of.split(by).collect();
        fields.len().checked_sub(at + 1).map(|at| fields[at])
    };
    text(found.unwrap_or(""))
}

/// 22011.
fn negative_length() -> Error {
    Error::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed")
}

/// Where a part begins and how long it is, within what there is. Positions begin at 1 and may lie outside.
pub(crate) fn part(start: i64, length: Option<i64>) -> Result<(usize, Option<usize>)> {
    let begin = start.max(1);
    let Some(length) = length else { return Ok((begin as usize - 1, None)) };
    if length < 0 {
        return Err(negative_length());
    }
    // Past the last position there can be, the end is the end of the text.
    let end = start + length;
    if end > i64::from(i32::MAX) {
        return Ok((begin as usize - 1, None));
    }
    Ok((begin as usize - 1, Some((end - begin).max(0) as usize)))
}

/// The part of a text.
pub(crate) fn substring(of: &str, start: i64, length: Option<i64>) -> Result<&str> {
    let (begin, count) = part(start, length)?;
    let rest = &of[byte_of(of, begin)..];
    Ok(count.map_or(rest, |count| &rest[..byte_of(rest, count)]))
}

fn overlay(of: &Arguments<'_, '_>) -> Result<Value> {
    let (whole, new, start) = (of.text(0)?, of.text(1)?, of.integer(2)?);
    let length = if of.len() > 3 { of.integer(3)? } else { characters(new) as i64 };
    let after = overlaid(start, length)?;
    let before = substring(whole, 1, Some(start - 1))?;
    let rest = substring(whole, after, None)?;
    check_length(before.len() + rest.len(), new.len())?;
    text([before, new, rest].concat())
}

/// Where the rest begins behind what is laid over.
pub(crate) fn overlaid(start: i64, length: i64) -> Result<i64> {
    if start <= 0 {
        return Err(negative_length());
    }
    match start + length {
        after if i32::try_from(after).is_ok() => Ok(after),
        _ => Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range")),
    }
}

fn concat(of: &Arguments<'_, '_>) -> Result<Value> {
    let mut whole = String::new();
    for at in 0..of.len() {
        let value = of.text_or_null(at)?.unwrap_or("");
        check_length(whole.len(), value.len())?;
        whole.push_str(value);
    }
    text(whole)
}

fn concat_ws(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some(separator) = of.text_or_null(0)? else { return Ok(Value::Null) };
    let mut whole = String::new();
    let mut first = true;
    for at in 1..of.len() {
        if let ValueRef::Text(value) = of.value(at)? {
            check_length(whole.len(), separator.len() + value.len())?;
            if !first {
                whole.push_str(separator);
            }
            first = false;
            whole.push_str(value);
        }
    }
    text(whole)
}
