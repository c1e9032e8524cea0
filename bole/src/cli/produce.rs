//! `bole produce`: lines to records.

mod lines;

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bole_base::units::{format_bytes, parse_bytes, parse_duration};
use bole_streams::protocol::batch::Compression;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use tokio::sync::mpsc::Receiver;

use super::streams::{Stop, StreamsArgs, count, key_value, now_ms};
use crate::streams_client::Error;
use crate::streams_client::producer::{Acks, Options, Outgoing, Producer, Report};
use crate::streams_client::topics;

/// How often the progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct ProduceArgs {
    /// The topic; made if it is missing and the node does that
    topic: String,
    /// Read this file instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What stands between key and value in a line; without it a line is a value
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key_separator: Option<String>,
    /// An empty value deletes its key: it is written as null
    #[arg(long, requires = "key_separator")]
    empty_is_null: bool,
    /// A header of every record; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    header: Vec<(String, String)>,
    /// Write to this partition; without it the key decides, as in Kafka's Java client
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Codec::None)]
    compression: Codec,
    /// Who must have the records: all (in the topic's durability), 1 (the same here), 0 (nobody; no errors are told)
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    acks: AcksArg,
    /// Whether batches are numbered, so that none is written twice; on with --acks all
    #[arg(long, value_name = "BOOL")]
    idempotent: Option<bool>,
    /// Size at which a batch leaves
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = batch_bytes)]
    batch_size: usize,
    /// How long a batch that is not full waits for more input
    #[arg(long, value_name = "DURATION", default_value = "5ms", value_parser = parse_duration)]
    linger: Duration,
    #[command(flatten)]
    node: StreamsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::None => Self::None,
            Codec::Gzip => Self::Gzip,
            Codec::Snappy => Self::Snappy,
            Codec::Lz4 => Self::Lz4,
            Codec::Zstd => Self::Zstd,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AcksArg {
    All,
    #[value(name = "1")]
    Leader,
    #[value(name = "0")]
    Nobody,
}

fn batch_bytes(text: &str) -> Result<usize, String> {
    let bytes = parse_bytes(text)?;
    let allowed = (1..=8 << 20).contains(&bytes);
    if allowed { Ok(bytes as usize) } else { Err("it is not between 1 B and 8 MiB".to_owned()) }
}

impl ProduceArgs {
    fn options(&self) -> Result<Options> {
        let acks = match self.acks {
            AcksArg::All => Acks::All,
            AcksArg::Leader => Acks::Leader,
            AcksArg::Nobody => Acks::Nobody,
        };
        let idempotent = self.idempotent.unwrap_or(acks == Acks::All);
        ensure!(!idempotent || acks == Acks::All, "--idempotent true needs --acks all");
        let compression = self.compression.into();
        Ok(Options { acks, idempotent, compression, batch_bytes: self.batch_size, partition: self.partition })
    }

    /// A line as a record. `number` counts lines from 1.
    fn record(&self, line: Bytes, number: u64) -> Result<Outgoing> {
        let timestamp = now_ms();
        let Some(separator) = &self.key_separator else {
            return Ok(Outgoing { timestamp, key: None, value: Some(line) });
        };
        let at = line.windows(separator.len()).position(|window| window == separator.as_bytes());
        let at =
            at.with_context(|| format!("line {number} has no \"{separator}\" between a key and a value"))?;
        let value = line.slice(at + separator.len()..);
        let value = Some(value).filter(|value| !(self.empty_is_null && value.is_empty()));
        Ok(Outgoing { timestamp, key: Some(line.slice(..at)), value })
    }
}

pub(super) async fn run(args: ProduceArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let options = args.options()?;
    let mut input = lines::read(args.file.as_deref())?;
    let mut connection = args.node.connect().await?;
    let topic = topics::find(&mut connection, &args.topic, true).await?;
    if let Some(partition) = args.partition {
        ensure!(
            topic.partitions.contains(&partition),
            "topic \"{}\" has {}; partition {partition} does not exist",
            args.topic,
            count(topic.partitions.len() as u64, "partition")
        );
    }
    let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
    let headers = args.header.iter().map(|(key, value)| (bytes(key), bytes(value))).collect();
    let mut producer = Producer::open(connection, topic, options, headers).await?;
    let sent = send(&args, &mut producer, &mut input).await;
    // Lines before a wrong one are written all the same; after an error of the node or the connection nothing more is.
    let is_over = sent.as_ref().is_err_and(|error| error.downcast_ref::<Error>().is_some());
    let written = producer.report().written;
    let stopped = |written| format!("stopped after {} acknowledged", count(written, "record"));
    if is_over {
        return sent.map(|()| ExitCode::FAILURE).with_context(|| stopped(written));
    }
    let report = producer.finish().await.with_context(|| stopped(written))?;
    let written = report.written;
    sent.with_context(|| stopped(written))?;
    summary(&report, &args.topic, out)
}

/// Sends all lines.
async fn send(
    args: &ProduceArgs,
    producer: &mut Producer,
    input: &mut Receiver<std::io::Result<Bytes>>,
) -> Result<()> {
    let mut stop = Stop::new()?;
    let mut progress = Progress::new();
    let mut number = 0;
    loop {
        let next = tokio::select! {
            next = input.recv() => next,
            () = tokio::time::sleep(args.linger), if producer.is_waiting() => {
                producer.pause().await?;
                continue;
            }
            () = stop.wait() => None,
        };
        let Some(block) = next else { break };
        for line in lines::of(&block.context("the input cannot be read")?) {
            number += 1;
            producer.push(&args.record(line, number)?).await?;
        }
        progress.show(number, producer.report().bytes)?;
    }
    progress.end()
}

fn summary(report: &Report, topic: &str, out: &mut dyn Write) -> Result<ExitCode> {
    writeln!(out, "{} written to topic \"{topic}\"", count(report.written, "record"))?;
    if report.refused == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let mut errors = std::io::stderr();
    for refusal in &report.refusals {
        writeln!(errors, "bole: {refusal}")?;
    }
    writeln!(errors, "bole: {} refused", count(report.refused, "record"))?;
    Ok(ExitCode::FAILURE)
}

/// What is shown on a terminal while input goes on for long.
struct Progress {
    /// Where standard input is typed there is nothing to show.
    on: bool,
    begun: Instant,
    shown: Instant,
    any: bool,
}

impl Progress {
    fn new() -> Self {
        let on = std::io::stderr().is_terminal() && !std::io::stdin().is_terminal();
        Self { on, begun: Instant::now(), shown: Instant::now(), any: false }
    }

    fn show(&mut self, records: u64, bytes: u64) -> Result<()> {
        if self.on && self.shown.elapsed() >= PROGRESS_INTERVAL {
            (self.shown, self.any) = (Instant::now(), true);
            write!(std::io::stderr(), "\r{}\x1b[K", progress(records, bytes, self.begun.elapsed()))?;
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        if self.any {
            write!(std::io::stderr(), "\r\x1b[K")?;
        }
        Ok(())
    }
}

fn progress(records: u64, bytes: u64, elapsed: Duration) -> String {
    let rate = bytes as f64 / 1e6 / elapsed.as_secs_f64().max(1e-3);
    format!("{}, {}, {rate:.1} MB/s", count(records, "record"), format_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ProduceArgs,
    }

    fn args(line: &str) -> ProduceArgs {
        Line::try_parse_from(["produce"].into_iter().chain(line.split(' '))).unwrap().args
    }

    #[test]
    fn lines_are_records() {
        let record = |line: &str, text: &str| {
            let record = args(line).record(Bytes::copy_from_slice(text.as_bytes()), 7);
            let text = |bytes: Option<Bytes>| {
                bytes.map_or_else(|| "null".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
            };
            match record {
                Ok(record) => format!("{} {}", text(record.key), text(record.value)),
                Err(error) => error.to_string(),
            }
        };
        for (line, text, expected) in [
            ("t", "a:b", "null a:b"),
            ("t --key-separator :", "a:b:c", "a b:c"),
            ("t --key-separator ::", "a:b::c", "a:b c"),
            ("t --key-separator :", "a:", "a "),
            ("t --key-separator : --empty-is-null", "a:", "a null"),
            ("t --key-separator :", "a", "line 7 has no \":\" between a key and a value"),
        ] {
            assert_eq!(record(line, text), expected, "{line}");
        }
    }

    #[test]
    fn numbers_and_acknowledgements_fit_together() {
        for (line, idempotent) in [
            ("t", Some(true)),
            ("t --idempotent false", Some(false)),
            ("t --acks 1", Some(false)),
            ("t --acks 0 --idempotent true", None),
        ] {
            let options = args(line).options().ok();
            assert_eq!(options.map(|options| options.idempotent), idempotent, "{line}");
        }
    }

    #[test]
    fn progress_says_how_fast() {
        let line = progress(1_000, 3_000_000, Duration::from_secs(2));
        assert_eq!(line, "1000 records, 2.9 MiB, 1.5 MB/s");
    }
}
