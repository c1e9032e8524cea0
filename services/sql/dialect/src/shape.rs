//! The shape of a statement: its text without its literals, found without parsing, so that a plan can be kept for all statements that differ in
//! literals alone.
//!
//! A shape is all of the text but the literals, and the literals: two statements whose shapes have the same key and whose literals are the same are
//! the same text. Which literals may differ is for [`template`] to say, from the syntax tree; the others are part of the plan, and are compared.
//!
//! # Invariants
//! - What is not read here with certainty has no shape: comments, escapes, parameters, strings with a prefix, numbers with an exponent, several statements.
//! - The marks in a key are control characters, which no text with a shape has.

use std::fmt::Write as _;
use std::ops::Range;

mod template;

pub use template::{Slot, Template, template};

/// Bytes of a text that may have a shape; longer ones are seldom sent again.
pub const TEXT_BYTES_MAX: usize = 8 << 10;
/// Literals of a text that may have a shape.
pub const LITERALS_MAX: usize = 128;
/// What the statements begin with that may have one.
const VERBS: [&str; 4] = ["select", "insert", "update", "delete"];

/// What a literal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Digits that are an `integer`.
    Integer,
    /// Digits that are a `bigint`.
    Bigint,
    /// Digits with a point among them.
    Decimal,
    /// A string in quotes.
    Text,
}

impl Class {
    /// What stands for it in a key.
    const fn mark(self) -> char {
        match self {
            Self::Integer => '\u{1}',
            Self::Bigint => '\u{2}',
            Self::Decimal => '\u{3}',
            Self::Text => '\u{4}',
        }
    }
}

/// A literal of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// What it is.
    pub class: Class,
    /// Its bytes in the statement, quotes included.
    pub bytes: Range<usize>,
    /// Digits as they are written, or what a string holds.
    pub value: String,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The text with marks for the literals.
    pub key: String,
    /// The literals, in order.
    pub literals: Vec<Literal>,
}

/// The shape of a text that is one statement, without space before it; `None` if it has none.
pub fn scan(text: &str) -> Option<Shape> {
    let verb = text.get(..6)?;
    if text.len() > TEXT_BYTES_MAX || !VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut scanner = Scanner { text, at: 0, key: String::with_capacity(text.len()), literals: Vec::new() };
    while scanner.at < text.len() {
        scanner.step()?;
        if scanner.literals.len() > LITERALS_MAX {
            return None;
        }
    }
    Some(Shape { key: scanner.key, literals: scanner.literals })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    key: String,
    literals: Vec<Literal>,
}

const fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit()
}

impl Scanner<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn end_of(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[from..];
        from + rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len())
    }

    /// Takes the text up to a byte into the key.
    fn keep(&mut self, end: usize) {
        self.key.push_str(&self.text[self.at..end]);
        self.at = end;
    }

    /// One word, name, literal or sign.
    fn step(&mut self) -> Option<()> {
        let first = self.byte(self.at);
        match first {
            b'\'' => self.string()?,
            b'"' => {
                let end = self.at + 1 + self.text[self.at + 1..].find('"')? + 1;
                self.keep(end);
            }
            b';' => {
                let is_last =
                    self.text[self.at + 1..].bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
                self.at = is_last.then_some(self.text.len())?;
            }
            b'0'..=b'9' => self.number()?,
            _ if begins_word(first) => {
                let end = self.end_of(self.at, continues_word);
                // What follows a word at once may belong to it: `E'…'`, `U&"…"`, `a$b`.
                if matches!(self.byte(end), b'\'' | b'"' | b'$' | b'&') {
                    return None;
                }
                self.keep(end);
            }
            b'\t' | b'\r' | b'\n' => self.keep(self.at + 1),
            0..=0x1f | 0x7f | b'$' | b'\\' => return None,
            b'-' if self.byte(self.at + 1) == b'-' => return None,
            b'/' if self.byte(self.at + 1) == b'*' => return None,
            b'.' if self.byte(self.at + 1).is_ascii_digit() => return None,
            _ => self.keep(self.at + 1),
        }
        Some(())
    }

    fn push(&mut self, class: Class, end: usize, value: String) {
        self.key.push(class.mark());
        self.literals.push(Literal { class, bytes: self.at..end, value });
        self.at = end;
    }

    fn string(&mut self) -> Option<()> {
        // A string after a string is one with it, if a line ends between them.
        if self.key.trim_end().ends_with(Class::Text.mark()) {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            end = self.end_of(end, |byte| !matches!(byte, b'\'' | b'\\' | 0));
            match (self.byte(end), bytes.get(end + 1)) {
                (b'\'', Some(b'\'')) => end += 2,
                (b'\'', _) => break,
                _ => return None,
            }
        }
        let value = self.text[self.at + 1..end].replace("''", "'");
        self.push(Class::Text, end + 1, value);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let whole = self.end_of(self.at, |byte| byte.is_ascii_digit());
        let end = match (self.byte(whole), self.byte(whole + 1)) {
            (b'.', next) if next.is_ascii_digit() => self.end_of(whole + 1, |byte| byte.is_ascii_digit()),
            (b'.', _) => return None,
            _ => whole,
        };
        if continues_word(self.byte(end)) || matches!(self.byte(end), b'.' | b'$') {
            return None;
        }
        let value = self.text[self.at..end].to_owned();
        let class = if end > whole {
            Class::Decimal
        } else if value.parse::<i32>().is_ok() {
            Class::Integer
        } else if value.parse::<i64>().is_ok() {
            Class::Bigint
        } else {
            return None;
        };
        self.push(class, end, value);
        Some(())
    }
}

/// For messages: the key with names for the marks.
impl std::fmt::Display for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.key.chars().try_for_each(|character| match character {
            '\u{1}'..='\u{4}' => formatter.write_char('?'),
            other => formatter.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_told_from_the_rest() {
        let rows: &[(&str, Option<(&str, &[&str])>)] = &[
            ("select 1", Some(("select ?", &["1"]))),
            ("SELECT a1 FROM t2 WHERE b=-12;  ", Some(("SELECT a1 FROM t2 WHERE b=-?", &["12"]))),
            ("select 'it''s', \"a 1\"", Some(("select ?, \"a 1\"", &["it's"]))),
            ("select ''", Some(("select ?", &[""]))),
            ("select 1.50, 3000000000", Some(("select ?, ?", &["1.50", "3000000000"]))),
            ("select 'ä' from größe", Some(("select ? from größe", &["ä"]))),
            ("select 'a' 'b'", None),
            ("select 'a'\n'b'", None),
            ("select E'a'", None),
            ("select U&'a'", None),
            ("select U&\"a\"", None),
            ("select 'a\\n'", None),
            ("select 'a", None),
            ("select 1e5", None),
            ("select 1.", None),
            ("select .5", None),
            ("select 1.2.3", None),
            ("select 12a", None),
            ("select 0x1F", None),
            ("select 1_000", None),
            ("select 99999999999999999999", None),
            ("select $1", None),
            ("select $$a$$", None),
            ("select 1 -- one", None),
            ("select 1 /* one */", None),
            ("select 1; select 2", None),
            ("select '\u{0}'", None),
            ("select \u{1}", None),
            (" select 1", None),
            ("create table t (a int default 1)", None),
            ("sel", None),
            ("selecä 1", None),
        ];
        for (text, expected) in rows {
            let shape = scan(text);
            let found = shape.as_ref().map(|shape| {
                let values: Vec<&str> = shape.literals.iter().map(|literal| literal.value.as_str()).collect();
                (shape.to_string(), values)
            });
            let expected = expected.map(|(key, values)| (key.to_owned(), values.to_vec()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn classes_are_in_the_key() {
        let key = |text: &str| scan(text).map(|shape| shape.key);
        assert_ne!(key("select 1"), key("select 3000000000"));
        assert_ne!(key("select 1"), key("select 1.0"));
        assert_ne!(key("select 1"), key("select '1'"));
        assert_eq!(key("select 1"), key("select 20;"));
    }

    #[test]
    fn a_text_with_too_many_literals_has_no_shape() {
        let list = |count: usize| format!("select {}", vec!["1"; count].join(","));
        assert!(scan(&list(LITERALS_MAX)).is_some());
        assert!(scan(&list(LITERALS_MAX + 1)).is_none());
    }
}
