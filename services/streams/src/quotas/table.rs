//! Who has which quota.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::limits::QUOTA_ENTITIES_MAX;
use crate::protocol::ErrorCode;

/// The parts of an entity.
pub const USER: &str = "user";
/// See [`USER`].
pub const CLIENT_ID: &str = "client-id";

/// What a quota bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes of batches that are produced.
    ProducerByteRate,
    /// Bytes of batches that are fetched.
    ConsumerByteRate,
    /// Percent of one processor that work on requests takes.
    RequestPercentage,
    /// Partitions that are made and removed.
    ControllerMutationRate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ProducerByteRate,
        Self::ConsumerByteRate,
        Self::RequestPercentage,
        Self::ControllerMutationRate,
    ];

    /// Its key in Kafka's tools.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
        }
    }

    /// The kind of a key. Errors: `InvalidConfig`.
    pub fn find(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::refused(
                ErrorCode::InvalidConfig,
                format!("quota {name} is not enforced here; {names} are"),
            )
        })
    }

    /// A quota as what is counted in a second: bytes, partitions, milliseconds.
    pub fn rate(self, quota: f64) -> f64 {
        if self == Self::RequestPercentage { quota * 10.0 } else { quota }
    }
}

/// Whom a quota is for: parts by type, each a name, or `None` for whoever has no quota of its own. *Persisted.*
pub type Entity = BTreeMap<String, Option<String>>;

/// Quotas of entities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(BTreeMap<Entity, BTreeMap<String, f64>>);

/// *Persisted.*
#[derive(Serialize, Deserialize)]
struct Row {
    entity: Entity,
    quotas: BTreeMap<String, f64>,
}

/// In which order quotas are looked for: by this user or any, this client id or any, or not by it.
#[derive(Clone, Copy)]
enum By {
    Name,
    Default,
    Not,
}

const ORDER: [(By, By); 8] = [
    (By::Name, By::Name),
    (By::Name, By::Default),
    (By::Name, By::Not),
    (By::Default, By::Name),
    (By::Default, By::Default),
    (By::Default, By::Not),
    (By::Not, By::Name),
    (By::Not, By::Default),
];

impl Table {
    /// Reads what [`Table::render`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self(rows.into_iter().map(|row| (row.entity, row.quotas)).collect()))
    }

    /// The table as text.
    pub fn render(&self) -> String {
        let rows =
            self.0.iter().map(|(entity, quotas)| Row { entity: entity.clone(), quotas: quotas.clone() });
        serde_json::to_string(&rows.collect::<Vec<_>>()).expect("keys are texts and numbers are finite")
    }

    /// Whether nobody has a quota.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entities with their quotas.
    pub fn iter(&self) -> impl Iterator<Item = (&Entity, &BTreeMap<String, f64>)> {
        self.0.iter()
    }

    /// The quota that holds for a client: the value, and whether each user and each client id has it for itself.
    pub fn find(&self, kind: Kind, user: &str, client_id: &str) -> Option<(f64, bool, bool)> {
        if self.0.is_empty() {
            return None;
        }
        ORDER.into_iter().find_map(|(by_user, by_client)| {
            let mut entity = Entity::new();
            for (part, by, name) in [(USER, by_user, user), (CLIENT_ID, by_client, client_id)] {
                match by {
                    By::Name => entity.insert(part.to_owned(), Some(name.to_owned())),
                    By::Default => entity.insert(part.to_owned(), None),
                    By::Not => None,
                };
            }
            let quota = *self.0.get(&entity)?.get(kind.name())?;
            Some((quota, entity.contains_key(USER), entity.contains_key(CLIENT_ID)))
        })
    }

    /// The table with one quota set, or removed (`None`). Errors: `InvalidConfig`, `PolicyViolation`.
    pub fn with(mut self, entity: &Entity, kind: Kind, quota: Option<f64>) -> Result<Self, Error> {
        let Some(quota) = quota else {
            if let Some(quotas) = self.0.get_mut(entity) {
                quotas.remove(kind.name());
                if quotas.is_empty() {
                    self.0.remove(entity);
                }
            }
            return Ok(self);
        };
        if !quota.is_finite() || quota <= 0.0 {
            let text = format!("{} is {quota}; use a number above 0", kind.name());
            return Err(Error::refused(ErrorCode::InvalidConfig, text));
        }
        if self.0.len() >= QUOTA_ENTITIES_MAX && !self.0.contains_key(entity) {
            let text = format!("{QUOTA_ENTITIES_MAX} entities have quotas already; remove some");
            return Err(Error::refused(ErrorCode::PolicyViolation, text));
        }
        self.0.entry(entity.clone()).or_default().insert(kind.name().to_owned(), quota);
        Ok(self)
    }
}
