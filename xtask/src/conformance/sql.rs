//! The PostgreSQL clients, and the run of their scripts against the SQL service or another server that speaks the protocol.

use super::clients::{Client, go, node, python, script};
use super::{Plan, choose};
use crate::process;
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask conformance sql`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// A running server to test, postgres://USER:PASSWORD@HOST:PORT/DATABASE; the scripts make tables and databases there. Starts a Bole node when absent
    #[arg(long)]
    pub url: Option<String>,
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Names the server that the scripts test.
const URL: &str = "BOLE_SQL_URL";
/// The clients that every run of the tests asks; the others take longer to fetch and compile than they tell, or do not pass yet.
const IN_TESTS: &[&str] = &["slices", "psycopg", "asyncpg", "node-postgres"];

const PYTHON: Packages =
    Packages { room: "python-sql", pins: &["../python/requirements.txt"], fetch: fetch_python };

fn fetch_python(folder: &Path, room: &Path) -> Result<()> {
    (tools::PYTHON.fetch)(&folder.join("../python"), room)
}

/// A Rust program, built into its room.
const RUST: Packages = Packages {
    room: "rust-sql",
    pins: &["Cargo.toml", "Cargo.lock", "src"],
    fetch: |folder, room| {
        let mut cargo = process::cargo();
        cargo.current_dir(folder).args(["build", "-q", "--locked", "--target-dir"]).arg(room);
        process::run(&mut cargo)
    },
};

/// The binary of sqllogictest, of the version that a file pins.
const SQLLOGICTEST: Packages = Packages {
    room: "sqllogictest",
    pins: &["sqllogictest-bin.txt"],
    fetch: |folder, room| {
        let version = std::fs::read_to_string(folder.join("sqllogictest-bin.txt"))?;
        let mut cargo = process::cargo();
        cargo.args(["install", "-q", "--debug", "--locked", "--version", version.trim(), "--root"]);
        process::run(cargo.arg(room).arg("sqllogictest-bin"))
    },
};

/// Every client of the SQL service.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "slices",
        folder: "sql",
        programs: &["python3"],
        only_with: None,
        packages: None,
        command: |folder| script("python3", &[&folder.join("run_slices.py")]),
    },
    Client {
        name: "psql",
        folder: "sql/psql",
        programs: &["psql", "bash", "python3"],
        only_with: None,
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
    Client {
        name: "moving",
        folder: "sql/moving",
        programs: &["psql", "pg_dump", "bash"],
        only_with: Some("BOLE_MOVING_URL"),
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
    Client {
        name: "psycopg",
        folder: "sql/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "psycopg_run.py"),
    },
    Client {
        name: "asyncpg",
        folder: "sql/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "asyncpg_run.py"),
    },
    Client {
        name: "sqlalchemy",
        folder: "sql/sqlalchemy",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "run.py"),
    },
    Client {
        name: "django",
        folder: "sql/django",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "run.py"),
    },
    Client {
        name: "node-postgres",
        folder: "sql/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(Packages { room: "node-sql", ..tools::NODE }),
        command: |folder| node(folder, "node-sql", "pg.js"),
    },
    Client {
        name: "tokio-postgres",
        folder: "sql/rust",
        programs: &[],
        only_with: None,
        packages: Some(RUST),
        command: |_| script(process::tools_dir().join(RUST.room).join("debug/sql-conformance"), &[]),
    },
    Client {
        name: "pgx",
        folder: "sql/go",
        programs: &["go"],
        only_with: None,
        packages: Some(Packages { room: "go-sql", ..tools::GO }),
        command: go,
    },
    Client {
        name: "jdbc",
        folder: "sql/java",
        programs: &["java", "javac", "mvn"],
        only_with: None,
        packages: Some(Packages { room: "java-sql", ..tools::JAVA }),
        command: jdbc,
    },
    Client {
        name: "sqllogictest",
        folder: "sql",
        programs: &["python3", "bash"],
        only_with: None,
        packages: Some(SQLLOGICTEST),
        command: |folder| {
            let mut command = script("bash", &[&folder.join("sqllogictest.sh")]);
            command.env("SQLLOGICTEST", process::tools_dir().join("sqllogictest/bin/sqllogictest"));
            command
        },
    },
];

fn jdbc(_: &Path) -> Command {
    let room = process::tools_dir().join("java-sql");
    let mut command = script("java", &[]);
    command.args(["-Duser.timezone=UTC", "-cp"]).arg(format!("{0}/classes:{0}/lib/*", room.display()));
    command.arg("conformance.Main");
    command
}

/// Runs the clients; fails when a script fails, or when too few clients could run.
pub fn run(args: &Args) -> Result<()> {
    let chosen = choose(CLIENTS, &args.clients)?;
    let all = args.clients.is_empty();
    if let Some(url) = &args.url {
        return run_all(&chosen, url.clone(), all);
    }
    let bole = TemporaryBole::start("conformance-sql")?;
    server::wait_for(bole.sql())?;
    let judged = run_all(&chosen, format!("postgres://bole:bolebole@{}/bole", bole.sql()), all);
    bole.still_runs().and(judged)
}

/// Runs the clients of [`IN_TESTS`], as a part of `cargo xtask test`.
pub fn run_in_tests() -> Result<()> {
    let clients = IN_TESTS.iter().map(|name| (*name).to_owned()).collect();
    run(&Args { clients, ..Args::default() })
}

fn run_all(clients: &[&Client], url: String, all: bool) -> Result<()> {
    super::run_all("sql", clients, &Plan { all, jobs: 1 }, &[(URL, url)])
}
