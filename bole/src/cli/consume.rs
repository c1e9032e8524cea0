//! `bole consume`: records to lines.

mod format;
mod group;
mod share;
mod start;

use std::io::Write;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::format::Format;
use self::group::{AssignorArg, Protocol};
use self::start::Start;
use super::streams::{Places, Stop, StreamsArgs, count, places};
use crate::streams_client::Connection;
use crate::streams_client::reader::{FETCH_WAIT_MS, Read, Reader, is_out_of_range};
use crate::streams_client::share::Acknowledgement;
use crate::streams_client::topics::{self, EARLIEST, Isolation, LATEST, Topic};

#[derive(Debug, Args)]
#[command(after_help = "\
In --format: %k key, %v value, %h headers (name=value,…), %t topic, %p partition, %o offset, %T time in milliseconds,
%n or \\n end of line, \\t tab, \\0 zero byte, %% and \\\\ themselves. A null key or value is empty.")]
pub(super) struct ConsumeArgs {
    /// The topic, perhaps with one partition
    #[arg(value_name = "TOPIC[:PARTITION]", value_parser = places)]
    topic: Places,
    /// Where to begin: earliest, latest, an offset, -N (the last N of each partition), @TIME (RFC 3339 or milliseconds);
    /// with --group only where the group has not committed
    #[arg(long, value_name = "WHERE", default_value = "earliest", allow_hyphen_values = true)]
    from: Start,
    /// Read as a member of this group, and commit
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Who divides the partitions of the group; members of one group agree
    #[arg(long, value_enum, default_value_t = Protocol::Classic, requires = "group")]
    protocol: Protocol,
    /// How they are divided; range by default, or for --protocol consumer as the node chooses
    #[arg(long, value_enum, requires = "group")]
    assignor: Option<AssignorArg>,
    /// Read as a member of this share group: each record goes to one member, and is acknowledged when it was printed
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["group", "from", "isolation"])]
    share_group: Option<String>,
    /// What the share group is told of each record: it is done, shall come again, or is given up
    #[arg(long, value_enum, default_value_t = AcknowledgeArg::Accept, requires = "share_group")]
    acknowledge: AcknowledgeArg,
    /// End after so many records
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End when every partition was read to its end, or, with --share-group, when no record can be had
    #[arg(long)]
    exit_at_end: bool,
    /// How a record is printed
    #[arg(long, value_name = "FORMAT", default_value = "%v%n")]
    format: Format,
    /// Print a JSON object for each record; bytes that are not UTF-8 as {"base64": …}
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Whether records of transactions that are open or were aborted are shown
    #[arg(long, value_enum, default_value_t = IsolationArg::ReadUncommitted)]
    isolation: IsolationArg,
    #[command(flatten)]
    node: StreamsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum IsolationArg {
    ReadUncommitted,
    ReadCommitted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AcknowledgeArg {
    Accept,
    Release,
    Reject,
}

impl From<AcknowledgeArg> for Acknowledgement {
    fn from(argument: AcknowledgeArg) -> Self {
        match argument {
            AcknowledgeArg::Accept => Self::Accept,
            AcknowledgeArg::Release => Self::Release,
            AcknowledgeArg::Reject => Self::Reject,
        }
    }
}

impl From<IsolationArg> for Isolation {
    fn from(argument: IsolationArg) -> Self {
        match argument {
            IsolationArg::ReadUncommitted => Self::Uncommitted,
            IsolationArg::ReadCommitted => Self::Committed,
        }
    }
}

pub(super) async fn run(args: ConsumeArgs, out: &mut dyn Write) -> Result<()> {
    let Places { topic: name, partitions } = &args.topic;
    ensure!(partitions.len() <= 1, "give one partition, or none for all");
    ensure!(
        (args.group.is_none() && args.share_group.is_none()) || partitions.is_empty(),
        "with a group the group divides the partitions; give the topic alone"
    );
    let mut stop = Stop::new()?;
    let mut connection = args.node.connect().await?;
    let topic = topics::find(&mut connection, name, false).await?;
    for partition in partitions {
        ensure!(
            topic.partitions.contains(partition),
            "topic \"{name}\" has {}; partition {partition} does not exist",
            count(topic.partitions.len() as u64, "partition")
        );
    }
    let isolation = args.isolation.into();
    let reader = Reader::new(topic.clone(), isolation);
    let mut out = std::io::BufWriter::with_capacity(OUT_BYTES, out);
    let mut consumer =
        Consumer { connection, topic, isolation, reader, args: &args, left: args.count, out: &mut out };
    match (&args.group, &args.share_group) {
        (Some(group), _) => {
            let connection = consumer.connection.another().await?;
            group::read(&mut consumer, connection, group, &mut stop).await
        }
        (None, Some(group)) => {
            let connection = consumer.connection.another().await?;
            share::read(&mut consumer, connection, group, args.acknowledge.into(), &mut stop).await
        }
        (None, None) => consumer.read(&mut stop).await,
    }
}

/// Bytes of output that are written at once.
const OUT_BYTES: usize = 64 << 10;

/// A reader with its output.
struct Consumer<'a> {
    connection: Connection,
    topic: Topic,
    isolation: Isolation,
    reader: Reader,
    args: &'a ConsumeArgs,
    /// Records that are still wanted.
    left: Option<u64>,
    out: &'a mut dyn Write,
}

impl Consumer<'_> {
    /// Reads without a group until the end that was asked for, or the signal.
    async fn read(&mut self, stop: &mut Stop) -> Result<()> {
        let all = &self.topic.partitions;
        let wanted = if self.args.topic.partitions.is_empty() { all } else { &self.args.topic.partitions };
        let (name, isolation) = (&self.topic.name, self.isolation);
        let starts = self.args.from.find(&mut self.connection, name, wanted, isolation).await?;
        self.reader.assign(starts);
        while !self.is_done() {
            let reads = tokio::select! {
                reads = self.fetch() => reads?,
                () = stop.wait() => break,
            };
            self.show(reads)?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == Some(0) || self.args.exit_at_end && self.reader.is_at_end()
    }

    /// Asks once. After this was dropped the connection is of no use.
    async fn fetch(&mut self) -> Result<Vec<Read>> {
        let mut request = self.reader.request();
        if self.args.exit_at_end {
            // At the end there is nothing to wait for.
            request.max_wait_ms = 0;
        }
        let wait = std::time::Duration::from_millis(FETCH_WAIT_MS as u64);
        let answer = self.connection.request_within(&request, wait).await?;
        match self.reader.take(answer) {
            Err(error) if is_out_of_range(&error) => {
                self.skip_what_is_gone().await?;
                Ok(Vec::new())
            }
            reads => Ok(reads?),
        }
    }

    /// Retention was faster than this reader: it goes on with the first record that is there, and says so.
    async fn skip_what_is_gone(&mut self) -> Result<()> {
        let positions = self.reader.positions();
        let partitions: Vec<i32> = positions.keys().copied().collect();
        let name = &self.topic.name;
        let starts =
            topics::offsets(&mut self.connection, name, &partitions, EARLIEST, self.isolation).await?;
        let ends =
            topics::offsets(&mut self.connection, name, &partitions, LATEST, Isolation::Uncommitted).await?;
        for (partition, at) in positions {
            let [start, end] = [&starts, &ends].map(|offsets| offsets.get(&partition).copied().unwrap_or(at));
            ensure!(
                at <= end,
                "topic \"{name}\" partition {partition} ends at {end}; there is no offset {at}"
            );
            if at < start {
                writeln!(
                    std::io::stderr(),
                    "bole: topic \"{name}\" partition {partition}: offsets {at} to {start} are gone; going on at {start}"
                )?;
                self.reader.advance(partition, start);
            }
        }
        Ok(())
    }

    /// Prints records, up to as many as are wanted, and moves on behind what was printed.
    fn show(&mut self, reads: Vec<Read>) -> Result<()> {
        for Read { partition, records, next } in reads {
            for record in records {
                if self.left == Some(0) {
                    return Ok(self.out.flush()?);
                }
                if self.args.json {
                    format::json(self.out, &self.topic.name, partition, &record)?;
                } else {
                    self.args.format.print(self.out, &self.topic.name, partition, &record)?;
                }
                self.left = self.left.map(|left| left - 1);
                self.reader.advance(partition, record.offset + 1);
            }
            if self.left != Some(0) {
                self.reader.advance(partition, next);
            }
        }
        Ok(self.out.flush()?)
    }
}
