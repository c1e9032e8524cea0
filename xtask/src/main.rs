//! `cargo xtask`: the command line over the developer commands. One line a command; the work is in the library.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer commands of Bole. `check` is the only one that a contributor must know.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What CI runs: format, lints, then everything that `test` runs
    Check(xtask::check::Args),
    /// All tests of the workspace, then the real clients, then the Tair cases when they are present
    Test(xtask::test::Args),
    /// Real clients against a service
    Conformance(xtask::conformance::Args),
    /// The Tair compatibility cases against the keyspace
    Tair(xtask::tair::Args),
    /// A side-by-side run against a peer
    Bench(xtask::bench::Args),
    /// A study from which defaults are chosen: simulated, or (faults) with real processes
    Study(xtask::study::Args),
    /// Crash seeds, contention, and kills of the real binary
    Soak(xtask::soak::Args),
    /// What stands behind the gateway in a study
    #[command(hide = true)]
    Instance(xtask::faults::InstanceArgs),
    /// Fetch the clients that `conformance` uses into `.tools/`
    Tools(xtask::tools::Args),
}

fn main() -> ExitCode {
    xtask::process::exit(&run(Cli::parse().command))
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Check(args) => xtask::check::run(&args),
        Command::Test(args) => xtask::test::run(&args),
        Command::Conformance(args) => xtask::conformance::run(&args),
        Command::Tair(args) => xtask::tair::run(&args),
        Command::Bench(args) => xtask::bench::run(&args),
        Command::Study(args) => xtask::study::run(&args),
        Command::Soak(args) => xtask::soak::run(&args),
        Command::Instance(args) => xtask::faults::instance(&args),
        Command::Tools(args) => xtask::tools::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
