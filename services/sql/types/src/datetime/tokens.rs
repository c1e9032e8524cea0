//! Text of a date, time or interval, split into fields the way PostgreSQL does: by the look of each, not by what it may mean.

use super::words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// Numbers or words with `-`, `/` or `.` between, or the name of a zone.
    Date,
    Time,
    /// A sign and a number.
    Zone,
    Word,
    /// A sign and a word.
    Special,
}

/// A field, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
}

const TOKENS_MAX: usize = 25;
const LENGTH_MAX: usize = 128;

struct Cursor<'a> {
    rest: &'a [u8],
    text: String,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn take(&mut self) {
        self.text.push(char::from(self.peek().to_ascii_lowercase()));
        self.rest = &self.rest[1..];
    }

    fn take_while(&mut self, test: impl Fn(u8) -> bool) {
        while !self.rest.is_empty() && test(self.peek()) {
            self.take();
        }
    }

    /// After digits: a time, a date or a number.
    fn digits(&mut self) -> Kind {
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() == b':' {
            self.take();
            self.take_while(|c| c.is_ascii_digit() || c == b':' || c == b'.');
            return Kind::Time;
        }
        let delimiter = self.peek();
        if !matches!(delimiter, b'-' | b'/' | b'.') {
            return Kind::Number;
        }
        self.take();
        if !self.peek().is_ascii_digit() {
            self.take_while(|c| c.is_ascii_alphanumeric() || c == delimiter);
            return Kind::Date;
        }
        let kind = if delimiter == b'.' { Kind::Number } else { Kind::Date };
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() != delimiter {
            return kind;
        }
        self.take_while(|c| c.is_ascii_digit() || c == delimiter);
        Kind::Date
    }

    /// A word, or what begins with one.
    fn word(&mut self) -> Kind {
        self.take_while(|c| c.is_ascii_alphabetic());
        let more = match self.peek() {
            b'-' | b'/' | b'.' => true,
            b'+' | b'0'..=b'9' => words::word(&self.text).is_none(),
            _ => false,
        };
        if !more {
            return Kind::Word;
        }
        self.take();
        self.take_while(|c| {
            c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
        });
        Kind::Date
    }

    fn signed(&mut self) -> Option<Kind> {
        self.take();
        while self.rest.first().is_some_and(u8::is_ascii_whitespace) {
            self.rest = &self.rest[1..];
        }
        match self.peek() {
            b'0'..=b'9' => {
                self.take_while(|c| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'-'));
                Some(Kind::Zone)
            }
            c if c.is_ascii_alphabetic() => {
                self.take_while(|c| c.is_ascii_alphabetic());
                Some(Kind::Special)
            }
            _ => None,
        }
    }
}

/// The fields; `None` where PostgreSQL sees no format at all.
pub(super) fn split(text: &str) -> Option<Vec<Token>> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let mut cursor = Cursor { rest: text.as_bytes(), text: String::new() };
    let mut tokens = Vec::new();
    while let Some(&c) = cursor.rest.first() {
        let kind = match c {
            b'0'..=b'9' => cursor.digits(),
            b'.' => {
                cursor.take();
                cursor.take_while(|c| c.is_ascii_digit());
                Kind::Number
            }
            b'+' | b'-' => cursor.signed()?,
            c if c.is_ascii_alphabetic() => cursor.word(),
            c if c.is_ascii_punctuation() || c.is_ascii_whitespace() || c == b'\x0b' => {
                cursor.rest = &cursor.rest[1..];
                continue;
            }
            _ => return None,
        };
        if tokens.len() == TOKENS_MAX {
            return None;
        }
        tokens.push(Token { kind, text: std::mem::take(&mut cursor.text) });
    }
    Some(tokens)
}
