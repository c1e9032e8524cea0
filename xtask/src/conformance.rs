//! `cargo xtask conformance SERVICE`: real clients, with their default settings, against a running service.
//!
//! Each client has a script in `conformance/SERVICE/` that prints a line a check and ends with 0 only when all
//! passed; what a stranger would write is what is tested. The table of clients is in [`clients`].

pub mod clients;
pub mod schemas;

use crate::server::TemporaryBole;
use crate::{process, tools};
use anyhow::{Result, bail};
use clients::{CLIENTS, Client};
use std::net::SocketAddr;

/// Fewer clients than this do not show that real clients work.
const CLIENTS_MIN: usize = 3;

/// Options of `cargo xtask conformance`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    service: Service,
}

/// The services that have conformance scripts.
#[derive(Debug, Clone, clap::Subcommand)]
enum Service {
    /// Redis clients against the keyspace
    Keyspace(KeyspaceArgs),
    /// Registry clients and serializers against the schema registry
    Schemas(schemas::Args),
}

/// Options of `cargo xtask conformance keyspace`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeyspaceArgs {
    /// A running server to test, HOST:PORT; its data is flushed. Starts a Bole node when absent
    #[arg(long)]
    pub addr: Option<String>,
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Runs the scripts of one service.
pub fn run(args: &Args) -> Result<()> {
    match &args.service {
        Service::Keyspace(args) => keyspace(args),
        Service::Schemas(args) => schemas::run(args),
    }
}

/// Runs the Redis clients; fails when a script fails, or when too few clients could run.
pub fn keyspace(args: &KeyspaceArgs) -> Result<()> {
    let chosen = choose(&args.clients)?;
    let all = args.clients.is_empty();
    if let Some(address) = &args.addr {
        return run_all(&chosen, crate::tair::resolve(address)?, all);
    }
    let bole = TemporaryBole::start("conformance-keyspace")?;
    let judged = run_all(&chosen, bole.keyspace(), all);
    bole.still_runs().and(judged)
}

fn choose(names: &[String]) -> Result<Vec<&'static Client>> {
    if names.is_empty() {
        return Ok(CLIENTS.iter().collect());
    }
    let known = || CLIENTS.iter().map(|client| client.name).collect::<Vec<_>>().join(", ");
    let mut chosen = Vec::new();
    for name in names {
        let before = chosen.len();
        chosen.extend(CLIENTS.iter().filter(|client| client.name.starts_with(name.as_str())));
        if chosen.len() == before {
            bail!("no client {name:?}; there are {}", known());
        }
    }
    Ok(chosen)
}

fn run_all(clients: &[&Client], server: SocketAddr, all: bool) -> Result<()> {
    let (mut passed, mut failed, mut lines) = (0, 0, Vec::new());
    for client in clients {
        if let Some(program) = client.missing_program() {
            lines.push(format!("skipped {} (`{program}` is not installed)", client.name));
            continue;
        }
        tools::fetch(client)?;
        let mut command = (client.command)(&client.folder());
        command.env("BOLE_KEYSPACE_URL", format!("redis://{server}"));
        let good = process::status(&mut command)?.success();
        lines.push(format!("{} {}", if good { "ok" } else { "FAIL" }, client.name));
        *(if good { &mut passed } else { &mut failed }) += 1;
    }
    println!("\nclients of the keyspace\n  {}", lines.join("\n  "));
    if failed > 0 {
        bail!("{failed} of {} clients failed", passed + failed);
    }
    if all && passed < CLIENTS_MIN {
        bail!(
            "only {passed} clients could run; {CLIENTS_MIN} are needed: install a language that was skipped"
        );
    }
    Ok(())
}
