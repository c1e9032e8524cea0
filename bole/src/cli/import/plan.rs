//! What is moved and what is left out, found out by trying: the target runs every statement of the schema in a transaction that is
//! rolled back, and what it refuses stays behind with the reason that it gave.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use anyhow::{Context as _, Result, bail};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::cli::postgres::blueprint::{Blueprint, LeftOut, Standing, Step, Table};
use crate::cli::postgres::told;
use crate::cli::streams::{Align, table};

/// Codes of what is in the way, not unsupported.
const IN_THE_WAY: [SqlState; 3] =
    [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_OBJECT];
/// Classes of codes that say nothing about what is supported: the connection, a conflict, resources, an operator, the system.
const OTHER_TROUBLE: [&str; 7] = ["08", "40", "53", "55", "57", "58", "XX"];
/// Codes of what follows from something that was refused.
const FOLLOWS: [SqlState; 4] = [
    SqlState::UNDEFINED_TABLE,
    SqlState::UNDEFINED_OBJECT,
    SqlState::UNDEFINED_COLUMN,
    SqlState::INVALID_SCHEMA_NAME,
];

/// What an import does.
#[derive(Debug)]
pub(super) struct Plan {
    blueprint: Blueprint,
    /// Steps that the target refused.
    refused: Vec<LeftOut>,
    /// The same by kind and name, those included that only follow.
    skipped: HashSet<(String, String)>,
    /// Whether an import was begun by this plan before.
    pub(super) resumed: bool,
}

impl Plan {
    /// The plan that was made before, with what the target refused then.
    pub(super) fn known(blueprint: Blueprint, refused: Vec<LeftOut>) -> Self {
        let skipped = refused.iter().map(|it| (it.kind.clone(), it.name.clone())).collect();
        Self { blueprint, refused, skipped, resumed: true }
    }

    /// Tries each statement. Nothing is left behind at the target. Errors if something of the same name is there.
    pub(super) async fn rehearse(target: &Client, blueprint: Blueprint) -> Result<Self> {
        target.batch_execute("begin").await?;
        let refused = rehearse_steps(target, &blueprint).await;
        target.batch_execute("rollback").await.context("the trial cannot be rolled back")?;
        let mut plan = Self::known(blueprint, refused?);
        plan.resumed = false;
        Ok(plan)
    }

    fn is_moved(&self, kind: &str, name: &str) -> bool {
        !self.skipped.contains(&(kind.to_owned(), name.to_owned()))
    }

    /// Whether the step is done.
    fn is_done(&self, step: &Step) -> bool {
        self.is_moved(step.kind, &step.name)
    }

    /// What is done before the rows.
    pub(super) fn before(&self) -> impl Iterator<Item = &Step> {
        self.blueprint.before.iter().filter(|step| self.is_done(step))
    }

    /// What is done after them, with its place among all.
    pub(super) fn after(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.blueprint.after.iter().enumerate().filter(|(_, step)| self.is_done(step))
    }

    /// The tables whose rows are moved.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blueprint.tables.iter().filter(|table| self.is_moved("table", &table.name))
    }

    /// Defaults and checks of one table, for making it again.
    pub(super) fn parts_of<'a>(&'a self, table: &Table) -> impl Iterator<Item = &'a Step> + use<'a> {
        let start = format!("alter table {} ", table.name);
        self.before().filter(move |step| step.sql.starts_with(&start))
    }

    /// Sequences that are there to be set.
    pub(super) fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.blueprint.standings.iter().filter(|it| match &it.table {
            Some(table) => self.is_moved("table", table),
            None => self.is_moved("sequence", &it.sequence),
        })
    }

    pub(super) const fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// What the target refused.
    pub(super) fn refused(&self) -> &[LeftOut] {
        &self.refused
    }

    /// Everything that stays behind. A comment on something that does is not told again.
    pub(super) fn left_out(&self) -> Vec<&LeftOut> {
        let refused = self.refused.iter().filter(|it| it.kind != "comment");
        self.blueprint.left_out.iter().chain(refused).collect()
    }

    /// Writes what is moved and what is not.
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        if self.resumed {
            writeln!(out, "An import of this database was begun before; it goes on where it stopped.")?;
        }
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for step in self.before().chain(self.after().map(|(_, step)| step)) {
            *kinds.entry(step.kind).or_default() += 1;
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        writeln!(out, "moved: {}", if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") })?;
        let left_out = self.left_out();
        if !left_out.is_empty() {
            writeln!(out, "left out:")?;
            let row = |it: &&LeftOut| [it.kind.clone(), it.name.clone(), it.why.clone()];
            let rows: Vec<_> = left_out.iter().map(row).collect();
            table(out, "  ", [("kind", Align::Left), ("name", Align::Left), ("why", Align::Left)], &rows)?;
        }
        if let Some(order) = &self.blueprint.order {
            writeln!(out, "Text is ordered by code points here (C.UTF-8), at the source by {order}.")?;
        }
        writeln!(out, "Owners, rights, tablespaces and storage parameters are not carried over.")?;
        Ok(out.flush()?)
    }
}

async fn rehearse_steps(target: &Client, blueprint: &Blueprint) -> Result<Vec<LeftOut>> {
    let mut refused: Vec<LeftOut> = Vec::new();
    for step in blueprint.before.iter().chain(&blueprint.after) {
        target.batch_execute("savepoint step").await?;
        let Err(error) = target.batch_execute(&step.sql).await else {
            target.batch_execute("release savepoint step").await?;
            continue;
        };
        let Some(code) = error.code() else { return Err(error.into()) };
        if OTHER_TROUBLE.iter().any(|class| code.code().starts_with(class)) {
            return Err(error).with_context(|| format!("{} {}", step.kind, step.name));
        }
        if IN_THE_WAY.contains(code) {
            let (kind, name, why) = (step.kind, &step.name, told(&error));
            bail!("{kind} {name}: {why}; import into an empty database, with --database NAME");
        }
        target.batch_execute("rollback to savepoint step").await?;
        let first = refused.iter().any(|it| step.sql.contains(&it.name));
        let mut why = told(&error);
        if FOLLOWS.contains(code) && first {
            why += ", because that is left out";
        }
        refused.push(LeftOut { kind: step.kind.to_owned(), name: step.name.clone(), why });
    }
    Ok(refused)
}
