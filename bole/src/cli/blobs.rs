//! `bole blobs`: damage of large objects of a running node, through its admin door.

use std::io::Write;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use super::{Need, NodeArgs};
use crate::admin::blobs::Damage;

#[derive(Debug, Subcommand)]
pub(super) enum BlobsCommand {
    /// Begin to verify the bytes of all large objects; `bole status` shows how far that is
    Scrub {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the damage that is known, with the objects that have it
    Damage {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(super) fn run(command: BlobsCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        BlobsCommand::Scrub { node } => {
            node.client(Need::Always)?.request("POST", "/api/blobs/scrub", b"")?;
            writeln!(out, "under way; `bole status` shows how far")?;
        }
        BlobsCommand::Damage { json, node } => {
            let body = node.client(Need::Always)?.request("GET", "/api/blobs/damage", b"")?;
            if json {
                out.write_all(&body)?;
                writeln!(out)?;
                return Ok(());
            }
            let damage: Damage =
                serde_json::from_slice(&body).context("the list is not in a form that is known here")?;
            write_damage(&damage, out)?;
        }
    }
    Ok(())
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
