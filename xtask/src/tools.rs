//! `cargo xtask tools`: fetches the clients that the conformance scripts use, each with its language's own package
//! manager, into `.tools/`. Versions are pinned in the files beside the scripts; a client whose pins did not change
//! since it was fetched is left alone, so this costs nothing when there is nothing to do.

use crate::conformance::clients::Client;
use crate::conformance::{blobs, dns, keyspace, schemas, sql, streams};
use crate::process;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask tools`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Fetch again what is there already
    #[arg(long)]
    pub fresh: bool,
}

/// Fetches what every installed language needs; says which language is missing.
pub fn run(args: &Args) -> Result<()> {
    if args.fresh && process::tools_dir().exists() {
        std::fs::remove_dir_all(process::tools_dir())?;
    }
    let clients =
        [blobs::CLIENTS, dns::CLIENTS, keyspace::CLIENTS, schemas::CLIENTS, sql::CLIENTS, streams::CLIENTS];
    for client in clients.into_iter().flatten() {
        match client.missing_program() {
            Some(program) => println!("{}: skipped, because `{program}` is not installed", client.name),
            None => fetch(client)?,
        }
    }
    Ok(())
}

/// Fetches one client's packages unless its pins are the ones that were fetched last.
pub fn fetch(client: &Client) -> Result<()> {
    client.packages.as_ref().map_or(Ok(()), |packages| fetch_packages(packages, &client.folder()))
}

/// Fetches packages for the scripts of a folder unless its pins are the ones that were fetched last.
pub fn fetch_packages(packages: &Packages, folder: &Path) -> Result<()> {
    let pins = packages.pins.iter().map(|pin| contents(&folder.join(pin)));
    let pins = pins.collect::<Result<Vec<_>>>()?.concat();
    let room = process::tools_dir().join(packages.room);
    let stamp = room.join("fetched");
    if std::fs::read_to_string(&stamp).is_ok_and(|fetched| fetched == pins) {
        return Ok(());
    }
    std::fs::create_dir_all(&room)?;
    (packages.fetch)(folder, &room)?;
    std::fs::write(&stamp, pins)?;
    Ok(())
}

/// The text of a file, or of all files in a folder one after the other.
fn contents(path: &Path) -> Result<String> {
    let context = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        return std::fs::read_to_string(path).with_context(context);
    }
    let entries = std::fs::read_dir(path).with_context(context)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files.iter().map(|file| contents(file)).collect::<Result<Vec<_>>>()?.concat())
}

/// Where each client's packages come from.
#[derive(Debug)]
pub struct Packages {
    /// The folder under `.tools/`; clients of one language may share it.
    pub room: &'static str,
    /// The files beside the script that pin versions, and folders of sources that are compiled when fetched.
    pub pins: &'static [&'static str],
    /// Fetches from the script's folder into the room.
    pub fetch: fn(&Path, &Path) -> Result<()>,
}

/// Python packages, into a virtual environment.
pub const PYTHON: Packages = Packages {
    room: "python",
    pins: &["requirements.txt"],
    fetch: |folder, room| {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(room))?;
        let mut pip = Command::new(room.join("bin/python"));
        pip.args(["-m", "pip", "install", "-q", "-r"]).arg(folder.join("requirements.txt"));
        process::run(&mut pip)
    },
};

/// Node packages, by the lock file.
pub const NODE: Packages = Packages {
    room: "node",
    pins: &["package.json", "package-lock.json"],
    fetch: |folder, room| {
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(folder.join(file), room.join(file))?;
        }
        process::run(
            Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(room),
        )
    },
};

/// Go modules, and what they compile to: the conformance program is built when it runs, from these caches.
pub const GO: Packages = Packages {
    room: "go",
    pins: &["go.mod", "go.sum"],
    fetch: |folder, _| {
        let go = |arguments: &[&str]| {
            process::run(Command::new("go").args(arguments).envs(go_caches()).current_dir(folder))
        };
        go(&["mod", "download"])?;
        go(&["build", "-o", "/dev/null", "."])
    },
};

/// Apache Kafka with its clients and tools, by Maven, and the Java checks compiled against them.
pub const JAVA: Packages = Packages {
    room: "kafka",
    pins: &["pom.xml", "src"],
    fetch: |folder, room| {
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "compile"]).arg(format!("-Droom={}", room.display())).current_dir(folder);
        process::run(&mut maven)
    },
};

/// Variables that keep what `go` fetches and builds under `.tools/`, writable so that it can be deleted.
pub fn go_caches() -> [(&'static str, OsString); 3] {
    let room = process::tools_dir().join("go");
    let mut flags = std::env::var_os("GOFLAGS").unwrap_or_default();
    flags.push(" -modcacherw");
    [("GOMODCACHE", room.join("modules").into()), ("GOCACHE", room.join("cache").into()), ("GOFLAGS", flags)]
}
