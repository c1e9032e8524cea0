//! What the server sends, written at the end of a buffer.

use bole_sql_types::Error;
use bytes::BufMut as _;

use super::frontend::Format;

/// How grave a report is. All but `Error` and `Fatal` leave the transaction as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
    /// Something that is hardly meant.
    Warning,
    /// Something to know.
    Notice,
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }
}

/// What `ReadyForQuery` says of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is none.
    Idle,
    /// One is open.
    InTransaction,
    /// One is open and failed.
    Failed,
}

/// A column of `RowDescription`.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// The OID of its table, 0 if it is of none.
    pub table: u32,
    /// Its number there.
    pub column: i16,
    /// The OID of its type.
    pub type_oid: u32,
    /// `typlen` of the type.
    pub length: i16,
    /// Its modifier.
    pub typmod: i32,
    /// How it is written.
    pub format: Format,
}

/// Writes a message: its type, its length, and what `body` writes.
pub fn message(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.put_u8(tag);
    let at = out.len();
    out.put_u32(0);
    body(out);
    patch(out, at, 0);
}

/// Sets the length at `at` to the bytes that follow it, plus its own four if it counts itself (`own` 0) or without them (`own` 4).
fn patch(out: &mut [u8], at: usize, own: usize) {
    let length = (out.len() - at - own) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    // A NUL would end the field early.
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.put_u8(0);
}

/// Messages without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// `ParseComplete`.
    ParseComplete = b'1' as isize,
    /// `BindComplete`.
    BindComplete = b'2' as isize,
    /// `CloseComplete`.
    CloseComplete = b'3' as isize,
    /// `NoData`.
    NoData = b'n' as isize,
    /// `EmptyQueryResponse`.
    EmptyQuery = b'I' as isize,
    /// `PortalSuspended`.
    PortalSuspended = b's' as isize,
    /// `CopyDone`.
    CopyDone = b'c' as isize,
}

/// Writes a message without a body.
pub fn plain(out: &mut Vec<u8>, which: Plain) {
    message(out, which as u8, |_| {});
}

/// `Authentication…`: a code and what follows it. 0: ok; 10: SASL with the mechanisms; 11 and 12: SASL's data.
pub fn authentication(out: &mut Vec<u8>, code: u32, data: &[u8]) {
    message(out, b'R', |out| {
        out.put_u32(code);
        out.put_slice(data);
    });
}

/// `NegotiateProtocolVersion`: 3.0 is spoken, and these options are not known.
pub fn negotiate(out: &mut Vec<u8>, options: &[&str]) {
    message(out, b'v', |out| {
        out.put_u32(0);
        out.put_u32(options.len() as u32);
        options.iter().for_each(|option| text(out, option));
    });
}

/// `ParameterStatus`.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    message(out, b'S', |out| {
        text(out, name);
        text(out, value);
    });
}

/// `BackendKeyData`.
pub fn key_data(out: &mut Vec<u8>, process_id: i32, key: i32) {
    message(out, b'K', |out| {
        out.put_i32(process_id);
        out.put_i32(key);
    });
}

/// `ReadyForQuery`.
pub fn ready(out: &mut Vec<u8>, status: Status) {
    message(out, b'Z', |out| {
        out.put_u8(match status {
            Status::Idle => b'I',
            Status::InTransaction => b'T',
            Status::Failed => b'E',
        });
    });
}

/// `RowDescription`.
pub fn row_description<'a>(out: &mut Vec<u8>, fields: impl ExactSizeIterator<Item = Field<'a>>) {
    message(out, b'T', |out| {
        out.put_u16(fields.len() as u16);
        for field in fields {
            text(out, field.name);
            out.put_u32(field.table);
            out.put_i16(field.column);
            out.put_u32(field.type_oid);
            out.put_i16(field.length);
            out.put_i32(field.typmod);
            out.put_i16(field.format.code());
        }
    });
}

/// `ParameterDescription`.
pub fn parameter_description(out: &mut Vec<u8>, types: impl ExactSizeIterator<Item = u32>) {
    message(out, b't', |out| {
        out.put_u16(types.len() as u16);
        types.for_each(|oid| out.put_u32(oid));
    });
}

/// `DataRow` of `columns` values, each of which `row` writes by [`value`] or [`null`].
pub fn data_row<E>(
    out: &mut Vec<u8>,
    columns: usize,
    row: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.put_u8(b'D');
    let at = out.len();
    out.put_u32(0);
    out.put_u16(columns as u16);
    let outcome = row(out);
    match outcome {
        Ok(()) => patch(out, at, 0),
        Err(_) => out.truncate(at - 1),
    }
    outcome
}

/// A value of a row: its length and what `write` writes.
pub fn value<E>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let at = out.len();
    out.put_u32(0);
    write(out)?;
    patch(out, at, 4);
    Ok(())
}

/// NULL in a row.
pub fn null(out: &mut Vec<u8>) {
    out.put_i32(-1);
}

/// `CommandComplete`.
pub fn complete(out: &mut Vec<u8>, tag: &str) {
    message(out, b'C', |out| text(out, tag));
}

/// `CopyInResponse` (`G`) or `CopyOutResponse` (`H`), all columns in one format.
pub fn copy_response(out: &mut Vec<u8>, tag: u8, format: Format, columns: usize) {
    message(out, tag, |out| {
        out.put_u8(format.code() as u8);
        out.put_u16(columns as u16);
        (0..columns).for_each(|_| out.put_i16(format.code()));
    });
}

/// `CopyData`.
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) {
    message(out, b'd', |out| out.put_slice(data));
}

/// `NotificationResponse`.
pub fn notification(out: &mut Vec<u8>, process_id: i32, channel: &str, payload: &str) {
    message(out, b'A', |out| {
        out.put_i32(process_id);
        text(out, channel);
        text(out, payload);
    });
}

/// What a client is told when a statement that it keeps has become another. Drivers know it by the routine in PostgreSQL's source, and then
/// prepare it again.
pub const CACHED_PLAN: &str = "cached plan must not change result type";

/// `ErrorResponse`, or `NoticeResponse` for what is no error.
pub fn report(out: &mut Vec<u8>, severity: Severity, error: &Error) {
    let tag = if matches!(severity, Severity::Error | Severity::Fatal) { b'E' } else { b'N' };
    message(out, tag, |out| {
        let mut field = |code: u8, value: &str| {
            out.put_u8(code);
            text(out, value);
        };
        field(b'S', severity.name());
        field(b'V', severity.name());
        field(b'C', error.state.as_str());
        field(b'M', &error.message);
        if error.message == CACHED_PLAN {
            field(b'R', "RevalidateCachedQuery");
        }
        if let Some(more) = &error.more {
            let position = more.position.map(|position| position.to_string());
            let fields = [
                (b'D', &more.detail),
                (b'H', &more.hint),
                (b'P', &position),
                (b'W', &more.context),
                (b's', &more.schema),
                (b't', &more.table),
                (b'c', &more.column),
                (b'n', &more.constraint),
            ];
            fields.iter().for_each(|(code, value)| {
                if let Some(value) = value {
                    field(*code, value);
                }
            });
        }
        out.put_u8(0);
    });
}
