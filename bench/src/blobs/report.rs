//! The report: tables in Markdown for people, every round in JSON for later comparisons. Ratios above 1 are better for Bole and are taken round by round: throughput
//! ours/peer; CPU, latency and memory peer/ours.

use super::cases::Case;
use super::contender::Contender::{self, Bole, Peer};
use super::contender::Node;
use super::load::Measured;
use crate::stats::{Spread, cell};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

const MIB: f64 = (1 << 20) as f64;

/// All rounds of one case.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) case: &'static Case,
    pub(super) rounds: Vec<(Contender, Measured)>,
}

/// What a server needed.
#[derive(Debug)]
pub(super) struct Memory {
    group: &'static str,
    contender: Contender,
    bytes: u64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rounds: u32,
    pub(super) keys: u64,
    pub(super) points: Vec<Point>,
    /// Before the first case of a group.
    pub(super) idle: Vec<Memory>,
    /// After the last.
    pub(super) memory: Vec<Memory>,
}

/// What the servers need now.
pub(super) fn memory(group: &'static str, nodes: &[Node]) -> Result<Vec<Memory>> {
    let of = |node: &Node| Ok(Memory { group, contender: node.contender, bytes: node.resident_bytes()? });
    nodes.iter().map(of).collect()
}

/// The spread of both and the ratio, round by round.
fn cells(ours: &[f64], peer: &[f64], higher_is_better: bool, decimals: usize) -> String {
    let (above, below) = if higher_is_better { (ours, peer) } else { (peer, ours) };
    let pairs = above.iter().zip(below).filter(|(_, below)| **below > 0.0);
    let ratio = Spread::of(pairs.map(|(above, below)| above / below));
    let [our_cell, peer_cell] = [ours, peer].map(|values| cell(Spread::of(values.iter().copied()), decimals));
    [our_cell, peer_cell, cell(ratio, 2)].join(" | ")
}

impl Point {
    fn of(&self, contender: Contender, value: fn(&Measured) -> f64) -> Vec<f64> {
        let rounds = self.rounds.iter().filter(|(whose, _)| *whose == contender);
        rounds.map(|(_, measured)| value(measured)).collect()
    }

    fn both(&self, value: fn(&Measured) -> f64, higher_is_better: bool, decimals: usize) -> String {
        cells(&self.of(Bole, value), &self.of(Peer, value), higher_is_better, decimals)
    }

    fn rate(&self) -> String {
        if self.case.is_bulk() {
            return self.both(|measured| measured.bytes_per_second / MIB, true, 1);
        }
        self.both(|measured| measured.objects_per_second, true, 0)
    }

    /// What is told while the run goes on.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.case.name(), self.rate())
    }
}

impl Report {
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("blobs.json"), format!("{:#}\n", self.json()))?;
        std::fs::write(folder.join("blobs.md"), self.to_string())?;
        Ok(())
    }

    fn json(&self) -> Value {
        let round = |(contender, it): &(Contender, Measured)| {
            json!({"server": contender.name(), "objects_per_second": it.objects_per_second, "bytes_per_second": it.bytes_per_second,
                "cpu_us": it.cpu_us, "p50_ms": it.p50_ms, "p99_ms": it.p99_ms, "peak_bytes": it.peak_bytes})
        };
        let point = |point: &Point| json!({"case": point.case.name(), "rounds": point.rounds.iter().map(round).collect::<Vec<_>>()});
        let memory =
            |it: &Memory| json!({"group": it.group, "server": it.contender.name(), "bytes": it.bytes});
        json!({
            "rounds": self.rounds,
            "keys": self.keys,
            "cases": self.points.iter().map(point).collect::<Vec<_>>(),
            "memory_before": self.idle.iter().map(memory).collect::<Vec<_>>(),
            "memory_after": self.memory.iter().map(memory).collect::<Vec<_>>(),
        })
    }

    fn cases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Objects (or keys) a second; MiB a second from 1 MiB on. Median (range).\n")?;
        writeln!(f, "| case | bole | seaweedfs | ratio |\n|---|---:|---:|---:|")?;
        for point in &self.points {
            writeln!(f, "| {} | {} |", point.case.name(), point.rate())?;
        }
        writeln!(f, "\nCPU of the server for each object (or key), µs.\n")?;
        writeln!(f, "| case | bole | seaweedfs | ratio |\n|---|---:|---:|---:|")?;
        for point in &self.points {
            writeln!(f, "| {} | {} |", point.case.name(), point.both(|it| it.cpu_us, false, 1))?;
        }
        writeln!(f, "\nThe most that the server had resident in a round, MiB.\n")?;
        writeln!(f, "| case | bole | seaweedfs | ratio |\n|---|---:|---:|---:|")?;
        for point in &self.points {
            writeln!(f, "| {} | {} |", point.case.name(), point.both(|it| it.peak_bytes / MIB, false, 0))?;
        }
        writeln!(f, "\nLatency of a request under that load, ms: p50 and p99.\n")?;
        writeln!(
            f,
            "| case | bole p50 | seaweedfs p50 | ratio | bole p99 | seaweedfs p99 | ratio |\n|---|---:|---:|---:|---:|---:|---:|"
        )?;
        for point in &self.points {
            let (p50, p99) = (point.both(|it| it.p50_ms, false, 2), point.both(|it| it.p99_ms, false, 2));
            writeln!(f, "| {} | {p50} | {p99} |", point.case.name())?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, keys, .. } = self;
        writeln!(
            f,
            "{rounds} round(s), interleaved; lists of {keys} keys. Ratios above 1 are better for bole. Both fsync bodies; the peer does not fsync names.\n"
        )?;
        self.cases(f)?;
        writeln!(
            f,
            "Resident memory of the server, MiB.\n\n| | bole | seaweedfs | ratio |\n|---|---:|---:|---:|"
        )?;
        for (when, memory) in [("before", &self.idle), ("after", &self.memory)] {
            for group in ["objects", "lists"] {
                let of = |contender| -> Vec<f64> {
                    let found = memory.iter().filter(|it| it.group == group && it.contender == contender);
                    found.map(|it| it.bytes as f64 / MIB).collect()
                };
                let (ours, peer) = (of(Bole), of(Peer));
                if !(ours.is_empty() && peer.is_empty()) {
                    writeln!(f, "| {when} {group} | {} |", cells(&ours, &peer, false, 0))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::*;

    #[test]
    fn ratios_are_better_for_bole_when_higher() {
        let measured = |objects_per_second, cpu_us| Measured {
            objects_per_second,
            bytes_per_second: objects_per_second * MIB,
            cpu_us,
            p50_ms: 1.0,
            p99_ms: 2.0,
            peak_bytes: MIB,
        };
        let rounds = || vec![(Bole, measured(300.0, 10.0)), (Peer, measured(200.0, 40.0))];
        let point = |case| Point { case, rounds: rounds() };
        let bulk = CASES.iter().find(|case| case.is_bulk()).unwrap();
        let memory = |contender, bytes| Memory { group: "lists", contender, bytes };
        let report = Report {
            rounds: 1,
            points: vec![point(&CASES[0]), point(bulk)],
            memory: vec![memory(Bole, 1 << 20), memory(Peer, 3 << 20)],
            ..Report::default()
        };
        let text = report.to_string();
        for row in [
            "| put/1KiB/c1 | 300 (300–300) | 200 (200–200) | 1.50 (1.50–1.50) |",
            "| put/1KiB/c1 | 10.0 (10.0–10.0) | 40.0 (40.0–40.0) | 4.00 (4.00–4.00) |",
            "| put/10MiB/c4 | 300.0 (300.0–300.0) | 200.0 (200.0–200.0) | 1.50 (1.50–1.50) |",
            "| after lists | 1 (1–1) | 3 (3–3) | 3.00 (3.00–3.00) |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
    }
}
