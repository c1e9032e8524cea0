//! Transactions a second of pgbench's own scripts, and the CPU time that the server spent for each.

use super::Args;
use super::contender::{Contender, Node};
use super::report::Report;
use anyhow::{Context, Result};

/// pgbench's scripts: name, and how it is told.
const SCRIPTS: &[(&str, &str)] =
    &[("TPC-B-like", "tpcb-like"), ("simple update", "simple-update"), ("select only", "select-only")];
const MODES: &[&str] = &["prepared", "simple"];

/// One run of pgbench.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) contender: Contender,
    pub(super) transactions_per_second: f64,
    pub(super) latency_ms: f64,
    pub(super) cpu_us: f64,
}

/// All rounds of one script with one number of clients in one mode.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) script: &'static str,
    pub(super) mode: &'static str,
    pub(super) clients: u32,
    pub(super) rounds: Vec<Round>,
}

pub(super) fn measure(nodes: &[Node], args: &Args, report: &mut Report) -> Result<()> {
    for node in nodes {
        let mut init = node.client("pgbench");
        init.args(["-i", "-q", "-n", "-I", "dtgp", "-s", &args.scale.to_string()]);
        xtask::process::output(&mut init).with_context(|| format!("on {}", node.contender.name()))?;
        // PostgreSQL's planner and its visibility map are as they would be after a while.
        if node.contender == Contender::Peer {
            node.psql(&["VACUUM ANALYZE"])?;
        }
    }
    for &(script, option) in SCRIPTS {
        for &clients in &args.clients {
            for &mode in MODES {
                let mut point = Point { script, mode, clients, rounds: Vec::new() };
                for _ in 0..args.rounds {
                    for node in nodes {
                        point.rounds.push(run(node, option, mode, clients, args.seconds)?);
                    }
                }
                println!("{}", point.line());
                report.points.push(point);
            }
        }
    }
    Ok(())
}

fn run(node: &Node, script: &str, mode: &str, clients: u32, seconds: u32) -> Result<Round> {
    let mut pgbench = node.client("pgbench");
    pgbench.args(["-n", "-b", script, "-M", mode, "-c", &clients.to_string(), "-j", "1"]);
    pgbench.args(["-T", &seconds.to_string()]);
    let cpu_before = node.cpu_seconds()?;
    let output =
        xtask::process::output(&mut pgbench).with_context(|| format!("on {}", node.contender.name()))?;
    let cpu = node.cpu_seconds()? - cpu_before;
    let number =
        |before: &str| parse(&output, before).with_context(|| format!("no {before:?} in {output:?}"));
    let done = number("number of transactions actually processed: ")?;
    Ok(Round {
        contender: node.contender,
        transactions_per_second: number("tps = ")?,
        latency_ms: number("latency average = ")?,
        cpu_us: cpu * 1e6 / done.max(1.0),
    })
}

/// The number that follows `before` in pgbench's output.
fn parse(output: &str, before: &str) -> Option<f64> {
    let behind = output.split_once(before)?.1;
    behind.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?.parse().ok()
}

impl Point {
    /// What the rounds of one contender gave, in order.
    pub(super) fn of(&self, contender: Contender, value: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().filter(|round| round.contender == contender).map(value).collect()
    }

    fn line(&self) -> String {
        let Self { script, mode, clients, rounds } = self;
        let rounds = rounds
            .iter()
            .map(|round| format!("{} {:.0}", round.contender.name(), round.transactions_per_second));
        format!("{script}, {clients} clients, {mode}: {} tps", rounds.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_output_of_pgbench_is_read() {
        let output = "number of transactions actually processed: 3053\nlatency average = 3.276 ms\ntps = 305.268211 (without";
        assert_eq!(parse(output, "tps = "), Some(305.268_211));
        assert_eq!(parse(output, "latency average = "), Some(3.276));
        assert_eq!(parse(output, "actually processed: "), Some(3053.0));
        assert_eq!(parse(output, "failed: "), None);
    }
}
