//! Types of settings that are more than a number or a path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use bole_base::Durability;
use bole_sql::store::Fed;
use bole_streams::sasl::Mechanism;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// One readable line an event.
    Human,
    /// One JSON object an event.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("log format \"{other}\" is unknown")),
        }
    }
}

/// Which events are logged: levels, by target where wanted. Always parses as an [`EnvFilter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter in the form that the subscriber takes.
    pub fn to_filter(&self) -> EnvFilter {
        let filter = EnvFilter::new(&self.0);
        // The library of the blobs' protocol logs each refused request as an error; the service says itself what is one.
        match "s3s=off".parse() {
            Ok(quiet) if !self.0.contains("s3s") => filter.add_directive(quiet),
            _ => filter,
        }
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A bare word that is no level would be taken for a target, and silence everything else.
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        for directive in text.split(',') {
            let level = directive.rsplit('=').next().unwrap_or(directive);
            if !levels.contains(&level.to_ascii_lowercase().as_str()) {
                return Err(format!("\"{level}\" is not a level"));
            }
        }
        EnvFilter::try_new(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

/// The databases of the keyspace that have a durability of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseDurability(BTreeMap<u8, Durability>);

impl DatabaseDurability {
    /// How many databases there are, as in Redis's default configuration.
    pub const DATABASES: u8 = 16;

    /// The durability of `database`, if it has one of its own.
    pub fn get(&self, database: u8) -> Option<Durability> {
        self.0.get(&database).copied()
    }

    /// The databases and their durability, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Durability)> + '_ {
        self.0.iter().map(|(database, class)| (*database, *class))
    }
}

impl FromStr for DatabaseDurability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut databases = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (number, class) =
                part.split_once('=').ok_or_else(|| format!("\"{part}\" is not DATABASE=DURABILITY"))?;
            let database = number.trim().parse().ok().filter(|database| *database < Self::DATABASES);
            let database = database.ok_or_else(|| format!("database \"{number}\" does not exist"))?;
            if databases.insert(database, class.trim().parse()?).is_some() {
                return Err(format!("database {database} is named twice"));
            }
        }
        Ok(Self(databases))
    }
}

/// The databases whose changes are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedDatabases {
    /// All that are logged.
    All,
    /// These.
    Only {
        /// Of the keyspace, by number.
        keyspace: BTreeSet<u8>,
        /// Of SQL.
        sql: Fed,
    },
}

/// What stands before the names of databases of SQL.
const SQL: &str = "sql/";
/// All databases of SQL.
const SQL_ALL: &str = "sql/*";

impl FromStr for FeedDatabases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut keyspace, mut names, mut all) = (BTreeSet::new(), BTreeSet::new(), false);
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        match text {
            "all" => return Ok(Self::All),
            "none" => return Ok(Self::Only { keyspace, sql: Fed::None }),
            _ => {}
        }
        for part in parts {
            let is_new = if part == SQL_ALL {
                !std::mem::replace(&mut all, true)
            } else if let Some(name) = part.strip_prefix(SQL).filter(|name| !name.is_empty()) {
                names.insert(name.to_owned())
            } else {
                let database = part.parse().ok().filter(|database| *database < DatabaseDurability::DATABASES);
                keyspace.insert(database.ok_or_else(|| format!("database \"{part}\" does not exist"))?)
            };
            if !is_new {
                return Err(format!("database {part} is named twice"));
            }
        }
        let sql = match (all, names.is_empty()) {
            (true, _) => Fed::All,
            (false, true) => Fed::None,
            (false, false) => Fed::Only(names),
        };
        Ok(Self::Only { keyspace, sql })
    }
}

/// Names that a node may be called by in a request's Host header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames(pub Vec<String>);

impl FromStr for HostNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let check = |name: &str| {
            let plain = name.strip_prefix("*.").unwrap_or(name);
            let good = !plain.is_empty()
                && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
            if good { Ok(name.to_owned()) } else { Err(format!("\"{name}\" is not the name of a host")) }
        };
        names.map(check).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for HostNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// The name of a region of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(legal) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("\"{text}\" is no name of a region: 1 to 63 lower-case letters, digits and hyphens"))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for DatabaseDurability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.iter().map(|(database, class)| format!("{database}={class}")).collect();
        f.write_str(&parts.join(","))
    }
}

/// Whether clients may come without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// While all doors are on loopback.
    Auto,
    /// Never.
    Off,
}

impl FromStr for Anonymous {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// Where the bytes of large objects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkHome {
    /// Into files of the node.
    Local,
    /// Into a cluster that speaks S3.
    S3,
}

impl FromStr for ChunkHome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "s3" => Ok(Self::S3),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// Which name of a certificate is its owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// The common name.
    CommonName,
    /// The distinguished name.
    DistinguishedName,
}

impl FromStr for CertificateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cn" => Ok(Self::CommonName),
            "dn" => Ok(Self::DistinguishedName),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// SASL mechanisms, in the order in which clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslMechanisms(pub Vec<Mechanism>);

impl FromStr for SaslMechanisms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mechanisms = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mechanism: Mechanism = part.parse()?;
            if mechanisms.contains(&mechanism) {
                return Err(format!("{part} is named twice"));
            }
            mechanisms.push(mechanism);
        }
        Ok(Self(mechanisms))
    }
}
