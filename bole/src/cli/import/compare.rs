//! Whether both sides have the same rows: each table is read at the target, and at the source unless its rows were summed on
//! their way, in the same snapshot.

use std::io::Write;

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

use super::meter::Meter;
use super::plan::Plan;
use super::rows::Sums;
use crate::cli::postgres::snapshot::{self, Snapshot};
use crate::cli::streams::{Align, table};

/// Compares all tables, and writes a line about each. Whether all are the same.
pub(super) async fn compare(
    snapshot: &Snapshot,
    target: &Client,
    plan: &Plan,
    sums: &Sums,
    meter: &mut Meter,
    out: &mut dyn Write,
) -> Result<bool> {
    let (mut rows, mut good) = (Vec::new(), true);
    for it in plan.tables() {
        let statement = it.copy_all();
        let at_source = match sums.get(&it.name) {
            Some(sum) => *sum,
            None => snapshot.sum(&statement).await.with_context(|| format!("{} at the source", it.name))?,
        };
        let here = snapshot::sum(target, &statement).await.with_context(|| format!("{} here", it.name))?;
        let same = here == at_source;
        good &= same;
        let verdict = if same {
            "same".to_owned()
        } else {
            format!("DIFFERENT: the source has {} rows, {at_source}", at_source.rows)
        };
        rows.push([it.name.clone(), here.rows.to_string(), here.to_string(), verdict]);
        meter.done(&format!("compared {}", it.name), None);
    }
    let columns =
        [("table", Align::Left), ("rows", Align::Right), ("checksum", Align::Left), ("source", Align::Left)];
    if !rows.is_empty() {
        table(out, "  ", columns, &rows)?;
    }
    Ok(good)
}
