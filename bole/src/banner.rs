//! What a node says on standard output when it is up: each door with a line to paste, the data directory, the
//! durability of each dataset, and what a newcomer must know about the default user.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use bole_base::Durability;

/// One door of a service.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The service, and what it speaks.
    pub service: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// A command line that talks to it.
    pub paste: String,
}

/// The start-up banner.
#[derive(Clone, Debug)]
pub struct Banner {
    /// Version of the program.
    pub version: String,
    /// The doors, in the order in which they are shown.
    pub endpoints: Vec<Endpoint>,
    /// The data directory.
    pub data: PathBuf,
    /// Datasets and their durability.
    pub durability: Vec<(String, Durability)>,
    /// Whether the default user is there, which loopback clients may use.
    pub default_user: bool,
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Bole {}\n", self.version)?;
        for Endpoint { service, address, paste } in &self.endpoints {
            writeln!(f, "  {service:<20} {:<22} {paste}", address.to_string())?;
        }
        writeln!(f, "\n  {:<20} {}", "data", self.data.display())?;
        for (dataset, class) in &self.durability {
            writeln!(f, "  {dataset:<20} {class}: {}", meaning(*class))?;
        }
        if self.default_user {
            writeln!(
                f,
                "\n  This machine's programs may connect as user \"bole\", password \"bolebole\", or without"
            )?;
            writeln!(
                f,
                "  credentials where the protocol allows it. Before you listen elsewhere: bole user add NAME,"
            )?;
            writeln!(f, "  then bole user remove bole.")?;
        }
        writeln!(f, "\n  Ctrl-C stops it; a second one stops it at once.")
    }
}

const fn meaning(class: Durability) -> &'static str {
    match class {
        Durability::Sync => "on disk before the reply",
        Durability::Async => "on disk within 1 s, survives a killed process",
        Durability::Memory => "gone with the process",
    }
}

/// The line to paste for the SQL door at `address`.
pub fn psql(address: SocketAddr) -> String {
    let port = match address.port() {
        5432 => String::new(),
        port => format!(":{port}"),
    };
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("psql postgres://bole:bolebole@localhost{port}/bole")
    } else {
        format!("psql postgres://NAME@{}{port}/bole", address.ip())
    }
}

/// The line to paste for the plain door of the keyspace at `address`.
pub fn redis_cli(address: SocketAddr) -> String {
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("redis-cli -p {}", address.port())
    } else {
        format!("redis-cli -h {} -p {} --user NAME --askpass", address.ip(), address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner() {
        let address: SocketAddr = "127.0.0.1:6379".parse().unwrap();
        let banner = Banner {
            version: "0.1.0".to_owned(),
            endpoints: vec![
                Endpoint { service: "keyspace (Redis)".to_owned(), address, paste: redis_cli(address) },
                Endpoint {
                    service: "admin, metrics".to_owned(),
                    address: "127.0.0.1:4280".parse().unwrap(),
                    paste: "bole status".to_owned(),
                },
            ],
            data: "./bole-data".into(),
            durability: vec![
                ("keyspace".to_owned(), Durability::Async),
                ("keyspace/1".to_owned(), Durability::Sync),
            ],
            default_user: true,
        };
        let expected = "\
Bole 0.1.0

  keyspace (Redis)     127.0.0.1:6379         redis-cli -p 6379
  admin, metrics       127.0.0.1:4280         bole status

  data                 ./bole-data
  keyspace             async: on disk within 1 s, survives a killed process
  keyspace/1           sync: on disk before the reply

  This machine's programs may connect as user \"bole\", password \"bolebole\", or without
  credentials where the protocol allows it. Before you listen elsewhere: bole user add NAME,
  then bole user remove bole.

  Ctrl-C stops it; a second one stops it at once.
";
        assert_eq!(banner.to_string(), expected);
        let quiet = Banner { default_user: false, ..banner }.to_string();
        assert!(!quiet.contains("bolebole"));
    }

    #[test]
    fn the_line_to_paste_fits_the_address() {
        for (address, line) in [
            ("127.0.0.1:7000", "redis-cli -p 7000"),
            ("10.0.0.1:6379", "redis-cli -h 10.0.0.1 -p 6379 --user NAME --askpass"),
        ] {
            assert_eq!(redis_cli(address.parse().unwrap()), line);
        }
    }
}
