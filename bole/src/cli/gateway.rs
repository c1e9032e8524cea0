//! `bole gateway`, `bole route`, `bole service`: what the gateway of a running node does, through its admin door.

mod route;
mod service;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use bole_gateway_document::Document;
use clap::Subcommand;
use serde_json::{Value, json};

pub(super) use route::RouteCommand;
pub(super) use service::ServiceCommand;
pub(super) use {route::run as run_route, service::run as run_service};

use super::{Need, NodeArgs};
use crate::http::{Client, escape};

/// The largest document that is read; the node takes 16 MiB.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum GatewayCommand {
    /// Show certificates of authorities, and the services with their endpoints, as the gateway sees them
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Print the document: services, routes, logins, consumers, limits, certificates
    Show {
        /// Print JSON instead of TOML
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Check a document of your own, without a node
    Check {
        /// The document, TOML or (by the name's end) JSON; - for standard input
        file: PathBuf,
    },
    /// Take a document in place of the one that is there; what is wrong with it is listed, and nothing changes then
    Apply {
        /// The document, TOML or (by the name's end) JSON; - for standard input
        file: PathBuf,
        /// Only let the node check it
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Say which route would take a request, and why
    Explain {
        /// The URL with its host, such as <http://api.example.com/orders/7>
        url: String,
        /// The method
        #[arg(long, short = 'X', default_value = "GET")]
        method: String,
        /// A header; may be given several times
        #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
        headers: Vec<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the objects of a part: services, routes, logins, consumers, limits, certificates
    List {
        /// The part
        part: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Put an object of a part
    Put {
        /// The part
        part: String,
        /// The object's name
        name: String,
        /// File with the object as JSON; - for standard input
        file: PathBuf,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove an object of a part
    Remove {
        /// The part
        part: String,
        /// The object's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(super) fn run(command: GatewayCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        GatewayCommand::Status { json, node } => status(&Gateway::new(node)?, json, out),
        GatewayCommand::Show { json, node } => show(&Gateway::new(node)?, json, out),
        GatewayCommand::Check { file } => {
            let document = read_document(&file)?;
            let (routes, services) = (document.routes.len(), document.services.len());
            writeln!(out, "the document is right: {routes} routes, {services} services")?;
            Ok(())
        }
        GatewayCommand::Apply { file, dry_run, node } => apply(&Gateway::new(node)?, &file, dry_run, out),
        GatewayCommand::Explain { url, method, headers, node } => {
            let question = json!({ "method": method, "url": url, "headers": parse_headers(&headers)? });
            explain(&Gateway::new(node)?, &question, out)
        }
        GatewayCommand::List { part, node } => {
            let objects = Gateway::new(node)?.objects(&part)?;
            for (name, object) in objects {
                writeln!(out, "{name:<24} {object}")?;
            }
            Ok(())
        }
        GatewayCommand::Put { part, name, file, node } => {
            let text = read_text(&file)?;
            let object = serde_json::from_str(&text).context("the object is not JSON")?;
            Gateway::new(node)?.put(&part, &name, &object)?;
            writeln!(out, "{part} \"{name}\" put")?;
            Ok(())
        }
        GatewayCommand::Remove { part, name, node } => {
            Gateway::new(node)?.remove(&part, &name)?;
            writeln!(out, "{part} \"{name}\" removed")?;
            Ok(())
        }
    }
}

/// The gateway's API on a node's admin door.
pub(super) struct Gateway {
    client: Client,
}

impl Gateway {
    fn new(node: NodeArgs) -> Result<Self> {
        Ok(Self { client: node.client(Need::Always)? })
    }

    fn get(&self, path: &str) -> Result<Value> {
        let body = self.client.request("GET", path, b"")?;
        serde_json::from_slice(&body).context("the answer is not in a known form")
    }

    fn objects(&self, part: &str) -> Result<BTreeMap<String, Value>> {
        let objects = self.get(&format!("/api/gateway/{}", escape(part)))?;
        serde_json::from_value(objects).context("the list is not in a known form")
    }

    fn object(&self, part: &str, name: &str) -> Result<Value> {
        self.get(&format!("/api/gateway/{}/{}", escape(part), escape(name)))
    }

    fn put(&self, part: &str, name: &str, object: &Value) -> Result<()> {
        let path = format!("/api/gateway/{}/{}", escape(part), escape(name));
        let answer = self.client.request("PUT", &path, &serde_json::to_vec(object)?)?;
        carried_out(&serde_json::from_slice(&answer).context("the answer is not in a known form")?)
    }

    fn remove(&self, part: &str, name: &str) -> Result<()> {
        self.client.request("DELETE", &format!("/api/gateway/{}/{}", escape(part), escape(name)), b"")?;
        Ok(())
    }
}

fn status(gateway: &Gateway, json: bool, out: &mut dyn Write) -> Result<()> {
    let status = gateway.get("/api/gateway/status")?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
        return Ok(());
    }
    writeln!(out, "revision {}", status["revision"])?;
    for problem in status["problems"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        writeln!(out, "problem: {problem}")?;
    }
    for (name, one) in status["gateway"]["certificates"].as_object().into_iter().flatten() {
        writeln!(out, "certificate {name}: {}", certificate(one))?;
    }
    for (name, service) in status["gateway"]["services"].as_object().into_iter().flatten() {
        writeln!(out, "{name}")?;
        for endpoint in service["endpoints"].as_array().into_iter().flatten() {
            let text = |key: &str| endpoint[key].as_str().unwrap_or("-").to_owned();
            writeln!(
                out,
                "  {:<28} {:<9} weight {:<5} in flight {:<5} latency {} ms",
                text("name"),
                text("condition"),
                endpoint["weight"],
                endpoint["in_flight"],
                endpoint["latency_ms"]
            )?;
        }
    }
    Ok(())
}

/// A certificate of an authority, in a line.
fn certificate(one: &Value) -> String {
    let hosts: Vec<&str> = one["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let line = format!("{} for {}", one["state"].as_str().unwrap_or("-"), hosts.join(" "));
    let line = match one["days_left"].as_f64() {
        Some(days) => line + &format!(", ends in {days} days"),
        None => line + ", none yet",
    };
    match one["last_error"].as_str() {
        Some(error) => line + &format!("; failed {} times in a row: {error}", one["failures"]),
        None => line,
    }
}

fn show(gateway: &Gateway, json: bool, out: &mut dyn Write) -> Result<()> {
    let document = gateway.get("/api/gateway/document")?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
    } else {
        let document: Document =
            serde_json::from_value(document).context("the document is of another version")?;
        write!(out, "{}", toml::to_string(&document)?)?;
    }
    Ok(())
}

fn apply(gateway: &Gateway, file: &std::path::Path, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    let document = serde_json::to_vec(&read_document(file)?)?;
    let path = if dry_run { "/api/gateway/document?dry_run=true" } else { "/api/gateway/document" };
    let answer = gateway.client.request("PUT", path, &document)?;
    let answer: Value = serde_json::from_slice(&answer).context("the answer is not in a known form")?;
    if dry_run {
        let same = answer["same"] == Value::Bool(true);
        writeln!(
            out,
            "the document is right, and {}",
            if same { "is what is there" } else { "would change what is there" }
        )?;
    } else {
        carried_out(&answer)?;
        writeln!(out, "{} objects changed; revision {}", answer["changed"], answer["revision"])?;
    }
    Ok(())
}

fn explain(gateway: &Gateway, question: &Value, out: &mut dyn Write) -> Result<()> {
    let body = gateway.client.request("POST", "/api/gateway/explain", &serde_json::to_vec(question)?)?;
    let answer: Value = serde_json::from_slice(&body).context("the answer is not in a known form")?;
    match answer["route"].as_str() {
        Some(route) => writeln!(out, "route {route}")?,
        None => writeln!(out, "no route takes it: 404")?,
    }
    for line in answer["why"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// Fails where the node keeps what it was given, and the gateway cannot carry it out.
fn carried_out(answer: &Value) -> Result<()> {
    let problems = answer["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let problems: Vec<&str> = problems.collect();
    ensure!(
        problems.is_empty(),
        "it is kept, but the gateway goes on as before, since:\n  {}",
        problems.join("\n  ")
    );
    Ok(())
}

fn read_text(file: &std::path::Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        let mut input = std::io::Read::take(std::io::stdin(), DOCUMENT_BYTES_MAX);
        std::io::Read::read_to_string(&mut input, &mut text).context("standard input is not text")?;
        return Ok(text);
    }
    let length = std::fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
    ensure!(length <= DOCUMENT_BYTES_MAX, "{} has {length} bytes; 16 MiB are possible", file.display());
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn read_document(file: &std::path::Path) -> Result<Document> {
    let text = read_text(file)?;
    let json = file.extension().is_some_and(|end| end == "json") || text.trim_start().starts_with('{');
    let document = if json { Document::from_json(text.as_bytes()) } else { Document::from_toml(&text) };
    document.map_err(|error| anyhow::anyhow!("{} is not right:\n{error}", file.display()))
}

fn parse_headers(headers: &[String]) -> Result<BTreeMap<String, String>> {
    let mut parsed = BTreeMap::new();
    for header in headers {
        let Some((name, value)) = header.split_once(':') else {
            bail!("header \"{header}\" is not NAME: VALUE");
        };
        parsed.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_told_in_a_line() {
        for (one, line) in [
            (
                json!({ "state": "good", "hosts": ["a.b", "c.d"], "days_left": 89.9, "failures": 0, "last_error": null }),
                "good for a.b c.d, ends in 89.9 days",
            ),
            (
                json!({ "state": "failing", "hosts": ["a.b"], "days_left": null, "failures": 2, "last_error": "a.b: dns: none" }),
                "failing for a.b, none yet; failed 2 times in a row: a.b: dns: none",
            ),
        ] {
            assert_eq!(certificate(&one), line);
        }
    }

    #[test]
    fn headers_are_names_and_values() {
        let parsed = parse_headers(&["X-A: b:c".to_owned(), "d:".to_owned()]).expect("both are headers");
        assert_eq!(
            parsed,
            BTreeMap::from([("X-A".to_owned(), "b:c".to_owned()), ("d".to_owned(), String::new())])
        );
        assert!(parse_headers(&["x".to_owned()]).is_err());
    }
}
