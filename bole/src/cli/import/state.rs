//! How far an import came, in a schema of its own at the target. It is written in the transactions that it tells of, and dropped in the end.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::meter::Meter;
use super::plan::Plan;
use crate::cli::postgres::blueprint::{Blueprint, LeftOut, STATE_SCHEMA, Table};
use crate::cli::postgres::literal;

/// The state's tables: which import it is, what the target refused, how far each table is, which later steps are done.
const SCHEMA: &str = "create schema bole_import;
    create table bole_import.run (source text not null, plan text not null);
    create table bole_import.refused (kind text not null, name text not null, why text not null);
    create table bole_import.tables (name text primary key, rows bigint not null, after text, done boolean not null);
    create table bole_import.steps (place integer primary key)";

/// How far a table is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) rows: u64,
    /// The key of its last row.
    pub(super) after: Option<Vec<String>>,
    pub(super) done: bool,
}

async fn query(target: &Client, text: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let messages = target.simple_query(text).await?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect())
        }
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

/// What tells one plan from another.
fn fingerprint(blueprint: &Blueprint) -> String {
    let mut hash = Sha256::new();
    for step in blueprint.before.iter().chain(&blueprint.after) {
        hash.update(&step.sql);
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())
}

/// The plan of an import that was begun, if one was. Errors if it is not of this source, or of another schema.
pub(super) async fn load(target: &Client, label: &str, blueprint: &Blueprint) -> Result<Option<Plan>> {
    let runs = match query(target, "select source, plan from bole_import.run").await {
        Ok(runs) => runs,
        Err(error)
            if matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME)) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).context("the state of the import cannot be read"),
    };
    let run = runs.first().context("the state of the import is empty: drop the database and import again")?;
    if run[0] != label {
        bail!("an import of {} was begun into this database; it cannot go on from {label}", run[0]);
    }
    if run[1] != fingerprint(blueprint) {
        bail!("the schema of the source changed since the import began: drop the database and import again");
    }
    let refused =
        query(target, "select kind, name, why from bole_import.refused order by kind, name").await?;
    let refused = refused.into_iter().map(|mut row| LeftOut {
        why: row.pop().unwrap_or_default(),
        name: row.pop().unwrap_or_default(),
        kind: row.pop().unwrap_or_default(),
    });
    Ok(Some(Plan::known(blueprint.clone(), refused.collect())))
}

/// Makes the schema, up to where rows are needed, and the state, in one transaction.
pub(super) async fn begin(target: &Client, plan: &Plan, label: &str) -> Result<()> {
    target.batch_execute("begin").await?;
    target.batch_execute(SCHEMA).await?;
    for it in plan.refused() {
        let (kind, name, why) = (literal(&it.kind), literal(&it.name), literal(&it.why));
        target
            .batch_execute(&format!("insert into bole_import.refused values ({kind}, {name}, {why})"))
            .await?;
    }
    let run = format!(
        "insert into bole_import.run values ({}, {})",
        literal(label),
        literal(&fingerprint(plan.blueprint()))
    );
    target.batch_execute(&run).await?;
    for step in plan.before() {
        target.batch_execute(&step.sql).await.with_context(|| format!("{} {}", step.kind, step.name))?;
    }
    Ok(target.batch_execute("commit").await?)
}

/// How far all tables are.
pub(super) async fn tables(target: &Client) -> Result<HashMap<String, Progress>> {
    let rows = query(target, "select name, rows, coalesce(after, ''), done from bole_import.tables").await?;
    let mut found = HashMap::new();
    for row in rows {
        let after = (!row[2].is_empty()).then(|| serde_json::from_str(&row[2])).transpose()?;
        found.insert(row[0].clone(), Progress { rows: row[1].parse()?, after, done: row[3] == "t" });
    }
    Ok(found)
}

/// Notes how far a table is, within a transaction.
pub(super) async fn note(target: &Client, table: &str, progress: &Progress) -> Result<()> {
    let after = match &progress.after {
        Some(after) => literal(&serde_json::to_string(after)?),
        None => "null".to_owned(),
    };
    let Progress { rows, done, .. } = progress;
    let statement = format!(
        "insert into bole_import.tables values ({}, {rows}, {after}, {done}) on conflict (name) do update
         set rows = excluded.rows, after = excluded.after, done = excluded.done",
        literal(table)
    );
    Ok(target.batch_execute(&statement).await?)
}

/// Makes a table again that was begun and cannot be gone on with.
pub(super) async fn begin_again(target: &Client, plan: &Plan, table: &Table) -> Result<()> {
    target.batch_execute("begin").await?;
    target.batch_execute(&format!("drop table {}", table.name)).await?;
    target.batch_execute(&table.create).await?;
    for step in plan.parts_of(table) {
        target.batch_execute(&step.sql).await?;
    }
    note(target, &table.name, &Progress::default()).await?;
    Ok(target.batch_execute("commit").await?)
}

/// Does what comes after the rows, each step in a transaction of its own; then sets sequences.
pub(super) async fn finish_schema(target: &Client, plan: &Plan, meter: &mut Meter) -> Result<()> {
    let done = query(target, "select place from bole_import.steps").await?;
    for (place, step) in plan.after() {
        if done.iter().any(|row| row[0] == place.to_string()) {
            continue;
        }
        target.batch_execute("begin").await?;
        target.batch_execute(&step.sql).await.with_context(|| format!("{} {}", step.kind, step.name))?;
        target.batch_execute(&format!("insert into bole_import.steps values ({place})")).await?;
        target.batch_execute("commit").await?;
        if step.kind != "comment" {
            meter.done(&format!("{} {}", step.kind, step.name), None);
        }
    }
    for standing in plan.standings() {
        target
            .batch_execute(&standing.sql)
            .await
            .with_context(|| format!("sequence {}", standing.sequence))?;
    }
    Ok(())
}

/// Forgets the state.
pub(super) async fn end(target: &Client) -> Result<()> {
    target
        .batch_execute(&format!("drop schema {STATE_SCHEMA} cascade"))
        .await
        .context("the state cannot be dropped")
}
