//! `bole group`: the consumer groups of a running node.

mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use bole_streams::protocol::Text;
use clap::{Args, Subcommand};

use super::streams::{Align, Places, StreamsArgs, count, places, table};
use crate::streams_client::Connection;
use crate::streams_client::groups::{self, Offsets};
use crate::streams_client::topics::{self, Isolation, LATEST};

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// List the groups
    List {
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Show a group: state, members with their partitions, committed offsets and lag
    Describe {
        /// The group's id
        group: String,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Move the committed offsets of a group that has no members
    Reset {
        /// The group's id
        group: String,
        #[command(flatten)]
        topics: TopicsArgs,
        #[command(flatten)]
        to: reset::Target,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Remove groups without members, with their offsets
    Delete {
        /// The groups' ids
        #[arg(required = true)]
        groups: Vec<String>,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Forget the offsets of a group in a topic that none of its members reads
    DeleteOffsets {
        /// The group's id
        group: String,
        #[command(flatten)]
        topics: TopicsArgs,
        #[command(flatten)]
        node: StreamsArgs,
    },
}

/// Topics with some or all of their partitions.
#[derive(Clone, Debug, Args)]
pub(super) struct TopicsArgs {
    /// A topic, perhaps with partitions; may be given several times
    #[arg(long = "topic", value_name = "TOPIC[:0,3]", required = true, value_parser = places)]
    topics: Vec<Places>,
}

impl TopicsArgs {
    /// The partitions that are meant, all of which exist.
    async fn find(&self, connection: &mut Connection) -> Result<Vec<(Text, i32)>> {
        let mut found = BTreeSet::new();
        for Places { topic: name, partitions } in &self.topics {
            let topic = topics::find(connection, name, false).await?;
            for partition in partitions {
                let number = topic.partitions.len();
                ensure!(
                    topic.partitions.contains(partition),
                    "topic \"{name}\" has {}; partition {partition} does not exist",
                    count(number as u64, "partition")
                );
            }
            let wanted = if partitions.is_empty() { &topic.partitions } else { partitions };
            found.extend(wanted.iter().map(|partition| (name.clone(), *partition)));
        }
        Ok(found.into_iter().collect())
    }
}

pub(super) async fn run(command: GroupCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        GroupCommand::List { node } => list(&mut node.connect().await?, out).await,
        GroupCommand::Describe { group, node } => describe(&mut node.connect().await?, &group, out).await,
        GroupCommand::Reset { group, topics, to, dry_run, node } => {
            let mut connection = node.connect().await?;
            let places = topics.find(&mut connection).await?;
            reset::run(&mut connection, &group, &places, &to, dry_run, out).await
        }
        GroupCommand::Delete { groups, node } => {
            let mut failed = 0;
            for outcome in groups::delete(&mut node.connect().await?, &groups).await? {
                match outcome {
                    Ok(group) => writeln!(out, "group \"{group}\" deleted")?,
                    Err(error) => {
                        failed += 1;
                        writeln!(std::io::stderr(), "bole: {error}")?;
                    }
                }
            }
            ensure!(failed == 0, "{failed} of {} groups not deleted", groups.len());
            Ok(())
        }
        GroupCommand::DeleteOffsets { group, topics, node } => {
            let mut connection = node.connect().await?;
            let places = topics.find(&mut connection).await?;
            groups::delete_offsets(&mut connection, &group, &places).await?;
            let number = count(places.len() as u64, "partition");
            writeln!(out, "group \"{group}\": offsets of {number} forgotten")?;
            Ok(())
        }
    }
}

async fn list(connection: &mut Connection, out: &mut dyn Write) -> Result<()> {
    let rows: Vec<_> = groups::list(connection)
        .await?
        .into_iter()
        .map(|group| [group.id, group.kind, group.state, group.protocol_type].map(|text| text.to_string()))
        .collect();
    table(out, "", ["group", "type", "state", "protocol"].map(|name| (name, Align::Left)), &rows)?;
    Ok(())
}

async fn describe(connection: &mut Connection, group: &str, out: &mut dyn Write) -> Result<()> {
    let found = groups::describe(connection, group).await?;
    let found = found.with_context(|| format!("group \"{group}\" does not exist"))?;
    let members = count(found.members.len() as u64, "member");
    let assignor =
        if found.assignor.is_empty() { String::new() } else { format!(", assignor {}", found.assignor) };
    writeln!(out, "group \"{group}\": {}{assignor}, {members}", found.state)?;
    if !found.members.is_empty() {
        let row = |member: &groups::Member| {
            let parts: Vec<String> = member.assignment.iter().map(assigned).collect();
            [member.id.to_string(), member.client.to_string(), member.host.to_string(), parts.join(" ")]
        };
        let rows: Vec<_> = found.members.iter().map(row).collect();
        writeln!(out)?;
        table(out, "  ", ["member", "client", "host", "partitions"].map(|name| (name, Align::Left)), &rows)?;
    }
    if found.kind == groups::Kind::Share {
        return show_share(connection, group, out).await;
    }
    let committed = groups::committed(connection, group).await?;
    if !committed.is_empty() {
        writeln!(out)?;
        show_lag(connection, &committed, out).await?;
    }
    Ok(())
}

async fn show_share(connection: &mut Connection, group: &str, out: &mut dyn Write) -> Result<()> {
    let row = |((topic, partition), (start, lag)): ((Text, i32), (i64, i64))| {
        let lag = if lag < 0 { "-".to_owned() } else { lag.to_string() };
        [topic.to_string(), partition.to_string(), start.to_string(), lag]
    };
    let rows: Vec<_> = groups::share_offsets(connection, group).await?.into_iter().map(row).collect();
    if !rows.is_empty() {
        writeln!(out)?;
        let [partition, start, lag] = ["partition", "start", "lag"].map(|name| (name, Align::Right));
        table(out, "  ", [("topic", Align::Left), partition, start, lag], &rows)?;
    }
    Ok(())
}

/// `orders:0,1`.
fn assigned((topic, partitions): &(Text, Vec<i32>)) -> String {
    let mut partitions = partitions.clone();
    partitions.sort_unstable();
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    format!("{topic}:{}", numbers.join(","))
}

async fn show_lag(connection: &mut Connection, committed: &Offsets, out: &mut dyn Write) -> Result<()> {
    let mut ends = BTreeMap::new();
    for (topic, partitions) in by_topic(committed.keys()) {
        // A topic that was deleted has no end any more.
        let found = topics::offsets(connection, &topic, &partitions, LATEST, Isolation::Uncommitted).await;
        let found = found.unwrap_or_default();
        ends.extend(found.into_iter().map(|(partition, end)| ((topic.clone(), partition), end)));
    }
    let row = |(place, offset): (&(Text, i32), &i64)| {
        let end = ends.get(place);
        let text = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let lag = end.map(|end| (end - offset).max(0));
        [place.0.to_string(), place.1.to_string(), offset.to_string(), text(end.copied()), text(lag)]
    };
    let rows: Vec<_> = committed.iter().map(row).collect();
    let [partition, committed, end, lag] =
        ["partition", "committed", "end", "lag"].map(|name| (name, Align::Right));
    table(out, "  ", [("topic", Align::Left), partition, committed, end, lag], &rows)?;
    Ok(())
}

fn by_topic<'a>(places: impl IntoIterator<Item = &'a (Text, i32)>) -> BTreeMap<Text, Vec<i32>> {
    let mut topics = BTreeMap::<Text, Vec<i32>>::new();
    for (topic, partition) in places {
        topics.entry(topic.clone()).or_default().push(*partition);
    }
    topics
}
