//! `bole service`: the services behind the gateway, and their instances.

use std::io::Write;

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Gateway, NodeArgs};
use crate::http::escape;

const PART: &str = "services";

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// List the services
    List {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Show a service as JSON
    Show {
        /// The service's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Add a service. What else a service can do is in `bole gateway put services` and `bole gateway apply`
    Add {
        /// The service's name
        name: String,
        /// Its instances, HOST:PORT each; none with --registry or --dns
        instances: Vec<String>,
        /// Instances register themselves
        #[arg(long, conflicts_with_all = ["instances", "dns"])]
        registry: bool,
        /// Instances are found under this name, NAME:PORT
        #[arg(long, value_name = "NAME:PORT", conflicts_with = "instances")]
        dns: Option<String>,
        /// How one of them is chosen: peak-ewma, round-robin, least-requests, maglev, …
        #[arg(long, value_name = "ALGORITHM")]
        balance: Option<String>,
        /// Path that is asked for to see whether an instance is well
        #[arg(long, value_name = "PATH")]
        health: Option<String>,
        /// Speak HTTP/2 to them, as gRPC needs
        #[arg(long)]
        http2: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove a service
    Remove {
        /// The service's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the instances that registered themselves
    Instances {
        /// The service's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Register an instance; it stays as long as its lease, unless a heartbeat comes
    Register {
        /// The service's name
        name: String,
        /// The instance's id
        id: String,
        /// Its address, HOST:PORT
        address: String,
        /// How long it stays without a heartbeat
        #[arg(long, default_value = "30s")]
        lease: String,
        /// Its share of the traffic
        #[arg(long, default_value_t = 1)]
        weight: u32,
        /// Where it stands
        #[arg(long)]
        zone: Option<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Give a registered instance no new clients
    Drain {
        /// The service's name
        name: String,
        /// The instance's id
        id: String,
        /// Give it new clients again
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take a registered instance out
    Deregister {
        /// The service's name
        name: String,
        /// The instance's id
        id: String,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(crate) fn run(command: ServiceCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        ServiceCommand::List { node } => {
            for (name, service) in Gateway::new(node)?.objects(PART)? {
                writeln!(out, "{name:<24} {}", summary(&service))?;
            }
        }
        ServiceCommand::Show { name, node } => {
            let service = Gateway::new(node)?.object(PART, &name)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&service)?)?;
        }
        ServiceCommand::Add { name, instances, registry, dns, balance, health, http2, node } => {
            let mut service = json!({ "instances": instances, "registry": registry });
            if let Some(dns) = dns {
                let (host, port) = dns.rsplit_once(':').unwrap_or((&dns, "80"));
                service["dns"] = json!({ "name": host, "port": port.parse::<u16>()? });
            }
            if let Some(algorithm) = balance {
                service["balance"] = json!({ "algorithm": algorithm });
            }
            if let Some(path) = health {
                service["health"] = json!({ "probe": { "http": { "path": path } } });
            }
            if http2 {
                service["protocol"] = json!("http/2");
            }
            Gateway::new(node)?.put(PART, &name, &service)?;
            writeln!(out, "service \"{name}\" added")?;
        }
        ServiceCommand::Remove { name, node } => {
            Gateway::new(node)?.remove(PART, &name)?;
            writeln!(out, "service \"{name}\" removed")?;
        }
        ServiceCommand::Instances { name, node } => {
            let instances = Gateway::new(node)?.get(&format!("/api/registry/{}", escape(&name)))?;
            for (id, instance) in instances.as_object().into_iter().flatten() {
                let seconds = instance["left_ms"].as_u64().unwrap_or_default() / 1_000;
                let address = instance["address"].as_str().unwrap_or_default();
                let drains = if instance["drain"] == json!(true) { ", drains" } else { "" };
                writeln!(
                    out,
                    "{id:<24} {address:<24} weight {}, {seconds} s left{drains}",
                    instance["weight"]
                )?;
            }
        }
        ServiceCommand::Register { name, id, address, lease, weight, zone, node } => {
            let mut said = json!({ "address": address, "lease": lease, "weight": weight });
            if let Some(zone) = zone {
                said["zone"] = json!(zone);
            }
            Gateway::new(node)?.instance("PUT", &name, &id, "", Some(&said))?;
            writeln!(out, "instance \"{id}\" of service \"{name}\" registered for {lease}")?;
        }
        ServiceCommand::Drain { name, id, undo, node } => {
            let method = if undo { "DELETE" } else { "PUT" };
            Gateway::new(node)?.instance(method, &name, &id, "/drain", None)?;
            let what = if undo { "gets new clients again" } else { "drains" };
            writeln!(out, "instance \"{id}\" of service \"{name}\" {what}")?;
        }
        ServiceCommand::Deregister { name, id, node } => {
            Gateway::new(node)?.instance("DELETE", &name, &id, "", None)?;
            writeln!(out, "instance \"{id}\" of service \"{name}\" taken out")?;
        }
    }
    Ok(())
}

impl Gateway {
    fn instance(
        &self,
        method: &str,
        service: &str,
        id: &str,
        rest: &str,
        said: Option<&Value>,
    ) -> Result<()> {
        let path = format!("/api/registry/{}/{}{rest}", escape(service), escape(id));
        let body = said.map_or_else(Vec::new, |said| said.to_string().into_bytes());
        self.client.request(method, &path, &body)?;
        Ok(())
    }
}

/// A service in one line: its instances and how one of them is chosen.
fn summary(service: &Value) -> String {
    let address =
        |instance: &Value| instance.as_str().or(instance["address"].as_str()).unwrap_or("?").to_owned();
    let instances: Vec<String> = service["instances"].as_array().into_iter().flatten().map(address).collect();
    let found = if service["registry"] == json!(true) {
        "registry".to_owned()
    } else if let Some(name) = service["dns"]["name"].as_str() {
        format!("dns {name}")
    } else {
        instances.join(", ")
    };
    let algorithm = service["balance"]["algorithm"].as_str().unwrap_or("peak-ewma");
    format!("{found} ({algorithm})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_in_one_line() {
        for (service, line) in [
            (json!({ "instances": ["a:1", { "address": "b:2", "weight": 2 }] }), "a:1, b:2 (peak-ewma)"),
            (json!({ "registry": true, "balance": { "algorithm": "maglev" } }), "registry (maglev)"),
            (json!({ "dns": { "name": "x" } }), "dns x (peak-ewma)"),
        ] {
            assert_eq!(summary(&service), line);
        }
    }
}
