//! What only Bole has: effects in other services, which happen if the transaction commits, and where sequences stand.

use super::Function;
use super::row::{BYTEA, INT8, JSON, JSONB, REGCLASS, TEXT, VOID, volatile, writes};

/// `publish(topic, key, value)`: appends a record to a topic; a NULL value is a tombstone. `cache_del(key)`, `cache_del(database, key)`:
/// removes a key of a keyspace database, the first one unless its number is given. `sequence_standing(sequence)`: its last value and,
/// after a space, `t` or `f` for whether that was given out.
pub(super) const FUNCTIONS: &[Function] = &[
    writes("bole.publish", &[TEXT, TEXT, TEXT], VOID, "pg_bole_publish").called_on_null(),
    writes("bole.publish", &[TEXT, BYTEA, BYTEA], VOID, "pg_bole_publish").called_on_null(),
    writes("bole.publish", &[TEXT, TEXT, BYTEA], VOID, "pg_bole_publish").called_on_null(),
    writes("bole.publish", &[TEXT, TEXT, JSON], VOID, "pg_bole_publish").called_on_null(),
    writes("bole.publish", &[TEXT, TEXT, JSONB], VOID, "pg_bole_publish").called_on_null(),
    writes("bole.cache_del", &[TEXT], VOID, "pg_bole_cache_del"),
    writes("bole.cache_del", &[BYTEA], VOID, "pg_bole_cache_del"),
    writes("bole.cache_del", &[INT8, TEXT], VOID, "pg_bole_cache_del"),
    writes("bole.cache_del", &[INT8, BYTEA], VOID, "pg_bole_cache_del"),
    volatile("bole.sequence_standing", &[REGCLASS], TEXT, "pg_bole_sequence_standing"),
];
