//! `bole bucket`: the buckets of a running node, through its S3 door.

mod inventory;

use std::io::{Read as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bole_base::units::format_bytes;
use clap::{Subcommand, ValueEnum};

use super::blobs::BlobsArgs;
use super::streams::{Align, table};
use crate::s3_client::Client;

/// The largest policy that is read; the node takes 20 KiB.
const POLICY_BYTES_MAX: u64 = 64 << 10;
/// Settings that `bole bucket info` tells of, and what their requests call them.
const SETTINGS: [&str; 7] =
    ["policy", "cors", "lifecycle", "tagging", "website", "object-lock", "publicAccessBlock"];

#[derive(Debug, Subcommand)]
pub(super) enum BucketCommand {
    /// List the buckets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Make a bucket
    Create {
        /// The bucket's name
        name: String,
        /// Keep all versions of its objects
        #[arg(long)]
        versions: bool,
        /// Let versions be locked, which keeps them, too
        #[arg(long)]
        object_lock: bool,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Remove a bucket that has no objects, versions or uploads
    Delete {
        /// The bucket's name
        name: String,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Show a bucket: its objects and bytes, which are counted by listing them, and its settings
    Info {
        /// The bucket's name
        name: String,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Show, put or remove the policy
    Policy {
        /// The bucket's name
        name: String,
        /// File with the policy to put; - reads standard input
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        /// Remove it
        #[arg(long, conflicts_with = "set")]
        delete: bool,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Show or set whether versions are kept
    Versioning {
        /// The bucket's name
        name: String,
        /// What it shall be; without it, it is shown
        state: Option<Versioning>,
        #[command(flatten)]
        node: BlobsArgs,
    },
    /// Print the objects with sizes and `ETags`, in order of their keys
    Inventory {
        /// The bucket's name
        name: String,
        /// Only keys that begin with this
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// All versions and delete markers, not the newest ones alone
        #[arg(long)]
        versions: bool,
        /// Print CSV, which other programs read
        #[arg(long)]
        csv: bool,
        #[command(flatten)]
        node: BlobsArgs,
    },
}

/// Whether versions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Versioning {
    /// They are.
    Enabled,
    /// Those that are there stay, and no new ones come.
    Suspended,
}

pub(super) async fn run(command: BucketCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        BucketCommand::List { json, node } => list(&node.client()?, json, out).await?,
        BucketCommand::Create { name, versions, object_lock, node } => {
            let client = node.client()?;
            client.create_bucket(&name, object_lock).await?;
            if versions && !object_lock {
                client.set_versioning(&name, "Enabled").await?;
            }
            writeln!(out, "bucket \"{name}\" created")?;
        }
        BucketCommand::Delete { name, node } => {
            node.client()?.delete_bucket(&name).await?;
            writeln!(out, "bucket \"{name}\" deleted")?;
        }
        BucketCommand::Info { name, node } => info(&node.client()?, &name, out).await?,
        BucketCommand::Policy { name, set, delete, node } => {
            policy(&node.client()?, &name, set, delete, out).await?;
        }
        BucketCommand::Versioning { name, state: None, node } => {
            writeln!(out, "{}", shown(&node.client()?.versioning(&name).await?))?;
        }
        BucketCommand::Versioning { name, state: Some(state), node } => {
            let status = if state == Versioning::Enabled { "Enabled" } else { "Suspended" };
            node.client()?.set_versioning(&name, status).await?;
            writeln!(out, "bucket \"{name}\": versions {}", status.to_lowercase())?;
        }
        BucketCommand::Inventory { name, prefix, versions, csv, node } => {
            let what =
                inventory::What { bucket: &name, prefix: &prefix, has_versions: versions, is_csv: csv };
            inventory::write(&node.client()?, &what, out).await?;
        }
    }
    Ok(())
}

fn shown(versioning: &str) -> String {
    if versioning.is_empty() { "off".to_owned() } else { versioning.to_lowercase() }
}

async fn list(client: &Client, json: bool, out: &mut dyn Write) -> Result<()> {
    let buckets = client.buckets().await?;
    if json {
        let row = |bucket: &crate::s3_client::buckets::Listed| serde_json::json!({ "name": bucket.name, "created": bucket.created });
        serde_json::to_writer_pretty(&mut *out, &buckets.iter().map(row).collect::<Vec<_>>())?;
        writeln!(out)?;
        return Ok(());
    }
    let rows: Vec<_> = buckets.into_iter().map(|bucket| [bucket.name, bucket.created]).collect();
    table(out, "", [("bucket", Align::Left), ("created", Align::Left)], &rows)?;
    Ok(())
}

async fn info(client: &Client, name: &str, out: &mut dyn Write) -> Result<()> {
    let versioning = client.versioning(name).await?;
    let (mut objects, mut bytes, mut older, mut older_bytes, mut markers) = (0, 0, 0, 0, 0);
    let mut next = None;
    loop {
        let page = client.list_versions(name, "", next.as_ref()).await?;
        for version in page.versions {
            match version {
                version if version.is_marker => markers += 1,
                version if version.is_latest => (objects, bytes) = (objects + 1, bytes + version.bytes),
                version => (older, older_bytes) = (older + 1, older_bytes + version.bytes),
            }
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    writeln!(out, "bucket \"{name}\"\n")?;
    writeln!(out, "  objects        {objects}, {}", format_bytes(bytes))?;
    writeln!(out, "  versions       {}", shown(&versioning))?;
    if !versioning.is_empty() {
        writeln!(out, "  older versions {older}, {}", format_bytes(older_bytes))?;
        writeln!(out, "  delete markers {markers}")?;
    }
    let mut set = Vec::new();
    for setting in SETTINGS {
        if client.setting(name, setting).await?.is_some() {
            set.push(setting);
        }
    }
    let set = if set.is_empty() { "none".to_owned() } else { set.join(", ") };
    writeln!(out, "  settings       {set}")?;
    Ok(())
}

async fn policy(
    client: &Client,
    name: &str,
    set: Option<PathBuf>,
    delete: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if delete {
        client.delete_policy(name).await?;
        writeln!(out, "bucket \"{name}\": policy removed")?;
    } else if let Some(path) = set {
        let mut text = Vec::new();
        if path.as_os_str() == "-" {
            std::io::stdin().lock().take(POLICY_BYTES_MAX).read_to_end(&mut text)?;
        } else {
            let file = std::fs::File::open(&path);
            let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
            file.take(POLICY_BYTES_MAX).read_to_end(&mut text)?;
        }
        client.set_policy(name, text).await?;
        writeln!(out, "bucket \"{name}\": policy put")?;
    } else {
        let policy = client.setting(name, "policy").await?;
        writeln!(out, "{}", policy.with_context(|| format!("bucket \"{name}\" has no policy"))?)?;
    }
    Ok(())
}
