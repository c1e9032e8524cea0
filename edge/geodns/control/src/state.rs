//! The state that the log builds: zones by apex, and how often they changed.

use crate::entry::{Change, KIND, Kept, VERSION};
use bole_log::PayloadKind;
use bole_shard::Whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A zone with the revision at which it became this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub zone: Kept,
    /// Of all zones, when this one changed last.
    pub revision: u64,
}

/// All that is kept. *Persisted* as JSON: the sections of checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Rises with every change.
    revision: u64,
    zones: BTreeMap<String, Entry>,
    /// Serial numbers of zones that went: one that comes back goes on from there.
    gone: BTreeMap<String, u32>,
}

/// Zones that went whose serial numbers are remembered.
const GONE_MAX: usize = 10_000;

impl State {
    /// The number of changes so far.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A zone.
    pub fn zone(&self, name: &str) -> Option<&Entry> {
        self.zones.get(name)
    }

    /// All zones.
    pub fn zones(&self) -> &BTreeMap<String, Entry> {
        &self.zones
    }

    /// The last serial number of a zone that is there or was.
    pub fn last_serial(&self, name: &str) -> Option<u32> {
        self.zones.get(name).map(|entry| entry.zone.serial).or_else(|| self.gone.get(name).copied())
    }

    /// Bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.zones.values().map(|entry| entry.zone.text.len()).sum()
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
        self.revision += 1;
        match change {
            Change::Put { name, zone } => {
                self.gone.remove(name);
                self.zones.insert(name.clone(), Entry { zone: zone.clone(), revision: self.revision });
            }
            Change::Remove { name } => {
                if let Some(entry) = self.zones.remove(name) {
                    if self.gone.len() >= GONE_MAX {
                        self.gone.pop_first();
                    }
                    self.gone.insert(name.clone(), entry.zone.serial);
                }
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
    use crate::entry::Form;

    fn put(name: &str, serial: u32) -> Change {
        let zone = Kept { form: Form::Master, text: format!("text {serial}"), serial };
        Change::Put { name: name.to_owned(), zone }
    }

    #[test]
    fn zones_come_and_go_and_serials_are_remembered() {
        let mut state = State::default();
        for change in [put("a.", 1), put("b.", 2), put("a.", 3), Change::Remove { name: "b.".to_owned() }] {
            state.apply(&change);
        }
        assert_eq!((state.revision(), state.bytes()), (4, 6));
        assert_eq!(
            state.zones().iter().map(|(name, entry)| (name.as_str(), entry.revision)).collect::<Vec<_>>(),
            [("a.", 3)]
        );
        assert_eq!(
            (state.last_serial("a."), state.last_serial("b."), state.last_serial("c.")),
            (Some(3), Some(2), None)
        );
        let mut restored = State::default();
        restored.restore(&state.snapshot()).expect("its own");
        assert_eq!(restored, state);
        state.apply(&put("b.", 7));
        assert_eq!(state.last_serial("b."), Some(7));
    }
}
