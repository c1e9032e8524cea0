//! The report: tables in Markdown for people, every round in JSON for later comparisons. Ratios above 1 are better for Bole and are taken round by round.

use super::Pace;
use super::load::{Measured, Paced};
use crate::stats::{Spread, cell};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// All rounds of one case.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) rounds: Vec<(&'static str, Measured)>,
    pub(crate) paced: Vec<(&'static str, Paced)>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the files are called.
    pub(crate) name: &'static str,
    /// Bole first.
    pub(crate) servers: Vec<&'static str>,
    pub(crate) pace: Pace,
    pub(crate) points: Vec<Point>,
    /// What else is told, a sentence each.
    pub(crate) notes: Vec<String>,
}

fn of<T: Copy>(rounds: &[(&'static str, T)], server: &str, value: fn(T) -> f64) -> Vec<f64> {
    rounds.iter().filter(|(whose, _)| *whose == server).map(|(_, measured)| value(*measured)).collect()
}

/// The ratio above/below of each pair.
pub(crate) fn ratio(above: &[f64], below: &[f64]) -> Option<Spread> {
    Spread::of(above.iter().zip(below).filter(|(_, below)| **below > 0.0).map(|(above, below)| above / below))
}

impl Point {
    /// Of each round.
    pub(crate) fn cpu(&self, server: &str) -> Vec<f64> {
        of(&self.rounds, server, |measured| measured.cpu_us)
    }

    fn servers(&self) -> Vec<&'static str> {
        let mut servers: Vec<&'static str> = Vec::new();
        for (server, _) in &self.rounds {
            if !servers.contains(server) {
                servers.push(server);
            }
        }
        servers
    }

    /// The lowest median of requests a second.
    pub(crate) fn slowest(&self) -> f64 {
        let servers = self.servers();
        let medians = servers.iter().filter_map(|server| {
            Spread::of(of(&self.rounds, server, |measured| measured.requests_per_second))
        });
        medians.map(|spread| spread.median).fold(f64::INFINITY, f64::min)
    }

    /// What is told while the run goes on: CPU for each request, and the ratios.
    pub(crate) fn line(&self) -> String {
        let servers = self.servers();
        let ours = servers.first().map(|first| self.cpu(first)).unwrap_or_default();
        let each = servers.iter().filter_map(|server| {
            let spread = Spread::of(self.cpu(server))?;
            let ratio = ratio(&self.cpu(server), &ours).map(|ratio| format!(" [{:.2}]", ratio.median));
            Some(format!("{server} {:.1} µs{}", spread.median, ratio.unwrap_or_default()))
        });
        format!("{}: {}", self.name, each.collect::<Vec<_>>().join(", "))
    }

    fn json(&self) -> Value {
        let round = |(server, it): &(&str, Measured)| json!({"server": server, "requests_per_second": it.requests_per_second, "cpu_us": it.cpu_us});
        let paced = |(server, it): &(&str, Paced)| {
            json!({"server": server, "requests_per_second": it.requests_per_second,
                "p50_ms": it.p50_ms, "p99_ms": it.p99_ms})
        };
        json!({
            "case": self.name,
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "paced": self.paced.iter().map(paced).collect::<Vec<_>>(),
        })
    }
}

impl Report {
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join(format!("{}.json", self.name)), format!("{:#}\n", self.json()))?;
        std::fs::write(folder.join(format!("{}.md", self.name)), self.to_string())?;
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "rounds": self.pace.rounds,
            "seconds": self.pace.seconds,
            "cases": self.points.iter().map(Point::json).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// A table of all servers, with the ratio of each other one to the first behind.
    fn table(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        decimals: usize,
        values: impl Fn(&Point, &str) -> Vec<f64>,
        higher_is_better: bool,
    ) -> fmt::Result {
        let Some((first, others)) = self.servers.split_first() else { return Ok(()) };
        writeln!(f, "{title}\n")?;
        let heads = self.servers.iter().map(|name| (*name).to_owned());
        let heads = heads.chain(others.iter().map(|other| format!("to {other}"))).collect::<Vec<_>>();
        writeln!(f, "| case | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(heads.len()))?;
        for point in &self.points {
            let ours = values(point, first);
            let cells = self.servers.iter().map(|server| cell(Spread::of(values(point, server)), decimals));
            let ratios = others.iter().map(|other| {
                let theirs = values(point, other);
                cell(if higher_is_better { ratio(&ours, &theirs) } else { ratio(&theirs, &ours) }, 2)
            });
            writeln!(f, "| {} | {} |", point.name, cells.chain(ratios).collect::<Vec<_>>().join(" | "))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pace { rounds, seconds } = self.pace;
        writeln!(
            f,
            "{rounds} round(s) of {seconds} s, interleaved, one core for the server, one for load and upstream. Median (range). Ratios above 1 are better for bole.\n"
        )?;
        let cpu = |point: &Point, server: &str| point.cpu(server);
        self.table(
            f,
            "CPU of the server for each request, µs; ratios are of requests per CPU second.",
            1,
            cpu,
            false,
        )?;
        let rate =
            |point: &Point, server: &str| of(&point.rounds, server, |measured| measured.requests_per_second);
        self.table(
            f,
            "Requests a second; where the load's core is the bound, they say little.",
            0,
            rate,
            true,
        )?;
        let p99 = |point: &Point, server: &str| of(&point.paced, server, |paced| paced.p99_ms);
        self.table(f, "p99 at 70 % of what the slowest bears, ms.", 2, p99, false)?;
        let p50 = |point: &Point, server: &str| of(&point.paced, server, |paced| paced.p50_ms);
        self.table(f, "p50 at the same rate, ms.", 2, p50, false)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_better_for_bole_when_higher() {
        let measured = |requests_per_second, cpu_us| Measured { requests_per_second, cpu_us };
        let rounds = vec![
            ("bole", measured(300.0, 10.0)),
            ("nginx", measured(200.0, 8.0)),
            ("envoy", measured(100.0, 40.0)),
        ];
        let point = Point { name: "h1".into(), rounds, paced: Vec::new() };
        assert!((point.slowest() - 100.0).abs() < f64::EPSILON);
        assert_eq!(point.line(), "h1: bole 10.0 µs [1.00], nginx 8.0 µs [0.80], envoy 40.0 µs [4.00]");
        let report = Report {
            name: "test",
            servers: vec!["bole", "nginx", "caddy", "envoy"],
            pace: Pace { rounds: 1, seconds: 1 },
            points: vec![point],
            notes: vec!["An idle connection needs nothing.".into()],
        };
        let text = report.to_string();
        for part in [
            "| case | bole | nginx | caddy | envoy | to nginx | to caddy | to envoy |",
            "| h1 | 10.0 (10.0–10.0) | 8.0 (8.0–8.0) | – | 40.0 (40.0–40.0) | 0.80 (0.80–0.80) | – | 4.00 (4.00–4.00) |",
            "| h1 | 300 (300–300) | 200 (200–200) | – | 100 (100–100) | 1.50 (1.50–1.50) | – | 3.00 (3.00–3.00) |",
            "An idle connection needs nothing.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
