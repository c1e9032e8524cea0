//! Arguments as Redis reads them, with its error texts.

use crate::dataset::DATABASES;
use crate::failure::{Failure, NOT_FLOAT, NOT_INTEGER, SYNTAX};
use crate::state::parse_integer;

/// An integer.
pub fn integer(arg: &[u8]) -> Result<i64, Failure> {
    parse_integer(arg).ok_or_else(|| NOT_INTEGER.into())
}

/// An integer that is not negative, or else this complaint.
pub fn natural(arg: &[u8], complaint: &'static str) -> Result<usize, Failure> {
    match parse_integer(arg) {
        Some(value) if value >= 0 => Ok(value as usize),
        _ => Err(complaint.into()),
    }
}

/// A positive count.
pub fn positive(arg: &[u8], complaint: &'static str) -> Result<usize, Failure> {
    match natural(arg, complaint)? {
        0 => Err(complaint.into()),
        value => Ok(value),
    }
}

/// A count that may be 0.
pub fn count(arg: &[u8]) -> Result<usize, Failure> {
    natural(arg, "ERR value is out of range, must be positive")
}

/// A value that is not negative, or else this complaint.
pub fn natural_or(value: i64, complaint: &'static str) -> Result<usize, Failure> {
    usize::try_from(value).map_err(|_| complaint.into())
}

/// Where the keys are that follow their own number, which is argument `at`. None if the number is wrong.
pub fn counted_keys(args: &[&[u8]], at: usize) -> Vec<usize> {
    let number =
        args.get(at).and_then(|arg| parse_integer(arg)).and_then(|number| usize::try_from(number).ok());
    match number {
        Some(number) if number < args.len() - at => (at + 1..=at + number).collect(),
        _ => Vec::new(),
    }
}

/// One of two words: true for the first.
pub fn choice(arg: &[u8], yes: &str, no: &str) -> Result<bool, Failure> {
    if is(arg, yes) {
        Ok(true)
    } else if is(arg, no) {
        Ok(false)
    } else {
        Err(SYNTAX.into())
    }
}

/// A floating-point number, infinities included, no NaN.
pub fn float(arg: &[u8]) -> Result<f64, Failure> {
    parse_float(arg).ok_or_else(|| NOT_FLOAT.into())
}

/// As [`float`]; `None` if it is none.
pub fn parse_float(arg: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(arg).ok()?;
    if text.is_empty() || text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}

/// The number of a database.
pub fn parse_database(arg: &[u8]) -> Result<usize, Failure> {
    let number = parse_integer(arg).ok_or(Failure::from(NOT_INTEGER))?;
    if (0..DATABASES as i64).contains(&number) {
        Ok(number as usize)
    } else {
        Err("ERR DB index is out of range".into())
    }
}

/// Whether an argument is this word, in any case.
pub fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// Walks optional arguments.
pub struct Options<'a> {
    rest: &'a [&'a [u8]],
}

impl<'a> Options<'a> {
    /// The arguments from index `from` on.
    pub fn new(args: &'a [&'a [u8]], from: usize) -> Self {
        Self { rest: args.get(from..).unwrap_or_default() }
    }

    /// The next argument; a syntax error if there is none.
    pub fn value(&mut self) -> Result<&'a [u8], Failure> {
        self.next().ok_or_else(|| SYNTAX.into())
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// All that are left.
    pub fn rest(&self) -> &'a [&'a [u8]] {
        self.rest
    }

    /// Takes the next argument if it is this word.
    pub fn accept(&mut self, word: &str) -> bool {
        let found = self.rest.first().is_some_and(|arg| is(arg, word));
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// A timeout in seconds as a deadline in milliseconds since the Unix epoch; `None`: for ever.
pub fn deadline(arg: &[u8], now: u64) -> Result<Option<u64>, Failure> {
    let seconds = parse_float(arg).ok_or(Failure::from("ERR timeout is not a float or out of range"))?;
    if seconds < 0.0 {
        return Err("ERR timeout is negative".into());
    }
    let millis = seconds * 1_000.0;
    if millis > i64::MAX as f64 {
        return Err("ERR timeout is out of range".into());
    }
    Ok((seconds > 0.0).then(|| now + (millis.ceil() as u64)))
}

/// A deadline in the words of EX, PX, EXAT and PXAT.
pub fn expiry(command: &str, arg: &[u8], unit_ms: i64, absolute: bool, now: u64) -> Result<u64, Failure> {
    let invalid = || Failure::from(format!("ERR invalid expire time in '{command}' command"));
    let value = integer(arg)?;
    if value <= 0 {
        return Err(invalid());
    }
    let millis = value.checked_mul(unit_ms).ok_or_else(invalid)?;
    let deadline = if absolute { millis } else { millis.checked_add(now as i64).ok_or_else(invalid)? };
    Ok(deadline as u64)
}

/// The part of a sequence of `length` elements that inclusive indices name, negative ones counted from the end: start and end (exclusive).
pub fn slice(start: i64, stop: i64, length: usize) -> (usize, usize) {
    let length = length as i64;
    let place = |index: i64| {
        if index < 0 { (index + length).max(if index < -length { -1 } else { 0 }) } else { index }
    };
    let start = place(start).max(0);
    let stop = place(stop).min(length - 1);
    if start > stop || start >= length { (0, 0) } else { (start as usize, stop as usize + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices() {
        for ((start, stop, length), expected) in [
            ((0, -1, 5), (0, 5)),
            ((-3, -2, 5), (2, 4)),
            ((-100, 1, 5), (0, 2)),
            ((3, 1, 5), (0, 0)),
            ((0, 100, 5), (0, 5)),
            ((5, 9, 5), (0, 0)),
            ((0, -100, 5), (0, 0)),
            ((0, 0, 0), (0, 0)),
        ] {
            assert_eq!(slice(start, stop, length), expected, "{start} {stop} of {length}");
        }
    }

    #[test]
    fn floats() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            ("inf", Some(f64::INFINITY)),
            ("-Inf", Some(f64::NEG_INFINITY)),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1e3", Some(1000.0)),
            ("x", None),
        ] {
            assert_eq!(parse_float(text.as_bytes()), expected, "{text}");
        }
    }
}
