//! `COPY`: rows in and out. What comes in is inserted by one statement that is prepared once and run for each row, in the transaction of the
//! `COPY`; a connection that ends before `CopyDone` leaves nothing.

mod decode;
mod encode;

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_dialect::plan::{Action, Output, Write};
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value};

use super::execute::Destination;
use super::rows::Sink;
use super::{Done, Halt, Session, Statement, values};
use crate::commands::tokens::quote;
use crate::metrics::count;
use crate::protocol::Message;
use crate::protocol::backend;
use crate::protocol::frontend::Format;
use crate::store::Writer;
use decode::{Decoder, Field};

/// What a `COPY` says.
pub(crate) struct Copy {
    pub(crate) subject: Subject,
    pub(crate) direction: Direction,
    pub(crate) options: Options,
}

/// What is copied.
pub(crate) enum Subject {
    /// A table.
    Table {
        /// Its name.
        name: String,
        /// Its name as SQL, with its schema if that was written.
        path: String,
        /// Columns; empty for all.
        columns: Vec<String>,
    },
    /// The rows of a query.
    Query(Statement),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    #[default]
    Text,
    Csv,
    Binary,
}

/// The options of a `COPY`, as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) layout: Layout,
    pub(crate) delimiter: Option<String>,
    pub(crate) null: Option<String>,
    pub(crate) header: bool,
    pub(crate) quote: Option<String>,
    pub(crate) escape: Option<String>,
    pub(crate) force_quote: Vec<String>,
    pub(crate) force_quote_all: bool,
    pub(crate) force_not_null: Vec<String>,
    pub(crate) force_null: Vec<String>,
}

fn first(text: Option<&String>) -> Option<u8> {
    text.and_then(|text| text.bytes().next())
}

impl Options {
    pub(crate) fn delimiter(&self) -> u8 {
        first(self.delimiter.as_ref()).unwrap_or(if self.layout == Layout::Csv { b',' } else { b'\t' })
    }

    pub(crate) fn quote(&self) -> u8 {
        first(self.quote.as_ref()).unwrap_or(b'"')
    }

    pub(crate) fn escape(&self) -> u8 {
        first(self.escape.as_ref()).unwrap_or_else(|| self.quote())
    }

    pub(crate) fn null(&self) -> &[u8] {
        match &self.null {
            Some(null) => null.as_bytes(),
            None if self.layout == Layout::Csv => b"",
            None => b"\\N",
        }
    }

    fn format(&self) -> Format {
        if self.layout == Layout::Binary { Format::Binary } else { Format::Text }
    }
}

/// A column that rows are read into.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    ty: Type,
    typmod: i32,
}

/// A `COPY` that takes rows.
pub(crate) struct CopyIn {
    table: String,
    columns: Vec<Column>,
    write: Arc<Write>,
    catalog: Arc<Catalog>,
    style: Style,
    decoder: Decoder,
    rows: u64,
}

impl Session {
    /// Begins to take rows.
    pub(crate) fn begin_copy_in(&mut self, copy: &Copy) -> Result<Done, Halt> {
        let Subject::Table { name, path, columns } = &copy.subject else {
            return Err(Error::unsupported("COPY of a query from the client").into());
        };
        self.allow("write", || format!("permission denied for table {name}"))?;
        let columns = self.copy_columns(path, columns, true)?;
        let to_own =
            self.insert_of(path, &columns, &self.catalog()).is_ok_and(|write| is_temporary(write.table));
        if !to_own {
            self.check_writes("COPY FROM")?;
        }
        for forced in copy.options.force_not_null.iter().chain(&copy.options.force_null) {
            check_column(&columns, forced, name)?;
        }
        self.take_ticket(false)?;
        let catalog = self.catalog();
        let write = self.insert_of(path, &columns, &catalog)?;
        let (format, count) = (copy.options.format(), columns.len());
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let decoder = Decoder::new(name, &copy.options, &names);
        backend::copy_response(&mut self.out.buffer, b'G', format, count);
        self.transaction.started = true;
        let style = self.style();
        let table = name.clone();
        Ok(Done::Copy(Box::new(CopyIn {
            table,
            columns,
            write: Arc::new(write),
            catalog,
            style,
            decoder,
            rows: 0,
        })))
    }

    /// Columns by name, or all that can be written.
    fn copy_columns(&self, path: &str, names: &[String], writes: bool) -> Result<Vec<Column>> {
        let catalog = self.catalog();
        let list = if names.is_empty() {
            "*".to_owned()
        } else {
            names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
        };
        let statement = Statement::part("", &format!("SELECT {list} FROM {path}"), 0)?;
        let bound = self.bind_statement(&statement, &catalog, &[]).map_err(without_position)?;
        let Action::Query(query) = bound.action else { return Ok(Vec::new()) };
        let generated = |output: &Output| {
            let origin = output.origin.and_then(|(table, number)| catalog.table(table)?.numbered(number));
            origin.is_some_and(|column| column.generated.is_some())
        };
        let wanted = query.columns.iter().filter(|output| !(writes && names.is_empty() && generated(output)));
        Ok(wanted
            .map(|output| Column { name: output.name.clone(), ty: output.ty, typmod: output.typmod })
            .collect())
    }

    fn insert_of(&self, path: &str, columns: &[Column], catalog: &Arc<Catalog>) -> Result<Write> {
        let names = columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
        let places = (1..=columns.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
        let text = format!("INSERT INTO {path} ({names}) OVERRIDING SYSTEM VALUE VALUES ({places})");
        let statement = Statement::part("", &text, 0)?;
        let types: Vec<Type> = columns.iter().map(|column| column.ty).collect();
        match self.bind_statement(&statement, catalog, &types).map_err(without_position)?.action {
            Action::Write(write) => Ok(write),
            Action::Query(_) | Action::Schema(_) => Err(Error::unsupported("COPY FROM here")),
        }
    }

    /// A message while rows are expected.
    pub(crate) fn copy_message(&mut self, message: &Message) -> Result<(), Halt> {
        match message {
            Message::CopyData(bytes) => Ok(self.copy_rows(bytes, false)?),
            Message::CopyDone => {
                self.copy_rows(&[], true)?;
                let Some(copy) = self.copy.take() else { return Ok(()) };
                count(&self.service.metrics.copied_rows, copy.rows);
                Ok(self.complete(&format!("COPY {}", copy.rows))?)
            }
            Message::CopyFail(reason) => {
                let message = format!("COPY from stdin failed: {reason}");
                Err(self.copy_error(Error::new(SqlState::QUERY_CANCELED, message)).into())
            }
            Message::Flush | Message::Sync => Ok(()),
            _ => {
                let message = "unexpected message type during COPY from stdin";
                Err(Error::new(SqlState::PROTOCOL_VIOLATION, message).into())
            }
        }
    }

    fn copy_error(&self, mut error: Error) -> Error {
        if let Some(copy) = &self.copy {
            let line = copy.decoder.line();
            error.more().context.get_or_insert_with(|| format!("COPY {}, line {line}", copy.table));
        }
        error
    }

    fn copy_rows(&mut self, bytes: &[u8], last: bool) -> Result<()> {
        let (Some(mut copy), Some(writer)) = (self.copy.take(), self.transaction.writer.take()) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "COPY without the write ticket"));
        };
        self.shared.canceller.on(writer.connection());
        writer.context().enter(self.function_session(&copy.catalog));
        let outcome = copy.take(&writer, bytes, last, &self.shared.canceller);
        self.shared.canceller.off();
        let outcome = outcome.map_err(|error| writer.full(error));
        // What is found at the end is of no line.
        let checked = if last && outcome.is_ok() {
            writer.check_immediate(&self.transaction.deferral, (copy.write.table, false))
        } else {
            Ok(())
        };
        self.transaction.writer = Some(writer);
        self.copy = Some(copy);
        outcome.map_err(|error| self.copy_error(error))?;
        checked
    }

    /// Sends rows.
    pub(crate) fn copy_out(&mut self, copy: &Copy) -> Result<Done, Halt> {
        let statement = match &copy.subject {
            Subject::Query(statement) => statement.clone(),
            Subject::Table { path, columns, name } => {
                let columns = self.copy_columns(path, columns, true)?;
                for forced in &copy.options.force_quote {
                    check_column(&columns, forced, name)?;
                }
                let list = columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
                Statement::part("", &format!("SELECT {list} FROM {path}"), 0)?
            }
        };
        let prepared = self.prepare_statement("", Some(statement), &[])?;
        let Some(columns) = &prepared.columns else {
            return Err(Error::unsupported("COPY of a statement that gives no rows").into());
        };
        let mark = self.out.mark();
        backend::copy_response(&mut self.out.buffer, b'H', copy.options.format(), columns.len());
        let mut to = ToCopy { encoder: encode::Encoder::new(&copy.options, columns), rows: 0 };
        if let Err(halt) = self.execute(&prepared, &[], &mut to) {
            if matches!(halt, Halt::Wait(_)) {
                self.out.back_to(mark);
            }
            return Err(halt);
        }
        to.encoder.finish(&mut self.out.buffer);
        backend::plain(&mut self.out.buffer, backend::Plain::CopyDone);
        Ok(Done::Tag(format!("COPY {}", to.rows)))
    }
}

fn without_position(mut error: Error) -> Error {
    if let Some(more) = &mut error.more {
        more.position = None;
    }
    error
}

fn check_column(columns: &[Column], name: &str, table: &str) -> Result<()> {
    if columns.iter().any(|column| column.name == name) {
        return Ok(());
    }
    let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
    Err(Error::new(SqlState::UNDEFINED_COLUMN, message))
}

impl CopyIn {
    fn take(
        &mut self,
        writer: &Writer,
        bytes: &[u8],
        last: bool,
        canceller: &super::cancel::Canceller,
    ) -> Result<()> {
        self.decoder.push(bytes)?;
        let guard = writer.statement();
        let connection = writer.connection();
        let write_table = self.write.table;
        let failed = |error: &rusqlite::Error, catalog: &Catalog| {
            writer
                .context()
                .take_error()
                .unwrap_or_else(|| crate::error::of_statement(catalog, (write_table, false), error))
        };
        let Self { table, columns, write, catalog, style, decoder, rows } = self;
        let mut insert = connection.prepare_cached(&write.sql).map_err(|error| failed(&error, catalog))?;
        let mut row = Vec::with_capacity(columns.len());
        while let Some(record) = decoder.next(last)? {
            read_row(columns, catalog, style, &record, &mut row, &mut |column, text| {
                context(table, record.line, column, text)
            })?;
            canceller.check()?;
            for sql in &write.before {
                run(connection, sql, &row).map_err(|error| failed(&error, catalog))?;
            }
            step(&mut insert, &row).map_err(|error| failed(&error, catalog))?;
            for sql in &write.after {
                run(connection, sql, &row).map_err(|error| failed(&error, catalog))?;
            }
            *rows += 1;
        }
        drop(insert);
        guard.keep()
    }
}

fn step(statement: &mut rusqlite::Statement<'_>, row: &[Value]) -> rusqlite::Result<()> {
    let known = statement.parameter_count();
    for (index, value) in row.iter().enumerate().take(known) {
        statement.raw_bind_parameter(index + 1, super::execute::Bound(value))?;
    }
    statement.raw_execute().map(drop)
}

fn run(connection: &rusqlite::Connection, sql: &str, row: &[Value]) -> rusqlite::Result<()> {
    step(&mut *connection.prepare_cached(sql)?, row)
}

/// Where in the input a value is wrong, as PostgreSQL says it.
fn context(table: &str, line: u64, column: &str, text: Option<&[u8]>) -> String {
    /// Bytes of a value that are shown.
    const SHOWN: usize = 100;
    match text {
        None => format!("COPY {table}, line {line}, column {column}"),
        Some(text) => {
            let text = String::from_utf8_lossy(text);
            let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= SHOWN).last().unwrap_or(0);
            let (shown, dots) = if text.len() > SHOWN { (&text[..end], "...") } else { (&*text, "") };
            format!("COPY {table}, line {line}, column {column}: \"{shown}{dots}\"")
        }
    }
}

fn read_row(
    columns: &[Column],
    catalog: &Catalog,
    style: &Style,
    record: &decode::Record<'_>,
    row: &mut Vec<Value>,
    place: &mut dyn FnMut(&str, Option<&[u8]>) -> String,
) -> Result<()> {
    row.clear();
    for (column, field) in columns.iter().zip(&record.fields) {
        let value = match field {
            Field::Null => Ok(Value::Null),
            Field::Text(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| crate::protocol::body::not_utf8(bytes))
                .and_then(|text| values::input_text(catalog, column.ty, column.typmod, text, style)),
            Field::Binary(bytes) => values::input(catalog, column.ty, Some(bytes), Format::Binary, style),
        };
        row.push(value.map_err(|mut error| {
            let text = match field {
                Field::Text(bytes) => Some(&**bytes),
                Field::Null | Field::Binary(_) => None,
            };
            error.more().context.get_or_insert_with(|| place(&column.name, text));
            error
        })?);
    }
    Ok(())
}

/// Rows for the client, as `COPY` writes them.
struct ToCopy {
    encoder: encode::Encoder,
    rows: u64,
}

struct CopySink<'a> {
    to: &'a mut ToCopy,
    catalog: Arc<Catalog>,
    style: Style,
    names: Option<Arc<bole_sql_functions::Session>>,
    out: &'a mut super::Out,
}

impl Sink for CopySink<'_> {
    fn row(&mut self, columns: &[Output], row: &rusqlite::Row<'_>) -> Result<()> {
        self.to.rows += 1;
        let (style, names) = (&self.style, self.names.as_deref());
        self.to.encoder.row(&self.catalog, (style, names), columns, row, &mut self.out.buffer)?;
        self.out.relieve()
    }
}

impl Destination for ToCopy {
    fn with(
        &mut self,
        session: &mut Session,
        catalog: &Arc<Catalog>,
        columns: Option<&[Output]>,
        run: &mut dyn FnMut(&mut dyn Sink) -> Result<String>,
    ) -> Result<String> {
        self.encoder.start(&mut session.out.buffer);
        let style = session.style();
        let names = session.names(catalog, columns);
        run(&mut CopySink { to: self, catalog: Arc::clone(catalog), style, names, out: &mut session.out })
    }
}
