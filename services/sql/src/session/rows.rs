//! Rows of SQLite on their way out: to the client, into a spool, or into memory.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState, Style, ValueRef};
use bytes::BufMut as _;

use super::{Formats, Out, Spool, type_length, values, vectors};
use crate::limits::ROW_BYTES_MAX;
use crate::protocol::backend::{self, Field};
use crate::protocol::frontend::Format;

/// The bytes of a row's texts and blobs. Errors: they are more than a row may have (54000).
fn check_row(columns: usize, row: &rusqlite::Row<'_>) -> Result<usize> {
    let mut bytes = 0;
    for index in 0..columns {
        match value_of(row, index)? {
            ValueRef::Text(text) => bytes += text.len(),
            ValueRef::Blob(blob) => bytes += blob.len(),
            _ => {}
        }
    }
    if bytes > ROW_BYTES_MAX { Err(too_long()) } else { Ok(bytes) }
}

fn too_long() -> Error {
    let message = format!("a row takes more than {ROW_BYTES_MAX} bytes");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// Takes rows.
pub(crate) trait Sink {
    /// One row. Errors end the statement.
    fn row(&mut self, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()>;
}

/// What is needed to write values.
#[derive(Clone)]
pub(crate) struct Writing {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) style: Style,
    pub(crate) formats: Formats,
    /// Where a column's values are written as names.
    pub(crate) names: Option<Arc<bole_sql_functions::Session>>,
}

/// The fields that describe a result.
pub(crate) struct Fields<'a> {
    pub(crate) columns: &'a [Output],
    pub(crate) formats: &'a [Format],
}

impl Fields<'_> {
    /// Writes `RowDescription`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let fields = self.columns.iter().enumerate().map(|(index, column)| {
            let (table, number) = column.origin.unwrap_or((0, 0));
            Field {
                name: &column.name,
                table,
                column: number,
                type_oid: vectors::type_oid(column).unwrap_or(column.ty.0),
                length: type_length(column.ty),
                typmod: column.typmod,
                format: Format::of(self.formats, index),
            }
        });
        backend::row_description(out, fields);
    }
}

/// A value of SQLite's.
pub(crate) fn value_of<'a>(row: &'a rusqlite::Row<'_>, index: usize) -> Result<ValueRef<'a>> {
    use rusqlite::types::ValueRef as Sqlite;
    let value = row.get_ref(index).map_err(|error| crate::error::from_sqlite(&error))?;
    Ok(match value {
        Sqlite::Null => ValueRef::Null,
        Sqlite::Integer(value) => ValueRef::Integer(value),
        Sqlite::Real(value) => ValueRef::Real(value),
        Sqlite::Text(bytes) => ValueRef::Text(
            std::str::from_utf8(bytes)
                .map_err(|_| Error::new(SqlState::DATA_CORRUPTED, "a value is not UTF-8"))?,
        ),
        Sqlite::Blob(bytes) => ValueRef::Blob(bytes),
    })
}

impl Writing {
    /// Writes `DataRow`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()> {
        let start = out.len();
        backend::data_row(out, columns.len(), |out| {
            for (index, column) in columns.iter().enumerate() {
                match value_of(row, index)? {
                    ValueRef::Null => backend::null(out),
                    value => {
                        let format = Format::of(&self.formats, index);
                        let is_vector = format == Format::Text && vectors::type_oid(column).is_some();
                        let write = |out: &mut Vec<u8>| {
                            if is_vector && vectors::put(value, out) {
                                return Ok(());
                            }
                            values::output(
                                &self.catalog,
                                column.ty,
                                value,
                                format,
                                &self.style,
                                self.names.as_deref(),
                                out,
                            )
                        };
                        backend::value(out, write)?;
                    }
                }
                // Its form for the client may be longer than that in the database.
                if out.len() - start > ROW_BYTES_MAX {
                    return Err(too_long());
                }
            }
            Ok(())
        })
    }
}

/// Rows for the client, as they come.
pub(crate) struct ToClient<'a> {
    pub(crate) writing: Writing,
    pub(crate) out: &'a mut Out,
}

impl Sink for ToClient<'_> {
    fn row(&mut self, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()> {
        self.writing.write(&mut self.out.buffer, columns, row)?;
        self.out.relieve()
    }
}

/// Rows for the client, later.
pub(crate) struct ToSpool<'a> {
    pub(crate) writing: Writing,
    pub(crate) spool: &'a mut Spool,
    pub(crate) scratch: Vec<u8>,
}

impl Sink for ToSpool<'_> {
    fn row(&mut self, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()> {
        self.scratch.clear();
        self.writing.write(&mut self.scratch, columns, row)?;
        self.spool.push(&self.scratch)
    }
}

/// Values in storage form.
#[derive(Default)]
pub(crate) struct ToMemory {
    pub(crate) rows: Vec<Vec<bole_sql_types::Value>>,
    bytes: usize,
}

/// Rows that the service itself reads at once.
const MEMORY_ROWS_MAX: usize = 100_000;

impl Sink for ToMemory {
    fn row(&mut self, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()> {
        if self.rows.len() >= MEMORY_ROWS_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many rows"));
        }
        self.bytes += check_row(columns.len(), row)?;
        if self.bytes > ROW_BYTES_MAX {
            let message = format!("the rows take more than {ROW_BYTES_MAX} bytes");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let values = (0..columns.len()).map(|index| value_of(row, index).map(ValueRef::to_owned));
        self.rows.push(values.collect::<Result<_>>()?);
        Ok(())
    }
}

/// A row of texts that the session made up itself.
pub(crate) fn text_row(out: &mut Vec<u8>, values: &[Option<&str>]) {
    let written = backend::data_row(out, values.len(), |out| {
        for value in values {
            match value {
                None => backend::null(out),
                Some(text) => backend::value(out, |out| {
                    out.put_slice(text.as_bytes());
                    Ok::<_, std::convert::Infallible>(())
                })?,
            }
        }
        Ok::<_, std::convert::Infallible>(())
    });
    match written {
        Ok(()) => {}
    }
}
