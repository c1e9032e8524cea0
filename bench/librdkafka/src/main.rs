//! The load generator of `cargo xtask bench streams` on librdkafka: one job a run, its result as one line of JSON.
//!
//! Settings are librdkafka's defaults except where a job says otherwise; every delivery and every record is counted,
//! and a run that lost one fails.

mod latency;
mod throughput;
mod topics;

use clap::{Parser, Subcommand};
use rdkafka::ClientConfig;

/// Load on a Kafka-compatible server through librdkafka.
#[derive(Parser)]
struct Cli {
    /// HOST:PORT of the server
    #[arg(long)]
    bootstrap: String,
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Create a topic and wait until every partition has a leader
    Create(topics::Create),
    /// Delete a topic
    Delete(topics::Delete),
    /// Produce records as fast as they are taken
    Produce(throughput::Produce),
    /// Consume records from the beginning as fast as they come
    Consume(throughput::Consume),
    /// Send at a fixed rate and measure until each record is read
    Latency(latency::Latency),
    /// Wait for a server to start and produce one record
    First(topics::First),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &cli.bootstrap);
    let result = match cli.job {
        Job::Create(job) => job.run(&config),
        Job::Delete(job) => job.run(&config),
        Job::Produce(job) => job.run(&config),
        Job::Consume(job) => job.run(&config),
        Job::Latency(job) => job.run(&config),
        Job::First(job) => job.run(&config, &cli.bootstrap),
    }?;
    println!("{result}");
    Ok(())
}
