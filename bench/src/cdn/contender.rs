//! Who is measured, and how each is told to store what the upstream answers.

use super::MEMORY_MIB;
use crate::SERVER_CORE;
use crate::http::room::{self, Room};
use crate::http::{Doors, Node};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use xtask::process;
use xtask::server::{self, Ports, Settings};

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Bole,
    Varnish,
    Nginx,
    TrafficServer,
}

/// From where hits are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Memory,
    Disk,
}

impl Tier {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// The user that Debian's package makes for Traffic Server, which does not run as root.
const TRAFFIC_SERVER_USER: &str = "trafficserver";

impl Contender {
    pub(super) const ALL: [Self; 4] = [Self::Bole, Self::Varnish, Self::Nginx, Self::TrafficServer];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bole => "bole",
            Self::Varnish => "varnish",
            Self::Nginx => "nginx",
            Self::TrafficServer => "trafficserver",
        }
    }

    /// The program that must be installed, and its Debian package.
    pub(super) const fn program(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Bole => None,
            Self::Varnish => Some(("varnishd", "varnish")),
            Self::Nginx => Some(("nginx", "nginx")),
            Self::TrafficServer => Some(("traffic_server", "trafficserver")),
        }
    }

    /// Starts on the server's core, with nothing stored.
    pub(super) fn start(self, room: &Room, tier: Tier) -> Result<Node> {
        let [port] = server::free_ports()?;
        let folder = room.folder(self.name())?;
        let mut settings = room.settings(self.name());
        let command = match self {
            Self::Bole => {
                let document = folder.join("gateway.toml");
                let text = format!(
                    "[services.upstream]\ninstances = [\"127.0.0.1:{}\"]\n\n\
                     [routes.all]\npath = \"/*\"\nservice = \"upstream\"\ncache = {{}}\n",
                    room.upstream
                );
                std::fs::write(&document, text)?;
                let memory = if tier == Tier::Memory { MEMORY_MIB } else { 1 };
                settings.env = [
                    ("BOLE_GATEWAY_FILE", document.display().to_string()),
                    ("BOLE_GATEWAY_ACCESS_LOG", "off".to_owned()),
                    ("BOLE_CDN_MEMORY", format!("{memory}MiB")),
                ]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
                let ports = Ports { gateway: port, ..Ports::free()? };
                server::bole(crate::profile(), &folder.join("data"), ports, &settings)?
            }
            Self::Varnish => varnish(room, &folder, port, tier, &settings),
            Self::Nginx => room::nginx(&folder, &nginx(room, &folder, port), SERVER_CORE)?,
            Self::TrafficServer => traffic_server(room, &folder, port, tier, &settings)?,
        };
        let server = server::start(command, port, &settings)?;
        Ok(Node { name: self.name(), doors: Doors::plain(port), server })
    }
}

fn varnish(room: &Room, folder: &Path, port: u16, tier: Tier, settings: &Settings) -> Command {
    let store = match tier {
        Tier::Memory => format!("malloc,{MEMORY_MIB}m"),
        Tier::Disk => format!("file,{},512m", folder.join("store").display()),
    };
    let mut command = server::pinned(Path::new("varnishd"), settings);
    command.args(["-F", "-a", &format!("127.0.0.1:{port}"), "-b", &format!("127.0.0.1:{}", room.upstream)]);
    command.arg("-n").arg(folder).args(["-s", &store, "-p", "thread_pools=1", "-p", "default_ttl=0"]);
    command
}

fn nginx(room: &Room, folder: &Path, port: u16) -> String {
    format!(
        "access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; open_file_cache max=1000;\n\
         proxy_cache_path {} levels=1:2 keys_zone=store:64m max_size=1g;\n\
         upstream up {{ server 127.0.0.1:{}; keepalive 64; }}\n\
         server {{ listen 127.0.0.1:{port} backlog=4096;\n\
           location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_cache store; }}\n}}",
        folder.join("store").display(),
        room.upstream
    )
}

/// Its files are in places that are told in one file of their own.
fn traffic_server(room: &Room, folder: &Path, port: u16, tier: Tier, settings: &Settings) -> Result<Command> {
    let place = |name: &str| folder.join(name).display().to_string();
    for name in ["etc", "cache", "log", "run", "state"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let layout = format!(
        "prefix: /usr\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\nincludedir: /usr/include\n\
         libdir: /usr/lib/trafficserver\nlibexecdir: /usr/lib/trafficserver/modules\n\
         sysconfdir: {}\ndatadir: {}\ncachedir: {}\nlogdir: {}\nruntimedir: {}\nlocalstatedir: {}\n",
        place("etc"),
        place("cache"),
        place("cache"),
        place("log"),
        place("run"),
        place("state")
    );
    let ram = if tier == Tier::Memory { MEMORY_MIB << 20 } else { 0 };
    let records = format!(
        "CONFIG proxy.config.http.server_ports STRING {port}:ip-in=[127.0.0.1]\n\
         CONFIG proxy.config.exec_thread.autoconfig INT 0\nCONFIG proxy.config.exec_thread.limit INT 1\n\
         CONFIG proxy.config.log.logging_enabled INT 0\nCONFIG proxy.config.cache.ram_cache.size INT {ram}\n\
         CONFIG proxy.config.admin.user_id STRING {TRAFFIC_SERVER_USER}\n"
    );
    for (name, text) in [
        ("runroot.yaml", layout),
        ("etc/records.config", records),
        ("etc/remap.config", format!("map / http://127.0.0.1:{}/\n", room.upstream)),
        ("etc/storage.config", format!("{} 512M\n", place("cache"))),
        (
            "etc/ip_allow.yaml",
            "ip_allow:\n  - apply: in\n    ip_addrs: 127.0.0.1\n    action: allow\n    methods: ALL\n"
                .to_owned(),
        ),
    ] {
        std::fs::write(folder.join(name), text)?;
    }
    // Its user must be able to go there.
    let mut open = Command::new("chmod");
    open.args(["-R", "a+rwX"]).arg(folder);
    process::output(&mut open)?;
    for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(process::target_dir())) {
        process::output(Command::new("chmod").arg("a+x").arg(above))
            .with_context(|| above.display().to_string())?;
    }
    let mut command = server::pinned(Path::new("traffic_server"), settings);
    command.arg(format!("--run-root={}", place("runroot.yaml")));
    Ok(command)
}
