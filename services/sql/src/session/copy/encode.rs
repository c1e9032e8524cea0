//! Rows as `COPY TO` writes them: text, CSV or binary.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::plan::Output;
use bole_sql_types::{Result, Style, ValueRef};
use bytes::BufMut as _;

use super::{Layout, Options};
use crate::protocol::backend;
use crate::protocol::frontend::Format;
use crate::session::rows::value_of;
use crate::session::values;

/// What a binary copy begins with: the signature, flags, and the length of what extends the header.
pub(super) const SIGNATURE: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Writes rows.
pub(crate) struct Encoder {
    layout: Layout,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    /// The names of the columns, if they come first.
    header: Option<Vec<String>>,
    /// Columns whose values are quoted whatever they are.
    forced: Vec<bool>,
    /// Whether the signature of a binary copy was written.
    signed: bool,
    scratch: Vec<u8>,
    line: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(options: &Options, columns: &[Output]) -> Self {
        let forced = |column: &Output| options.force_quote_all || options.force_quote.contains(&column.name);
        let names = || columns.iter().map(|column| column.name.clone()).collect();
        Self {
            layout: options.layout,
            delimiter: options.delimiter(),
            quote: options.quote(),
            escape: options.escape(),
            null: options.null().to_vec(),
            header: options.header.then(names),
            forced: columns.iter().map(forced).collect(),
            signed: false,
            scratch: Vec::new(),
            line: Vec::new(),
        }
    }

    /// What comes before the rows.
    pub(crate) fn start(&mut self, out: &mut Vec<u8>) {
        if self.layout == Layout::Binary {
            // The signature comes in the message of the first row, where clients look for it.
            return;
        }
        let Some(names) = self.header.take() else { return };
        self.line.clear();
        for (index, name) in names.iter().enumerate() {
            self.separate(index);
            self.scratch.clear();
            self.scratch.extend_from_slice(name.as_bytes());
            self.field(false, names.len() == 1);
        }
        self.line.push(b'\n');
        backend::copy_data(out, &self.line);
    }

    /// What comes after them.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.layout == Layout::Binary {
            self.begin_binary(-1);
            backend::copy_data(out, &self.line);
        }
    }

    /// A binary message: the signature if none came before, and a number of columns.
    fn begin_binary(&mut self, columns: i16) {
        self.line.clear();
        if !std::mem::replace(&mut self.signed, true) {
            self.line.extend_from_slice(SIGNATURE);
        }
        self.line.put_i16(columns);
    }

    /// One row.
    pub(crate) fn row(
        &mut self,
        catalog: &Catalog,
        (style, names): (&Style, Option<&bole_sql_functions::Session>),
        columns: &[Output],
        row: &rusqlite::Row<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.line.clear();
        let binary = self.layout == Layout::Binary;
        if binary {
            self.begin_binary(columns.len() as i16);
        }
        for (index, column) in columns.iter().enumerate() {
            if !binary {
                self.separate(index);
            }
            let value = value_of(row, index)?;
            if value == ValueRef::Null {
                if binary {
                    self.line.put_i32(-1);
                } else {
                    self.line.extend_from_slice(&self.null);
                }
                continue;
            }
            self.scratch.clear();
            let format = if binary { Format::Binary } else { Format::Text };
            values::output(catalog, column.ty, value, format, style, names, &mut self.scratch)?;
            if binary {
                self.line.put_u32(self.scratch.len() as u32);
                self.line.extend_from_slice(&self.scratch);
            } else {
                self.field(self.forced.get(index).copied().unwrap_or(false), columns.len() == 1);
            }
        }
        if !binary {
            self.line.push(b'\n');
        }
        backend::copy_data(out, &self.line);
        Ok(())
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.line.push(self.delimiter);
        }
    }

    /// Writes the value in `scratch`. `alone`: it is all of its line.
    fn field(&mut self, forced: bool, alone: bool) {
        if self.layout == Layout::Csv { self.csv(forced, alone) } else { self.text() }
    }

    fn text(&mut self) {
        for byte in &self.scratch {
            let escaped = match byte {
                8 => b'b',
                12 => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                11 => b'v',
                b'\\' => b'\\',
                byte if *byte == self.delimiter => *byte,
                byte => {
                    self.line.push(*byte);
                    continue;
                }
            };
            self.line.extend_from_slice(&[b'\\', escaped]);
        }
    }

    fn csv(&mut self, forced: bool, alone: bool) {
        let special =
            |byte: &u8| *byte == self.delimiter || *byte == self.quote || matches!(byte, b'\n' | b'\r');
        // A line that is `\.` alone would end the data.
        let quoted = forced
            || self.scratch == self.null
            || alone && self.scratch == b"\\."
            || self.scratch.iter().any(special);
        if !quoted {
            self.line.extend_from_slice(&self.scratch);
            return;
        }
        self.line.push(self.quote);
        for byte in &self.scratch {
            if *byte == self.quote || *byte == self.escape {
                self.line.push(self.escape);
            }
            self.line.push(*byte);
        }
        self.line.push(self.quote);
    }
}
