//! `bole blobs`: damage of large objects, moving objects into a node and out of it, and their bytes from one home to another.

mod damage;
mod export;
mod import;
mod migrate;
mod node;
mod place;
mod progress;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

pub(super) use node::BlobsArgs;

#[derive(Debug, Subcommand)]
pub(super) enum BlobsCommand {
    /// Begin to verify the bytes of all large objects; `bole status` shows how far that is
    Scrub(damage::ScrubArgs),
    /// List the damage that is known, with the objects that have it
    Damage(damage::DamageArgs),
    /// Move the bytes of large objects to where new ones are kept (`blobs.home`), while the node serves
    Migrate(migrate::MigrateArgs),
    /// Copy objects of another S3 server, or the files of a folder, into a bucket. The same command goes on after an interruption
    Import(import::ImportArgs),
    /// Write the objects of a bucket as files. The same command goes on after an interruption
    Export(export::ExportArgs),
}

/// Runs a command. The code is 1 if something could not be moved.
pub(super) fn run(command: BlobsCommand, out: &mut dyn Write) -> Result<ExitCode> {
    match command {
        BlobsCommand::Scrub(args) => damage::scrub(args, out)?,
        BlobsCommand::Damage(args) => damage::list(args, out)?,
        BlobsCommand::Migrate(args) => return migrate::run(args, out),
        BlobsCommand::Import(args) => return super::streams::run(import::run(args, out)),
        BlobsCommand::Export(args) => return super::streams::run(export::run(args, out)),
    }
    Ok(ExitCode::SUCCESS)
}
