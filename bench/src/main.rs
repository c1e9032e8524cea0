//! `cargo xtask bench NAME`: the command line over the benchmarks.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Side-by-side runs of Bole against the best peer of a service.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// The blobs against `SeaweedFS`
    Blobs(bole_bench::blobs::Args),
    /// The gateway against nginx, `HAProxy`, Envoy and Caddy
    Gateway(bole_bench::gateway::Args),
    /// The HTTP cache against Varnish, nginx and Apache Traffic Server
    Cdn(bole_bench::cdn::Args),
    /// The DNS server against `PowerDNS` and gdnsd
    Dns(bole_bench::dns::Args),
    /// The keyspace against redis-server
    Keyspace(bole_bench::keyspace::Args),
    /// Ordered stores against fjall and redb
    Ordered(bole_bench::ordered::Args),
    /// The SQL service against PostgreSQL
    Sql(bole_bench::sql::Args),
    /// The streams service against Apache Kafka
    Streams(bole_bench::streams::Args),
    /// The journal against plain writes of the same sizes
    Wal(bole_bench::wal::Args),
}

fn main() -> ExitCode {
    xtask::process::exit(&match Cli::parse().benchmark {
        Benchmark::Blobs(args) => bole_bench::blobs::run(&args),
        Benchmark::Gateway(args) => bole_bench::gateway::run(&args),
        Benchmark::Cdn(args) => bole_bench::cdn::run(&args),
        Benchmark::Dns(args) => bole_bench::dns::run(&args),
        Benchmark::Keyspace(args) => bole_bench::keyspace::run(&args),
        Benchmark::Ordered(args) => bole_bench::ordered::run(&args),
        Benchmark::Sql(args) => bole_bench::sql::run(&args),
        Benchmark::Streams(args) => bole_bench::streams::run(&args),
        Benchmark::Wal(args) => bole_bench::wal::run(&args),
    })
}
