//! A batch of writes as statements of one transaction: each set of columns that records have is a plan of its own, bound once in a batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bole_shard::participant::upserts::Upsert;
use bole_sql_dialect::bind::{self, Scope};
use bole_sql_dialect::catalog::names::quote;
use bole_sql_dialect::catalog::{Column, Identity, PG_CATALOG, PUBLIC};
use bole_sql_dialect::plan::{Action, Write};
use bole_sql_dialect::{Catalog, parse};
use bole_sql_functions::context;
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value};

use super::effects::Nobody;
use super::place::Place;
use super::record::{Row, Shape};
use crate::session::Bound;
use crate::store::Writer;

/// `current_user` of what is written here: it is on nobody's behalf.
const USER: &str = "sink";

/// Runs all writes in the transaction, or gives it up. Blocks. Errors: the first one of a write; 57014 after `hold_max`, unless the write is the only one.
pub(super) fn write(
    mut writer: Writer,
    place: &Place,
    writes: &[Upsert],
    hold_max: Duration,
) -> Result<Writer> {
    writer.begin()?;
    let catalog = writer.catalog();
    let now = crate::session::now();
    let style = Style { now: Some(now), ..Style::default() };
    let table = place.table(&catalog)?;
    writer.context().enter(session(&writer, &catalog, now));
    let guard = writer.statement();
    let mut run = Run {
        writer: &writer,
        catalog: &catalog,
        path: format!("{}.{}", quote(&place.schema), quote(&place.name)),
        shape: Shape::new(&catalog, table, &style),
        plans: HashMap::new(),
    };
    let began = Instant::now();
    for write in writes {
        if began.elapsed() > hold_max {
            let message = format!(
                "{} rows are too many to write within {} ms; fewer at a time may be in time",
                writes.len(),
                hold_max.as_millis()
            );
            return Err(Error::new(SqlState::QUERY_CANCELED, message));
        }
        run.one(write).map_err(|error| guard.failure().unwrap_or(error))?;
    }
    guard.keep()?;
    Ok(writer)
}

/// What functions know while the writes run.
fn session(writer: &Writer, catalog: &Arc<Catalog>, now: i64) -> Arc<context::Session> {
    let effects = Nobody { database: Arc::clone(writer.database()), catalog: Arc::clone(catalog) };
    Arc::new(context::Session {
        transaction_time: now,
        statement_time: now,
        time_zone: Style::default().zone.name().to_owned(),
        user: USER.to_owned(),
        settings: Arc::default(),
        search_path: vec![PG_CATALOG, PUBLIC],
        process_id: 0,
        catalog: Arc::clone(catalog),
        effects: Arc::new(effects),
    })
}

struct Run<'a> {
    writer: &'a Writer,
    catalog: &'a Arc<Catalog>,
    /// The table as SQL names it.
    path: String,
    shape: Shape<'a>,
    /// By the columns that are given; the one without any deletes.
    plans: HashMap<Vec<i16>, Write>,
}

impl Run<'_> {
    fn one(&mut self, write: &Upsert) -> Result<()> {
        let (columns, row) = match &write.value {
            Some(value) => {
                let row = self.shape.row_of(&write.key, value)?;
                (row.keys().copied().collect(), row.into_values().collect())
            }
            None => (Vec::new(), self.key_values(self.shape.key_of(&write.key)?)),
        };
        if !self.plans.contains_key(&columns) {
            let text = if columns.is_empty() { self.delete() } else { self.upsert(&columns) };
            let plan = self.bind(&text, &columns)?;
            self.plans.insert(columns.clone(), plan);
        }
        self.plans.get(&columns).map_or(Ok(()), |plan| self.run(plan, &row))
    }

    /// In the order of the key's columns.
    fn key_values(&self, mut row: Row) -> Vec<Value> {
        self.shape.key.iter().filter_map(|column| row.remove(&column.number)).collect()
    }

    fn delete(&self) -> String {
        let key = self.shape.key.iter().enumerate();
        let is_it: Vec<_> =
            key.map(|(at, column)| format!("{} = ${}", quote(&column.name), at + 1)).collect();
        format!("DELETE FROM {} WHERE {}", self.path, is_it.join(" AND "))
    }

    /// Columns that are not given get their defaults, at an update as well: `excluded` has them.
    fn upsert(&self, given: &[i16]) -> String {
        let names = |columns: &[&Column]| {
            columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ")
        };
        let table = self.shape.table;
        let columns: Vec<&Column> = given.iter().filter_map(|number| table.numbered(*number)).collect();
        let key = &self.shape.key;
        let is_key = |column: &Column| key.iter().any(|part| part.number == column.number);
        // What makes up its own values keeps them; giving it some is refused below, as in a client's statement.
        let makes_own = |column: &Column| column.generated.is_some() || column.identity.is_some();
        let changed = table
            .live()
            .filter(|column| !is_key(column) && (!makes_own(column) || given.contains(&column.number)))
            .map(|column| format!("{0} = excluded.{0}", quote(&column.name)));
        let changed = changed.collect::<Vec<_>>().join(", ");
        // The record says which row it is about, also where the table makes up keys.
        let overriding = key.iter().any(|column| column.identity == Some(Identity::Always));
        let places: Vec<_> = (1..=columns.len()).map(|place| format!("${place}")).collect();
        format!(
            "INSERT INTO {} ({}) {}VALUES ({}) ON CONFLICT ({}) {}",
            self.path,
            names(&columns),
            if overriding { "OVERRIDING SYSTEM VALUE " } else { "" },
            places.join(", "),
            names(key),
            if changed.is_empty() { "DO NOTHING".to_owned() } else { format!("DO UPDATE SET {changed}") }
        )
    }

    fn bind(&self, text: &str, columns: &[i16]) -> Result<Write> {
        let of = |number: &i16| self.shape.table.numbered(*number).map(Column::ty);
        let types: Vec<Type> = match columns {
            [] => self.shape.key.iter().map(|column| column.ty()).collect(),
            columns => columns.iter().filter_map(of).collect(),
        };
        let scope = Scope {
            catalog: Arc::clone(self.catalog),
            search_path: vec![PG_CATALOG, PUBLIC],
            user: USER.to_owned(),
            database: self.catalog.database.clone(),
            style: self.shape.style.clone(),
        };
        let parsed = parse::parse(text)?;
        let bound = parsed.first().map(|parsed| bind::bind(parsed, &scope, &types)).transpose()?;
        match bound.map(|bound| bound.action) {
            Some(Action::Write(write)) => Ok(write),
            _ => Err(Error::new(SqlState::INTERNAL_ERROR, "a write has another plan than it should")),
        }
    }

    fn run(&self, plan: &Write, row: &[Value]) -> Result<()> {
        let removes = plan.tag == bole_sql_dialect::plan::WriteTag::Delete;
        for sql in plan.before.iter().chain([&plan.sql]).chain(&plan.after) {
            self.step(sql, row).map_err(|error| {
                let given = self.writer.context().take_error();
                given.unwrap_or_else(|| {
                    crate::error::of_statement(self.catalog, (plan.table, removes), &error)
                })
            })?;
        }
        Ok(())
    }

    fn step(&self, sql: &str, row: &[Value]) -> rusqlite::Result<()> {
        let mut statement = self.writer.connection().prepare_cached(sql)?;
        let known = statement.parameter_count();
        for (at, value) in row.iter().enumerate().take(known) {
            statement.raw_bind_parameter(at + 1, Bound(value))?;
        }
        statement.raw_execute().map(drop)
    }
}
