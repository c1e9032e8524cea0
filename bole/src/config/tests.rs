//! Each row says what a user wrote and what they get.

use std::ffi::OsString;
use std::time::Duration;

use bole_base::Durability;

use super::*;

/// Loads settings from the text of a file, variables and `--set` flags.
fn load_from(file: &str, variables: &[(&str, &str)], set: &[&str]) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bole.toml");
    std::fs::write(&path, file).unwrap();
    let flags =
        Flags { config: Some(path), data: None, set: set.iter().map(|&text| text.to_owned()).collect() };
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let prefix = format!("{}/", dir.path().display());
    load(&flags, variables).map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn the_rendered_defaults_load_as_the_defaults() {
    let text = render_defaults();
    let loaded = load_from(&text, &[], &[]).unwrap();
    assert_eq!(loaded.settings, Settings::defaults());
    assert_eq!(loaded.values.len(), OPTIONS.len(), "every option is in the file");
    for spec in OPTIONS {
        assert!(text.contains(&format!("# {}\n", spec.doc)), "{} is documented", spec.name());
        assert!(spec.doc.ends_with('.') && !spec.doc.contains('\n'), "{}: one line", spec.name());
    }
}

#[test]
fn defaults() {
    let Settings { node, journal, checkpoint, admin, keyspace, .. } = Settings::defaults();
    assert_eq!(node.data, PathBuf::from("./bole-data"));
    assert_eq!(node.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(node.memory, None);
    assert_eq!((journal.segment_bytes, journal.bytes_max), (64 << 20, 2 << 30));
    assert_eq!(checkpoint.replay_max, Duration::from_secs(30));
    assert_eq!(admin.listen.to_string(), "127.0.0.1:4280");
    assert_eq!(keyspace.listen.to_string(), "127.0.0.1:6379");
    assert_eq!((keyspace.durability, keyspace.shards), (Durability::Async, 16));
    assert_eq!(Settings::defaults().key_file(), PathBuf::from("./bole-identity.key"));
}

#[test]
fn later_sources_win() {
    let file = "[keyspace]\nshards = 2\nconnections_max = 20\nidle_timeout = \"5s\"\n";
    let variables =
        [("BOLE_KEYSPACE_CONNECTIONS_MAX", "21"), ("BOLE_KEYSPACE_IDLE_TIMEOUT", "6s"), ("PATH", "x")];
    let set = ["keyspace.idle_timeout=7s", "keyspace.idle_timeout = 8s"];
    let loaded = load_from(file, &variables, &set).unwrap();
    let keyspace = &loaded.settings.keyspace;
    assert_eq!((keyspace.shards, keyspace.connections_max), (2, 21));
    assert_eq!(keyspace.idle_timeout, Duration::from_secs(8));
    let rendered = loaded.render();
    assert!(
        rendered
            .contains("connections_max = 21  # from environment variable BOLE_KEYSPACE_CONNECTIONS_MAX\n")
    );
    assert_eq!(load_from(&rendered, &[], &[]).unwrap().settings, loaded.settings);
}

#[test]
fn values() {
    let load_one = |set: &str| load_from("", &[], &[set]).unwrap().settings;
    let keyspace = load_one("keyspace.database_durability=1=sync, 2=memory").keyspace;
    assert_eq!(keyspace.database_durability.get(1), Some(Durability::Sync));
    assert_eq!(keyspace.database_durability.get(3), None);
    assert_eq!(keyspace.database_durability.to_string(), "1=sync,2=memory");
    assert_eq!(load_one("streams.feeds=none").feed_databases(), [0; 0]);
    assert_eq!(load_one("streams.feeds=3, 0").feed_databases(), [0, 3]);
    for (feeds, shown, hidden) in
        [("sql/a,0", "a", "b"), ("all", "a", ""), ("sql/*", "b", ""), ("none", "", "a")]
    {
        let fed = load_one(&format!("streams.feeds={feeds}")).fed_databases();
        assert!(shown.is_empty() || fed.contains(shown), "{feeds}");
        assert!(hidden.is_empty() || !fed.contains(hidden), "{feeds}");
    }
    let durability = "keyspace.database_durability=1=memory";
    let all = load_from("", &[], &["streams.feeds=all", durability]).unwrap().settings;
    assert_eq!(all.feed_databases().len(), 15);
    assert_eq!((all.feed_bytes_max(), load_one("streams.feed_bytes_max=0").feed_bytes_max()), (512 << 20, 0));
    assert_eq!(load_one("node.memory=1GiB").node.memory, Some(1 << 30));
    assert_eq!(load_one("keyspace.idle_timeout=0").keyspace.idle_timeout, Duration::ZERO);
    assert_eq!(load_one("log.format=json").log.format, value::LogFormat::Json);
    assert_eq!(load_one("node.data=/srv/bole").key_file(), PathBuf::from("/srv/bole-identity.key"));
    let bytes = load_from("[journal]\nsegment_bytes = 0x1000000", &[], &[]).unwrap().settings;
    assert_eq!(bytes.journal.segment_bytes, 16 << 20);
}

/// File, variables, `--set` flags, and parts of the message.
type Refusal =
    (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

/// What is wrong and every part of the message that must be there.
const REFUSED: &[Refusal] = &[
    ("\n[keyspce]\n", &[], &[], &["bole.toml:2", "section \"keyspce\"", "did you mean \"keyspace\"?"]),
    (
        "[keyspace]\n\nshard = 2",
        &[],
        &[],
        &["bole.toml:3", "\"keyspace.shard\"", "did you mean \"keyspace.shards\"?"],
    ),
    ("[journal]\ndata = 'x'", &[], &[], &["bole.toml:2", "did you mean \"node.data\"?"]),
    ("[node]\nzzzzqq = 'x'", &[], &[], &["\"node.zzzzqq\" is unknown", "`bole config` lists"]),
    ("keyspace = 1", &[], &[], &["bole.toml:1", "write [keyspace]"]),
    (
        "[keyspace]\nshards = \"many\"",
        &[],
        &[],
        &["bole.toml:2", "keyspace.shards = \"many\"", "from 1 to 256"],
    ),
    ("[keyspace]\nshards = 1.5", &[], &[], &["cannot be a fraction", "from 1 to 256"]),
    ("[keyspace]\nshards = 99999999999999999999", &[], &[], &["too large"]),
    ("[keyspace]\nshards = 0", &[], &[], &["0 is less than 1"]),
    ("[keyspace]\nshards = 1\nshards = 2", &[], &[], &["bole.toml:3", "duplicate key"]),
    ("[keyspace", &[], &[], &["bole.toml:1"]),
    (
        "",
        &[("BOLE_KEYSPACE_SHARD", "2")],
        &[],
        &["variable BOLE_KEYSPACE_SHARD", "\"BOLE_KEYSPACE_SHARDS\"?"],
    ),
    (
        "",
        &[("BOLE_ADMIN_LISTEN", "localhost")],
        &[],
        &["BOLE_ADMIN_LISTEN", "\"localhost\" is not an IP address"],
    ),
    ("", &[], &["keyspace.shards"], &["--set keyspace.shards", "expected section.key=value"]),
    ("", &[], &["keyspac.shards=1"], &["--set keyspac.shards=1", "did you mean \"keyspace.shards\"?"]),
    ("", &[], &["keyspace.durability=always"], &["\"always\" is unknown", "one of sync, async, memory"]),
    ("", &[], &["keyspace.database_durability=16=sync"], &["database \"16\" does not exist"]),
    ("", &[], &["keyspace.database_durability=1=sync,1=async"], &["database 1 is named twice"]),
    ("", &[], &["log.level=loud"], &["\"loud\" is not a level"]),
    ("", &[], &["journal.segment_bytes=1KiB"], &["1.0 KiB is less than 8.0 MiB"]),
    ("", &[], &["journal.segment_bytes=1GiB"], &["four times journal.segment_bytes"]),
    ("", &[], &["checkpoint.bytes_max=2GiB"], &["at most half of journal.bytes_max"]),
    ("", &[], &["node.shutdown_timeout=2h"], &["2h is more than 1h"]),
    ("", &[], &["tls.key=k.pem"], &["tls.certificate and tls.key must be set together"]),
    ("", &[], &["keyspace.tls_listen=127.0.0.1:6380"], &["keyspace.tls_listen needs tls.certificate"]),
    ("", &[], &["streams.tls_listen=127.0.0.1:9093"], &["streams.tls_listen needs tls.certificate"]),
    ("", &[], &["streams.sasl_mechanisms=GSSAPI"], &["\"GSSAPI\" is unknown", "OAUTHBEARER"]),
    ("", &[], &["streams.sasl_mechanisms=PLAIN,PLAIN"], &["PLAIN is named twice"]),
    ("", &[], &["streams.sasl_mechanisms=OAUTHBEARER"], &["needs streams.oauth_issuer"]),
    ("", &[], &["gateway.otel_endpoint=collector:4318"], &["is not the URL of a collector", "http://"]),
    ("", &[], &["gateway.otel_sample=2"], &["\"2\" is not a share from 0 to 1"]),
    ("", &[], &["gateway.otel_parents=none"], &["one of all, trusted"]),
    ("", &[], &["gateway.otel_ca_file=ca.pem"], &["gateway.otel_ca_file needs gateway.otel_endpoint"]),
    ("", &[], &["blobs.oidc_issuer=https://a"], &["must be set together"]),
    ("", &[], &["blobs.domains=a.b", "blobs.website_domains=A.b"], &["names below it would be both"]),
    ("", &[], &["streams.feeds=16"], &["database \"16\" does not exist", "none, all, or a list"]),
    ("", &[], &["streams.feeds=1,1"], &["database 1 is named twice"]),
    ("", &[], &["streams.feeds=sql/a,0,sql/a"], &["database sql/a is named twice"]),
    ("", &[], &["streams.feeds=sql/"], &["database \"sql/\" does not exist"]),
    ("", &[], &["streams.feeds=sql/*", "streams.feed_bytes_max=2GiB"], &["at most three quarters"]),
    (
        "",
        &[],
        &["streams.feeds=1", "keyspace.database_durability=1=memory"],
        &["names database 1", "no feed"],
    ),
    ("", &[], &["streams.feeds=all", "streams.feed_bytes_max=2GiB"], &["at most three quarters"]),
    ("", &[], &["streams.anonymous=on"], &["\"on\" is unknown", "auto, off"]),
    ("", &[], &["identity.key_file=bole-data/key"], &["inside the data directory"]),
];

#[test]
fn refusals_name_the_place_the_value_and_what_is_allowed() {
    for (file, variables, set, parts) in REFUSED {
        let message = load_from(file, variables, set).expect_err(&format!("{file} {variables:?} {set:?}"));
        for part in *parts {
            assert!(message.contains(part), "{message:?} should contain {part:?}");
        }
    }
}

#[test]
fn command_variables_are_not_settings() {
    let variables = COMMAND_VARIABLES.map(|name| (name, "x"));
    assert!(load_from("", &variables, &[]).is_ok());
}

#[test]
fn a_named_file_must_exist() {
    let flags = Flags { config: Some("/nonexistent/bole.toml".into()), ..Flags::default() };
    let message = load(&flags, []).unwrap_err().to_string();
    assert!(message.contains("/nonexistent/bole.toml"), "{message}");
}

#[test]
fn variables_are_unique() {
    let mut names: Vec<String> = OPTIONS.iter().map(Spec::variable).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), OPTIONS.len());
}
