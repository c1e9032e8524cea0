//! The catalog: the shard that knows what exists. It hands out log ids, records each dataset with the shards that it is made of, and
//! keeps small settings that a service must find again.
//!
//! It knows no service: what a dataset's attributes mean is the service's business.
//!
//! # Invariants
//! - A log id is handed out once and never again, also after its dataset is gone.
//! - The shards of a dataset have consecutive log ids; those that it grew by later are rows of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::{LogId, Position};
use bole_log::PayloadKind;
use bole_shard::whole::Held;
use bole_shard::{Runtime, Shard, Single, Whole};
use serde::{Deserialize, Serialize};

/// A dataset: what a service stores under one name, and the shards that hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// `namespace/service/dataset`.
    pub name: String,
    /// The log of its first shard.
    pub first_log: u64,
    /// How many shards it was made with, with consecutive log ids.
    pub shards: u64,
    /// What it grew by: the log of the first new shard, and how many there were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown: Vec<(u64, u64)>,
    /// What the service wants to find again: how keys map to shards, a hash seed.
    pub attributes: BTreeMap<String, String>,
}

impl Dataset {
    /// The logs of its shards.
    pub fn logs(&self) -> impl Iterator<Item = LogId> + use<> {
        let rows = std::iter::once((self.first_log, self.shards)).chain(self.grown.clone());
        rows.flat_map(|(first, count)| first..first + count).map(LogId)
    }
}

/// A change of the catalog. *Persisted* as JSON, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A dataset comes into being.
    Create(Dataset),
    /// A dataset goes.
    Drop {
        /// Its name.
        name: String,
    },
    /// A dataset gets more shards.
    Grow {
        /// Its name.
        name: String,
        /// The log of the first new one.
        first_log: u64,
        /// How many.
        shards: u64,
    },
    /// A dataset's attributes are replaced.
    Describe {
        /// Its name.
        name: String,
        /// All of them.
        attributes: BTreeMap<String, String>,
    },
    /// A setting is recorded.
    Set {
        /// `namespace/service/setting`.
        name: String,
        /// Its value.
        value: String,
    },
}

/// What exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    next_log: u64,
    datasets: BTreeMap<String, Dataset>,
    settings: BTreeMap<String, String>,
}

impl Default for State {
    fn default() -> Self {
        Self { next_log: LogId::FIRST_DATASET.0, datasets: BTreeMap::new(), settings: BTreeMap::new() }
    }
}

impl State {
    /// A dataset by its name.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.get(name)
    }

    /// All datasets, by name.
    pub fn datasets(&self) -> impl Iterator<Item = &Dataset> {
        self.datasets.values()
    }

    /// A setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }
}

impl Whole for State {
    type Change = Change;
    const KIND: PayloadKind = PayloadKind(1);
    const VERSION: u8 = 1;

    fn encode(change: &Change) -> Vec<u8> {
        serde_json::to_vec(change).expect("a change has only text and numbers")
    }

    fn decode(payload: &[u8]) -> Result<Change, String> {
        serde_json::from_slice(payload).map_err(|error| error.to_string())
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(dataset) => {
                self.next_log = self.next_log.max(dataset.first_log + dataset.shards);
                self.datasets.insert(dataset.name.clone(), dataset.clone());
            }
            Change::Drop { name } => {
                self.datasets.remove(name);
            }
            Change::Grow { name, first_log, shards } => {
                self.next_log = self.next_log.max(first_log + shards);
                if let Some(dataset) = self.datasets.get_mut(name) {
                    dataset.grown.push((*first_log, *shards));
                }
            }
            Change::Describe { name, attributes } => {
                if let Some(dataset) = self.datasets.get_mut(name) {
                    dataset.attributes.clone_from(attributes);
                }
            }
            Change::Set { name, value } => {
                self.settings.insert(name.clone(), value.clone());
            }
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the catalog has only text and numbers")
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
        *self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is taken.
    #[error("dataset \"{0}\" exists already")]
    Exists(String),
    /// There is no such dataset.
    #[error("dataset \"{0}\" does not exist")]
    NotFound(String),
    /// The shard or the journal.
    #[error(transparent)]
    Shard(#[from] bole_shard::Error),
}

/// A dataset to be made: its log ids come from the catalog.
#[derive(Clone, Debug)]
pub struct NewDataset {
    /// `namespace/service/dataset`.
    pub name: String,
    /// How many shards.
    pub shards: u64,
    /// See [`Dataset::attributes`].
    pub attributes: BTreeMap<String, String>,
}

/// The catalog of a node.
#[derive(Clone)]
pub struct Catalog {
    shard: Arc<Shard<Single<State>>>,
    runtime: Arc<Runtime>,
}

impl Catalog {
    /// Hosts the catalog's shard; the runtime has to recover it before anything is read.
    pub fn host(runtime: Arc<Runtime>) -> Result<Self, Error> {
        let shard = Arc::new(Shard::new(LogId::CATALOG, "node/catalog", Single::new(State::default())));
        runtime.host(Arc::clone(&shard) as Arc<dyn bole_shard::Hosted>)?;
        Ok(Self { shard, runtime })
    }

    /// Reads the catalog.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, Error> {
        Ok(self.shard.read(look)?)
    }

    /// Makes datasets, all of them or none, durably. Errors: `Exists`.
    pub async fn create(&self, wanted: &[NewDataset]) -> Result<Vec<Dataset>, Error> {
        self.shard
            .change(&self.runtime, |state| {
                let mut next_log = state.next_log;
                let mut made = Vec::with_capacity(wanted.len());
                for new in wanted {
                    if state.datasets.contains_key(&new.name) {
                        return Err(Error::Exists(new.name.clone()));
                    }
                    made.push(Dataset {
                        name: new.name.clone(),
                        first_log: next_log,
                        shards: new.shards,
                        grown: Vec::new(),
                        attributes: new.attributes.clone(),
                    });
                    next_log += new.shards;
                }
                Ok((made.iter().cloned().map(Change::Create).collect(), made))
            })
            .await
    }

    /// Forgets a dataset, durably. Errors: `NotFound`.
    pub async fn drop_dataset(&self, name: &str) -> Result<(), Error> {
        self.shard
            .change(&self.runtime, |state| match state.dataset(name) {
                None => Err(Error::NotFound(name.to_owned())),
                Some(_) => Ok((vec![Change::Drop { name: name.to_owned() }], ())),
            })
            .await
    }

    /// Gives a dataset `more` shards, durably, and says what it is then. Errors: `NotFound`.
    pub async fn grow(&self, name: &str, more: u64) -> Result<Dataset, Error> {
        self.shard
            .change(&self.runtime, |state| {
                let mut dataset =
                    state.dataset(name).cloned().ok_or_else(|| Error::NotFound(name.to_owned()))?;
                let first_log = state.next_log;
                dataset.grown.push((first_log, more));
                Ok((vec![Change::Grow { name: name.to_owned(), first_log, shards: more }], dataset))
            })
            .await
    }

    /// Replaces a dataset's attributes by what `decide` makes of them, durably. Errors: `NotFound`.
    pub async fn describe(
        &self,
        name: &str,
        decide: impl Fn(&BTreeMap<String, String>) -> BTreeMap<String, String>,
    ) -> Result<Dataset, Error> {
        self.shard
            .change(&self.runtime, |state| {
                let mut dataset =
                    state.dataset(name).cloned().ok_or_else(|| Error::NotFound(name.to_owned()))?;
                dataset.attributes = decide(&dataset.attributes);
                let attributes = dataset.attributes.clone();
                Ok((vec![Change::Describe { name: name.to_owned(), attributes }], dataset))
            })
            .await
    }

    /// Records a setting, durably.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let change = Change::Set { name: name.to_owned(), value: value.to_owned() };
        self.shard.change(&self.runtime, |_| Ok((vec![change.clone()], ()))).await
    }

    /// Records a setting without waiting: durable when the journal has reached the position, in class `sync`. For callers that
    /// hold shards of datasets: the catalog is locked after them here, and never the other way round.
    pub fn set_now(&self, name: &str, value: &str) -> Result<Position, Error> {
        let change = Change::Set { name: name.to_owned(), value: value.to_owned() };
        let mut transaction = self.runtime.transaction();
        transaction.set_time(self.runtime.tick());
        transaction.reserve(name.len() + value.len() + 256)?;
        let mut locked = self.shard.lock()?;
        locked.push(&mut transaction, bole_base::Durability::Sync, &Held::Borrowed(&change))?;
        let position = transaction.append()?;
        locked.appended(position);
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_the_whole_state() {
        let mut state = State::default();
        let dataset = Dataset {
            name: "default/keyspace/0".into(),
            first_log: 16,
            shards: 4,
            grown: vec![(22, 3)],
            attributes: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        for change in [
            Change::Create(Dataset { grown: Vec::new(), attributes: BTreeMap::new(), ..dataset.clone() }),
            Change::Set { name: "a".into(), value: "1".into() },
            Change::Create(Dataset {
                name: "gone".into(),
                first_log: 20,
                shards: 2,
                grown: Vec::new(),
                attributes: BTreeMap::new(),
            }),
            Change::Drop { name: "gone".into() },
            Change::Grow { name: dataset.name.clone(), first_log: 22, shards: 3 },
            Change::Describe { name: dataset.name.clone(), attributes: dataset.attributes.clone() },
        ] {
            state.apply(&State::decode(&State::encode(&change)).unwrap());
        }
        assert_eq!(dataset.logs().map(|log| log.0).collect::<Vec<_>>(), [16, 17, 18, 19, 22, 23, 24]);
        assert_eq!(state.next_log, 25, "ids of dropped datasets are not used again");
        let mut restored = State::default();
        restored.restore(&state.snapshot()).unwrap();
        assert_eq!(restored, state);
        assert_eq!(restored.dataset("default/keyspace/0"), Some(&dataset));
        assert!(State::decode(b"{\"other\":1}").is_err());
    }
}
