//! What the log keeps of a transaction: its operations in order. *Persisted*: this layout is kind 1, version 2. Version 1 is the same without operation 6.
//!
//! ```text
//! payload    operation …
//! operation  1  text(SQL)                                    a change of SQLite's schema
//!            2  text(name)                                   the table of the operations that follow
//!            3  signed(rowid) values                         a new row
//!            4  signed(rowid) values                         a row that went, as it was
//!            5  signed(rowid) signed(new rowid) values bits value …
//!                                                            a row that changed: as it is now, which columns are different,
//!                                                            and what these were
//!            6  text(name)                                   all rows of a table went
//! values     number(count) value …
//! bits       one for each column, the first one lowest, in count / 8 bytes rounded up
//! value      0 | 1 signed | 2 8 bytes of a double | 3 text | 4 text (a blob)
//! text       number(length) bytes
//! number     LEB128: seven bits a byte, lowest first, the highest bit set on all but the last
//! signed     a number, zigzag: 0, -1, 1, -2, …
//! ```
//!
//! All columns of the SQLite table are there in its order, the one that is the rowid included. Apply takes the values as they are and evaluates nothing.

use bole_log::PayloadKind;
use rusqlite::types::ValueRef;

/// The kind of the payload.
pub const KIND: PayloadKind = PayloadKind(1);
/// The version of its layout.
pub const VERSION: u8 = 2;

/// Whether a payload can be read here.
pub fn is_known(kind: PayloadKind, version: u8) -> bool {
    kind == KIND && (1..=VERSION).contains(&version)
}

/// Columns of a table, as SQLite's own bound.
const COLUMNS_MAX: usize = 32_767;

const DDL: u8 = 1;
const TABLE: u8 = 2;
const INSERT: u8 = 3;
const DELETE: u8 = 4;
const UPDATE: u8 = 5;
const TRUNCATE: u8 = 6;

/// One operation, borrowing from the payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation<'a> {
    /// A change of SQLite's schema.
    Ddl(&'a str),
    /// The table of the operations that follow.
    Table(&'a str),
    /// A new row.
    Insert {
        /// Its rowid.
        rowid: i64,
        /// Its values.
        values: Values<'a>,
    },
    /// A row that went.
    Delete {
        /// Its rowid.
        rowid: i64,
        /// What it was.
        values: Values<'a>,
    },
    /// A row that changed.
    Update {
        /// Its rowid before.
        from: i64,
        /// Its rowid.
        rowid: i64,
        /// Its values.
        values: Values<'a>,
        /// Which columns changed, and what they were.
        changed: Changed<'a>,
    },
    /// All rows of this table went.
    Truncate(&'a str),
}

/// Values of a row, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// How many.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let mut cursor = Cursor(self.bytes);
        std::iter::from_fn(move || cursor.value().ok())
    }
}

/// Columns that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed<'a> {
    bits: &'a [u8],
    before: &'a [u8],
}

impl<'a> Changed<'a> {
    /// Whether the column did.
    pub fn contains(&self, column: usize) -> bool {
        self.bits.get(column / 8).is_some_and(|byte| byte & (1 << (column % 8)) != 0)
    }

    /// What tells two sets of columns apart.
    pub const fn bits(&self) -> &'a [u8] {
        self.bits
    }

    /// What the columns that changed were, in their order.
    pub fn before(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let mut cursor = Cursor(self.before);
        std::iter::from_fn(move || cursor.value().ok())
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)) as u64);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.push(0),
        ValueRef::Integer(number) => {
            out.push(1);
            put_signed(out, number);
        }
        ValueRef::Real(number) => {
            out.push(2);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => {
            out.push(3);
            put_bytes(out, text);
        }
        ValueRef::Blob(blob) => {
            out.push(4);
            put_bytes(out, blob);
        }
    }
}

fn put_values(out: &mut Vec<u8>, values: &[ValueRef<'_>]) {
    put_number(out, values.len() as u64);
    values.iter().for_each(|value| put_value(out, *value));
}

/// Appends a change of the schema.
pub fn put_ddl(out: &mut Vec<u8>, sql: &str) {
    out.push(DDL);
    put_bytes(out, sql.as_bytes());
}

/// Appends the table of what follows.
pub fn put_table(out: &mut Vec<u8>, name: &[u8]) {
    out.push(TABLE);
    put_bytes(out, name);
}

/// Appends that all rows of a table went.
pub fn put_truncate(out: &mut Vec<u8>, name: &str) {
    out.push(TRUNCATE);
    put_bytes(out, name.as_bytes());
}

/// Appends a new row.
pub fn put_insert(out: &mut Vec<u8>, rowid: i64, values: &[ValueRef<'_>]) {
    out.push(INSERT);
    put_signed(out, rowid);
    put_values(out, values);
}

/// Appends a row that goes.
pub fn put_delete(out: &mut Vec<u8>, rowid: i64, values: &[ValueRef<'_>]) {
    out.push(DELETE);
    put_signed(out, rowid);
    put_values(out, values);
}

/// Appends a row that changes, unless it stays as it is.
pub fn put_update(out: &mut Vec<u8>, from: i64, rowid: i64, old: &[ValueRef<'_>], new: &[ValueRef<'_>]) {
    let mut bits = vec![0_u8; new.len().div_ceil(8)];
    for (column, (old, new)) in old.iter().zip(new).enumerate() {
        if !is_same(*old, *new) {
            bits[column / 8] |= 1 << (column % 8);
        }
    }
    if from == rowid && bits.iter().all(|byte| *byte == 0) {
        return;
    }
    out.push(UPDATE);
    put_signed(out, from);
    put_signed(out, rowid);
    put_values(out, new);
    out.extend_from_slice(&bits);
    let changed = |column: &usize| bits[column / 8] & (1 << (column % 8)) != 0;
    (0..old.len()).filter(changed).for_each(|column| put_value(out, old[column]));
}

/// The same bits: 0.0 is not -0.0.
fn is_same(one: ValueRef<'_>, other: ValueRef<'_>) -> bool {
    match (one, other) {
        (ValueRef::Real(one), ValueRef::Real(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}

struct Cursor<'a>(&'a [u8]);

type Decoded<T> = Result<T, String>;

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| format!("{count} bytes are expected where {} are left", self.0.len()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Decoded<u8> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Decoded<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is longer than 64 bits".to_owned())
    }

    fn signed(&mut self) -> Decoded<i64> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| format!("a length of {length} bytes"))?)
    }

    fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|error| error.to_string())
    }

    fn value(&mut self) -> Decoded<ValueRef<'a>> {
        match self.byte()? {
            0 => Ok(ValueRef::Null),
            1 => Ok(ValueRef::Integer(self.signed()?)),
            2 => {
                let bytes = self.take(8)?.try_into().map_err(|_| "a double is cut off".to_owned())?;
                Ok(ValueRef::Real(f64::from_bits(u64::from_le_bytes(bytes))))
            }
            3 => Ok(ValueRef::Text(self.bytes()?)),
            4 => Ok(ValueRef::Blob(self.bytes()?)),
            tag => Err(format!("{tag} is no type of values")),
        }
    }

    /// `count` values, each of which is there as a whole.
    fn run(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let start = self.0;
        for _ in 0..count {
            self.value()?;
        }
        Ok(&start[..start.len() - self.0.len()])
    }

    fn values(&mut self) -> Decoded<Values<'a>> {
        let count = self.number()? as usize;
        if count > COLUMNS_MAX {
            return Err(format!("{count} columns are more than a table has"));
        }
        Ok(Values { count, bytes: self.run(count)? })
    }

    fn changed(&mut self, columns: usize) -> Decoded<Changed<'a>> {
        let bits = self.take(columns.div_ceil(8))?;
        let changed = Changed { bits, before: &[] };
        let count = (0..columns).filter(|column| changed.contains(*column)).count();
        Ok(Changed { before: self.run(count)?, ..changed })
    }

    fn operation(&mut self) -> Decoded<Operation<'a>> {
        match self.byte()? {
            DDL => Ok(Operation::Ddl(self.text()?)),
            TABLE => Ok(Operation::Table(self.text()?)),
            INSERT => Ok(Operation::Insert { rowid: self.signed()?, values: self.values()? }),
            DELETE => Ok(Operation::Delete { rowid: self.signed()?, values: self.values()? }),
            UPDATE => {
                let (from, rowid, values) = (self.signed()?, self.signed()?, self.values()?);
                Ok(Operation::Update { from, rowid, values, changed: self.changed(values.count)? })
            }
            TRUNCATE => Ok(Operation::Truncate(self.text()?)),
            tag => Err(format!("{tag} is no operation")),
        }
    }
}

/// The operations of a payload, in order. Survives any bytes in bounded memory: yields an error once, naming where, and then ends.
pub fn operations(payload: &[u8]) -> impl Iterator<Item = Result<Operation<'_>, String>> {
    let mut cursor = Cursor(payload);
    std::iter::from_fn(move || {
        if cursor.0.is_empty() {
            return None;
        }
        let at = payload.len() - cursor.0.len();
        let operation = cursor.operation().map_err(|reason| format!("at byte {at}: {reason}"));
        if operation.is_err() {
            cursor.0 = &[];
        }
        Some(operation)
    })
}

#[cfg(test)]
mod tests;
