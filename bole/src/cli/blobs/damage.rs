//! `bole blobs scrub` and `bole blobs damage`: damage of large objects of a running node, through its admin door.

use std::io::Write;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::admin::blobs::Damage;
use crate::cli::{Need, NodeArgs};

/// What `bole blobs scrub` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct ScrubArgs {
    #[command(flatten)]
    node: NodeArgs,
}

/// What `bole blobs damage` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct DamageArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) fn scrub(args: ScrubArgs, out: &mut dyn Write) -> Result<()> {
    args.node.client(Need::Always)?.request("POST", "/api/blobs/scrub", b"")?;
    writeln!(out, "under way; `bole status` shows how far")?;
    Ok(())
}

pub(super) fn list(args: DamageArgs, out: &mut dyn Write) -> Result<()> {
    let body = args.node.client(Need::Always)?.request("GET", "/api/blobs/damage", b"")?;
    if args.json {
        out.write_all(&body)?;
        writeln!(out)?;
        return Ok(());
    }
    let damage: Damage =
        serde_json::from_slice(&body).context("the list is not in a form that is known here")?;
    write_damage(&damage, out)
}

fn write_damage(damage: &Damage, out: &mut dyn Write) -> Result<()> {
    if damage.chunks.is_empty() {
        writeln!(out, "no damage is known")?;
    }
    for chunk in &damage.chunks {
        writeln!(out, "chunk {}: {}", chunk.chunk, chunk.what)?;
        chunk.objects.iter().try_for_each(|object| writeln!(out, "  {object}"))?;
    }
    if damage.is_cut {
        writeln!(out, "… and more")?;
    }
    Ok(())
}
