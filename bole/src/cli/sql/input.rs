//! Statements and rows from a file, standard input or an argument, as they come: a dump of any size is read a line at a time, and rows in pieces.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Bytes that one statement may have: as many as the server takes in a message.
const STATEMENT_BYTES_MAX: usize = 256 << 20;
/// Bytes of rows that are handed on at a time; a longer row comes in several pieces.
const PIECE_BYTES: usize = 64 << 10;
/// The line that ends the rows of a COPY.
const END_OF_ROWS: &[u8] = b"\\.";

/// See the module.
pub(super) struct Input<'a> {
    from: Box<dyn BufRead + Send + 'a>,
    /// Bytes of the statement that is being read.
    statement_bytes: usize,
    line: Vec<u8>,
}

impl<'a> Input<'a> {
    /// A text that is there.
    pub(super) fn of(text: &'a str) -> Self {
        Self::from(Box::new(text.as_bytes()))
    }

    fn from(from: Box<dyn BufRead + Send + 'a>) -> Self {
        Self { from, statement_bytes: 0, line: Vec::new() }
    }

    /// What is to be run without a conversation: a file, or standard input. `None`: a person sits there.
    pub(super) fn open(file: Option<&PathBuf>) -> Result<Option<Self>> {
        match file {
            Some(path) if path.as_os_str() != "-" => {
                let file = File::open(path)
                    .with_context(|| format!("the file {} cannot be read", path.display()))?;
                Ok(Some(Self::from(Box::new(BufReader::with_capacity(PIECE_BYTES, file)))))
            }
            None if std::io::stdin().is_terminal() => Ok(None),
            _ => Ok(Some(Self::from(Box::new(BufReader::with_capacity(PIECE_BYTES, std::io::stdin()))))),
        }
    }

    /// The next line with its end, if there is one. `begins`: a statement begins with it. Errors: it cannot be read, the statement is too long, no UTF-8.
    pub(super) fn line(&mut self, begins: bool) -> Result<Option<&str>> {
        if begins {
            self.statement_bytes = 0;
        }
        self.line.clear();
        let room = (STATEMENT_BYTES_MAX - self.statement_bytes) as u64 + 1;
        let read = self.from.by_ref().take(room).read_until(b'\n', &mut self.line);
        self.statement_bytes += read.context("the statements cannot be read")?;
        if self.statement_bytes > STATEMENT_BYTES_MAX {
            bail!("a statement is longer than {STATEMENT_BYTES_MAX} bytes, which is what the server takes");
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        std::str::from_utf8(&self.line).map(Some).context("the statements are not UTF-8")
    }

    /// The rows that follow a COPY.
    pub(super) fn rows(&mut self) -> RowPieces<'_, 'a> {
        RowPieces { input: self, at_line_start: true, ended: false }
    }
}

/// Rows up to the line that ends them, as bytes, without that line.
pub(super) struct RowPieces<'i, 'a> {
    input: &'i mut Input<'a>,
    at_line_start: bool,
    ended: bool,
}

impl RowPieces<'_, '_> {
    /// The next piece: whole rows, but where one is longer than a piece. Errors: the input cannot be read.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        while !self.ended && piece.len() < PIECE_BYTES {
            let start = piece.len();
            let room = (PIECE_BYTES - start).max(END_OF_ROWS.len() + 2) as u64;
            self.input.from.by_ref().take(room).read_until(b'\n', &mut piece)?;
            let line = &piece[start..];
            if line.is_empty() {
                self.ended = true;
            } else if self.at_line_start && line.trim_ascii_end() == END_OF_ROWS {
                piece.truncate(start);
                self.ended = true;
            } else {
                self.at_line_start = line.ends_with(b"\n");
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Passes over what is left: rows that nobody takes are rows all the same, never statements.
    pub(super) fn skip(&mut self) -> std::io::Result<()> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_pieces_and_end_at_their_line() {
        let long = format!("{}\n", "x".repeat(3 * PIECE_BYTES + 5));
        let nearly = format!("{}\n", "y".repeat(PIECE_BYTES - 2));
        for (text, rows, rest) in [
            ("1\n2\n\\.\nselect 1;\n", "1\n2\n".to_owned(), "select 1;\n"),
            ("\\.\r\nselect 1;\n", String::new(), "select 1;\n"),
            ("1\n\\.", "1\n".to_owned(), ""),
            ("1\n2", "1\n2".to_owned(), ""),
            ("a\\.\n\\.x\n \\.\n\\.\nz", "a\\.\n\\.x\n \\.\n".to_owned(), "z"),
            (&format!("{long}1\n\\.\nz"), format!("{long}1\n"), "z"),
            // The line that ends the rows is where a piece is full.
            (&format!("{nearly}\\.\nz"), nearly.clone(), "z"),
            ("", String::new(), ""),
        ] {
            let mut input = Input::of(text);
            let (mut found, mut pieces) = (Vec::new(), input.rows());
            while let Some(piece) = pieces.next().expect("it is in memory") {
                assert!(piece.len() <= PIECE_BYTES + END_OF_ROWS.len() + 2);
                found.extend(piece);
            }
            assert_eq!(found, rows.as_bytes());
            assert_eq!(input.line(true).expect("it is in memory").unwrap_or_default(), rest);
        }
        let mut input = Input::of("1\n2\n\\.\nx");
        input.rows().skip().expect("it is in memory");
        assert_eq!(input.line(true).expect("it is in memory"), Some("x"));
    }

    #[test]
    fn lines_are_utf8() {
        let mut input = Input::from(Box::new(&b"ok\n\xff\n"[..]));
        assert_eq!(input.line(true).expect("the first is"), Some("ok\n"));
        assert!(input.line(true).is_err());
    }
}
