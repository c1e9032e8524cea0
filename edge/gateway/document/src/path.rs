//! Paths: the one spelling in which they are compared and sent on, and the three ways in which a route names some.
//!
//! What is matched is what is sent, so nothing behind the gateway can read the path otherwise than the route did. The spelling
//! is that of RFC 3986, section 6.2.2, and where that leaves two readings the path is refused:
//!
//! | in the request | what becomes of it |
//! |---|---|
//! | `%41` (an unreserved character) | decoded |
//! | `%c3%a4` | hexadecimal digits in upper case |
//! | characters that a path does not have (`"`, `<`, `{`, ä …) | encoded |
//! | `/a/./b`, `/a/../b` | resolved; above the root: refused |
//! | `/a/%2e%2e/b`, `/a/..;x/b`, `..` beside an encoded slash | refused: servers differ on whether these are dots |
//! | `//` | one slash: many servers merge them, and those that do not are rare |
//! | `%2F`, `%5C` | kept as they are, and told: only routes that ask for it take them |
//! | `\` | refused: some servers read a slash |
//! | `%00` to `%1F`, `%7F`, `#`, `%` without two digits | refused |
//! | UTF-8 in a longer form than needed (`%c0%ae`) | refused: some decoders read a dot or a slash |
//!
//! `%252e` is decoded by nobody here and stays. So is what follows `;`, which is part of its segment.

mod pattern;

pub use pattern::PathPattern;

use crate::limits::PATH_BYTES_MAX;
use std::borrow::Cow;

/// A path in its one spelling: ASCII, begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    text: Cow<'a, str>,
    encoded_slash: bool,
}

/// Why a path is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// No slash in front.
    #[error("a path begins with /")]
    NotAbsolute,
    /// Longer than [`PATH_BYTES_MAX`].
    #[error("a path has at most {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// A control character, encoded or not.
    #[error("a path has no control characters, encoded or not")]
    Control,
    /// `%` and not two hexadecimal digits.
    #[error("% is followed by two hexadecimal digits")]
    Encoding,
    /// `\`.
    #[error("\\ in a path is a slash to some servers")]
    Backslash,
    /// `#`.
    #[error("# ends a path and is not sent")]
    Fragment,
    /// Dots of which it is not sure whether they are a segment of dots.
    #[error("encoded . or .. (or with parameters, or beside an encoded slash) is read in several ways")]
    HiddenDots,
    /// More `..` than there are segments.
    #[error(".. leads above the root")]
    AboveRoot,
    /// A character in a longer form than UTF-8 has for it.
    #[error("a character is encoded in a longer form than it has")]
    Overlong,
}

/// Bytes that stay as they are: those of a segment (RFC 3986, `pchar`) and the slash.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

impl<'a> Path<'a> {
    /// The one spelling of a path as it came, without its query.
    pub fn of(raw: &'a str) -> Result<Self, Refused> {
        if !raw.starts_with('/') {
            return Err(Refused::NotAbsolute);
        }
        if raw.len() > PATH_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        if is_settled(raw.as_bytes()) {
            return Ok(Self { text: Cow::Borrowed(raw), encoded_slash: false });
        }
        settle(raw)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has an encoded `/` or `\`.
    pub fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }

    /// Whether this is how the path came.
    pub fn is_as_it_came(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// As text of its own.
    pub fn into_text(self) -> Cow<'a, str> {
        self.text
    }
}

/// Whether a path surely is in its one spelling: only plain bytes, no empty segment, none that begins with a dot.
fn is_settled(raw: &[u8]) -> bool {
    let mut after_slash = false;
    for &byte in raw {
        if !PLAIN[byte as usize] || (after_slash && (byte == b'/' || byte == b'.')) {
            return false;
        }
        after_slash = byte == b'/';
    }
    true
}

fn settle<'a>(raw: &str) -> Result<Path<'a>, Refused> {
    let mut text = String::with_capacity(raw.len() + 16);
    let mut segments = raw[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let start = text.len();
        text.push('/');
        let decoded_dot = spell(segment, &mut text)?;
        let spelled = &text[start + 1..];
        match dots(spelled, decoded_dot)? {
            None if spelled.is_empty() && !last => text.truncate(start),
            None => {}
            Some(up) => {
                text.truncate(start);
                if up {
                    let parent = text.rfind('/').ok_or(Refused::AboveRoot)?;
                    text.truncate(parent);
                }
                if last {
                    text.push('/');
                }
            }
        }
    }
    // Of what is left: segments that dots took out are not sent.
    let encoded_slash = text.contains("%2F") || text.contains("%5C");
    Ok(Path { text: Cow::Owned(text), encoded_slash })
}

/// Whether a segment is one of dots: `Some(true)` for `..`, `Some(false)` for `.`.
fn dots(segment: &str, decoded_dot: bool) -> Result<Option<bool>, Refused> {
    if !segment.contains('.') {
        return Ok(None);
    }
    let slash = |text: &str| text.find("%2F").into_iter().chain(text.find("%5C")).min();
    let mut rest = segment;
    loop {
        let end = slash(rest);
        let piece = &rest[..end.unwrap_or(rest.len())];
        let parameters = piece.find(';').into_iter().chain(piece.find("%3B")).min();
        let name = &piece[..parameters.unwrap_or(piece.len())];
        if name == "." || name == ".." {
            let sure = piece.len() == segment.len() && parameters.is_none() && !decoded_dot;
            return if sure { Ok(Some(name == "..")) } else { Err(Refused::HiddenDots) };
        }
        let Some(end) = end else { return Ok(None) };
        rest = &rest[end + 3..];
    }
}

/// Appends a segment in its one spelling. `true` if a dot of it was encoded.
fn spell(segment: &str, text: &mut String) -> Result<bool, Refused> {
    let bytes = segment.as_bytes();
    let mut decoded_dot = false;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        match byte {
            b'%' => {
                let value = encoded(bytes, at - 1).ok_or(Refused::Encoding)?;
                at += 2;
                check_encoded(value, encoded(bytes, at))?;
                decoded_dot |= value == b'.';
                if is_unreserved(value) { text.push(value as char) } else { push_encoded(value, text) }
            }
            b'\\' => return Err(Refused::Backslash),
            b'#' => return Err(Refused::Fragment),
            0..=0x1F | 0x7F => return Err(Refused::Control),
            _ if PLAIN[byte as usize] => text.push(byte as char),
            _ => push_encoded(byte, text),
        }
    }
    Ok(decoded_dot)
}

/// The byte that `%XX` at `at` stands for.
fn encoded(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = bytes.get(at..at + 3)? else { return None };
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    Some(digit(*high)? << 4 | digit(*low)?)
}

fn check_encoded(value: u8, next: Option<u8>) -> Result<(), Refused> {
    let overlong = match (value, next) {
        (0xC0 | 0xC1, Some(next)) => (0x80..0xC0).contains(&next),
        (0xE0, Some(next)) => (0x80..0xA0).contains(&next),
        (0xF0, Some(next)) => (0x80..0x90).contains(&next),
        _ => false,
    };
    match value {
        0..=0x1F | 0x7F => Err(Refused::Control),
        _ if overlong => Err(Refused::Overlong),
        _ => Ok(()),
    }
}

fn push_encoded(byte: u8, text: &mut String) {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[value as usize & 15]);
    text.extend(['%', digit(byte >> 4), digit(byte)]);
}

#[cfg(test)]
mod tests;
