//! What all servers of a run share: a folder, a certificate, the upstream.

use crate::LOAD_CORE;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::process;
use xtask::server::{self, Server, Settings};

/// Bodies of the upstream, by name.
const FILES: [(&str, usize); 3] = [("1KiB", 1 << 10), ("64KiB", 64 << 10), ("10MiB", 10 << 20)];

/// The room of one run; the upstream ends with it.
pub(crate) struct Room {
    /// The port of the upstream.
    pub(crate) upstream: u16,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    folder: PathBuf,
    _upstream: Server,
    // Dropped after the servers that write to it.
    _data: tempfile::TempDir,
}

impl Room {
    /// Makes a certificate and starts the upstream.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let data = tempfile::tempdir_in(folder)?;
        let folder = data.path().to_owned();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        process::output(&mut openssl)?;
        let root = folder.join("files");
        std::fs::create_dir_all(&root)?;
        for (name, bytes) in FILES {
            std::fs::write(root.join(name), vec![b'x'; bytes])?;
        }
        let [upstream] = server::free_ports()?;
        // The last segment of a path is what is answered, so that there are as many URLs as one likes.
        let server = format!(
            "access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; open_file_cache max=100;\n\
             server {{ listen 127.0.0.1:{upstream} backlog=4096; root {}; add_header Cache-Control \"max-age=86400\";\n\
             rewrite ^.*/([^/]+)$ /$1 break; }}",
            root.display()
        );
        let own = folder.join("upstream");
        std::fs::create_dir_all(&own)?;
        let command = nginx(&own, &server, LOAD_CORE)?;
        let settings = Settings { log: Some(folder.join("upstream.log")), ..Settings::default() };
        let running = server::start(command, upstream, &settings)?;
        Ok(Self { upstream, certificate, key, folder, _upstream: running, _data: data })
    }

    /// A folder of a server's own.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// How a server is started: on the server's core, its output in a file.
    pub(crate) fn settings(&self, name: &str) -> Settings {
        let log = self.folder.join(format!("{name}.log"));
        Settings { core: Some(crate::SERVER_CORE), log: Some(log), ..Settings::default() }
    }
}

/// The command that runs nginx in `folder` with one worker and `http` in its block of that name.
pub(crate) fn nginx(folder: &Path, http: &str, core: u32) -> Result<Command> {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", folder.join(name).display()))
        .join("\n");
    let text = format!(
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {};\nerror_log stderr warn;\n\
         events {{ worker_connections 15000; }}\nhttp {{\n{temporary}\n{http}\n}}\n",
        folder.join("pid").display()
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text)?;
    let settings = Settings { core: Some(core), ..Settings::default() };
    let mut command = server::pinned(Path::new("nginx"), &settings);
    command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "stderr"]);
    Ok(command)
}
