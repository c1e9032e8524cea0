//! The status as a page for people.

use std::fmt;
use std::time::Duration;

use bole_base::units::format_bytes;

use super::{Blobs, Journal, Service, Shard, Sink, Status};

/// Sinks that are listed one by one; `--json` has them all.
const SINKS_SHOWN_MAX: usize = 20;
/// Shards that are listed one by one; `--json` has them all.
const SHARDS_SHOWN_MAX: usize = 20;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Bole {}, {}, up {}", self.version, self.state, uptime(self.uptime_seconds))?;
        writeln!(f, "  node  {}", self.node)?;
        writeln!(f, "  data  {}", self.data)?;
        for journal in &self.journals {
            write_journal(f, journal)?;
        }
        if !self.services.is_empty() {
            writeln!(f, "\nServices{:>27}  {:>11}  {:>11}", "connections", "memory", "budget")?;
        }
        for service in &self.services {
            write_service(f, service)?;
        }
        self.blobs.as_ref().map_or(Ok(()), |blobs| write_blobs(f, blobs))?;
        write_sinks(f, &self.sinks)?;
        write_shards(f, &self.shards)
    }
}

fn write_journal(f: &mut fmt::Formatter<'_>, journal: &Journal) -> fmt::Result {
    let Journal { name, bytes, bytes_max, segments, written, synced, queued_bytes, fsyncs, fsync } = journal;
    writeln!(f, "\nJournal {name}")?;
    writeln!(
        f,
        "  size     {} of {} in {segments} segments",
        format_bytes(*bytes),
        format_bytes(*bytes_max)
    )?;
    writeln!(f, "  written  {written} ({} not yet fsynced)", format_bytes(written.saturating_sub(*synced)))?;
    writeln!(f, "  queued   {}", format_bytes(*queued_bytes))?;
    let [p50, p99, max] = [fsync.p50_micros, fsync.p99_micros, fsync.max_micros].map(micros);
    writeln!(f, "  fsync    {fsyncs} times; p50 {p50}, p99 {p99}, max {max}")
}

fn write_service(f: &mut fmt::Formatter<'_>, service: &Service) -> fmt::Result {
    let budget = match service.memory_bytes_max {
        0 => "-".to_owned(),
        bytes => format_bytes(bytes),
    };
    let memory = format_bytes(service.memory_bytes);
    writeln!(f, "  {:<20}{:>13}  {memory:>11}  {budget:>11}", service.name, service.connections)?;
    service.notes.iter().try_for_each(|note| writeln!(f, "    {note}"))
}

fn write_blobs(f: &mut fmt::Formatter<'_>, blobs: &Blobs) -> fmt::Result {
    let (bytes, total) = (format_bytes(blobs.scrub_bytes), format_bytes(blobs.scrub_bytes_total));
    let walk = match (blobs.scrub_begun_ms, blobs.scrub_running) {
        (0, _) => "were not verified yet".to_owned(),
        (_, true) => format!("being verified: {bytes} of {total}"),
        (_, false) => format!("verified: {bytes}"),
    };
    writeln!(f, "\nLarge objects  {walk}; {} damaged chunks", blobs.damaged_chunks)?;
    if blobs.damaged_chunks > 0 {
        writeln!(f, "  `bole blobs damage` lists what is on them")?;
    }
    Ok(())
}

/// Failing sinks first, then those with the most records to write.
fn write_sinks(f: &mut fmt::Formatter<'_>, sinks: &[Sink]) -> fmt::Result {
    if sinks.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{:<32}{:<20}{:>10}{:>12}", "Sinks", "target", "state", "lag")?;
    let mut busy: Vec<&Sink> = sinks.iter().collect();
    busy.sort_by_key(|sink| (sink.reason.is_none(), std::cmp::Reverse(sink.lag)));
    for sink in busy.iter().take(SINKS_SHOWN_MAX) {
        writeln!(f, "  {:<30}{:<20}{:>10}{:>12}", sink.topic, sink.target, sink.state, sink.lag)?;
        if let Some(reason) = &sink.reason {
            writeln!(f, "    {reason}")?;
        }
    }
    if busy.len() > SINKS_SHOWN_MAX {
        writeln!(f, "  … and {} more; --json lists them all", busy.len() - SINKS_SHOWN_MAX)?;
    }
    Ok(())
}

/// Quarantined shards first, then those with the most entries to replay.
fn write_shards(f: &mut fmt::Formatter<'_>, shards: &[Shard]) -> fmt::Result {
    let replay = |shard: &Shard| shard.tail.saturating_sub(shard.checkpoint);
    let quarantined = shards.iter().filter(|shard| shard.quarantined.is_some()).count();
    let total: u64 = shards.iter().map(replay).sum();
    writeln!(f, "\nShards   {}, {quarantined} quarantined, {total} entries after checkpoints", shards.len())?;
    let mut busy: Vec<&Shard> =
        shards.iter().filter(|shard| shard.tail > 0 || shard.quarantined.is_some()).collect();
    busy.sort_by_key(|shard| (shard.quarantined.is_none(), std::cmp::Reverse(replay(shard)), shard.log));
    if !busy.is_empty() {
        writeln!(f, "  {:>8}  {:<32}{:>12}{:>12}", "log", "name", "tail", "checkpoint")?;
    }
    for shard in busy.iter().take(SHARDS_SHOWN_MAX) {
        write!(f, "  {:>8}  {:<32}{:>12}{:>12}", shard.log, shard.name, shard.tail, shard.checkpoint)?;
        match &shard.quarantined {
            Some(reason) => writeln!(f, "  quarantined: {reason}")?,
            None => writeln!(f)?,
        }
    }
    if busy.len() > SHARDS_SHOWN_MAX {
        writeln!(f, "  … and {} more; --json lists them all", busy.len() - SHARDS_SHOWN_MAX)?;
    }
    Ok(())
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

fn micros(micros: u64) -> String {
    format!("{:.1?}", Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::super::Latency;
    use super::*;

    fn sample() -> Status {
        let shard = |log, tail, quarantined: Option<&str>| Shard {
            log,
            name: format!("default/keyspace/0/{}", log - 16),
            tail,
            checkpoint: 10,
            quarantined: quarantined.map(str::to_owned),
        };
        let sink = |topic: &str, lag, reason: Option<&str>| Sink {
            topic: topic.to_owned(),
            target: "keyspace/0".to_owned(),
            state: if reason.is_none() { "running" } else { "failing" }.to_owned(),
            lag,
            reason: reason.map(str::to_owned),
        };
        Status {
            version: "0.1.0".to_owned(),
            node: "00ff".to_owned(),
            state: "ready".to_owned(),
            uptime_seconds: 93_784,
            data: "./bole-data".to_owned(),
            journals: vec![Journal {
                name: "0".to_owned(),
                bytes: 128 << 20,
                bytes_max: 2 << 30,
                segments: 2,
                written: 5_000,
                synced: 4_000,
                queued_bytes: 0,
                fsyncs: 17,
                fsync: Latency { p50_micros: 810, p99_micros: 2_400, max_micros: 31_000 },
            }],
            services: vec![Service {
                name: "keyspace".to_owned(),
                connections: 3,
                memory_bytes: 1 << 20,
                memory_bytes_max: 0,
                notes: vec!["events: 7 published, 0 left out".to_owned()],
            }],
            sinks: vec![sink("users", 0, None), sink("orders", 7, Some("it is full"))],
            shards: vec![shard(16, 0, None), shard(17, 12, None), shard(18, 11, Some("bad bytes"))],
            blobs: Some(Blobs {
                damaged_chunks: 1,
                scrub_running: true,
                scrub_begun_ms: 5,
                scrub_ended_ms: None,
                scrub_bytes: 1 << 20,
                scrub_bytes_total: 3 << 20,
                scrub_damaged: 1,
            }),
        }
    }

    #[test]
    fn the_page() {
        let expected = "\
Bole 0.1.0, ready, up 1d 2h
  node  00ff
  data  ./bole-data

Journal 0
  size     128.0 MiB of 2.0 GiB in 2 segments
  written  5000 (1000 B not yet fsynced)
  queued   0 B
  fsync    17 times; p50 810.0µs, p99 2.4ms, max 31.0ms

Services                connections       memory       budget
  keyspace                        3      1.0 MiB            -
    events: 7 published, 0 left out

Large objects  being verified: 1.0 MiB of 3.0 MiB; 1 damaged chunks
  `bole blobs damage` lists what is on them

Sinks                           target                   state         lag
  orders                        keyspace/0             failing           7
    it is full
  users                         keyspace/0             running           0

Shards   3, 1 quarantined, 3 entries after checkpoints
       log  name                                    tail  checkpoint
        18  default/keyspace/0/2                      11          10  quarantined: bad bytes
        17  default/keyspace/0/1                      12          10
";
        assert_eq!(sample().to_string(), expected);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let shards = (0..50).map(|log| Shard { log, tail: 1, ..Shard::default() }).collect();
        let page = Status { shards, ..Status::default() }.to_string();
        assert!(page.ends_with("… and 30 more; --json lists them all\n"), "{page}");
    }

    #[test]
    fn uptimes() {
        for (seconds, text) in [(5, "5s"), (65, "1m 5s"), (3_700, "1h 1m"), (90_000, "1d 1h")] {
            assert_eq!(uptime(seconds), text);
        }
    }
}
