//! Names of buckets and keys of objects: what may be one, how keys are told in lists, and how they stand in rows of the ordered state.
//!
//! A key is 1 to 1,024 bytes of UTF-8 and nothing else is asked of it: `..`, `//` and control characters are names like others and are
//! never normalized.

use crate::error::{Code, Error, Result, shown};
use crate::limits::{BUCKET_NAME_BYTES_MAX, BUCKET_NAME_BYTES_MIN, KEY_BYTES_MAX};

/// What S3 keeps for itself at the beginning of names of buckets.
const RESERVED_PREFIXES: [&str; 4] = ["xn--", "sthree-", "amzn-s3-demo-", "aws-s3-"];
/// What S3 keeps for itself at their end: aliases of access points, Object Lambda, multi-Region access points, directory and table buckets.
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Checks the name of a bucket that is to be created: S3's rules for general-purpose buckets.
pub fn check_bucket(name: &str) -> Result<()> {
    let wrong = |why: &str| {
        let shown = shown(name);
        Err(Error::new(
            Code::InvalidBucketName,
            format!("The specified bucket is not valid: \"{shown}\" {why}."),
        ))
    };
    if !(BUCKET_NAME_BYTES_MIN..=BUCKET_NAME_BYTES_MAX).contains(&name.len()) {
        return wrong("does not have 3 to 63 characters");
    }
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    if !name.bytes().all(legal) {
        return wrong("has characters other than a-z, 0-9, dots and hyphens");
    }
    if name.split('.').any(str::is_empty) {
        return wrong("begins or ends with a dot, or has two in a row");
    }
    if name.split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
        return wrong("has a label that begins or ends with a hyphen");
    }
    if is_address(name) {
        return wrong("looks like an IP address");
    }
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return wrong(&format!("begins with \"{prefix}\", which S3 reserves"));
    }
    if let Some(suffix) = RESERVED_SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)) {
        return wrong(&format!("ends with \"{suffix}\", which S3 reserves"));
    }
    Ok(())
}

/// Four groups of digits.
fn is_address(name: &str) -> bool {
    let is_group = |group: &str| group.len() <= 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').count() == 4 && name.split('.').all(is_group)
}

/// The key that `bytes` are, if they may be one.
pub fn key(bytes: &[u8]) -> Result<&str> {
    if bytes.is_empty() {
        return Err(Error::new(Code::InvalidArgument, "An object's key must have at least 1 byte."));
    }
    if bytes.len() > KEY_BYTES_MAX {
        let text =
            format!("Your key is too long: it has {} bytes; {KEY_BYTES_MAX} are allowed.", bytes.len());
        return Err(Error::new(Code::KeyTooLongError, text));
    }
    std::str::from_utf8(bytes)
        .map_err(|_| Error::new(Code::InvalidURI, "Couldn't parse the specified URI: the key is not UTF-8."))
}

/// Whether XML 1.0 has a character (its production `Char`) and says it as it is: a carriage return is a line feed to who reads it.
const fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A document in which what XML does not say as it is stands as a reference to its number, as S3 has it. Nothing where there is no such character.
pub fn references(document: &str) -> Option<String> {
    let has_none = |byte: u8| byte >= 0x20 && byte != 0xef || matches!(byte, b'\t' | b'\n');
    if document.bytes().all(has_none) || document.chars().all(is_xml) {
        return None;
    }
    let mut written = String::with_capacity(document.len() + 64);
    for character in document.chars() {
        if is_xml(character) {
            written.push(character);
        } else {
            written.push_str("&#");
            written.push_str(&u32::from(character).to_string());
            written.push(';');
        }
    }
    Some(written)
}

/// `text` as lists with `encoding-type=url` say it. Slashes stay; a space is `%20`, which those who take `+` for a space read as well.
pub fn url_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~*/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            encoded.push('%');
            encoded.extend(digits.map(char::from));
        }
    }
    encoded
}

/// Appends `key` to a row's key: `00` becomes `00 FF`, and `00 01` ends it. *Persisted.*
///
/// Rows are in the order of keys, and no escaped key is the beginning of another, so what follows in the row's key does not disturb that.
pub fn escape(key: &[u8], row: &mut Vec<u8>) {
    escape_prefix(key, row);
    row.extend([0, 1]);
}

/// Appends the beginning that the escaped forms of all keys with `prefix` have, and no others.
pub fn escape_prefix(prefix: &[u8], row: &mut Vec<u8>) {
    for byte in prefix {
        row.push(*byte);
        if *byte == 0 {
            row.push(0xff);
        }
    }
}

/// The key at the beginning of `row`, and what follows; nothing if that is not what [`escape`] writes.
pub fn unescape(row: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut key = Vec::with_capacity(row.len());
    let mut rest = row;
    loop {
        match rest {
            [0, 0xff, after @ ..] => {
                key.push(0);
                rest = after;
            }
            [0, 1, after @ ..] => return Some((key, after)),
            [0, ..] | [] => return None,
            [byte, after @ ..] => {
                key.push(*byte);
                rest = after;
            }
        }
    }
}

/// The smallest bytes above everything that begins with `prefix`; nothing if there are none.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut above = prefix[..=last].to_vec();
    above[last] += 1;
    Some(above)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets() {
        let long = "a".repeat(64);
        let longest = "a".repeat(63);
        for (name, expected) in [
            ("abc", ""),
            (&longest, ""),
            ("1.2.3", ""),
            ("a-b.c--d.9", ""),
            ("1.2.3.4444", ""),
            ("1.2.3.4a", ""),
            ("xn-a", ""),
            ("ab", "3 to 63"),
            ("", "3 to 63"),
            (&long, "3 to 63"),
            ("Abc", "characters other"),
            ("a_b", "characters other"),
            ("aéb", "characters other"),
            ("a/b", "characters other"),
            ("a b", "characters other"),
            (".abc", "dot"),
            ("abc.", "dot"),
            ("a..b", "two in a row"),
            ("foo.-bar", "hyphen"),
            ("foo-.bar", "hyphen"),
            ("-abc", "hyphen"),
            ("abc-", "hyphen"),
            ("192.168.5.123", "IP address"),
            ("999.999.999.999", "IP address"),
            ("xn--abc", "\"xn--\""),
            ("sthree-abc", "\"sthree-\""),
            ("amzn-s3-demo-bucket", "\"amzn-s3-demo-\""),
            ("abc-s3alias", "\"-s3alias\""),
            ("abc--ol-s3", "\"--ol-s3\""),
            ("abc.mrap", "\".mrap\""),
            ("abc--x-s3", "\"--x-s3\""),
            ("abc--table-s3", "\"--table-s3\""),
        ] {
            match check_bucket(name) {
                Ok(()) => assert_eq!(expected, "", "{name}"),
                Err(error) => {
                    assert_eq!(error.code, Code::InvalidBucketName);
                    assert!(!expected.is_empty() && error.message.contains(expected), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn keys() {
        let (long, longest) = ("k".repeat(1_025), "k".repeat(1_024));
        for (bytes, expected) in [
            (&b"a"[..], None),
            (b"../a//b/./", None),
            (b"/", None),
            (b"\x00\x01\x7f", None),
            ("\u{fffe}\u{10ffff}".as_bytes(), None),
            (longest.as_bytes(), None),
            (long.as_bytes(), Some(Code::KeyTooLongError)),
            (b"", Some(Code::InvalidArgument)),
            (b"a\xff", Some(Code::InvalidURI)),
            (b"\xed\xa0\x80", Some(Code::InvalidURI)),
        ] {
            let found = key(bytes);
            assert_eq!(found.as_ref().err().map(|error| error.code), expected, "{bytes:?}");
            assert!(found.is_err() || found.is_ok_and(|key| key.as_bytes() == bytes));
        }
    }

    #[test]
    fn keys_in_lists() {
        for (text, xml, encoded) in [
            ("a/b.c", None, "a/b.c"),
            ("foo+1/bar", None, "foo%2B1/bar"),
            ("quux ab/", None, "quux%20ab/"),
            ("a\tb\n", None, "a%09b%0A"),
            ("a\rb", Some("a&#13;b"), "a%0Db"),
            ("a\u{1}b", Some("a&#1;b"), "a%01b"),
            ("a\0", Some("a&#0;"), "a%00"),
            ("\u{fffe}", Some("&#65534;"), "%EF%BF%BE"),
            ("é%&<\u{fffd}", None, "%C3%A9%25%26%3C%EF%BF%BD"),
            ("\u{10000}", None, "%F0%90%80%80"),
        ] {
            assert_eq!(
                (references(text).as_deref(), url_encode(text)),
                (xml, encoded.to_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn successors() {
        for (prefix, expected) in [
            (&b"a"[..], Some(&b"b"[..])),
            (b"a\xff", Some(b"b")),
            (b"a/", Some(b"a0")),
            (b"\x00\xff\xff", Some(b"\x01")),
            (b"\xff\xff", None),
            (b"", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    fn escaped(key: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        escape(key, &mut row);
        row
    }

    /// Bytes among which the special ones are frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(0xfe), Just(0xff), any::<u8>()], 0..6)
    }

    proptest! {
        #[test]
        fn rows_are_ordered_as_keys(a in bytes(), b in bytes(), tail in bytes()) {
            prop_assert_eq!(a.cmp(&b), escaped(&a).cmp(&escaped(&b)));
            prop_assert_eq!(escaped(&b).starts_with(&escaped(&a)), a == b);
            let mut row = escaped(&a);
            row.extend(&tail);
            prop_assert_eq!(unescape(&row), Some((a, &tail[..])));
        }

        #[test]
        fn prefixes_find_their_keys(prefix in bytes(), key in bytes(), with in bytes()) {
            let mut beginning = Vec::new();
            escape_prefix(&prefix, &mut beginning);
            for key in [key, [&prefix[..], &with].concat()] {
                prop_assert_eq!(escaped(&key).starts_with(&beginning), key.starts_with(&prefix));
                let below = successor(&prefix).is_none_or(|above| key < above);
                prop_assert_eq!(key >= prefix && below, key.starts_with(&prefix));
            }
        }

        #[test]
        fn any_row_is_judged(row in bytes()) {
            if let Some((key, rest)) = unescape(&row) {
                prop_assert_eq!([&escaped(&key)[..], rest].concat(), row);
            }
        }
    }
}
