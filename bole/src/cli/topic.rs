//! `bole topic`: the topics of a running node.

use std::io::{BufRead as _, IsTerminal as _, Write};

use anyhow::{Result, bail, ensure};
use bole_base::units::format_bytes;
use clap::Subcommand;

use super::streams::{Align, StreamsArgs, key_value, table};
use crate::streams_client::Connection;
use crate::streams_client::topics::{self, EARLIEST, Isolation, LATEST};

#[derive(Debug, Subcommand)]
pub(super) enum TopicCommand {
    /// Make a topic
    Create {
        /// The topic's name
        name: String,
        /// How many partitions; without it as the node is configured
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// Set a setting; may be given several times
        #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
        config: Vec<(String, String)>,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// List the topics with their partitions
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Show a topic: partitions with their offsets and sizes, settings that differ from the default
    Describe {
        /// The topic's name
        name: String,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Change settings, or add partitions
    Alter {
        /// The topic's name
        name: String,
        /// Set a setting; may be given several times
        #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
        config: Vec<(String, String)>,
        /// Take a setting back to its default; may be given several times
        #[arg(long, value_name = "KEY")]
        delete_config: Vec<String>,
        /// How many partitions there shall be; more than now
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        #[command(flatten)]
        node: StreamsArgs,
    },
    /// Remove topics with all their records
    Delete {
        /// The topics' names
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        node: StreamsArgs,
    },
}

pub(super) async fn run(command: TopicCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        TopicCommand::Create { name, partitions, config, node } => {
            let mut connection = node.connect().await?;
            let made = topics::create(&mut connection, &name, partitions.unwrap_or(-1), &config).await?;
            let number = super::streams::count(made as u64, "partition");
            writeln!(out, "topic \"{name}\" created with {number}")?;
        }
        TopicCommand::List { json, node } => list(&mut node.connect().await?, json, out).await?,
        TopicCommand::Describe { name, node } => describe(&mut node.connect().await?, &name, out).await?,
        TopicCommand::Alter { name, config, delete_config, partitions, node } => {
            let settings = !config.is_empty() || !delete_config.is_empty();
            ensure!(
                settings || partitions.is_some(),
                "nothing to change: give --config KEY=VALUE, --delete-config KEY or --partitions N"
            );
            let mut connection = node.connect().await?;
            if settings {
                topics::alter(&mut connection, &name, &config, &delete_config).await?;
                writeln!(out, "topic \"{name}\": settings changed")?;
            }
            if let Some(count) = partitions {
                topics::set_partitions(&mut connection, &name, count).await?;
                writeln!(out, "topic \"{name}\" has {}", super::streams::count(count as u64, "partition"))?;
            }
        }
        TopicCommand::Delete { names, yes, node } => {
            ensure!(yes || confirmed(&names)?, "nothing was deleted");
            let mut failed = 0;
            for outcome in topics::delete(&mut node.connect().await?, &names).await? {
                match outcome {
                    Ok(name) => writeln!(out, "topic \"{name}\" deleted")?,
                    Err(error) => {
                        failed += 1;
                        writeln!(std::io::stderr(), "bole: {error}")?;
                    }
                }
            }
            ensure!(failed == 0, "{failed} of {} topics not deleted", names.len());
        }
    }
    Ok(())
}

async fn list(connection: &mut Connection, json: bool, out: &mut dyn Write) -> Result<()> {
    let topics = topics::list(connection).await?;
    if json {
        let row = |topic: &topics::Topic| {
            let (name, id) = (topic.name.as_str(), topic.id.to_string());
            serde_json::json!({ "name": name, "id": id, "partitions": topic.partitions.len() })
        };
        let rows: Vec<_> = topics.iter().map(row).collect();
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)?;
        return Ok(());
    }
    let rows: Vec<_> =
        topics.iter().map(|topic| [topic.name.to_string(), topic.partitions.len().to_string()]).collect();
    table(out, "", [("topic", Align::Left), ("partitions", Align::Right)], &rows)?;
    Ok(())
}

async fn describe(connection: &mut Connection, name: &str, out: &mut dyn Write) -> Result<()> {
    let topic = topics::find(connection, name, false).await?;
    let all = Isolation::Uncommitted;
    let starts = topics::offsets(connection, name, &topic.partitions, EARLIEST, all).await?;
    let ends = topics::offsets(connection, name, &topic.partitions, LATEST, all).await?;
    let settings = topics::settings(connection, name).await?;
    let sizes = topics::sizes(connection, &topic).await?;
    writeln!(out, "topic \"{name}\", id {}\n", topic.id)?;
    let rows: Vec<_> = topic
        .partitions
        .iter()
        .map(|partition| {
            let [start, end] = [&starts, &ends].map(|offsets| offsets.get(partition).copied().unwrap_or(-1));
            [partition.to_string(), start.to_string(), end.to_string()]
        })
        .collect();
    let [partition, start, end] = ["partition", "start", "end"].map(|name| (name, Align::Right));
    match sizes {
        None => table(out, "  ", [partition, start, end], &rows)?,
        Some(sizes) => {
            let size = |index: &i32| format_bytes(sizes.get(index).copied().unwrap_or(0).max(0) as u64);
            let rows: Vec<_> = topic
                .partitions
                .iter()
                .zip(rows)
                .map(|(index, [partition, start, end])| [partition, start, end, size(index)])
                .collect();
            table(out, "  ", [partition, start, end, ("size", Align::Right)], &rows)?;
        }
    }
    if !settings.is_empty() {
        writeln!(out, "\nsettings that differ from the default:")?;
    }
    for (name, value) in settings {
        writeln!(out, "  {name}={value}")?;
    }
    Ok(())
}

/// Asks on the terminal. Without one the answer has to be on the command line.
fn confirmed(names: &[String]) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("deleting topics cannot be undone; --yes says that you mean it");
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "Delete {} with all records? [y/N] ", names.join(", "))?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
