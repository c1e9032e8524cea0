//! The names that PostgreSQL gives to what was not named: `t_a_key`, `t_a_seq`.

use crate::catalog::Catalog;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 63;

/// Cuts a text to so many bytes, between characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `first_second_label`, the longer of the first two cut until it fits.
fn joined(first: &str, second: Option<&str>, label: &str) -> String {
    let overhead = label.len() + 1 + second.map_or(0, |_| 1);
    let room = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut first_length, mut second_length) = (first.len(), second.map_or(0, str::len));
    while first_length + second_length > room {
        if first_length > second_length { first_length -= 1 } else { second_length -= 1 }
    }
    let second = second.map(|second| format!("_{}", cut(second, second_length))).unwrap_or_default();
    format!("{}{second}_{label}", cut(first, first_length))
}

/// The first of `label`, `label1`, `label2` … that is free.
pub(super) fn choose(
    first: &str,
    second: Option<&str>,
    label: &str,
    is_taken: impl Fn(&str) -> bool,
) -> String {
    let mut name = joined(first, second, label);
    let mut pass = 0;
    while is_taken(&name) {
        pass += 1;
        name = joined(first, second, &format!("{label}{pass}"));
    }
    name
}

/// A name for a relation of a schema.
pub(super) fn relation(
    catalog: &Catalog,
    schema: u32,
    first: &str,
    second: Option<&str>,
    label: &str,
) -> String {
    choose(first, second, label, |name| catalog.has_relation(schema, name))
}

/// A name for a constraint: unlike those of all constraints in the schema.
pub(super) fn constraint(
    catalog: &Catalog,
    schema: u32,
    first: &str,
    second: Option<&str>,
    label: &str,
) -> String {
    let taken = |name: &str| {
        catalog.tables().filter(|table| table.schema == schema).any(|table| table.constraint(name).is_some())
    };
    choose(first, second, label, taken)
}

/// A name for a constraint that has an index: neither a constraint's nor a relation's.
pub(super) fn key(catalog: &Catalog, schema: u32, first: &str, second: Option<&str>, label: &str) -> String {
    let taken = |name: &str| {
        catalog.has_relation(schema, name)
            || catalog
                .tables()
                .filter(|table| table.schema == schema)
                .any(|table| table.constraint(name).is_some())
    };
    choose(first, second, label, taken)
}
