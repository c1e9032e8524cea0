//! `cargo xtask study NAME`: the command line over the studies.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Simulated studies from which defaults are chosen. The same options give the same figures.
#[derive(Parser)]
#[command(name = "cargo xtask study", bin_name = "cargo xtask study")]
struct Cli {
    #[command(subcommand)]
    study: Study,
}

#[derive(Subcommand)]
enum Study {
    /// Which endpoint gets a request: every algorithm against slow, failing, unequal and changing hosts
    Balancing(bole_study::balancing::Args),
    /// What a cache keeps: ways to make room and to let in, against traces, and the best possible
    Caching(bole_study::caching::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().study {
        Study::Balancing(args) => bole_study::balancing::run(&args),
        Study::Caching(args) => bole_study::caching::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
