//! All users and roles, in memory: what the entries built. Changes are checked here, become an [`Entry`], and happen
//! when that is applied; applying cannot fail.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bole_base::Timestamp;
use rand::CryptoRng;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::policy::{Decision, Reason, Role, decide};
use crate::secret::Key;
use crate::user::User;
use crate::verifier::Cost;

/// The user of a fresh node; also the id of its access key.
pub const DEFAULT_USER: &str = "bole";
/// Its password and its access key's secret.
pub const DEFAULT_PASSWORD: &str = "bolebole";

/// Users and roles.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: BTreeMap<String, Arc<User>>,
    roles: BTreeMap<String, Arc<Role>>,
    /// The user of each access key.
    access_keys: HashMap<String, String>,
}

impl Directory {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// The directory of a fresh node: the default user as administrator.
    pub fn with_default_user(
        key: &Key,
        cost: Cost,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self> {
        let mut directory = Self::new();
        for entry in Self::default_entries(key, cost, now, rng)? {
            directory.apply(entry);
        }
        Ok(directory)
    }

    /// The entries that make a fresh node's directory.
    pub fn default_entries(
        key: &Key,
        cost: Cost,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Entry>> {
        let role = Role::administrator();
        let mut user = User::new(DEFAULT_USER, DEFAULT_PASSWORD, cost, now, rng)?;
        user.put_access_key(DEFAULT_USER, DEFAULT_PASSWORD, key, rng)?;
        user.roles.push(role.name.clone());
        Ok(vec![Entry::RolePut(Box::new(role)), Entry::UserPut(Box::new(user))])
    }

    /// Advances by one entry.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::UserPut(user) => {
                self.remove_user(&user.name);
                for access_key in &user.access_keys {
                    self.access_keys.insert(access_key.id.clone(), user.name.clone());
                }
                self.users.insert(user.name.clone(), Arc::new(*user));
            }
            Entry::UserRemoved(name) => self.remove_user(&name),
            Entry::RolePut(role) => {
                self.roles.insert(role.name.clone(), Arc::new(*role));
            }
            Entry::RoleRemoved(name) => {
                self.roles.remove(&name);
            }
        }
    }

    fn remove_user(&mut self, name: &str) {
        if self.users.remove(name).is_some() {
            self.access_keys.retain(|_, owner| owner != name);
        }
    }

    /// The effect of adding or replacing a user, if that is acceptable: its roles exist, its access keys are nobody
    /// else's.
    pub fn put_user(&self, user: User) -> Result<Entry> {
        user.check()?;
        if let Some(role) = user.roles.iter().find(|role| !self.roles.contains_key(*role)) {
            return Err(Error::NotFound { what: "role", name: role.clone() });
        }
        for (index, access_key) in user.access_keys.iter().enumerate() {
            let owner = self.access_keys.get(&access_key.id).filter(|owner| **owner != user.name);
            let twice = user.access_keys[..index].iter().any(|other| other.id == access_key.id);
            if owner.is_some() || twice {
                let owner = owner.unwrap_or(&user.name);
                let id = &access_key.id;
                return Err(Error::Conflict(format!(
                    "access key \"{id}\" exists and belongs to user \"{owner}\""
                )));
            }
        }
        Ok(Entry::UserPut(Box::new(user)))
    }

    /// The effect of removing a user that exists.
    pub fn delete_user(&self, name: &str) -> Result<Entry> {
        self.user(name)
            .map(|user| Entry::UserRemoved(user.name.clone()))
            .ok_or_else(|| Error::NotFound { what: "user", name: name.to_owned() })
    }

    /// The effect of adding or replacing a role, if it is acceptable.
    pub fn put_role(role: Role) -> Result<Entry> {
        role.check()?;
        Ok(Entry::RolePut(Box::new(role)))
    }

    /// The effect of removing a role that exists and that nobody has.
    pub fn delete_role(&self, name: &str) -> Result<Entry> {
        if !self.roles.contains_key(name) {
            return Err(Error::NotFound { what: "role", name: name.to_owned() });
        }
        match self.users().find(|user| user.roles.iter().any(|role| role == name)) {
            Some(user) => Err(Error::Conflict(format!("user \"{}\" has the role \"{name}\"", user.name))),
            None => Ok(Entry::RoleRemoved(name.to_owned())),
        }
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// The user that an access key belongs to.
    pub fn user_of_access_key(&self, id: &str) -> Option<&Arc<User>> {
        self.users.get(self.access_keys.get(id)?)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.get(name)
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.values()
    }

    /// Whether `user` may do `action` of `service` on `resource` (`namespace/service/dataset...`).
    pub fn allowed(&self, user: &str, service: &str, action: &str, resource: &str) -> Decision<'_> {
        match self.users.get(user) {
            None => Decision::denied(Reason::UnknownUser),
            Some(user) if !user.enabled => Decision::denied(Reason::Disabled),
            Some(user) => {
                let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
                decide(roles.map(AsRef::as_ref), service, action, resource)
            }
        }
    }

    /// The roles by which a user is judged: its own, and those of `further` names that exist. `None` if the user does not
    /// exist or is disabled; with `is_vouched` (another system says who it is), a user that does not exist has the further
    /// ones alone.
    pub fn roles_of<'a>(&'a self, user: &str, is_vouched: bool, further: &[&str]) -> Option<Vec<&'a Role>> {
        let own = match self.users.get(user) {
            None if is_vouched => &[],
            Some(user) if user.enabled => user.roles.as_slice(),
            _ => return None,
        };
        let names = own.iter().map(String::as_str).chain(further.iter().copied());
        Some(names.filter_map(|name| self.roles.get(name)).map(AsRef::as_ref).collect())
    }

    /// Whether anybody who read the documentation can come in (P8): the default user is enabled, and its password or
    /// an access key's secret is still the default. Checks a password; blocks for its cost.
    pub fn default_user_unchanged(&self, key: &Key) -> bool {
        let Some(user) = self.users.get(DEFAULT_USER).filter(|user| user.enabled) else { return false };
        let has_default_secret = |id: &str| {
            user.access_key_secret(id, key).is_ok_and(|secret| secret.expose() == DEFAULT_PASSWORD)
        };
        user.access_keys.iter().any(|access_key| has_default_secret(&access_key.id))
            || user.verifiers.as_ref().is_some_and(|verifiers| verifiers.verify(DEFAULT_PASSWORD))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn fresh() -> (Directory, Key, StdRng) {
        let (key, mut rng) = (Key::new([1; 32]), StdRng::seed_from_u64(1));
        let directory = Directory::with_default_user(&key, Cost::LEAST, Timestamp(7), &mut rng).unwrap();
        (directory, key, rng)
    }

    #[test]
    fn a_fresh_node_knows_bole() {
        let (directory, key, _) = fresh();
        let user = directory.user_of_access_key("bole").unwrap();
        assert_eq!(user.access_key_secret("bole", &key).unwrap().expose(), "bolebole");
        assert!(user.verifiers.as_ref().unwrap().verify("bolebole"));
        assert!(directory.allowed("bole", "sql", "select", "default/sql/bole").allowed);
        assert_eq!(directory.allowed("ann", "sql", "select", "x").reason, Reason::UnknownUser);
    }

    #[test]
    fn the_default_user_counts_until_all_of_it_has_changed() {
        let (mut directory, key, mut rng) = fresh();
        assert!(directory.default_user_unchanged(&key));
        let mut user = User::clone(directory.user("bole").unwrap());
        let changed = User::new("bole", "other", Cost::LEAST, Timestamp(8), &mut rng).unwrap();
        user.verifiers = changed.verifiers;
        directory.apply(directory.put_user(user.clone()).unwrap());
        assert!(directory.default_user_unchanged(&key), "the access key's secret is still the default");
        user.put_access_key("bole", "a new secret", &key, &mut rng).unwrap();
        directory.apply(directory.put_user(user.clone()).unwrap());
        assert!(!directory.default_user_unchanged(&key));
        let (mut other, key, _) = fresh();
        let disabled = User { enabled: false, ..User::clone(other.user("bole").unwrap()) };
        other.apply(other.put_user(disabled).unwrap());
        assert!(!other.default_user_unchanged(&key));
        assert_eq!(other.allowed("bole", "sql", "select", "x").reason, Reason::Disabled);
        other.apply(other.delete_user("bole").unwrap());
        assert!(!other.default_user_unchanged(&key) && other.user_of_access_key("bole").is_none());
    }

    #[test]
    fn unacceptable_changes_are_refused() {
        let (directory, key, mut rng) = fresh();
        let mut ann = User::new("ann", "pencil", Cost::LEAST, Timestamp(7), &mut rng).unwrap();
        ann.roles.push("missing".to_owned());
        let text = |result: Result<Entry>| result.unwrap_err().to_string();
        assert_eq!(text(directory.put_user(ann.clone())), "role \"missing\" does not exist");
        ann.roles.clear();
        ann.put_access_key("bole", "secret", &key, &mut rng).unwrap();
        assert!(text(directory.put_user(ann.clone())).contains("belongs to user \"bole\""));
        ann.access_keys[0].id = "AK1".to_owned();
        ann.access_keys.push(ann.access_keys[0].clone());
        assert!(text(directory.put_user(ann)).contains("access key \"AK1\" exists"));
        assert_eq!(text(directory.delete_user("ann")), "user \"ann\" does not exist");
        assert_eq!(text(directory.delete_role("missing")), "role \"missing\" does not exist");
        assert_eq!(
            text(directory.delete_role("administrator")),
            "user \"bole\" has the role \"administrator\""
        );
        assert!(directory.put_user(User::clone(directory.user("bole").unwrap())).is_ok());
    }

    proptest! {
        /// After any entries, the access keys that are found are exactly those of the users that are there.
        #[test]
        fn access_keys_follow_their_users(steps in prop::collection::vec((0..3_u8, 0..3_u8, any::<bool>()), 0..20)) {
            let (key, mut rng) = (Key::new([1; 32]), StdRng::seed_from_u64(1));
            let mut directory = Directory::new();
            for (name, id, put) in steps {
                let name = format!("user{name}");
                if put {
                    let mut user = User {
                        name,
                        verifiers: None,
                        roles: Vec::new(),
                        access_keys: Vec::new(),
                        enabled: true,
                        created_ms: 0,
                    };
                    user.put_access_key(&format!("key{id}"), "s", &key, &mut rng).unwrap();
                    if let Ok(entry) = directory.put_user(user) {
                        directory.apply(Entry::decode(&entry.encode()).unwrap());
                    }
                } else {
                    directory.apply(Entry::UserRemoved(name));
                }
                for id in (0..3).map(|id| format!("key{id}")) {
                    let found = directory.user_of_access_key(&id).map(|user| user.name.clone());
                    let owner = directory.users().find(|user| user.access_keys.iter().any(|key| key.id == id));
                    prop_assert_eq!(found, owner.map(|user| user.name.clone()));
                }
            }
        }
    }
}
