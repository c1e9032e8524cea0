//! `bole cdn`: the gateway's cache of a running node, through its admin door, and signed links.

mod sign;
mod warm;

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Need, NodeArgs};

#[derive(Debug, Subcommand)]
pub(super) enum CdnCommand {
    /// Show what is stored, hosts with their hit ratios, and the nodes of the network
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take stored answers out on all nodes, and say which of them have it when
    Purge {
        #[command(flatten)]
        target: TargetArgs,
        /// Make them stale instead: they may still be answered while the service is asked, or down
        #[arg(long)]
        soft: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Fetch URLs into the cache before anybody asks for them, and show how far that is
    Warm(warm::WarmArgs),
    /// Make a signed link: a URL, or a cookie for a folder, that is good until a time, whoever has it
    Sign(sign::SignArgs),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TargetArgs {
    /// One URL with its scheme and host, in all variants
    #[arg(long)]
    url: Option<String>,
    /// All URLs that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// All of a host
    #[arg(long)]
    host: Option<String>,
    /// All whose `Cache-Tag` or `Surrogate-Key` has this
    #[arg(long)]
    tag: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

impl TargetArgs {
    fn value(self) -> Value {
        let named = [("url", self.url), ("prefix", self.prefix), ("host", self.host), ("tag", self.tag)];
        let one = named.into_iter().find_map(|(kind, text)| Some(json!({ kind: text? })));
        // The command line has exactly one.
        one.unwrap_or_else(|| json!("everything"))
    }
}

pub(super) fn run(command: CdnCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        CdnCommand::Status { json, node } => {
            let body = node.client(Need::Always)?.request("GET", "/api/gateway/cache", b"")?;
            if json {
                out.write_all(&body)?;
                writeln!(out)?;
                return Ok(());
            }
            show(&serde_json::from_slice(&body).context("the status is in no form that is known here")?, out)
        }
        CdnCommand::Sign(args) => sign::run(&args, out),
        CdnCommand::Warm(args) => warm::run(args, out),
        CdnCommand::Purge { target, soft, json, node } => {
            let question = json!({ "target": target.value(), "soft": soft }).to_string();
            let client = node.client(Need::Always)?;
            let body = client.request("POST", "/api/gateway/cache/purge", question.as_bytes())?;
            if json {
                out.write_all(&body)?;
                writeln!(out)?;
            }
            let receipt =
                serde_json::from_slice(&body).context("the receipt is in no form that is known here")?;
            tell(&receipt, json, out)
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

fn show(status: &Value, out: &mut dyn Write) -> Result<()> {
    let mib = |value: &Value| format!("{:.1} MiB", number(value) as f64 / f64::from(1 << 20));
    writeln!(
        out,
        "memory   {}, {} evicted",
        mib(&status["memory_bytes"]),
        number(&status["memory_evictions"])
    )?;
    writeln!(
        out,
        "disk     {}, {} evicted, {} damaged, {} not written",
        mib(&status["disk_bytes"]),
        number(&status["disk_evictions"]),
        number(&status["disk_corrupt"]),
        number(&status["disk_failed"]) + number(&status["disk_skipped"])
    )?;
    writeln!(out, "purges   {}", number(&status["purges"]))?;
    if status["in_sync"] == json!(false) {
        writeln!(out, "not in sync: purges are still to come, so all is confirmed before it is answered")?;
    }
    if let Some(control) = status["control"].as_str() {
        writeln!(out, "network  purges are taken by {control}")?;
    }
    for node in status["network"]["nodes"].as_array().into_iter().flatten() {
        let state = if node["away"] == json!(true) { ", away" } else { "" };
        let (name, role) = (node["node"].as_str().unwrap_or(""), node["role"].as_str().unwrap_or(""));
        writeln!(out, "node     {name} ({role}): {} purges missing{state}", number(&node["purges_missing"]))?;
    }
    writeln!(
        out,
        "{:<32} {:>10} {:>8} {:>8} {:>10} {:>8}",
        "host", "requests", "hits", "bytes", "fetches", "fills"
    )?;
    for host in status["hosts"].as_array().into_iter().flatten() {
        let of = |name: &str| number(&host[name]);
        let served = of("bytes_served");
        writeln!(
            out,
            "{:<32} {:>10} {:>8} {:>8} {:>10} {:>8}",
            host["host"].as_str().unwrap_or(""),
            of("requests"),
            percent(of("hits"), of("requests")),
            percent(served.saturating_sub(of("bytes_filled")), served),
            of("fetches"),
            of("fills")
        )?;
    }
    Ok(())
}

/// Says who has a purge. Nodes that have it not make the command fail: they get it when they are back, but have it not now.
fn tell(receipt: &Value, quiet: bool, out: &mut dyn Write) -> Result<()> {
    let nodes = receipt["nodes"].as_array().cloned().unwrap_or_default();
    let name = |node: &Value| {
        format!("{} ({})", node["node"].as_str().unwrap_or(""), node["role"].as_str().unwrap_or(""))
    };
    if !quiet {
        let took = receipt["milliseconds"].as_f64().unwrap_or(0.0);
        writeln!(out, "purge {} holds, after {took:.1} ms", number(&receipt["purge"]))?;
        for node in nodes.iter().filter(|node| node["has"] == json!(true)) {
            writeln!(out, "  {} after {:.1} ms", name(node), node["milliseconds"].as_f64().unwrap_or(0.0))?;
        }
    }
    let missing: Vec<String> = nodes.iter().filter(|node| node["has"] != json!(true)).map(name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "these nodes do not have the purge yet, and get it when they can be reached: {}",
        missing.join(", ")
    )
}
