//! The S3 clients, and the run of their scripts against the service of blobs.

use super::Plan;
use super::clients::{Client, go, node, python, script};
use crate::process;
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use anyhow::Result;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Options of `cargo xtask conformance blobs`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// A running server to test, HOST:PORT, with the keys `bole` and `bolebole`; the scripts use buckets of their own. Starts a Bole node when absent
    #[arg(long)]
    pub addr: Option<String>,
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// The clients that every run of the tests asks: what Python, Node and Debian have. The others are run by `cargo xtask conformance blobs`.
const IN_TESTS: &[&str] =
    &["boto3", "awscli", "minio-py", "pyarrow", "s3cmd", "aws-sdk-js", "minio-js", "rclone", "restic"];
/// Below which buckets of the node are websites.
const WEBSITES: &str = "web.example";
/// Scripts at a time: they share nothing but the server, and most of their time is waiting.
const JOBS: usize = 3;

const PYTHON: Packages = Packages { room: "python-blobs", ..tools::PYTHON };
const NODE: Packages = Packages { room: "node-blobs", ..tools::NODE };
const GO: Packages = Packages { room: "go-blobs", ..tools::GO };

/// `mc`, which is no library: built from the module that its folder pins.
const MC: Packages = Packages {
    room: "go-mc",
    pins: &["version"],
    fetch: |folder, room| {
        let version = std::fs::read_to_string(folder.join("version"))?;
        let mut go = Command::new("go");
        go.args(["install", &format!("github.com/minio/mc@{}", version.trim())]);
        process::run(go.envs(tools::go_caches()).env("GOBIN", room.join("bin")))
    },
};

/// Every client of the service.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "boto3",
        folder: "blobs/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "boto3_run.py"),
    },
    Client {
        name: "awscli",
        folder: "blobs/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| tool(folder, "awscli_run.py", &of_python("aws")),
    },
    Client {
        name: "minio-py",
        folder: "blobs/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "minio_run.py"),
    },
    Client {
        name: "pyarrow",
        folder: "blobs/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, PYTHON.room, "parquet_run.py"),
    },
    Client {
        name: "s3cmd",
        folder: "blobs/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| tool(folder, "s3cmd_run.py", &of_python("s3cmd")),
    },
    Client {
        name: "aws-sdk-js",
        folder: "blobs/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(NODE),
        command: |folder| node(folder, NODE.room, "aws.js"),
    },
    Client {
        name: "minio-js",
        folder: "blobs/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(NODE),
        command: |folder| node(folder, NODE.room, "minio.js"),
    },
    Client {
        name: "aws-sdk-go",
        folder: "blobs/go",
        programs: &["go"],
        only_with: None,
        packages: Some(GO),
        command: |folder| chosen(go(folder), "aws"),
    },
    Client {
        name: "minio-go",
        folder: "blobs/go",
        programs: &["go"],
        only_with: None,
        packages: Some(GO),
        command: |folder| chosen(go(folder), "minio"),
    },
    Client {
        name: "mc",
        folder: "blobs/mc",
        programs: &["go", "python3"],
        only_with: None,
        packages: Some(MC),
        command: |folder| tool(folder, "mc_run.py", &process::tools_dir().join(MC.room).join("bin/mc")),
    },
    Client {
        name: "aws-sdk-java",
        folder: "blobs/java",
        programs: &["java", "javac", "mvn"],
        only_with: None,
        packages: Some(Packages { room: "java-blobs", ..tools::JAVA }),
        command: java,
    },
    Client {
        name: "rclone",
        folder: "blobs/tools",
        programs: &["rclone", "python3"],
        only_with: None,
        packages: None,
        command: |folder| tool(folder, "rclone_run.py", Path::new("rclone")),
    },
    Client {
        name: "restic",
        folder: "blobs/tools",
        programs: &["restic", "python3"],
        only_with: None,
        packages: None,
        command: |folder| tool(folder, "restic_run.py", Path::new("restic")),
    },
    Client {
        name: "docker-registry",
        folder: "blobs/python",
        programs: &["docker-registry", "python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| chosen(python(folder, PYTHON.room, "../tools/registry_run.py"), "docker-registry"),
    },
];

/// A program that came with the Python packages.
fn of_python(name: &str) -> PathBuf {
    process::tools_dir().join(PYTHON.room).join("bin").join(name)
}

/// The script that asks a program.
fn tool(folder: &Path, file: &str, program: &Path) -> Command {
    let mut command = script("python3", &[&folder.join("../tools").join(file), program]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", super::clients::checks());
    command
}

fn chosen(mut command: Command, client: &str) -> Command {
    command.arg(client);
    command
}

fn java(_: &Path) -> Command {
    let room = process::tools_dir().join("java-blobs");
    let mut command = script("java", &[Path::new("-cp")]);
    command.arg(format!("{0}/classes:{0}/lib/*", room.display())).arg("conformance.Main");
    command
}

/// Runs the clients; fails when a script fails, or when too few clients could run.
pub fn run(args: &Args) -> Result<()> {
    let chosen = super::choose(CLIENTS, &args.clients)?;
    let all = args.clients.is_empty();
    if let Some(address) = &args.addr {
        return run_all(&chosen, crate::tair::resolve(address)?, None, all);
    }
    let bole = TemporaryBole::start_with("conformance-blobs", &[("BOLE_BLOBS_WEBSITE_DOMAINS", WEBSITES)])?;
    server::wait_for(bole.blobs())?;
    let judged = run_all(&chosen, bole.blobs(), Some(WEBSITES), all);
    bole.still_runs().and(judged)
}

/// Runs the clients of [`IN_TESTS`], as a part of `cargo xtask test`.
pub fn run_in_tests() -> Result<()> {
    let clients = IN_TESTS.iter().map(|name| (*name).to_owned()).collect();
    run(&Args { clients, ..Args::default() })
}

/// What every script reads: AWS's variables for AWS's clients, and ours for those that have none.
fn run_all(clients: &[&Client], server: SocketAddr, websites: Option<&str>, all: bool) -> Result<()> {
    let endpoint = format!("http://{server}");
    let env = [
        ("BOLE_BLOBS_ENDPOINT", endpoint.as_str()),
        ("BOLE_BLOBS_KEY", "bole"),
        ("BOLE_BLOBS_SECRET", "bolebole"),
        ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "bole"),
        ("AWS_SECRET_ACCESS_KEY", "bolebole"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        // No file of the user and no address of a cloud is asked for anything.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let websites = websites.map(|domain| ("BOLE_BLOBS_WEBSITES", domain));
    let env: Vec<_> = env.into_iter().chain(websites).map(|(name, value)| (name, value.to_owned())).collect();
    super::run_all("blobs", clients, &Plan { all, jobs: JOBS }, &env)
}
