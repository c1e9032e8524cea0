//! One snapshot of a database: everything that is read through it is of the same moment.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::lines::{Lines, Sum};
use crate::cli::sql::connect::Session;

/// The oldest PostgreSQL whose catalog has what is asked for.
const OLDEST: u32 = 120_000;
/// What both servers are told, so that both write a value in the same way; and no limit of time ends a long copy. Names in
/// definitions are written with their schema, since only `pg_catalog` is looked at.
const SETTINGS: &str = "set search_path = pg_catalog; set timezone = 'UTC'; set datestyle = 'ISO, MDY';
    set intervalstyle = 'postgres'; set extra_float_digits = 3; set bytea_output = 'hex';
    set standard_conforming_strings = on; set statement_timeout = 0; set lock_timeout = 0;
    set idle_in_transaction_session_timeout = 0; set client_min_messages = warning";

/// Sets a connection up so that values are written as in every other one that was.
pub(in crate::cli) async fn prepare(client: &Client) -> Result<()> {
    client.batch_execute(SETTINGS).await.context("the server does not take the settings that a copy needs")
}

/// A connection with a snapshot that lasts until it is dropped.
pub(in crate::cli) struct Snapshot {
    session: Session,
    /// Whether the server is a Bole.
    is_bole: bool,
    /// What the server calls itself.
    pub(in crate::cli) version: String,
}

/// A row of the catalog: every value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Row(Vec<Option<String>>);

impl Row {
    /// The text in a column, empty for NULL.
    pub(in crate::cli) fn text(&self, column: usize) -> &str {
        self.get(column).unwrap_or_default()
    }

    /// The text in a column, unless it is NULL.
    pub(in crate::cli) fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// Whether a column is true.
    pub(in crate::cli) fn is(&self, column: usize) -> bool {
        self.get(column) == Some("t")
    }
}

impl Snapshot {
    /// Opens a snapshot. Nobody changes the schema of its tables while it lasts, where the server can promise that.
    pub(in crate::cli) async fn open(session: Session) -> Result<Self> {
        prepare(&session.client).await?;
        let mut snapshot = Self { session, is_bole: false, version: String::new() };
        let row = snapshot.rows("select version(), current_setting('server_version_num')").await?;
        let row = row.first().context("the server does not say what it is")?;
        let number: u32 = row.text(1).parse().context("the server's version is no number")?;
        if number < OLDEST {
            bail!("the server is {}; PostgreSQL 12 is the oldest that can be read", row.text(0));
        }
        snapshot.is_bole = row.text(0).contains("Bole");
        row.text(0).split(" on ").next().unwrap_or_default().clone_into(&mut snapshot.version);
        if !snapshot.is_bole {
            // A policy that hides rows is an error then, and not fewer rows.
            snapshot.run("set row_security = off").await?;
        }
        snapshot.run("begin isolation level repeatable read read only").await?;
        if !snapshot.is_bole {
            snapshot.lock().await?;
        }
        Ok(snapshot)
    }

    /// Keeps others from changing tables: PostgreSQL's functions for definitions look at what is now, not at the snapshot.
    async fn lock(&self) -> Result<()> {
        let tables = "select quote_ident(nspname) || '.' || quote_ident(relname) from pg_class c
            join pg_namespace n on n.oid = relnamespace
            where relkind = 'r' and nspname !~ '^pg_' and nspname <> 'information_schema'
            and has_table_privilege(c.oid, 'select')";
        for row in self.rows(tables).await? {
            let statement = format!("lock table only {} in access share mode", row.text(0));
            self.run(&statement).await.with_context(|| format!("{} cannot be locked", row.text(0)))?;
        }
        Ok(())
    }

    async fn run(&self, statement: &str) -> Result<()> {
        Ok(self.session.client.batch_execute(statement).await?)
    }

    /// Begins something that may fail without the snapshot being lost.
    pub(in crate::cli) async fn save(&self) -> Result<()> {
        self.run("savepoint piece").await
    }

    /// It went well.
    pub(in crate::cli) async fn release(&self) -> Result<()> {
        self.run("release savepoint piece").await
    }

    /// It failed; the snapshot is as it was.
    pub(in crate::cli) async fn restore(&self) -> Result<()> {
        self.run("rollback to savepoint piece; release savepoint piece").await
    }

    /// Whether the server is a Bole.
    pub(in crate::cli) const fn is_bole(&self) -> bool {
        self.is_bole
    }

    /// The rows of a query of the catalog. All of them are in memory.
    pub(in crate::cli) async fn rows(&self, query: &str) -> Result<Vec<Row>> {
        let messages = self.session.client.simple_query(query).await;
        let messages = messages.with_context(|| format!("the server does not answer: {query}"))?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => {
                Some(Row((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()))
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// What a COPY gives. It comes as fast as it is taken.
    pub(in crate::cli) async fn copy(
        &self,
        statement: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, tokio_postgres::Error>> + use<>, tokio_postgres::Error> {
        copy(&self.session.client, statement).await
    }

    /// Counts and sums what a COPY in text gives.
    pub(in crate::cli) async fn sum(&self, statement: &str) -> Result<Sum> {
        sum(&self.session.client, statement).await
    }
}

async fn copy(
    client: &Client,
    statement: &str,
) -> Result<impl Stream<Item = Result<Bytes, tokio_postgres::Error>> + use<>, tokio_postgres::Error> {
    client.copy_out(statement).await
}

/// Counts and sums what a COPY in text gives.
pub(in crate::cli) async fn sum(client: &Client, statement: &str) -> Result<Sum> {
    let (mut lines, mut sum) = (Lines::default(), Sum::default());
    let mut pieces = std::pin::pin!(copy(client, statement).await?);
    while let Some(piece) = pieces.try_next().await? {
        lines.push(&piece);
        sum.add_lines(&lines.take());
    }
    lines.end()?;
    Ok(sum)
}
