//! Identity as a shard: the directory behind a lock and a log, the key file, and remembered passwords.

mod administration;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::LogId;
use bole_log::PayloadKind;
use bole_shard::{Runtime, Shard, Single, Whole};

use crate::cache::{self, Authenticator};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::secret::{Key, Plain};
use crate::session::{self, Credentials, Session};
use crate::user::User;
use crate::verifier::{Cost, Scram, ScramHash};

impl Whole for Directory {
    type Change = Entry;
    const KIND: PayloadKind = PayloadKind(1);
    const VERSION: u8 = 1;

    fn encode(change: &Entry) -> Vec<u8> {
        change.encode()
    }

    fn decode(payload: &[u8]) -> std::result::Result<Entry, String> {
        Entry::decode(payload).map_err(|error| error.to_string())
    }

    fn apply(&mut self, change: &Entry) {
        Directory::apply(self, change.clone());
    }

    /// Roles and users as entries, each behind its length as a little-endian u32. *Persisted.*
    fn snapshot(&self) -> Vec<u8> {
        let roles = self.roles().map(|role| Entry::RolePut(Box::new((**role).clone())));
        let users = self.users().map(|user| Entry::UserPut(Box::new((**user).clone())));
        let mut out = Vec::new();
        for entry in roles.chain(users) {
            let bytes = entry.encode();
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        out
    }

    fn restore(&mut self, mut bytes: &[u8]) -> std::result::Result<(), String> {
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (entry, rest) = rest.split_at_checked(length).ok_or("an entry is cut off")?;
            Directory::apply(self, Entry::decode(entry).map_err(|error| error.to_string())?);
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { Err(format!("{} bytes are left over", bytes.len())) }
    }
}

/// Who may do what, on this node.
pub struct Identity {
    shard: Arc<Shard<Single<Directory>>>,
    runtime: Arc<Runtime>,
    key: Key,
    authenticator: Authenticator,
    version: AtomicU64,
}

impl Identity {
    /// Hosts identity's shard; the runtime has to recover it, and then [`Identity::settle`] to run, before anything is asked.
    pub fn host(runtime: Arc<Runtime>, key_file: &Path, data: &Path) -> Result<Self> {
        let mut random = rand::rng();
        let key = Key::load_or_create(key_file, data, &mut random)?;
        let shard = Arc::new(Shard::new(LogId::IDENTITY, "node/identity", Single::new(Directory::new())));
        runtime.host(Arc::clone(&shard) as Arc<dyn bole_shard::Hosted>).map_err(Error::from)?;
        let clock = Arc::clone(runtime.clock());
        let authenticator = Authenticator::new(cache::Config::default(), Cost::DEFAULT, clock, &mut random)?;
        Ok(Self { shard, runtime, key, authenticator, version: AtomicU64::new(1) })
    }

    /// Keys for `purpose` that follow from those of the key file: the first to seal with, and all to open with.
    pub fn derived_keys(&self, purpose: &str) -> impl Iterator<Item = ([u8; 8], [u8; 32])> + use<> {
        self.key.derived(purpose).into_iter().map(|key| (key.id, *key.bytes))
    }

    /// Gives a fresh node its default user.
    pub async fn settle(&self) -> Result<()> {
        if self.read(|directory| directory.roles().next().is_some() || directory.users().next().is_some())? {
            return Ok(());
        }
        let now = self.runtime.clock().now();
        let entries = Directory::default_entries(&self.key, Cost::DEFAULT, now, &mut rand::rng())?;
        self.change(|_| Ok(entries.clone())).await
    }

    /// Reads the directory.
    pub fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> Result<T> {
        Ok(self.shard.read(look)?)
    }

    /// Makes changes, durably.
    pub async fn change(&self, decide: impl Fn(&Directory) -> Result<Vec<Entry>>) -> Result<()> {
        self.shard.change(&self.runtime, |directory| Ok::<_, Error>((decide(directory)?, ()))).await?;
        self.version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Adds a user, durably. Errors: the name is taken, a role does not exist, a name or password is not acceptable.
    pub async fn add_user(&self, name: &str, password: &str, roles: Vec<String>) -> Result<()> {
        let now = self.runtime.clock().now();
        let (name, password) = (name.to_owned(), password.to_owned());
        // Hashing takes tens of milliseconds.
        let made = tokio::task::spawn_blocking(move || {
            User::new(&name, &password, Cost::DEFAULT, now, &mut rand::rng())
        });
        let mut user =
            made.await.map_err(|error| Error::Internal(format!("hashing a password failed: {error}")))??;
        user.roles = roles;
        self.change(|directory| match directory.user(&user.name) {
            Some(_) => Err(Error::Conflict(format!("user \"{}\" exists already", user.name))),
            None => Ok(vec![directory.put_user(user.clone())?]),
        })
        .await
    }

    /// Removes a user, durably. Errors: there is none.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        self.change(|directory| Ok(vec![directory.delete_user(name)?])).await
    }

    /// Whether this is the password of an enabled user.
    pub async fn verify(&self, name: &str, password: &str) -> Result<bool> {
        let user = self.read(|directory| directory.user(name).filter(|user| user.enabled).cloned())?;
        let verifiers = user.as_ref().and_then(|user| user.verifiers.as_ref());
        self.authenticator.verify(name, password, verifiers).await
    }

    /// The SCRAM keys of an enabled user. For one that does not exist or has none, keys that no password has, whose salt is
    /// always the same, so that a handshake does not tell who exists.
    pub fn scram(&self, name: &str, hash: ScramHash) -> Result<Scram> {
        let known = self.read(|directory| {
            let user = directory.user(name).filter(|user| user.enabled);
            user.and_then(|user| user.verifiers.as_ref()).and_then(|verifiers| verifiers.scram(hash)).cloned()
        })?;
        Ok(known.unwrap_or_else(|| {
            let bytes = self.key.derive(&format!("scram decoy {hash:?} {name}"));
            let (salt, salted) = bytes.split_at(bytes.len() / 2);
            Scram::from_salted(hash, salted, salt, Cost::DEFAULT.scram_iterations)
        }))
    }

    /// The name of the enabled user that has this access key, and the key's secret. `None`: there is no such key, or its user is disabled.
    pub fn access_key(&self, id: &str) -> Result<Option<(String, Plain)>> {
        let user =
            self.read(|directory| directory.user_of_access_key(id).filter(|user| user.enabled).cloned())?;
        user.map(|user| Ok((user.name.clone(), user.access_key_secret(id, &self.key)?))).transpose()
    }

    /// The name of the enabled user that has this access key, whose secret nobody needs now.
    pub fn owner_of_access_key(&self, id: &str) -> Result<Option<String>> {
        self.read(|directory| {
            let user = directory.user_of_access_key(id).filter(|user| user.enabled);
            user.map(|user| user.name.clone())
        })
    }

    /// The secret of a temporary access key; nothing where the key has not their form. That it was ever given out, its token says.
    pub fn temporary_secret(&self, access_key: &str) -> Option<Plain> {
        session::secret(&self.key, access_key)
    }

    /// Makes temporary credentials. Errors: the user, its access key or its role is gone; the policy is too long.
    pub fn begin_session(&self, session: &Session) -> Result<Credentials> {
        self.read(|directory| session::begin(directory, &self.key, session, &mut rand::rng()))?
    }

    /// The session of a token that is good now for this access key. A directory that cannot be read knows none.
    pub fn session(&self, access_key: &str, token: &str) -> Result<Session, session::Refused> {
        let now = self.runtime.clock().now();
        let open = |directory: &Directory| session::open(directory, &self.key, access_key, token, now);
        self.read(open).unwrap_or(Err(session::Refused::Invalid))
    }

    /// Whether `user` may do `action` of `service` on `resource`. A directory that cannot be read allows nothing.
    pub fn allowed(&self, user: &str, service: &str, action: &str, resource: &str) -> bool {
        self.read(|directory| directory.allowed(user, service, action, resource).allowed).unwrap_or(false)
    }

    /// Rises whenever the directory has changed.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether anybody who read the documentation can come in. Blocks for the cost of a password check.
    pub fn default_user_unchanged(&self) -> bool {
        self.read(|directory| directory.default_user_unchanged(&self.key)).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoys_are_the_same_every_time_and_differ_by_name() {
        let key = Key::new([1; 32]);
        let derive = |name: &str| key.derive(&format!("scram decoy {name}"));
        assert_eq!(derive("ann"), derive("ann"));
        assert_ne!(derive("ann"), derive("bob"));
        assert_ne!(derive("ann"), Key::new([2; 32]).derive("scram decoy ann"));
    }
}
