//! `bole blobs migrate`: asks the node to move chunks to the home of new ones, and watches.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bole_base::units::{format_bytes, parse_bytes};
use clap::Args;

use super::progress::{Amount, Progress};
use crate::admin::{MoveLimits, Moving};
use crate::cli::{Need, NodeArgs};
use crate::http::Client;

const PATH: &str = "/api/blobs/move";
/// How often the node is asked how far it is.
const LOOK: Duration = Duration::from_millis(250);

/// What `bole blobs migrate` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateArgs {
    /// Chunks that move at a time
    #[arg(long, default_value_t = 4, value_name = "N")]
    concurrency: usize,
    /// Bytes a second at most, such as 50MiB
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    rate: Option<u64>,
    /// Begin, and do not wait for the end
    #[arg(long, conflicts_with_all = ["status", "stop"])]
    no_wait: bool,
    /// Show how far it is
    #[arg(long, conflicts_with = "stop")]
    status: bool,
    /// End it; the same command goes on later
    #[arg(long)]
    stop: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn run(args: MigrateArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let client = args.node.client(Need::Always)?;
    if args.stop {
        client.request("DELETE", PATH, b"")?;
        writeln!(out, "it ends after what is on its way")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.status {
        let limits = MoveLimits { concurrency: args.concurrency, bytes_per_second: args.rate };
        client.request("POST", PATH, &serde_json::to_vec(&limits)?)?;
        if args.no_wait {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let moving = if args.status { look(&client)? } else { watch(&client)? };
    tell(&moving, out)?;
    let is_done = moving.running || (moving.failed == 0 && moving.ended.is_none());
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(client: &Client) -> Result<Moving> {
    let body = client.request("GET", PATH, b"")?;
    serde_json::from_slice(&body).context("the answer is not in a form that is known here")
}

fn watch(client: &Client) -> Result<Moving> {
    let mut progress = Progress::new("chunks");
    loop {
        let moving = look(client)?;
        if !moving.running {
            progress.clear();
            return Ok(moving);
        }
        let done = Amount { things: moving.chunks_moved, bytes: moving.bytes_moved };
        progress.show(done, Amount { things: moving.chunks, bytes: moving.bytes });
        std::thread::sleep(LOOK);
    }
}

fn tell(moving: &Moving, out: &mut dyn Write) -> Result<()> {
    let Moving { home, chunks, chunks_moved, bytes_moved, failed, .. } = moving;
    let state = if moving.running { "moving" } else { "moved" };
    writeln!(
        out,
        "{state} to \"{home}\": {chunks_moved} of {chunks} chunks, {}",
        format_bytes(*bytes_moved)
    )?;
    for why in &moving.failures {
        writeln!(out, "  {why}")?;
    }
    if *failed > 0 {
        writeln!(out, "{failed} chunks could not be moved; the same command tries again")?;
    }
    if let Some(why) = &moving.ended {
        writeln!(out, "it ended: {why}; the same command goes on")?;
    }
    Ok(())
}
