//! The report: tables in Markdown for people, every round in JSON for later comparisons.
//!
//! Ratios are better for Bole when higher: throughput ours/peer; CPU, latency and memory peer/ours. They are taken
//! round by round, so that what both saw at the same time is compared.

use super::Args;
use super::class::Contender::{Bole, Peer};
use super::latency::Latency;
use super::memory::Memory;
use super::pause::{Pause, Waits};
use super::throughput::Point;
use crate::stats::{Spread, cell};
use serde_json::{Value, json};
use std::fmt;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) throughput: Vec<Point>,
    pub(super) latency: Vec<Latency>,
    pub(super) memory: Vec<Memory>,
    pub(super) pauses: Vec<Pause>,
}

/// The spread of `above / below`, round by round; none when one of them was not measured.
fn ratio(above: &[f64], below: &[f64]) -> Option<Spread> {
    Spread::of(above.iter().zip(below).filter(|(_, below)| **below > 0.0).map(|(above, below)| above / below))
}

impl Report {
    pub(super) fn json(&self, args: &Args) -> Value {
        json!({
            "rounds": args.rounds,
            "requests": args.requests,
            "keyspace": args.keyspace,
            "throughput": self.throughput.iter().map(throughput_json).collect::<Vec<_>>(),
            "latency": self.latency.iter().map(latency_json).collect::<Vec<_>>(),
            "memory": self.memory.iter().map(memory_json).collect::<Vec<_>>(),
            "pauses": self.pauses.iter().map(pause_json).collect::<Vec<_>>(),
        })
    }

    fn throughput_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Throughput and CPU, median (range); ratios above 1 are better for Bole.\n")?;
        writeln!(
            f,
            "| class | test | clients | pipeline | bole req/s | redis req/s | ratio | bole µs CPU | redis µs CPU | ratio |"
        )?;
        writeln!(f, "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for point in &self.throughput {
            let [ours, peer] = [Bole, Peer].map(|who| point.of(who, |round| round.requests_per_second));
            let [our_cpu, peer_cpu] = [Bole, Peer].map(|who| point.of(who, |round| round.cpu_us_per_request));
            let cells = [
                cell(Spread::of(ours.clone()), 0),
                cell(Spread::of(peer.clone()), 0),
                cell(ratio(&ours, &peer), 2),
                cell(Spread::of(our_cpu.clone()), 2),
                cell(Spread::of(peer_cpu.clone()), 2),
                cell(ratio(&peer_cpu, &our_cpu), 2),
            ];
            let Point { class, test, clients, pipeline, .. } = point;
            writeln!(f, "| {class} | {test} | {clients} | {pipeline} | {} |", cells.join(" | "))?;
        }
        writeln!(f)
    }

    fn latency_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Latency at a fixed rate (GET and SET in turn, open loop), ms, median (range).\n")?;
        writeln!(
            f,
            "| class | req/s | bole p50 | redis p50 | bole p99 | redis p99 | ratio p99 | bole p99.9 | redis p99.9 |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for latency in &self.latency {
            let [our_p50, peer_p50] =
                [Bole, Peer].map(|who| Spread::of(latency.of(who, |round| round.p50_ms)));
            let [our_p99, peer_p99] = [Bole, Peer].map(|who| latency.of(who, |round| round.p99_ms));
            let [our_p999, peer_p999] =
                [Bole, Peer].map(|who| Spread::of(latency.of(who, |round| round.p999_ms)));
            let cells = [
                cell(our_p50, 3),
                cell(peer_p50, 3),
                cell(Spread::of(our_p99.clone()), 3),
                cell(Spread::of(peer_p99.clone()), 3),
                cell(ratio(&peer_p99, &our_p99), 2),
                cell(our_p999, 3),
                cell(peer_p999, 3),
            ];
            writeln!(f, "| {} | {} | {} |", latency.class, latency.rate, cells.join(" | "))?;
        }
        writeln!(f)
    }

    fn memory_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Memory a key (16 B keys, 64 B values), bytes.\n")?;
        writeln!(f, "| class | server | keys | resident | ratio | used_memory |")?;
        writeln!(f, "|---|---|---:|---:|---:|---:|")?;
        for memory in &self.memory {
            let Memory { class, contender, keys, resident_bytes_per_key, used_bytes_per_key } = memory;
            let peer = self.memory.iter().find(|other| other.class == *class && other.contender == Peer);
            let ratio = peer.filter(|_| *contender == Bole && *resident_bytes_per_key > 0.0);
            let ratio = ratio.map_or_else(
                || "–".to_owned(),
                |peer| format!("{:.2}", peer.resident_bytes_per_key / resident_bytes_per_key),
            );
            let name = contender.name();
            writeln!(
                f,
                "| {class} | {name} | {keys} | {resident_bytes_per_key:.1} | {ratio} | {used_bytes_per_key:.1} |"
            )?;
        }
        writeln!(f)
    }

    fn pause_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Waits at 1 GB (1M values of 1,000 B; GET and SET in turn, open loop), ms.\n")?;
        writeln!(
            f,
            "| class | server | req/s | quiet p99.9 | quiet max | saves | saving p99.9 | saving max |"
        )?;
        writeln!(f, "|---|---|---:|---:|---:|---:|---:|---:|")?;
        for Pause { class, contender, rate, quiet, saving, saves } in &self.pauses {
            writeln!(
                f,
                "| {class} | {} | {rate} | {:.2} | {:.2} | {saves} | {:.2} | {:.2} |",
                contender.name(),
                quiet.p999_ms,
                quiet.max_ms,
                saving.p999_ms,
                saving.max_ms
            )?;
        }
        writeln!(f)
    }
}

fn throughput_json(point: &Point) -> Value {
    let rounds = point.rounds.iter().map(|round| {
        json!({
            "server": round.contender.name(),
            "requests_per_second": round.requests_per_second,
            "cpu_us_per_request": round.cpu_us_per_request,
            "p99_ms": round.p99_ms,
        })
    });
    let rounds: Vec<Value> = rounds.collect();
    let [ours, peer] = [Bole, Peer].map(|who| point.of(who, |round| round.requests_per_second));
    let [our_cpu, peer_cpu] = [Bole, Peer].map(|who| point.of(who, |round| round.cpu_us_per_request));
    json!({
        "class": point.class,
        "test": point.test,
        "clients": point.clients,
        "pipeline": point.pipeline,
        "ratio_throughput": ratio(&ours, &peer).map(Spread::json),
        "ratio_cpu": ratio(&peer_cpu, &our_cpu).map(Spread::json),
        "rounds": rounds,
    })
}

fn latency_json(latency: &Latency) -> Value {
    let rounds = latency.rounds.iter().map(|round| {
        json!({
            "server": round.contender.name(),
            "p50_ms": round.p50_ms,
            "p99_ms": round.p99_ms,
            "p999_ms": round.p999_ms,
        })
    });
    let rounds: Vec<Value> = rounds.collect();
    let [ours, peer] = [Bole, Peer].map(|who| latency.of(who, |round| round.p99_ms));
    let ratio = ratio(&peer, &ours).map(Spread::json);
    json!({"class": latency.class, "rate": latency.rate, "ratio_p99": ratio, "rounds": rounds})
}

fn memory_json(memory: &Memory) -> Value {
    json!({
        "class": memory.class,
        "server": memory.contender.name(),
        "keys": memory.keys,
        "resident_bytes_per_key": memory.resident_bytes_per_key,
        "used_bytes_per_key": memory.used_bytes_per_key,
    })
}

fn pause_json(pause: &Pause) -> Value {
    let waits = |waits: &Waits| json!({"p999_ms": waits.p999_ms, "max_ms": waits.max_ms});
    json!({
        "class": pause.class,
        "server": pause.contender.name(),
        "rate": pause.rate,
        "saves": pause.saves,
        "quiet": waits(&pause.quiet),
        "saving": waits(&pause.saving),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.throughput.is_empty() {
            self.throughput_table(f)?;
        }
        if !self.latency.is_empty() {
            self.latency_table(f)?;
        }
        if !self.memory.is_empty() {
            self.memory_table(f)?;
        }
        if !self.pauses.is_empty() {
            self.pause_table(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::throughput::Round;
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let spread = ratio(&[10.0, 30.0, 20.0], &[10.0, 10.0, 10.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 3.0));
        assert_eq!(ratio(&[], &[1.0]), None);
        assert_eq!(ratio(&[1.0], &[0.0]), None);
    }

    #[test]
    fn a_row_shows_both_servers_and_the_ratios() {
        let round = |contender, requests_per_second, cpu_us_per_request| Round {
            contender,
            requests_per_second,
            cpu_us_per_request,
            p99_ms: 1.0,
        };
        let rounds = vec![round(Bole, 300.0, 2.0), round(Peer, 200.0, 4.0)];
        let point = Point { class: "sync", test: "SET", clients: 50, pipeline: 1, rounds };
        let report = Report { throughput: vec![point], ..Report::default() };
        let row = "| sync | SET | 50 | 1 | 300 (300–300) | 200 (200–200) | 1.50 (1.50–1.50) | 2.00 (2.00–2.00) | \
                   4.00 (4.00–4.00) | 2.00 (2.00–2.00) |";
        assert!(report.to_string().contains(row), "{report}");
    }
}
