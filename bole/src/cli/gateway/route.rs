//! `bole route`: the routes of the gateway.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Gateway, NodeArgs};

const PART: &str = "routes";

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// List the routes
    List {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Show a route as JSON
    Show {
        /// The route's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Add a route to a service. What else a route can do is in `bole gateway put routes` and `bole gateway apply`
    Add {
        /// The route's name
        name: String,
        /// The service that its requests go to
        #[arg(long)]
        service: String,
        /// A host, or *.example.com; may be given several times. Any without
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        /// A path: /a, /a/* with all below, or ~PATTERN. Any without
        #[arg(long)]
        path: Option<String>,
        /// A method; may be given several times. Any without
        #[arg(long = "method", value_name = "METHOD")]
        methods: Vec<String>,
        /// Take this from the front of the path
        #[arg(long, value_name = "PREFIX")]
        strip_prefix: Option<String>,
        /// A way to log in; may be given several times
        #[arg(long = "login", value_name = "LOGIN")]
        logins: Vec<String>,
        /// A limit; may be given several times
        #[arg(long = "limit", value_name = "LIMIT")]
        limits: Vec<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Send all requests of a route to another service at once: blue and green
    Switch {
        /// The route's name
        name: String,
        /// The service
        service: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Divide a route's requests among services: a canary
    Split {
        /// The route's name
        name: String,
        /// Services with their weights
        #[arg(required = true, value_name = "SERVICE=WEIGHT")]
        shares: Vec<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Let a route take requests again
    Enable {
        /// The route's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Let a route take no requests, without forgetting it
    Disable {
        /// The route's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove a route
    Remove {
        /// The route's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(crate) fn run(command: RouteCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        RouteCommand::List { node } => {
            for (name, route) in Gateway::new(node)?.objects(PART)? {
                writeln!(out, "{name:<24} {}", summary(&route))?;
            }
        }
        RouteCommand::Show { name, node } => {
            let route = Gateway::new(node)?.object(PART, &name)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&route)?)?;
        }
        RouteCommand::Add { name, service, hosts, path, methods, strip_prefix, logins, limits, node } => {
            let mut route = json!({
                "service": service, "hosts": hosts, "path": path, "methods": methods, "login": logins, "limits": limits,
            });
            if let Some(prefix) = strip_prefix {
                route["rewrite"] = json!({ "strip_prefix": prefix });
            }
            Gateway::new(node)?.put(PART, &name, &route)?;
            writeln!(out, "route \"{name}\" added")?;
        }
        RouteCommand::Switch { name, service, node } => {
            change(node, &name, |route| set_target(route, json!(service), json!([])))?;
            writeln!(out, "route \"{name}\" goes to service \"{service}\"")?;
        }
        RouteCommand::Split { name, shares, node } => {
            let split = parse_shares(&shares)?;
            change(node, &name, |route| set_target(route, Value::Null, split.clone()))?;
            writeln!(out, "route \"{name}\" is split: {}", shares.join(" "))?;
        }
        RouteCommand::Enable { name, node } => {
            change(node, &name, |route| route["enabled"] = json!(true))?;
            writeln!(out, "route \"{name}\" takes requests")?;
        }
        RouteCommand::Disable { name, node } => {
            change(node, &name, |route| route["enabled"] = json!(false))?;
            writeln!(out, "route \"{name}\" takes no requests")?;
        }
        RouteCommand::Remove { name, node } => {
            Gateway::new(node)?.remove(PART, &name)?;
            writeln!(out, "route \"{name}\" removed")?;
        }
    }
    Ok(())
}

fn change(node: NodeArgs, name: &str, change: impl Fn(&mut Value)) -> Result<()> {
    let gateway = Gateway::new(node)?;
    let mut route = gateway.object(PART, name)?;
    ensure!(route.is_object(), "the route is not in a known form");
    change(&mut route);
    gateway.put(PART, name, &route)
}

fn set_target(route: &mut Value, service: Value, split: Value) {
    for (key, value) in [("service", service), ("split", split)] {
        route[key] = value;
    }
}

fn parse_shares(shares: &[String]) -> Result<Value> {
    let share = |text: &String| {
        let (service, weight) =
            text.split_once('=').with_context(|| format!("\"{text}\" is not SERVICE=WEIGHT"))?;
        let weight: f64 = weight.parse().with_context(|| format!("\"{weight}\" is not a weight"))?;
        Ok(json!({ "service": service, "weight": weight }))
    };
    shares.iter().map(share).collect::<Result<Vec<_>>>().map(Value::Array)
}

/// A route in one line: what it takes and where that goes.
fn summary(route: &Value) -> String {
    let words = |key: &str| {
        let all: Vec<&str> = route[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        all.join(",")
    };
    let hosts = words("hosts");
    let path = route["path"].as_str().map_or_else(|| words("paths"), str::to_owned);
    let methods = words("methods");
    let target = if let Some(service) = route["service"].as_str() {
        service.to_owned()
    } else if let Some(split) = route["split"].as_array().filter(|split| !split.is_empty()) {
        let share =
            |share: &Value| format!("{}={}", share["service"].as_str().unwrap_or("?"), share["weight"]);
        split.iter().map(share).collect::<Vec<_>>().join(" ")
    } else {
        let kinds = ["redirect", "reply", "files", "openapi", "bucket"];
        kinds.iter().find(|kind| route[**kind].is_object()).map_or("nowhere", |kind| *kind).to_owned()
    };
    let off = if route["enabled"] == json!(false) { " (disabled)" } else { "" };
    let or_any = |text: String| if text.is_empty() { "*".to_owned() } else { text };
    format!("{} {} {} → {target}{off}", or_any(methods), or_any(hosts), or_any(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_in_one_line() {
        for (route, line) in [
            (json!({ "service": "s" }), "* * * → s"),
            (
                json!({ "hosts": ["a", "b"], "path": "/x/*", "methods": ["GET"], "split": [{ "service": "s", "weight": 9.0 }] }),
                "GET a,b /x/* → s=9.0",
            ),
            (json!({ "reply": { "status": 200 }, "enabled": false }), "* * * → reply (disabled)"),
        ] {
            assert_eq!(summary(&route), line);
        }
    }

    #[test]
    fn shares_are_services_and_weights() {
        let shares = parse_shares(&["a=9".to_owned(), "b=0.5".to_owned()]).expect("both are shares");
        assert_eq!(shares, json!([{ "service": "a", "weight": 9.0 }, { "service": "b", "weight": 0.5 }]));
        for wrong in ["a", "a=x"] {
            assert!(parse_shares(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
