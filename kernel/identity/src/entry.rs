//! What identity logs: whole users and roles, or the names of removed ones. *Persisted.*
//!
//! ```text
//! byte 0    version, 1
//! byte 1..  JSON: {"user_put": {...}} | {"user_removed": "name"} | {"role_put": {...}} | {"role_removed": "name"}
//! ```
//!
//! Changes are rare and small, so a form that people can read serves better than a compact one.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::policy::Role;
use crate::user::User;

/// The version that is written.
pub const VERSION: u8 = 1;

/// An effect on the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Adds a user, or replaces the one of this name.
    UserPut(Box<User>),
    /// Removes the user of this name, if there is one.
    UserRemoved(String),
    /// Adds a role, or replaces the one of this name.
    RolePut(Box<Role>),
    /// Removes the role of this name, if there is one. Users keep its name; it allows nothing.
    RoleRemoved(String),
}

impl Entry {
    /// The payload to log.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = vec![VERSION];
        serde_json::to_writer(&mut payload, self)
            .expect("invariant: entries have text keys only and a Vec takes all bytes");
        payload
    }

    /// Reads a logged payload of any version that was ever written.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        match payload.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| {
                Error::Corrupt(format!("identity entry of {} bytes: {error}", payload.len()))
            }),
            Some((version, _)) => Err(Error::Corrupt(format!(
                "identity entry of version {version}; this program knows version {VERSION}"
            ))),
            None => Err(Error::Corrupt("identity entry of 0 bytes".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use bole_base::Timestamp;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::secret::Key;
    use crate::verifier::Cost;

    fn entries() -> Vec<Entry> {
        let mut rng = StdRng::seed_from_u64(1);
        let mut user = User::new("ann", "pencil", Cost::LEAST, Timestamp(7), &mut rng).unwrap();
        user.put_access_key("AK1", "secret", &Key::new([1; 32]), &mut rng).unwrap();
        let keyless = User { verifiers: None, ..user.clone() };
        vec![
            Entry::UserPut(Box::new(user)),
            Entry::UserPut(Box::new(keyless)),
            Entry::UserRemoved("ann".to_owned()),
            Entry::RolePut(Box::new(Role::administrator())),
            Entry::RoleRemoved("administrator".to_owned()),
        ]
    }

    #[test]
    fn entries_come_back_and_tell_no_secret() {
        for entry in entries() {
            let payload = entry.encode();
            assert_eq!(Entry::decode(&payload).unwrap(), entry);
            let text = String::from_utf8(payload).unwrap();
            assert!(!text.contains("pencil") && !text.contains("secret\":\"secret"), "{text}");
        }
    }

    /// The form on disk of version 1, which must stay readable.
    #[test]
    fn version_1_is_read() {
        let payload = b"\x01{\"user_removed\":\"ann\"}";
        assert_eq!(Entry::decode(payload).unwrap(), Entry::UserRemoved("ann".to_owned()));
        assert_eq!(Entry::UserRemoved("ann".to_owned()).encode(), payload);
        let role = concat!(
            "\x01{\"role_put\":{\"name\":\"r\",\"policies\":[{\"name\":\"p\",\"statements\":[{\"effect\":\"deny\",",
            "\"service\":\"*\",\"actions\":[\"*\"],\"resources\":[\"*\"]}]}]}}"
        );
        let decoded = Entry::decode(role.as_bytes()).unwrap();
        assert_eq!(decoded.encode(), role.as_bytes());
    }

    #[test]
    fn other_versions_are_named() {
        for (payload, expected) in [(&b""[..], "0 bytes"), (b"\x02{}", "version 2"), (b"\x01{", "2 bytes")] {
            let text = Entry::decode(payload).unwrap_err().to_string();
            assert!(text.contains(expected), "{text} lacks {expected}");
        }
    }

    proptest! {
        #[test]
        fn damaged_payloads_are_refused_or_read_but_never_break(
            which in 0..5_usize, position: prop::sample::Index, byte: u8, cut: prop::sample::Index
        ) {
            let mut payload = entries()[which].encode();
            let position = position.index(payload.len());
            payload[position] = byte;
            payload.truncate(cut.index(payload.len()) + 1);
            if let Ok(entry) = Entry::decode(&payload) {
                prop_assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
            }
        }
    }
}
