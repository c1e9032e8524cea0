//! `bole zone`: the zones of the DNS server of a running node, through its admin door.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use bole_geodns::geo::Atlas;
use bole_geodns::health::Vitals;
use bole_geodns::wire::Name;
use bole_geodns::zone::compile::{With, compile};
use bole_geodns::zone::{Source, Zone, document, master};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Need, NodeArgs};
use crate::http::{Client, escape};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum ZoneCommand {
    /// List the zones that are served
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Print a zone as it was applied; one from a file of the node as a master file
    Show {
        /// The zone's name
        zone: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take a zone in place of the one that is there; what is wrong with it is listed, and nothing changes then
    Apply {
        #[command(flatten)]
        text: TextArgs,
        /// Only let the node check it
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take a zone away
    Delete {
        /// The zone's name
        zone: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Check a zone of your own, without a node
    Check {
        #[command(flatten)]
        text: TextArgs,
    },
}

/// A zone's text.
#[derive(Debug, Args)]
pub(super) struct TextArgs {
    /// A document (.toml), or a master file (any other ending); - for a document on standard input
    file: PathBuf,
    /// The name of a master file's zone, if its SOA record does not say it: ZONE.zone gives it, too
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
}

pub(super) fn run(command: ZoneCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        ZoneCommand::List { json, node } => list(&node.client(Need::Always)?, json, out),
        ZoneCommand::Show { zone, node } => {
            out.write_all(&node.client(Need::Always)?.request("GET", &path(&zone), b"")?)?;
            Ok(())
        }
        ZoneCommand::Apply { text, dry_run, node } => {
            let client = node.client(Need::Always)?;
            apply(&client, &Text::read(&text)?, dry_run, out)
        }
        ZoneCommand::Delete { zone, node } => {
            node.client(Need::Always)?.request("DELETE", &path(&zone), b"")?;
            writeln!(out, "zone {zone} deleted")?;
            Ok(())
        }
        ZoneCommand::Check { text } => {
            let zone = Text::read(&text)?.compile()?;
            let (records, pools) = (zone.record_count(), zone.pools.len());
            writeln!(out, "the zone {} is right: {records} records, {pools} pools", zone.origin)?;
            Ok(())
        }
    }
}

fn path(zone: &str) -> String {
    format!("/api/dns/zones/{}", escape(zone))
}

/// A zone's text, and whose it is.
struct Text {
    text: String,
    is_document: bool,
    source: Source,
}

impl Text {
    fn read(args: &TextArgs) -> Result<Self> {
        let file = &args.file;
        let text = if file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin()).context("standard input is not text")?
        } else {
            let length =
                std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
            ensure!(length <= FILE_BYTES_MAX, "{} has {length} bytes; 256 MiB are possible", file.display());
            std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
        };
        let is_document = file.as_os_str() == "-" || file.extension().is_some_and(|ending| ending == "toml");
        let name = file.display().to_string();
        let source = if is_document {
            ensure!(args.zone.is_none(), "--zone is for master files; a document has `origin`");
            document::given(&name, &text, 1)
        } else {
            master::parse(&name, &text, origin(file, args.zone.as_deref())?.as_ref())
        };
        let source = source.map_err(|problems| anyhow::anyhow!("the zone is not right:\n{problems}"))?;
        Ok(Self { text, is_document, source })
    }

    /// As far as can be said without the node's own files and targets.
    fn compile(&self) -> Result<Zone> {
        let with = With { health: &Vitals::default(), atlas: &Atlas::default(), signer: None };
        compile(&self.source, &with).map_err(|problems| anyhow::anyhow!("the zone is not right:\n{problems}"))
    }
}

/// A master file's zone, by an option or its file's name.
fn origin(file: &Path, zone: Option<&str>) -> Result<Option<Name>> {
    let by_name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".zone"));
    let Some(zone) = zone.or(by_name) else { return Ok(None) };
    match Name::absolute(zone) {
        Ok(name) => Ok(Some(name)),
        Err(wrong) => bail!("{zone:?} is not the name of a zone: {wrong}"),
    }
}

fn apply(client: &Client, text: &Text, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    // What is wrong is said with the file's name, before the node is asked.
    text.compile()?;
    let zone = text.source.origin.to_string();
    let query = if dry_run { "?dry_run=true" } else { "" };
    let media = if text.is_document { "application/toml" } else { "text/dns" };
    let answer = client.request_as("PUT", &format!("{}{query}", path(&zone)), media, text.text.as_bytes())?;
    let answer: Value = serde_json::from_slice(&answer).context("the answer is not in a known form")?;
    let serial = &answer["serial"];
    match (dry_run, answer["changed"].as_bool()) {
        (true, _) => writeln!(out, "the zone {zone} is right, and would have the serial number {serial}")?,
        (false, Some(false)) => writeln!(out, "zone {zone} is this already, serial {serial}")?,
        (false, _) => writeln!(out, "zone {zone} applied, serial {serial}")?,
    }
    Ok(())
}

fn list(client: &Client, json: bool, out: &mut dyn Write) -> Result<()> {
    let answer = client.request("GET", "/api/dns/zones", b"")?;
    let answer: Value = serde_json::from_slice(&answer).context("the answer is not in a known form")?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(());
    }
    for zone in answer["zones"].as_array().into_iter().flatten() {
        let (name, file) = (zone["origin"].as_str().unwrap_or("?"), zone["file"].as_str());
        let pools = zone["pools"].as_array().map_or(0, Vec::len);
        let from = file.map_or_else(|| "kept by the node".to_owned(), |file| format!("from {file}"));
        writeln!(
            out,
            "{name:<30} serial {:<11} {} records, {pools} pools, {from}",
            zone["serial"].to_string(),
            zone["records"]
        )?;
        if let Some(delegation) = zone["delegation"].as_str() {
            writeln!(out, "  {delegation}")?;
        }
    }
    for problem in answer["problems"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        writeln!(out, "problem: {problem}")?;
    }
    Ok(())
}
