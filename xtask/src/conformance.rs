//! `cargo xtask conformance SERVICE`: real clients, with their default settings, against a running service.
//!
//! Each client has a script in `conformance/SERVICE/` that prints a line a check and ends with 0 only when all
//! passed; what a stranger would write is what is tested. Each service has its table of clients in a file here.

pub mod blobs;
pub mod cdn;
pub mod clients;
pub mod console;
pub mod dns;
pub mod gateway;
pub mod keyspace;
pub mod schemas;
pub mod sql;
pub mod streams;

use crate::{process, tools};
use anyhow::{Result, bail};
use clients::Client;
use std::sync::Mutex;
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
    /// S3 clients against the blobs
    Blobs(blobs::Args),
    /// The HTTP cache tests through the gateway
    Cdn(cdn::Args),
    /// A browser at the console
    Console(console::Args),
    /// DNS tools and libraries against the DNS server
    Dns(dns::Args),
    /// Browsers and programs that log in at the gateway
    Gateway(gateway::Args),
    /// Redis clients against the keyspace
    Keyspace(keyspace::Args),
    /// Registry clients and serializers against the schema registry
    Schemas(schemas::Args),
    /// PostgreSQL clients against the SQL service
    Sql(sql::Args),
    /// Kafka clients against the streams service
    Streams(streams::Args),
}

/// Runs the scripts of one service.
pub fn run(args: &Args) -> Result<()> {
    match &args.service {
        Service::Blobs(args) => blobs::run(args),
        Service::Cdn(args) => cdn::run(args),
        Service::Console(args) => console::run(args),
        Service::Dns(args) => dns::run(args),
        Service::Gateway(args) => gateway::run(args),
        Service::Keyspace(args) => keyspace::run(args),
        Service::Schemas(args) => schemas::run(args),
        Service::Sql(args) => sql::run(args),
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

/// How the scripts of a service are run.
struct Plan {
    /// Whether these are all clients of the service, of which enough must be able to run.
    all: bool,
    /// How many run at a time. More than one are told apart by printing each script's output when it has ended.
    jobs: usize,
}

/// Runs the scripts of `clients` with the variables `env`.
fn run_all(service: &str, clients: &[&Client], plan: &Plan, env: &[(&str, String)]) -> Result<()> {
    let (mut able, mut lines) = (Vec::new(), Vec::new());
    for client in clients {
        if let Some(obstacle) = client.obstacle(env) {
            lines.push(format!("skipped {} ({obstacle})", client.name));
        } else {
            tools::fetch(client)?;
            able.push(*client);
        }
    }
    let start = Instant::now();
    let outcomes = run_able(&able, plan.jobs, env)?;
    let failed = outcomes.iter().filter(|(_, good, _)| !good).count();
    lines.extend(outcomes.iter().map(|(name, good, seconds)| {
        format!("{} {name} ({seconds:.0} s)", if *good { "ok" } else { "FAIL" })
    }));
    let seconds = start.elapsed().as_secs_f64();
    println!("\nclients of {service}, {seconds:.0} s\n  {}", lines.join("\n  "));
    if failed > 0 {
        bail!("{failed} of {} clients failed", able.len());
    }
    if plan.all && able.len() < CLIENTS_MIN {
        bail!(
            "only {} clients could run; {CLIENTS_MIN} are needed: install a language that was skipped",
            able.len()
        );
    }
    Ok(())
}

/// The outcome of each client, as name, success and seconds, in the order in which they ended.
fn run_able(
    clients: &[&Client],
    jobs: usize,
    env: &[(&str, String)],
) -> Result<Vec<(&'static str, bool, f64)>> {
    let waiting = Mutex::new(clients.iter());
    let outcomes = Mutex::new(Vec::new());
    let locked = "no thread panics with the lock";
    let work = || -> Result<()> {
        loop {
            let Some(client) = waiting.lock().expect(locked).next() else { return Ok(()) };
            let mut command = (client.command)(&client.folder());
            command.envs(env.iter().map(|(name, value)| (name, value)));
            let start = Instant::now();
            let good = if jobs == 1 {
                process::status(&mut command)?.success()
            } else {
                process::status_at_once(&mut command)?.success()
            };
            let outcome = (client.name, good, start.elapsed().as_secs_f64());
            outcomes.lock().expect(locked).push(outcome);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker returns its errors"))
    })?;
    Ok(outcomes.into_inner().expect(locked))
}
