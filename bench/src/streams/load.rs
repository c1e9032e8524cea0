//! The load generators: how each is started, and what its output says.

use super::cases::{Case, Kind, Tool};
use super::contender::Node;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use xtask::{kafka, process};

/// A generator that takes longer than this counts as hung.
const RUN_SECONDS_MAX: &str = "600";

/// What one round of a case gave.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measured {
    /// Produce and consume.
    Throughput { records_per_second: f64, cpu_seconds_per_million: Option<f64> },
    /// Latency.
    Latency { p50_ms: f64, p99_ms: f64, p999_ms: f64 },
}

fn room() -> PathBuf {
    process::tools_dir().join("librdkafka")
}

/// Builds the generator on librdkafka; the C library takes a minute or two the first time.
pub(super) fn build() -> Result<()> {
    let manifest = process::repository().join("bench/librdkafka/Cargo.toml");
    let mut cargo = process::cargo();
    cargo.args(["build", "-q", "--release", "--locked", "--manifest-path"]).arg(manifest);
    process::run(cargo.arg("--target-dir").arg(room()))
}

/// A job of the generator on librdkafka against a node.
pub(super) fn rdkafka(node: &Node, job: &str) -> Command {
    rdkafka_at(node.address, job)
}

/// The same before there is a node.
pub(super) fn rdkafka_at(address: std::net::SocketAddr, job: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg(RUN_SECONDS_MAX).arg(room().join("release/streams-load"));
    command.args(["--bootstrap", &address.to_string(), job]);
    command
}

/// One of Kafka's own tools, with the heap that its script gives it.
fn java(class: &str, node: &Node) -> Command {
    let java = kafka::java();
    let mut command = Command::new("timeout");
    command.arg(RUN_SECONDS_MAX).arg(java.get_program()).arg("-Xmx512M").args(java.get_args());
    command.arg(format!("org.apache.kafka.tools.{class}"));
    command.args(["--bootstrap-server", &node.address.to_string()]);
    command
}

fn topic_name() -> String {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    format!("bench-{}-{}", std::process::id(), NUMBERS.fetch_add(1, Ordering::Relaxed))
}

/// Creates what all rounds of a case share: the filled topic of a consumer; ten thousand partitions, which no round can
/// afford to create. None when each round creates its own.
pub(super) fn prepare(case: &Case, node: &Node, records: u64) -> Result<Option<String>> {
    if case.kind != Kind::Consume && case.group() == super::Group::Few {
        return Ok(None);
    }
    let topic = topic_name();
    node.create_topic(&topic, case.partitions, case.durability)?;
    if case.kind == Kind::Consume {
        process::output(&mut produce_by_rdkafka(case, node, &topic, records))?;
    }
    Ok(Some(topic))
}

/// Runs one round, on the shared topic when there is one.
pub(super) fn run(case: &Case, node: &Node, shared: Option<&str>, records: u64) -> Result<Measured> {
    let own = if shared.is_none() { Some(topic_name()) } else { None };
    if let Some(topic) = &own {
        node.create_topic(topic, case.partitions, case.durability)?;
    }
    let topic = shared.or(own.as_deref()).context("a round has a topic")?;
    // What earlier runs left for the disk must not be paid for by this one.
    process::output(&mut Command::new("sync"))?;
    let measured = match case.kind {
        Kind::Latency => latency(case, node, topic, records)?,
        Kind::Produce | Kind::Consume => throughput(case, node, topic, records)?,
    };
    own.iter().try_for_each(|topic| node.delete_topic(topic))?;
    Ok(measured)
}

fn throughput(case: &Case, node: &Node, topic: &str, records: u64) -> Result<Measured> {
    let (mut command, read): (Command, fn(&str) -> Result<f64>) = match (case.kind, case.tool) {
        (Kind::Consume, Tool::Java) => {
            let mut command = java("ConsumerPerformance", node);
            command.args(["--topic", topic, "--num-records", &records.to_string(), "--timeout", "60000"]);
            (command, consumer_performance)
        }
        (Kind::Consume, Tool::Rdkafka) => {
            let mut command = rdkafka(node, "consume");
            command.args(["--topic", topic, "--records", &records.to_string()]);
            command.args(["--partitions", &case.partitions.to_string()]);
            (command, rdkafka_rate)
        }
        (_, Tool::Java) => {
            let mut command = java("ProducerPerformance", node);
            command.args(["--topic", topic, "--num-records", &records.to_string(), "--throughput", "-1"]);
            command.args(["--record-size", &case.size.to_string(), "--command-property", "acks=all"]);
            // The rate of its last line leaves out what the generator's own machine needs to get warm.
            command.args(["--warmup-records", &(records / 4).to_string()]);
            (command, producer_performance)
        }
        (_, Tool::Rdkafka) => (produce_by_rdkafka(case, node, topic, records), rdkafka_rate),
    };
    let before = node.cpu_seconds()?;
    let output = process::output(&mut command)?;
    let cpu = node.cpu_seconds()?.zip(before).map(|(after, before)| after - before);
    Ok(Measured::Throughput {
        records_per_second: read(&output)?,
        cpu_seconds_per_million: cpu.map(|cpu| cpu * 1e6 / records as f64),
    })
}

fn produce_by_rdkafka(case: &Case, node: &Node, topic: &str, records: u64) -> Command {
    let mut command = rdkafka(node, "produce");
    command.args(["--topic", topic, "--records", &records.to_string(), "--size", &case.size.to_string()]);
    command.args(["--partitions", &case.partitions.to_string()]);
    command
}

fn latency(case: &Case, node: &Node, topic: &str, records: u64) -> Result<Measured> {
    let mut command = rdkafka(node, "latency");
    command.args(["--topic", topic, "--size", &case.size.to_string(), "--records", &records.to_string()]);
    command.args(["--partitions", &case.partitions.to_string(), "--rate", &case.rate().to_string()]);
    // Two seconds, so that connections, caches and the machine of a virtual machine are warm.
    command.args(["--warm-up", &(2 * case.rate()).to_string()]);
    let result = json(&process::output(&mut command)?)?;
    let number = |name: &str| result[name].as_f64().with_context(|| format!("no {name} in {result}"));
    Ok(Measured::Latency {
        p50_ms: number("p50_ms")?,
        p99_ms: number("p99_ms")?,
        p999_ms: number("p999_ms")?,
    })
}

fn json(output: &str) -> Result<Value> {
    serde_json::from_str(output.trim()).with_context(|| format!("not JSON: {output:?}"))
}

fn rdkafka_rate(output: &str) -> Result<f64> {
    let result = json(output)?;
    let number = |name: &str| result[name].as_f64().with_context(|| format!("no {name} in {result}"));
    Ok(number("records")? / number("seconds")?)
}

/// The last line of `ProducerPerformance`: `5000 steady state records sent, 1234.5 records/sec (1.18 MB/sec), …`. Lines
/// before it report intervals, the whole run, and failures of single records.
fn producer_performance(output: &str) -> Result<f64> {
    let last = output.lines().rfind(|line| line.contains(" steady state records sent, "));
    let rate = last.and_then(|line| line.split(", ").nth(1)?.split_once(' ')?.0.parse().ok());
    if output.contains("Exception") {
        bail!("records were refused: {output}");
    }
    rate.with_context(|| format!("no rate in {output:?}"))
}

/// The row of `ConsumerPerformance`, by the name of its column; joining the group is not counted.
fn consumer_performance(output: &str) -> Result<f64> {
    let fields = |line: &str| -> Vec<String> { line.split(", ").map(str::to_owned).collect() };
    let mut lines = output.lines().skip_while(|line| !line.starts_with("start.time"));
    let head = lines.next().map(fields).unwrap_or_default();
    let row = lines.next().map(fields).unwrap_or_default();
    let column = head.iter().position(|name| name.trim() == "fetch.nMsg.sec");
    let rate = column.and_then(|column| row.get(column)?.trim().parse().ok());
    rate.with_context(|| format!("no rate in {output:?}"))
}

/// Starts a generator that waits for a server and ends with the first acknowledged record.
pub(super) fn first(address: std::net::SocketAddr, limit: Duration) -> Command {
    let mut command = rdkafka_at(address, "first");
    command.args(["--topic", "first", "--limit", &limit.as_secs().to_string()]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_understood() {
        let produced = "1000 records sent, 500.0 records/sec (0.1 MB/sec), 2.0 ms avg latency, 9.0 ms max latency.\n\
                        6000 records sent, 999.5 records/sec (1.0 MB/sec), 1.0 ms avg latency, 9.00 ms max latency.\n\
                        5000 steady state records sent, 1234.5 records/sec (1.18 MB/sec), 1.0 ms avg latency, 9.00 ms max latency, 1 ms 50th.\n";
        let tenths = |rate: Result<f64>| (rate.unwrap() * 10.0).round() as u64;
        assert_eq!(tenths(producer_performance(produced)), 12_345);
        assert!(producer_performance("").is_err());
        assert!(producer_performance(&format!("org.apache.kafka.TimeoutException: 3\n{produced}")).is_err());
        let consumed = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                        rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n\
                        2026-01-01 00:00:00:000, 2026-01-01 00:00:01:000, 1.0, 1.0, 5000, 5000.0, 500, 500, 2.0, 10000.0\n";
        assert_eq!(tenths(consumer_performance(consumed)), 100_000);
        assert!(consumer_performance("").is_err());
        assert_eq!(tenths(rdkafka_rate("{\"records\": 100, \"seconds\": 0.5}\n")), 2000);
        assert!(rdkafka_rate("{\"records\": 100}").is_err());
    }
}
