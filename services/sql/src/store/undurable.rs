//! Which keys the last commits have changed that are not durable: a reply which shows none of them need not wait for these.
//!
//! # Invariants
//! - A commit is noted after it has its position, and before anybody takes it for appended.
//! - What is not known by its key counts as everything: changes of the schema, whole tables, more rows than [`KEYS_MAX`].
//! - A key is forgotten when the last commit that changed it is durable, not before.

use std::collections::{HashMap, VecDeque};

use bole_base::Position;
use bole_sql_dialect::Catalog;
use parking_lot::Mutex;
use rusqlite::types::ValueRef;

use super::history::CATALOG_TABLE;
use crate::entry::{self, Operation, Values};

/// Keys that are remembered; what changes more is remembered as everything.
const KEYS_MAX: usize = 4_096;
/// The largest entry that is looked through.
const ENTRY_BYTES_MAX: usize = 256 << 10;

/// A table's OID, and the value of its key's integer column.
pub(crate) type KeyOf = (u32, i64);

/// What a transaction changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// It may be anything.
    Everything,
    /// Rows with these keys, and rows of tables whose rows nobody tells apart. `true`: such a row came or went.
    Keys(Vec<(KeyOf, bool)>),
}

impl Changes {
    /// Those of an entry.
    pub(crate) fn of(catalog: &Catalog, payload: &[u8]) -> Self {
        if payload.len() > ENTRY_BYTES_MAX {
            return Self::Everything;
        }
        let (mut keys, mut table) = (Vec::new(), None);
        for operation in entry::operations(payload) {
            match operation {
                Ok(Operation::Table(CATALOG_TABLE) | Operation::Ddl(_) | Operation::Truncate(_)) | Err(_) => {
                    return Self::Everything;
                }
                Ok(Operation::Table(name)) => table = keyed(catalog, name),
                Ok(row) => {
                    let Some((table, place)) = table else { continue };
                    if !put(&mut keys, table, place, &row) || keys.len() > KEYS_MAX {
                        return Self::Everything;
                    }
                }
            }
        }
        Self::Keys(keys)
    }
}

/// The OID of the table with this storage, and the place of its key among the columns. `None`: no look names its rows.
fn keyed(catalog: &Catalog, storage: &str) -> Option<(u32, usize)> {
    let number = storage.strip_prefix('t')?;
    let oid = number.split_once('_').map_or(number, |(oid, _)| oid).parse().ok()?;
    let table = catalog.table(oid)?;
    let key = table.key_column()?.number;
    Some((oid, table.columns.iter().position(|column| column.number == key)?))
}

/// Adds the keys of a row before and after. `false`: they are not to be had.
fn put(keys: &mut Vec<(KeyOf, bool)>, table: u32, place: usize, row: &Operation<'_>) -> bool {
    let key = |values: &Values<'_>| match values.iter().nth(place) {
        Some(ValueRef::Integer(key)) => Some((table, key)),
        _ => None,
    };
    match row {
        Operation::Insert { values, .. } | Operation::Delete { values, .. } => {
            keys.extend(key(values).map(|key| (key, true)));
            key(values).is_some()
        }
        Operation::Update { values, changed, .. } => {
            keys.extend(key(values).map(|key| (key, false)));
            // A row that has another key now is a row that went and one that came.
            key(values).is_some() && !changed.contains(place)
        }
        Operation::Ddl(_) | Operation::Table(_) | Operation::Truncate(_) => false,
    }
}

/// Up to where the journal has to be durable before a key may be shown.
#[derive(Clone, Copy, Debug, Default)]
struct Changed {
    /// Whether there is such a row.
    presence: Position,
    /// What it holds.
    values: Position,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Undurable {
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    keys: HashMap<KeyOf, Changed>,
    /// In the order of their positions.
    commits: VecDeque<(Position, Vec<KeyOf>)>,
    /// The last commit that may have changed anything.
    everything: Position,
}

impl Undurable {
    /// Takes in a commit that ends at `position`, and forgets what is durable.
    pub(crate) fn note(&self, changes: Changes, position: Position, durable: Position) {
        let mut noted = self.noted.lock();
        noted.forget(durable);
        match changes {
            Changes::Keys(keys) if noted.keys.len() + keys.len() <= KEYS_MAX => {
                for (key, came_or_went) in &keys {
                    let changed = noted.keys.entry(*key).or_default();
                    changed.values = position;
                    if *came_or_went {
                        changed.presence = position;
                    }
                }
                if !keys.is_empty() {
                    noted.commits.push_back((position, keys.into_iter().map(|(key, _)| key).collect()));
                }
            }
            Changes::Keys(_) | Changes::Everything => noted.everything = position,
        }
    }

    /// Where the journal has to be durable before it may be shown whether there are rows with these keys, and what they hold if `values`.
    pub(crate) fn needed(&self, keys: impl IntoIterator<Item = KeyOf>, values: bool) -> Position {
        let noted = self.noted.lock();
        let needed = |key| {
            let changed = noted.keys.get(&key).copied().unwrap_or_default();
            if values { changed.values } else { changed.presence }
        };
        keys.into_iter().map(needed).fold(noted.everything, Position::max)
    }
}

impl Noted {
    fn forget(&mut self, durable: Position) {
        while self.commits.front().is_some_and(|(position, _)| *position <= durable) {
            let Some((position, keys)) = self.commits.pop_front() else { return };
            for key in keys {
                if self.keys.get(&key).is_some_and(|changed| changed.values <= position) {
                    self.keys.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
