//! Rows as `COPY FROM` reads them. Bytes come in any pieces; a row is taken when it is whole.

use std::borrow::Cow;

use bole_sql_types::{Error, Result, SqlState};

use super::encode::SIGNATURE;
use super::{Layout, Options};
use crate::limits::MESSAGE_BYTES_MAX;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Null,
    Text(Cow<'a, [u8]>),
    Binary(&'a [u8]),
}

/// A row.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) fields: Vec<Field<'a>>,
    /// The number of its line, from 1 on.
    pub(super) line: u64,
}

/// Reads rows.
pub(super) struct Decoder {
    table: String,
    layout: Layout,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    columns: Vec<String>,
    /// By column: an empty value without quotes is no NULL; a quoted NULL is one.
    force_not_null: Vec<bool>,
    force_null: Vec<bool>,
    skip_header: bool,
    /// The signature of a binary copy was read.
    begun: bool,
    ended: bool,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    /// How far the next line was looked through without its end: where, whether within quotes.
    looked: (usize, bool),
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

impl Decoder {
    pub(super) fn new(table: &str, options: &Options, columns: &[&str]) -> Self {
        let among =
            |names: &[String]| columns.iter().map(|column| names.iter().any(|name| name == column)).collect();
        Self {
            table: table.to_owned(),
            layout: options.layout,
            delimiter: options.delimiter(),
            quote: options.quote(),
            escape: options.escape(),
            null: options.null().to_vec(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            force_not_null: among(&options.force_not_null),
            force_null: among(&options.force_null),
            skip_header: options.header,
            begun: false,
            ended: false,
            buffer: Vec::new(),
            at: 0,
            line: 0,
            looked: (0, false),
        }
    }

    /// The line that is being read, from 1 on.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        if self.buffer.len() + bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a row of COPY is too long"));
        }
        if !self.ended {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// The next row that is whole; with `last` nothing more comes.
    pub(super) fn next(&mut self, last: bool) -> Result<Option<Record<'_>>> {
        if self.layout == Layout::Binary {
            return self.next_binary(last);
        }
        loop {
            let Some((end, next)) = self.end_of_line(last) else { return Ok(None) };
            let start = self.at;
            self.at = next;
            self.looked = (0, false);
            self.line += 1;
            if std::mem::take(&mut self.skip_header) {
                continue;
            }
            if &self.buffer[start..end] == b"\\." {
                self.ended = true;
                self.at = self.buffer.len();
                return Ok(None);
            }
            let line = &self.buffer[start..end];
            let fields = match self.layout {
                Layout::Csv => self.csv(line)?,
                Layout::Text | Layout::Binary => self.text(line)?,
            };
            self.check_count(fields.len(), line)?;
            return Ok(Some(Record { fields, line: self.line }));
        }
    }

    /// Where the next line ends, and where the one after it starts.
    fn end_of_line(&mut self, last: bool) -> Option<(usize, usize)> {
        let rest = &self.buffer[self.at..];
        if self.ended || rest.is_empty() {
            return None;
        }
        let (mut at, mut quoted) = self.looked;
        while at < rest.len() {
            match rest[at] {
                b'\n' if !quoted => {
                    let end = if at > 0 && rest[at - 1] == b'\r' { at - 1 } else { at };
                    return Some((self.at + end, self.at + at + 1));
                }
                b'\\' if self.layout == Layout::Text => {
                    if at + 1 >= rest.len() {
                        break;
                    }
                    at += 1;
                }
                byte if self.layout == Layout::Csv
                    && quoted
                    && byte == self.escape
                    && self.escape != self.quote =>
                {
                    if at + 1 >= rest.len() {
                        break;
                    }
                    at += 1;
                }
                byte if self.layout == Layout::Csv && byte == self.quote => quoted = !quoted,
                _ => {}
            }
            at += 1;
        }
        self.looked = (at, quoted);
        if !last {
            return None;
        }
        let end = if rest.ends_with(b"\r") && !quoted { rest.len() - 1 } else { rest.len() };
        Some((self.at + end, self.buffer.len()))
    }

    fn check_count(&self, count: usize, line: &[u8]) -> Result<()> {
        let mut error = match self.columns.get(count) {
            None if count == self.columns.len() => return Ok(()),
            None => bad("extra data after last expected column"),
            Some(missing) => bad(format!("missing data for column \"{missing}\"")),
        };
        let shown = String::from_utf8_lossy(line);
        error.more().context = Some(format!("COPY {}, line {}: \"{shown}\"", self.table, self.line));
        Err(error)
    }

    fn text<'a>(&self, line: &'a [u8]) -> Result<Vec<Field<'a>>> {
        let mut fields = Vec::with_capacity(self.columns.len());
        if self.columns.is_empty() && line.is_empty() {
            return Ok(fields);
        }
        let mut start = 0;
        loop {
            let mut end = start;
            let mut escaped = false;
            while end < line.len() && line[end] != self.delimiter {
                if line[end] == b'\\' {
                    escaped = true;
                    end += 1;
                }
                end += 1;
            }
            let end = end.min(line.len());
            let raw = &line[start..end];
            fields.push(if raw == self.null {
                Field::Null
            } else if escaped {
                Field::Text(Cow::Owned(unescaped(raw)))
            } else {
                Field::Text(Cow::Borrowed(raw))
            });
            if end >= line.len() {
                return Ok(fields);
            }
            start = end + 1;
        }
    }

    fn csv<'a>(&self, line: &'a [u8]) -> Result<Vec<Field<'a>>> {
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut at = 0;
        loop {
            let (mut value, mut quoted, mut any_quotes) = (Vec::new(), false, false);
            while at < line.len() {
                let byte = line[at];
                if quoted {
                    let next = line.get(at + 1).copied();
                    if byte == self.escape
                        && next.is_some_and(|next| next == self.escape || next == self.quote)
                    {
                        value.extend(next);
                        at += 2;
                        continue;
                    }
                    if byte == self.quote {
                        quoted = false;
                    } else {
                        value.push(byte);
                    }
                } else if byte == self.quote {
                    quoted = true;
                    any_quotes = true;
                } else if byte == self.delimiter {
                    break;
                } else {
                    value.push(byte);
                }
                at += 1;
            }
            if quoted {
                return Err(bad("unterminated CSV quoted field"));
            }
            let index = fields.len();
            let forced = |list: &[bool]| list.get(index).copied().unwrap_or(false);
            let is_null = value == self.null
                && (!any_quotes && !forced(&self.force_not_null) || any_quotes && forced(&self.force_null));
            fields.push(if is_null { Field::Null } else { Field::Text(Cow::Owned(value)) });
            if at >= line.len() {
                return Ok(fields);
            }
            at += 1;
        }
    }

    fn next_binary(&mut self, last: bool) -> Result<Option<Record<'_>>> {
        if self.ended {
            return Ok(None);
        }
        let incomplete = |what: &str| if last { Err(bad(what.to_owned())) } else { Ok(None) };
        if !self.begun {
            let rest = &self.buffer[self.at..];
            if rest.len() < SIGNATURE.len() {
                return if last { Err(bad("COPY file signature not recognized")) } else { Ok(None) };
            }
            let (head, tail) = rest.split_at(11);
            if head != &SIGNATURE[..11] {
                return Err(bad("COPY file signature not recognized"));
            }
            let number =
                |at: usize| tail[at..].first_chunk::<4>().map_or(0, |bytes| i32::from_be_bytes(*bytes));
            if number(0) != 0 {
                return Err(bad("unrecognized critical flags in COPY file header"));
            }
            let extension =
                usize::try_from(number(4)).map_err(|_| bad("invalid COPY file header (wrong length)"))?;
            if rest.len() < SIGNATURE.len() + extension {
                return incomplete("invalid COPY file header (wrong length)");
            }
            self.at += SIGNATURE.len() + extension;
            self.begun = true;
        }
        self.binary_row(last)
    }

    fn binary_row(&mut self, last: bool) -> Result<Option<Record<'_>>> {
        let rest = &self.buffer[self.at..];
        let short = || if last { Err(bad("unexpected EOF in COPY data")) } else { Ok(None) };
        let Some(count) = rest.first_chunk::<2>() else {
            return if rest.is_empty() { Ok(None) } else { short() };
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.ended = true;
            self.at = self.buffer.len();
            return Ok(None);
        }
        if usize::try_from(count) != Ok(self.columns.len()) {
            let expected = self.columns.len();
            return Err(bad(format!("row field count is {count}, expected {expected}")));
        }
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut at = 2;
        for _ in 0..count {
            let Some(length) = rest.get(at..).and_then(|bytes| bytes.first_chunk::<4>()) else {
                return short();
            };
            at += 4;
            match i32::from_be_bytes(*length) {
                -1 => fields.push(Field::Null),
                length => {
                    let length = usize::try_from(length).map_err(|_| bad("invalid field size"))?;
                    let Some(bytes) = rest.get(at..at.saturating_add(length)) else { return short() };
                    fields.push(Field::Binary(bytes));
                    at += length;
                }
            }
        }
        self.at += at;
        self.line += 1;
        Ok(Some(Record { fields, line: self.line }))
    }
}

/// What backslashes mean in the text format.
fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let byte = raw[at];
        at += 1;
        if byte != b'\\' || at >= raw.len() {
            out.push(byte);
            continue;
        }
        let escaped = raw[at];
        at += 1;
        let (from, most, radix) = match escaped {
            b'0'..=b'7' => (at - 1, 3, 8),
            b'x' => (at, 2, 16),
            _ => (at, 0, 10),
        };
        let digits =
            raw[from..].iter().take(most).take_while(|byte| (**byte as char).is_digit(radix)).count();
        let number = std::str::from_utf8(&raw[from..from + digits]).ok();
        if let Some(number) = number.and_then(|digits| u32::from_str_radix(digits, radix).ok()) {
            out.push(number as u8);
            at = from + digits;
            continue;
        }
        out.push(match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => other,
        });
    }
    out
}
