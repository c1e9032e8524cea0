//! The servers, each with the same names from the same geographic file, on loopback and on one core.

use super::{queries, world};
use crate::SERVER_CORE;
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use xtask::server::{self, Server, Settings};

/// What is served, in every server's own words.
pub(super) struct Site {
    folder: PathBuf,
    geo: PathBuf,
}

impl Site {
    pub(super) fn write(folder: &Path) -> Result<Self> {
        let geo = folder.join("world.mmdb");
        std::fs::write(&geo, world::write())?;
        Ok(Self { folder: folder.to_path_buf(), geo })
    }

    fn settings(&self, name: &str) -> Settings {
        Settings {
            core: Some(SERVER_CORE),
            log: Some(self.folder.join(format!("{name}.log"))),
            ..Settings::default()
        }
    }
}

/// Ours, without limits of rates, as the peers have none.
pub(super) fn start_bole(program: &Path, site: &Site) -> Result<(&'static str, Server)> {
    let mut zone = "origin = \"example.com\"\nttl = 300\n[records]\n\"@\" = { NS = \"ns1\" }\nns1 = { A = \"192.0.2.53\" }\nwww = { POOL = \"web\" }\n".to_owned();
    for number in 0..queries::PLAIN_NAMES {
        let _ = writeln!(zone, "h{number} = {{ A = \"198.51.100.{}\" }}", number % 256);
    }
    zone += "[pools.web]\nttl = 30\nchain = [\"up\", \"geotarget\", \"first_n\"]\n";
    for (continent, last) in queries::ANSWERS {
        let _ = writeln!(
            zone,
            "[[pools.web.answers]]\nname = \"{continent}\"\nA = \"192.0.2.{last}\"\ncontinent = \"{continent}\""
        );
    }
    let _ = writeln!(zone, "[[pools.web.answers]]\nname = \"rest\"\nA = \"192.0.2.{}\"", queries::REST);
    let file = site.folder.join("example.com.toml");
    std::fs::write(&file, zone)?;
    let [port] = server::free_ports()?;
    let settings = site.settings("bole");
    let mut command = server::pinned(program, &settings);
    command.args([
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--sockets",
        "1",
        "--no-rate",
        "--forever",
        "--geo",
    ]);
    command.arg(&site.geo).arg(&file);
    Ok(("bole", server::start(command, port, &settings)?))
}

/// `PowerDNS` with its geoip backend: one receiver, no threads that distribute, as for one core.
pub(super) fn start_pdns(site: &Site) -> Result<(&'static str, Server)> {
    ensure!(
        xtask::process::installed("pdns_server"),
        "`pdns_server` is not installed (pdns-server, pdns-backend-geoip)"
    );
    let mut zones = "domains:\n- domain: example.com\n  ttl: 300\n  records:\n    example.com:\n    - soa: ns1.example.com hostmaster.example.com 1 7200 1800 1209600 60\n    - ns: ns1.example.com\n    ns1.example.com:\n    - a: 192.0.2.53\n".to_owned();
    for number in 0..queries::PLAIN_NAMES {
        let _ = writeln!(zones, "    h{number}.example.com:\n    - a: 198.51.100.{}", number % 256);
    }
    for (continent, last) in queries::ANSWERS {
        let _ = writeln!(
            zones,
            "    {}.geo.example.com:\n    - a: {{content: 192.0.2.{last}, ttl: 30}}",
            continent.to_lowercase()
        );
    }
    let _ =
        writeln!(zones, "    sa.geo.example.com:\n    - a: {{content: 192.0.2.{}, ttl: 30}}", queries::REST);
    zones += "  services:\n    www.example.com: '%cn.geo.example.com'\n";
    let file = site.folder.join("geo.yaml");
    std::fs::write(&file, zones)?;
    let [port] = server::free_ports()?;
    let settings = site.settings("pdns");
    let mut command = server::pinned(Path::new("pdns_server"), &settings);
    let folder = site.folder.join("pdns");
    std::fs::create_dir_all(&folder)?;
    let is = |name: &str, value: &Path| format!("--{name}={}", value.display());
    command.arg(is("config-dir", &folder)).arg(is("socket-dir", &folder)).arg(is("geoip-zones-file", &file));
    command.arg(format!("--geoip-database-files=mmdb:{}", site.geo.display()));
    command.args([
        "--launch=geoip",
        "--local-address=127.0.0.1",
        "--edns-subnet-processing=yes",
        "--daemon=no",
        "--guardian=no",
    ]);
    command.args([
        "--receiver-threads=1",
        "--distributor-threads=1",
        "--loglevel=4",
        "--security-poll-suffix=",
    ]);
    command.arg(format!("--local-port={port}"));
    Ok(("pdns", server::start(command, port, &settings)?))
}

/// gdnsd with its geoip plugin.
pub(super) fn start_gdnsd(site: &Site) -> Result<(&'static str, Server)> {
    ensure!(xtask::process::installed("gdnsd"), "`gdnsd` is not installed");
    let folder = site.folder.join("gdnsd");
    for name in ["zones", "geoip", "run", "state"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    std::fs::copy(&site.geo, folder.join("geoip/world.mmdb"))?;
    let [port] = server::free_ports()?;
    let mut map = String::new();
    let mut addresses = String::new();
    for (continent, last) in queries::ANSWERS {
        let _ = write!(map, "{continent} => [{}], ", continent.to_lowercase());
        let _ = write!(addresses, "{} => 192.0.2.{last}, ", continent.to_lowercase());
    }
    let config = format!(
        "options => {{\n listen => [127.0.0.1:{port}]\n run_dir => {folder}/run\n state_dir => {folder}/state\n udp_threads => 1\n tcp_threads => 1\n zones_default_ttl => 300\n}}\n\
         plugins => {{ geoip => {{\n maps => {{ world => {{ geoip2_db => world.mmdb, datacenters => [eu, na, as, rest], map => {{ {map}default => [rest] }} }} }}\n \
         resources => {{ www => {{ map => world, dcmap => {{ {addresses}rest => 192.0.2.{} }} }} }}\n}} }}\n",
        queries::REST,
        folder = folder.display()
    );
    std::fs::write(folder.join("config"), config)?;
    let mut zone = "$TTL 300\n@ SOA ns1 hostmaster ( 1 7200 1800 1209600 60 )\n@ NS ns1\nns1 A 192.0.2.53\nwww 30 DYNA geoip!www\n".to_owned();
    for number in 0..queries::PLAIN_NAMES {
        let _ = writeln!(zone, "h{number} A 198.51.100.{}", number % 256);
    }
    std::fs::write(folder.join("zones/example.com"), zone)?;
    let settings = site.settings("gdnsd");
    let mut command = server::pinned(Path::new("gdnsd"), &settings);
    command.arg("-c").arg(&folder).arg("start");
    Ok(("gdnsd", server::start(command, port, &settings)?))
}
