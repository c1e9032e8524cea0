//! An entry's operations as changes of one table.
//!
//! # Invariants
//! - The same entry gives the same changes with the same parts for ever.
//! - Who upserts `after` by key, removes what is deleted and all at a `truncate` has the table: a row whose key changes is deleted and inserted.

use std::sync::Arc;

use bole_shard::ApplyError;
use bole_shard::changes::{Details, Entry, Shown};
use bole_sql_dialect::catalog::Object;
use bole_sql_types::Style;
use bytes::Bytes;
use rusqlite::types::ValueRef;

use super::shape::{Image, Shape, is_storage_of};
use crate::entry::{self, Changed, Operation, Values};
use crate::store::{CATALOG_TABLE, Put};

/// Bits of offsets that number the changes of a transaction. Where it has more, several share a record.
pub(super) const PART_BITS: u32 = 20;
/// The fewest bytes that a row takes in an entry.
const ROW_BYTES_MIN: usize = 4;

/// Whose rows the operations that follow are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Catalogs,
    Others,
}

/// What is known while an entry is walked through.
pub(super) struct Walk<'a> {
    pub(super) oid: u32,
    entry: Entry<'a>,
    /// The table as it is now; `None` before it is made, and before anybody asked.
    shape: Option<Shape>,
    is_asked: bool,
    /// The names of the key's columns that readers know, once there is a table.
    key: Option<Vec<u8>>,
    /// Enums that the entry changed so far.
    enums: Vec<Arc<Object>>,
    /// The table as it was before the `ALTER TABLE` whose changes of rows are under way; whether one came already.
    altered: Option<(Shape, bool)>,
    /// SQLite's table whose rows are being copied into a new one: that is no change.
    copied: Option<String>,
    /// Changes so far.
    count: u64,
    /// Changes that share a part.
    share: u64,
    style: Style,
}

/// Gives the shape of a table that the catalog describes so, or the one that it had before the entry. Errors: nobody knows.
pub(super) type Describe<'a> = dyn Fn(Option<Arc<Object>>) -> Result<Option<Shape>, String> + 'a;

type Show<'a> = dyn FnMut(u64, Shown) -> bool + 'a;

fn malformed(reason: String) -> ApplyError {
    ApplyError::Malformed(reason)
}

impl<'a> Walk<'a> {
    /// Over an entry.
    pub(super) fn new(oid: u32, entry: Entry<'a>) -> Result<Self, ApplyError> {
        Ok(Self {
            oid,
            share: share(oid, entry.payload).map_err(malformed)?,
            entry,
            shape: None,
            is_asked: false,
            key: None,
            enums: Vec::new(),
            altered: None,
            copied: None,
            count: 0,
            style: Style::default(),
        })
    }

    /// Before the first row that matters.
    fn ask(&mut self, describe: &Describe<'_>) -> Result<(), ApplyError> {
        if !self.is_asked {
            self.shape = describe(None).map_err(malformed)?;
            self.key = self.shape.as_ref().map(Shape::key_names);
            self.is_asked = true;
        }
        Ok(())
    }

    /// Hands the changes to `show`, from the first part that is wanted on.
    pub(super) fn run(&mut self, describe: &Describe<'_>, show: &mut Show<'_>) -> Result<(), ApplyError> {
        let mut whose = Whose::Others;
        for operation in entry::operations(self.entry.payload) {
            match operation.map_err(malformed)? {
                Operation::Table(name) => {
                    whose = match name {
                        CATALOG_TABLE => Whose::Catalogs,
                        name if is_storage_of(self.oid, name) => Whose::Ours,
                        _ => Whose::Others,
                    }
                }
                Operation::Ddl(sql) => self.schema_changes(sql),
                Operation::Truncate(name) => {
                    if is_storage_of(self.oid, name) && !(self.settle_key(show) && self.truncated(show)) {
                        return Ok(());
                    }
                }
                row => match whose {
                    Whose::Ours => {
                        self.ask(describe)?;
                        if !self.row(&row, show)? {
                            return Ok(());
                        }
                    }
                    Whose::Catalogs => {
                        if let Some(put) = Put::read(&row).map_err(malformed)? {
                            self.ask(describe)?;
                            self.catalog_changes(put, describe)?;
                        }
                    }
                    Whose::Others => {}
                },
            }
        }
        self.settle_key(show);
        Ok(())
    }

    fn schema_changes(&mut self, sql: &str) {
        if self.copied.as_ref().is_some_and(|old| sql.strip_prefix("DROP TABLE ") == Some(old)) {
            self.copied = None;
        }
        if self.altered.as_ref().is_some_and(|(_, begun)| *begun) {
            self.altered = None;
        }
    }

    fn catalog_changes(&mut self, put: Put, describe: &Describe<'_>) -> Result<(), ApplyError> {
        let Some(after) = put.after else { return Ok(()) };
        if put.oid != self.oid {
            if let Some(shape) = &mut self.shape {
                shape.put_enum(&after);
            }
            if matches!(&*after, Object::Enum(_)) {
                self.enums.push(after);
            }
            return Ok(());
        }
        let Some(mut shape) = describe(Some(after)).map_err(malformed)? else { return Ok(()) };
        self.enums.iter().for_each(|object| shape.put_enum(object));
        let Some(old) = self.shape.replace(shape) else { return Ok(()) };
        let now = self.shape.as_ref().map_or("", Shape::storage);
        if old.storage() != now && self.copied.is_none() {
            self.copied = Some(old.storage().to_owned());
        }
        // Several changes of the catalog may come before the rows follow.
        self.altered.get_or_insert((old, false));
        Ok(())
    }

    /// A row of the table changes. Whether more are wanted.
    fn row(&mut self, operation: &Operation<'_>, show: &mut Show<'_>) -> Result<bool, ApplyError> {
        if self.copied.is_some() && matches!(operation, Operation::Insert { .. }) {
            return Ok(true);
        }
        if !self.settle_key(show) {
            return Ok(false);
        }
        let Some(shape) = self.shape.take() else {
            return Err(malformed(format!("a row of table {} before the table is made", self.oid)));
        };
        let more = match *operation {
            Operation::Insert { rowid, values } => {
                let after = Image { shape: &shape, rowid, values: values.iter().collect() };
                self.show("insert", None, Some(&after), show)
            }
            Operation::Delete { rowid, values } => {
                let before = Image { shape: &shape, rowid, values: values.iter().collect() };
                self.show("delete", Some(&before), None, show)
            }
            Operation::Update { from, rowid, values, changed } => {
                let altered = self.altered.take();
                let was = altered.as_ref().map_or(&shape, |(old, _)| old);
                let before = Image { shape: was, rowid: from, values: before(values, changed) };
                let after = Image { shape: &shape, rowid, values: values.iter().collect() };
                let more = self.update(&before, &after, show);
                self.altered = altered.map(|(old, _)| (old, true));
                more
            }
            Operation::Ddl(_) | Operation::Table(_) | Operation::Truncate(_) => true,
        };
        self.shape = Some(shape);
        Ok(more)
    }

    fn update(&mut self, before: &Image<'_>, after: &Image<'_>, show: &mut Show<'_>) -> bool {
        if before.key(&self.style) == after.key(&self.style) {
            return self.show("update", Some(before), Some(after), show);
        }
        self.show("delete", Some(before), None, show) && self.show("insert", None, Some(after), show)
    }

    /// Shows one change, unless it is one that was read before.
    fn show(
        &mut self,
        operation: &'static str,
        before: Option<&Image<'_>>,
        after: Option<&Image<'_>>,
        show: &mut Show<'_>,
    ) -> bool {
        let Some((position, part)) = self.place() else { return true };
        let Some(image) = after.or(before) else { return true };
        let mut out = format!("\"op\":\"{operation}\",\"before\":").into_bytes();
        let put = |image: Option<&Image<'_>>, out: &mut Vec<u8>| match image {
            Some(image) => image.put_row(out, &self.style),
            None => out.extend_from_slice(b"null"),
        };
        put(before, &mut out);
        out.extend_from_slice(b",\"after\":");
        put(after, &mut out);
        self.put_place(position, &mut out);
        let key = Bytes::from(image.key(&self.style));
        show(part, (operation, Some(key), Details::whole(out)))
    }
}

impl Walk<'_> {
    /// All rows went at once. Whether more are wanted.
    fn truncated(&mut self, show: &mut Show<'_>) -> bool {
        self.show_whole("truncate", &[], show)
    }

    /// Says that rows have another key from here on, if they do: a statement that replaces it changes the catalog several times. Whether more are wanted.
    fn settle_key(&mut self, show: &mut Show<'_>) -> bool {
        let Some(names) = self.shape.as_ref().map(Shape::key_names) else { return true };
        let is_known = self.key.replace(names.clone()).is_none_or(|known| known == names);
        is_known || self.show_whole("key", &[b",\"columns\":", names.as_slice()].concat(), show)
    }

    /// A change of the table as a whole.
    fn show_whole(&mut self, operation: &'static str, members: &[u8], show: &mut Show<'_>) -> bool {
        let Some((position, part)) = self.place() else { return true };
        let mut out = format!("\"op\":\"{operation}\",\"before\":null,\"after\":null").into_bytes();
        out.extend_from_slice(members);
        self.put_place(position, &mut out);
        show(part, (operation, None, Details::whole(out)))
    }

    /// The place of the next change, and its part; `None` if it was read before.
    fn place(&mut self) -> Option<(u64, u64)> {
        let (position, part) = (self.count, self.count / self.share);
        self.count += 1;
        (part >= self.entry.first_part).then_some((position, part))
    }

    fn put_place(&self, position: u64, out: &mut Vec<u8>) {
        let (transaction, time) = (self.entry.offset, self.entry.hlc >> 16);
        out.extend_from_slice(
            format!(",\"transaction\":{transaction},\"position\":{position},\"time\":{time}").as_bytes(),
        );
    }
}

/// How many changes share a part: one, unless there may be more changes than parts.
fn share(oid: u32, payload: &[u8]) -> Result<u64, String> {
    const PARTS: u64 = 1 << PART_BITS;
    if ((payload.len() / ROW_BYTES_MIN) as u64) < PARTS / 2 {
        return Ok(1);
    }
    let (mut ours, mut most) = (false, 0_u64);
    let mut in_catalog = false;
    for operation in entry::operations(payload) {
        match operation? {
            Operation::Table(name) => {
                (ours, in_catalog) = (is_storage_of(oid, name), name == CATALOG_TABLE);
            }
            Operation::Insert { rowid, .. } | Operation::Update { rowid, .. }
                if in_catalog && rowid == i64::from(oid) =>
            {
                most += 1;
            }
            Operation::Truncate(name) if is_storage_of(oid, name) => most += 1,
            Operation::Insert { .. } | Operation::Delete { .. } if ours => most += 1,
            // It may be two.
            Operation::Update { .. } if ours => most += 2,
            _ => {}
        }
    }
    Ok(most.div_ceil(PARTS).max(1))
}

/// A row's values before it changed.
fn before<'a>(values: Values<'a>, changed: Changed<'a>) -> Vec<ValueRef<'a>> {
    let mut was = changed.before();
    let value = |(column, value)| if changed.contains(column) { was.next().unwrap_or(value) } else { value };
    values.iter().enumerate().map(value).collect()
}
