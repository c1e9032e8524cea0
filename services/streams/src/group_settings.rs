//! What operators set for single groups: Kafka's config resource GROUP. Kept in the catalog as one setting.

use std::collections::BTreeMap;

use bole_catalog::Catalog;
use parking_lot::RwLock;

use crate::Error;
use crate::groups::{Config, OffsetReset, Overrides};
use crate::limits::GROUPS_WITH_SETTINGS_MAX;
use crate::protocol::ErrorCode;
use crate::settings::Kind;

/// The catalog's setting that holds them, as JSON: keys and values by group. *Persisted.*
const SETTING: &str = "default/streams/group_settings";

type Given = BTreeMap<String, String>;

/// One key.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it does.
    pub doc: &'static str,
    default: fn(&Config) -> String,
    set: fn(&mut Overrides, &str) -> Result<(), String>,
}

fn milliseconds(text: &str, min: u64, max: u64) -> Result<Option<u64>, String> {
    let value = text.parse().ok().filter(|value| (min..=max).contains(value));
    value.map(Some).ok_or_else(|| format!("a number from {min} to {max}"))
}

/// Settings of groups, by name.
pub const ROWS: &[Row] = &[
    Row {
        name: "consumer.heartbeat.interval.ms",
        kind: Kind::Int,
        doc: "How often members of a consumer group are to send heartbeats, in milliseconds.",
        default: |config| config.consumer_heartbeat_interval_ms.to_string(),
        set: |over, text| {
            let _: () = over.consumer_heartbeat_interval_ms = milliseconds(text, 1_000, 60_000)?;
            Ok(())
        },
    },
    Row {
        name: "consumer.session.timeout.ms",
        kind: Kind::Int,
        doc: "Silence after which a member of a consumer group is removed, in milliseconds.",
        default: |config| config.consumer_session_timeout_ms.to_string(),
        set: |over, text| {
            let _: () = over.consumer_session_timeout_ms = milliseconds(text, 6_000, 1_800_000)?;
            Ok(())
        },
    },
    Row {
        name: "share.auto.offset.reset",
        kind: Kind::Text,
        doc: "Where a share group begins in a partition that is new to it: earliest or latest.",
        default: |_| "latest".to_owned(),
        set: |over, text| {
            over.share_offset_reset = Some(match text {
                "earliest" => OffsetReset::Earliest,
                "latest" => OffsetReset::Latest,
                _ => return Err("earliest or latest".to_owned()),
            });
            Ok(())
        },
    },
    Row {
        name: "share.heartbeat.interval.ms",
        kind: Kind::Int,
        doc: "How often members of a share group are to send heartbeats, in milliseconds.",
        default: |config| config.share_heartbeat_interval_ms.to_string(),
        set: |over, text| {
            let _: () = over.share_heartbeat_interval_ms = milliseconds(text, 1_000, 60_000)?;
            Ok(())
        },
    },
    Row {
        name: "share.record.lock.duration.ms",
        kind: Kind::Int,
        doc: "How long a record that a member of a share group has taken is kept from others, in milliseconds.",
        default: |config| config.share_lock_duration_ms.to_string(),
        set: |over, text| {
            let _: () = over.share_lock_duration_ms = milliseconds(text, 1_000, 3_600_000)?;
            Ok(())
        },
    },
    Row {
        name: "share.session.timeout.ms",
        kind: Kind::Int,
        doc: "Silence after which a member of a share group is removed, in milliseconds.",
        default: |config| config.share_session_timeout_ms.to_string(),
        set: |over, text| {
            let _: () = over.share_session_timeout_ms = milliseconds(text, 6_000, 1_800_000)?;
            Ok(())
        },
    },
];

impl Row {
    /// Its value for groups that do not set it.
    pub fn default(&self, config: &Config) -> String {
        (self.default)(config)
    }
}

/// Settings of all groups that have some.
#[derive(Default)]
pub struct GroupSettings {
    known: RwLock<BTreeMap<String, (Given, Overrides)>>,
    changing: tokio::sync::Mutex<()>,
}

impl GroupSettings {
    /// What the catalog holds. The error is a sentence for the operator.
    pub fn open(catalog: &Catalog) -> Result<Self, String> {
        let text = catalog.read(|state| state.setting(SETTING).map(str::to_owned));
        let text = text.map_err(|error| error.to_string())?;
        let all: BTreeMap<String, Given> = match text {
            Some(text) => serde_json::from_str(&text).map_err(|error| format!("{SETTING}: {error}"))?,
            None => BTreeMap::new(),
        };
        let mut known = BTreeMap::new();
        for (group, given) in all {
            let overrides = overrides(&given).map_err(|error| format!("{SETTING}: {error}"))?;
            known.insert(group, (given, overrides));
        }
        Ok(Self { known: RwLock::new(known), changing: tokio::sync::Mutex::new(()) })
    }

    /// What is set for a group.
    pub fn overrides(&self, group: &str) -> Overrides {
        self.known.read().get(group).map(|(_, overrides)| overrides.clone()).unwrap_or_default()
    }

    /// The same as text.
    pub fn given(&self, group: &str) -> BTreeMap<String, String> {
        self.known.read().get(group).map(|(given, _)| given.clone()).unwrap_or_default()
    }

    /// The groups that have settings.
    pub fn groups(&self) -> Vec<String> {
        self.known.read().keys().cloned().collect()
    }

    /// Replaces what is set for a group by what `decide` makes of it, durably. Errors: `InvalidConfig`, `InvalidGroupId`, `PolicyViolation`,
    /// `Full`, `Storage`.
    pub async fn change(
        &self,
        catalog: &Catalog,
        group: &str,
        check_only: bool,
        decide: impl FnOnce(&BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> + Send,
    ) -> Result<(), Error> {
        if group.is_empty() {
            return Err(Error::refused(ErrorCode::InvalidGroupId, "the group's name is empty"));
        }
        let _turn = self.changing.lock().await;
        let given = decide(&self.given(group))?;
        let overrides = overrides(&given)?;
        let mut after = self.known.read().clone();
        if given.is_empty() {
            after.remove(group);
        } else {
            after.insert(group.to_owned(), (given, overrides));
        }
        if after.len() > GROUPS_WITH_SETTINGS_MAX {
            let text =
                format!("{GROUPS_WITH_SETTINGS_MAX} groups have settings already; reset those of others");
            return Err(Error::refused(ErrorCode::PolicyViolation, text));
        }
        if check_only {
            return Ok(());
        }
        let all: BTreeMap<&String, &Given> = after.iter().map(|(group, (given, _))| (group, given)).collect();
        let text = serde_json::to_string(&all).expect("texts by texts are JSON");
        catalog.set(SETTING, &text).await?;
        *self.known.write() = after;
        Ok(())
    }
}

fn overrides(given: &Given) -> Result<Overrides, Error> {
    let invalid = |text: String| Error::refused(ErrorCode::InvalidConfig, text);
    let mut overrides = Overrides::default();
    for (name, value) in given {
        let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            invalid(format!("{name} is not a setting of groups here; those are {}", names.join(", ")))
        })?;
        (row.set)(&mut overrides, value.trim())
            .map_err(|allowed| invalid(format!("{name} is \"{value}\"; use {allowed}")))?;
    }
    Ok(overrides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_or_refused() {
        assert!(ROWS.is_sorted_by_key(|row| row.name));
        for row in ROWS {
            let default = row.default(&Config::default());
            let given = Given::from([(row.name.to_owned(), default)]);
            assert_ne!(overrides(&given).unwrap(), Overrides::default(), "{}", row.name);
        }
        for (name, value, part) in [
            ("consumer.session.timeout.ms", "1", "from 6000"),
            ("consumer.session.timeout.ms", "x", "from 6000"),
            ("share.auto.offset.reset", "none", "earliest or latest"),
            ("share.isolation.level", "read_committed", "not a setting of groups"),
        ] {
            let error = overrides(&Given::from([(name.to_owned(), value.to_owned())])).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
