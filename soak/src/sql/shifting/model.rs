//! What clients do with a table that changes its shape and with databases that come and go, and what it means.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bole_testing::Rng;
use bole_testing::harness::Model;

/// Rows that clients meet on.
const ROWS: i64 = 8;
/// Databases that come and go.
const DATABASES: u64 = 2;
/// Columns that the table has at a time, besides its key and `v`.
const COLUMNS_MAX: usize = 4;
/// Columns that are made in one table; the next one is made in a new table, so that entries, which have the whole description, stay small.
const COLUMNS_MADE_MAX: u64 = 12;
/// Values are drawn from so many that none comes twice.
const VALUES: u64 = 1 << 40;

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Op {
    /// Puts a row.
    Put {
        /// Its key.
        id: i64,
        /// Its `v`; other columns get it plus their number.
        value: i64,
        /// Whether the other columns get a value, too.
        all: bool,
        /// Whether the table changes on the way, which is undone.
        detour: bool,
    },
    /// Removes a row.
    Remove(i64),
    /// `ALTER TABLE ADD COLUMN`, with a default or without. Where the table has had too many, it is dropped and made anew, with nothing in it.
    Add(Option<i64>),
    /// `ALTER TABLE DROP COLUMN`.
    Drop(usize),
    /// `ALTER TABLE RENAME COLUMN`.
    Rename(usize),
    /// In one transaction: a row, a new column, the same row again, the first column renamed, another row.
    Evolve(i64, i64, Option<i64>),
    /// Puts a row in one transaction with rows of the session's temporary table; some sessions stay.
    Private(i64, i64, bool),
    /// Makes a database, or drops it if it is there.
    Database(u64),
    /// Puts a row into the table of such a database, which is made when there is none.
    PutIn(u64, i64, i64),
    /// Looks at the table.
    Look,
}

impl Op {
    /// The next operation of a client.
    pub fn draw(rng: &mut Rng) -> Self {
        let id = rng.below(ROWS as u64) as i64;
        let value = rng.below(VALUES) as i64;
        let default = rng.one_in(2).then_some(rng.below(1_000) as i64);
        match rng.below(24) {
            0..=7 => Self::Put { id, value, all: rng.one_in(2), detour: rng.one_in(6) },
            8 | 9 => Self::Remove(id),
            10 => Self::Add(default),
            11 => Self::Drop(rng.index(COLUMNS_MAX)),
            12 => Self::Rename(rng.index(COLUMNS_MAX)),
            13 | 14 => Self::Evolve(id, value, default),
            15..=17 => Self::Private(id, value, rng.one_in(3)),
            18 => Self::Database(rng.below(DATABASES)),
            19..=21 => Self::PutIn(rng.below(DATABASES), id, value),
            _ => Self::Look,
        }
    }
}

/// A column besides `id` and `v`. Its name says it all, so that a reader of a feed can follow it: `k3_42_1` is the third that was made, with the default 42, and was renamed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column {
    /// From 1 on, in the order of making; 0 is `v`.
    pub number: u64,
    /// What rows have that were there before.
    pub default: Option<i64>,
    /// How often it was renamed.
    pub renamed: u64,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = self.default.map_or_else(|| "x".to_owned(), |value| value.to_string());
        write!(f, "k{}_{default}_{}", self.number, self.renamed)
    }
}

impl FromStr for Column {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parse = || {
            let mut parts = name.strip_prefix('k')?.split('_');
            let number = parts.next()?.parse().ok()?;
            let default = match parts.next()? {
                "x" => None,
                value => Some(value.parse().ok()?),
            };
            Some(Self { number, default, renamed: parts.next()?.parse().ok()? })
        };
        parse().ok_or_else(|| format!("no column was ever named {name:?}"))
    }
}

/// Values of a row by the numbers of columns.
pub type Row = BTreeMap<u64, Option<i64>>;

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// Columns that were made, those that are gone included.
    pub made: u64,
    /// Columns, in the order of their making.
    pub columns: Vec<Column>,
    /// Rows by key.
    pub rows: BTreeMap<i64, Row>,
}

/// All that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// The table of the first database.
    pub table: Table,
    /// Other databases, with the rows of their tables.
    pub databases: BTreeMap<u64, BTreeMap<i64, i64>>,
}

impl Table {
    /// What a row gets.
    pub fn row(&self, id: i64, value: i64, all: bool) -> Row {
        let mut row = self.rows.get(&id).cloned().unwrap_or_default();
        row.insert(0, Some(value));
        for column in &self.columns {
            let there = row.entry(column.number).or_insert(column.default);
            if all {
                *there = Some(value + column.number as i64);
            }
        }
        row
    }

    fn put(&mut self, id: i64, value: i64, all: bool) {
        let row = self.row(id, value, all);
        self.rows.insert(id, row);
    }

    /// The column that comes next. `None`: there are enough.
    pub fn next(&self, default: Option<i64>) -> Option<Column> {
        let column = Column { number: self.made + 1, default, renamed: 0 };
        (self.columns.len() < COLUMNS_MAX && !self.is_worn()).then_some(column)
    }

    /// Whether it has had too many columns.
    pub const fn is_worn(&self) -> bool {
        self.made >= COLUMNS_MADE_MAX
    }

    fn add(&mut self, column: Column) {
        self.made = column.number;
        self.columns.push(column);
        for row in self.rows.values_mut() {
            row.insert(column.number, column.default);
        }
    }

    fn rename(&mut self, index: usize) {
        if let Some(column) = self.columns.get_mut(index) {
            column.renamed += 1;
        }
    }
}

impl Model for World {
    type Op = Op;
    type Reply = ();
    type State = Self;

    fn apply(&mut self, op: &Op) {
        let table = &mut self.table;
        match op {
            Op::Put { id, value, all, .. } => table.put(*id, *value, *all),
            Op::Private(id, value, _) => table.put(*id, *value, true),
            Op::Remove(id) => drop(table.rows.remove(id)),
            Op::Add(_) if table.is_worn() => *table = Table::default(),
            Op::Add(default) => {
                if let Some(column) = table.next(*default) {
                    table.add(column);
                }
            }
            Op::Drop(index) => {
                if *index < table.columns.len() {
                    let gone = table.columns.remove(*index);
                    for row in table.rows.values_mut() {
                        row.remove(&gone.number);
                    }
                }
            }
            Op::Rename(index) => table.rename(*index),
            Op::Evolve(id, value, default) => {
                table.put(*id, *value, true);
                if let Some(column) = table.next(*default) {
                    table.add(column);
                }
                table.put(*id, value + 1, false);
                table.rename(0);
                table.put(id + 1, *value, true);
            }
            Op::Database(name) => {
                if self.databases.remove(name).is_none() {
                    self.databases.insert(*name, BTreeMap::new());
                }
            }
            Op::PutIn(name, id, value) => {
                if let Some(rows) = self.databases.get_mut(name) {
                    rows.insert(*id, *value);
                }
            }
            Op::Look => {}
        }
    }

    fn state(&self) -> Self {
        self.clone()
    }
}
