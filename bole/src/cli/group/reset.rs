//! `bole group reset`: where a group goes on, chosen by hand.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Result, ensure};
use bole_base::units::parse_duration;
use bole_streams::protocol::Text;
use clap::Args;

use super::by_topic;
use crate::cli::streams::{Align, count, now_ms, parse_instant, table};
use crate::streams_client::groups::{self, OUTSIDE, Offsets};
use crate::streams_client::topics::{self, EARLIEST, Isolation, LATEST};
use crate::streams_client::{Connection, Error};

/// Where to go on.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Target {
    /// At the first record that is there
    #[arg(long)]
    to_earliest: bool,
    /// After the last record
    #[arg(long)]
    to_latest: bool,
    /// At this offset; at the nearest that there is, where it is outside
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// At the first record of so long ago, such as 1h or 7d
    #[arg(long, value_name = "DURATION", value_parser = duration_ms)]
    by_duration: Option<i64>,
    /// At the first record since a time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    to_datetime: Option<i64>,
}

fn duration_ms(text: &str) -> Result<i64, String> {
    i64::try_from(parse_duration(text)?.as_millis()).map_err(|_| "it is too long".to_owned())
}

/// Moves the group, or says how it would.
///
/// A group with members is refused: they would go on where they are and commit over it.
pub(super) async fn run(
    connection: &mut Connection,
    group: &str,
    places: &[(Text, i32)],
    target: &Target,
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if let Some(found) = groups::describe(connection, group).await? {
        ensure!(
            found.kind != groups::Kind::Share,
            "group \"{group}\" is a share group, which this command does not move; kafka-share-groups does"
        );
        ensure!(
            found.members.is_empty(),
            "group \"{group}\" has {}; its offsets can be moved when they have left",
            count(found.members.len() as u64, "member")
        );
    }
    let before = groups::committed(connection, group).await?;
    let mut after = Offsets::new();
    for (topic, partitions) in by_topic(places) {
        for (partition, offset) in find(connection, &topic, &partitions, target).await? {
            after.insert((topic.clone(), partition), offset);
        }
    }
    if !dry_run {
        groups::commit(connection, group, OUTSIDE, &after).await?;
    }
    let row = |(place, offset): (&(Text, i32), &i64)| {
        let old = before.get(place).map_or_else(|| "-".to_owned(), ToString::to_string);
        [place.0.to_string(), place.1.to_string(), old, offset.to_string()]
    };
    let rows: Vec<_> = after.iter().map(row).collect();
    let [partition, before, after] = ["partition", "before", "after"].map(|name| (name, Align::Right));
    table(out, "", [("topic", Align::Left), partition, before, after], &rows)?;
    if dry_run {
        writeln!(out, "nothing was changed (--dry-run)")?;
    }
    Ok(())
}

async fn find(
    connection: &mut Connection,
    topic: &str,
    partitions: &[i32],
    target: &Target,
) -> Result<BTreeMap<i32, i64>, Error> {
    let all = Isolation::Uncommitted;
    let starts = topics::offsets(connection, topic, partitions, EARLIEST, all).await?;
    let ends = topics::offsets(connection, topic, partitions, LATEST, all).await?;
    let since = target.to_datetime.or_else(|| target.by_duration.map(|ago| (now_ms() - ago).max(0)));
    let by_time = match since {
        Some(since) => topics::offsets(connection, topic, partitions, since.max(0), all).await?,
        None => BTreeMap::new(),
    };
    let choose = |partition: &i32| {
        let [start, end] = [&starts, &ends].map(|offsets| offsets.get(partition).copied().unwrap_or(0));
        let wanted = if target.to_earliest {
            start
        } else if let Some(offset) = target.to_offset {
            offset
        } else {
            // Without a record so young, after the last; and that is also where --to-latest goes.
            by_time.get(partition).copied().filter(|offset| *offset >= 0).unwrap_or(end)
        };
        (*partition, wanted.clamp(start, end.max(start)))
    };
    Ok(partitions.iter().map(choose).collect())
}
