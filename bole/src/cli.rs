//! The command line. Each command's work is elsewhere; here is what may be written and what exit code comes back:
//! 0 done, 1 it failed, 2 the command line or the settings are wrong.

mod blobs;
mod bucket;
mod cdn;
mod consume;
mod dns;
mod door;
mod export;
mod gateway;
mod group;
mod import;
mod password;
mod postgres;
mod produce;
mod role;
mod sql;
mod streams;
mod topic;
mod user;
mod zone;

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::admin::Credentials;
use crate::config::{self, Flags, Loaded};
use crate::http::Client;
use crate::status::Status;
use crate::{check, serve};

/// The whole backend of an application in one program, on one durable log.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "bole", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node until SIGINT or SIGTERM (the default command)
    Serve(SettingsArgs),
    /// Print every option with its default and documentation, as a file that can be used
    Config {
        /// Print the values that are in force instead, and where each comes from
        #[arg(long)]
        effective: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Show a running node: journal, services, shards
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Verify a data directory while no node runs on it
    Check {
        /// The data directory
        dir: PathBuf,
        /// Drop what is damaged, as the report says; without it nothing is changed
        #[arg(long)]
        repair: bool,
        /// Do not read the bytes of large objects, which takes as long as reading all of them
        #[arg(long)]
        skip_chunks: bool,
    },
    /// Manage the users of a running node
    User {
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Manage roles: what users may do
    Role {
        #[command(subcommand)]
        command: role::RoleCommand,
    },
    /// Manage the topics of the stream service
    Topic {
        #[command(subcommand)]
        command: topic::TopicCommand,
    },
    /// Look at consumer groups, move or remove their offsets
    Group {
        #[command(subcommand)]
        command: group::GroupCommand,
    },
    /// Manage the buckets of the blobs
    Bucket {
        #[command(subcommand)]
        command: bucket::BucketCommand,
    },
    /// Look after large objects, move objects into the blobs and out of them, and their bytes from one home to another
    Blobs {
        #[command(subcommand)]
        command: blobs::BlobsCommand,
    },
    /// See and change what the gateway does
    Gateway {
        #[command(subcommand)]
        command: gateway::GatewayCommand,
    },
    /// See what the gateway's cache stores, and purge it
    Cdn {
        #[command(subcommand)]
        command: cdn::CdnCommand,
    },
    /// Manage the routes of the gateway
    Route {
        #[command(subcommand)]
        command: gateway::RouteCommand,
    },
    /// Manage the services behind the gateway and their instances
    Service {
        #[command(subcommand)]
        command: gateway::ServiceCommand,
    },
    /// Manage the zones of the DNS server
    Zone {
        #[command(subcommand)]
        command: zone::ZoneCommand,
    },
    /// See what the DNS server answers and why, and tell it of targets
    Dns {
        #[command(subcommand)]
        command: dns::DnsCommand,
    },
    /// Write lines of standard input to a topic
    Produce(produce::ProduceArgs),
    /// Print the records of a topic
    Consume(consume::ConsumeArgs),
    /// Run SQL statements: given ones, those of a file, or what is typed
    Sql(sql::SqlArgs),
    /// Move a database of another server here
    Import {
        #[command(subcommand)]
        command: import::ImportCommand,
    },
    /// Write a database as SQL that PostgreSQL and Bole load, or as CSV files
    Export(export::ExportArgs),
    /// Print a completion script, such as `bole completions bash`
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Where settings come from besides the environment.
#[derive(Clone, Debug, Args)]
struct SettingsArgs {
    /// Configuration file; ./bole.toml is read when it exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory; short for --set node.data=DIR
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Set one option; may be given several times
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// Which running node to talk to, and as whom.
#[derive(Clone, Debug, Args)]
struct NodeArgs {
    /// Address of the node's admin door
    #[arg(long, env = "BOLE_ADDR", default_value = "127.0.0.1:4280", value_name = "HOST:PORT")]
    addr: String,
    /// User to act as; the password comes from `BOLE_PASSWORD` or a prompt. On this machine: bole
    #[arg(long = "as", env = "BOLE_USER", value_name = "USER")]
    user: Option<String>,
}

impl SettingsArgs {
    fn load(self) -> Result<Loaded, config::Error> {
        let Self { config, data, set } = self;
        config::load(&Flags { config, data, set }, std::env::vars_os())
    }
}

impl NodeArgs {
    /// A client for the node. On loopback, and only there, the default user is taken when no other is named.
    fn client(self, credentials: Need) -> Result<Client> {
        let Self { addr, user } = self;
        let loopback = is_loopback(&addr);
        let credentials = match user {
            Some(user) => {
                let password =
                    password::from_variable_or_prompt("BOLE_PASSWORD", &format!("Password of {user}: "))?;
                Some(Credentials { user, password })
            }
            None if loopback && credentials == Need::Always => Some(default_user()),
            None => None,
        };
        Ok(Client { addr, credentials })
    }
}

/// Whether a request needs credentials on loopback too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Always,
    ElsewhereOnly,
}

/// The user that every fresh node knows on loopback; `BOLE_PASSWORD` says that its password was changed.
fn default_user() -> Credentials {
    let password = std::env::var("BOLE_PASSWORD").unwrap_or_else(|_| "bolebole".to_owned());
    Credentials { user: "bole".to_owned(), password }
}

fn is_loopback(addr: &str) -> bool {
    let found =
        addr.to_socket_addrs().map(|mut found| found.all(|address: SocketAddr| address.ip().is_loopback()));
    found.unwrap_or(false)
}

/// Runs the program and returns its exit code.
pub fn run() -> ExitCode {
    // clap prints usage errors itself and exits with 2; help and version with 0.
    let cli = Cli::parse();
    match run_command(cli, &mut std::io::stdout().lock()) {
        Ok(code) => code,
        // Whoever read our output has seen enough: `bole status | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let wrong_settings = error.downcast_ref::<config::Error>().is_some();
            let _ = writeln!(std::io::stderr(), "bole: {error:#}");
            ExitCode::from(if wrong_settings { 2 } else { 1 })
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn run_command(cli: Cli, out: &mut dyn Write) -> Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve(cli.settings)) {
        Command::Serve(settings) => return serve::run(&settings.load()?),
        Command::Config { effective: false, settings } => {
            // What is wrong with the settings is said here too.
            settings.load()?;
            out.write_all(config::render_defaults().as_bytes())?;
        }
        Command::Config { effective: true, settings } => {
            out.write_all(settings.load()?.render().as_bytes())?;
        }
        Command::Status { json, node } => show_status(&node.client(Need::ElsewhereOnly)?, json, out)?,
        Command::Check { dir, repair, skip_chunks } => {
            return check::run(&dir, check::Options { repair, skip_chunks }, out);
        }
        Command::User { command } => user::run(command, out)?,
        Command::Role { command } => role::run(command, out)?,
        Command::Gateway { command } => gateway::run(command, out)?,
        Command::Cdn { command } => cdn::run(command, out)?,
        Command::Route { command } => gateway::run_route(command, out)?,
        Command::Service { command } => gateway::run_service(command, out)?,
        Command::Zone { command } => zone::run(command, out)?,
        Command::Dns { command } => dns::run(command, out)?,
        Command::Topic { command } => streams::run(topic::run(command, out))?,
        Command::Group { command } => streams::run(group::run(command, out))?,
        Command::Bucket { command } => streams::run(bucket::run(command, out))?,
        Command::Blobs { command } => return blobs::run(command, out),
        Command::Produce(args) => return streams::run(produce::run(args, out)),
        Command::Consume(args) => streams::run(consume::run(args, out))?,
        Command::Sql(args) => return streams::run(sql::run(args, out)),
        Command::Import { command } => return streams::run(import::run(command, out)),
        Command::Export(args) => return streams::run(export::run(args, out)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "bole", &mut { out });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_status(client: &Client, json: bool, out: &mut dyn Write) -> Result<()> {
    let body = client.request("GET", "/api/status", b"")?;
    if json {
        out.write_all(&body)?;
        writeln!(out)?;
        return Ok(());
    }
    let status: Status =
        serde_json::from_slice(&body).context("the status is not in a form that is known here")?;
    write!(out, "{status}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// Command lines and the commands that they are.
    const GOOD: &[(&str, &str)] = &[
        ("bole serve --config b.toml", "Serve"),
        ("bole config --effective", "Config"),
        ("bole status --json --addr [::1]:1", "Status"),
        ("bole check /tmp/x --repair", "Check"),
        ("bole user add ann --role admin", "User"),
        ("bole user list", "User"),
        ("bole user remove ann --addr 127.0.0.1:1", "User"),
        ("bole topic create t --partitions 3 --config a=b --config c=d", "Topic"),
        ("bole topic list --json", "Topic"),
        ("bole topic describe t --addr [::1]:1", "Topic"),
        ("bole topic alter t --delete-config a", "Topic"),
        ("bole topic delete t u --yes", "Topic"),
        ("bole group list", "Group"),
        ("bole group describe g", "Group"),
        ("bole group reset g --topic t:0,1 --topic u --to-offset 5 --dry-run", "Group"),
        ("bole group reset g --topic t --by-duration 1h", "Group"),
        ("bole group delete g h", "Group"),
        ("bole group delete-offsets g --topic t", "Group"),
        ("bole produce t --key-separator : --header a=b --compression zstd --acks 1", "Produce"),
        ("bole consume t:1 --from -5 --count 1 --json --isolation read_committed", "Consume"),
        ("bole consume t --group g --assignor cooperative-sticky --exit-at-end", "Consume"),
        ("bole import postgres --from postgres://u@h/d --database d --dry-run --addr 127.0.0.1:1", "Import"),
        ("bole export --database d --format csv --out x", "Export"),
        ("bole bucket list --json", "Bucket"),
        ("bole bucket create b --versions --addr [::1]:1", "Bucket"),
        ("bole bucket policy b --set p.json", "Bucket"),
        ("bole bucket versioning b enabled", "Bucket"),
        ("bole bucket inventory b --csv --versions --prefix x", "Bucket"),
        ("bole blobs migrate --rate 5MiB --concurrency 2", "Blobs"),
        ("bole blobs import --from s3://b/p --endpoint http://h:1 --to c/q --rate 1MiB", "Blobs"),
        ("bole blobs import --from dir --to b --overwrite", "Blobs"),
        ("bole blobs export b/p --out dir", "Blobs"),
        ("bole cdn status --json", "Cdn"),
        ("bole cdn purge --tag news --soft", "Cdn"),
        ("bole cdn purge --all", "Cdn"),
        ("bole cdn sign https://a/b/ --key k --secret env:S --for 2d --folder --cookie", "Cdn"),
        ("bole zone apply a.zone --zone a.example --dry-run --addr [::1]:1", "Zone"),
        ("bole zone check -", "Zone"),
        ("bole dns explain a.example --type AAAA --subnet 2001:db8::/48", "Dns"),
        ("bole dns target t --load 0.5 --condition draining", "Dns"),
        ("bole completions zsh", "Completions"),
    ];
    /// What is none.
    const BAD: &[&str] = &[
        "bole serv",
        "bole check",
        "bole user",
        "bole --data x status",
        "bole completions x",
        "bole zone apply",
        "bole dns explain a --from 10.0.0.1 --subnet 10.0.0.0/8",
        "bole dns target t",
        "bole topic",
        "bole topic create",
        "bole topic create t --partitions 0",
        "bole topic create t --config a",
        "bole topic delete",
        "bole import postgres",
        "bole import",
        "bole export --format csv",
        "bole group reset g --topic t",
        "bole group reset g --to-latest",
        "bole group reset g --topic t --to-latest --to-earliest",
        "bole group reset g --topic t --to-offset -1",
        "bole group reset g --topic t --to-datetime tomorrow",
        "bole group reset g --topic t:x --to-latest",
        "bole produce",
        "bole produce t --compression brotli",
        "bole produce t --header a",
        "bole produce t --empty-is-null",
        "bole bucket versioning b off",
        "bole bucket policy b --set p --delete",
        "bole blobs migrate --status --stop",
        "bole blobs import --to b",
        "bole blobs import --from d --to /b",
        "bole blobs import --from d --concurrency 0",
        "bole blobs export b",
        "bole cdn purge",
        "bole cdn sign https://a/b --key k --secret env:S --cookie",
        "bole cdn purge --tag a --url b",
        "bole consume t --from last",
        "bole consume t --format %x",
        "bole consume t --json --format %v",
        "bole consume t --assignor range",
    ];

    #[test]
    fn commands() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let bare = parse("bole --data /tmp/x --set a.b=c --set d.e=f").unwrap();
        assert!(bare.command.is_none());
        assert_eq!((bare.settings.data, bare.settings.set.len()), (Some("/tmp/x".into()), 2));
        for (line, expected) in GOOD {
            let command = format!("{:?}", parse(line).unwrap().command.unwrap());
            assert!(command.starts_with(expected), "{line}: {command}");
        }
        for line in BAD {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn completions_know_the_commands() {
        let mut out = Vec::new();
        run_command(Cli::try_parse_from(["bole", "completions", "bash"]).unwrap(), &mut out).unwrap();
        let script = String::from_utf8(out).unwrap();
        for word in [
            "serve",
            "config",
            "status",
            "check",
            "user",
            "topic",
            "group",
            "bucket",
            "migrate",
            "produce",
            "consume",
            "completions",
            "--repair",
            "--key-separator",
            "cooperative-sticky",
        ] {
            assert!(script.contains(word), "{word}");
        }
    }

    #[test]
    fn only_this_machine_gets_the_default_user() {
        for (addr, loopback) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("10.0.0.1:1", false), ("x", false)]
        {
            assert_eq!(is_loopback(addr), loopback, "{addr}");
        }
    }
}
