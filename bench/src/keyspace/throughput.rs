//! Requests a second by redis-benchmark, and the CPU time that the server spent for each.

use super::class::{Class, Contender, Node};
use super::workload::Test;
use super::{Args, Plan};
use crate::usage;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// A run of redis-benchmark that takes longer is hung: it waits forever for a server that died.
const RUN_SECONDS_MAX: &str = "300";

/// One run of redis-benchmark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) contender: Contender,
    pub(super) requests_per_second: f64,
    pub(super) cpu_us_per_request: f64,
    pub(super) p99_ms: f64,
}

/// All rounds of one test at one number of clients and one pipeline depth.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) class: &'static str,
    pub(super) test: &'static str,
    pub(super) clients: u32,
    pub(super) pipeline: u32,
    pub(super) rounds: Vec<Round>,
}

pub(super) fn measure(
    class: &'static Class,
    nodes: &[Node],
    plan: &Plan,
    points: &mut Vec<Point>,
) -> Result<()> {
    for &test in &plan.tests {
        for &clients in &plan.args.clients {
            for &pipeline in &plan.args.pipeline {
                let mut point =
                    Point { class: class.name, test: test.name, clients, pipeline, rounds: Vec::new() };
                for _ in 0..plan.args.rounds {
                    for node in nodes {
                        point.rounds.push(run(node, test, &point, &plan.args)?);
                    }
                }
                println!("{}", point.line());
                points.push(point);
            }
        }
    }
    Ok(())
}

fn run(node: &Node, test: &Test, point: &Point, args: &Args) -> Result<Round> {
    let requests = if point.pipeline == 1 { args.requests } else { args.requests.saturating_mul(5) };
    test.prepare(node, requests, args.keyspace)?;
    let port = node.address().port().to_string();
    let mut command = Command::new("timeout");
    command.args([RUN_SECONDS_MAX, "redis-benchmark", "-h", "127.0.0.1", "-p", &port, "--csv"]);
    command.args(["-n", &requests.to_string(), "-r", &args.keyspace.to_string()]);
    command.args(["-c", &point.clients.to_string(), "-P", &point.pipeline.to_string()]);
    command.args(test.arguments);
    let cpu_before = usage::cpu_seconds(node.pid())?;
    let output = xtask::process::output(&mut command)?;
    let cpu = usage::cpu_seconds(node.pid())? - cpu_before;
    let (requests_per_second, p99_ms) = parse(&output)?;
    let cpu_us_per_request = cpu * 1e6 / f64::from(requests);
    Ok(Round { contender: node.contender, requests_per_second, cpu_us_per_request, p99_ms })
}

/// Requests a second and p99 of the only row of redis-benchmark's CSV, by the names in its head.
fn parse(output: &str) -> Result<(f64, f64)> {
    let fields =
        |line: &str| -> Vec<String> { line.split("\",\"").map(|field| field.replace('"', "")).collect() };
    let mut lines = output.lines().filter(|line| line.starts_with('"'));
    let (head, row) = (lines.next().map(fields), lines.next().map(fields));
    let (Some(head), Some(row), None) = (head, row, lines.next()) else {
        bail!("redis-benchmark did not print one row: {output:?}");
    };
    let number = |name: &str| {
        let field = head.iter().position(|field| field == name).and_then(|index| row.get(index));
        field.and_then(|field| field.parse::<f64>().ok()).with_context(|| format!("no {name} in {output:?}"))
    };
    Ok((number("rps")?, number("p99_latency_ms")?))
}

impl Point {
    /// What the rounds of one contender gave, in order.
    pub(super) fn of(&self, contender: Contender, value: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().filter(|round| round.contender == contender).map(value).collect()
    }

    fn line(&self) -> String {
        let Self { class, test, clients, pipeline, .. } = self;
        let rounds = self
            .rounds
            .iter()
            .map(|round| format!("{} {:.0}", round.contender.name(), round.requests_per_second));
        let rounds: Vec<String> = rounds.collect();
        format!("{class} {test} {clients} clients, pipeline {pipeline}: {} requests/s", rounds.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_of_redis_benchmark_is_read() {
        let head = "\"test\",\"rps\",\"avg_latency_ms\",\"p99_latency_ms\"\n";
        let row = "\"MSET (10 keys)\",\"465116.25\",\"1.614\",\"2.063\"\n";
        assert_eq!(parse(&format!("{head}{row}")).unwrap(), (465_116.25, 2.063));
        assert!(parse(head).is_err());
        assert!(parse(&format!("{head}{row}{row}")).is_err());
        assert!(parse("\"test\"\n\"SET\"\n").is_err());
    }
}
