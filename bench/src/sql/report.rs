//! The report: tables in Markdown for people, every round in JSON for later comparisons. Ratios above 1 are better for
//! Bole and are taken round by round: throughput ours/peer; time, CPU and memory peer/ours.

use super::analytic::Timed;
use super::contender::Contender::{self, Bole, Peer};
use super::contender::Node;
use super::memory::{self, Memory};
use super::pgbench::Point;
use crate::stats::{Spread, cell};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rounds: u32,
    pub(super) points: Vec<Point>,
    pub(super) timed: Vec<Timed>,
    pub(super) copied_rows: u32,
    pub(super) memory: Vec<Memory>,
}

/// Above divided by below, round by round.
fn ratio(above: &[f64], below: &[f64]) -> Option<Spread> {
    let pairs = above.iter().zip(below).filter(|(_, below)| **below > 0.0);
    Spread::of(pairs.map(|(above, below)| above / below))
}

/// The spread of both and the ratio as cells.
fn cells(ours: &[f64], peer: &[f64], higher_is_better: bool, decimals: usize) -> String {
    let (above, below) = if higher_is_better { (ours, peer) } else { (peer, ours) };
    let [our_cell, peer_cell] = [ours, peer].map(|values| cell(Spread::of(values.iter().copied()), decimals));
    [our_cell, peer_cell, cell(ratio(above, below), 2)].join(" | ")
}

impl Report {
    pub(super) fn memory(&mut self, nodes: &[Node], connections: u32) -> Result<()> {
        for node in nodes {
            self.memory.push(memory::measure(node, connections)?);
        }
        Ok(())
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("sql.json"), format!("{:#}\n", self.json()))?;
        std::fs::write(folder.join("sql.md"), self.to_string())?;
        Ok(())
    }

    fn json(&self) -> Value {
        let point = |point: &Point| {
            let round = |round: &super::pgbench::Round| json!({"server": round.contender.name(), "tps": round.transactions_per_second, "latency_ms": round.latency_ms, "cpu_us": round.cpu_us});
            let rounds: Vec<Value> = point.rounds.iter().map(round).collect();
            json!({"script": point.script, "mode": point.mode, "clients": point.clients, "rounds": rounds})
        };
        let timed = |timed: &Timed| {
            let seconds = |contender: Contender| json!(timed.of(contender));
            json!({"name": timed.name, "bole_seconds": seconds(Bole), "postgres_seconds": seconds(Peer)})
        };
        let memory = |memory: &Memory| json!({"server": memory.contender.name(), "connections": memory.connections, "bytes_per_connection": memory.bytes_per_connection, "before_bytes": memory.before_bytes});
        json!({
            "rounds": self.rounds,
            "pgbench": self.points.iter().map(point).collect::<Vec<_>>(),
            "rows": self.copied_rows,
            "timed": self.timed.iter().map(timed).collect::<Vec<_>>(),
            "memory": self.memory.iter().map(memory).collect::<Vec<_>>(),
        })
    }

    fn pgbench_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pgbench, transactions a second and CPU of the server for each, median (range).\n")?;
        writeln!(
            f,
            "| script | clients | mode | bole tps | postgres tps | ratio | bole µs CPU | postgres µs CPU | ratio |"
        )?;
        writeln!(f, "|---|---:|---|---:|---:|---:|---:|---:|---:|")?;
        for point in &self.points {
            let [ours, peer] = [Bole, Peer].map(|who| point.of(who, |round| round.transactions_per_second));
            let [our_cpu, peer_cpu] = [Bole, Peer].map(|who| point.of(who, |round| round.cpu_us));
            let Point { script, mode, clients, .. } = point;
            let (rates, costs) = (cells(&ours, &peer, true, 0), cells(&our_cpu, &peer_cpu, false, 0));
            writeln!(f, "| {script} | {clients} | {mode} | {rates} | {costs} |")?;
        }
        writeln!(f)
    }

    fn timed_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "COPY and questions over {} rows, seconds, median (range).\n", self.copied_rows)?;
        writeln!(f, "| | bole | postgres | ratio |\n|---|---:|---:|---:|")?;
        for timed in &self.timed {
            writeln!(f, "| {} | {} |", timed.name, cells(&timed.of(Bole), &timed.of(Peer), false, 3))?;
        }
        writeln!(f)
    }

    fn memory_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Memory of an idle connection, KiB (what processes share is counted once).\n")?;
        writeln!(f, "| connections | bole | postgres | ratio |\n|---:|---:|---:|---:|")?;
        let of = |contender| {
            let found = self.memory.iter().filter(move |memory| memory.contender == contender);
            found.map(|memory| memory.bytes_per_connection / 1024.0).collect::<Vec<_>>()
        };
        let connections = self.memory.first().map_or(0, |memory| memory.connections);
        writeln!(f, "| {connections} | {} |\n", cells(&of(Bole), &of(Peer), false, 1))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} round(s), interleaved. Ratios above 1 are better for bole.\n", self.rounds)?;
        if !self.points.is_empty() {
            self.pgbench_table(f)?;
        }
        if !self.timed.is_empty() {
            self.timed_table(f)?;
        }
        if !self.memory.is_empty() {
            self.memory_table(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pgbench::Round;
    use super::*;

    #[test]
    fn ratios_are_better_for_bole_when_higher() {
        let round = |contender, transactions_per_second, cpu_us| Round {
            contender,
            transactions_per_second,
            latency_ms: 1.0,
            cpu_us,
        };
        let rounds = vec![round(Bole, 300.0, 10.0), round(Peer, 200.0, 40.0)];
        let report = Report {
            rounds: 1,
            points: vec![Point { script: "select only", mode: "simple", clients: 8, rounds }],
            timed: vec![Timed { name: "COPY", rounds: vec![(Bole, 2.0), (Peer, 1.0)] }],
            ..Report::default()
        };
        let text = report.to_string();
        let row = "| select only | 8 | simple | 300 (300–300) | 200 (200–200) | 1.50 (1.50–1.50) | 10 (10–10) | 40 (40–40) | 4.00 (4.00–4.00) |";
        assert!(text.contains(row), "{text}");
        assert!(
            text.contains("| COPY | 2.000 (2.000–2.000) | 1.000 (1.000–1.000) | 0.50 (0.50–0.50) |"),
            "{text}"
        );
    }
}
