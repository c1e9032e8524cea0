//! `cargo xtask conformance SERVICE`: real clients, with their default settings, against a running service.
//!
//! Each client has a script in `conformance/SERVICE/` that prints a line a check and ends with 0 only when all
//! passed; what a stranger would write is what is tested. Each service has its table of clients in a file here.

pub mod clients;
pub mod keyspace;
pub mod schemas;
pub mod streams;

use crate::{process, tools};
use anyhow::{Result, bail};
use clients::Client;
use std::time::Instant;

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
    Keyspace(keyspace::Args),
    /// Registry clients and serializers against the schema registry
    Schemas(schemas::Args),
    /// Kafka clients against the streams service
    Streams(streams::Args),
}

/// Runs the scripts of one service.
pub fn run(args: &Args) -> Result<()> {
    match &args.service {
        Service::Keyspace(args) => keyspace::run(args),
        Service::Schemas(args) => schemas::run(args),
        Service::Streams(args) => streams::run(args),
    }
}

fn choose<'a>(clients: &'a [Client], names: &[String]) -> Result<Vec<&'a Client>> {
    if names.is_empty() {
        return Ok(clients.iter().collect());
    }
    let known = || clients.iter().map(|client| client.name).collect::<Vec<_>>().join(", ");
    let mut chosen = Vec::new();
    for name in names {
        let before = chosen.len();
        chosen.extend(clients.iter().filter(|client| client.name.starts_with(name.as_str())));
        if chosen.len() == before {
            bail!("no client {name:?}; there are {}", known());
        }
    }
    Ok(chosen)
}

/// Runs the scripts of `clients` with the variables `env`; `all` of a service's clients must be enough.
fn run_all(service: &str, clients: &[&Client], all: bool, env: &[(&str, String)]) -> Result<()> {
    let (mut passed, mut failed, mut lines) = (0, 0, Vec::new());
    for client in clients {
        if let Some(program) = client.missing_program() {
            lines.push(format!("skipped {} (`{program}` is not installed)", client.name));
            continue;
        }
        tools::fetch(client)?;
        let mut command = (client.command)(&client.folder());
        command.envs(env.iter().map(|(name, value)| (name, value)));
        let start = Instant::now();
        let good = process::status(&mut command)?.success();
        let word = if good { "ok" } else { "FAIL" };
        lines.push(format!("{word} {} ({:.0} s)", client.name, start.elapsed().as_secs_f64()));
        *(if good { &mut passed } else { &mut failed }) += 1;
    }
    println!("\nclients of {service}\n  {}", lines.join("\n  "));
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
