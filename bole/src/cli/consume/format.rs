//! How a record is printed.

use std::io::{self, Write};
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use bole_streams::protocol::batch::{Header, Record};
use serde::Serialize;
use serde_json::{Value, json};

/// `--format`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Key,
    Value,
    Headers,
    Topic,
    Partition,
    Offset,
    Timestamp,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let piece = match character {
                '%' => match field(characters.next())? {
                    Piece::Text(text) => {
                        plain += &text;
                        continue;
                    }
                    piece => piece,
                },
                '\\' => {
                    plain.push(escaped(characters.next())?);
                    continue;
                }
                other => {
                    plain.push(other);
                    continue;
                }
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }
}

fn field(letter: Option<char>) -> Result<Piece, String> {
    Ok(match letter {
        Some('k') => Piece::Key,
        Some('v') => Piece::Value,
        Some('h') => Piece::Headers,
        Some('t') => Piece::Topic,
        Some('p') => Piece::Partition,
        Some('o') => Piece::Offset,
        Some('T') => Piece::Timestamp,
        Some('n') => Piece::Text("\n".to_owned()),
        Some('%') => Piece::Text("%".to_owned()),
        other => {
            let found = other.map(String::from).unwrap_or_default();
            return Err(format!("\"%{found}\" has no meaning; use %k %v %h %t %p %o %T %n %%"));
        }
    })
}

fn escaped(letter: Option<char>) -> Result<char, String> {
    Ok(match letter {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('0') => '\0',
        Some('\\') => '\\',
        other => {
            let found = other.map(String::from).unwrap_or_default();
            return Err(format!("\"\\{found}\" has no meaning; use \\n \\t \\r \\0 \\\\"));
        }
    })
}

impl Format {
    /// Prints a record.
    pub(super) fn print(
        &self,
        out: &mut dyn Write,
        topic: &str,
        partition: i32,
        record: &Record,
    ) -> io::Result<()> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.write_all(text.as_bytes())?,
                Piece::Key => out.write_all(record.key.as_deref().unwrap_or_default())?,
                Piece::Value => out.write_all(record.value.as_deref().unwrap_or_default())?,
                Piece::Headers => headers(out, record)?,
                Piece::Topic => out.write_all(topic.as_bytes())?,
                Piece::Partition => write!(out, "{partition}")?,
                Piece::Offset => write!(out, "{}", record.offset)?,
                Piece::Timestamp => write!(out, "{}", record.timestamp)?,
            }
        }
        Ok(())
    }
}

fn headers(out: &mut dyn Write, record: &Record) -> io::Result<()> {
    for (index, header) in record.headers().enumerate() {
        out.write_all(if index > 0 { b"," } else { b"" })?;
        out.write_all(&header.key)?;
        out.write_all(b"=")?;
        out.write_all(header.value.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

/// A record as JSON. The fields are printed in this order.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Value,
    value: Value,
    headers: Vec<HeaderLine>,
}

#[derive(Serialize)]
struct HeaderLine {
    key: Value,
    value: Value,
}

/// Prints a record as a line of JSON.
pub(super) fn json(out: &mut dyn Write, topic: &str, partition: i32, record: &Record) -> io::Result<()> {
    let header =
        |header: Header| HeaderLine { key: bytes(Some(&header.key)), value: bytes(header.value.as_deref()) };
    let line = Line {
        topic,
        partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: bytes(record.key.as_deref()),
        value: bytes(record.value.as_deref()),
        headers: record.headers().map(header).collect(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

/// A string where the bytes are one, so that nothing is lost where they are not.
fn bytes(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => Value::from(text),
        Some((bytes, Err(_))) => json!({ "base64": Base64::encode_string(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use bole_streams::protocol::batch::{BatchHeader, Builder, records};

    use super::*;

    fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> Record {
        let mut builder = Builder::new();
        builder.push(7, key, value, headers);
        let batch = builder.build();
        let header = BatchHeader::parse(&batch).unwrap();
        records(&batch, &header, 1000).unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn formats() {
        let full = record(Some(b"k"), Some(b"v\xff"), &[(b"a", Some(b"1")), (b"b", None)]);
        let empty = record(None, None, &[]);
        for (format, record, expected) in [
            ("%v%n", &full, &b"v\xff\n"[..]),
            ("%t/%p/%o@%T %k=%v %h", &full, b"orders/3/0@7 k=v\xff a=1,b="),
            ("100%% \\\\%k\\t|\\n", &full, b"100% \\k\t|\n"),
            ("[%k][%v][%h]", &empty, b"[][][]"),
            ("", &full, b""),
        ] {
            let mut out = Vec::new();
            format.parse::<Format>().unwrap().print(&mut out, "orders", 3, record).unwrap();
            assert_eq!(out, expected, "{format}");
        }
        for (format, part) in [("%x", "\"%x\" has no meaning"), ("a%", "\"%\" has"), ("\\q", "\"\\q\" has")] {
            let error = format.parse::<Format>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn json_keeps_every_byte() {
        let record = record(Some(b"k"), Some(b"\xff"), &[(b"h", None)]);
        let mut out = Vec::new();
        super::json(&mut out, "t", 0, &record).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        let expected = json!({
            "topic": "t", "partition": 0, "offset": 0, "timestamp": 7, "key": "k",
            "value": { "base64": "/w==" }, "headers": [{ "key": "h", "value": null }],
        });
        assert_eq!(line, expected);
    }
}
