//! The parameters that CONFIG knows: what each is here, and how it is changed if it can be.
//!
//! A parameter that describes what Bole always does has a fixed value, so that tools that read it learn the truth.

use bole_base::Durability;

use crate::client::{Client, OutputLimit};
use crate::dataset::{DATABASES, Dataset};
use crate::limits::{EVICTION_SAMPLES_MAX, EXPIRY_INTERVAL_MS};
use crate::memory::Policy;
use crate::service::{Service, Settings};
use crate::state::Limits;

/// What values are read from.
pub(super) struct View<'a> {
    pub(super) service: &'a Service,
    pub(super) settings: &'a Settings,
    pub(super) client: &'a Client,
}

/// How a parameter is changed.
#[derive(Clone, Copy)]
pub(super) enum Set {
    /// Not at all.
    Never,
    /// In the settings. The error says what is wrong with the value.
    To(fn(&mut Settings, &str) -> Result<(), String>),
}

/// One parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) get: fn(&View<'_>) -> String,
    pub(super) set: Set,
}

const fn fixed(name: &'static str, get: fn(&View<'_>) -> String) -> Parameter {
    Parameter { name, get, set: Set::Never }
}

const fn settable(
    name: &'static str,
    get: fn(&View<'_>) -> String,
    set: fn(&mut Settings, &str) -> Result<(), String>,
) -> Parameter {
    Parameter { name, get, set: Set::To(set) }
}

/// A limit of packed collections.
macro_rules! limit {
    ($name:literal, $field:ident) => {
        settable(
            $name,
            |view| view.settings.limits.$field.to_string(),
            |settings, text| {
                settings.limits.$field = number(text)?;
                Ok(())
            },
        )
    };
}

/// All parameters but `durability`, which is about a database.
pub(super) const PARAMETERS: &[Parameter] = &[
    fixed("activedefrag", |_| "no".into()),
    fixed("appendonly", |_| "yes".into()),
    fixed("appendfsync", append_fsync),
    fixed("bind", |view| view.client.local.ip().to_string()),
    settable("client-output-buffer-limit", output_limit, set_output_limit),
    fixed("cluster-enabled", |_| "no".into()),
    fixed("databases", |_| DATABASES.to_string()),
    limit!("hash-max-listpack-entries", hash_entries_max),
    limit!("hash-max-listpack-value", hash_value_bytes_max),
    limit!("hash-max-ziplist-entries", hash_entries_max),
    limit!("hash-max-ziplist-value", hash_value_bytes_max),
    fixed("hz", |_| (1_000 / EXPIRY_INTERVAL_MS).to_string()),
    fixed("latency-monitor-threshold", |_| "0".into()),
    fixed("lazyfree-lazy-eviction", |_| "no".into()),
    fixed("lazyfree-lazy-expire", |_| "no".into()),
    fixed("lazyfree-lazy-server-del", |_| "no".into()),
    fixed("lazyfree-lazy-user-del", |_| "no".into()),
    fixed("lazyfree-lazy-user-flush", |_| "yes".into()),
    fixed("list-compress-depth", |_| "0".into()),
    settable("list-max-listpack-size", list_node, set_list_node),
    settable("list-max-ziplist-size", list_node, set_list_node),
    settable(
        "maxclients",
        |view| view.settings.connections_max.to_string(),
        |settings, text| {
            settings.connections_max = match number(text)? {
                0 => return Err("argument must be at least 1".into()),
                most => most,
            };
            Ok(())
        },
    ),
    settable(
        "maxmemory",
        |view| view.settings.memory_bytes_max.to_string(),
        |settings, text| {
            settings.memory_bytes_max = bytes(text)?;
            Ok(())
        },
    ),
    settable("maxmemory-policy", |view| view.settings.eviction.name().to_owned(), set_eviction),
    settable(
        "maxmemory-samples",
        |view| view.settings.eviction_samples.to_string(),
        |settings, text| {
            settings.eviction_samples = match number(text)? {
                samples @ 1..=EVICTION_SAMPLES_MAX => samples,
                _ => return Err(format!("argument must be between 1 and {EVICTION_SAMPLES_MAX} inclusive")),
            };
            Ok(())
        },
    ),
    fixed("notify-keyspace-events", |_| String::new()),
    fixed("port", |view| view.service.port.to_string()),
    fixed("proto-max-bulk-len", |view| view.service.config.request_bytes_max.to_string()),
    fixed("save", |_| String::new()),
    limit!("set-max-intset-entries", set_integers_max),
    limit!("set-max-listpack-entries", set_entries_max),
    limit!("set-max-listpack-value", set_value_bytes_max),
    fixed("slowlog-log-slower-than", |_| "-1".into()),
    fixed("slowlog-max-len", |_| "0".into()),
    settable(
        "timeout",
        |view| view.settings.idle_seconds.to_string(),
        |settings, text| {
            settings.idle_seconds = number(text)? as u64;
            Ok(())
        },
    ),
    limit!("zset-max-listpack-entries", sorted_set_entries_max),
    limit!("zset-max-listpack-value", sorted_set_value_bytes_max),
    limit!("zset-max-ziplist-entries", sorted_set_entries_max),
    limit!("zset-max-ziplist-value", sorted_set_value_bytes_max),
];

/// A number that is not negative.
fn number(text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Ok(value) if value >= 0 => Ok(value as usize),
        Ok(_) => Err("argument must not be negative".into()),
        Err(_) => Err("argument couldn't be parsed into an integer".into()),
    }
}

fn set_eviction(settings: &mut Settings, text: &str) -> Result<(), String> {
    let text = text.to_ascii_lowercase();
    let Some((policy, _)) = Policy::ALL.iter().find(|(_, name)| *name == text) else {
        let names: Vec<_> = Policy::ALL.iter().map(|(_, name)| *name).collect();
        return Err(format!("argument(s) must be one of the following: {}", names.join(", ")));
    };
    settings.eviction = *policy;
    Ok(())
}

/// The name that Redis has for the weakest promise among the logged databases.
fn append_fsync(view: &View<'_>) -> String {
    let classes = view.service.databases.datasets().iter().map(Dataset::class);
    let weakest = classes.filter(|class| *class != Durability::Memory).min_by_key(|class| *class as u8);
    let name = match weakest {
        Some(Durability::Sync) => "always",
        Some(Durability::Async) => "everysec",
        Some(Durability::Memory) | None => "no",
    };
    name.to_owned()
}

/// Sizes of a list's node that Redis names by -1 to -5: 4 KiB to 64 KiB.
fn node_bytes(name: u32) -> usize {
    2_048 << name
}

fn list_node(view: &View<'_>) -> String {
    let bytes = view.settings.limits.list_node_bytes_max;
    let name = (1..=5).find(|name| node_bytes(*name) == bytes);
    name.map_or_else(|| bytes.to_string(), |name| format!("-{name}"))
}

fn set_list_node(settings: &mut Settings, text: &str) -> Result<(), String> {
    let name =
        text.strip_prefix('-').and_then(|name| name.parse().ok()).filter(|name| (1..=5).contains(name));
    let name = name.ok_or("lists are limited by bytes, not elements: use -1 (4 KiB) to -5 (64 KiB)")?;
    settings.limits = Limits { list_node_bytes_max: node_bytes(name), ..settings.limits };
    Ok(())
}

fn output_limit(view: &View<'_>) -> String {
    let OutputLimit { hard_bytes, soft_bytes, soft_ms } = view.settings.pubsub_output;
    format!("normal 0 0 0 slave 0 0 0 pubsub {hard_bytes} {soft_bytes} {}", soft_ms / 1_000)
}

fn set_output_limit(settings: &mut Settings, text: &str) -> Result<(), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("expected groups of: class, hard limit, soft limit, soft seconds".into());
    }
    for group in words.chunks_exact(4) {
        let limit = OutputLimit {
            hard_bytes: bytes(group[1])?,
            soft_bytes: bytes(group[2])?,
            soft_ms: number(group[3])? as u64 * 1_000,
        };
        let none = limit.hard_bytes == 0 && limit.soft_bytes == 0;
        match group[0].to_ascii_lowercase().as_str() {
            "pubsub" => settings.pubsub_output = limit,
            "normal" | "slave" | "replica" if none => {}
            "normal" | "slave" | "replica" => {
                return Err(format!(
                    "class '{}' has no limit here: a client that does not read is not read from",
                    group[0]
                ));
            }
            other => return Err(format!("invalid client class '{other}'")),
        }
    }
    Ok(())
}

/// Bytes as Redis reads them: `1kb` is 1024, `1k` is 1000.
fn bytes(text: &str) -> Result<usize, String> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        unit => return Err(format!("'{unit}' is no unit of memory")),
    };
    number(digits)?.checked_mul(factor).ok_or_else(|| format!("'{text}' is too much"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_units() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("10b", Ok(10)),
            ("1k", Ok(1_000)),
            ("2KB", Ok(2_048)),
            ("32mb", Ok(32 << 20)),
            ("1gb", Ok(1 << 30)),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        for wrong in ["", "x", "-1", "1tb", "9223372036854775807gb"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_sorted_enough_to_be_unique() {
        let mut names: Vec<_> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
