//! `bole dns`: what the DNS server of a running node answers and why, through its admin door.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Need, NodeArgs};
use crate::http::{Client, escape};

#[derive(Debug, Subcommand)]
pub(super) enum DnsCommand {
    /// Say why a client gets the answer that it gets: zone, line, each filter, each candidate, the scope
    Explain {
        /// The name that is asked for
        name: String,
        /// The type
        #[arg(long = "type", short = 't', default_value = "A", value_name = "TYPE")]
        kind: String,
        /// The client's address
        #[arg(long, value_name = "IP", default_value = "127.0.0.1", conflicts_with = "subnet")]
        from: String,
        /// Or the subnet that a resolver tells of its client
        #[arg(long, value_name = "NETWORK")]
        subnet: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Show the zones, the targets with their condition, and what is wrong
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Tell the load or condition of a target that answers name
    Target {
        /// The target, as `bole dns status` shows it
        target: String,
        /// How much of its capacity is used: 1 is all; "unknown" takes it back
        #[arg(long, required_unless_present = "condition")]
        load: Option<String>,
        /// How it is: well, unwell or draining
        #[arg(long)]
        condition: Option<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(super) fn run(command: DnsCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        DnsCommand::Explain { name, kind, from, subnet, json, node } => {
            let from = subnet.unwrap_or(from);
            let (name, kind, from) = (escape(&name), escape(&kind), escape(&from));
            let path = format!("/api/dns/explain?name={name}&type={kind}&from={from}");
            let answer = get(&node.client(Need::Always)?, &path)?;
            match answer["text"].as_str() {
                Some(text) if !json => write!(out, "{text}")?,
                _ => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
            }
            Ok(())
        }
        DnsCommand::Status { json, node } => status(&node.client(Need::Always)?, json, out),
        DnsCommand::Target { target, load, condition, node } => {
            let mut told = json!({ "target": target });
            match load.as_deref() {
                None => {}
                Some("unknown") => told["load"] = Value::Null,
                Some(load) => {
                    let number: f32 =
                        load.parse().with_context(|| format!("load \"{load}\" is not a number"))?;
                    ensure!(number.is_finite(), "load \"{load}\" is not a number");
                    told["load"] = json!(number);
                }
            }
            if let Some(condition) = condition {
                told["condition"] = json!(condition);
            }
            node.client(Need::Always)?.request("PUT", "/api/dns/targets", &serde_json::to_vec(&told)?)?;
            writeln!(out, "told of {target}")?;
            Ok(())
        }
    }
}

fn get(client: &Client, path: &str) -> Result<Value> {
    let body = client.request("GET", path, b"")?;
    serde_json::from_slice(&body).context("the answer is not in a known form")
}

fn status(client: &Client, json: bool, out: &mut dyn Write) -> Result<()> {
    let status = get(client, "/api/dns/status")?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
        return Ok(());
    }
    let rows = |key: &str| status[key].as_array().cloned().unwrap_or_default();
    for zone in rows("zones") {
        writeln!(out, "zone {} serial {}", zone["origin"].as_str().unwrap_or("?"), zone["serial"])?;
    }
    for target in rows("targets") {
        let text = |key: &str| target[key].as_str().unwrap_or("?").to_owned();
        let load = target["load"].as_f64().map_or_else(String::new, |load| format!(", load {load:.2}"));
        let by = target["told_by"].as_str().map_or_else(String::new, |by| format!(", told by {by}"));
        writeln!(out, "target {}: {}{load}{by}", text("target"), text("condition"))?;
    }
    for problem in rows("problems").iter().filter_map(Value::as_str) {
        writeln!(out, "problem: {problem}")?;
    }
    Ok(())
}
