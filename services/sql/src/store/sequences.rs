//! The values of sequences. They are given out in memory; the last one of each is written as a row by the next transaction that commits.
//!
//! # Invariants
//! - A value is given out once, whatever becomes of the transaction, as far as anybody was told of it: who is told waits for a commit that
//!   wrote it or a later one.
//! - All but reads happen under the write ticket.

use std::collections::{BTreeMap, BTreeSet};

use bole_sql_dialect::catalog::Sequence;
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;
use rusqlite::Connection;

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The value that was given last, or that is given first.
    pub last_value: i64,
    /// Whether it was given.
    pub is_called: bool,
}

/// All sequences of a database.
#[derive(Default)]
pub struct Sequences {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    standing: BTreeMap<u32, Standing>,
    /// What is not in a committed row yet.
    unwritten: BTreeSet<u32>,
}

impl Sequences {
    /// Takes what the rows say.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            connection.prepare("SELECT oid, last_value, is_called FROM main.bole_sequence")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, Standing { last_value: row.get(1)?, is_called: row.get(2)? }))
        })?;
        let standing = rows.collect::<rusqlite::Result<_>>()?;
        *self.inner.lock() = Inner { standing, unwritten: BTreeSet::new() };
        Ok(())
    }

    /// The next value. Errors: 2200H where there is none.
    pub fn next(&self, sequence: &Sequence) -> Result<i64> {
        let mut inner = self.inner.lock();
        let fresh = Standing { last_value: sequence.start, is_called: false };
        let standing = inner.standing.get(&sequence.oid).copied().unwrap_or(fresh);
        let value =
            if standing.is_called { following(sequence, standing.last_value)? } else { standing.last_value };
        inner.standing.insert(sequence.oid, Standing { last_value: value, is_called: true });
        inner.unwritten.insert(sequence.oid);
        Ok(value)
    }

    /// Sets a sequence, at once and for ever. Errors: 22003 beyond its bounds.
    pub fn set(&self, sequence: &Sequence, value: i64, is_called: bool) -> Result<()> {
        if value < sequence.min || value > sequence.max {
            return Err(Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!(
                    "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
                    sequence.name, sequence.min, sequence.max
                ),
            ));
        }
        self.put(sequence.oid, Some(Standing { last_value: value, is_called }));
        Ok(())
    }

    /// Where a sequence stands; `None` for one that nobody has set.
    pub fn get(&self, oid: u32) -> Option<Standing> {
        self.inner.lock().standing.get(&oid).copied()
    }

    /// Puts a sequence where it stood, or takes it away.
    pub(crate) fn put(&self, oid: u32, standing: Option<Standing>) {
        let mut inner = self.inner.lock();
        inner.unwritten.insert(oid);
        match standing {
            Some(standing) => inner.standing.insert(oid, standing),
            None => inner.standing.remove(&oid),
        };
    }

    /// Whether a transaction that commits has rows to write.
    pub(crate) fn is_written(&self) -> bool {
        self.inner.lock().unwritten.is_empty()
    }

    /// What is not written yet.
    pub(crate) fn unwritten(&self) -> Vec<(u32, Option<Standing>)> {
        let inner = self.inner.lock();
        inner.unwritten.iter().map(|oid| (*oid, inner.standing.get(oid).copied())).collect()
    }

    /// A transaction committed that wrote these. Nobody else has the ticket, so they are as they were.
    pub(crate) fn written(&self, oids: &[u32]) {
        let mut inner = self.inner.lock();
        for oid in oids {
            inner.unwritten.remove(oid);
        }
    }
}

fn following(sequence: &Sequence, last: i64) -> Result<i64> {
    let next = last.checked_add(sequence.increment);
    let (bound, other, word) = if sequence.increment > 0 {
        (sequence.max, sequence.min, "maximum")
    } else {
        (sequence.min, sequence.max, "minimum")
    };
    match next.filter(|next| (sequence.min..=sequence.max).contains(next)) {
        Some(next) => Ok(next),
        None if sequence.cycle => Ok(other),
        None => Err(Error::new(
            SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
            format!("nextval: reached {word} value of sequence \"{}\" ({bound})", sequence.name),
        )),
    }
}

/// Writes a sequence's row.
pub(crate) fn write_row(
    connection: &Connection,
    oid: u32,
    standing: Option<Standing>,
) -> rusqlite::Result<()> {
    let Some(Standing { last_value, is_called }) = standing else {
        connection.prepare_cached("DELETE FROM main.bole_sequence WHERE oid = ?")?.execute([oid])?;
        return Ok(());
    };
    // The dialect reads the rows of its own accord; here they follow memory.
    connection
        .prepare_cached(
            "INSERT INTO main.bole_sequence VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET last_value = excluded.last_value, is_called = excluded.is_called",
        )?
        .execute((oid, last_value, is_called))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bole_sql_types::Type;

    use super::*;

    fn sequence(increment: i64, min: i64, max: i64, cycle: bool) -> Sequence {
        Sequence {
            oid: 5,
            schema: 0,
            name: "s".to_owned(),
            type_oid: Type::INT8.0,
            start: if increment > 0 { min } else { max },
            increment,
            min,
            max,
            cache: 1,
            cycle,
            owner: None,
            comment: None,
        }
    }

    /// Values up to `count`, or the error's message.
    fn check(sequence: &Sequence, count: usize, expected: &str) {
        let sequences = Sequences::default();
        let values: Vec<_> = (0..count)
            .map(|_| sequences.next(sequence).map_or_else(|error| error.message, |value| value.to_string()))
            .collect();
        assert_eq!(values.join(" "), expected);
    }

    /// As PostgreSQL 15 gives them.
    #[test]
    fn values_follow_the_definition() {
        check(&sequence(1, 1, i64::MAX, false), 3, "1 2 3");
        check(&sequence(2, 1, 4, false), 3, "1 3 nextval: reached maximum value of sequence \"s\" (4)");
        check(&sequence(2, 1, 4, true), 3, "1 3 1");
        check(&sequence(-2, 1, 4, false), 3, "4 2 nextval: reached minimum value of sequence \"s\" (1)");
        check(&sequence(-3, 1, 4, true), 3, "4 1 4");
        check(&sequence(i64::MAX, 1, i64::MAX, true), 2, "1 1");
    }

    #[test]
    fn set_keeps_to_the_bounds() {
        let (sequences, sequence) = (Sequences::default(), sequence(1, 1, 10, false));
        sequences.set(&sequence, 7, true).unwrap();
        assert_eq!(sequences.next(&sequence).unwrap(), 8);
        sequences.set(&sequence, 7, false).unwrap();
        assert_eq!(sequences.next(&sequence).unwrap(), 7);
        let error = sequences.set(&sequence, 11, true).unwrap_err();
        assert_eq!(error.message, "setval: value 11 is out of bounds for sequence \"s\" (1..10)");
        assert!(!sequences.is_written());
    }
}
