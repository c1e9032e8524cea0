//! Structured fields (RFC 9651, without dates and display strings): dictionaries of items and inner lists, read strictly and
//! written canonically.

use crate::limits;
use base64ct::{Base64, Encoding};
use std::fmt::Write as _;

/// A value by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    Integer(i64),
    /// In thousandths.
    Decimal(i64),
    String(String),
    Token(String),
    Bytes(Vec<u8>),
    Boolean(bool),
}

/// Parameters, each name once, in order.
pub(crate) type Params = Vec<(String, Bare)>;

/// A value with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) value: Bare,
    pub(crate) params: Params,
}

/// What a member of a dictionary is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Item(Bare),
    List(Vec<Item>),
}

/// A member of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) value: Value,
    pub(crate) params: Params,
}

/// It is no such field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Read<T> = Result<T, Malformed>;

/// The value of a parameter.
pub(crate) fn param<'a>(params: &'a Params, name: &str) -> Option<&'a Bare> {
    params.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Puts a value in the place of one of the same name, or at the end. RFC 9651 lets a later one win; here the bound is on them all.
fn put<V>(rows: &mut Vec<(String, V)>, name: String, value: V) -> Read<()> {
    if let Some(row) = rows.iter_mut().find(|(known, _)| *known == name) {
        row.1 = value;
        return Ok(());
    }
    if rows.len() >= limits::FIELD_MEMBERS_MAX {
        return Err(Malformed);
    }
    rows.push((name, value));
    Ok(())
}

/// Reads a dictionary (RFC 9651, section 4.2.2).
pub(crate) fn dictionary(bytes: &[u8]) -> Read<Vec<(String, Member)>> {
    if bytes.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(Malformed);
    }
    let mut reader = Reader { rest: bytes };
    reader.spaces();
    let mut members = Vec::new();
    while !reader.rest.is_empty() {
        let name = reader.key()?;
        let value = if reader.take(b'=') {
            if reader.peek() == Some(b'(') {
                Value::List(reader.inner_list()?)
            } else {
                Value::Item(reader.bare()?)
            }
        } else {
            Value::Item(Bare::Boolean(true))
        };
        let member = Member { value, params: reader.params()? };
        put(&mut members, name, member)?;
        reader.optional_white_space();
        if reader.rest.is_empty() {
            break;
        }
        if !reader.take(b',') {
            return Err(Malformed);
        }
        reader.optional_white_space();
        // A comma is followed by a member.
        if reader.rest.is_empty() {
            return Err(Malformed);
        }
    }
    Ok(members)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    const fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.rest = &self.rest[1..];
        }
        there
    }

    fn while_(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !fits(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn spaces(&mut self) {
        self.while_(|byte| byte == b' ');
    }

    fn optional_white_space(&mut self) {
        self.while_(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> Read<String> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return Err(Malformed);
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
        Ok(text(self.while_(fits)))
    }

    fn inner_list(&mut self) -> Read<Vec<Item>> {
        if !self.take(b'(') {
            return Err(Malformed);
        }
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.take(b')') {
                return Ok(items);
            }
            if items.len() > limits::FIELD_MEMBERS_MAX {
                return Err(Malformed);
            }
            let value = self.bare()?;
            items.push(Item { value, params: self.params()? });
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(Malformed);
            }
        }
    }

    fn params(&mut self) -> Read<Params> {
        let mut params = Vec::new();
        while self.take(b';') {
            self.spaces();
            let name = self.key()?;
            let value = if self.take(b'=') { self.bare()? } else { Bare::Boolean(true) };
            put(&mut params, name, value)?;
        }
        Ok(params)
    }

    fn bare(&mut self) -> Read<Bare> {
        match self.peek().ok_or(Malformed)? {
            b'"' => self.string(),
            b':' => self.bytes(),
            b'?' => self.boolean(),
            b'-' | b'0'..=b'9' => self.number(),
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Ok(Bare::Token(text(self.while_(fits))))
            }
            _ => Err(Malformed),
        }
    }

    fn string(&mut self) -> Read<Bare> {
        self.take(b'"');
        let mut string = String::new();
        loop {
            let byte = self.peek().ok_or(Malformed)?;
            self.rest = &self.rest[1..];
            match byte {
                b'"' => return Ok(Bare::String(string)),
                b'\\' => match self.peek() {
                    Some(escaped @ (b'"' | b'\\')) => {
                        string.push(escaped as char);
                        self.rest = &self.rest[1..];
                    }
                    _ => return Err(Malformed),
                },
                b' '..=b'~' => string.push(byte as char),
                _ => return Err(Malformed),
            }
        }
    }

    fn bytes(&mut self) -> Read<Bare> {
        self.take(b':');
        let encoded = self.while_(|byte| byte != b':');
        if !self.take(b':') {
            return Err(Malformed);
        }
        let encoded = std::str::from_utf8(encoded).map_err(|_| Malformed)?;
        Base64::decode_vec(encoded).map(Bare::Bytes).map_err(|_| Malformed)
    }

    fn boolean(&mut self) -> Read<Bare> {
        self.take(b'?');
        match (self.take(b'0'), self.take(b'1')) {
            (true, false) => Ok(Bare::Boolean(false)),
            (false, true) => Ok(Bare::Boolean(true)),
            _ => Err(Malformed),
        }
    }

    /// At most 15 digits, or 12 before and 3 behind the point.
    fn number(&mut self) -> Read<Bare> {
        let sign = if self.take(b'-') { -1 } else { 1 };
        let whole = text(self.while_(|byte| byte.is_ascii_digit()));
        if whole.is_empty() || whole.len() > 15 {
            return Err(Malformed);
        }
        let number: i64 = whole.parse().map_err(|_| Malformed)?;
        if !self.take(b'.') {
            return Ok(Bare::Integer(sign * number));
        }
        let fraction = text(self.while_(|byte| byte.is_ascii_digit()));
        if whole.len() > 12 || !(1..=3).contains(&fraction.len()) {
            return Err(Malformed);
        }
        let thousandths: i64 = format!("{fraction:0<3}").parse().map_err(|_| Malformed)?;
        Ok(Bare::Decimal(sign * (number * 1_000 + thousandths)))
    }
}

fn text(ascii: &[u8]) -> String {
    ascii.iter().map(|byte| *byte as char).collect()
}

fn write_bare(value: &Bare, out: &mut String) {
    match value {
        Bare::Integer(number) => out.push_str(&number.to_string()),
        Bare::Decimal(thousandths) => {
            let sign = if *thousandths < 0 { "-" } else { "" };
            let (whole, part) = (thousandths.unsigned_abs() / 1_000, thousandths.unsigned_abs() % 1_000);
            let part = format!("{part:03}");
            let part = part.trim_end_matches('0');
            let _ = write!(out, "{sign}{whole}.{}", if part.is_empty() { "0" } else { part });
        }
        Bare::String(text) => {
            out.push('"');
            for character in text.chars() {
                if matches!(character, '"' | '\\') {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('"');
        }
        Bare::Token(token) => out.push_str(token),
        Bare::Bytes(bytes) => {
            let _ = write!(out, ":{}:", Base64::encode_string(bytes));
        }
        Bare::Boolean(value) => out.push_str(if *value { "?1" } else { "?0" }),
    }
}

fn write_params(params: &Params, out: &mut String) {
    for (name, value) in params {
        let _ = write!(out, ";{name}");
        if *value != Bare::Boolean(true) {
            out.push('=');
            write_bare(value, out);
        }
    }
}

/// Writes an item.
pub(crate) fn write_item(item: &Item, out: &mut String) {
    write_bare(&item.value, out);
    write_params(&item.params, out);
}

/// Writes a member without its name.
pub(crate) fn write_member(member: &Member, out: &mut String) {
    match &member.value {
        Value::Item(bare) => write_bare(bare, out),
        Value::List(items) => {
            out.push('(');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_item(item, out);
            }
            out.push(')');
        }
    }
    write_params(&member.params, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(members: &[(String, Member)]) -> String {
        let row = |(name, member): &(String, Member)| {
            let mut out = format!("{name}=");
            write_member(member, &mut out);
            out
        };
        members.iter().map(row).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn fields_are_read_as_they_are_written() {
        for (text, expected) in [
            ("a=1", Some("a=1")),
            ("a=1,  b=2", Some("a=1, b=2")),
            ("a", Some("a=?1")),
            ("a;x=1", Some("a=?1;x=1")),
            ("a=( \"x\"  \"y\";sf );n=:AQI=:", Some("a=(\"x\" \"y\";sf);n=:AQI=:")),
            ("a=1, a=2", Some("a=2")),
            ("a=-1.50", Some("a=-1.5")),
            ("a=tok/en:x", Some("a=tok/en:x")),
            ("a=\"q\\\"\\\\\"", Some("a=\"q\\\"\\\\\"")),
            ("a=?0", Some("a=?0")),
            ("", Some("")),
            ("a=1,", None),
            ("a=", None),
            ("A=1", None),
            ("a=(\"x\"\"y\")", None),
            ("a=(\"x\"", None),
            ("a=:AQI:", None),
            ("a=\"\u{e9}\"", None),
            ("a=1234567890123456", None),
            ("a=1.2345", None),
            ("a=1 b=2", None),
            ("a=@1", None),
        ] {
            let read = dictionary(text.as_bytes()).ok();
            assert_eq!(read.as_deref().map(written).as_deref(), expected, "{text}");
        }
    }

    fn bare() -> impl Strategy<Value = Bare> {
        prop_oneof![
            (-999_999_999_999_999_i64..=999_999_999_999_999).prop_map(Bare::Integer),
            (-999_999_999_999_999_i64..=999_999_999_999_999).prop_map(Bare::Decimal),
            "[ -~]{0,12}".prop_map(Bare::String),
            "[a-zA-Z*][a-zA-Z0-9!#$%&'*+.^_`|~:/-]{0,8}".prop_map(Bare::Token),
            prop::collection::vec(any::<u8>(), 0..12).prop_map(Bare::Bytes),
            any::<bool>().prop_map(Bare::Boolean),
        ]
    }

    fn params() -> impl Strategy<Value = Params> {
        prop::collection::btree_map("[a-z*][a-z0-9_.*-]{0,5}", bare(), 0..3)
            .prop_map(|map| map.into_iter().collect())
    }

    fn member() -> impl Strategy<Value = Member> {
        let item = (bare(), params()).prop_map(|(value, params)| Item { value, params });
        let value = prop_oneof![
            bare().prop_map(Value::Item),
            prop::collection::vec(item, 0..4).prop_map(Value::List)
        ];
        (value, params()).prop_map(|(value, params)| Member { value, params })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(members in prop::collection::btree_map("[a-z*][a-z0-9_.*-]{0,5}", member(), 0..4)) {
            let members: Vec<(String, Member)> = members.into_iter().collect();
            prop_assert_eq!(dictionary(written(&members).as_bytes()), Ok(members));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(members) = dictionary(&bytes) {
                prop_assert_eq!(dictionary(written(&members).as_bytes()), Ok(members));
            }
        }
    }
}
