//! The state that the log builds: objects by part and name, instances by service and id, secret texts by name, and how often objects changed.

use crate::entry::{Change, Instance, KIND, PARTS, Part, VERSION};
use bole_gateway_document::Document;
use bole_log::PayloadKind;
use bole_shard::Whole;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Instances by service, then by id.
pub type Instances = BTreeMap<String, BTreeMap<String, Instance>>;

/// All that is kept. *Persisted* as JSON: the sections of checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Rises with every change of an object.
    revision: u64,
    objects: BTreeMap<Part, BTreeMap<String, Value>>,
    instances: Instances,
    /// Sealed. Checkpoints of before there were any have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<String, String>,
}

impl State {
    /// The number of changes of objects so far.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// An object.
    pub fn object(&self, part: Part, name: &str) -> Option<&Value> {
        self.objects.get(&part)?.get(name)
    }

    /// The objects of a part.
    pub fn objects(&self, part: Part) -> impl Iterator<Item = (&String, &Value)> {
        self.objects.get(&part).into_iter().flatten()
    }

    /// Registered instances.
    pub fn instances(&self) -> &Instances {
        &self.instances
    }

    /// A registered instance.
    pub fn instance(&self, service: &str, id: &str) -> Option<&Instance> {
        self.instances.get(service)?.get(id)
    }

    /// A secret text, sealed.
    pub fn kept(&self, name: &str) -> Option<&String> {
        self.kept.get(name)
    }

    /// The names of all secret texts.
    pub fn kept_names(&self) -> impl ExactSizeIterator<Item = &String> {
        self.kept.keys()
    }

    /// The document that the objects make; the error says what is wrong with it.
    pub fn document(&self) -> Result<Document, Vec<String>> {
        let mut whole = Map::new();
        for row in PARTS {
            let objects: Map<String, Value> =
                self.objects(row.part).map(|(name, value)| (name.clone(), value.clone())).collect();
            whole.insert(row.key.to_owned(), Value::Object(objects));
        }
        let text = serde_json::to_vec(&Value::Object(whole)).expect("values are JSON");
        Document::from_json(&text).map_err(|error| error.to_string().lines().map(str::to_owned).collect())
    }

    /// The state after `changes`.
    #[must_use]
    pub fn after(&self, changes: &[Change]) -> Self {
        let mut next = self.clone();
        changes.iter().for_each(|change| next.apply(change));
        next
    }
}

impl Whole for State {
    type Change = Change;
    const KIND: PayloadKind = KIND;
    const VERSION: u8 = VERSION;

    fn encode(change: &Change) -> Vec<u8> {
        change.encode()
    }

    fn decode(payload: &[u8]) -> Result<Change, String> {
        Change::decode(payload)
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { part, name, value } => {
                self.revision += 1;
                self.objects.entry(*part).or_default().insert(name.clone(), value.clone());
            }
            Change::Remove { part, name } => {
                self.revision += 1;
                if let Some(objects) = self.objects.get_mut(part) {
                    objects.remove(name);
                }
            }
            Change::Register { service, id, instance } => {
                self.instances.entry(service.clone()).or_default().insert(id.clone(), instance.clone());
            }
            Change::Deregister { service, id, expired: _ } => {
                if let Some(instances) = self.instances.get_mut(service) {
                    instances.remove(id);
                    if instances.is_empty() {
                        self.instances.remove(service);
                    }
                }
            }
            Change::Keep { name, sealed } => {
                self.kept.insert(name.clone(), sealed.clone());
            }
            Change::Forget { name } => {
                self.kept.remove(name);
            }
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the state has only text and numbers")
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
        *self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(part: Part, name: &str, value: Value) -> Change {
        Change::Put { part, name: name.to_owned(), value }
    }

    #[test]
    fn objects_make_a_document_and_a_snapshot_is_all_of_it() {
        let instance = Instance {
            address: "127.0.0.1:1".to_owned(),
            weight: 1,
            priority: 0,
            zone: None,
            lease_ms: 30_000,
            drain: false,
            metadata: BTreeMap::new(),
        };
        let register = |id: &str| Change::Register {
            service: "s".to_owned(),
            id: id.to_owned(),
            instance: instance.clone(),
        };
        let state = State::default().after(&[
            put(Part::Services, "s", json!({ "registry": true })),
            put(Part::Routes, "r", json!({ "path": "/a/*", "service": "s" })),
            put(Part::Routes, "gone", json!({ "service": "s" })),
            Change::Remove { part: Part::Routes, name: "gone".to_owned() },
            register("one"),
            register("two"),
            Change::Deregister { service: "s".to_owned(), id: "one".to_owned(), expired: true },
            Change::Keep { name: "a".to_owned(), sealed: "sealed:A".to_owned() },
            Change::Keep { name: "b".to_owned(), sealed: "sealed:B".to_owned() },
            Change::Forget { name: "a".to_owned() },
        ]);
        assert_eq!(state.revision(), 4);
        let document = state.document().expect("it is right");
        assert_eq!(document.routes.keys().collect::<Vec<_>>(), ["r"]);
        assert_eq!(state.instances()["s"].keys().collect::<Vec<_>>(), ["two"]);
        assert_eq!((state.kept("a"), state.kept("b").map(String::as_str)), (None, Some("sealed:B")));
        let mut restored = State::default();
        restored.restore(&state.snapshot()).expect("its own");
        assert_eq!(restored, state);
    }

    #[test]
    fn an_object_that_is_not_known_any_more_is_named() {
        let state = State::default().after(&[put(Part::Routes, "r", json!({ "colour": "red" }))]);
        let problems = state.document().expect_err("no route has a colour");
        assert!(problems.iter().any(|problem| problem.contains("colour")), "{problems:?}");
    }
}
