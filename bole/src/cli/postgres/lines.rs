//! Rows as COPY writes them in its text format: one line each, tabs between the fields, a backslash before what would be mistaken.
//! And a checksum of rows that does not depend on their order, so that two servers can be compared without sorting.

use std::fmt;

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

/// How many rows there are, and the sum of their hashes: of each line without its end the first 16 bytes of SHA-256, big-endian,
/// added modulo 2^128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Sum {
    pub(in crate::cli) rows: u64,
    pub(in crate::cli) hashes: u128,
}

impl Sum {
    /// Adds one row.
    pub(in crate::cli) fn add(&mut self, line: &[u8]) {
        let hash = Sha256::digest(line);
        let first = hash.iter().take(16).fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(first);
    }

    /// Adds the rows of whole lines.
    pub(in crate::cli) fn add_lines(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.add(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.hashes)
    }
}

/// Whole lines out of pieces that may end anywhere.
#[derive(Debug, Default)]
pub(in crate::cli) struct Lines {
    bytes: Vec<u8>,
    /// Where the last whole line ends.
    whole: usize,
}

impl Lines {
    /// Takes a piece in.
    pub(in crate::cli) fn push(&mut self, piece: &[u8]) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(piece);
        if let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') {
            self.whole = before + end + 1;
        }
    }

    /// How many bytes of whole lines there are.
    pub(in crate::cli) const fn len(&self) -> usize {
        self.whole
    }

    /// Takes the whole lines out; what was begun stays.
    pub(in crate::cli) fn take(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.whole);
        self.whole = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Errors if a line was begun and not ended.
    pub(in crate::cli) fn end(&self) -> Result<()> {
        if self.bytes.len() > self.whole {
            bail!("the server ended a COPY within a row");
        }
        Ok(())
    }
}

/// The fields at these places of a line, each decoded; nothing for NULL or for a line that has fewer.
pub(in crate::cli) fn fields(line: &[u8], places: &[usize]) -> Option<Vec<String>> {
    let all: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    places.iter().map(|place| decode(all.get(*place)?)).collect()
}

/// A field as it was before COPY wrote it; nothing for NULL.
fn decode(field: &[u8]) -> Option<String> {
    if field == b"\\N" {
        return None;
    }
    let (mut out, mut bytes) = (Vec::with_capacity(field.len()), field.iter());
    while let Some(byte) = bytes.next() {
        out.push(match (byte, byte == &b'\\') {
            (byte, false) => *byte,
            (_, true) => match bytes.next()? {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => *other,
            },
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_does_not_depend_on_the_order_but_on_each_row_and_how_often_it_is_there() {
        let sum = |text: &str| {
            let mut sum = Sum::default();
            sum.add_lines(text.as_bytes());
            sum
        };
        assert_eq!(sum("a\nb\n"), sum("b\na\n"));
        // SHA-256 of nothing begins like this.
        assert_eq!(sum("\n").to_string(), "e3b0c44298fc1c149afbf4c8996fb924");
        for other in ["a\n", "a\nb\nb\n", "a\nc\n", "ab\n", ""] {
            assert_ne!(sum("a\nb\n"), sum(other), "{other:?}");
        }
    }

    #[test]
    fn lines_are_whole_wherever_the_pieces_end() {
        let mut lines = Lines::default();
        for (piece, whole, taken) in
            [("a", 0, ""), ("b\nc", 3, "ab\n"), ("\nd\ne", 4, "c\nd\n"), ("\n", 2, "e\n")]
        {
            lines.push(piece.as_bytes());
            assert_eq!(lines.len(), whole, "{piece:?}");
            assert_eq!(lines.take(), taken.as_bytes());
        }
        lines.end().unwrap();
        lines.push(b"x");
        assert!(lines.end().is_err());
    }

    #[test]
    fn fields_of_a_row() {
        let line = b"1\ta\\tb\\\\\\n\\b\\f\\r\\v\t\\N\t";
        for (places, expected) in [
            (&[0][..], Some(vec!["1"])),
            (&[1, 0], Some(vec!["a\tb\\\n\u{8}\u{c}\r\u{b}", "1"])),
            (&[3], Some(vec![""])),
            (&[2], None),
            (&[4], None),
        ] {
            let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
            assert_eq!(fields(line, places), expected, "{places:?}");
        }
    }
}
