//! The report: tables in Markdown for people, every round in JSON for later comparisons. Ratios above 1 are better for Bole and are taken round by round.

use super::cases::Case;
use super::contender::Contender;
use super::load::{Measured, Paced};
use crate::stats::{Spread, cell};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// All rounds of one case.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) case: &'static Case,
    pub(super) rounds: Vec<(Contender, Measured)>,
    pub(super) paced: Vec<(Contender, Paced)>,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rounds: u32,
    pub(super) seconds: u32,
    pub(super) points: Vec<Point>,
    /// Bytes for each idle connection.
    pub(super) idle: Vec<(Contender, f64)>,
}

fn of<T: Copy>(rounds: &[(Contender, T)], contender: Contender, value: fn(T) -> f64) -> Vec<f64> {
    rounds.iter().filter(|(whose, _)| *whose == contender).map(|(_, measured)| value(*measured)).collect()
}

/// The ratio above/below of each pair.
fn ratio(above: &[f64], below: &[f64]) -> Option<Spread> {
    Spread::of(above.iter().zip(below).filter(|(_, below)| **below > 0.0).map(|(above, below)| above / below))
}

impl Point {
    fn cpu(&self, contender: Contender) -> Vec<f64> {
        of(&self.rounds, contender, |measured| measured.cpu_us)
    }

    /// The lowest median of requests a second.
    pub(super) fn slowest(&self) -> f64 {
        let medians = Contender::ALL.iter().filter_map(|contender| {
            Spread::of(of(&self.rounds, *contender, |measured| measured.requests_per_second))
        });
        medians.map(|spread| spread.median).fold(f64::INFINITY, f64::min)
    }

    /// What is told while the run goes on: CPU for each request, and the ratios.
    pub(super) fn line(&self) -> String {
        let each = Contender::ALL.iter().filter_map(|contender| {
            let spread = Spread::of(self.cpu(*contender))?;
            let ratio = ratio(&self.cpu(*contender), &self.cpu(Contender::Bole));
            let ratio = ratio.map(|ratio| format!(" [{:.2}]", ratio.median)).unwrap_or_default();
            Some(format!("{} {:.1} µs{ratio}", contender.name(), spread.median))
        });
        format!("{}: {}", self.case.name(), each.collect::<Vec<_>>().join(", "))
    }

    fn json(&self) -> Value {
        let round = |(contender, it): &(Contender, Measured)| json!({"server": contender.name(), "requests_per_second": it.requests_per_second, "cpu_us": it.cpu_us});
        let paced = |(contender, it): &(Contender, Paced)| {
            json!({"server": contender.name(), "requests_per_second": it.requests_per_second,
                "p50_ms": it.p50_ms, "p99_ms": it.p99_ms})
        };
        json!({
            "case": self.case.name(),
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "paced": self.paced.iter().map(paced).collect::<Vec<_>>(),
        })
    }
}

impl Report {
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("gateway.json"), format!("{:#}\n", self.json()))?;
        std::fs::write(folder.join("gateway.md"), self.to_string())?;
        Ok(())
    }

    fn json(&self) -> Value {
        let idle =
            |(contender, bytes): &(Contender, f64)| json!({"server": contender.name(), "bytes": bytes});
        json!({
            "rounds": self.rounds,
            "seconds": self.seconds,
            "cases": self.points.iter().map(Point::json).collect::<Vec<_>>(),
            "idle": self.idle.iter().map(idle).collect::<Vec<_>>(),
        })
    }

    /// A table of all servers, with the ratio of each peer to Bole behind.
    fn table(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        decimals: usize,
        values: impl Fn(&Point, Contender) -> Vec<f64>,
        higher_is_better: bool,
    ) -> fmt::Result {
        writeln!(f, "{title}\n")?;
        let names = Contender::ALL.map(Contender::name).join(" | ");
        let ratios = Contender::PEERS.map(|peer| format!("to {}", peer.name())).join(" | ");
        writeln!(f, "| case | {names} | {ratios} |\n|---|{}", "---:|".repeat(9))?;
        for point in &self.points {
            let cells = Contender::ALL.map(|who| cell(Spread::of(values(point, who)), decimals)).join(" | ");
            let ours = values(point, Contender::Bole);
            let ratios = Contender::PEERS.map(|peer| {
                let theirs = values(point, peer);
                cell(if higher_is_better { ratio(&ours, &theirs) } else { ratio(&theirs, &ours) }, 2)
            });
            writeln!(f, "| {} | {cells} | {} |", point.case.name(), ratios.join(" | "))?;
        }
        writeln!(f)
    }

    /// What each thing that is switched on costs: CPU of the bare proxy over CPU with it.
    fn switched_on(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.points.iter().find(|point| point.case.name() == "h1/plain/1KiB");
        let Some(bare) = bare else { return Ok(()) };
        for point in self.points.iter().filter(|point| point.case.with.is_some()) {
            let ratio = ratio(&bare.cpu(Contender::Bole), &point.cpu(Contender::Bole));
            writeln!(f, "{}: {} requests for one of the bare proxy.", point.case.name(), cell(ratio, 2))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, seconds, .. } = self;
        writeln!(
            f,
            "{rounds} round(s) of {seconds} s, interleaved, one core for the proxy, one for load and upstream. Median (range). Ratios above 1 are better for bole.\n"
        )?;
        self.table(
            f,
            "CPU of the proxy for each request, µs; ratios are of requests per CPU second.",
            1,
            Point::cpu,
            false,
        )?;
        let rate = |point: &Point, who| of(&point.rounds, who, |measured| measured.requests_per_second);
        self.table(
            f,
            "Requests a second; where the load's core is the bound, they say little.",
            0,
            rate,
            true,
        )?;
        let p99 = |point: &Point, who| of(&point.paced, who, |paced| paced.p99_ms);
        self.table(f, "p99 at 70 % of what the slowest bears, ms.", 2, p99, false)?;
        let p50 = |point: &Point, who| of(&point.paced, who, |paced| paced.p50_ms);
        self.table(f, "p50 at the same rate, ms.", 2, p50, false)?;
        self.switched_on(f)?;
        for (contender, bytes) in &self.idle {
            writeln!(f, "An idle connection of {}: {:.1} KiB.", contender.name(), bytes / 1024.0)?;
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
        let measured = |requests_per_second, cpu_us| Measured { requests_per_second, cpu_us };
        let bare = Point {
            case: &CASES[0],
            rounds: vec![
                (Contender::Bole, measured(300.0, 10.0)),
                (Contender::Nginx, measured(200.0, 8.0)),
                (Contender::Envoy, measured(100.0, 40.0)),
            ],
            paced: Vec::new(),
        };
        assert!((bare.slowest() - 100.0).abs() < f64::EPSILON);
        let with = CASES.iter().find(|case| case.with.is_some()).unwrap();
        let limited =
            Point { case: with, rounds: vec![(Contender::Bole, measured(280.0, 12.5))], paced: Vec::new() };
        let report = Report { rounds: 1, seconds: 1, points: vec![bare, limited], idle: Vec::new() };
        let text = report.to_string();
        for part in [
            "| h1/plain/1KiB | 10.0 (10.0–10.0) | 8.0 (8.0–8.0) | – | 40.0 (40.0–40.0) | – | 0.80 (0.80–0.80) | – | 4.00 (4.00–4.00) | – |",
            "| h1/plain/1KiB | 300 (300–300) | 200 (200–200) | – | 100 (100–100) | – | 1.50 (1.50–1.50) | – | 3.00 (3.00–3.00) | – |",
            "h1/plain/1KiB/limit: 0.80 (0.80–0.80) requests for one of the bare proxy.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
