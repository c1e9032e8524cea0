//! The one table of options. A row is an option: its documentation, type, kind (with bounds) and default; the typed
//! settings, `bole config`, the environment variables and all error messages come from it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bole_base::Durability;
use bole_gateway::otel::{Parents, Share};

use super::dns::{AddressList, Addresses, Files, Receivers};
use super::gateway::{AccessLogFormat, CdnAdmission, CdnRole, KeyspaceAddress, Networks, OtelEndpoint};
use super::kind::{Address, Bytes, BytesOrAuto, Count, Kind, OptionalText, Path, Text, Time, word};
use super::value::{
    Anonymous, CertificateName, ChunkHome, DatabaseDurability, FeedDatabases, HostNames, LogFilter,
    LogFormat, Region, SaslMechanisms,
};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The section that the option stands in.
    pub section: &'static str,
    /// Its name in that section.
    pub key: &'static str,
    /// The default, as a user would write it.
    pub default: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    bare: fn() -> bool,
    check: fn(&str) -> Result<(), String>,
    allowed: fn() -> String,
}

impl Spec {
    /// Says what is wrong with `text` as a value of this option, if anything.
    pub fn check(&self, text: &str) -> Result<(), String> {
        (self.check)(text)
    }

    /// What the option allows.
    pub fn allowed(&self) -> String {
        (self.allowed)()
    }

    /// Whether TOML writes the value without quotes.
    pub fn bare(&self) -> bool {
        (self.bare)()
    }

    /// The name in messages and for `--set`: `section.key`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The environment variable that sets the option.
    pub fn variable(&self) -> String {
        format!("BOLE_{}_{}", self.section, self.key).to_ascii_uppercase()
    }
}

/// Defines the table and the settings that are read from it.
macro_rules! options {
    ($( $(#[doc = $section_doc:literal])+ $section:ident: $Section:ident {
        $( #[doc = $doc:literal] $key:ident: $type:ty = $kind:expr, $default:literal; )+
    } )+) => {
        /// All settings of a node.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $Section {
                $( #[doc = $doc] pub $key: $type, )+
            }
        )+

        /// Every option, in the order in which `bole config` prints them.
        pub const OPTIONS: &[Spec] = &[
            $( $( Spec {
                section: stringify!($section),
                key: stringify!($key),
                default: $default,
                doc: $doc.trim_ascii(),
                bare: || Kind::<$type>::bare(&$kind),
                check: |text| Kind::<$type>::parse(&$kind, text).map(drop),
                allowed: || Kind::<$type>::allowed(&$kind),
            }, )+ )+
        ];

        /// Every section with its documentation.
        pub const SECTIONS: &[(&str, &str)] = &[
            $( (stringify!($section), concat!($($section_doc),+).trim_ascii()), )+
        ];

        impl Settings {
            /// Reads the settings from the text of each option, which `text` gives by section and key.
            pub(super) fn read(text: impl Fn(&str, &str) -> String) -> Result<Self, String> {
                Ok(Self {
                    $( $section: $Section {
                        $( $key: Kind::<$type>::parse(&$kind, &text(stringify!($section), stringify!($key)))?, )+
                    }, )+
                })
            }
        }
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

options! {
    /// The process.
    node: Node {
        /// The data directory. Created when it is missing; one node at a time may use it.
        data: PathBuf = Path, "./bole-data";
        /// How long a stop may take: connections finish, states are checkpointed. What is late is dropped and replayed at the next start.
        shutdown_timeout: Duration = Time(0, HOUR), "10s";
        /// Memory that the services share. auto: half of what the machine or the cgroup has.
        memory: Option<u64> = BytesOrAuto(64 * MIB), "auto";
    }

    /// Structured logs, on standard error.
    log: Log {
        /// auto: for people on a terminal, JSON lines elsewhere.
        format: LogFormat = word(&["auto", "human", "json"]), "auto";
        /// error, warn, info, debug or trace; targets may differ: `info,bole_wal=debug`.
        level: LogFilter = Text("a level (error, warn, info, debug, trace), or a list such as info,bole_wal=debug"), "info";
    }

    /// The write-ahead log that all services share.
    journal: Journal {
        /// Size of a segment file. Segments are allocated and zero-filled before they are used, and recycled.
        segment_bytes: u64 = Bytes(8 * MIB, 4 * GIB), "64MiB";
        /// The most that all segments together may take. Writers wait for a checkpoint when it is reached.
        bytes_max: u64 = Bytes(24 * MIB, 64 * TIB), "2GiB";
        /// The most that may be queued for the disk and not yet written. Sockets are not read while it is reached.
        queue_bytes_max: u64 = Bytes(2 * MIB, 4 * GIB), "64MiB";
        /// Disk space that only checkpoints and trimming may use, so that a full disk can free itself.
        reserve_bytes: u64 = Bytes(0, TIB), "256MiB";
    }

    /// Checkpoints: how much of the journal a start has to replay.
    checkpoint: Checkpoint {
        /// The longest that a replay at the next start should take.
        replay_max: Duration = Time(SECOND, 24 * HOUR), "30s";
        /// Journal bytes after which a checkpoint starts, whatever the replay would take.
        bytes_max: u64 = Bytes(4 * MIB, 64 * TIB), "512MiB";
    }

    /// The door for operators: status, users, metrics, health.
    admin: Admin {
        /// Address of the admin API and the metrics.
        listen: SocketAddr = Address, "127.0.0.1:4280";
    }

    /// Certificates of all TLS doors. Files are read again when they change.
    tls: Tls {
        /// The certificate chain, PEM.
        certificate: Option<PathBuf> = Path, "";
        /// The certificate's private key, PEM.
        key: Option<PathBuf> = Path, "";
        /// Authorities whose certificates clients must show, PEM. Empty: clients need none.
        client_ca: Option<PathBuf> = Path, "";
    }

    /// The key-value service that speaks Redis's protocol.
    keyspace: Keyspace {
        /// Address of the plain door.
        listen: SocketAddr = Address, "127.0.0.1:6379";
        /// Address of the TLS door. Empty: none.
        tls_listen: Option<SocketAddr> = Address, "";
        /// Durability of databases that `database_durability` does not name: sync (fsync before the reply), async (fsync within 1 s), memory (not logged).
        durability: Durability = word(&["sync", "async", "memory"]), "async";
        /// Databases with a durability of their own, such as `1=sync,2=memory`.
        database_durability: DatabaseDurability = Text("a list of DATABASE=sync|async|memory with databases 0 to 15, such as 1=sync,2=memory"), "";
        /// Shards of each database. Fixed for a data directory when it is created.
        shards: u64 = Count(1, 256), "16";
        /// Connections at a time; more are refused with an error.
        connections_max: u64 = Count(1, 1_000_000), "10000";
        /// Memory that the keys may take; CONFIG SET maxmemory changes it until the next start. auto: half of what cdn.memory leaves of node.memory.
        memory: Option<u64> = BytesOrAuto(MIB), "auto";
        /// Replies that may wait for a client. One whose command asks for more is disconnected; no command is read while replies wait.
        output_buffer_bytes_max: u64 = Bytes(MIB, 64 * GIB), "1GiB";
        /// Messages that may wait for a subscriber that does not read. At this it is disconnected.
        pubsub_output_buffer_bytes_max: u64 = Bytes(MIB, 64 * GIB), "32MiB";
        /// Silence after which a client is disconnected. 0s: never.
        idle_timeout: Duration = Time(0, 365 * 24 * HOUR), "0s";
        /// The largest request, and the largest value.
        request_bytes_max: u64 = Bytes(64 * KIB, 4 * GIB), "512MiB";
    }

    /// The stream service that speaks Kafka's protocol.
    streams: Streams {
        /// Address of the plain door.
        listen: SocketAddr = Address, "127.0.0.1:9092";
        /// Address of the TLS door. Empty: none.
        tls_listen: Option<SocketAddr> = Address, "";
        /// The host that clients are told to connect to. Empty: the address of the door that they came through.
        advertised_host: Option<String> = OptionalText("a host name or an address"), "";
        /// Durability of topics that do not choose one: sync (fsync before the reply), async (fsynced within 1 s).
        durability: Durability = word(&["sync", "async"]), "sync";
        /// Whether a topic is made when a client asks for one that does not exist.
        auto_create_topics: bool = word(&["true", "false"]), "true";
        /// Partitions of topics that are made without a number.
        default_partitions: u64 = Count(1, 10_000), "4";
        /// Databases whose changes are topics that can be read: a list such as 0,sql/bole of databases of the keyspace (`changes.keyspace.0`) and of SQL (`changes.sql.bole.TABLE`; sql/* is all of them); all (those that are logged); none.
        feeds: FeedDatabases = Text("none, all, or a list of databases 0 to 15 and sql/NAME, such as 0,sql/bole"), "none";
        /// Journal bytes that are kept for readers of these topics, besides those that the next start needs. Beyond, the oldest changes go. auto: a quarter of `journal.bytes_max`.
        feed_bytes_max: Option<u64> = BytesOrAuto(0), "auto";
        /// Connections at a time.
        connections_max: u64 = Count(1, 1_000_000), "10000";
        /// Silence after which a client is disconnected. 0s: never.
        idle_timeout: Duration = Time(0, 365 * 24 * HOUR), "10m";
        /// The largest request.
        request_bytes_max: u64 = Bytes(64 * KIB, GIB), "100MiB";
        /// Bytes of records that stay in memory for readers.
        cache_bytes_max: u64 = Bytes(MIB, TIB), "32MiB";
        /// Whether clients may come without credentials, and then do everything. auto: while all doors are on loopback. off: never.
        anonymous: Anonymous = word(&["auto", "off"]), "auto";
        /// How clients may show who they are by SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER.
        sasl_mechanisms: SaslMechanisms = Text("a list of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"), "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";
        /// Which name of a client's certificate is its user, where `tls.client_ca` asks for one: cn (the common name), dn (all of it, as in RFC 2253).
        tls_principal: CertificateName = word(&["cn", "dn"]), "cn";
        /// The claim `iss` that tokens of OAUTHBEARER must have.
        oauth_issuer: Option<String> = OptionalText("an issuer, such as https://login.example.com/"), "";
        /// What must be among the claim `aud` of tokens.
        oauth_audience: Option<String> = OptionalText("a name of this node's clients' audience"), "";
        /// Public keys of the issuer, as a JSON Web Key Set: a file, or an http or https URL. Read again every 5 minutes, and when a token names an unknown key.
        oauth_jwks: Option<String> = OptionalText("a path, or an http or https URL"), "";
        /// Authorities of the server that `oauth_jwks` names, PEM. Empty: those of the machine.
        oauth_jwks_ca: Option<PathBuf> = Path, "";
        /// File with the secret of tokens that are signed by HS256, 32 bytes at least. Empty: such tokens are refused.
        oauth_secret_file: Option<PathBuf> = Path, "";
        /// The claim that names the user.
        oauth_user_claim: Option<String> = OptionalText("a claim"), "sub";
        /// A word that the claim `scope` or `scp` of tokens must hold. Empty: any.
        oauth_scope: Option<String> = OptionalText("a scope"), "";
    }

    /// The SQL service that speaks PostgreSQL's protocol.
    sql: Sql {
        /// Address of its door. Clients may ask for TLS there if `tls.certificate` is set.
        listen: SocketAddr = Address, "127.0.0.1:5432";
        /// Durability of databases that are made from now on: sync (fsync before the reply), async (fsynced within 1 s).
        durability: Durability = word(&["sync", "async"]), "sync";
        /// Connections at a time; more are refused with an error.
        connections_max: u64 = Count(1, 1_000_000), "10000";
        /// Threads that execute statements. Where statements wait for clients, locks or sleeps, there may be eight times as many.
        threads_max: u64 = Count(1, 1_024), "64";
        /// How long a client may take to log in.
        login_timeout: Duration = Time(SECOND, HOUR), "1m";
        /// How long a transaction may idle while it has the write ticket, unless its session sets `idle_in_transaction_session_timeout`.
        idle_writer_timeout: Duration = Time(SECOND, 24 * HOUR), "5m";
        /// The largest message of a client, and so the longest statement and value.
        message_bytes_max: u64 = Bytes(64 * KIB, 256 * MIB), "256MiB";
        /// Bytes of one database's recent changes, which are not in its main file yet, at which the snapshots are ended that keep them from getting there: the statements and transactions fail with 72000.
        overlay_bytes_max: u64 = Bytes(128 * MIB, 64 * TIB), "1GiB";
        /// Bytes that the temporary tables of one session may take in files; a statement that needs more is refused.
        temporary_bytes_session: u64 = Bytes(64 * KIB, 64 * TIB), "1GiB";
        /// The same of all sessions together.
        temporary_bytes_node: u64 = Bytes(64 * KIB, 64 * TIB), "4GiB";
        /// Bytes of rows of portals and cursors that one session keeps in memory; what is beyond goes into files.
        cursor_bytes_session: u64 = Bytes(0, TIB), "16MiB";
        /// The same of all sessions together.
        cursor_bytes_node: u64 = Bytes(0, TIB), "256MiB";
        /// Bytes that files of portals, cursors, sorts and intermediate results of all sessions may take; a statement that needs more is refused.
        spill_bytes_node: u64 = Bytes(MIB, 64 * TIB), "8GiB";
    }

    /// The schema registry that speaks Confluent's REST API.
    schemas: Schemas {
        /// Address of its door.
        listen: SocketAddr = Address, "127.0.0.1:8081";
        /// Names that requests may call the node by, besides localhost and its address: the Host header is checked, so that no web page reaches the registry.
        hosts: HostNames = Text("a list of host names such as registry.example,*.internal.example"), "";
        /// Connections at a time; more are refused.
        connections_max: u64 = Count(1, 1_000_000), "1024";
    }

    /// Buckets of objects that S3's clients speak to.
    blobs: Blobs {
        /// Address of its door.
        listen: SocketAddr = Address, "127.0.0.1:9000";
        /// Domains below which names are buckets (bucket.domain), and by which requests may call the node, besides localhost and its address: the Host header is checked, so that no web page reaches the node under a name of its own.
        domains: HostNames = Text("a list of domains such as s3.example,s3.internal.example"), "";
        /// Domains below which names are websites (bucket.domain): anonymous, read only, with index and error pages. Empty: none.
        website_domains: HostNames = Text("a list of domains such as web.example"), "";
        /// Where buckets are whose creator does not say where.
        region: Region = Text("a region such as us-east-1"), "us-east-1";
        /// When a write is acknowledged: sync after fsync, async after the write to the operating system.
        durability: Durability = word(&["sync", "async"]), "sync";
        /// Bytes of the disk that the files of large objects leave free.
        reserve_bytes: u64 = Bytes(0, 64 * TIB), "256MiB";
        /// Where bodies above 64 KiB go from now on: local (files of this node) or s3 (what the options s3_… name). `bole blobs migrate` moves those that are elsewhere.
        home: ChunkHome = word(&["local", "s3"]), "local";
        /// A server that speaks S3, in which bodies are or were. Needed as long as any is there.
        s3_endpoint: Option<String> = OptionalText("a URL such as https://s3.example:9000"), "";
        /// The bucket there, which exists and which only this node writes to below its prefix.
        s3_bucket: Option<String> = OptionalText("the name of a bucket"), "";
        /// What the names of all objects there begin with.
        s3_prefix: Option<String> = OptionalText("a prefix such as bole/node-1"), "";
        /// The region that requests there are signed for.
        s3_region: Region = Text("a region such as us-east-1"), "us-east-1";
        /// File with the credentials for it, as S3's tools keep them (`aws_access_key_id = …`, `aws_secret_access_key = …`). Empty: the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
        s3_credentials_file: Option<PathBuf> = Path, "";
        /// Connections at a time; more are refused.
        connections_max: u64 = Count(1, 1_000_000), "1024";
        /// Threads for files and digests of bodies.
        threads_max: u64 = Count(1, 1_024), "32";
        /// For how long temporary credentials may be asked for.
        session_max: Duration = Time(15 * 60 * SECOND, 12 * HOUR), "12h";
        /// The claim `iss` of tokens that `AssumeRoleWithWebIdentity` takes for temporary credentials. Empty: it takes none.
        oidc_issuer: Option<String> = OptionalText("an issuer, such as https://login.example.com/"), "";
        /// What must be among the claim `aud` of these tokens.
        oidc_audience: Option<String> = OptionalText("a name of this node's clients' audience"), "";
        /// Public keys of the issuer, as a JSON Web Key Set: a file, or an http or https URL. Read again every 5 minutes, and when a token names an unknown key.
        oidc_jwks: Option<String> = OptionalText("a path, or an http or https URL"), "";
        /// Authorities of the server that `oidc_jwks` names, PEM. Empty: those of the machine.
        oidc_jwks_ca: Option<PathBuf> = Path, "";
        /// The claim that names whom a token is of.
        oidc_subject_claim: Option<String> = OptionalText("a claim"), "sub";
        /// The claim that names its roles on this node: a text, words between commas or spaces, or a list.
        oidc_roles_claim: Option<String> = OptionalText("a claim"), "roles";
        /// Bytes a second that are read to verify large objects in the background; 0: only after `bole blobs scrub`, with 8 MiB.
        scrub_bytes_second: u64 = Bytes(0, TIB), "8MiB";
        /// How long after the beginning of one such walk the next one begins.
        scrub_interval: Duration = Time(SECOND, 365 * 24 * HOUR), "168h";
        /// Seconds of a day, as lifecycle's rules count days; less than 86400 is for tests.
        lifecycle_day_seconds: u64 = Count(1, 86_400), "86400";
    }

    /// The gateway: HTTP from outside to the services behind it.
    gateway: Gateway {
        /// Address of the plain door: HTTP/1.1, and HTTP/2 by prior knowledge.
        listen: SocketAddr = Address, "127.0.0.1:8080";
        /// Address of the TLS door, whose certificates are in the gateway's document. Empty: none.
        tls_listen: Option<SocketAddr> = Address, "";
        /// File with the document: services, routes, logins, consumers, limits, certificates. It is taken whole whenever it changes; one that is wrong changes nothing. Empty: the node keeps the document, and `bole gateway`, `bole route`, `bole service` and the admin API change it.
        file: Option<PathBuf> = Path, "";
        /// Whose `X-Forwarded-…` headers and PROXY lines are believed.
        trusted_proxies: Networks = Text("a list of networks such as 10.0.0.0/8,192.0.2.1"), "";
        /// Whether connections of trusted proxies begin with a line of the PROXY protocol (v1 or v2).
        proxy_protocol: bool = word(&["true", "false"]), "false";
        /// Connections at a time; more are refused.
        connections_max: u64 = Count(1, 1_000_000), "20000";
        /// Whether answers tell in `x-bole-explain` how they came about. For networks of one's own only.
        explain: bool = word(&["true", "false"]), "false";
        /// What is written of each request: off, json (an object a line), or text.
        access_log: AccessLogFormat = word(&["off", "json", "text"]), "off";
        /// The line of `access_log = "text"`: fields in braces stand for what JSON has under these names.
        access_log_format: Option<String> = OptionalText("a text with fields in braces, such as {client} {status}"), "{client} {consumer} {time} {method} {host} {path} {version} {status} {response_bytes} {seconds} {request_id}";
        /// File for it. Empty: the log of the node.
        access_log_file: Option<PathBuf> = Path, "";
        /// URL of an OpenTelemetry collector that takes OTLP over HTTP: spans go to its `/v1/traces`. Empty: none are made, and `traceparent` goes on as it came.
        otel_endpoint: OtelEndpoint = Text("empty, or a URL such as http://127.0.0.1:4318"), "";
        /// The share of requests that is sampled, where no `traceparent` decides.
        otel_sample: Share = Text("a share from 0 to 1"), "1";
        /// Whose `traceparent` decides whether a request is sampled: all clients', or that of trusted proxies.
        otel_parents: Parents = word(&["all", "trusted"]), "all";
        /// File of headers for the collector, `Name: value` a line, for keys and tokens. It is read anew before each batch.
        otel_headers_file: Option<PathBuf> = Path, "";
        /// PEM file of the authorities that are trusted for the collector. Empty: those of the machine.
        otel_ca_file: Option<PathBuf> = Path, "";
        /// What spans call this gateway (`service.name`).
        otel_service_name: Option<String> = OptionalText("a name"), "bole";
        /// Keys that session cookies of browsers' logins are sealed with, 64 hexadecimal digits a line: the first seals, a second one opens what it sealed before. The same on all gateways of a site. Empty: keys that follow from `identity.key_file`.
        session_keys_file: Option<PathBuf> = Path, "";
        /// A keyspace in which limits with `store = "keyspace"` are counted, by address and database: this node's, or one that several nodes share. It must know `SET … IFEQ` (Bole, Redis 8.4, Valkey 8.1).
        limits_keyspace: KeyspaceAddress = Text("HOST:PORT or HOST:PORT/DATABASE, such as 127.0.0.1:6379/15"), "127.0.0.1:6379/15";
        /// User of that keyspace; nobody is named without.
        limits_user: Option<String> = OptionalText("a user of that keyspace"), "";
        /// File whose first line is that user's password.
        limits_password_file: Option<PathBuf> = Path, "";
    }

    /// The cache of routes with `cache` in the gateway's document, and its part in a network of caches.
    cdn: Cdn {
        /// Memory for stored answers.
        memory: u64 = Bytes(MIB, 64 * GIB), "64MiB";
        /// Disk for them, in the folder cdn of the data directory. They are there again after a restart. 0: none.
        disk: u64 = Bytes(0, 64 * TIB), "1GiB";
        /// What of it goes to the disk: second (what was asked for twice) or all.
        disk_admission: CdnAdmission = word(&["second", "all"]), "second";
        /// Where this node stands: single (between clients and services), edge (between clients and shields) or shield (between edges and services).
        role: CdnRole = word(&["single", "edge", "shield"]), "single";
        /// File whose first line is the secret that all nodes of a network of caches share: at least 16 characters. Empty: this node is in none.
        secret_file: Option<PathBuf> = Path, "";
        /// The name of this node in receipts of purges. Empty: the node's id.
        name: Option<String> = OptionalText("a name"), "";
        /// Address of the admin door of the node that takes the network's purges. Empty: this node does.
        control: Option<String> = OptionalText("HOST:PORT, such as 10.0.0.1:4280"), "";
    }

    /// The DNS server that answers for zones, with geographic answers.
    dns: Dns {
        /// Addresses of UDP and TCP, a list. On a machine with several addresses name each: answers leave from the one that was asked.
        listen: Addresses = Text("a list of IP:PORT, such as 127.0.0.1:5300,[::1]:5300"), "127.0.0.1:5300";
        /// Address of the TLS door (DNS over TLS), with `tls.certificate`. Empty: none.
        tls_listen: Option<SocketAddr> = Address, "";
        /// Address of the HTTPS door (DNS over HTTPS, path /dns-query), with `tls.certificate`. Empty: none.
        https_listen: Option<SocketAddr> = Address, "";
        /// Names that requests by HTTPS may call the node by, besides localhost and its address: the Host header is checked.
        https_names: HostNames = Text("a list of host names such as dns.example"), "";
        /// Folder of documents (.toml) and master files (.zone), or one of them; looked at for changes every 2 s. One that is wrong leaves the zone as it was. Empty: none; zones that the node keeps (`bole zone`) are served besides.
        zones: Option<PathBuf> = Path, "";
        /// Geographic databases (MMDB), a list of files: where the first says nothing of an address the next counts. Looked at for changes, too.
        geo: Files = Text("a list of paths"), "";
        /// Folder of keys that zones are signed with: ZONE.pem (PKCS#8) or ZONE.private (BIND's, with the .key beside it), ECDSA P-256. Read at the start. Empty: nothing is signed.
        keys: Option<PathBuf> = Path, "";
        /// Who may have zones whole by AXFR: a list of networks and of TSIG keys. Empty: nobody.
        transfer_to: Receivers = Text("a list such as 192.0.2.0/24,key:transfer"), "";
        /// Secondaries that are told when a zone has another serial number (NOTIFY, not signed). Zones with pools have no whole, and nobody is told of them.
        notify_to: AddressList = Text("a list of IP:PORT, such as 192.0.2.7:53"), "";
        /// File of TSIG keys, a line each: NAME ALGORITHM SECRET, with hmac-sha256, hmac-sha384 or hmac-sha512 and the secret in base64.
        tsig_file: Option<PathBuf> = Path, "";
        /// File of secrets of cookies, a line each of 32 hexadecimal digits: the first makes new ones, the others are honoured. Servers behind one address share it. Empty: a secret is drawn at each start.
        cookie_secrets_file: Option<PathBuf> = Path, "";
        /// Whether a client that knows of cookies must show a good one by UDP.
        cookies_required: bool = word(&["true", "false"]), "false";
        /// Whether client subnets (ECS) are honoured.
        ecs: bool = word(&["true", "false"]), "true";
        /// The name that is told to who asks which server this is (NSID). Empty: none.
        nsid: Option<String> = OptionalText("a name"), "";
        /// Bytes of a datagram that is sent at most.
        udp_bytes_max: u64 = Count(512, 65_535), "1232";
        /// Answers of one name a second for each network (IPv4 /24, IPv6 /56) by UDP without a good cookie; 0: no limit.
        rate_answers: u64 = Count(0, 1_000_000), "200";
        /// The same of answers that there is no such name, for a zone.
        rate_nxdomains: u64 = Count(0, 1_000_000), "50";
        /// The same of errors.
        rate_errors: u64 = Count(0, 1_000_000), "50";
        /// Networks that are never limited.
        rate_exempt: Receivers = Text("a list of networks such as 10.0.0.0/8"), "";
        /// Connections at a time by each of TCP, TLS and HTTPS.
        connections_max: u64 = Count(1, 1_000_000), "1024";
        /// Silence after which a connection is closed.
        idle_timeout: Duration = Time(SECOND, HOUR), "20s";
    }

    /// Users and their secrets.
    identity: Identity {
        /// Keys that encrypt access-key secrets and objects, a line each: the first encrypts, the others decrypt what they encrypted. Kept outside the data directory, so that a copy of that does not hold it. Empty: bole-identity.key beside the data directory.
        key_file: Option<PathBuf> = Path, "";
    }
}
