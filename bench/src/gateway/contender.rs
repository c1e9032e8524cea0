//! Who is measured, and how each is told to do the same.

use crate::SERVER_CORE;
use crate::http::room::{self, Room};
use crate::http::{Doors, Node};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use xtask::process;
use xtask::server::{self, Ports};

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Bole,
    Nginx,
    Haproxy,
    Envoy,
    Caddy,
}

impl Contender {
    pub(super) const ALL: [Self; 5] = [Self::Bole, Self::Nginx, Self::Haproxy, Self::Envoy, Self::Caddy];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bole => "bole",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
        }
    }

    /// The program that must be installed.
    pub(super) const fn program(self) -> Option<&'static str> {
        match self {
            // The one is built, the other fetched.
            Self::Bole | Self::Envoy => None,
            Self::Nginx | Self::Haproxy | Self::Caddy => Some(self.name()),
        }
    }

    /// Starts on the server's core.
    pub(super) fn start(self, room: &Room) -> Result<Node> {
        let [plain, cleartext_http2, tls] = server::free_ports()?;
        let mut doors = Doors { plain, cleartext_http2, tls };
        let folder = room.folder(self.name())?;
        let mut settings = room.settings(self.name());
        let command = match self {
            Self::Bole => {
                let ports = Ports { gateway: plain, ..Ports::free()? };
                doors.cleartext_http2 = plain;
                let document = folder.join("gateway.toml");
                std::fs::write(&document, bole(room))?;
                let option = |name: &str, value: String| (format!("BOLE_GATEWAY_{name}"), value);
                settings.env = vec![
                    option("FILE", document.display().to_string()),
                    option("TLS_LISTEN", format!("127.0.0.1:{tls}")),
                    option("ACCESS_LOG", "off".to_owned()),
                ];
                server::bole(crate::profile(), &folder.join("data"), ports, &settings)?
            }
            Self::Nginx => room::nginx(&folder, &nginx(room, doors), SERVER_CORE)?,
            Self::Haproxy => {
                let file = folder.join("haproxy.cfg");
                std::fs::write(&file, haproxy(room, doors, &folder)?)?;
                let mut command = server::pinned(Path::new("haproxy"), &settings);
                command.arg("-db").arg("-f").arg(file);
                command
            }
            Self::Envoy => {
                // It tells the protocol by the first bytes.
                doors.cleartext_http2 = plain;
                let file = folder.join("envoy.json");
                std::fs::write(&file, format!("{:#}\n", envoy(room, doors)))?;
                let mut command = server::pinned(&envoy_program()?, &settings);
                command.arg("-c").arg(file).args([
                    "--concurrency",
                    "1",
                    "--log-level",
                    "warn",
                    "--disable-hot-restart",
                ]);
                command
            }
            Self::Caddy => {
                doors.cleartext_http2 = plain;
                let file = folder.join("Caddyfile");
                std::fs::write(&file, caddy(room, doors))?;
                settings.env = [("HOME", &folder), ("XDG_DATA_HOME", &folder), ("XDG_CONFIG_HOME", &folder)]
                    .map(|(name, value)| (name.to_owned(), value.display().to_string()))
                    .into();
                let mut command = server::pinned(Path::new("caddy"), &settings);
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                command
            }
        };
        let server = server::start(command, plain, &settings)?;
        for port in [doors.cleartext_http2, tls] {
            server::wait_for(([127, 0, 0, 1], port).into())?;
        }
        Ok(Node { name: self.name(), doors, server })
    }
}

fn bole(room: &Room) -> String {
    format!(
        "[services.upstream]\ninstances = [\"127.0.0.1:{}\"]\n\n\
         [routes.all]\npath = \"/*\"\nservice = \"upstream\"\n\n\
         [routes.cached]\npath = \"/cached/*\"\nservice = \"upstream\"\ncache = {{}}\n\n\
         [routes.limited]\npath = \"/limited/*\"\nservice = \"upstream\"\nlimits = [\"each\"]\n\n\
         [limits.each]\nbucket = {{ limit = 1000000, period = \"1s\" }}\n\n\
         [certificates.own]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        room.upstream,
        room.certificate.display(),
        room.key.display()
    )
}

fn nginx(room: &Room, doors: Doors) -> String {
    let Doors { plain, cleartext_http2, tls } = doors;
    format!(
        "access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;\n\
         upstream up {{ server 127.0.0.1:{}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{\n  listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{cleartext_http2} http2 backlog=4096;\n  \
         listen 127.0.0.1:{tls} ssl http2 backlog=4096;\n  ssl_certificate {}; ssl_certificate_key {};\n  \
         location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}\n}}",
        room.upstream,
        room.certificate.display(),
        room.key.display()
    )
}

fn haproxy(room: &Room, doors: Doors, folder: &Path) -> Result<String> {
    let Doors { plain, cleartext_http2, tls } = doors;
    let both = folder.join("both.pem");
    std::fs::write(&both, [std::fs::read(&room.certificate)?, std::fs::read(&room.key)?].concat())?;
    Ok(format!(
        "global\n  no strict-limits\n  maxconn 11000\n  nbthread 1\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n  \
         timeout http-keep-alive 600s\n  http-reuse always\n\
         frontend all\n  bind 127.0.0.1:{plain} backlog 4096\n  bind 127.0.0.1:{cleartext_http2} proto h2 backlog 4096\n  \
         bind 127.0.0.1:{tls} ssl crt {} alpn h2,http/1.1 backlog 4096\n  default_backend up\n\
         backend up\n  server one 127.0.0.1:{}\n",
        both.display(),
        room.upstream
    ))
}

fn caddy(room: &Room, doors: Doors) -> String {
    let Doors { plain, cleartext_http2: _, tls } = doors;
    let proxy = format!(
        "  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:{} {{\n    transport http {{\n      keepalive_idle_conns_per_host 256\n    }}\n  }}\n",
        room.upstream
    );
    format!(
        "{{\n  admin off\n  auto_https off\n  servers {{\n    protocols h1 h2 h2c\n  }}\n}}\n\
         http://:{plain} {{\n{proxy}}}\nhttps://localhost:{tls} {{\n  tls {} {}\n{proxy}}}\n",
        room.certificate.display(),
        room.key.display()
    )
}

/// Envoy's program, in the package that was fetched.
fn envoy_program() -> Result<std::path::PathBuf> {
    let python = process::tools_dir().join("envoy/bin/python");
    let told = process::output(Command::new(python).args(["-c", "import envoy; print(envoy.__path__[0])"]))?;
    Ok(Path::new(told.trim()).join("_bin/envoy"))
}

fn envoy(room: &Room, doors: Doors) -> Value {
    let types = "type.googleapis.com/envoy.extensions";
    let address = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let manager = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": format!("{types}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "all",
            "generate_request_id": false,
            "route_config": {"virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}
            ]},
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": format!("{types}.filters.http.router.v3.Router"), "dynamic_stats": false},
            }],
        },
    });
    let file = |path: &Path| json!({"filename": path.display().to_string()});
    let secured = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{types}.transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{"certificate_chain": file(&room.certificate), "private_key": file(&room.key)}],
            },
        },
    });
    let endpoint = json!({"endpoint": {"address": address(room.upstream)}});
    json!({"static_resources": {
        "listeners": [
            {"name": "plain", "address": address(doors.plain), "filter_chains": [{"filters": [manager]}]},
            {"name": "tls", "address": address(doors.tls),
                "filter_chains": [{"filters": [manager], "transport_socket": secured}]},
        ],
        "clusters": [{
            "name": "up", "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }],
    }})
}
