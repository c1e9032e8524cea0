//! The report: tables in Markdown for people, every round in JSON for later comparisons.
//!
//! Ratios are better for Bole when higher: throughput ours/peer; CPU, latency, memory and time to start peer/ours. Those
//! of rounds are taken round by round, so that what both saw at the same time is compared.

use super::Args;
use super::cases::{Case, Kind};
use super::contender::Side::{self, Ours, Peer};
use super::contender::{Node, Sides};
use super::load::Measured;
use crate::stats::{Spread, cell};
use serde_json::{Value, json};
use std::fmt;

/// All rounds of one case.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) case: &'static Case,
    pub(super) records: u64,
    pub(super) rounds: Vec<(Side, Measured)>,
}

/// What a node needed after all cases of a group.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) group: &'static str,
    pub(super) side: Side,
    pub(super) resident_bytes: u64,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    names: [&'static str; 2],
    rounds: u32,
    pub(super) points: Vec<Point>,
    pub(super) memory: Vec<Memory>,
    pub(super) start: Option<Vec<(Side, f64)>>,
}

/// Ours, the peer's, and the ratio that is better for Bole when higher.
struct Compared {
    ours: Vec<f64>,
    peer: Vec<f64>,
    higher_is_better: bool,
}

impl Compared {
    fn of(rounds: impl Iterator<Item = (Side, Option<f64>)>, higher_is_better: bool) -> Self {
        let mut compared = Self { ours: Vec::new(), peer: Vec::new(), higher_is_better };
        for (side, value) in rounds {
            let values = if side == Ours { &mut compared.ours } else { &mut compared.peer };
            values.extend(value);
        }
        compared
    }

    fn ratio(&self) -> Option<Spread> {
        let (above, below) =
            if self.higher_is_better { (&self.ours, &self.peer) } else { (&self.peer, &self.ours) };
        let pairs = above.iter().zip(below).filter(|(_, below)| **below > 0.0);
        Spread::of(pairs.map(|(above, below)| above / below))
    }

    fn cells(&self, decimals: usize) -> String {
        let [ours, peer] = [&self.ours, &self.peer].map(|values| Spread::of(values.iter().copied()));
        [cell(ours, decimals), cell(peer, decimals), cell(self.ratio(), 2)].join(" | ")
    }

    fn json(&self) -> Value {
        json!({"ours": self.ours, "peer": self.peer, "ratio": self.ratio().map(Spread::json)})
    }
}

impl Point {
    fn compare(&self, higher_is_better: bool, value: fn(&Measured) -> Option<f64>) -> Compared {
        Compared::of(self.rounds.iter().map(|(side, measured)| (*side, value(measured))), higher_is_better)
    }

    fn records_per_second(&self) -> Compared {
        self.compare(true, |measured| match measured {
            Measured::Throughput { records_per_second, .. } => Some(*records_per_second),
            Measured::Latency { .. } => None,
        })
    }

    fn cpu(&self) -> Compared {
        self.compare(false, |measured| match measured {
            Measured::Throughput { cpu_seconds_per_million, .. } => *cpu_seconds_per_million,
            Measured::Latency { .. } => None,
        })
    }

    /// p50, p99 and p99.9.
    fn percentiles(&self) -> [Compared; 3] {
        let values: [fn(&Measured) -> Option<f64>; 3] = [
            |measured| if let Measured::Latency { p50_ms, .. } = measured { Some(*p50_ms) } else { None },
            |measured| if let Measured::Latency { p99_ms, .. } = measured { Some(*p99_ms) } else { None },
            |measured| if let Measured::Latency { p999_ms, .. } = measured { Some(*p999_ms) } else { None },
        ];
        values.map(|value| self.compare(false, value))
    }

    /// Megabytes (10^6 bytes) of values a second, as the median of each side.
    fn megabytes(&self) -> String {
        let compared = self.records_per_second();
        let median = |values: &[f64]| {
            let spread = Spread::of(values.iter().map(|rate| rate * self.case.size as f64 / 1e6));
            spread.map_or_else(|| "–".into(), |spread| format!("{:.1}", spread.median))
        };
        format!("{} | {}", median(&compared.ours), median(&compared.peer))
    }

    /// One line while the benchmark runs.
    pub(super) fn line(&self, nodes: &[Node]) -> String {
        let rounds = self.rounds.iter().map(|(side, measured)| {
            let name = nodes.iter().find(|node| node.side == *side).map_or("", |node| node.name);
            match measured {
                Measured::Throughput { records_per_second, .. } => {
                    format!("{name} {records_per_second:.0}/s")
                }
                Measured::Latency { p50_ms, p99_ms, .. } => {
                    format!("{name} p50 {p50_ms:.2} p99 {p99_ms:.2} ms")
                }
            }
        });
        format!("{}: {}", self.case.name(), rounds.collect::<Vec<_>>().join(", "))
    }

    fn json(&self) -> Value {
        let mut object = json!({"case": self.case.name(), "records": self.records});
        if self.case.kind == Kind::Latency {
            object["rate"] = json!(self.case.rate());
            for (name, compared) in ["p50_ms", "p99_ms", "p999_ms"].into_iter().zip(self.percentiles()) {
                object[name] = compared.json();
            }
        } else {
            object["records_per_second"] = self.records_per_second().json();
            object["cpu_seconds_per_million"] = self.cpu().json();
        }
        object
    }
}

impl Report {
    pub(super) fn new(sides: &Sides, args: &Args) -> Self {
        Self {
            names: sides.names(),
            rounds: args.rounds(),
            points: Vec::new(),
            memory: Vec::new(),
            start: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.start.is_none()
    }

    pub(super) fn json(&self) -> Value {
        let memory = self.memory.iter().map(|memory| {
            json!({"group": memory.group, "side": self.name(memory.side), "resident_bytes": memory.resident_bytes})
        });
        json!({
            "ours": self.names[0],
            "peer": self.names[1],
            "rounds": self.rounds,
            "points": self.points.iter().map(Point::json).collect::<Vec<_>>(),
            "memory": memory.collect::<Vec<_>>(),
            "start_seconds": self.starts().map(|starts| starts.json()),
        })
    }

    fn name(&self, side: Side) -> &'static str {
        self.names[usize::from(side == Peer)]
    }

    fn starts(&self) -> Option<Compared> {
        let rounds = self.start.as_ref()?.iter().map(|(side, seconds)| (*side, Some(*seconds)));
        Some(Compared::of(rounds, false))
    }

    fn throughput(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<_> = self.points.iter().filter(|point| point.case.kind != Kind::Latency).collect();
        if points.is_empty() {
            return Ok(());
        }
        let [ours, peer] = self.names;
        writeln!(f, "Throughput, and CPU of the server, median (range).\n")?;
        writeln!(
            f,
            "| case | {ours} records/s | {peer} records/s | ratio | {ours} MB/s | {peer} MB/s \
             | {ours} CPU s/10⁶ | {peer} CPU s/10⁶ | ratio |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for point in points {
            let rates = point.records_per_second().cells(0);
            writeln!(
                f,
                "| {} | {rates} | {} | {} |",
                point.case.name(),
                point.megabytes(),
                point.cpu().cells(2)
            )?;
        }
        writeln!(f)
    }

    fn latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<_> = self.points.iter().filter(|point| point.case.kind == Kind::Latency).collect();
        if points.is_empty() {
            return Ok(());
        }
        let [ours, peer] = self.names;
        writeln!(f, "From due to read at a fixed rate (open loop), ms, median (range).\n")?;
        write!(f, "| case | records/s ")?;
        for share in ["p50", "p99", "p99.9"] {
            write!(f, "| {ours} {share} | {peer} {share} | ratio ")?;
        }
        writeln!(f, "|\n|---|---:{}|", "|---:".repeat(9))?;
        for point in points {
            let cells = point.percentiles().map(|compared| compared.cells(2)).join(" | ");
            writeln!(f, "| {} | {} | {cells} |", point.case.name(), point.case.rate())?;
        }
        writeln!(f)
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ours, peer] = self.names;
        writeln!(f, "Resident memory after the cases, MiB; start to first acknowledged record, s.\n")?;
        writeln!(f, "| | {ours} | {peer} | ratio |\n|---|---:|---:|---:|")?;
        let mut groups: Vec<&str> = self.memory.iter().map(|memory| memory.group).collect();
        groups.dedup();
        for group in groups {
            let of_group = self.memory.iter().filter(|memory| memory.group == group);
            let mebibytes =
                |memory: &Memory| (memory.side, Some(memory.resident_bytes as f64 / (1024.0 * 1024.0)));
            writeln!(f, "| memory, {group} | {} |", Compared::of(of_group.map(mebibytes), false).cells(0))?;
        }
        if let Some(starts) = self.starts() {
            writeln!(f, "| start | {} |", starts.cells(3))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} round(s), interleaved. Ratios above 1 are better for {}.\n",
            self.rounds, self.names[0]
        )?;
        self.throughput(f)?;
        self.latency(f)?;
        self.costs(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::*;

    fn report(case: &'static Case, rounds: Vec<(Side, Measured)>) -> Report {
        let point = Point { case, records: 10, rounds };
        let start = Some(vec![(Ours, 0.1), (Peer, 2.0)]);
        let memory = [(Ours, 100), (Peer, 1000)].map(|(side, mebibytes)| Memory {
            group: "some",
            side,
            resident_bytes: mebibytes * 1024 * 1024,
        });
        Report { names: ["bole", "kafka"], rounds: 1, points: vec![point], memory: memory.into(), start }
    }

    #[test]
    fn ratios_are_better_for_ours_when_higher() {
        let round = |side, records_per_second, cpu| {
            (side, Measured::Throughput { records_per_second, cpu_seconds_per_million: Some(cpu) })
        };
        let case = CASES.iter().find(|case| case.kind == Kind::Produce && case.size == 1024).unwrap();
        let text = report(case, vec![round(Ours, 3000.0, 2.0), round(Peer, 2000.0, 8.0)]).to_string();
        let row = "| 3000 (3000–3000) | 2000 (2000–2000) | 1.50 (1.50–1.50) | 3.1 | 2.0 | 2.00 (2.00–2.00) | \
                   8.00 (8.00–8.00) | 4.00 (4.00–4.00) |";
        assert!(text.contains(row), "{text}");
        assert!(
            text.contains("| memory, some | 100 (100–100) | 1000 (1000–1000) | 10.00 (10.00–10.00) |"),
            "{text}"
        );
        assert!(text.contains("| start | 0.100 (0.100–0.100) | 2.000 (2.000–2.000) | 20.00"), "{text}");
    }

    #[test]
    fn percentiles_have_their_columns() {
        let round = |side, factor: f64| {
            (side, Measured::Latency { p50_ms: factor, p99_ms: 2.0 * factor, p999_ms: 3.0 * factor })
        };
        let case = CASES.iter().find(|case| case.kind == Kind::Latency).unwrap();
        let report = report(case, vec![round(Ours, 1.0), round(Peer, 2.0)]);
        assert!(
            report.to_string().contains("| 2.00 (2.00–2.00) | 4.00 (4.00–4.00) | 2.00 (2.00–2.00) |"),
            "{report}"
        );
        assert_eq!(report.json()["points"][0]["p99_ms"]["ratio"]["median"], 2.0);
    }
}
