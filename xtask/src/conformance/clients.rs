//! The table of clients: what each needs, where its packages come from and how its script is started.

use crate::process;
use crate::tools::{self, Packages};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long one script may take before it counts as hung.
const SCRIPT_SECONDS_MAX: &str = "300";

/// One client library or tool with a conformance script.
#[derive(Debug)]
pub struct Client {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its folder in `conformance/keyspace/`.
    pub room: &'static str,
    /// The programs that must be installed.
    pub programs: &'static [&'static str],
    /// The packages that it needs, if any.
    pub packages: Option<Packages>,
    /// The command that runs its script, from the script's folder.
    pub command: fn(&Path) -> Command,
}

/// Every client of the keyspace.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "redis-cli",
        room: "redis-cli",
        programs: &["redis-cli", "bash"],
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
    Client {
        name: "redis-py-resp2",
        room: "redis-py",
        programs: &["python3"],
        packages: Some(tools::PYTHON),
        command: |folder| python(folder, "2"),
    },
    Client {
        name: "redis-py-resp3",
        room: "redis-py",
        programs: &["python3"],
        packages: Some(tools::PYTHON),
        command: |folder| python(folder, "3"),
    },
    Client {
        name: "ioredis-resp2",
        room: "node",
        programs: &["node", "npm"],
        packages: Some(tools::NODE),
        command: |folder| node(folder, "ioredis.js", "2"),
    },
    Client {
        name: "ioredis-resp3",
        room: "node",
        programs: &["node", "npm"],
        packages: Some(tools::NODE),
        command: |folder| node(folder, "ioredis.js", "3"),
    },
    Client {
        name: "node-redis-resp2",
        room: "node",
        programs: &["node", "npm"],
        packages: Some(tools::NODE),
        command: |folder| node(folder, "node-redis.js", "2"),
    },
    Client {
        name: "node-redis-resp3",
        room: "node",
        programs: &["node", "npm"],
        packages: Some(tools::NODE),
        command: |folder| node(folder, "node-redis.js", "3"),
    },
    Client { name: "go-redis", room: "go-redis", programs: &["go"], packages: Some(tools::GO), command: go },
];

impl Client {
    /// Where its script and pins are.
    pub fn folder(&self) -> PathBuf {
        process::repository().join("conformance/keyspace").join(self.room)
    }

    /// The first program that it needs and this machine does not have.
    pub fn missing_program(&self) -> Option<&'static str> {
        self.programs.iter().copied().find(|program| !process::installed(program))
    }
}

fn script(program: impl AsRef<Path>, arguments: &[&Path]) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SCRIPT_SECONDS_MAX).arg(program.as_ref()).args(arguments);
    command
}

fn python(folder: &Path, protocol: &str) -> Command {
    let mut command = script(process::tools_dir().join("python/bin/python"), &[&folder.join("run.py")]);
    command.arg(protocol).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn node(folder: &Path, file: &str, protocol: &str) -> Command {
    let mut command = script("node", &[&folder.join(file)]);
    command.arg(protocol).env("NODE_PATH", process::tools_dir().join("node/node_modules"));
    command
}

fn go(folder: &Path) -> Command {
    let mut command = script("go", &[Path::new("run"), Path::new(".")]);
    command.envs(tools::go_caches()).current_dir(folder);
    command
}
