//! Settings: built-in defaults, then a TOML file, then `BOLE_SECTION_KEY` variables, then flags. What no option is
//! named after is refused with the nearest known name, and so is a value that its option does not allow.
//!
//! Reading order: [`options`] (the one table) → `kind` (what values look like) → [`source`] (where they come from).

pub mod dns;
mod file;
pub mod gateway;
mod kind;
pub mod options;
pub mod source;
pub mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use bole_base::Durability;
use bole_sql::store::Fed;
use bole_streams::sasl::Mechanism;
use options::Blobs;
use value::{ChunkHome, DatabaseDurability, FeedDatabases};

pub use options::{OPTIONS, SECTIONS, Settings, Spec};
pub use source::{Error, Origin};

/// The file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "bole.toml";

/// Variables with our prefix that are not settings: the command line reads them.
pub const COMMAND_VARIABLES: [&str; 11] = [
    "BOLE_ADDR",
    "BOLE_USER",
    "BOLE_PASSWORD",
    "BOLE_NEW_PASSWORD",
    "BOLE_CLIENT_TLS",
    "BOLE_CLIENT_CA",
    "BOLE_CLIENT_CERT",
    "BOLE_CLIENT_KEY",
    "BOLE_CLIENT_MECHANISM",
    "BOLE_CLIENT_PASSWORD_FILE",
    "BOLE_CLIENT_TOKEN_FILE",
];

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config FILE`: a file that must exist.
    pub config: Option<PathBuf>,
    /// `--data DIR`: short for `--set node.data=DIR`.
    pub data: Option<PathBuf>,
    /// `--set section.key=value`, in order; the last one of an option counts.
    pub set: Vec<String>,
}

/// Settings with the place that each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    values: Values,
}

type Values = BTreeMap<(&'static str, &'static str), (String, Origin)>;

/// Loads the settings of a node whose environment is `variables`.
pub fn load(
    flags: &Flags,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Error> {
    let mut values = Values::new();
    let file = match &flags.config {
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
    };
    if let Some(path) = &file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::File { path: path.clone(), reason: error.to_string() })?;
        file::read(path, &text, &mut |spec, value, origin| set(&mut values, spec, value, origin))?;
    }
    source::read_environment(variables, &mut |spec, value, origin| set(&mut values, spec, value, origin))?;
    source::read_flags(flags, &mut |spec, value, origin| set(&mut values, spec, value, origin))?;
    let settings = Settings::read(|section, key| text_of(&values, section, key)).map_err(Error::Together)?;
    settings.check_together().map_err(Error::Together)?;
    Ok(Loaded { settings, file, values })
}

fn set(values: &mut Values, spec: &'static Spec, value: String, origin: Origin) -> Result<(), Error> {
    if let Err(reason) = spec.check(&value) {
        return Err(Error::Value { origin, spec, value, reason });
    }
    values.insert((spec.section, spec.key), (value, origin));
    Ok(())
}

fn text_of(values: &Values, section: &str, key: &str) -> String {
    let spec = source::find(section, key).expect("settings and table are made by one macro");
    values.get(&(spec.section, spec.key)).map_or_else(|| spec.default.to_owned(), |(text, _)| text.clone())
}

impl Settings {
    /// The settings of a node that nobody configured.
    pub fn defaults() -> Self {
        Self::read(|section, key| text_of(&Values::new(), section, key)).expect("a test reads each default")
    }

    /// How durable the writes to a database of the keyspace are.
    pub fn database_durability(&self, database: u8) -> Durability {
        self.keyspace.database_durability.get(database).unwrap_or(self.keyspace.durability)
    }

    /// The databases of the keyspace whose changes are topics.
    pub fn feed_databases(&self) -> Vec<u8> {
        match &self.streams.feeds {
            FeedDatabases::Only { keyspace, .. } => keyspace.iter().copied().collect(),
            FeedDatabases::All => {
                let logged = |database: &u8| self.database_durability(*database) != Durability::Memory;
                (0..DatabaseDurability::DATABASES).filter(logged).collect()
            }
        }
    }

    /// The databases of SQL whose tables are topics.
    pub fn fed_databases(&self) -> Fed {
        match &self.streams.feeds {
            FeedDatabases::Only { sql, .. } => sql.clone(),
            FeedDatabases::All => Fed::All,
        }
    }

    /// Journal bytes that are kept for readers of feeds.
    pub fn feed_bytes_max(&self) -> u64 {
        self.streams.feed_bytes_max.unwrap_or(self.journal.bytes_max / 4)
    }

    /// The file with the key for secrets: as set, or beside the data directory.
    pub fn key_file(&self) -> PathBuf {
        let beside = || self.node.data.parent().unwrap_or(Path::new("")).join("bole-identity.key");
        self.identity.key_file.clone().unwrap_or_else(beside)
    }

    /// What no option can check by itself.
    fn check_together(&self) -> Result<(), String> {
        let Self { journal, checkpoint, tls, keyspace, streams, .. } = self;
        if journal.bytes_max < 4 * journal.segment_bytes {
            return Err("journal.bytes_max must be at least four times journal.segment_bytes".to_owned());
        }
        if checkpoint.bytes_max > journal.bytes_max / 2 {
            return Err("checkpoint.bytes_max must be at most half of journal.bytes_max, or writers would \
                        wait for each checkpoint"
                .to_owned());
        }
        self.check_feeds()?;
        self.check_home()?;
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err("tls.certificate and tls.key must be set together".to_owned());
        }
        if tls.client_ca.is_some() && tls.certificate.is_none() {
            return Err("tls.client_ca needs tls.certificate and tls.key".to_owned());
        }
        if keyspace.tls_listen.is_some() && tls.certificate.is_none() {
            return Err("keyspace.tls_listen needs tls.certificate and tls.key".to_owned());
        }
        if streams.tls_listen.is_some() && tls.certificate.is_none() {
            return Err("streams.tls_listen needs tls.certificate and tls.key".to_owned());
        }
        if (self.dns.tls_listen.is_some() || self.dns.https_listen.is_some()) && tls.certificate.is_none() {
            return Err("dns.tls_listen and dns.https_listen need tls.certificate and tls.key".to_owned());
        }
        let has_keys = streams.oauth_jwks.is_some() || streams.oauth_secret_file.is_some();
        let has_all = has_keys && streams.oauth_issuer.is_some() && streams.oauth_audience.is_some();
        if streams.sasl_mechanisms.0.contains(&Mechanism::OauthBearer) && !has_all {
            return Err(
                "OAUTHBEARER in streams.sasl_mechanisms needs streams.oauth_issuer, streams.oauth_audience \
                        and one of streams.oauth_jwks and streams.oauth_secret_file"
                    .to_owned(),
            );
        }
        self.check_blobs()?;
        self.check_otel()?;
        if plain(&self.key_file()).starts_with(plain(&self.node.data)) {
            return Err(format!(
                "identity.key_file \"{}\" is inside the data directory; a copy of that must not hold the key",
                self.key_file().display()
            ));
        }
        Ok(())
    }
}

impl Settings {
    fn check_blobs(&self) -> Result<(), String> {
        let blobs = &self.blobs;
        let tokens = [&blobs.oidc_issuer, &blobs.oidc_audience, &blobs.oidc_jwks];
        let set = tokens.iter().filter(|setting| setting.is_some()).count();
        if set != 0 && set != tokens.len() {
            return Err(
                "blobs.oidc_issuer, blobs.oidc_audience and blobs.oidc_jwks must be set together".to_owned()
            );
        }
        let is_both = |domain: &&String| blobs.domains.0.iter().any(|name| name.eq_ignore_ascii_case(domain));
        match blobs.website_domains.0.iter().find(is_both) {
            None => Ok(()),
            Some(domain) => Err(format!(
                "\"{domain}\" is in blobs.domains and in blobs.website_domains: names below it would be both"
            )),
        }
    }

    fn check_otel(&self) -> Result<(), String> {
        let gateway = &self.gateway;
        let files = [
            ("gateway.otel_headers_file", &gateway.otel_headers_file),
            ("gateway.otel_ca_file", &gateway.otel_ca_file),
        ];
        let alone = files.iter().find(|(_, file)| file.is_some() && gateway.otel_endpoint.0.is_none());
        match alone {
            None => Ok(()),
            Some((name, _)) => Err(format!("{name} needs gateway.otel_endpoint")),
        }
    }

    fn check_home(&self) -> Result<(), String> {
        let Blobs { home, s3_endpoint, s3_bucket, .. } = &self.blobs;
        if s3_endpoint.is_some() != s3_bucket.is_some() {
            return Err("blobs.s3_endpoint and blobs.s3_bucket must be set together".to_owned());
        }
        if *home == ChunkHome::S3 && s3_endpoint.is_none() {
            return Err("blobs.home = \"s3\" needs blobs.s3_endpoint and blobs.s3_bucket".to_owned());
        }
        let Some(url) = s3_endpoint else { return Ok(()) };
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['@', '?', '#'])) {
            return Err(
                "blobs.s3_endpoint must be http://HOST:PORT or https://HOST:PORT, without credentials"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_feeds(&self) -> Result<(), String> {
        let databases = self.feed_databases();
        let is_memory = |database: &&u8| self.database_durability(**database) == Durability::Memory;
        if let Some(database) = databases.iter().find(is_memory) {
            return Err(format!(
                "streams.feeds names database {database}, whose durability is memory: it is not logged and has no feed"
            ));
        }
        let Self { journal, checkpoint, .. } = self;
        let held = checkpoint.bytes_max.saturating_add(self.feed_bytes_max());
        let has_feeds = !databases.is_empty() || self.fed_databases() != Fed::None;
        if has_feeds && held > journal.bytes_max / 4 * 3 {
            return Err(
                "checkpoint.bytes_max and streams.feed_bytes_max must together be at most three quarters of \
                        journal.bytes_max, or writers would wait for room"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// A path without `.` parts, so that `./a/b` is seen to be inside `a`.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.components().filter(|part| *part != Component::CurDir).collect()
}

/// Every option with its documentation and default, as a file that can be loaded.
pub fn render_defaults() -> String {
    render("Every option of Bole with its default.", |spec| (spec.default.to_owned(), None))
}

impl Loaded {
    /// Every option with the value that is in force and where it comes from, as a file that can be loaded.
    pub fn render(&self) -> String {
        render("Every option of Bole with the value that is in force.", |spec| {
            match self.values.get(&(spec.section, spec.key)) {
                Some((text, origin)) => (text.clone(), Some(origin.to_string())),
                None => (spec.default.to_owned(), None),
            }
        })
    }
}

fn render(title: &str, value: impl Fn(&Spec) -> (String, Option<String>)) -> String {
    let mut out = format!(
        "# {title} A file named {DEFAULT_FILE} in the folder that the node starts in is read\n\
         # by itself, any other with --config FILE. BOLE_SECTION_KEY variables override the file, flags override both.\n"
    );
    for (section, doc) in SECTIONS {
        let _ = write!(out, "\n# {doc}\n[{section}]\n");
        for spec in OPTIONS.iter().filter(|spec| spec.section == *section) {
            let (text, origin) = value(spec);
            let shown = if spec.bare() { text } else { toml::Value::String(text).to_string() };
            let origin = origin.map(|origin| format!("  # from {origin}")).unwrap_or_default();
            let _ = write!(
                out,
                "# {}\n# Allowed: {}.\n{} = {shown}{origin}\n",
                spec.doc,
                spec.allowed(),
                spec.key
            );
        }
    }
    out
}
