//! What real clients see of the gateway: programs in several languages, raw floods, a browser, logins at a real provider, certificates of a real
//! authority, and traces at a collector of OpenTelemetry's messages.
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
        name: "acme",
        folder: "gateway/acme",
        programs: &["go", "openssl", "python3"],
        only_with: None,
        packages: Some(PEBBLE),
        command: acme,
    },
    Client {
        name: "grpc-go",
        folder: "gateway/interop",
        programs: &["go", "openssl", "python3"],
        only_with: None,
        packages: Some(INTEROP),
        command: |folder| interop(folder, "go", INTEROP.room),
    },
    Client {
        name: "grpc-java",
        folder: "gateway/interop",
        programs: &["go", "java", "mvn", "openssl", "python3"],
        only_with: None,
        packages: Some(INTEROP_JAVA),
        command: |folder| interop(folder, "java", INTEROP_JAVA.room),
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

/// gRPC's interoperability clients, and its server in Go.
const INTEROP: Packages =
    Packages { room: "grpc-interop", pins: &["go.mod", "go.sum"], fetch: fetch_interop };
/// The same with the client in Java.
const INTEROP_JAVA: Packages =
    Packages { room: "grpc-interop-java", pins: &["go.mod", "go.sum", "pom.xml"], fetch: fetch_interop_java };

/// Compiles a program of a module that the folder's `go.mod` names.
fn compile(folder: &Path, program: &str, to: &Path) -> Result<()> {
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-o"]).arg(to).arg(program);
    process::run(go.envs(tools::go_caches()).current_dir(folder))
}

fn fetch_interop(folder: &Path, room: &Path) -> Result<()> {
    for program in ["client", "server"] {
        compile(folder, &format!("google.golang.org/grpc/interop/{program}"), &room.join(program))?;
    }
    Ok(())
}

fn fetch_interop_java(folder: &Path, room: &Path) -> Result<()> {
    fetch_interop(folder, room)?;
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy-dependencies"]);
    maven.arg(format!("-DoutputDirectory={}", room.join("jars").display()));
    process::run(maven.current_dir(folder))
}

/// The cases, by a client of one language.
fn interop(folder: &Path, language: &str, room: &str) -> Command {
    let mut command = script("python3", &[&folder.join("run.py"), Path::new(language)]);
    let room = process::tools_dir().join(room);
    with_nodes(&mut command).env("INTEROP_JARS", room.join("jars")).env("INTEROP", room);
    command
}

/// What scripts in Python have that start nodes of their own, or want free ports.
fn with_nodes(command: &mut Command) -> &mut Command {
    let nodes = process::repository().join("conformance/streams/python");
    let folders = format!("{}:{}", super::clients::checks().display(), nodes.display());
    command.env("PYTHONPATH", folders).env("PYTHONDONTWRITEBYTECODE", "1")
}

/// The authority that certificates are asked of, compiled.
const PEBBLE: Packages = Packages { room: "pebble", pins: &["go.mod", "go.sum"], fetch: fetch_pebble };

fn fetch_pebble(folder: &Path, room: &Path) -> Result<()> {
    for program in ["pebble", "pebble-challtestsrv"] {
        compile(folder, &format!("github.com/letsencrypt/pebble/v2/cmd/{program}"), &room.join(program))?;
    }
    Ok(())
}

/// It starts nodes of its own, because it kills them.
fn acme(folder: &Path) -> Command {
    let mut command = script("python3", &[&folder.join("run.py")]);
    with_nodes(&mut command).env("PEBBLE", process::tools_dir().join(PEBBLE.room));
    command.env("BOLE_BINARY", server::binary(server::Profile::Debug));
    command
}

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
    if client.programs.contains(&"python3") && client.folder == "gateway" {
        tools::fetch_packages(&PYTHON_ROOM, &client.folder())?;
    }
    if client.name == "acme" {
        server::build_bole(server::Profile::Debug)?;
        return super::run_all("gateway", &[client], &super::Plan { all: false, jobs: 1 }, &[]);
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
