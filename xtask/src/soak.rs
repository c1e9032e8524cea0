//! `cargo xtask soak`: seeds of the crash harness over the services, contention, and kills of the real binary.

use crate::process;
use crate::server::{Profile, build_bole};
use anyhow::Result;

/// Options of `cargo xtask soak`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How many seeds the crash harness runs, from 0
    #[arg(long, default_value_t = 500)]
    pub seeds: u64,
    /// Only this seed, and nothing else: repeats a failure
    #[arg(long)]
    pub seed: Option<u64>,
    /// Only the crash seeds of this service: keyspace, streams, sink, sql or blobs
    #[arg(long)]
    pub service: Option<String>,
    /// How often the real binary is killed with class `sync`; a fifth of it with class `async`
    #[arg(long, default_value_t = 50)]
    pub kills: u32,
}

/// Builds what is needed and runs it. Development builds: a release build takes longer than the whole run.
pub fn run(args: &Args) -> Result<()> {
    build_bole(Profile::Debug)?;
    let mut soak = process::cargo();
    soak.args(["run", "-q", "-p", "bole-soak", "--", "--kills", &args.kills.to_string()]);
    soak.args(["--seeds", &args.seeds.to_string()]);
    if let Some(seed) = args.seed {
        soak.args(["--seed", &seed.to_string()]);
    }
    if let Some(service) = &args.service {
        soak.args(["--service", service]);
    }
    soak.arg("--bole").arg(process::target_dir().join("debug/bole"));
    process::run(&mut soak)
}
