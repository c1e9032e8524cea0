//! Rows from COPY to COPY, in transactions of bounded size that also note how far the table is.
//!
//! A table with a primary key comes in its order, so that an interrupted one goes on after its last row. One without is done again
//! from its start: nothing tells which of its rows are there already. A table that the source does not let be read is passed over, and told of in the end.

use std::collections::HashMap;
use std::io::Write;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::Client;

use super::meter::Meter;
use super::plan::Plan;
use super::state::{self, Progress};
use crate::cli::postgres::blueprint::Table;
use crate::cli::postgres::lines::{Lines, Sum, fields};
use crate::cli::postgres::snapshot::Snapshot;
use crate::cli::postgres::{literal, told};

/// How many bytes of rows a transaction takes. The command holds two such pieces at most, and a row that is larger.
const BATCH_BYTES: usize = 4 << 20;

/// Sums of tables that came as a whole in this snapshot, by name.
pub(super) type Sums = HashMap<String, Sum>;

/// What came of all tables.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) sums: Sums,
    /// Tables that the source does not let be read, with its reason.
    pub(super) unread: Vec<(String, String)>,
}

/// Why a table does not come.
enum Stopped {
    /// The source says no; nothing is wrong with the connection.
    Source(tokio_postgres::Error),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Stopped {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// An error of the source.
fn at_source(error: tokio_postgres::Error) -> Stopped {
    if error.as_db_error().is_some() && !error.is_closed() {
        return Stopped::Source(error);
    }
    Stopped::Other(anyhow::Error::from(error).context("the source ended the copy"))
}

/// Copies what is not there yet of all tables.
pub(super) async fn copy_all(
    snapshot: &Snapshot,
    target: &Client,
    plan: &Plan,
    meter: &mut Meter,
) -> Result<Copied> {
    let (mut copied, mut known) = (Copied::default(), state::tables(target).await?);
    for table in plan.tables() {
        let mut progress = known.remove(&table.name).unwrap_or_default();
        if progress.done {
            continue;
        }
        if table.key.is_empty() && progress.rows > 0 {
            state::begin_again(target, plan, table).await.with_context(|| table.name.clone())?;
            progress = Progress::default();
        }
        let whole = progress.rows == 0;
        snapshot.save().await?;
        let sum = match copy(snapshot, target, table, progress, meter).await {
            Ok(sum) => sum,
            Err(Stopped::Source(error)) => {
                snapshot.restore().await.with_context(|| table.name.clone())?;
                let why = told(&error);
                meter.done(&format!("{}: {why}", table.name), None);
                copied.unread.push((table.name.clone(), why));
                continue;
            }
            Err(Stopped::Other(error)) => return Err(error.context(table.name.clone())),
        };
        snapshot.release().await?;
        // What is computed was not copied and has no part in the sum.
        if whole && table.columns.iter().all(|column| !column.generated) {
            copied.sums.insert(table.name.clone(), sum);
        }
    }
    Ok(copied)
}

/// Says of each table whether it is complete, and of those that are not how far they are.
pub(super) async fn tell(target: &Client, plan: &Plan, out: &mut dyn Write) -> Result<()> {
    let known = state::tables(target).await?;
    for table in plan.tables() {
        let progress = known.get(&table.name).cloned().unwrap_or_default();
        let standing = match (progress.done, progress.rows) {
            (true, rows) => format!("complete, {rows} rows"),
            (false, 0) => "not begun".to_owned(),
            (false, rows) => format!("not complete, {rows} rows so far"),
        };
        writeln!(out, "  {}: {standing}", table.name)?;
    }
    Ok(out.flush()?)
}

/// The COPY of rows after the last one.
fn query(table: &Table, after: Option<&[String]>) -> String {
    let columns: Vec<_> = table.copied().collect();
    let key: Vec<&str> = table.key.iter().map(|place| columns[*place].name.as_str()).collect();
    let list = key.join(", ");
    let behind = after.map_or(String::new(), |after| {
        let typed = |(place, value): (&usize, &String)| format!("{}::{}", literal(value), columns[*place].ty);
        let values: Vec<String> = table.key.iter().zip(after).map(typed).collect();
        format!(" where ({list}) > ({})", values.join(", "))
    });
    let order = if key.is_empty() { String::new() } else { format!(" order by {list}") };
    format!("copy (select {} from only {}{behind}{order}) to stdout", table.copied_names(), table.name)
}

async fn copy(
    snapshot: &Snapshot,
    target: &Client,
    table: &Table,
    mut progress: Progress,
    meter: &mut Meter,
) -> Result<Sum, Stopped> {
    meter.start(progress.rows);
    let (mut lines, mut sum) = (Lines::default(), Sum::default());
    let statement = query(table, progress.after.as_deref());
    let mut pieces = std::pin::pin!(snapshot.copy(&statement).await.map_err(at_source)?);
    loop {
        let piece = pieces.try_next().await.map_err(at_source)?;
        match &piece {
            Some(piece) => lines.push(piece),
            None => lines.end()?,
        }
        if piece.is_some() && lines.len() < BATCH_BYTES {
            continue;
        }
        let (batch, before) = (lines.take(), sum.rows);
        sum.add_lines(&batch);
        let more = sum.rows - before;
        progress.rows += more;
        progress.done = piece.is_none();
        if let Some(last) = batch.strip_suffix(b"\n").unwrap_or_default().rsplit(|byte| *byte == b'\n').next()
            && more > 0
            && !table.key.is_empty()
        {
            progress.after = Some(fields(last, &table.key).context("a row without its key")?);
        }
        write(target, table, batch, more, &progress).await?;
        meter.show(&table.name, progress.rows, table.estimate);
        if piece.is_none() {
            meter.done(&table.name, Some(progress.rows));
            return Ok(sum);
        }
    }
}

/// Rows, and how far the table is with them, in one transaction.
async fn write(target: &Client, table: &Table, batch: Vec<u8>, rows: u64, progress: &Progress) -> Result<()> {
    target.batch_execute("begin").await?;
    if rows > 0 {
        let statement = format!("copy {} ({}) from stdin", table.name, table.copied_names());
        let mut sink = std::pin::pin!(target.copy_in::<_, Bytes>(&statement).await?);
        sink.send(Bytes::from(batch)).await?;
        let taken = sink.finish().await?;
        if taken != rows {
            bail!("the target took {taken} of {rows} rows");
        }
    }
    state::note(target, &table.name, progress).await?;
    Ok(target.batch_execute("commit").await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::postgres::blueprint::Column;

    #[test]
    fn a_table_goes_on_after_its_last_key() {
        let column = |name: &str, ty: &str, generated| Column { name: name.into(), ty: ty.into(), generated };
        let mut table = Table {
            name: "a.t".to_owned(),
            create: String::new(),
            columns: vec![
                column("g", "integer", true),
                column("x", "integer", false),
                column("\"Y\"", "text", false),
                column("z", "text", false),
            ],
            key: vec![1, 0],
            estimate: None,
        };
        let select = "copy (select x, \"Y\", z from only a.t";
        assert_eq!(query(&table, None), format!("{select} order by \"Y\", x) to stdout"));
        assert_eq!(
            query(&table, Some(&["it's".to_owned(), "5".to_owned()])),
            format!("{select} where (\"Y\", x) > ('it''s'::text, '5'::integer) order by \"Y\", x) to stdout")
        );
        table.key.clear();
        assert_eq!(query(&table, None), format!("{select}) to stdout"));
        assert_eq!(table.copy_all(), "copy (select g, x, \"Y\", z from only a.t) to stdout");
    }
}
