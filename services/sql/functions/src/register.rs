//! The tables of all functions, and their registration in a connection.

use bole_sql_types::collation::compare;
use bole_sql_types::storage::Collation;
use rusqlite::Connection;

use crate::aggregate::{self, Aggregate};
use crate::context::Context;
use crate::scalar::Scalar;
use crate::set;
use crate::{
    array, casts, catalog, datetime, float, formatting, integer, json, numeric, pattern, session, text,
    trigonometry,
};

/// Scalar functions, by family.
const SCALARS: &[&[Scalar]] = &[
    integer::SCALARS,
    float::SCALARS,
    trigonometry::SCALARS,
    numeric::SCALARS,
    text::SCALARS,
    text::bytes::SCALARS,
    text::encoding::SCALARS,
    text::format::SCALARS,
    text::quote::SCALARS,
    text::size::SCALARS,
    pattern::like::SCALARS,
    pattern::similar::SCALARS,
    pattern::functions::SCALARS,
    array::SCALARS,
    array::construct::SCALARS,
    casts::SCALARS,
    datetime::ARITHMETIC,
    datetime::PARTS,
    formatting::SCALARS,
    json::SCALARS,
    json::build::SCALARS,
    json::path::SCALARS,
    session::SCALARS,
    session::effects::SCALARS,
    set::step::SCALARS,
    catalog::SCALARS,
    catalog::built_in::SCALARS,
    catalog::privileges::SCALARS,
];

/// Aggregates, by family.
const AGGREGATES: &[&[Aggregate]] = &[
    aggregate::exact::AGGREGATES,
    aggregate::float::AGGREGATES,
    aggregate::interval::AGGREGATES,
    aggregate::hypothetical::AGGREGATES,
    aggregate::ordered::AGGREGATES,
    aggregate::json::AGGREGATES,
    aggregate::collect::AGGREGATES,
];

/// Registers all functions, aggregates, table-valued functions and collations. They ask `context` for what is not in their arguments,
/// and leave their errors there.
pub fn register(connection: &Connection, context: &Context) -> rusqlite::Result<()> {
    session::started();
    for scalar in SCALARS.iter().copied().flatten() {
        scalar.register(connection, context)?;
    }
    for aggregate in AGGREGATES.iter().copied().flatten() {
        aggregate.register(connection, context)?;
    }
    for set in set::ALL.iter().copied().flatten() {
        set.register(connection, context)?;
    }
    // `RTRIM` is SQLite's own.
    for collation in Collation::ALL.into_iter().filter(|collation| *collation != Collation::Bpchar) {
        connection.create_collation(collation.name(), move |a, b| compare(collation, a, b))?;
    }
    Ok(())
}
