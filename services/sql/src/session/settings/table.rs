//! Every setting that there is. Names, meanings and units are PostgreSQL's; what Bole does not have is not here, and is refused.

use Kind::{Bool, ClientEncoding, DateStyle, Fixed, Integer, Internal, Millis, Names, OneOf, Text, TimeZone};

/// What values a setting takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// `on` or `off`, and what PostgreSQL reads as such.
    Bool,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// These are the values under which Bole works anyway.
    Fixed(&'static [&'static str]),
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A time, in milliseconds unless a unit is written.
    Millis,
    /// Any text.
    Text,
    /// Names with commas between.
    Names,
    /// A `DateStyle`.
    DateStyle,
    /// A time zone.
    TimeZone,
    /// An encoding; only UTF-8.
    ClientEncoding,
    /// Set by the server alone.
    Internal,
}

impl Kind {
    /// Whether only the server sets it.
    pub(crate) const fn is_internal(self) -> bool {
        matches!(self, Internal)
    }
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its name, as `SHOW` heads the column.
    pub name: &'static str,
    /// Its value in a new session.
    pub default: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether clients are told when it changes.
    pub reported: bool,
    /// Whether `RESET ALL` resets it.
    pub resets: bool,
    /// What it is.
    pub description: &'static str,
}

const fn row(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Setting {
    Setting { name, default, kind, reported: false, resets: true, description }
}

const fn told(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Setting {
    Setting { reported: true, ..row(name, default, kind, description) }
}

const fn kept(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Setting {
    Setting { resets: false, ..row(name, default, kind, description) }
}

const ISOLATION: &[&str] = &["serializable", "repeatable read", "read committed", "read uncommitted"];
const C: Kind = Fixed(&["C", "C.UTF-8"]);

/// The settings, by name.
pub(crate) const SETTINGS: &[Setting] = &[
    told("application_name", "", Text, "Sets the application name to be reported in statistics and logs."),
    row("array_nulls", "on", Fixed(&["on"]), "Enable input of NULL elements in arrays."),
    row(
        "backslash_quote",
        "safe_encoding",
        Fixed(&["safe_encoding"]),
        "Sets whether \"\\'\" is allowed in string literals.",
    ),
    row("block_size", "4096", Internal, "Shows the size of a disk block."),
    row("bytea_output", "hex", OneOf(&["escape", "hex"]), "Sets the output format for bytea."),
    row(
        "check_function_bodies",
        "on",
        Bool,
        "Check routine bodies during CREATE FUNCTION, which there is not.",
    ),
    told("client_encoding", "UTF8", ClientEncoding, "Sets the client's character set encoding."),
    row(
        "client_min_messages",
        "notice",
        OneOf(&["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"]),
        "Sets the message levels that are sent to the client.",
    ),
    told("DateStyle", "ISO, MDY", DateStyle, "Sets the display format for date and time values."),
    row(
        "default_table_access_method",
        "heap",
        Fixed(&["heap"]),
        "Sets the default table access method for new tables.",
    ),
    row(
        "default_tablespace",
        "",
        Fixed(&[""]),
        "Sets the default tablespace to create tables and indexes in.",
    ),
    row(
        "default_text_search_config",
        "pg_catalog.simple",
        Fixed(&["pg_catalog.simple"]),
        "Sets default text search configuration.",
    ),
    row(
        "default_transaction_deferrable",
        "off",
        Fixed(&["off"]),
        "Sets the default deferrable status of new transactions.",
    ),
    row(
        "default_transaction_isolation",
        "read committed",
        OneOf(ISOLATION),
        "Sets the transaction isolation level of each new transaction.",
    ),
    told(
        "default_transaction_read_only",
        "off",
        Bool,
        "Sets the default read-only status of new transactions.",
    ),
    row(
        "escape_string_warning",
        "off",
        Fixed(&["off"]),
        "Warn about backslash escapes in ordinary string literals.",
    ),
    row(
        "extra_float_digits",
        "1",
        Integer(-15, 3),
        "Sets the number of digits displayed for floating-point values.",
    ),
    row(
        "idle_in_transaction_session_timeout",
        "0",
        Millis,
        "Sets the maximum allowed idle time between queries, when in a transaction.",
    ),
    row(
        "idle_session_timeout",
        "0",
        Millis,
        "Sets the maximum allowed idle time between queries, when not in a transaction.",
    ),
    told("in_hot_standby", "off", Internal, "Shows whether hot standby is currently active."),
    told("integer_datetimes", "on", Internal, "Shows whether datetimes are integer based."),
    told("IntervalStyle", "postgres", Fixed(&["postgres"]), "Sets the display format for interval values."),
    told("is_superuser", "off", Internal, "Shows whether the current user is a superuser."),
    row("jit", "off", Fixed(&["off"]), "Allow JIT compilation."),
    row("lc_collate", "C", Internal, "Shows the collation order locale."),
    row("lc_ctype", "C.UTF-8", Internal, "Shows the character classification and case conversion locale."),
    row("lc_messages", "C", C, "Sets the language in which messages are displayed."),
    row("lc_monetary", "C", C, "Sets the locale for formatting monetary amounts."),
    row("lc_numeric", "C", C, "Sets the locale for formatting numbers."),
    row("lc_time", "C", C, "Sets the locale for formatting date and time values."),
    row("lock_timeout", "0", Millis, "Sets the maximum allowed duration of any wait for a lock."),
    row("max_connections", "10000", Internal, "Sets the maximum number of concurrent connections."),
    row("max_identifier_length", "63", Internal, "Shows the maximum identifier length."),
    row("max_index_keys", "32", Internal, "Shows the maximum number of index keys."),
    row(
        "password_encryption",
        "scram-sha-256",
        Fixed(&["scram-sha-256"]),
        "Chooses the algorithm for encrypting passwords.",
    ),
    row(
        "plan_cache_mode",
        "auto",
        Fixed(&["auto"]),
        "Controls the planner's selection of custom or generic plan.",
    ),
    row("role", "none", Fixed(&["none"]), "Sets the current role."),
    row("row_security", "on", Bool, "Enable row security, of which there are no policies."),
    row(
        "search_path",
        "\"$user\", public",
        Names,
        "Sets the schema search order for names that are not schema-qualified.",
    ),
    told("server_encoding", "UTF8", Internal, "Shows the server (database) character set encoding."),
    told("server_version", "15.0", Internal, "Shows the server version."),
    row("server_version_num", "150000", Internal, "Shows the server version as an integer."),
    told("session_authorization", "", Internal, "Sets the session user name."),
    row(
        "session_replication_role",
        "origin",
        Fixed(&["origin"]),
        "Sets the session's behavior for triggers and rewrite rules.",
    ),
    row("ssl", "off", Internal, "Enables SSL connections."),
    told(
        "standard_conforming_strings",
        "on",
        Fixed(&["on"]),
        "Causes '...' strings to treat backslashes literally.",
    ),
    row("statement_timeout", "0", Millis, "Sets the maximum allowed duration of any statement."),
    row("synchronize_seqscans", "on", Bool, "Enable synchronized sequential scans, which there are not."),
    row("synchronous_commit", "on", Fixed(&["on"]), "Sets the current transaction's synchronization level."),
    row(
        "temp_tablespaces",
        "",
        Fixed(&[""]),
        "Sets the tablespace(s) to use for temporary tables and sort files.",
    ),
    told("TimeZone", "UTC", TimeZone, "Sets the time zone for displaying and interpreting time stamps."),
    kept(
        "transaction_deferrable",
        "off",
        Fixed(&["off"]),
        "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures.",
    ),
    kept(
        "transaction_isolation",
        "read committed",
        OneOf(ISOLATION),
        "Sets the current transaction's isolation level.",
    ),
    kept("transaction_read_only", "off", Bool, "Sets the current transaction's read-only status."),
    row("transform_null_equals", "off", Fixed(&["off"]), "Treats \"expr=NULL\" as \"expr IS NULL\"."),
    row(
        "xmloption",
        "content",
        Fixed(&["content"]),
        "Sets whether XML data in implicit parsing is to be considered as documents or content fragments.",
    ),
];
