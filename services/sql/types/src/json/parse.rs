//! Reads JSON (RFC 8259), with PostgreSQL's messages.

use std::borrow::Cow;

use super::Json;
use super::raw::Raw;
use crate::numeric::Numeric;
use crate::{Error, Result, SqlState};

/// How deeply arrays and objects may be nested.
const DEPTH_MAX: usize = 1_000;

/// Whether text is JSON. Errors: 22P02; 54001 where it is nested too deeply.
pub fn validate(text: &str) -> Result<()> {
    Parser { text, at: 0, start: 0, mode: Mode::Validate, depth: 0, built: 0 }.document().map(|_| ())
}

/// Reads json: all members in their order, numbers as written. Errors: 22P02, 54001; 22P05 for escapes that no text can have.
pub fn parse(text: &str) -> Result<Json<'_>> {
    Parser { text, at: 0, start: 0, mode: Mode::Keep, depth: 0, built: 0 }.document()
}

/// Reads jsonb from any JSON. Errors: as [`parse`], and 22003 for numbers that `numeric` cannot hold.
pub fn parse_binary(text: &str) -> Result<Json<'_>> {
    Parser { text, at: 0, start: 0, mode: Mode::Canonical, depth: 0, built: 0 }.document()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing is built.
    Validate,
    Keep,
    Canonical,
}

/// Reads one value.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Where the token began.
    start: usize,
    mode: Mode,
    depth: usize,
    /// Bytes that what was built takes.
    built: usize,
}

/// Bytes that a value may take when it is taken apart: many times its text.
const BUILT_BYTES_MAX: usize = 512 << 20;

fn syntax(detail: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
        .with_detail(detail)
}

impl<'a> Parser<'a> {
    /// Asked before something more is built. Errors: 54000.
    fn build(&mut self, bytes: usize) -> Result<()> {
        self.built += bytes;
        if self.built <= BUILT_BYTES_MAX {
            return Ok(());
        }
        let message = format!("a JSON value takes more than {} MiB of memory", BUILT_BYTES_MAX >> 20);
        Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
    }

    /// Builds what it reads.
    pub(super) const fn keeping(text: &'a str) -> Self {
        Parser { text, at: 0, start: 0, mode: Mode::Keep, depth: 0, built: 0 }
    }

    /// The value if it is no array and no object.
    pub(super) fn scalar(mut self) -> Result<Option<Json<'a>>> {
        self.skip_spaces();
        if matches!(self.peek(), Some(b'{' | b'[')) {
            return Ok(None);
        }
        self.document().map(Some)
    }

    /// The parts of the value as they are written.
    pub(super) fn raw(mut self) -> Result<Raw<'a>> {
        self.skip_spaces();
        let open = self.peek();
        if !matches!(open, Some(b'{' | b'[')) {
            let text = self.text;
            self.document()?;
            return Ok(Raw::Scalar(text));
        }
        self.at += 1;
        self.skip_spaces();
        if open == Some(b'[') {
            self.raw_elements().map(Raw::Array)
        } else {
            self.raw_members().map(Raw::Object)
        }
    }

    fn raw_value(&mut self) -> Result<&'a str> {
        let from = self.at;
        self.build(size_of::<(Cow<'_, str>, &str)>())?;
        self.mode = Mode::Validate;
        self.value("JSON value")?;
        self.mode = Mode::Keep;
        let text = &self.text[from..self.at];
        self.skip_spaces();
        Ok(text)
    }

    /// Whether there is more after a part.
    fn more(&mut self, end: u8) -> Result<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_spaces();
                Ok(true)
            }
            Some(c) if c == end => Ok(false),
            _ => Err(self.expected(if end == b']' { "\",\" or \"]\"" } else { "\",\" or \"}\"" })),
        }
    }

    fn raw_elements(&mut self) -> Result<Vec<&'a str>> {
        let mut elements = Vec::new();
        if self.peek() != Some(b']') {
            loop {
                elements.push(self.raw_value()?);
                if !self.more(b']')? {
                    break;
                }
            }
        }
        Ok(elements)
    }

    fn raw_members(&mut self) -> Result<Vec<(Cow<'a, str>, &'a str)>> {
        let mut members = Vec::new();
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.expected("string or \"}\""));
                }
                let key = self.string()?;
                self.skip_spaces();
                if self.peek() != Some(b':') {
                    return Err(self.expected("\":\""));
                }
                self.at += 1;
                self.skip_spaces();
                members.push((key, self.raw_value()?));
                if !self.more(b'}')? {
                    break;
                }
            }
        }
        Ok(members)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.start = self.at;
    }

    /// Something else was expected; `what` says what.
    fn expected(&mut self, what: &str) -> Error {
        let Some(first) = self.peek() else { return syntax("The input string ended unexpectedly.") };
        // What cannot be a token is said to be none.
        let token = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => &self.text[self.at..=self.at],
            b'"' => match self.string() {
                Ok(_) => &self.text[self.start..self.at],
                Err(error) => return error,
            },
            b'-' | b'0'..=b'9' => match self.number() {
                Ok(_) => &self.text[self.start..self.at],
                Err(error) => return error,
            },
            _ => match self.take_word() {
                word @ ("true" | "false" | "null") => word,
                word => return syntax(format!("Token \"{word}\" is invalid.")),
            },
        };
        syntax(format!("Expected {what}, but found \"{token}\"."))
    }

    fn document(mut self) -> Result<Json<'a>> {
        self.skip_spaces();
        let value = self.value("JSON value")?;
        self.skip_spaces();
        if self.peek().is_some() { Err(self.expected("end of input")) } else { Ok(value) }
    }

    fn value(&mut self, what: &str) -> Result<Json<'a>> {
        if self.mode != Mode::Validate {
            self.build(size_of::<(Cow<'_, str>, Json<'_>)>())?;
        }
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.counted_number(),
            Some(c) if c.is_ascii_alphabetic() => {
                let at = self.at;
                match self.take_word() {
                    "true" => Ok(Json::Bool(true)),
                    "false" => Ok(Json::Bool(false)),
                    "null" => Ok(Json::Null),
                    _ => {
                        self.at = at;
                        Err(self.expected(what))
                    }
                }
            }
            _ => Err(self.expected(what)),
        }
    }

    /// In jsonb a short number may have many digits.
    fn counted_number(&mut self) -> Result<Json<'a>> {
        let number = self.number()?;
        if let Cow::Owned(digits) = &number {
            self.build(digits.len())?;
        }
        Ok(Json::Number(number))
    }

    fn nested(&mut self, read: impl Fn(&mut Self) -> Result<Json<'a>>) -> Result<Json<'a>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        self.at += 1;
        self.skip_spaces();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Json<'a>> {
        let mut elements = Vec::new();
        if self.peek() != Some(b']') {
            loop {
                let element = self.value("JSON value")?;
                if self.mode != Mode::Validate {
                    elements.push(element);
                }
                self.skip_spaces();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.expected("\",\" or \"]\"")),
                }
                self.skip_spaces();
            }
        }
        self.at += 1;
        Ok(Json::Array(elements))
    }

    fn object(&mut self) -> Result<Json<'a>> {
        let mut members = Vec::new();
        let mut what = "string or \"}\"";
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.expected(what));
                }
                what = "string";
                let key = self.string()?;
                self.skip_spaces();
                if self.peek() != Some(b':') {
                    return Err(self.expected("\":\""));
                }
                self.at += 1;
                self.skip_spaces();
                let value = self.value("JSON value")?;
                if self.mode != Mode::Validate {
                    members.push((key, value));
                }
                self.skip_spaces();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.expected("\",\" or \"}\"")),
                }
                self.skip_spaces();
            }
        }
        self.at += 1;
        Ok(if self.mode == Mode::Canonical { Json::object(members) } else { Json::Object(members) })
    }

    /// Letters, digits, underscores and what is not ASCII; or else one character.
    fn take_word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let other = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_';
        let end = match rest.find(other) {
            Some(0) => 1,
            Some(end) => end,
            None => rest.len(),
        };
        self.at += end;
        &rest[..end]
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> Result<Cow<'a, str>> {
        self.start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let mut good = if zero {
            self.at += 1;
            true
        } else {
            self.digits()
        };
        if good && self.peek() == Some(b'.') {
            self.at += 1;
            good = self.digits();
        }
        if good && matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            good = self.digits();
        }
        let from = self.at;
        let tail = self.text[from..].find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_');
        self.at += tail.unwrap_or(self.text.len() - from);
        let text = &self.text[self.start..self.at];
        if !good || self.at > from {
            return Err(syntax(format!("Token \"{text}\" is invalid.")));
        }
        Ok(match self.mode {
            Mode::Canonical => match Numeric::parse(text)?.checked()?.to_string() {
                same if same == text => Cow::Borrowed(text),
                other => Cow::Owned(other),
            },
            _ => Cow::Borrowed(text),
        })
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.start = self.at;
        self.at += 1;
        let from = self.at;
        let mut owned: Option<String> = None;
        let mut copied = from;
        loop {
            match self.peek() {
                None => {
                    let token = &self.text[self.start..];
                    return Err(syntax(format!("Token \"{token}\" is invalid.")));
                }
                Some(b'"') => break,
                Some(b'\\') => {
                    let before = &self.text[copied..self.at];
                    let escaped = self.escape()?;
                    copied = self.at;
                    if self.mode != Mode::Validate {
                        let owned = owned.get_or_insert_default();
                        owned.push_str(before);
                        owned.push(escaped);
                    }
                }
                Some(c) if c < b' ' => {
                    return Err(syntax(format!("Character with value 0x{c:02x} must be escaped.")));
                }
                Some(_) => self.at += 1,
            }
        }
        let last = &self.text[copied..self.at];
        self.at += 1;
        Ok(match owned {
            Some(owned) => Cow::Owned(owned + last),
            None => Cow::Borrowed(last),
        })
    }

    fn escape(&mut self) -> Result<char> {
        self.at += 1;
        let c = self.text[self.at..].chars().next();
        let plain = match c {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\x08',
            Some('f') => '\x0c',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            None => {
                let token = &self.text[self.start..];
                return Err(syntax(format!("Token \"{token}\" is invalid.")));
            }
            Some(c) => return Err(syntax(format!("Escape sequence \"\\{c}\" is invalid."))),
        };
        self.at += 1;
        Ok(plain)
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return Err(syntax("\"\\u\" must be followed by four hexadecimal digits."));
        };
        self.at += 5;
        Ok(digits.iter().fold(0, |sum, digit| sum * 16 + char::from(*digit).to_digit(16).unwrap_or(0)))
    }

    fn unicode(&mut self) -> Result<char> {
        let code = self.hex()?;
        if self.mode == Mode::Validate {
            return Ok(' ');
        }
        if code == 0 {
            let error = Error::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence");
            return Err(error.with_detail("\\u0000 cannot be converted to text."));
        }
        let low_missing = || syntax("Unicode low surrogate must follow a high surrogate.");
        match code {
            0xd800..=0xdbff => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(low_missing());
                }
                self.at += 1;
                match self.hex()? {
                    low @ 0xdc00..=0xdfff => {
                        let code = 0x1_0000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
                        char::from_u32(code).ok_or_else(low_missing)
                    }
                    0xd800..=0xdbff => {
                        Err(syntax("Unicode high surrogate must not follow a high surrogate."))
                    }
                    _ => Err(low_missing()),
                }
            }
            _ => char::from_u32(code).ok_or_else(low_missing),
        }
    }
}
