//! What real clients see of the gateway: programs in several languages, raw floods, a browser, logins at a real provider, and
//! traces at a collector of OpenTelemetry's messages.
//!
//! All but the last two are started by `conformance/gateway/run.js`, which plays what stands behind the gateway.

use super::clients::{Client, node, python, script};
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use crate::{process, server::free_ports};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask conformance gateway`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// What stands behind the gateway, and the clients that are Node programs.
const ROOM: Packages = Packages { room: "node-gateway", ..tools::NODE };
/// The clients that are Python programs.
const PYTHON_ROOM: Packages =
    Packages { room: "python-gateway", pins: &["python/requirements.txt"], fetch: fetch_python };

fn fetch_python(folder: &Path, room: &Path) -> Result<()> {
    (tools::PYTHON.fetch)(&folder.join("python"), room)
}

/// One that `run.js` starts.
const fn client(
    name: &'static str,
    programs: &'static [&'static str],
    command: fn(&Path) -> Command,
) -> Client {
    Client { name, folder: "gateway", programs, only_with: None, packages: Some(ROOM), command }
}

/// `run.js` with the name of a client.
fn run_js(folder: &Path, name: &str) -> Command {
    let mut command = script("node", &[&folder.join("run.js"), Path::new(name)]);
    let packages = process::tools_dir().join(ROOM.room).join("node_modules");
    let checks = super::clients::checks();
    command.env("NODE_PATH", format!("{}:{}", packages.display(), checks.display()));
    command.env("PYTHONPATH", checks).env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(tools::go_caches());
    command.env("GATEWAY_PYTHON", process::tools_dir().join(PYTHON_ROOM.room).join("bin/python"));
    command
}

/// Every client of the gateway.
pub const CLIENTS: &[Client] = &[
    client("curl", &["node", "npm", "openssl", "curl"], |folder| run_js(folder, "curl")),
    client("python", &["node", "npm", "openssl", "python3"], |folder| run_js(folder, "python")),
    client("node", &["node", "npm", "openssl"], |folder| run_js(folder, "node")),
    client("go", &["node", "npm", "openssl", "go"], |folder| run_js(folder, "go")),
    client("java", &["node", "npm", "openssl", "java"], |folder| run_js(folder, "java")),
    client("floods", &["node", "npm", "openssl", "python3"], |folder| run_js(folder, "floods")),
    client("chromium", &["node", "npm", "openssl"], |folder| run_js(folder, "chromium")),
    Client {
        name: "oidc",
        folder: "gateway/oidc",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(Packages { room: "node-oidc", ..tools::NODE }),
        command: |folder| node(folder, "node-oidc", "run.js"),
    },
    Client {
        name: "otel",
        folder: "gateway/otel",
        programs: &["python3"],
        only_with: None,
        packages: Some(Packages { room: "python-otel", ..tools::PYTHON }),
        command: |folder| python(folder, "python-otel", "run.py"),
    },
];

/// Runs the clients, each at a node of its own; fails when a script fails, or when one cannot run.
pub fn run(args: &Args) -> Result<()> {
    let mut failed = Vec::new();
    for client in super::choose(CLIENTS, &args.clients)? {
        if let Err(error) = run_one(client) {
            failed.push(format!("{}: {error:#}", client.name));
        }
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// The clients that the tests run: those that need little and take seconds.
const IN_TESTS: [&str; 3] = ["oidc", "otel", "python"];

/// Runs the clients that are among the tests. One whose programs are not installed is passed over with a message.
pub fn run_in_tests() -> Result<()> {
    for client in CLIENTS.iter().filter(|client| IN_TESTS.contains(&client.name)) {
        match client.missing_program() {
            Some(program) => println!("skipped {}: `{program}` is not installed", client.name),
            None => run_one(client)?,
        }
    }
    Ok(())
}

fn run_one(client: &Client) -> Result<()> {
    if let Some(program) = client.missing_program() {
        anyhow::bail!("`{program}` is not installed");
    }
    // Whatever takes minutes comes before there is a node that waits.
    tools::fetch(client)?;
    if client.folder == "gateway" && client.programs.contains(&"python3") {
        tools::fetch_packages(&PYTHON_ROOM, &client.folder())?;
    }
    let [tls, collector] = free_ports()?;
    let listen = format!("127.0.0.1:{tls}");
    let endpoint =
        if client.name == "otel" { format!("http://127.0.0.1:{collector}") } else { String::new() };
    let run = format!("conformance-gateway-{}", client.name);
    let bole = TemporaryBole::start_with(
        &run,
        &[("BOLE_GATEWAY_TLS_LISTEN", &listen), ("BOLE_GATEWAY_OTEL_ENDPOINT", &endpoint)],
    )?;
    server::wait_for(bole.gateway())?;
    server::wait_for(bole.admin())?;
    let env = [
        ("BOLE_GATEWAY_URL", format!("http://{}", bole.gateway())),
        ("BOLE_GATEWAY_TLS_URL", format!("https://localhost:{tls}")),
        ("BOLE_ADMIN_URL", format!("http://{}", bole.admin())),
        ("BOLE_PID", bole.pid().to_string()),
        ("OTEL_PORT", collector.to_string()),
    ];
    let judged = super::run_all("gateway", &[client], &super::Plan { all: false, jobs: 1 }, &env);
    bole.still_runs().and(judged)
}
